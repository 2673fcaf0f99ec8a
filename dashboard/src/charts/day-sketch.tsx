import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { useRef } from 'react';
import { timeOf } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { timeScale } from './chart-scales';
import styles from './day-sketch.module.css';
import { useWidth } from './use-width';

const HEIGHT = 96;
const MARGIN = { top: 8, right: 12, bottom: 20 };
/** Space beside a marked day, in pixels. */
const BESIDE = 5;

/** A day: what was sold, and what takes its place where that is something else. */
interface SketchedDay {
  date: string;
  units: number | null;
  used: number | null;
}

/**
 * A small picture of some weeks of sales, with a few days marked.
 *
 * It is drawn for the eye alone: a table beside it has the same values.
 */
export function DaySketch({
  days,
  first,
  last,
}: {
  days: readonly SketchedDay[];
  /** First and last of the days to mark. */
  first: string;
  last: string;
}) {
  const { units, day } = useFormat();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 320);
  const [begin, end] = [days.at(0)?.date, days.at(-1)?.date];
  if (begin === undefined || end === undefined) return null;
  const x = timeScale(begin, end, width - MARGIN.right);
  const most = Math.max(1, ...days.flatMap((each) => [each.units ?? 0, each.used ?? 0]));
  const y = scaleLinear([0, most], [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const [left, right] = x.range() as [number, number];
  const path = (value: (day: SketchedDay) => number | null) =>
    line<SketchedDay>()
      .defined((each) => value(each) !== null)
      .x((each) => x(timeOf(each.date)))
      .y((each) => y(value(each) ?? 0))(days as SketchedDay[]) ?? undefined;
  const marked = days.filter(({ date }) => date >= first && date <= last);
  const differs = days.some((each) => each.used !== each.units);
  return (
    <div ref={box}>
      <svg
        className={styles.sketch}
        viewBox={`0 0 ${width} ${HEIGHT}`}
        width="100%"
        height={HEIGHT}
        aria-hidden="true"
      >
        {marked.length > 0 && (
          <rect
            className={styles.marked}
            x={x(timeOf(marked[0]?.date as string)) - BESIDE}
            width={
              x(timeOf(marked.at(-1)?.date as string)) -
              x(timeOf(marked[0]?.date as string)) +
              2 * BESIDE
            }
            y={MARGIN.top - 4}
            height={HEIGHT - MARGIN.bottom - MARGIN.top + 8}
          />
        )}
        {[0, most].map((value) => (
          <g key={value}>
            <line className={styles.axis} x1={left} x2={right} y1={y(value)} y2={y(value)} />
            <text className={styles.tick} x={left - 8} y={y(value) + 4} textAnchor="end">
              {units(value)}
            </text>
          </g>
        ))}
        <text className={styles.tick} x={left} y={HEIGHT - 4}>
          {day(begin)}
        </text>
        <text className={styles.tick} x={right} y={HEIGHT - 4} textAnchor="end">
          {day(end)}
        </text>
        {differs && <path className={styles.used} d={path(({ used }) => used)} />}
        <path className={styles.units} d={path(({ units: sold }) => sold)} />
        {marked.map((each) => (
          <circle
            key={each.date}
            className={styles.dot}
            cx={x(timeOf(each.date))}
            cy={y(each.units ?? 0)}
            r={3}
          />
        ))}
      </svg>
    </div>
  );
}
