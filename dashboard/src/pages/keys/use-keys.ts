import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, content, type Schemas } from '@/api/client';

export type KeysOfServer = Schemas['KeysAnswer'];
export type Key = Schemas['KeyAnswer'];
export type NewKey = Schemas['NewKeyAnswer'];
export type KeyRequest = Schemas['KeyRequest'];
export type AuditEntry = Schemas['AuditEntryAnswer'];
type AuditPage = Schemas['AuditAnswer'];

const ENTRIES_OF_PAGE = 50;

export function useKeys() {
  return useQuery({
    queryKey: ['admin', 'keys'],
    queryFn: ({ signal }) => content<KeysOfServer>(api.GET('/admin/keys', { signal })),
  });
}

/** The audit log, a page at a time, the newest entries first. */
export function useAudit() {
  return useInfiniteQuery({
    queryKey: ['admin', 'audit'],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: ENTRIES_OF_PAGE, ...(pageParam ? { before: pageParam } : {}) };
      return content<AuditPage>(api.GET('/admin/audit', { params: { query }, signal }));
    },
    initialPageParam: 0,
    getNextPageParam: (page) => page.next,
  });
}

/** A change of keys, after which they and the audit log are read again. */
function useChange<Input, Output>(change: (input: Input) => Promise<Output>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['admin'] }),
  });
}

/** Creation of a key; its repetition with the same idempotency key creates no second one. */
export function useCreateKey() {
  return useChange(({ body, idempotencyKey }: { body: KeyRequest; idempotencyKey: string }) => {
    const header = { 'Idempotency-Key': idempotencyKey };
    return content<NewKey>(api.POST('/admin/keys', { body, params: { header } }));
  });
}

export interface Rotation {
  id: string;
  graceSeconds: number;
}

/** Rotation of a key; its repetition with the same idempotency key makes no second successor. */
export function useRotateKey() {
  return useChange(({ id, graceSeconds, idempotencyKey }: Rotation & { idempotencyKey: string }) =>
    content<NewKey>(
      api.POST('/admin/keys/{id}/rotate', {
        params: { path: { id }, header: { 'Idempotency-Key': idempotencyKey } },
        body: { grace_seconds: graceSeconds },
      }),
    ),
  );
}

export function useRevokeKey() {
  return useChange((id: string) =>
    content<Key>(api.DELETE('/admin/keys/{id}', { params: { path: { id } } })),
  );
}
