import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import styles from './ui.module.css';

export interface Column<Row> {
  id: string;
  label: string;
  numeric?: boolean;
  cell: (row: Row) => ReactNode;
}

/** A real table. The first column names the row. */
export function DataTable<Row>({
  caption,
  columns,
  rows,
  keyOf,
  idOf,
}: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** Id of a row in the document, for what leads to it. */
  idOf?: (row: Row) => string;
}) {
  const { t } = useTranslation();
  const [first, ...others] = columns;
  if (first === undefined) return null;
  return (
    // the keyboard scrolls what has the focus
    <section
      className={styles.scroller}
      tabIndex={0}
      aria-label={`${caption}. ${t('table.scroll')}`}
    >
      <table className={styles.table}>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.id}
                scope="col"
                className={column.numeric ? styles.number : undefined}
              >
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} {...(idOf ? { id: idOf(row), tabIndex: -1 } : {})}>
              <th scope="row" className={first.numeric ? styles.number : undefined}>
                {first.cell(row)}
              </th>
              {others.map((column) => (
                <td key={column.id} className={column.numeric ? styles.number : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/**
 * The table of a chart, folded and not made until it is opened.
 *
 * A year of days has thousands of cells, which would be made anew for each move of the cursor.
 */
export function TableOfChart({ label, children }: { label?: string; children: ReactNode }) {
  const { t } = useTranslation();
  const [wasOpened, setWasOpened] = useState(false);
  return (
    <details className={styles.details} onToggle={() => setWasOpened(true)}>
      <summary>{label ?? t('chart.table')}</summary>
      {wasOpened && children}
    </details>
  );
}
