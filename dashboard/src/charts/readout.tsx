import { useFormat } from '@/format/use-format';
import type { BandOfChart, LineOfChart } from './chart-types';
import { Swatch } from './swatch';
import styles from './time-chart.module.css';

interface Values {
  date: string;
  lines: readonly LineOfChart[];
  bands: readonly BandOfChart[];
  /** Format of the values. */
  show: (value: number) => string;
}

/** Return how many bands of its tone lie where a band does: each is drawn upon the wider ones. */
export function layersOf(bands: readonly BandOfChart[], at: number): number {
  return bands.slice(0, at + 1).filter((each) => each.tone === bands[at]?.tone).length;
}

/** Return what a chart shows, each with its value on a date, or null where it has none. */
function entriesOf({ date, lines, bands, show }: Values) {
  const [units, bound] = [
    (value: number | undefined) => (value === undefined ? null : show(value)),
    (of: ReadonlyMap<string, number>) => show(of.get(date) as number),
  ];
  return [
    ...lines.map(({ id, label, tone, dashed, values }) => ({
      id,
      label,
      swatch: <Swatch tone={tone} dashed={dashed} />,
      value: units(values.get(date)),
    })),
    ...bands.map(({ id, label, tone, lower, upper }, at) => ({
      id,
      label,
      swatch: <Swatch tone={tone} layers={layersOf(bands, at)} />,
      value: lower.has(date) ? `${bound(lower)} – ${bound(upper)}` : null,
    })),
  ];
}

/** Return the values of a date with their names, as they are read. */
export function readingsOf(values: Values): string[] {
  return entriesOf(values)
    .filter(({ value }) => value !== null)
    .map(({ label, value }) => `${label} ${value}`);
}

/** The legend of a chart, with the values at its cursor. */
export function Readout(values: Values) {
  const { weekday } = useFormat();
  return (
    <div className={styles.readout} aria-hidden="true">
      <strong>{weekday(values.date)}</strong>
      {entriesOf(values).map(({ id, label, swatch, value }) => (
        <span key={id} className={styles.entry}>
          {swatch}
          {`${label} ${value ?? '–'}`}
        </span>
      ))}
    </div>
  );
}
