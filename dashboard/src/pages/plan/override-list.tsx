import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import { type Override, type OverrideFilter, useOverrides } from '@/api/overrides';
import { Button } from '@/ui/button';
import { Segments } from '@/ui/field';
import { Card, EmptyState, Skeleton } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import { oneOf, useQueryState } from '@/url/query-state';
import { OverrideItem } from './override-item';
import styles from './plan.module.css';

type StateFilter = OverrideFilter['state'];
type NodeFilter = 'every' | 'node';

const STATES: readonly StateFilter[] = ['active', 'over', 'withdrawn', 'expired', 'all'];
const STATE = oneOf<StateFilter>(...STATES);
const NODES = oneOf<NodeFilter>('every', 'node');

/** The overrides that were made, by state and node. */
export function OverrideList({
  node,
  mayUndo,
  onUndone,
}: {
  node: string;
  mayUndo: boolean;
  onUndone: (withdrawn: Override) => void;
}) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const [state, setState] = useQueryState<StateFilter>('state', STATE, 'active');
  const [of, setOf] = useQueryState<NodeFilter>('of', NODES, 'every');
  const query = useOverrides(of === 'node' ? { state, node } : { state });
  const { data, error, hasNextPage, isFetchingNextPage } = query;
  const overrides = data?.pages.flatMap((page) => page.overrides) ?? [];
  return (
    <Card title={t('plan.list.title')}>
      <div className={styles.stack}>
        <div className={ui.toolbar}>
          <Segments<StateFilter>
            label={t('plan.list.state')}
            value={state}
            choices={STATES.map((value) => ({
              value,
              label: t(value === 'all' ? 'plan.list.all' : `plan.state.${value}`),
            }))}
            onChange={setState}
          />
          <Segments<NodeFilter>
            label={t('plan.list.of')}
            value={of}
            choices={[
              { value: 'every', label: t('plan.list.every') },
              { value: 'node', label: t('plan.list.only', { node: nodeLabel(node) }) },
            ]}
            onChange={setOf}
          />
        </div>
        {error && <ProblemNotice error={error} retry={() => void query.refetch()} />}
        {data === undefined && !error && <Skeleton height="8rem" />}
        {data !== undefined && overrides.length === 0 && (
          <EmptyState>{t('plan.list.empty')}</EmptyState>
        )}
        {overrides.length > 0 && (
          <ul className={styles.list}>
            {overrides.map((each) => (
              <OverrideItem key={each.id} override={each} mayUndo={mayUndo} onUndone={onUndone} />
            ))}
          </ul>
        )}
        {hasNextPage && (
          <Button aria-busy={isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('plan.list.more')}
          </Button>
        )}
      </div>
    </Card>
  );
}
