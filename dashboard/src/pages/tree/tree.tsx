import { useDeferredValue } from 'react';
import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import { type Hierarchy, type Meta, useTree } from '@/api/queries';
import { firstAhead, lastOfWindow, usualHorizon } from '@/api/steps';
import { useFormat } from '@/format/use-format';
import { DayField } from '@/ui/day-field';
import { TextField } from '@/ui/field';
import { HorizonSelect } from '@/ui/horizon-select';
import { Card, Page } from '@/ui/layout';
import { MetaPage } from '@/ui/meta-page';
import { NodePicker } from '@/ui/node-picker';
import ui from '@/ui/ui.module.css';
import { day, oneOf, text, useQueryState, whole } from '@/url/query-state';
import type { Sort, SortKey } from './drilldown-rows';
import { HierarchyDrilldown } from './hierarchy-drilldown';
import styles from './tree.module.css';
import { hasIntervals } from './use-branches';
import { levelOfId, levelsOfWay, wayThrough } from './way';
import { WaySelect } from './way-select';

const HORIZON = whole(1, 365);
const SORT = oneOf('name', '-name', 'forecast', '-forecast', 'change', '-change');
const TOTAL = 'total';

export default function TreePage() {
  const { t } = useTranslation();
  return <MetaPage title={t('tree.title')}>{(meta) => <TreeOf meta={meta} />}</MetaPage>;
}

function TreeOf({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const [node, setNode] = useQueryState('node', text, TOTAL);
  const [wanted, setWanted] = useQueryState('by', text, '');
  const [horizon, setHorizon] = useQueryState('horizon', HORIZON, usualHorizon(meta));
  const [date, setDate] = useQueryState('date', day, '');
  const [written, setWritten] = useQueryState('sort', SORT, '-forecast');
  const [find, setFind] = useQueryState('find', text, '', 'replace');
  const deferredFind = useDeferredValue(find);
  const by = wayThrough(meta, wanted, node);
  const lead = useLead(meta, { node, by, horizon, date });
  const sort: Sort = {
    by: written.replace('-', '') as SortKey,
    descending: written.startsWith('-'),
  };

  function changeWay(next: string): void {
    setWanted(next);
    const level = levelOfId(meta, node);
    // a root that the way passes by would leave nothing to show
    if (level !== TOTAL && level !== 'bottom' && !levelsOfWay(next).includes(level)) setNode(TOTAL);
  }

  return (
    <Page
      title={node === TOTAL ? t('tree.title') : `${t('tree.title')}: ${nodeLabel(node)}`}
      lead={lead}
      controls={
        <>
          <div className={ui.grow}>
            <NodePicker label={t('tree.root')} value={node} onChange={setNode} />
          </div>
          <WaySelect meta={meta} by={by} onChange={changeWay} />
          <DayField
            label={t('date.first')}
            min={meta.forecast.first as string}
            max={meta.forecast.last as string}
            value={date || firstAhead(meta)}
            onChange={setDate}
          />
          <HorizonSelect meta={meta} value={horizon} onChange={setHorizon} />
          <TextField
            label={t('tree.find')}
            type="search"
            placeholder={t('tree.findHint')}
            value={find}
            onChange={setFind}
          />
        </>
      }
    >
      <Card>
        <HierarchyDrilldown
          key={`${node} ${by}`}
          meta={meta}
          view={{ node, by, horizon, date }}
          sort={sort}
          onSort={(next) => setWritten(`${next.descending ? '-' : ''}${next.by}`)}
          find={deferredFind}
        />
        <p className={styles.note}>{t('tree.note')}</p>
      </Card>
    </Page>
  );
}

/** Return the sentence that answers the page: how much, how it changes, and what changes most. */
function useLead(
  meta: Meta,
  view: { node: string; by: string; horizon: number; date: string },
): string | undefined {
  const { t } = useTranslation();
  const { units, days, shareChange, change } = useFormat();
  const nodeLabel = useNodeLabel();
  const { by, date, ...rest } = view;
  const level = levelOfId(meta, view.node);
  // the same call as that of the table, so that it is made once
  const { data } = useTree({
    ...rest,
    depth: 1,
    ...(by ? { by } : {}),
    ...(date ? { date } : {}),
    ...(hasIntervals(meta, by, level) ? { intervals: '80' } : {}),
  });
  if (data === undefined) return undefined;
  const { tree } = data;
  const daysFrom = (first: string) => days(first, lastOfWindow(meta, first, data.horizon));
  const sum = t('tree.lead', {
    days: daysFrom(data.date),
    units: units(tree.prediction),
  });
  if (tree.trend === null || data.previous_date === null) return sum;
  const compared = t('tree.compared', {
    change: shareChange(tree.trend),
    days: daysFrom(data.previous_date),
  });
  const most = largestChange(data);
  if (most === undefined) return `${sum} ${compared}`;
  const moved = t('tree.moved', { node: nodeLabel(most.id), units: change(most.change) });
  return `${sum} ${compared} ${moved}`;
}

/** Return the child whose units change most, of those that can be compared. */
function largestChange(answer: Hierarchy): { id: string; change: number } | undefined {
  return answer.tree.children
    .flatMap(({ id, prediction, previous }) =>
      previous === null ? [] : [{ id, change: prediction - previous }],
    )
    .toSorted((a, b) => Math.abs(b.change) - Math.abs(a.change))[0];
}
