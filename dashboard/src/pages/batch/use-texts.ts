import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { useProblemText } from '@/api/problem-titles';
import { useFormat } from '@/format/use-format';
import type { TableFault } from './check-columns';
import type { CheckedRow, RowFault } from './check-rows';
import type { Outcome } from './outcomes';

/** Return the text of what is wrong with a file. */
export function useTableFaultText(): (fault: TableFault) => string {
  const { t } = useTranslation();
  return ({ kind, ...values }) => t(`batch.tableFault.${kind}`, values);
}

/** Return the text of what is wrong with a row. */
export function useRowFaultText(): (fault: RowFault) => string {
  const { t } = useTranslation();
  const { day } = useFormat();
  return useCallback(
    (fault) =>
      fault.kind === 'dateRange'
        ? t('batch.fault.dateRange', { first: day(fault.first), last: day(fault.last) })
        : t(`batch.fault.${fault.kind}`, { ...fault }),
    [t, day],
  );
}

/** Return why a row has no forecast, by the page or by the API; null where it has or awaits one. */
export function useReason(): (row: CheckedRow, outcome: Outcome | undefined) => string | null {
  const text = useRowFaultText();
  const problemText = useProblemText();
  return useCallback(
    (row, outcome) => {
      if (outcome?.kind === 'refused') return problemText(outcome);
      if (row.faults.length === 0) return null;
      return row.faults
        .map((fault) => [fault.column, text(fault)].filter(Boolean).join(': '))
        .join(' ');
    },
    [text, problemText],
  );
}
