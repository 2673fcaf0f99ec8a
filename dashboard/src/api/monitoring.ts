import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { api, content, type Schemas } from './client';
import type { Accuracy } from './queries';

export type LiveAccuracy = Schemas['LiveAccuracyAnswer'];
export type LiveFigures = Schemas['LiveFiguresAnswer'];
export type LiveDay = Schemas['LiveDayAnswer'];
export type Measured = Schemas['Measured'];
export type DriftEvent = Schemas['DriftEventAnswer'];
export type Outlier = Schemas['OutlierAnswer'];

type DriftPage = Schemas['DriftAnswer'];
type OutliersPage = Schemas['OutliersAnswer'];
type Verdict = Schemas['AcknowledgeRequest'];

export interface LiveRequest {
  /** Days of the calendar, the newest ones that are compared. */
  window: number;
  /** Level whose nodes are listed one by one; whole levels without it. */
  level?: string;
  /** Or a node above the series. */
  node?: string;
  daily?: boolean;
}

/** Accuracy of the forecasts that were served, on days whose sales are known since. */
export function useLiveAccuracy(query: LiveRequest, options: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: ['accuracy', 'live', query],
    queryFn: async ({ signal }) => {
      const answer = await content<Accuracy>(api.GET('/accuracy', { params: { query }, signal }));
      return answer.live as LiveAccuracy; // there is one whenever there is a window
    },
    placeholderData: keepPreviousData,
    ...options,
  });
}

export interface DriftFilter {
  state: 'open' | 'all';
  model_version?: string;
}

/** Drifts that were noticed, the newest first, page by page. */
export function useDrift(filter: DriftFilter, options: { enabled?: boolean } = {}) {
  return useInfiniteQuery({
    queryKey: ['drift', filter],
    initialPageParam: null as number | null,
    queryFn: ({ signal, pageParam }) => {
      const query = { ...filter, ...(pageParam === null ? {} : { before: pageParam }) };
      return content<DriftPage>(api.GET('/drift', { params: { query }, signal }));
    },
    getNextPageParam: (page) => page.next,
    ...options,
  });
}

export type OutlierState = 'open' | 'all';

/** Outliers of the data that were served, the last recorded first, page by page. */
export function useOutliers(state: OutlierState) {
  return useInfiniteQuery({
    queryKey: ['outliers', state],
    initialPageParam: null as number | null,
    queryFn: ({ signal, pageParam }) => {
      const query = { state, limit: 20, ...(pageParam === null ? {} : { before: pageParam }) };
      return content<OutliersPage>(api.GET('/outliers', { params: { query }, signal }));
    },
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });
}

/** Say of an outlier whether it has happened or the values are wrong. */
export function useAcknowledge() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...body }: Verdict & { id: number }) => {
      const params = { path: { id: String(id) } };
      return content<Outlier>(api.POST('/outliers/{id}/acknowledge', { params, body }));
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['outliers'] }),
  });
}
