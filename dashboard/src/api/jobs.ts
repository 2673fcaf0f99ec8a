import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { api, content, type Schemas } from './client';

export type Job = Schemas['JobAnswer'];
export type Jobs = Schemas['JobsAnswer'];
export type Runner = Schemas['RunnerAnswer'];

export const JOBS = ['admin', 'jobs'];

/** Between two looks at a job that is under way, and at a runner that is missing. */
const BUSY_MILLISECONDS = 2_000;
const WAITING_MILLISECONDS = 5_000;
const FAILING_MILLISECONDS = 15_000;

export function isUnderWay(job: Job): boolean {
  return job.state === 'queued' || job.state === 'running';
}

/**
 * The newest jobs, and the runner that executes them.
 *
 * They are read often while one is under way, and rarely where the server does not answer: a call
 * that fails is one more failure in its figures.
 */
export function useJobs() {
  const query = useQuery({
    queryKey: JOBS,
    queryFn: ({ signal }) => content<Jobs>(api.GET('/admin/jobs', { signal })),
    staleTime: 0,
    refetchOnWindowFocus: true,
    refetchInterval: ({ state }) => {
      if (state.error) return FAILING_MILLISECONDS;
      if (state.data?.jobs.some(isUnderWay)) return BUSY_MILLISECONDS;
      return state.data && !state.data.runner?.alive ? WAITING_MILLISECONDS : false;
    },
  });
  useRefreshAfterEnd(query.data?.jobs);
  return query;
}

/** What a comparison of forecasts with the sales has changed. */
const MEASURED = ['accuracy', 'drift', 'outliers'];

/** Read again what the end of a job has changed: sources, models, and maybe every forecast. */
function useRefreshAfterEnd(jobs: readonly Job[] | undefined): void {
  const queries = useQueryClient();
  const pending = useRef(new Set<string>());
  useEffect(() => {
    const ended = (jobs ?? []).filter((job) => pending.current.has(job.id) && !isUnderWay(job));
    pending.current = new Set((jobs ?? []).filter(isUnderWay).map(({ id }) => id));
    if (ended.length === 0) return;
    const serves = ended.some(({ kind, result }) => result?.served || kind === 'reload');
    const measured = ended.some(({ kind }) => kind === 'scoring');
    const stale = ({ queryKey: [name, part] }: { queryKey: readonly unknown[] }) =>
      part !== 'jobs' &&
      (serves || name === 'admin' || (measured && MEASURED.includes(name as string)));
    void queries.invalidateQueries({ predicate: stale });
  }, [jobs, queries]);
}
