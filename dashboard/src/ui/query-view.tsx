import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useDeferredValue } from 'react';
import { Skeleton } from './layout';
import { ProblemNotice } from './problem-notice';

/**
 * Return data that are drawn in steps when they arrive for the first time.
 *
 * To draw a page at once would keep a phone from answering a tap for a moment. Later data are drawn
 * at once: parts of a page that do not wait for each other must not differ.
 */
export function useFirstDrawnInSteps<T>(data: T | undefined): T | undefined {
  const hasArrived = useDeferredValue(data !== undefined);
  return hasArrived ? data : undefined;
}

/**
 * Content of a query once it is there; until then its place, and the face of its error.
 *
 * What was answered before stays while a newer answer is on its way or could not be had.
 */
export function QueryView<T>({
  query,
  height,
  waiting = false,
  later = false,
  children,
}: {
  query: UseQueryResult<T>;
  height?: string;
  /** Whether to wait for other answers, which would move what is being read. */
  waiting?: boolean;
  /** Whether it is drawn after what stands above it, which is read first. */
  later?: boolean;
  children: (data: T) => ReactNode;
}) {
  const { error, refetch } = query;
  const isDue = useDeferredValue(true, !later);
  const data = useFirstDrawnInSteps(waiting || !isDue ? undefined : query.data);
  return (
    <>
      {error && <ProblemNotice error={error} retry={() => void refetch()} />}
      {data !== undefined && children(data)}
      {data === undefined && !error && <Skeleton {...(height ? { height } : {})} />}
    </>
  );
}
