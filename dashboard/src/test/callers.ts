import type { Caller } from '@/session/caller';

/** A caller of the tests, who may do everything without a limit unless they say otherwise. */
export function callerWith(more: Partial<Caller> = {}): Caller {
  return {
    client: 'planner',
    scopes: ['admin', 'batch', 'explain', 'forecast', 'monitor', 'whatif'],
    tier: 'unlimited',
    authentication: 'key',
    limits: null,
    ...more,
  };
}
