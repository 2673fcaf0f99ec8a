import type { Meta } from '@/api/queries';

/** What tests know of a retailer with two levels between the total and its series. */
export const META = {
  series: { store_nbr: ['1', '2', '10'], family: ['DAIRY', 'LIQUOR,WINE,BEER', 'PRODUCE'] },
  attributes: {},
  hierarchy: [
    { name: 'total', columns: [], nodes: 1 },
    { name: 'store', columns: ['store_nbr'], nodes: 3 },
    { name: 'family', columns: ['family'], nodes: 3 },
    { name: 'bottom', columns: ['store_nbr', 'family'], nodes: 9 },
  ],
  covariates: [],
  stores: [],
  families: [],
  levels: {},
  data: { first: '2021-01-01', last: '2024-06-30', promotions_known_through: '2024-07-16' },
  forecast: { first: '2021-02-26', last: '2024-09-28' },
  step: 'day',
  max_horizon: 90,
  horizons: [15, 30, 60, 90],
  intervals: [50, 99],
  features: [],
  model_version: 'model-a',
  model_trained_through: '2024-06-30',
  snapshot: { origin: '2024-06-30', digest: 'digest-a' },
} as unknown as Meta;
