import type { ReactNode } from 'react';
import { type Meta, useMeta } from '@/api/queries';
import { Page } from './layout';
import { QueryView, useFirstDrawnInSteps } from './query-view';

/** A page that needs the retailer's levels and dates; until they are there, its frame. */
export function MetaPage({
  title,
  children,
}: {
  title: string;
  children: (meta: Meta) => ReactNode;
}) {
  const meta = useMeta();
  const data = useFirstDrawnInSteps(meta.data);
  if (data !== undefined) return children(data);
  return (
    <Page title={title}>
      <QueryView query={meta}>{() => null}</QueryView>
    </Page>
  );
}
