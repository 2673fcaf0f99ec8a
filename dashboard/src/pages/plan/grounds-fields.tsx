import { useTranslation } from 'react-i18next';
import type { OverrideReason } from '@/api/overrides';
import { Field, SelectField, TextField } from '@/ui/field';
import type { Grounds } from './use-grounds';

const REASONS: readonly OverrideReason[] = [
  'promotion',
  'event',
  'price',
  'assortment',
  'supply',
  'weather',
  'correction',
  'other',
];
const MOST_CHARACTERS = 500;

function today(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

/** Why an override is made, and until when it counts. */
export function GroundsFields({
  grounds,
  onChange,
}: {
  grounds: Grounds;
  onChange: (grounds: Grounds) => void;
}) {
  const { t } = useTranslation();
  return (
    <>
      <SelectField<OverrideReason>
        label={t('plan.reason.label')}
        hint={t('plan.reason.hint')}
        value={grounds.reason}
        choices={REASONS.map((value) => ({ value, label: t(`plan.reason.${value}`) }))}
        onChange={(reason) => onChange({ ...grounds, reason })}
      />
      <Field label={t('plan.note.label')} hint={t('plan.note.hint')}>
        {(control) => (
          <textarea
            {...control}
            rows={2}
            maxLength={MOST_CHARACTERS}
            value={grounds.note}
            onChange={(event) => onChange({ ...grounds, note: event.target.value })}
          />
        )}
      </Field>
      <TextField
        type="date"
        label={t('plan.until.label')}
        hint={t('plan.until.hint')}
        min={today()}
        value={grounds.until}
        onChange={(until) => onChange({ ...grounds, until })}
      />
    </>
  );
}
