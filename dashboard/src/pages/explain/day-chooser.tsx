import { useTranslation } from 'react-i18next';
import type { Meta } from '@/api/queries';
import { addSteps } from '@/api/steps';
import { Button } from '@/ui/button';
import { DayField } from '@/ui/day-field';
import styles from './explain.module.css';

/** Choice of a day by its date, or by steps from the one that is chosen. */
export function DayChooser({
  meta,
  value,
  onChange,
}: {
  meta: Pick<Meta, 'forecast' | 'step'>;
  value: string;
  onChange: (day: string) => void;
}) {
  const { t } = useTranslation();
  const first = meta.forecast.first as string;
  const last = meta.forecast.last as string;
  const before = addSteps(meta, value, -1);
  const after = addSteps(meta, value, 1);
  const week = meta.step === 'week';
  return (
    <div className={styles.days}>
      <Button
        aria-label={t(week ? 'explain.previousWeek' : 'explain.previousDay')}
        disabled={before < first}
        onClick={() => onChange(before)}
      >
        ←
      </Button>
      <DayField
        label={t('explain.dayHint')}
        min={first}
        max={last}
        value={value}
        onChange={onChange}
      />
      <Button
        aria-label={t(week ? 'explain.nextWeek' : 'explain.nextDay')}
        disabled={after > last}
        onClick={() => onChange(after)}
      >
        →
      </Button>
    </div>
  );
}
