import { type ScaleLinear, type ScaleTime, scaleLinear, scaleUtc } from 'd3-scale';
import { area, curveLinear, line } from 'd3-shape';
import { type ReactNode, useId, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { MILLISECONDS_OF_DAY, timeOf } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { classes } from '@/ui/classes';
import { type Column, DataTable, TableOfChart } from '@/ui/data-table';
import { placeEndLabels, shortened } from './end-labels';
import { Swatch } from './swatch';
import styles from './time-chart.module.css';
import { useWidth } from './use-width';

export type ChartTone =
  | 'actual'
  | 'forecast'
  | 'previous'
  | 'adjusted'
  | 'series1'
  | 'series2'
  | 'series3'
  | 'series4'
  | 'series5'
  | 'series6';

export interface LineOfChart {
  id: string;
  label: string;
  tone: ChartTone;
  dashed?: boolean;
  /** Values by date; a date without one is a gap. */
  values: ReadonlyMap<string, number>;
}

export interface BandOfChart {
  id: string;
  label: string;
  tone: ChartTone;
  lower: ReadonlyMap<string, number>;
  upper: ReadonlyMap<string, number>;
}

interface TimeChartProps {
  /** Name of the chart, also of its table. */
  title: string;
  /** What the chart shows, in a sentence, for who does not see it. */
  summary: string;
  lines: readonly LineOfChart[];
  bands?: readonly BandOfChart[];
  /** Last day whose sales are known: what is right of it lies ahead. */
  origin?: string | undefined;
  /** Day that is read until another is chosen; the one after the origin by default. */
  start?: string | undefined;
  /** Format of the values; units of sales by default. */
  format?: (value: number) => string;
  /** Whether lines have their names at their ends, where there is room. */
  named?: boolean;
  height?: number;
  children?: ReactNode;
}

const MARGIN = { top: 8, right: 12, bottom: 24, left: 52 };
/** Width from which on there is room for names beside the lines, and that of the names. */
const WIDE = 640;
const NAME_WIDTH = 150;
const NAME_LETTERS = 20;

/** Return all dates of a chart in order. */
function datesOf(lines: readonly LineOfChart[], bands: readonly BandOfChart[] = []): string[] {
  const dates = new Set<string>();
  for (const { values } of lines) for (const date of values.keys()) dates.add(date);
  for (const { lower } of bands) for (const date of lower.keys()) dates.add(date);
  return [...dates].sort();
}

function largest(lines: readonly LineOfChart[], bands: readonly BandOfChart[]): number {
  let most = 0;
  for (const { values } of lines) for (const value of values.values()) most = Math.max(most, value);
  for (const { upper } of bands) for (const value of upper.values()) most = Math.max(most, value);
  return most || 1;
}

/**
 * Lines and bands over days, with a cursor and a table.
 *
 * The cursor is a native slider: the keyboard moves it, and a screen reader reads the day's values.
 */
export function TimeChart({
  title,
  summary,
  lines,
  bands = [],
  origin,
  start,
  format,
  named = false,
  height = 300,
  children,
}: TimeChartProps) {
  const { t } = useTranslation();
  const { units, day, weekday, locale } = useFormat();
  const show = format ?? units;
  const figure = useRef<HTMLElement>(null);
  const width = useWidth(figure);
  const right = named && width >= WIDE ? NAME_WIDTH : MARGIN.right;
  const id = useId();
  const dates = useMemo(() => datesOf(lines, bands), [lines, bands]);
  const [chosen, setChosen] = useState<string | null>(null);
  const first = dates.at(0);
  const last = dates.at(-1);
  const x = useMemo(
    () =>
      scaleUtc()
        .domain([timeOf(first ?? '2000-01-01'), timeOf(last ?? '2000-01-02')])
        .range([MARGIN.left, width - right]),
    [first, last, width, right],
  );
  const y = useMemo(
    () =>
      scaleLinear()
        .domain([0, largest(lines, bands)])
        .nice()
        .range([height - MARGIN.bottom, MARGIN.top]),
    [lines, bands, height],
  );
  if (first === undefined || last === undefined) return null;

  const afterOrigin = origin === undefined ? 0 : dates.indexOf(origin) + 1;
  const fallback =
    start !== undefined && dates.includes(start) ? dates.indexOf(start) : afterOrigin;
  const kept = chosen === null ? -1 : dates.indexOf(chosen);
  const at = kept >= 0 ? kept : Math.min(fallback, dates.length - 1);
  const date = dates[at] as string;
  const tickLabel = new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  });
  const axis = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });
  const read = [
    ...lines
      .filter((each) => each.values.has(date))
      .map((each) => ({
        key: each.id,
        swatch: <Swatch tone={each.tone} dashed={each.dashed} />,
        text: `${each.label} ${show(each.values.get(date) as number)}`,
      })),
    ...bands
      .filter((each) => each.lower.has(date))
      .map((each) => ({
        key: each.id,
        swatch: <Swatch tone={each.tone} area />,
        text: `${each.label} ${show(each.lower.get(date) as number)} – ${show(each.upper.get(date) as number)}`,
      })),
  ];

  function chooseNearest(clientX: number, element: SVGSVGElement): void {
    const box = element.getBoundingClientRect();
    const time = x.invert(((clientX - box.left) / box.width) * width).getTime();
    const nearest = dates.reduce((best, each) =>
      Math.abs(timeOf(each) - time) < Math.abs(timeOf(best) - time) ? each : best,
    );
    setChosen(nearest);
  }

  return (
    <figure ref={figure} className={styles.chart} aria-labelledby={`${id}-title`}>
      <figcaption id={`${id}-title`} className="visually-hidden">
        {title}. {summary}
      </figcaption>
      <div className={styles.readout} aria-hidden="true">
        <strong>{weekday(date)}</strong>
        {read.map((entry) => (
          <span key={entry.key} className={styles.entry}>
            {entry.swatch}
            {entry.text}
          </span>
        ))}
      </div>
      <svg
        className={styles.plot}
        viewBox={`0 0 ${width} ${height}`}
        height={height}
        aria-hidden="true"
        onPointerMove={(event) => chooseNearest(event.clientX, event.currentTarget)}
        onPointerDown={(event) => chooseNearest(event.clientX, event.currentTarget)}
      >
        {y.ticks(5).map((value) => (
          <g key={value}>
            <line
              className={styles.grid}
              x1={MARGIN.left}
              x2={width - right}
              y1={y(value)}
              y2={y(value)}
            />
            <text className={styles.tick} x={MARGIN.left - 8} y={y(value) + 4} textAnchor="end">
              {format ? format(value) : axis.format(value)}
            </text>
          </g>
        ))}
        {dayTicks(x, width).map((tick) => (
          <text
            key={tick.getTime()}
            className={styles.tick}
            x={x(tick)}
            y={height - 6}
            textAnchor="middle"
          >
            {tickLabel.format(tick)}
          </text>
        ))}
        {bands.map((band) => (
          <path
            key={band.id}
            className={classes(styles.band, styles[`tone-${band.tone}`])}
            data-label={band.label}
            d={
              area<string>()
                .defined((each) => band.lower.has(each))
                .x((each) => x(timeOf(each)))
                .y0((each) => y(band.lower.get(each) as number))
                .y1((each) => y(band.upper.get(each) as number))
                .curve(curveLinear)(dates) ?? undefined
            }
          />
        ))}
        {origin !== undefined && origin >= first && origin <= last && (
          <line
            className={styles.origin}
            x1={x(timeOf(origin))}
            x2={x(timeOf(origin))}
            y1={MARGIN.top}
            y2={height - MARGIN.bottom}
          />
        )}
        {lines.map((each) => (
          <path
            key={each.id}
            className={classes(
              styles.line,
              each.dashed && styles.dashed,
              styles[`tone-${each.tone}`],
            )}
            data-label={each.label}
            d={
              line<string>()
                .defined((of) => each.values.has(of))
                .x((of) => x(timeOf(of)))
                .y((of) => y(each.values.get(of) as number))(dates) ?? undefined
            }
          />
        ))}
        {right === NAME_WIDTH && <EndNames lines={lines} dates={dates} x={x} y={y} />}
        <g data-screen-only>
          <line
            className={styles.cursor}
            x1={x(timeOf(date))}
            x2={x(timeOf(date))}
            y1={MARGIN.top}
            y2={height - MARGIN.bottom}
          />
          {lines
            .filter((each) => each.values.has(date))
            .map((each) => (
              <circle
                key={each.id}
                className={classes(styles.dot, styles[`tone-${each.tone}`])}
                cx={x(timeOf(date))}
                cy={y(each.values.get(date) as number)}
                r={3.5}
              />
            ))}
        </g>
      </svg>
      <input
        className={classes(styles.slider, 'no-print')}
        type="range"
        min={0}
        max={dates.length - 1}
        value={at}
        style={{
          marginInlineStart: MARGIN.left - 8,
          width: `calc(100% - ${MARGIN.left + right - 24}px)`,
        }}
        aria-label={`${title}: ${t('chart.cursor')}`}
        aria-valuetext={`${day(date)}: ${read.map((entry) => entry.text).join(', ')}`}
        onChange={(event) => setChosen(dates[Number(event.target.value)] ?? null)}
      />
      {children}
      <TableOfChart>
        <DataTable
          caption={title}
          columns={tableColumns(t('chart.date'), day, show, lines, bands)}
          rows={dates}
          keyOf={(each) => each}
        />
      </TableOfChart>
    </figure>
  );
}

/** Return the days that are named below the chart; between two days, time has no name. */
function dayTicks(x: ScaleTime<number, number>, width: number): Date[] {
  const ticks = x.ticks(Math.max(2, Math.floor(width / 110)));
  return ticks.filter((tick) => tick.getTime() % MILLISECONDS_OF_DAY === 0);
}

/** The name of each line beside its end, in its colour. */
function EndNames({
  lines,
  dates,
  x,
  y,
}: {
  lines: readonly LineOfChart[];
  dates: readonly string[];
  x: ScaleTime<number, number>;
  y: ScaleLinear<number, number>;
}) {
  const [bottom = 0, top = 0] = y.range();
  const ends = lines.flatMap(({ id, label, tone, values }) => {
    const date = dates.findLast((each) => values.has(each));
    if (date === undefined) return [];
    const [at, end] = [x(timeOf(date)), y(values.get(date) as number)];
    return [{ id, tone, at, end, text: shortened(label, NAME_LETTERS) }];
  });
  return placeEndLabels(ends, top + 4, bottom).map((name) => (
    <g key={name.id} className={styles[`tone-${name.tone}`]}>
      <path className={styles.leader} d={`M${name.at + 2} ${name.end}L${name.at + 10} ${name.y}`} />
      <text className={styles.end} x={name.at + 14} y={name.y + 4}>
        {name.text}
      </text>
    </g>
  ));
}

function tableColumns(
  dateLabel: string,
  day: (iso: string) => string,
  show: (value: number) => string,
  lines: readonly LineOfChart[],
  bands: readonly BandOfChart[],
): Column<string>[] {
  const shown = (value: number | undefined) => (value === undefined ? '–' : show(value));
  return [
    { id: 'date', label: dateLabel, cell: day },
    ...lines.map((each) => ({
      id: each.id,
      label: each.label,
      numeric: true,
      cell: (date: string) => shown(each.values.get(date)),
    })),
    ...bands.map((each) => ({
      id: each.id,
      label: each.label,
      numeric: true,
      cell: (date: string) =>
        each.lower.has(date)
          ? `${shown(each.lower.get(date))} – ${shown(each.upper.get(date))}`
          : '–',
    })),
  ];
}
