import type { CSSProperties, KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { TreeNode } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { classes } from '@/ui/classes';
import { Skeleton } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import { linkTo } from '@/url/links';
import { EXTRA, FIGURE } from './drilldown-head';
import { addsUp, changeOf, type NodeRow, type Row, type SumRow } from './drilldown-rows';
import styles from './tree.module.css';
import type { TreeView } from './use-branches';

const COLUMNS = 8;
/** Shares by which a change counts as clear, and as strong. */
const CLEAR = 0.05;
const STRONG = 0.15;

function indent(depth: number): CSSProperties {
  return { '--depth': depth } as CSSProperties;
}

interface RowProps<Kind extends Row> {
  row: Kind;
  index: number;
  measure: (element: HTMLElement | null) => void;
  label: (node: TreeNode, parent: TreeNode | null) => string;
  view: TreeView;
  setOpen: (node: TreeNode, open: boolean) => void;
}

/** A row of the tree: a node, the sum of those below it, or the place of what is not there yet. */
export function DrilldownRow(props: RowProps<Row>) {
  const { row, ...rest } = props;
  if (row.kind === 'node') return <NodeOfTree {...rest} row={row} />;
  if (row.kind === 'sum') return <SumOfNodes {...rest} row={row} />;
  return (
    <tr data-index={props.index} ref={props.measure} aria-rowindex={props.index + 2}>
      <td colSpan={COLUMNS}>
        {row.error ? (
          <ProblemNotice error={row.error} retry={row.retry} />
        ) : (
          <Skeleton height="1.5rem" />
        )}
      </td>
    </tr>
  );
}

function NodeOfTree({ row, index, measure, label, view, setOpen }: RowProps<NodeRow>) {
  const { t } = useTranslation();
  const { units, share, change } = useFormat();
  const { node, parent, depth, open } = row;
  const name = label(node, parent);
  const interval = node.intervals[0];
  const part = parent && parent.prediction > 0 ? node.prediction / parent.prediction : null;
  const query = { node: node.id, date: view.date };
  return (
    <tr data-index={index} ref={measure} aria-rowindex={index + 2}>
      <th scope="row" className={styles.name}>
        <div className={styles.label} style={indent(depth)}>
          {node.level === 'bottom' ? (
            <span className={styles.leaf}>{name}</span>
          ) : (
            <button
              type="button"
              className={styles.disclosure}
              aria-expanded={open}
              onClick={() => setOpen(node, !open)}
              onKeyDown={(event: KeyboardEvent) => {
                if (event.key === 'ArrowRight') setOpen(node, true);
                else if (event.key === 'ArrowLeft') setOpen(node, false);
                else return;
                event.preventDefault(); // the table would scroll
              }}
            >
              <span aria-hidden="true" className={styles.marker}>
                {open ? '▾' : '▸'}
              </span>
              {name}
            </button>
          )}
        </div>
      </th>
      <td className={styles.ways}>
        <span className={styles.links}>
          <Link
            href={linkTo('forecast', { ...query, horizon: view.horizon })}
            aria-label={t('tree.forecastOf', { node: name })}
          >
            {t('nav.forecast')}
          </Link>
          <Link href={linkTo('explain', query)} aria-label={t('tree.whyOf', { node: name })}>
            {t('nav.explain')}
          </Link>
        </span>
      </td>
      <td className={FIGURE}>{units(node.prediction)}</td>
      <ChangeCell change={node.trend} />
      <td className={FIGURE}>{change(changeOf(node))}</td>
      <td className={EXTRA}>{units(node.previous)}</td>
      <td className={EXTRA}>
        {share(part)}
        {part !== null && (
          <span className={styles.bar} aria-hidden="true">
            <span style={{ width: `${Math.min(100, part * 100)}%` }} />
          </span>
        )}
      </td>
      <td className={EXTRA}>
        {interval ? `${units(interval.lower)} – ${units(interval.upper)}` : '–'}
      </td>
    </tr>
  );
}

/** Change with its sign and an arrow; the colour only adds how strong it is. */
function ChangeCell({ change }: { change: number | null }) {
  const { shareChange } = useFormat();
  const size = Math.abs(change ?? 0);
  const up = (change ?? 0) > 0;
  return (
    <td className={FIGURE}>
      <span
        className={classes(
          styles.change,
          size >= CLEAR && (up ? styles.up : styles.down),
          size >= STRONG && styles.strong,
        )}
      >
        {size >= CLEAR && (
          <span aria-hidden="true" className={styles.way}>
            {up ? '▲' : '▼'}
          </span>
        )}
        {shareChange(change)}
      </span>
    </td>
  );
}

function SumOfNodes({ row, index, measure, label }: RowProps<SumRow>) {
  const { t } = useTranslation();
  const { units, share, shareChange, change } = useFormat();
  const { parent, depth, count, shown } = row;
  const equal = addsUp(row.units, parent.prediction);
  const name = label(parent, null);
  return (
    <tr data-index={index} ref={measure} aria-rowindex={index + 2} className={styles.sum}>
      <th scope="row" className={styles.name}>
        <div className={styles.label} style={indent(depth)}>
          <span className={styles.leaf}>
            {t(equal ? 'tree.sum' : 'tree.sumDiffers', { count, node: name })}
            {shown < count && ` ${t('tree.shown', { count: shown })}`}
          </span>
        </div>
      </th>
      <td className={styles.ways} />
      <td className={FIGURE}>{units(row.units)}</td>
      <td className={FIGURE}>
        <span className={styles.change}>
          {shareChange(row.previous ? row.units / row.previous - 1 : null)}
        </span>
      </td>
      <td className={FIGURE}>
        {change(changeOf({ prediction: row.units, previous: row.previous }))}
      </td>
      <td className={EXTRA}>{units(row.previous)}</td>
      <td className={EXTRA}>
        {share(parent.prediction > 0 ? row.units / parent.prediction : null)}
      </td>
      <td className={EXTRA}>–</td>
    </tr>
  );
}
