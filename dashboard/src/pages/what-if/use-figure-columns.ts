import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import type { Column } from '@/ui/data-table';
import { useChanges } from './use-changes';

/** Units without and with the changes, and what lies between them. */
export interface Figures {
  baseline: number;
  scenario: number;
  delta: number;
  /** The difference as a share of the baseline; null where that is zero. */
  share: number | null;
}

/** Return the columns of figures: what the page is about first, which a phone shows without a scroll. */
export function useFigureColumns<Row>(figuresOf: (row: Row) => Figures): Column<Row>[] {
  const { t } = useTranslation();
  const { units } = useFormat();
  const changes = useChanges();
  const column = (id: string, label: string, text: (of: Figures) => string): Column<Row> => ({
    id,
    label,
    numeric: true,
    cell: (row) => text(figuresOf(row)),
  });
  return [
    column('delta', t('whatIf.result.delta'), ({ delta }) => changes.units(delta)),
    column('share', t('whatIf.result.share'), ({ share }) => changes.share(share)),
    column('baseline', t('whatIf.result.planned'), ({ baseline }) => units(baseline)),
    column('scenario', t('whatIf.result.scenario'), ({ scenario }) => units(scenario)),
  ];
}
