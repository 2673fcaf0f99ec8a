import type { WhatIf } from '@/api/queries';

export type Child = WhatIf['children'][number];

/** A row of the table of parts: a node, or the others of its siblings together. */
export interface PartRow {
  id: string;
  /** Node of the row; null where it stands for several. */
  node: string | null;
  level: string;
  /** Number of nodes that the row stands for. */
  count: number;
  depth: number;
  baseline: number;
  scenario: number;
  delta: number;
}

function together(parent: string, nodes: readonly Child[], depth: number): PartRow {
  const sum = (of: (node: Child) => number) => nodes.reduce((total, each) => total + of(each), 0);
  return {
    id: `${parent}/others`,
    node: null,
    level: nodes[0]?.level ?? '',
    count: nodes.length,
    depth,
    baseline: sum((each) => each.baseline),
    scenario: sum((each) => each.scenario),
    delta: sum((each) => each.delta),
  };
}

/**
 * Return the rows of a tree of parts, those that move most first.
 *
 * Of many siblings the others are one row, so that what is seen still adds up.
 *
 * @param most number of siblings that have a row of their own.
 */
export function partRows(
  children: readonly Child[],
  most: number,
  parent = '',
  depth = 0,
): PartRow[] {
  const sorted = [...children].sort((a, b) => Math.abs(b.delta) - Math.abs(a.delta));
  const shown = sorted.length > most + 1 ? sorted.slice(0, most) : sorted;
  const rest = sorted.slice(shown.length);
  const rows = shown.flatMap(({ id, level, baseline, scenario, delta, children: below }) => [
    { id, node: id, level, count: 1, depth, baseline, scenario, delta },
    ...partRows(below, most, id, depth + 1),
  ]);
  return rest.length > 0 ? [...rows, together(parent, rest, depth)] : rows;
}
