import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, content, type Schemas } from '@/api/client';
import { type Caller, useCaller } from '@/session/caller';
import { countsOf } from './metrics';

export type Job = Schemas['ReloadAnswer'];

export const REFRESH_MILLISECONDS = 15_000;
const JOB_MILLISECONDS = 2_000;

/** Share of the caller's allowance that refreshing may take without being asked. */
const MOST_SHARE = 0.1;
const CALLS_OF_REFRESH = 3;

/** Return whether refreshing by itself leaves the caller nearly all of what it may spend. */
export function canAfford(limits: Caller['limits']): boolean {
  if (limits === null) return true;
  const allowed = (limits.quota / limits.window) * (REFRESH_MILLISECONDS / 1000);
  return CALLS_OF_REFRESH <= allowed * MOST_SHARE;
}

/**
 * Whether the page refreshes by itself, and the function that changes it.
 *
 * Each refresh is charged to the caller, so a small allowance begins paused.
 */
export function useRefreshing() {
  const { caller } = useCaller();
  const [chosen, setChosen] = useState<boolean | null>(null);
  const affordable = caller !== undefined && canAfford(caller.limits);
  const refreshing = chosen ?? affordable;
  return {
    refreshing,
    interval: refreshing ? REFRESH_MILLISECONDS : (false as const),
    pausedForLimit: chosen === null && caller !== undefined && !affordable,
    setRefreshing: setChosen,
  };
}

export function useCounts(enabled: boolean, refetchInterval: number | false) {
  return useQuery({
    queryKey: ['metrics'],
    queryFn: async ({ signal }) =>
      countsOf(await content<string>(api.GET('/metrics', { signal, parseAs: 'text' }))),
    enabled,
    refetchInterval,
  });
}

function isUnderWay(job: Job): boolean {
  return job.state === 'queued' || job.state === 'running';
}

/** The newest reloads; while one is under way they are read often. */
export function useJobs(enabled: boolean, refetchInterval: number | false) {
  return useQuery({
    queryKey: ['admin', 'reloads'],
    queryFn: async ({ signal }) =>
      (await content<Schemas['ReloadsAnswer']>(api.GET('/admin/reload-features', { signal }))).jobs,
    enabled,
    retry: false, // a server that reads no tables says so with a 503
    refetchInterval: ({ state }) => {
      if (state.error) return false; // asked again, it would only count as one more failure
      return state.data?.some(isUnderWay) ? JOB_MILLISECONDS : refetchInterval;
    },
  });
}

export function useStartReload() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas['ReloadRequest']) =>
      content<Job>(api.POST('/admin/reload-features', { body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['admin'] }),
  });
}
