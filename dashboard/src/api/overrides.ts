import {
  type QueryClient,
  skipToken,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { api, content, type Schemas } from './client';

export type OverrideGrouping = 'author' | 'level' | 'kind' | 'reason';
export type OverrideGroupValue = Schemas['GroupValue'];
export type OverrideValue = Schemas['OverrideValueAnswer'];
export type OverrideRequest = Schemas['OverrideRequest'];
export type Override = Schemas['OverrideAnswer'];
export type NewOverride = Schemas['NewOverrideAnswer'];
export type OverridesPage = Schemas['OverridesAnswer'];
export type OverrideOp = OverrideRequest['op'];
export type OverrideSpread = Override['spread'];
export type OverrideReason = Override['reason'];
export type OverrideState = Override['state'];
export type OverrideWarning = NewOverride['warnings'][number];

/**
 * What an override would change; nothing is stored.
 *
 * While another value is on its way the last answer stays, but never for other days or another node.
 *
 * @param body null while there is nothing to ask for.
 */
export function useOverridePreview(body: OverrideRequest | null) {
  return useQuery<NewOverride>({
    queryKey: ['override-preview', body],
    queryFn:
      body === null
        ? skipToken
        : ({ signal }) => content<NewOverride>(api.POST('/overrides/preview', { body, signal })),
    placeholderData: (before) =>
      before?.node === body?.node && before?.first === body?.from && before?.last === body?.to
        ? before
        : undefined,
  });
}

export interface OverrideFilter {
  state: OverrideState | 'all';
  node?: string;
}

/** Overrides that were made, the newest first, page by page. */
export function useOverrides(filter: OverrideFilter) {
  return useInfiniteQuery({
    queryKey: ['overrides', filter],
    initialPageParam: null as number | null,
    queryFn: ({ signal, pageParam }) => {
      const query = { ...filter, limit: 20, ...(pageParam === null ? {} : { before: pageParam }) };
      return content<OverridesPage>(api.GET('/overrides', { params: { query }, signal }));
    },
    getNextPageParam: (page) => page.next,
  });
}

/** Whether overrides helped, on the days of the last year that are sold. */
export function useOverrideValue(by: OverrideGrouping) {
  return useQuery<OverrideValue>({
    queryKey: ['override-value', by],
    queryFn: ({ signal }) =>
      content<OverrideValue>(api.GET('/overrides/value', { params: { query: { by } }, signal })),
  });
}

/** Everything that overrides alter. */
const ALTERED = [
  'overrides',
  'override-value',
  'override-preview',
  'forecast',
  'hierarchy',
  'year-before',
];

/** Ask again for all that overrides alter. */
export function refreshOverrides(queries: QueryClient): void {
  for (const name of ALTERED) void queries.invalidateQueries({ queryKey: [name] });
}

/**
 * Make an override.
 *
 * @param key names this attempt: sent again after a lost answer, it makes no second override.
 */
export function useMakeOverride() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ body, key }: { body: OverrideRequest; key: string }) => {
      const params = { header: { 'Idempotency-Key': key } };
      return content<NewOverride>(api.POST('/overrides', { params, body }));
    },
    onSuccess: () => refreshOverrides(queries),
  });
}

/** Undo an override: forecasts are as if it had not been made, and its record stays. */
export function useWithdrawOverride() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: number) =>
      content<Override>(api.DELETE('/overrides/{id}', { params: { path: { id: String(id) } } })),
    onSuccess: () => refreshOverrides(queries),
  });
}
