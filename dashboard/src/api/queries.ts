import { keepPreviousData, QueryClient, useQuery } from '@tanstack/react-query';
import { api, content, type Schemas } from './client';
import { Offline, Problem } from './problems';

/** Answers change with a new release, at most a few times a day. */
const STALE_AFTER_MILLISECONDS = 60_000;

function isWorthRetrying(failures: number, error: Error): boolean {
  const passing = error instanceof Offline || (error instanceof Problem && error.status === 503);
  return passing && failures < 2;
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: STALE_AFTER_MILLISECONDS,
        retry: isWorthRetrying,
        networkMode: 'always', // a server on this machine answers without a network
        refetchOnWindowFocus: false,
      },
      mutations: { networkMode: 'always' },
    },
  });
}

export type Meta = Schemas['MetaAnswer'];
export type Forecast = Schemas['ForecastAnswer'];
export type DayForecast = Schemas['DayForecast'];
export type History = Schemas['HistoricalAnswer'];
export type Hierarchy = Schemas['HierarchyAnswer'];
export type TreeNode = Schemas['NodeForecast'];
export type Explanation = Schemas['ExplainAnswer'];
export type WhatIf = Schemas['WhatifAnswer'];
export type Health = Schemas['HealthAnswer'];
export type Accuracy = Schemas['AccuracyAnswer'];
export type Exceptions = Schemas['ExceptionsAnswer'];
export type YearBefore = Schemas['YearBeforeAnswer'];
export type ExceptionEntry = Schemas['ExceptionEntry'];
export type ExceptionKind = Schemas['DeviationKind'];

type ForecastRequest = Schemas['ForecastRequest'];
type HistoricalRequest = Schemas['HistoricalRequest'];
type ExplainRequest = Schemas['ExplainRequest'];
type WhatifRequest = Schemas['WhatifRequest'];

const META_QUERY = {
  queryKey: ['meta'],
  queryFn: ({ signal }: { signal: AbortSignal }) => content<Meta>(api.GET('/meta', { signal })),
};

/** Series, levels, covariates and dates that requests may name. */
export function useMeta() {
  return useQuery(META_QUERY);
}

/** The step of the sales that are served; `day` until it is known. */
export function useStep(): Meta['step'] {
  return useMeta().data?.step ?? 'day';
}

/** Ask for what nearly every page asks for first, before there is a page. */
export function prefetchMeta(queries: QueryClient): void {
  void queries.prefetchQuery(META_QUERY);
}

export function useHealth(options: { refetchInterval?: number | false } = {}) {
  return useQuery({
    queryKey: ['health'],
    queryFn: ({ signal }) => content<Health>(api.GET('/health', { signal })),
    ...options,
  });
}

export function forecastQuery(body: ForecastRequest) {
  return {
    queryKey: ['forecast', body],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
      content<Forecast>(api.POST('/forecast', { body, signal })),
  };
}

/** A node's forecast, day by day. */
export function useForecast(body: ForecastRequest, options: { enabled?: boolean } = {}) {
  return useQuery({ ...forecastQuery(body), placeholderData: keepPreviousData, ...options });
}

export function historyQuery(body: HistoricalRequest) {
  return {
    queryKey: ['historical', body],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
      content<History>(api.POST('/historical', { body, signal })),
  };
}

/** A node's sales, day by day. */
export function useHistory(body: HistoricalRequest, options: { enabled?: boolean } = {}) {
  return useQuery({ ...historyQuery(body), placeholderData: keepPreviousData, ...options });
}

export interface TreeRequest {
  by?: string;
  node?: string;
  date?: string;
  horizon?: number;
  depth?: number;
  intervals?: string;
  /** Earlier period of `previous` and `trend`. */
  previous?: Schemas['Previous'];
}

export function treeQuery(query: TreeRequest) {
  return {
    queryKey: ['hierarchy', query],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
      content<Hierarchy>(api.GET('/hierarchy', { params: { query: query as never }, signal })),
  };
}

/** A part of the tree of forecasts, whose sums add up. */
export function useTree(query: TreeRequest, options: { enabled?: boolean } = {}) {
  return useQuery({ ...treeQuery(query), placeholderData: keepPreviousData, ...options });
}

export function useExplanation(body: ExplainRequest) {
  return useQuery({
    queryKey: ['explain', body],
    queryFn: ({ signal }) => content<Explanation>(api.POST('/explain', { body, signal })),
    placeholderData: keepPreviousData,
  });
}

export function whatIfQuery(body: WhatifRequest) {
  return {
    queryKey: ['whatif', body],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
      content<WhatIf>(api.POST('/whatif', { body, signal })),
  };
}

export function useAccuracy() {
  return useQuery({
    queryKey: ['accuracy'],
    queryFn: ({ signal }) => content<Accuracy>(api.GET('/accuracy', { signal })),
  });
}

export interface ExceptionsRequest {
  horizon?: number;
  level?: string;
  kind?: ExceptionKind;
  limit?: number;
}

export interface YearBeforeRequest {
  node?: string;
  date?: string;
  horizon?: number;
  adjusted?: boolean;
}

/** A node's forecast against the year before, with and without what is new since. */
export function useYearBefore(query: YearBeforeRequest, options: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: ['year-before', query],
    queryFn: ({ signal }) =>
      content<YearBefore>(api.GET('/year-before', { params: { query }, signal })),
    placeholderData: keepPreviousData,
    ...options,
  });
}

/** Nodes that a planner looks at first. */
export function useExceptions(query: ExceptionsRequest, options: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: ['exceptions', query],
    queryFn: ({ signal }) =>
      content<Exceptions>(api.GET('/exceptions', { params: { query }, signal })),
    placeholderData: keepPreviousData,
    ...options,
  });
}
