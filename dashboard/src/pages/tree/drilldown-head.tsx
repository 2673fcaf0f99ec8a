import { useTranslation } from 'react-i18next';
import ui from '@/ui/ui.module.css';
import type { Sort, SortKey } from './drilldown-rows';
import styles from './tree.module.css';

/** Head of the table; the columns by which it can be sorted are buttons. */
export function DrilldownHead({ sort, onSort }: { sort: Sort; onSort: (sort: Sort) => void }) {
  const { t } = useTranslation();
  return (
    <thead>
      <tr>
        <SortableColumn id="name" label={t('node.label')} sort={sort} onSort={onSort} />
        <SortableColumn id="forecast" label={t('chart.forecast')} sort={sort} onSort={onSort} />
        <SortableColumn id="change" label={t('tree.change')} sort={sort} onSort={onSort} />
        <th scope="col" className={ui.number}>
          {t('tree.previous')}
        </th>
        <th scope="col" className={ui.number}>
          {t('tree.share')}
        </th>
        <th scope="col" className={ui.number}>
          {t('chart.band', { level: 80 })}
        </th>
        <th scope="col">{t('tree.more')}</th>
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
      className={id === 'name' ? styles.name : ui.number}
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
