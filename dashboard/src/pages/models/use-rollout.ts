import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, content, type Schemas } from '@/api/client';

export type Rollout = Schemas['RolloutAnswer'];
export type Report = Schemas['TrialReportAnswer'];

const ROLLOUT = ['admin', 'rollout'];
const TRIAL_MILLISECONDS = 3_000;
const FAILED_MILLISECONDS = 15_000;

/** The trial of a model, if there is one; while it lasts, it is read every few seconds. */
export function useRollout() {
  return useQuery({
    queryKey: ROLLOUT,
    queryFn: async ({ signal }) =>
      (await content<Schemas['RolloutStateAnswer']>(api.GET('/admin/rollout', { signal }))).rollout,
    refetchInterval: ({ state }) => {
      if (!state.data) return false;
      return state.error ? FAILED_MILLISECONDS : TRIAL_MILLISECONDS;
    },
    refetchOnWindowFocus: true, // another administrator may have begun one meanwhile
  });
}

/**
 * The bundle of a trial that has ended while the page was open, and the function that forgets it.
 *
 * @param rollout undefined until it is known.
 */
export function useEndedTrial(rollout: Rollout | null | undefined): {
  ended: string | null;
  forget: () => void;
} {
  const [last, setLast] = useState<string | null>(null);
  const [ended, setEnded] = useState<string | null>(null);
  const current = rollout === undefined ? last : (rollout?.bundle ?? null);
  if (current !== last) {
    setLast(current);
    setEnded(last);
  }
  return { ended, forget: () => setEnded(null) };
}

/** Ways to try a model: `plan` and `share` are those of a canary. */
export const WAYS = ['shadow', 'plan', 'share'] as const;
export type Way = (typeof WAYS)[number];

export interface Trial {
  bundle: string;
  way: Way;
  /** Of the callers, from 0 to 1; used by the way `share` alone. */
  share: number | null;
  reason: string;
  force: boolean;
}

/** Begin the trial of a model, or change its way. */
export function useTryModel() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ bundle, way, share, reason, force }: Trial): Promise<Rollout> => {
      const params = { path: { bundle } };
      if (way === 'shadow') {
        const body = { reason, force };
        return content(api.POST('/admin/models/{bundle}/shadow', { params, body }));
      }
      const body = { reason, force, ...(way === 'share' && share !== null ? { share } : {}) };
      return content(api.POST('/admin/models/{bundle}/canary', { params, body }));
    },
    onSuccess: (rollout) => {
      // so that the trial of before is not taken for its end if it cannot be read again
      queries.setQueryData(ROLLOUT, rollout);
      return queries.invalidateQueries({ queryKey: ['admin'] });
    },
  });
}
