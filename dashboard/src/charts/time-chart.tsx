import { type ReactNode, useId, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { classes } from '@/ui/classes';
import { datesOf, MARGIN, timeScale, valueScale } from './chart-scales';
import { ChartTable } from './chart-table';
import type { BandOfChart, LineOfChart } from './chart-types';
import { Readout, readingsOf } from './readout';
import styles from './time-chart.module.css';
import { TimePlot } from './time-plot';
import { useWidth } from './use-width';

export type { BandOfChart, ChartTone, LineOfChart } from './chart-types';

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
  /** Where the values of the scale begin; at 0 by default. */
  least?: number;
  height?: number;
  children?: ReactNode;
}

/** Width from which on there is room for names beside the lines, and that of the names. */
const WIDE = 640;
const NAME_WIDTH = 150;

/** Always the same, so that nothing is drawn anew for want of bands. */
const NO_BANDS: readonly BandOfChart[] = [];

/**
 * Lines and bands over days, with a cursor and a table.
 *
 * The cursor is a native slider: the keyboard moves it, and a screen reader reads the day's values.
 */
export function TimeChart({
  title,
  summary,
  lines,
  bands = NO_BANDS,
  origin,
  start,
  format,
  named = false,
  least = 0,
  height = 300,
  children,
}: TimeChartProps) {
  const { t } = useTranslation();
  const { units, day } = useFormat();
  const show = format ?? units;
  const figure = useRef<HTMLElement>(null);
  const width = useWidth(figure);
  const hasNames = named && width >= WIDE;
  const right = hasNames ? NAME_WIDTH : MARGIN.right;
  const id = useId();
  const dates = useMemo(() => datesOf(lines, bands), [lines, bands]);
  const [chosen, setChosen] = useState<string | null>(null);
  const [first = '2000-01-01', last = '2000-01-02'] = [dates.at(0), dates.at(-1)];
  const x = useMemo(() => timeScale(first, last, width - right), [first, last, width, right]);
  const y = useMemo(() => valueScale(lines, bands, height, least), [lines, bands, height, least]);
  if (dates.length === 0) return null;

  const afterOrigin = origin === undefined ? 0 : dates.indexOf(origin) + 1;
  const fallback =
    start !== undefined && dates.includes(start) ? dates.indexOf(start) : afterOrigin;
  const kept = chosen === null ? -1 : dates.indexOf(chosen);
  const at = kept >= 0 ? kept : Math.min(fallback, dates.length - 1);
  const date = dates[at] as string;
  const values = { date, lines, bands, show };
  const read = readingsOf(values);

  return (
    <figure ref={figure} className={styles.chart} aria-labelledby={`${id}-title`}>
      <figcaption id={`${id}-title`} className="visually-hidden">
        {title}. {summary}
      </figcaption>
      <Readout {...values} />
      <TimePlot
        {...{ dates, lines, bands, x, y, width, height, origin, date, format }}
        named={hasNames}
        onChoose={setChosen}
      />
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
        aria-valuetext={`${day(date)}: ${read.join(', ')}`}
        onChange={(event) => setChosen(dates[Number(event.target.value)] ?? null)}
      />
      {children}
      <ChartTable title={title} dates={dates} lines={lines} bands={bands} show={show} />
    </figure>
  );
}
