import { useDeferredValue } from 'react';
import { useTranslation } from 'react-i18next';
import { useBasis, weeksOfBasis } from '@/api/basis';
import { useNodeLabel } from '@/api/nodes';
import { type Hierarchy, type Meta, useTree } from '@/api/queries';
import { firstAhead, lastOfWindow, usualHorizon } from '@/api/steps';
import { useFormat } from '@/format/use-format';
import { BasisChoice } from '@/ui/basis-choice';
import { DayField } from '@/ui/day-field';
import { SelectField, TextField } from '@/ui/field';
import { HorizonSelect } from '@/ui/horizon-select';
import { Card, Page } from '@/ui/layout';
import { MetaPage } from '@/ui/meta-page';
import { NodePicker } from '@/ui/node-picker';
import ui from '@/ui/ui.module.css';
import { day, list, oneOf, text, useQueryState, whole } from '@/url/query-state';
import { changeOf, type Sort, type SortKey } from './drilldown-rows';
import { HierarchyDrilldown } from './hierarchy-drilldown';
import styles from './tree.module.css';
import { branchRequest, type TreeView } from './use-branches';
import { levelOfId, levelsOfWay, wayThrough } from './way';
import { WaySelect } from './way-select';

const HORIZON = whole(1, 365);
const ORDERS = [
  '-forecast',
  'forecast',
  '-units',
  'units',
  '-change',
  'change',
  'name',
  '-name',
] as const;
const SORT = oneOf(...ORDERS);
const NOTHING: string[] = [];
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
  const [, setOpen] = useQueryState('open', list, NOTHING);
  const first = date || firstAhead(meta);
  const [against, setAgainst] = useBasis(meta, { first, horizon });
  const by = wayThrough(meta, wanted, node);
  const view = { node, by, horizon, date, against };
  const lead = useLead(meta, view);
  const sort: Sort = {
    by: written.replace('-', '') as SortKey,
    descending: written.startsWith('-'),
  };

  function changeRoot(next: string): void {
    setNode(next);
    setOpen(NOTHING);
  }

  function changeWay(next: string): void {
    setWanted(next);
    setOpen(NOTHING);
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
            <NodePicker label={t('tree.root')} value={node} onChange={changeRoot} />
          </div>
          <WaySelect meta={meta} by={by} onChange={changeWay} />
          <DayField
            label={t('date.first')}
            min={meta.forecast.first as string}
            max={meta.forecast.last as string}
            value={first}
            onChange={setDate}
          />
          <HorizonSelect meta={meta} value={horizon} onChange={setHorizon} />
          <BasisChoice meta={meta} horizon={horizon} value={against} onChange={setAgainst} />
          <SelectField
            label={t('tree.order.label')}
            value={written}
            choices={ORDERS.map((value) => ({ value, label: t(`tree.order.${value}`) }))}
            onChange={setWritten}
          />
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
          view={view}
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
function useLead(meta: Meta, view: TreeView): string | undefined {
  const { t } = useTranslation();
  const { units, days, shareChange, change } = useFormat();
  const nodeLabel = useNodeLabel();
  // the same call as that of the table, so that it is made once
  const { data } = useTree(branchRequest(meta, view, view.node, levelOfId(meta, view.node)));
  if (data === undefined) return undefined;
  const { tree } = data;
  const daysFrom = (first: string) => days(first, lastOfWindow(meta, first, data.horizon));
  const sum = t('tree.lead', {
    days: daysFrom(data.date),
    units: units(tree.prediction),
  });
  const count = weeksOfBasis(meta, view.against, data.horizon);
  if (tree.previous === null || data.previous_date === null)
    return `${sum} ${t('basis.unknown', { count })}`;
  const compared = t('tree.compared', {
    change: shareChange(tree.trend),
    basis: t(`basis.${meta.step}`, { count }),
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
    .flatMap((each) => {
      const change = changeOf(each);
      return change === null ? [] : [{ id: each.id, change }];
    })
    .toSorted((a, b) => Math.abs(b.change) - Math.abs(a.change))[0];
}
