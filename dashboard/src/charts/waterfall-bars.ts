/** A part of a step, such as one feature of a group. */
export interface WaterfallPart {
  id: string;
  label: string;
  detail?: string;
  /** What the part stands for on this day, with its unit. */
  value?: string;
  units: number;
}

/** What stands behind a step and has no units of its own, such as a value on two days. */
export interface WaterfallFact {
  id: string;
  label: string;
  detail: string;
  value: string;
}

/** A bar of a waterfall: `start` and `end` stand on zero, a `change` on the end of the one before. */
export interface WaterfallStep extends WaterfallPart {
  kind: 'start' | 'change' | 'end';
  parts?: readonly WaterfallPart[];
  facts?: readonly WaterfallFact[];
}

/** Where a bar begins and ends, in units. */
export interface Span {
  from: number;
  to: number;
}

/** Return where each change begins and ends, the first at a value. */
export function spansFrom(value: number, changes: readonly { units: number }[]): Span[] {
  let sum = value;
  return changes.map(({ units }) => {
    const from = sum;
    sum += units;
    return { from, to: sum };
  });
}

/** Return where each step's bar begins and ends. */
export function spansOf(steps: readonly WaterfallStep[]): Span[] {
  let sum = 0;
  return steps.map(({ kind, units }) => {
    const from = kind === 'change' ? sum : 0;
    sum = from + units;
    return { from, to: sum };
  });
}

/**
 * Return the lowest and the highest number of units that the axis must show.
 *
 * @param changes whether only the changes matter: then the axis need not reach to zero.
 */
export function axisOf(spans: readonly Span[], changes = false): [number, number] {
  const ends = spans.flatMap(({ from, to }) => (changes ? [to] : [from, to]));
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (changes && high > low) return [low, high];
  return [Math.min(0, low), Math.max(0, high) || 1];
}

/**
 * Return the largest parts as they are, and the others as one, so that they add up to the same.
 *
 * @param most number of parts that are shown; one more is left out only if there are two of them.
 */
export function largestParts(
  parts: readonly WaterfallPart[],
  most: number,
): { shown: readonly WaterfallPart[]; rest: readonly WaterfallPart[] } {
  if (parts.length <= most + 1) return { shown: parts, rest: [] };
  const sorted = [...parts].sort((a, b) => Math.abs(b.units) - Math.abs(a.units));
  return { shown: sorted.slice(0, most), rest: sorted.slice(most) };
}

/** Return the sum of the units of parts. */
export function sumOf(parts: readonly { units: number }[]): number {
  return parts.reduce((sum, each) => sum + each.units, 0);
}
