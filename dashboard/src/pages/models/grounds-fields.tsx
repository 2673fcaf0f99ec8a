import { useTranslation } from 'react-i18next';
import { CheckField } from '@/ui/check-field';
import { TextField } from '@/ui/field';
import { Notice } from '@/ui/layout';
import type { riskOf } from './use-models';

export interface Grounds {
  reason: string;
  force: boolean;
}

export const NO_GROUNDS: Grounds = { reason: '', force: false };

type Risk = ReturnType<typeof riskOf>;

/** Return whether grounds suffice: what is risky takes a second thought and a reason. */
export function suffice({ reason, force }: Grounds, risk: Risk): boolean {
  return risk === null || (force && reason.trim() !== '');
}

/** The reason of a change, and the second thought that a risky one takes. */
export function GroundsFields({
  risk,
  value,
  onChange,
}: {
  risk: Risk;
  value: Grounds;
  onChange: (grounds: Grounds) => void;
}) {
  const { t } = useTranslation();
  return (
    <>
      <TextField
        label={t('models.reason')}
        hint={t(risk ? 'models.reasonNeeded' : 'models.reasonHint')}
        value={value.reason}
        maxLength={500}
        onChange={(reason) => onChange({ ...value, reason })}
      />
      {risk && (
        <>
          <Notice tone="warn">
            <p>{t(`models.risk.${risk}`)}</p>
          </Notice>
          <CheckField
            label={t('models.force')}
            checked={value.force}
            onChange={(force) => onChange({ ...value, force })}
          />
        </>
      )}
    </>
  );
}
