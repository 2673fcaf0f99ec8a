import { useTranslation } from 'react-i18next';
import type { OverrideOp, OverrideSpread } from '@/api/overrides';
import type { Meta } from '@/api/queries';
import { daysBetween } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { Segments, TextField } from '@/ui/field';
import { NodePicker } from '@/ui/node-picker';
import { NumberEntry } from './number-entry';
import styles from './plan.module.css';
import { type Faults, spanOf, type useDraft } from './use-draft';

const OPERATIONS: readonly OverrideOp[] = ['multiply', 'add', 'set'];
const SPREADS: readonly OverrideSpread[] = ['day', 'period'];

/** What an override is of, and what it does. */
export function DraftFields({
  meta,
  state,
  faults,
}: {
  meta: Meta;
  state: ReturnType<typeof useDraft>;
  faults: Faults;
}) {
  const { t } = useTranslation();
  const { number } = useFormat();
  const { draft } = state;
  const { first, last, step } = spanOf(meta);
  const steps = daysBetween(draft.from, draft.to) / step + 1;
  const range = { type: 'date', min: first, max: last, step } as const;
  const factor = draft.op === 'multiply' && draft.value !== null;
  return (
    <>
      <NodePicker value={draft.node} onChange={state.setNode} />
      <div className={styles.pair}>
        <TextField
          {...range}
          label={t('date.first')}
          value={draft.from}
          fault={faults.from}
          onChange={(date) => date && state.setFrom(date)}
        />
        <TextField
          {...range}
          label={t('date.last')}
          value={draft.to}
          fault={faults.to}
          onChange={(date) => date && state.setTo(date)}
        />
      </div>
      <Segments<OverrideOp>
        label={t('plan.op.label')}
        value={draft.op}
        choices={OPERATIONS.map((value) => ({ value, label: t(`plan.op.${value}`) }))}
        onChange={(op) => {
          state.setOp(op);
          state.setValue(null); // 120 units are not 120 percent
        }}
      />
      <NumberEntry
        key={draft.op}
        op={draft.op}
        value={draft.value}
        onChange={state.setValue}
        label={t(`plan.value.${draft.op}`)}
        hint={
          factor
            ? t('plan.value.factor', { factor: number(draft.value ?? 1, 6) })
            : t(`plan.value.${draft.op}Hint`)
        }
        fault={faults.value}
        notANumber={t('plan.fault.number')}
      />
      {draft.op !== 'multiply' && steps > 1 && (
        <Segments<OverrideSpread>
          label={t('plan.spread.label')}
          value={draft.spread}
          choices={SPREADS.map((value) => ({
            value,
            label: t(`plan.spread.${meta.step}.${value}`, { count: steps }),
          }))}
          onChange={state.setSpread}
        />
      )}
      {draft.op !== 'multiply' && steps > 1 && draft.spread === 'period' && (
        <p className={styles.hint}>{t('plan.spread.hint')}</p>
      )}
    </>
  );
}
