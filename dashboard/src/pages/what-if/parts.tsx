import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useLevelLabel, useNodeLabel } from '@/api/nodes';
import type { WhatIf } from '@/api/queries';
import { Button } from '@/ui/button';
import { classes } from '@/ui/classes';
import { type Column, DataTable } from '@/ui/data-table';
import { linkTo } from '@/url/links';
import { type PartRow, partRows } from './part-rows';
import { useFigureColumns } from './use-figure-columns';
import styles from './what-if.module.css';

const SIBLINGS_SHOWN = 20;

function usePartColumns({ date, horizon }: WhatIf): Column<PartRow>[] {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const levelLabel = useLevelLabel();
  const figures = useFigureColumns<PartRow>((row) => ({
    ...row,
    share: row.baseline === 0 ? null : row.delta / row.baseline,
  }));
  return [
    {
      id: 'name',
      label: t('whatIf.parts.name'),
      cell: ({ node, count, depth }) => (
        <span className={classes(styles.name, depth > 0 && styles.nested)}>
          {node === null ? (
            t('whatIf.parts.rest', { count })
          ) : (
            <Link href={linkTo('forecast', { node, date, horizon })}>{nodeLabel(node)}</Link>
          )}
        </span>
      ),
    },
    ...figures,
    { id: 'level', label: t('whatIf.parts.level'), cell: ({ level }) => levelLabel(level) },
  ];
}

/** Where a scenario's difference arises, and what it adds up to. */
export function Parts({ answer }: { answer: WhatIf }) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  const columns = usePartColumns(answer);
  const above = answer.ancestors.map(
    (each): PartRow => ({ ...each, node: each.id, count: 1, depth: 0 }),
  );
  const rows = partRows(answer.children, all ? Number.POSITIVE_INFINITY : SIBLINGS_SHOWN);
  const folded = all || rows.some((each) => each.node === null);
  return (
    <div className={styles.parts}>
      {rows.length > 0 ? (
        <DataTable
          caption={t('whatIf.parts.below')}
          columns={columns}
          rows={rows}
          keyOf={(row) => row.id}
        />
      ) : (
        answer.level === 'bottom' && <p className={styles.soft}>{t('whatIf.parts.none')}</p>
      )}
      {folded && (
        <Button onClick={() => setAll(!all)}>
          {t(all ? 'whatIf.parts.largest' : 'whatIf.parts.all')}
        </Button>
      )}
      {above.length > 0 && (
        <DataTable
          caption={t('whatIf.parts.above')}
          columns={columns}
          rows={above}
          keyOf={(row) => row.id}
        />
      )}
    </div>
  );
}
