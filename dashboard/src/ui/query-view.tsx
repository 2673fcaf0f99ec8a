import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Skeleton } from './layout';
import { ProblemNotice } from './problem-notice';

/**
 * Content of a query once it is there; until then its place, and the face of its error.
 *
 * What was answered before stays while a newer answer is on its way or could not be had.
 */
export function QueryView<T>({
  query,
  height,
  children,
}: {
  query: UseQueryResult<T>;
  height?: string;
  children: (data: T) => ReactNode;
}) {
  const { data, error, refetch } = query;
  return (
    <>
      {error && <ProblemNotice error={error} retry={() => void refetch()} />}
      {data !== undefined && children(data)}
      {data === undefined && !error && <Skeleton {...(height ? { height } : {})} />}
    </>
  );
}
