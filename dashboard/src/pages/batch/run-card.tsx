import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Meta } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { useCaller } from '@/session/caller';
import { Button } from '@/ui/button';
import { HorizonSelect } from '@/ui/horizon-select';
import { Card, Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import { saveFile } from '@/ui/save-file';
import ui from '@/ui/ui.module.css';
import { useLeaveWarning } from '@/ui/use-leave-warning';
import type { HistoryMode } from '@/url/query-state';
import styles from './batch.module.css';
import { daysFile, rejectedFile, sumsFile } from './batch-files';
import { BatchRun } from './batch-run';
import { changeBatch, notifyBatch } from './batch-store';
import type { CheckedRow } from './check-rows';
import { planChunks } from './chunks';
import { useReason } from './use-texts';

/** Columns of the files of results, with the name of their text. */
const RESULT_COLUMNS = [
  ['first, last, date', 'days'],
  ['prediction', 'prediction'],
  ['lower_80, upper_80', 'inner'],
  ['lower_95, upper_95', 'outer'],
  ['actual', 'actual'],
  ['method', 'method'],
  ['in_sample', 'sample'],
  ['origin, model_version, snapshot', 'data'],
] as const;

/** Sending of the rows: start, progress, pause, and the files that come of it. */
export function RunCard({
  meta,
  rows,
  run,
  horizon,
  onHorizon,
}: {
  meta: Meta;
  rows: readonly CheckedRow[];
  run: BatchRun | null;
  horizon: number;
  onHorizon: (horizon: number, mode?: HistoryMode) => void;
}) {
  const { t } = useTranslation();
  const { number } = useFormat();
  const { caller } = useCaller();
  const good = rows.filter((row) => row.item !== null).length;
  const start = () => {
    const items = rows.map((row) => row.item);
    const chunks = planChunks(items, meta.data.last ?? '', caller?.limits?.burst);
    const next = new BatchRun(items, chunks, notifyBatch);
    changeBatch({ run: next, rows });
    void next.start();
  };
  return (
    <Card title={t('batch.run.title')}>
      {run === null ? (
        <div className={ui.toolbar}>
          <HorizonSelect
            meta={meta}
            label={t('batch.run.horizon')}
            value={horizon}
            onChange={onHorizon}
          />
          <Button look="primary" disabled={good === 0} onClick={start}>
            {t('batch.run.start', { count: good, text: number(good) })}
          </Button>
        </div>
      ) : (
        <RunProgress run={run} />
      )}
      <Downloads meta={meta} rows={rows} run={run} />
    </Card>
  );
}

function RunProgress({ run }: { run: BatchRun }) {
  const { t } = useTranslation();
  const { number } = useFormat();
  const { state, answered, total } = run;
  const busy = state.kind === 'running' || state.kind === 'waiting';
  useLeaveWarning(busy);
  const text = t('batch.run.of', { answered: number(answered), total: number(total) });
  return (
    <div className={styles.run}>
      <div className={styles.progress}>
        <progress value={answered} max={total} aria-label={t('batch.run.progress')}>
          {text}
        </progress>
        <span>{text}</span>
      </div>
      {state.kind === 'waiting' && <Waiting until={state.until} />}
      {state.kind === 'stopped' && <p>{t('batch.run.stopped')}</p>}
      {state.kind === 'failed' && <ProblemNotice error={state.error} />}
      <Warnings run={run} />
      <div className={ui.toolbar}>
        {busy && <Button onClick={() => run.cancel()}>{t('batch.run.stop')}</Button>}
        {(state.kind === 'stopped' || state.kind === 'failed') && (
          <Button look="primary" onClick={() => void run.start()}>
            {t('batch.run.resume')}
          </Button>
        )}
        {!busy && (
          <Button onClick={() => changeBatch({ run: null })}>{t('batch.run.again')}</Button>
        )}
      </div>
    </div>
  );
}

/** What a person must know of the forecasts as a whole. */
function Warnings({ run }: { run: BatchRun }) {
  const { t } = useTranslation();
  return (
    <>
      {run.releases.size > 1 && (
        <Notice tone="warn">
          <p>{t('batch.run.mixed')}</p>
        </Notice>
      )}
      {run.inSample && (
        <Notice tone="warn">
          <p>{t('batch.run.inSample')}</p>
        </Notice>
      )}
    </>
  );
}

function Waiting({ until }: { until: number }) {
  const { t } = useTranslation();
  const secondsLeft = () => Math.max(0, Math.ceil((until - Date.now()) / 1000));
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((tick) => tick + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return <p role="status">{t('batch.run.waiting', { count: secondsLeft() })}</p>;
}

function Downloads({
  meta,
  rows,
  run,
}: {
  meta: Meta;
  rows: readonly CheckedRow[];
  run: BatchRun | null;
}) {
  const { t } = useTranslation();
  const reason = useReason();
  const outcomes = run?.outcomes ?? [];
  const forecasts = run ? run.answered - run.refused : 0;
  const rejected = rows.some((row) => row.item === null) || (run?.refused ?? 0) > 0;
  if (forecasts === 0 && !rejected) return null;
  const save = (name: string, file: Promise<Blob>) =>
    void file.then((content) => saveFile(name, content));
  return (
    <div className={styles.downloads}>
      <div className={ui.toolbar}>
        {forecasts > 0 && (
          <>
            <Button
              look="primary"
              onClick={() => save('forecasts-sums.csv', sumsFile({ meta, rows, outcomes }))}
            >
              {t('batch.result.sums')}
            </Button>
            <Button onClick={() => save('forecasts-days.csv', daysFile({ meta, rows, outcomes }))}>
              {t('batch.result.everyDay')}
            </Button>
          </>
        )}
        {rejected && (
          <Button
            onClick={() =>
              save(
                'rejected.csv',
                rejectedFile(rows, (row, at) => reason(row, outcomes[at])),
              )
            }
          >
            {t('batch.result.rejectedFile')}
          </Button>
        )}
      </div>
      {forecasts > 0 && (
        <details className={ui.details}>
          <summary>{t('batch.result.columns')}</summary>
          <ul className={styles.columns}>
            {RESULT_COLUMNS.map(([names, meaning]) => (
              <li key={names}>
                <code>{names}</code> {t(`batch.resultColumn.${meaning}`)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
