import type { TreeNode } from '@/api/queries';

export type SortKey = 'name' | 'forecast' | 'change' | 'units';

export interface Sort {
  by: SortKey;
  descending: boolean;
}

/** What is known of the nodes below an opened one. */
export interface Branch {
  node: TreeNode | undefined;
  error: Error | null;
  retry: () => void;
}

export interface NodeRow {
  kind: 'node';
  node: TreeNode;
  parent: TreeNode | null;
  depth: number;
  open: boolean;
}

/** The sum of all nodes below an opened one, also of those that the search hides. */
export interface SumRow {
  kind: 'sum';
  parent: TreeNode;
  depth: number;
  count: number;
  shown: number;
  units: number;
  /** Null where the sales of a node are not known. */
  previous: number | null;
}

export interface WaitingRow {
  kind: 'waiting';
  parent: TreeNode;
  depth: number;
  error: Error | null;
  retry: () => void;
}

export type Row = NodeRow | SumRow | WaitingRow;

interface Listing {
  branches: ReadonlyMap<string, Branch>;
  sort: Sort;
  label: (node: TreeNode, parent: TreeNode | null) => string;
  /** Words that a node's name has to hold, in lower case. */
  words: readonly string[];
}

/** Return the sum of values, or null where one is not known. */
function sumOrNull(values: readonly (number | null)[]): number | null {
  return values.some((each) => each === null)
    ? null
    : values.reduce<number>((sum, each) => sum + (each as number), 0);
}

/** Return by how many units a forecast is above what was sold before; null where not known. */
export function changeOf({
  prediction,
  previous,
}: Pick<TreeNode, 'prediction' | 'previous'>): number | null {
  return previous === null ? null : prediction - previous;
}

/** Return whether two sums are the same but for the rounding of floating point. */
export function addsUp(sum: number, whole: number): boolean {
  return Math.abs(sum - whole) <= 1e-6 * Math.max(1, Math.abs(whole));
}

function compare(listing: Listing, parent: TreeNode): (a: TreeNode, b: TreeNode) => number {
  const { by, descending } = listing.sort;
  const sign = descending ? -1 : 1;
  const names = new Intl.Collator(undefined, { numeric: true });
  return (a, b) => {
    if (by === 'name') {
      return sign * names.compare(listing.label(a, parent), listing.label(b, parent));
    }
    if (by === 'forecast') return sign * (a.prediction - b.prediction);
    const [first, second] = by === 'change' ? [a.trend, b.trend] : [changeOf(a), changeOf(b)];
    if (first === null || second === null) return Number(first === null) - Number(second === null);
    return sign * (first - second);
  };
}

/**
 * Return the rows of a tree in order: a node, then what is below it where it is open, then its sum.
 *
 * A search keeps the nodes that match, what is below them, and what leads to them.
 */
export function rowsOf(root: TreeNode, listing: Listing): Row[] {
  return rowsBelow({ node: root, parent: null, depth: 0, matched: listing.words.length === 0 });

  function rowsBelow(place: {
    node: TreeNode;
    parent: TreeNode | null;
    depth: number;
    matched: boolean;
  }): Row[] {
    const { node, parent, depth } = place;
    const branch = listing.branches.get(node.id);
    const name = listing.label(node, parent).toLocaleLowerCase();
    const matched =
      place.matched || (parent !== null && listing.words.every((word) => name.includes(word)));
    const own: NodeRow = { kind: 'node', node, parent, depth, open: branch !== undefined };
    if (branch === undefined) return matched ? [own] : [];
    if (branch.node === undefined) {
      const { error, retry } = branch;
      return [own, { kind: 'waiting', parent: node, depth: depth + 1, error, retry }];
    }
    const children = branch.node.children;
    const below = children
      .toSorted(compare(listing, node))
      .map((child) => rowsBelow({ node: child, parent: node, depth: depth + 1, matched }))
      .filter((rows) => rows.length > 0);
    if (!matched && below.length === 0 && parent !== null) return [];
    if (children.length === 0) return [own];
    const sum: SumRow = {
      kind: 'sum',
      parent: node,
      depth: depth + 1,
      count: children.length,
      shown: below.length,
      units: children.reduce((total, child) => total + child.prediction, 0),
      previous: sumOrNull(children.map((child) => child.previous)),
    };
    return [own, ...below.flat(), sum];
  }
}
