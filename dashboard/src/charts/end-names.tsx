import type { ScaleLinear, ScaleTime } from 'd3-scale';
import { timeOf } from '@/format/dates';
import type { LineOfChart } from './chart-types';
import { placeEndLabels, shortened } from './end-labels';
import styles from './time-chart.module.css';

const NAME_LETTERS = 20;

/** The name of each line beside its end, in its colour. */
export function EndNames({
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
