import { area, line } from 'd3-shape';
import { memo } from 'react';
import { timeOf } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { classes } from '@/ui/classes';
import { dayTicks, MARGIN, nearestDate, type TimeScale, type ValueScale } from './chart-scales';
import type { BandOfChart, LineOfChart } from './chart-types';
import { EndNames } from './end-names';
import { layersOf } from './readout';
import styles from './time-chart.module.css';

/** Half of the width of a bar, in pixels. */
const BAR = 5;

interface PlotProps {
  dates: readonly string[];
  lines: readonly LineOfChart[];
  bands: readonly BandOfChart[];
  x: TimeScale;
  y: ValueScale;
  width: number;
  height: number;
}

interface DrawingProps extends PlotProps {
  origin: string | undefined;
  format: ((value: number) => string) | undefined;
  /** Whether lines have their names at their ends. */
  named: boolean;
}

/** The drawing of a chart: axes, bands, lines, and the cursor at a date, which a pointer moves. */
export function TimePlot({
  date,
  onChoose,
  ...drawing
}: DrawingProps & {
  /** Date of the cursor. */
  date: string;
  onChoose: (date: string) => void;
}) {
  const { dates, lines, x, y, width, height } = drawing;

  function chooseNearest(clientX: number, element: SVGSVGElement): void {
    const box = element.getBoundingClientRect();
    onChoose(nearestDate(dates, x, ((clientX - box.left) / box.width) * width));
  }

  return (
    <svg
      className={styles.plot}
      viewBox={`0 0 ${width} ${height}`}
      height={height}
      aria-hidden="true"
      onPointerMove={(event) => chooseNearest(event.clientX, event.currentTarget)}
      onPointerDown={(event) => chooseNearest(event.clientX, event.currentTarget)}
    >
      <Drawing {...drawing} />
      <g data-screen-only>
        <Upright className={styles.cursor} at={x(timeOf(date))} height={height} />
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
  );
}

/** What stays as it is while the cursor moves, which is fast only if it is not made anew. */
const Drawing = memo(function Drawing({ origin, format, named, ...plot }: DrawingProps) {
  const { dates, lines, bands, x, y, width, height } = plot;
  const [first = '', last = ''] = [dates.at(0), dates.at(-1)];
  return (
    <>
      <Axes x={x} y={y} width={width} height={height} format={format} />
      {bands.map((band, at) => (
        <path
          key={band.id}
          className={classes(styles.band, styles[`tone-${band.tone}`])}
          data-label={band.label}
          data-layers={layersOf(bands, at)}
          d={areaOf(band, plot)}
        />
      ))}
      {origin !== undefined && origin >= first && origin <= last && (
        <Upright className={styles.origin} at={x(timeOf(origin))} height={height} />
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
          d={pathOf(each, plot)}
        />
      ))}
      {lines.map((each) => (
        <g key={each.id} className={styles[`tone-${each.tone}`]}>
          {aloneOf(dates, each.values).map((of) => (
            <circle
              key={of}
              className={styles.dot}
              cx={x(timeOf(of))}
              cy={y(each.values.get(of) as number)}
              r={4}
            />
          ))}
        </g>
      ))}
      {named && <EndNames lines={lines} dates={dates} x={x} y={y} />}
    </>
  );
});

function Axes({
  x,
  y,
  width,
  height,
  format,
}: Pick<PlotProps, 'x' | 'y' | 'width' | 'height'> & {
  format: ((value: number) => string) | undefined;
}) {
  const { locale } = useFormat();
  const [left, right] = x.range() as [number, number];
  const tickLabel = new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  });
  const axis = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });
  return (
    <>
      {y.ticks(5).map((value) => (
        <g key={value}>
          <line className={styles.grid} x1={left} x2={right} y1={y(value)} y2={y(value)} />
          <text className={styles.tick} x={left - 8} y={y(value) + 4} textAnchor="end">
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
    </>
  );
}

/** A line from the bottom to the top. */
function Upright({
  className,
  at,
  height,
}: {
  className: string | undefined;
  at: number;
  height: number;
}) {
  return <line className={className} x1={at} x2={at} y1={MARGIN.top} y2={height - MARGIN.bottom} />;
}

/** Return the dates that have a value while those beside them have none: no line joins them. */
function aloneOf(dates: readonly string[], values: ReadonlyMap<string, number>): string[] {
  const has = (at: number) => values.has(dates[at] ?? '');
  return dates.filter((_, at) => has(at) && !has(at - 1) && !has(at + 1));
}

/** Return the outline of a band; of a date alone, which has no width, a bar. */
function areaOf({ lower, upper }: BandOfChart, { dates, x, y }: PlotProps): string {
  const draw = area<string>()
    .defined((each) => lower.has(each))
    .x((each) => x(timeOf(each)))
    .y0((each) => y(lower.get(each) as number))
    .y1((each) => y(upper.get(each) as number));
  const bars = aloneOf(dates, lower).map((each) => {
    const [at, low, high] = [x(timeOf(each)), lower.get(each), upper.get(each)];
    return `M${at - BAR} ${y(low as number)}H${at + BAR}V${y(high as number)}H${at - BAR}Z`;
  });
  return `${draw(dates as string[]) ?? ''}${bars.join('')}`;
}

function pathOf({ values }: LineOfChart, { dates, x, y }: PlotProps): string | undefined {
  const draw = line<string>()
    .defined((each) => values.has(each))
    .x((each) => x(timeOf(each)))
    .y((each) => y(values.get(each) as number));
  return draw(dates as string[]) ?? undefined;
}
