import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { useRef } from 'react';
import { useWidth } from '@/charts/use-width';
import { useFormat } from '@/format/use-format';
import { type Cell, RULES, readableRange } from './level-accuracy';
import styles from './quality.module.css';

const HEIGHT = 180;
const MARGIN = { top: 18, right: 24, bottom: 22, left: 40 };
const MARK = 4;

export type Subject = 'forecast' | (typeof RULES)[number];

/** Return the error of a forecast or of a rule, where it was measured. */
function errorOf(cell: Cell, subject: Subject): number | null {
  return subject === 'forecast' ? cell.wape : (cell.baselines[subject] ?? null);
}

/** Return the largest error of cells, for a scale that several charts share. */
export function largestError(cells: readonly Cell[]): number {
  const errors = cells.flatMap((cell) =>
    (['forecast', ...RULES] as const).map((subject) => errorOf(cell, subject) ?? 0),
  );
  return Math.max(0.01, ...errors);
}

/** Errors of a level by the days ahead, beside those of simple rules. */
export function ErrorChart({ cells, most }: { cells: readonly Cell[]; most: number }) {
  const { locale } = useFormat();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 320);
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
  const y = scaleLinear([0, most], [HEIGHT - MARGIN.bottom, MARGIN.top]).nice(4);
  const step = (width - MARGIN.left - MARGIN.right) / Math.max(1, cells.length - 1);
  const x = (at: number) => MARGIN.left + at * step;
  return (
    <div ref={box}>
      <svg
        viewBox={`0 0 ${width} ${HEIGHT}`}
        width="100%"
        height={HEIGHT}
        aria-hidden="true"
        className={styles.chart}
      >
        {y.ticks(4).map((value) => (
          <g key={value}>
            <line
              className={styles.grid}
              x1={MARGIN.left - 8}
              x2={width - 4}
              y1={y(value)}
              y2={y(value)}
            />
            <text className={styles.tick} x={MARGIN.left - 12} y={y(value) + 4} textAnchor="end">
              {percent.format(value)}
            </text>
          </g>
        ))}
        {cells.map((cell, at) => (
          <text
            key={cell.days}
            className={styles.tick}
            x={x(at)}
            y={HEIGHT - 4}
            textAnchor="middle"
          >
            {readableRange(cell.days)}
          </text>
        ))}
        {([...RULES, 'forecast'] as const).map((subject) => {
          const points = cells.flatMap((cell, at): [number, number][] => {
            const error = errorOf(cell, subject);
            return error === null ? [] : [[x(at), y(error)]];
          });
          return (
            <g key={subject} className={styles[subject]}>
              <path className={styles.line} d={line()(points) ?? undefined} />
              {points.map(([left, top]) => (
                <Mark key={left} subject={subject} x={left} y={top} />
              ))}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

/** A mark whose shape names its subject, for who does not tell the colours apart. */
export function Mark({ subject, x, y }: { subject: Subject; x: number; y: number }) {
  if (subject === 'forecast')
    return <circle className={styles.mark} cx={x} cy={y} r={MARK + 0.5} />;
  if (subject === 'seasonal_naive') {
    return (
      <rect className={styles.mark} x={x - MARK} y={y - MARK} width={2 * MARK} height={2 * MARK} />
    );
  }
  const points = `${x},${y - MARK - 1} ${x + MARK + 1},${y + MARK} ${x - MARK - 1},${y + MARK}`;
  return <polygon className={styles.mark} points={points} />;
}
