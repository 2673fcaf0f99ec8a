import type { Schemas } from './client';

export type Scope = Schemas['Scope'];

const ALL: Record<Scope, true> = {
  forecast: true,
  explain: true,
  whatif: true,
  plan: true,
  report: true,
  batch: true,
  monitor: true,
  admin: true,
};

/** All scopes that a key can have, those of planners first; the type demands that none is missing. */
export const SCOPES = Object.keys(ALL) as Scope[];
