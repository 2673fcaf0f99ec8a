import { useTranslation } from 'react-i18next';
import { classes } from '@/ui/classes';
import ui from '@/ui/ui.module.css';
import type { Sort, SortKey } from './drilldown-rows';
import styles from './tree.module.css';

/** Class of the cells of a figure, and of one that a narrow screen shows on request only. */
export const FIGURE = classes(ui.number, styles.figure);
export const EXTRA = classes(FIGURE, styles.extra);

/** Head of the table; the columns by which it can be sorted are buttons. */
export function DrilldownHead({
  sort,
  onSort,
  weeks,
}: {
  sort: Sort;
  onSort: (sort: Sort) => void;
  /** By how many the sales that forecasts are compared with are earlier. */
  weeks: number;
}) {
  const { t } = useTranslation();
  return (
    <thead>
      <tr>
        <SortableColumn id="name" label={t('node.label')} sort={sort} onSort={onSort} />
        <th scope="col" className={styles.ways}>
          {t('tree.more')}
        </th>
        <SortableColumn id="forecast" label={t('chart.forecast')} sort={sort} onSort={onSort} />
        <SortableColumn
          id="change"
          label={t('basis.change', { count: weeks })}
          sort={sort}
          onSort={onSort}
        />
        <SortableColumn id="units" label={t('basis.units')} sort={sort} onSort={onSort} />
        <th scope="col" className={EXTRA}>
          {t('basis.sold', { count: weeks })}
        </th>
        <th scope="col" className={EXTRA}>
          {t('tree.share')}
        </th>
        <th scope="col" className={EXTRA}>
          {t('chart.band', { level: 80 })}
        </th>
      </tr>
    </thead>
  );
}

function SortableColumn({
  id,
  label,
  sort,
  onSort,
}: {
  id: SortKey;
  label: string;
  sort: Sort;
  onSort: (sort: Sort) => void;
}) {
  const sorted = sort.by === id;
  const order = sort.descending ? 'descending' : 'ascending';
  return (
    <th
      scope="col"
      className={id === 'name' ? styles.name : FIGURE}
      aria-sort={sorted ? order : 'none'}
    >
      <button
        type="button"
        className={styles.sort}
        onClick={() => onSort({ by: id, descending: sorted ? !sort.descending : id !== 'name' })}
      >
        {label}
        <span aria-hidden="true" className={styles.arrow}>
          {sorted ? (sort.descending ? '↓' : '↑') : '↕'}
        </span>
      </button>
    </th>
  );
}
