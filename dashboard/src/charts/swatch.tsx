import { classes } from '@/ui/classes';
import type { ChartTone } from './chart-types';
import styles from './time-chart.module.css';

/** A piece of a line or band as the chart draws it, beside its name. */
export function Swatch({
  tone,
  dashed = false,
  area = false,
}: {
  tone: ChartTone;
  dashed?: boolean | undefined;
  area?: boolean;
}) {
  const className = classes(
    area ? styles.band : styles.line,
    dashed && styles.dashed,
    styles[`tone-${tone}`],
  );
  return (
    <svg className={styles.swatch} viewBox="0 0 26 12" aria-hidden="true">
      <path className={className} d={area ? 'M0 0H26V12H0Z' : 'M1 6H25'} />
    </svg>
  );
}
