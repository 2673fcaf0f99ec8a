import { classes } from '@/ui/classes';
import type { ChartTone } from './chart-types';
import styles from './time-chart.module.css';

/**
 * A piece of a line or band as the chart draws it, beside its name.
 *
 * @param layers bands that lie upon each other there; 0 for a line.
 */
export function Swatch({
  tone,
  dashed = false,
  layers = 0,
}: {
  tone: ChartTone;
  dashed?: boolean | undefined;
  layers?: number;
}) {
  const look = styles[`tone-${tone}`];
  return (
    <svg className={styles.swatch} viewBox="0 0 26 12" aria-hidden="true">
      {layers === 0 ? (
        <path className={classes(styles.line, dashed && styles.dashed, look)} d="M1 6H25" />
      ) : (
        Array.from({ length: layers }, (_, at) => (
          <path key={at} className={classes(styles.band, look)} d="M0 0H26V12H0Z" />
        ))
      )}
    </svg>
  );
}
