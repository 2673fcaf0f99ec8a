import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { Card, type StatProps, Stats } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import type { Counts } from './metrics';
import type { useCounts } from './use-status';

/** How the service is used: requests, failures and the cache. */
export function CountsCard({
  query,
  allowed,
}: {
  query: ReturnType<typeof useCounts>;
  allowed: boolean;
}) {
  const { t } = useTranslation();
  return (
    <Card title={t('status.counts.title')}>
      {allowed ? (
        <QueryView query={query} height="6rem">
          {(counts) => <CountStats counts={counts} />}
        </QueryView>
      ) : (
        <p className={ui.hint}>{t('status.counts.missing')}</p>
      )}
    </Card>
  );
}

function CountStats({ counts }: { counts: Counts }) {
  const { t } = useTranslation();
  const { number, share } = useFormat();
  const { requests, errors, refused, cacheHits, cacheMisses } = counts;
  const shareOf = (part: number | null, all: number | null) =>
    part !== null && all ? t('status.counts.share', { share: share(part / all) }) : undefined;
  const answered =
    cacheHits === null && cacheMisses === null ? null : (cacheHits ?? 0) + (cacheMisses ?? 0);
  const figure = (label: string, value: number | null, more: Partial<StatProps> = {}) =>
    value === null ? [] : [{ label, value: number(value, 0), ...more }];
  const items: StatProps[] = [
    ...figure(t('status.counts.requests'), requests),
    ...figure(t('status.counts.errors'), errors, {
      detail: shareOf(errors, requests),
      tone: errors ? 'bad' : undefined,
    }),
    ...figure(t('status.counts.refused'), refused, { detail: shareOf(refused, requests) }),
    ...figure(t('status.counts.limited'), counts.limited),
    ...(answered
      ? [
          {
            label: t('status.counts.cache'),
            value: share((cacheHits ?? 0) / answered),
            detail: t('status.counts.cacheDetail', {
              hits: number(cacheHits ?? 0, 0),
              all: number(answered, 0),
            }),
          },
        ]
      : []),
    ...figure(t('status.counts.inFlight'), counts.inFlight),
  ];
  return <Stats items={items} />;
}
