import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Outlier, type OutlierState, useOutliers } from '@/api/monitoring';
import type { Meta } from '@/api/queries';
import { useCaller } from '@/session/caller';
import { Button } from '@/ui/button';
import { Segments } from '@/ui/field';
import { Card, EmptyState, Notice } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { oneOf, useQueryState } from '@/url/query-state';
import { AcknowledgeDialog, type Acknowledged } from './acknowledge-dialog';
import styles from './monitoring.module.css';
import { OutlierItem } from './outlier-item';

const STATES: readonly OutlierState[] = ['open', 'all'];
const STATE = oneOf<OutlierState>(...STATES);

/** What is probably wrong on the newest days of the sales, and what people say of it. */
export function OutliersCard({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const { caller, can } = useCaller();
  const [state, setState] = useQueryState<OutlierState>('outliers', STATE, 'open');
  const [wanted, setWanted] = useState<Acknowledged | null>(null);
  const [noted, setNoted] = useState<Acknowledged | null>(null);
  const outcome = useRef<HTMLDivElement>(null);
  const query = useOutliers(state);
  useEffect(() => {
    if (noted) outcome.current?.focus();
  }, [noted]);
  const mayAcknowledge = can('plan');
  return (
    <Card title={t('monitoring.outliers.title')}>
      <div className={styles.stack}>
        <div className={ui.toolbar}>
          <Segments
            label={t('monitoring.outliers.which')}
            value={state}
            choices={STATES.map((value) => ({ value, label: t(`monitoring.outliers.${value}`) }))}
            onChange={setState}
          />
        </div>
        {/* it has the focus after a record: the item that had it may be gone */}
        <div ref={outcome} tabIndex={-1} className={styles.outcome}>
          {noted && (
            <Notice tone="success">
              {t('monitoring.outliers.noted', { outlier: noted.name })}
            </Notice>
          )}
        </div>
        <QueryView query={query} height="12rem">
          {({ pages }) => {
            const outliers = pages.flatMap((page) => page.outliers);
            return (
              <>
                {caller && !mayAcknowledge && outliers.length > 0 && (
                  <p className={styles.note}>{t('monitoring.outliers.forbidden')}</p>
                )}
                {outliers.length === 0 ? (
                  <EmptyState>
                    {t(
                      state === 'open'
                        ? 'monitoring.outliers.noneOpen'
                        : 'monitoring.outliers.none',
                    )}
                  </EmptyState>
                ) : (
                  <ul className={styles.items}>
                    {outliers.map((outlier: Outlier) => (
                      <OutlierItem
                        key={outlier.id}
                        meta={meta}
                        outlier={outlier}
                        onAcknowledge={mayAcknowledge ? setWanted : undefined}
                      />
                    ))}
                  </ul>
                )}
              </>
            );
          }}
        </QueryView>
        {query.hasNextPage && (
          <div>
            <Button aria-busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t('monitoring.outliers.more')}
            </Button>
          </div>
        )}
      </div>
      <AcknowledgeDialog
        wanted={wanted}
        onClose={() => setWanted(null)}
        onDone={(done) => {
          setWanted(null);
          setNoted(done);
        }}
      />
    </Card>
  );
}
