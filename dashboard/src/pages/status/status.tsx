import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Health, useHealth } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { useCaller } from '@/session/caller';
import { Button } from '@/ui/button';
import { CopyButton } from '@/ui/copy-button';
import { Field } from '@/ui/field';
import { Card, Notice, Page } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import { BASE } from '@/url/base';
import { CallerCard } from './caller-card';
import { CountsCard } from './counts-card';
import { QualityCard, Reasons, ReleaseCard } from './release-card';
import { ReloadCard } from './reload-card';
import styles from './status.module.css';
import { supportText } from './support-text';
import { useCounts, useJobs, useRefreshing } from './use-status';

export default function Status() {
  const { t } = useTranslation();
  const { query: callerQuery, caller, can } = useCaller();
  const refreshing = useRefreshing();
  const health = useHealth({ refetchInterval: refreshing.interval });
  const counts = useCounts(can('monitor'), refreshing.interval);
  const jobs = useJobs(can('admin'), refreshing.interval);
  const lead = useLead(health.data);
  const [uncopied, setUncopied] = useState<string | null>(null);
  const text = () =>
    supportText({
      health: health.data,
      caller,
      counts: counts.data,
      address: BASE.href,
      browser: navigator.userAgent,
      at: new Date(),
    });
  return (
    <Page
      title={t('status.title')}
      lead={lead}
      controls={
        <>
          <Refreshing {...refreshing} at={health.dataUpdatedAt} />
          <CopyButton text={text} label={t('status.copy')} onFailed={() => setUncopied(text())} />
        </>
      }
    >
      {refreshing.pausedForLimit && (
        <Notice>
          <p>{t('status.refresh.limited')}</p>
        </Notice>
      )}
      {uncopied !== null && <Uncopied text={uncopied} />}
      <QueryView query={health} height="12rem">
        {(data) => (
          <>
            <Reasons reasons={data.reasons} />
            <ReleaseCard health={data} />
          </>
        )}
      </QueryView>
      <QueryView query={callerQuery} height="8rem">
        {(data) => <CallerCard caller={data} />}
      </QueryView>
      {caller && <CountsCard query={counts} allowed={can('monitor')} />}
      {health.data && <QualityCard warnings={health.data.quality} />}
      {can('admin') && <ReloadCard query={jobs} />}
    </Page>
  );
}

/** The switch of refreshing, and when the answer is from. */
function Refreshing({
  refreshing,
  setRefreshing,
  at,
}: ReturnType<typeof useRefreshing> & { at: number }) {
  const { t } = useTranslation();
  const { locale } = useFormat();
  const queries = useQueryClient();
  const time = new Intl.DateTimeFormat(locale, { timeStyle: 'medium' });
  return (
    <>
      <Button onClick={() => setRefreshing(!refreshing)}>
        {t(refreshing ? 'status.refresh.pause' : 'status.refresh.resume')}
      </Button>
      {!refreshing && (
        <Button onClick={() => void queries.refetchQueries({ type: 'active' })}>
          {t('status.refresh.now')}
        </Button>
      )}
      {at > 0 && (
        <span className={styles.at}>{t('status.refresh.at', { time: time.format(at) })}</span>
      )}
    </>
  );
}

/** The text to select by hand, where the browser has no clipboard. */
function Uncopied({ text }: { text: string }) {
  const { t } = useTranslation();
  return (
    <Card>
      <Field label={t('status.copyText')} hint={t('status.copyFailed')}>
        {(control) => (
          <textarea
            {...control}
            className={`${control.className} ${styles.copy}`}
            rows={12}
            readOnly
            value={text}
            onFocus={(event) => event.target.select()}
          />
        )}
      </Field>
    </Card>
  );
}

/** Return the sentence that says whether the service is well. */
function useLead(health: Health | undefined): string | undefined {
  const { t } = useTranslation();
  const { day } = useFormat();
  if (health === undefined) return undefined;
  const state = health.degraded
    ? t('status.lead.degraded', { count: health.reasons.length })
    : t('status.lead.ok');
  return `${state} ${t('status.lead.data', { day: day(health.snapshot.origin) })}`;
}
