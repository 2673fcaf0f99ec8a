import { useVirtualizer } from '@tanstack/react-virtual';
import { startTransition, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { weeksOfBasis } from '@/api/basis';
import { useNodeLabel } from '@/api/nodes';
import type { Meta, TreeNode } from '@/api/queries';
import { CheckField } from '@/ui/check-field';
import { classes } from '@/ui/classes';
import { Skeleton } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import { list, useQueryState } from '@/url/query-state';
import { DrilldownHead } from './drilldown-head';
import { DrilldownRow } from './drilldown-row';
import { rowsOf, type Sort } from './drilldown-rows';
import styles from './tree.module.css';
import { type TreeView, useBranches } from './use-branches';
import { levelOfId } from './way';

const ROW_PIXELS = 44;
/** Opened nodes in the address, the newest: an address of any length would not be passed on whole. */
const MOST_WRITTEN = 20;
const NONE: string[] = [];

/**
 * Table of a tree of forecasts, whose nodes are opened one by one.
 *
 * What is below a node is loaded when it is opened, and only the rows that are seen are in the page,
 * so that a retailer of any size can be looked through.
 */
export function HierarchyDrilldown({
  meta,
  view,
  sort,
  onSort,
  find,
}: {
  meta: Meta;
  view: TreeView;
  sort: Sort;
  onSort: (sort: Sort) => void;
  /** Text that the names of the rows have to hold. */
  find: string;
}) {
  const { t } = useTranslation();
  const label = useOwnLabel();
  const [opened, setOpen] = useOpened(meta, view.node);
  const [all, setAll] = useState(false);
  const branches = useBranches(meta, view, opened);
  const root = branches.get(view.node);
  const [top, setTop] = useState<TreeNode>(); // it stays when its row is closed
  if (root?.node !== undefined && root.node !== top) setTop(root.node);
  const words = useMemo(() => find.toLocaleLowerCase().split(/\s+/).filter(Boolean), [find]);
  const rows = top ? rowsOf(top, { branches, sort, label, words }) : [];

  const scroller = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 10,
  });
  const seen = virtual.getVirtualItems();
  const before = seen[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (seen.at(-1)?.end ?? 0);

  if (root?.error && top === undefined) {
    return <ProblemNotice error={root.error} retry={root.retry} />;
  }
  if (top === undefined) return <Skeleton />;
  return (
    <>
      <div className={classes(styles.narrow, 'no-print')}>
        <CheckField label={t('tree.all')} checked={all} onChange={setAll} />
      </div>
      <section
        ref={scroller}
        className={classes(ui.scroller, styles.scroller)}
        tabIndex={0}
        aria-label={`${t('tree.title')}. ${t('table.scroll')}`}
      >
        <table
          className={classes(ui.table, styles.table, all && styles.all)}
          aria-rowcount={rows.length + 1}
        >
          <caption className="visually-hidden">{t('tree.title')}</caption>
          <DrilldownHead
            sort={sort}
            onSort={onSort}
            weeks={weeksOfBasis(meta, view.against, view.horizon)}
          />
          <tbody>
            {before > 0 && <tr aria-hidden="true" style={{ height: before }} />}
            {seen.map(({ index }) => {
              const row = rows[index];
              return (
                row && (
                  <DrilldownRow
                    key={row.kind === 'node' ? row.node.id : `${row.kind}-${row.parent.id}`}
                    row={row}
                    index={index}
                    measure={virtual.measureElement}
                    label={label}
                    view={view}
                    setOpen={setOpen}
                  />
                )
              );
            })}
            {after > 0 && <tr aria-hidden="true" style={{ height: after }} />}
          </tbody>
        </table>
      </section>
    </>
  );
}

/**
 * The nodes that are open, with their levels, and how to open and close one.
 *
 * The address follows, so that who loads the page again or gets its address sees the same rows. It
 * is no step of the history, and rows are drawn in steps: a table takes long on a phone.
 */
function useOpened(meta: Meta, root: string) {
  const [written, setWritten] = useQueryState('open', list, NONE, 'replace');
  const [opened, setOpened] = useState<ReadonlyMap<string, string>>(
    () => new Map([root, ...written.slice(0, MOST_WRITTEN)].map((id) => [id, levelOfId(meta, id)])),
  );
  useEffect(() => {
    setWritten([...opened.keys()].filter((id) => id !== root).slice(-MOST_WRITTEN));
  }, [opened, root, setWritten]);
  const setOpen = useCallback((node: TreeNode, open: boolean) => {
    startTransition(() =>
      setOpened((before) => {
        const next = new Map(before);
        if (open) next.set(node.id, node.level);
        else next.delete(node.id);
        return next;
      }),
    );
  }, []);
  return [opened, setOpen] as const;
}

/** Return the label of a node without the parts that the node above it has too. */
function useOwnLabel(): (node: TreeNode, parent: TreeNode | null) => string {
  const nodeLabel = useNodeLabel();
  return useCallback(
    (node, parent) => {
      const above = new Set(parent?.id.split(/\/(?=\w+:)/));
      const own = node.id.split(/\/(?=\w+:)/).filter((part) => !above.has(part));
      return nodeLabel(own.length > 0 ? own.join('/') : node.id);
    },
    [nodeLabel],
  );
}
