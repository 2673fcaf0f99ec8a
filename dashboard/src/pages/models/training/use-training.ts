import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, content, type Schemas } from '@/api/client';
import { JOBS, type Job } from '@/api/jobs';

export type Source = Schemas['SourceAnswer'];
export type Sources = Schemas['SourcesAnswer'];
export type Tables = Schemas['TablesAnswer'];
export type Findings = Schemas['FindingsAnswer'];
export type TrainingRequest = Schemas['TrainingPayload'];
export type Layout = Required<Pick<TrainingRequest, 'delimiter' | 'decimal' | 'dates'>>;

export const SOURCES = ['admin', 'data'];

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
    queryFn: async ({ signal }) =>
      // an empty body is no data to the client, and a query without data is an error
      (await content<string | undefined>(
        api.GET('/admin/jobs/{id}/log', { params: { path: { id } }, signal, parseAs: 'text' }),
      )) ?? '',
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
