import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { useRef } from 'react';
import { useFormat } from '@/format/use-format';
import styles from './category-chart.module.css';
import { shortened } from './end-labels';
import { useWidth } from './use-width';

const HEIGHT = 180;
const MARGIN = { top: 18, right: 24, bottom: 22, left: 40 };
const MARK = 4;
/** Width of a letter of a category's name, and the space between two names. */
const LETTER = 7;
const SPACE = 4;
/** Distance of marks that stand beside each other. */
const BESIDE = 12;

/** Shape of the marks of a subject. */
export type Shape = 'circle' | 'square' | 'triangle';

/** Shares by category; null where there is none. */
export interface Subject {
  id: string;
  label: string;
  shape: Shape;
  values: readonly (number | null)[];
}

/** Return the end of a scale of shares that holds all of some subjects. */
export function largestShare(subjects: readonly Subject[]): number {
  return Math.max(0.01, ...subjects.flatMap(({ values }) => values.map((value) => value ?? 0)));
}

/**
 * Shares of a few subjects by category: marks, joined to lines where the categories have an order.
 *
 * It is drawn for the eye alone: a table beside it has the same values.
 *
 * @param most end of the scale, for charts that share one; by default that of the subjects.
 */
export function CategoryChart({
  categories,
  subjects,
  most = largestShare(subjects),
  joined = true,
}: {
  categories: readonly string[];
  subjects: readonly Subject[];
  most?: number;
  joined?: boolean;
}) {
  const { locale } = useFormat();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 320);
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
  const y = scaleLinear([0, most], [HEIGHT - MARGIN.bottom, MARGIN.top]).nice(4);
  const room = width - MARGIN.left - MARGIN.right;
  // marks alone stand in the middle of their category, whose name has room on both sides
  const step = joined ? room / Math.max(1, categories.length - 1) : room / categories.length;
  const x = (at: number) => MARGIN.left + (joined ? at : at + 0.5) * step;
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
        {categories.map((category, at) => (
          <text key={category} className={styles.tick} x={x(at)} y={HEIGHT - 4} textAnchor="middle">
            {shortened(category, Math.max(3, Math.floor((step - SPACE) / LETTER)))}
          </text>
        ))}
        {/* the first one is drawn upon the others */}
        {[...subjects.entries()].reverse().map(([number, { id, shape, values }]) => {
          const shift = joined ? 0 : (number - (subjects.length - 1) / 2) * BESIDE;
          const points = values.flatMap((value, at): [number, number][] =>
            value === null ? [] : [[x(at) + shift, y(value)]],
          );
          return (
            <g key={id} className={styles[shape]}>
              {joined && <path className={styles.line} d={line()(points) ?? undefined} />}
              {points.map(([left, top]) => (
                <Mark key={left} shape={shape} x={left} y={top} />
              ))}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

/** The names of subjects beside their marks. */
export function CategoryLegend({ subjects }: { subjects: readonly Omit<Subject, 'values'>[] }) {
  return (
    <ul className={styles.legend}>
      {subjects.map(({ id, label, shape }) => (
        <li key={id} className={styles[shape]}>
          <svg width="14" height="14" aria-hidden="true">
            <Mark shape={shape} x={7} y={7} />
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}

/** A mark whose shape names its subject, for who does not tell the colours apart. */
function Mark({ shape, x, y }: { shape: Shape; x: number; y: number }) {
  if (shape === 'circle') return <circle className={styles.mark} cx={x} cy={y} r={MARK + 0.5} />;
  if (shape === 'square') {
    return (
      <rect className={styles.mark} x={x - MARK} y={y - MARK} width={2 * MARK} height={2 * MARK} />
    );
  }
  const points = `${x},${y - MARK - 1} ${x + MARK + 1},${y + MARK} ${x - MARK - 1},${y + MARK}`;
  return <polygon className={styles.mark} points={points} />;
}
