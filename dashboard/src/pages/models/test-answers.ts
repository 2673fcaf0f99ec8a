import type { Model, ModelHistory, Verdict } from './use-models';
import type { Rollout } from './use-rollout';

type Figure = NonNullable<Verdict['levels']>[string]['figures'][string];

export function modelOf(more: Partial<Model>): Model {
  return {
    bundle: '2026-04-01-b',
    snapshot: '2026-04-03-s',
    state: 'active',
    changed: '2026-04-01T03:00:00+00:00',
    by: 'cli:anna',
    reason: 'half the bias',
    activated: '2026-04-01T03:00:00+00:00',
    trained_through: '2026-04-01',
    demo: false,
    exists: true,
    ...more,
  };
}

export function historyOf(model: Model, more: Partial<ModelHistory> = {}): ModelHistory {
  return { ...model, changes: [], verdict: null, ...more };
}

/** Return a verdict without figures unless `more` has them. */
export function verdictOf(more: Partial<Verdict> = {}): Verdict {
  return {
    champion: '2026-04-01-b',
    outcome: 'better',
    why: 'errors are lower',
    origins: null,
    change: null,
    low: null,
    high: null,
    faults: null,
    levels: null,
    served: null,
    ...more,
  };
}

export function figureOf(champion: number, challenger: number): Figure {
  return { champion, challenger, change: -0.1, low: -0.15, high: -0.05, least: -0.2 };
}

/** Return a shadow that was not compared yet unless `more` says otherwise. */
export function rolloutOf(more: Partial<Rollout> = {}): Rollout {
  return {
    bundle: '2026-05-01-c',
    stage: 'shadow',
    share: 0,
    automatic: false,
    started_at: '2026-05-02T08:00:00+00:00',
    step_at: '2026-05-02T08:00:00+00:00',
    memory_bytes: 49_000_000,
    report: null,
    roles: [
      { role: 'active', answers: 120, failures: 1, moved: null },
      { role: 'canary', answers: 0, failures: 0, moved: null },
      { role: 'shadow', answers: 12, failures: 0, moved: 0.034 },
    ],
    at_share: 0,
    slower: null,
    worse: null,
    ...more,
  };
}
