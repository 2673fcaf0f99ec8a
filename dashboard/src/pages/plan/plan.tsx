import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Override } from '@/api/overrides';
import type { Meta } from '@/api/queries';
import { useCaller } from '@/session/caller';
import { Notice, Page, Skeleton } from '@/ui/layout';
import { MetaPage } from '@/ui/meta-page';
import { text, useQueryState } from '@/url/query-state';
import { type Change, LastChange } from './last-change';
import { Maker } from './maker';
import { OverrideList } from './override-list';
import { OverrideValue } from './override-value';

export default function Plan() {
  const { t } = useTranslation();
  return <MetaPage title={t('plan.title')}>{(meta) => <Overrides meta={meta} />}</MetaPage>;
}

function Overrides({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const { can, query } = useCaller();
  const [node] = useQueryState('node', text, 'total');
  const [change, setChange] = useState<Change | null>(null);
  const mayPlan = can('plan');
  const undone = (override: Override) => setChange({ kind: 'undone', override });
  // before it is known who asks, neither page is shown: the list would begin anew with the other
  if (query.data === undefined && !query.isError)
    return (
      <Page title={t('plan.title')} lead={t('plan.about')}>
        <Skeleton height="28rem" />
      </Page>
    );
  const rest = (
    <>
      {change && <LastChange change={change} onUndone={undone} />}
      <OverrideList node={node} mayUndo={mayPlan} onUndone={undone} />
      <OverrideValue />
    </>
  );
  if (mayPlan)
    return (
      <Maker meta={meta} onMade={(override) => setChange({ kind: 'saved', override })}>
        {rest}
      </Maker>
    );
  return <Reader refused={query.data !== undefined}>{rest}</Reader>;
}

/**
 * The page of who may look at overrides and not make them.
 *
 * @param refused false where it is not known who asks: the list says why.
 */
function Reader({ refused, children }: { refused: boolean; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Page title={t('plan.title')} lead={t('plan.about')}>
      {refused && (
        <Notice tone="warn" title={t('problem.forbidden.title')}>
          <p>{t('plan.forbidden')}</p>
          <p>
            {t('problem.forbidden.text')} <code>plan</code>
          </p>
        </Notice>
      )}
      {children}
    </Page>
  );
}
