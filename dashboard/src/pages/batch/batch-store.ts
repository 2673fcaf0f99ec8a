import { useSyncExternalStore } from 'react';
import { onOtherPerson } from '@/session/session';
import type { BatchRun } from './batch-run';
import type { CheckedRow } from './check-rows';
import type { SourceTable } from './read-file';

/** Files, and what became of them. */
interface Contents {
  tables: readonly SourceTable[];
  /** Rows as they were when the run began, with the horizon that was chosen then. */
  rows: readonly CheckedRow[];
  run: BatchRun | null;
}

const EMPTY: Contents = { tables: [], rows: [], run: null };

let contents = EMPTY;
let version = 0;
const listeners = new Set<() => void>();

/** Tell the page that the run went on. */
export function notifyBatch(): void {
  version += 1;
  for (const notify of listeners) notify();
}

/**
 * Replace what the page of many series works on.
 *
 * It is held outside of the page, so that a look at another page neither stops a run nor loses it.
 */
export function changeBatch(next: Partial<Contents>): void {
  if ('run' in next && contents.run && next.run !== contents.run) contents.run.cancel();
  contents = { ...contents, ...next };
  notifyBatch();
}

export function clearBatch(): void {
  changeBatch(EMPTY);
}

onOtherPerson(clearBatch); // the files of one person are not left for the next

export function useBatch(): Contents & { version: number } {
  const current = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => version,
  );
  return { ...contents, version: current };
}
