import { useTranslation } from 'react-i18next';
import { type DriftEvent, useDrift } from '@/api/monitoring';
import type { Meta } from '@/api/queries';
import { Button } from '@/ui/button';
import { Card, EmptyState } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import { flag, useQueryState } from '@/url/query-state';
import { DriftItem } from './drift-item';
import styles from './monitoring.module.css';

const URGENCY: Record<DriftEvent['severity'], number> = { critical: 0, warning: 1, info: 2 };

/** Drifts that are open, the most urgent first, and those that are over where they are wanted. */
export function DriftCard({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const [showsPast, setShowsPast] = useQueryState('past', flag, false);
  const query = useDrift({ state: 'open', model_version: meta.model_version });
  return (
    <Card
      title={t('monitoring.drift.title')}
      actions={
        <Button aria-expanded={showsPast} onClick={() => setShowsPast(!showsPast)}>
          {t(showsPast ? 'monitoring.drift.hidePast' : 'monitoring.drift.showPast')}
        </Button>
      }
    >
      <QueryView query={query} height="6rem">
        {({ pages }) => (
          <Items
            meta={meta}
            events={pages
              .flatMap((page) => page.events)
              .sort((a, b) => URGENCY[a.severity] - URGENCY[b.severity])}
            none={t('monitoring.drift.none')}
          />
        )}
      </QueryView>
      <More query={query} />
      {showsPast && <Past meta={meta} />}
    </Card>
  );
}

/** Drifts that are over, and those of models that serve no more. */
function Past({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const query = useDrift({ state: 'all' });
  return (
    <div className={styles.past}>
      <h3>{t('monitoring.drift.past')}</h3>
      <QueryView query={query} height="6rem">
        {({ pages }) => (
          <Items
            meta={meta}
            events={pages
              .flatMap((page) => page.events)
              .filter(
                ({ state, model_version }) =>
                  state === 'closed' || model_version !== meta.model_version,
              )}
            none={t('monitoring.drift.noPast')}
          />
        )}
      </QueryView>
      <More query={query} />
    </div>
  );
}

function Items({
  meta,
  events,
  none,
}: {
  meta: Meta;
  events: readonly DriftEvent[];
  none: string;
}) {
  if (events.length === 0) return <EmptyState>{none}</EmptyState>;
  return (
    <ul className={styles.items}>
      {events.map((event) => (
        <DriftItem key={event.id} meta={meta} event={event} />
      ))}
    </ul>
  );
}

function More({ query }: { query: ReturnType<typeof useDrift> }) {
  const { t } = useTranslation();
  if (!query.hasNextPage) return null;
  return (
    <Button aria-busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
      {t('monitoring.drift.more')}
    </Button>
  );
}
