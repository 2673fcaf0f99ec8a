import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useNodeLabel } from '@/api/nodes';
import { type Format, useFormat } from '@/format/use-format';
import { classes } from '@/ui/classes';
import { Segments } from '@/ui/field';
import { Card } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';
import { oneOf, useQueryState } from '@/url/query-state';
import styles from './batch.module.css';
import type { BatchRun } from './batch-run';
import type { CheckedRow } from './check-rows';
import { NUMBERS, type Outcome } from './outcomes';
import { useReason } from './use-texts';

const ROW_PIXELS = 40;
const FILTER = oneOf('all', 'forecast', 'rejected');
const COLUMNS = 7;

/** Every row with its forecast or the reason why it has none; only those seen are in the page. */
export function ResultTable({
  rows,
  run,
  version,
}: {
  rows: readonly CheckedRow[];
  run: BatchRun;
  version: number;
}) {
  const { t } = useTranslation();
  const { number } = useFormat();
  const [filter, setFilter] = useQueryState('show', FILTER, 'all');
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version counts the run's changes
  const places = useMemo(() => {
    const all = rows.map((_, at) => at);
    const isForecast = (at: number) => run.outcomes[at]?.kind === 'forecast';
    const isRejected = (at: number) =>
      rows[at]?.item === null || run.outcomes[at]?.kind === 'refused';
    return { all, forecast: all.filter(isForecast), rejected: all.filter(isRejected) };
  }, [rows, run, version]);
  const choices = (['all', 'forecast', 'rejected'] as const).map((value) => ({
    value,
    label: t(`batch.result.${value}`, { count: number(places[value].length) as never }),
  }));
  return (
    <Card
      actions={
        <Segments
          label={t('batch.result.filter')}
          value={filter}
          choices={choices}
          onChange={setFilter}
        />
      }
    >
      <VirtualRows places={places[filter]} rows={rows} run={run} />
    </Card>
  );
}

function VirtualRows({
  places,
  rows,
  run,
}: {
  places: readonly number[];
  rows: readonly CheckedRow[];
  run: BatchRun;
}) {
  const { t } = useTranslation();
  const format = useFormat(); // here, as each row would make formatters of its own
  const reason = useReason();
  const scroller = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count: places.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 10,
  });
  const severalFiles = rows[0]?.file !== rows.at(-1)?.file;
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  const heads = ['what', 'days', 'units', 'lower', 'upper', 'state'] as const;
  const numeric: readonly string[] = ['units', 'lower', 'upper'];
  if (places.length === 0) return <p className={ui.hint}>{t('batch.result.none')}</p>;
  return (
    <section
      ref={scroller}
      className={classes(ui.scroller, styles.results)}
      tabIndex={0}
      aria-label={`${t('batch.result.caption')}. ${t('table.scroll')}`}
    >
      <table className={ui.table} aria-rowcount={places.length + 1}>
        <caption className="visually-hidden">{t('batch.result.caption')}</caption>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" className={ui.number}>
              {t('batch.check.line')}
            </th>
            {heads.map((head) => (
              <th key={head} scope="col" className={numeric.includes(head) ? ui.number : undefined}>
                {t(`batch.result.${head}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Spacer height={before} />
          {items.map(({ index }) => {
            const at = places[index] as number;
            const row = rows[at] as CheckedRow;
            const line = severalFiles ? `${row.file}, ${row.line}` : row.line;
            const outcome = run.outcomes[at];
            return (
              <ResultRow
                key={at}
                index={index}
                line={line}
                row={row}
                outcome={outcome}
                why={reason(row, outcome)}
                format={format}
              />
            );
          })}
          <Spacer height={after} />
        </tbody>
      </table>
    </section>
  );
}

/** The height of the rows that are not in the page. */
function Spacer({ height }: { height: number }) {
  if (height <= 0) return null;
  return (
    <tr aria-hidden="true" className={styles.spacer}>
      <td colSpan={COLUMNS} style={{ height }} />
    </tr>
  );
}

function ResultRow({
  index,
  line,
  row,
  outcome,
  why,
  format: { units, days },
}: {
  index: number;
  line: number | string;
  row: CheckedRow;
  outcome: Outcome | undefined;
  why: string | null;
  format: Format;
}) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const forecast = outcome?.kind === 'forecast' ? outcome : null;
  const value = (name: (typeof NUMBERS)[number]) => {
    const each = forecast?.sum[NUMBERS.indexOf(name)];
    return units(each === undefined || Number.isNaN(each) ? null : each);
  };
  return (
    <tr aria-rowindex={index + 2} className={styles.row}>
      <td className={ui.number}>{line}</td>
      <th scope="row">
        {forecast ? (
          <Link
            href={linkTo('forecast', {
              node: forecast.node,
              horizon: forecast.dates.length,
              date: row.item?.date,
            })}
          >
            {nodeLabel(forecast.node)}
          </Link>
        ) : (
          row.name
        )}
      </th>
      <td>{forecast && days(forecast.first, forecast.last)}</td>
      <td className={ui.number}>{forecast && value('prediction')}</td>
      <td className={ui.number}>{forecast && value('lower_80')}</td>
      <td className={ui.number}>{forecast && value('upper_80')}</td>
      <td className={why === null ? undefined : ui.bad}>
        {why ??
          (forecast
            ? t(`method.${forecast.method as 'model'}`, { defaultValue: forecast.method })
            : t('batch.result.waiting'))}
      </td>
    </tr>
  );
}
