import { useTranslation } from 'react-i18next';
import { type Meta, useMeta } from '@/api/queries';
import { usualHorizon } from '@/api/steps';
import { useFormat } from '@/format/use-format';
import { ScopeGate } from '@/session/scope-gate';
import { Page } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import { useQueryState, whole } from '@/url/query-state';
import type { BatchRun } from './batch-run';
import { useBatch } from './batch-store';
import { CheckCard } from './check-card';
import type { CheckedRow } from './check-rows';
import { InputCard } from './input-card';
import { ResultTable } from './result-table';
import { RunCard } from './run-card';
import { useChecks } from './use-checks';

const HORIZON = whole(1, 365);

export default function Batch() {
  const { t } = useTranslation();
  const meta = useMeta();
  if (meta.data) return <BatchOf meta={meta.data} />;
  return (
    <Page title={t('batch.title')}>
      <QueryView query={meta}>{() => null}</QueryView>
    </Page>
  );
}

function BatchOf({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const [wanted, setHorizon] = useQueryState('horizon', HORIZON, usualHorizon(meta));
  const horizon = Math.min(wanted, meta.max_horizon);
  const { tables, rows: rowsOfRun, run, version } = useBatch();
  const { checked, usable, rows: rowsOfFiles } = useChecks(meta, tables, horizon);
  const rows = run ? rowsOfRun : rowsOfFiles;
  const lead = useLead(tables.length > 0, usable, rows, run);
  return (
    <Page title={t('batch.title')} lead={lead}>
      <ScopeGate scope="batch">
        <InputCard meta={meta} hasFiles={tables.length > 0} />
        {tables.length > 0 && <CheckCard checked={checked} rows={rows} />}
        {tables.length > 0 && usable && (
          <RunCard meta={meta} rows={rows} run={run} horizon={horizon} onHorizon={setHorizon} />
        )}
        {run && <ResultTable rows={rows} run={run} version={version} />}
      </ScopeGate>
    </Page>
  );
}

/** Return the sentence that says how far the batch is. */
function useLead(
  hasFiles: boolean,
  usable: boolean,
  rows: readonly CheckedRow[],
  run: BatchRun | null,
): string {
  const { t } = useTranslation();
  const { number } = useFormat();
  if (!hasFiles) return t('batch.lead.start');
  if (!usable) return t('batch.lead.wrong');
  const good = rows.filter((row) => row.item !== null).length;
  if (run === null) {
    const bad = rows.length - good;
    if (bad === 0) return t('batch.lead.ready', { count: good, text: number(good) });
    const counts = { good: number(good), all: number(rows.length), bad: number(bad) };
    return t('batch.lead.readyRejected', { count: bad, ...counts });
  }
  // the progress counts; a sentence that changed with it would be read aloud all the time
  if (run.state.kind === 'running' || run.state.kind === 'waiting') return t('batch.lead.running');
  if (run.state.kind !== 'done') return t('batch.lead.unfinished');
  const done = run.answered - run.refused;
  const none = rows.length - done;
  if (done === 0) return t('batch.lead.doneNothing');
  if (none === 0) return t('batch.lead.done', { count: done, text: number(done) });
  const without = t('batch.lead.without', { count: none, text: number(none) });
  return t('batch.lead.doneRejected', { count: done, text: number(done), without });
}
