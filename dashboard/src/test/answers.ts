import type { ProblemAnswer } from '@/api/problems';
import type { Meta, TreeNode } from '@/api/queries';

/** Answers of the API for tests: of a retailer with two stores and two families. */
export const META: Meta = {
  series: { store_nbr: ['1', '2'], family: ['BREAD', 'DAIRY'] },
  attributes: {},
  hierarchy: [
    { name: 'total', columns: [], nodes: 1 },
    { name: 'store', columns: ['store_nbr'], nodes: 2 },
    { name: 'family', columns: ['family'], nodes: 2 },
    { name: 'bottom', columns: ['store_nbr', 'family'], nodes: 4 },
  ],
  covariates: [
    { name: 'onpromotion', kind: 'count', known_ahead: true, by: ['store_nbr', 'family'] },
  ],
  stores: [],
  families: ['BREAD', 'DAIRY'],
  levels: { total: 1, store: 2, family: 2, bottom: 4 },
  data: { first: '2021-01-01', last: '2024-06-30', promotions_known_through: '2024-07-16' },
  forecast: { first: '2021-02-26', last: '2024-09-28' },
  step: 'day',
  max_horizon: 90,
  horizons: [15, 30, 60, 90],
  intervals: [50, 99],
  features: [],
  model_version: '2024-06-30-0123456789abcdef',
  model_trained_through: '2024-06-30',
  snapshot: { origin: '2024-06-30', digest: 'fedcba9876543210' },
};

export function treeNode(
  id: string,
  level: string,
  prediction: number,
  children: TreeNode[] = [],
): TreeNode {
  const name = id.split(':').at(-1) ?? id;
  return {
    id,
    name,
    level,
    prediction,
    previous: null,
    statistical: null,
    trend: null,
    intervals: [],
    children,
  };
}

export function treeAnswer(tree: TreeNode, by: string) {
  return {
    date: '2024-07-01',
    horizon: 1,
    previous_date: null,
    by,
    origin: '2024-06-30',
    tree,
    model_version: META.model_version,
    snapshot: META.snapshot,
    degraded: false,
  };
}

const STORES = ['1', '2'].map((store) =>
  treeNode(
    `store:${store}`,
    'store',
    20,
    ['BREAD', 'DAIRY'].map((family) => treeNode(`store:${store}/family:${family}`, 'bottom', 10)),
  ),
);
export const TREE_BY_STORE = treeAnswer(treeNode('total', 'total', 40, STORES), 'store');
export const TREE_BY_FAMILY = treeAnswer(
  treeNode('total', 'total', 40, [
    treeNode('family:BREAD', 'family', 20),
    treeNode('family:DAIRY', 'family', 20),
  ]),
  'family',
);

export function problem(status: number, code: string, detail: string): ProblemAnswer {
  return {
    type: `/docs/errors#${code.toLowerCase().replaceAll('_', '-')}`,
    title: code,
    status,
    detail,
    instance: '/forecast',
    code,
    error: detail,
    request_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    errors: [],
  };
}
