import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { api, content, type Schemas } from '@/api/client';

export type Job = Schemas['JobAnswer'];
export type Jobs = Schemas['JobsAnswer'];
export type Runner = Schemas['RunnerAnswer'];
export type Source = Schemas['SourceAnswer'];
export type Sources = Schemas['SourcesAnswer'];
export type Tables = Schemas['TablesAnswer'];
export type Findings = Schemas['FindingsAnswer'];
export type TrainingRequest = Schemas['TrainingPayload'];
export type Layout = Required<Pick<TrainingRequest, 'delimiter' | 'decimal' | 'dates'>>;

const JOBS = ['admin', 'jobs'];
export const SOURCES = ['admin', 'data'];

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

/** Read again what the end of a job has changed: sources, models, and maybe every forecast. */
function useRefreshAfterEnd(jobs: readonly Job[] | undefined): void {
  const queries = useQueryClient();
  const pending = useRef(new Set<string>());
  useEffect(() => {
    const ended = (jobs ?? []).filter((job) => pending.current.has(job.id) && !isUnderWay(job));
    pending.current = new Set((jobs ?? []).filter(isUnderWay).map(({ id }) => id));
    if (ended.length === 0) return;
    const serves = ended.some(({ kind, result }) => result?.served || kind === 'reload');
    const stale = ({ queryKey }: { queryKey: readonly unknown[] }) =>
      queryKey[1] !== 'jobs' && (serves || queryKey[0] === 'admin');
    void queries.invalidateQueries({ predicate: stale });
  }, [jobs, queries]);
}

export function useSources(enabled: boolean) {
  return useQuery({
    queryKey: SOURCES,
    queryFn: ({ signal }) => content<Sources>(api.GET('/admin/data', { signal })),
    enabled,
    retry: false,
  });
}

/** The end of what the process of a job has written. */
export function useJobLog(id: string, enabled: boolean) {
  return useQuery({
    queryKey: [...JOBS, id, 'log'],
    queryFn: ({ signal }) =>
      content<string>(
        api.GET('/admin/jobs/{id}/log', { params: { path: { id } }, signal, parseAs: 'text' }),
      ),
    enabled,
    staleTime: 0,
  });
}

/** A call that adds a job or changes one, after which jobs and sources are read again. */
function useAct<Input, Output>(act: (input: Input) => Promise<Output>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['admin'] }),
  });
}

export interface Attempt<Body> {
  body: Body;
  idempotencyKey: string;
}

/** Request of a training, or of a check of one; its repetition with the same key adds no other. */
export function useStartTraining() {
  return useAct(({ body, idempotencyKey }: Attempt<TrainingRequest>) => {
    const header = { 'Idempotency-Key': idempotencyKey };
    return content<Job>(api.POST('/admin/training', { body, params: { header } }));
  });
}

/** Request to check an upload, which makes it a source if there is no error. */
export function checkUpload(name: string, { body, idempotencyKey }: Attempt<Layout>): Promise<Job> {
  const params = { path: { name }, header: { 'Idempotency-Key': idempotencyKey } };
  return content<Job>(api.POST('/admin/data/{name}', { body, params }));
}

export function useDeleteSource() {
  return useAct((name: string) =>
    content<Sources>(api.DELETE('/admin/data/{name}', { params: { path: { name } } })),
  );
}

export function useCancelJob() {
  return useAct((id: string) =>
    content<Job>(api.POST('/admin/jobs/{id}/cancel', { params: { path: { id } } })),
  );
}
