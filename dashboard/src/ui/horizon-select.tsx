import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Meta } from '@/api/queries';
import { Segments, TextField } from './field';
import ui from './ui.module.css';

const OTHER = 'other';

/** Choice of the horizon: the common ones that the API lists, or any number up to the largest. */
export function HorizonSelect({
  meta,
  value,
  onChange,
}: {
  meta: Pick<Meta, 'horizons' | 'max_horizon' | 'step'>;
  value: number;
  onChange: (horizon: number) => void;
}) {
  const { t } = useTranslation();
  const common = [7, ...meta.horizons].filter((each) => each <= meta.max_horizon);
  const offered = meta.step === 'day' ? common : [...meta.horizons];
  const [other, setOther] = useState(!offered.includes(value));
  const [typed, setTyped] = useState(String(value));
  const unit = meta.step === 'day' ? 'horizon.days' : 'horizon.weeks';
  const choices = offered.map((each) => ({ value: String(each), label: t(unit, { count: each }) }));
  const number = Number(typed);
  const valid = Number.isInteger(number) && number >= 1 && number <= meta.max_horizon;
  return (
    <div className={ui.toolbar}>
      <Segments
        label={t('horizon.label')}
        value={other ? OTHER : String(value)}
        choices={[...choices, { value: OTHER, label: t('horizon.other') }]}
        onChange={(choice) => {
          setOther(choice === OTHER);
          if (choice !== OTHER) {
            setTyped(choice);
            onChange(Number(choice));
          }
        }}
      />
      {other && (
        <TextField
          label={t('horizon.number', { most: meta.max_horizon })}
          type="number"
          min={1}
          max={meta.max_horizon}
          value={typed}
          fault={!valid && t('horizon.number', { most: meta.max_horizon })}
          onChange={(next) => {
            setTyped(next);
            const wanted = Number(next);
            if (Number.isInteger(wanted) && wanted >= 1 && wanted <= meta.max_horizon)
              onChange(wanted);
          }}
        />
      )}
    </div>
  );
}
