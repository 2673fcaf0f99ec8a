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

/** Return the values of a date with their names, as they are read. */
export function readingsOf({ date, lines, bands, show }: Values) {
  return [
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
}

/** The legend of a chart, with the values at its cursor. */
export function Readout(values: Values) {
  const { weekday } = useFormat();
  return (
    <div className={styles.readout} aria-hidden="true">
      <strong>{weekday(values.date)}</strong>
      {readingsOf(values).map((entry) => (
        <span key={entry.key} className={styles.entry}>
          {entry.swatch}
          {entry.text}
        </span>
      ))}
    </div>
  );
}
