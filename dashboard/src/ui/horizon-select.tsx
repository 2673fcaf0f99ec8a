import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Meta } from '@/api/queries';
import { commonHorizons } from '@/api/steps';
import { type HistoryMode, useTyping } from '@/url/query-state';
import { Segments, TextField } from './field';
import ui from './ui.module.css';

const OTHER = 'other';

/**
 * Choice of the horizon: common ones, or any number up to the largest.
 *
 * @param common those to offer instead of the usual ones, for a question of its own.
 */
export function HorizonSelect({
  meta,
  value,
  label,
  common,
  onChange,
}: {
  meta: Pick<Meta, 'max_horizon' | 'step'>;
  value: number;
  label?: string;
  common?: readonly number[];
  onChange: (horizon: number, mode?: HistoryMode) => void;
}) {
  const { t } = useTranslation();
  const typing = useTyping();
  const offered = commonHorizons(meta, common);
  const [wantsOther, setWantsOther] = useState(false);
  const [draft, setDraft] = useState({ typed: '', of: Number.NaN }); // of another value: outdated
  const other = wantsOther || !offered.includes(value);
  const typed = draft.of === value ? draft.typed : String(value);
  const unit = meta.step === 'day' ? 'horizon.days' : 'horizon.weeks';
  const range = t(meta.step === 'day' ? 'horizon.number' : 'horizon.numberOfWeeks', {
    most: meta.max_horizon,
  });
  const choices = offered.map((each) => ({ value: String(each), label: t(unit, { count: each }) }));
  const number = Number(typed);
  const valid = Number.isInteger(number) && number >= 1 && number <= meta.max_horizon;
  return (
    <div className={ui.toolbar}>
      <Segments
        label={label ?? t('horizon.label')}
        value={other ? OTHER : String(value)}
        choices={[...choices, { value: OTHER, label: t('horizon.other') }]}
        onChange={(choice) => {
          setWantsOther(choice === OTHER);
          if (choice !== OTHER) onChange(Number(choice));
        }}
      />
      {other && (
        <TextField
          label={range}
          type="number"
          min={1}
          max={meta.max_horizon}
          value={typed}
          onFocus={typing.onFocus}
          fault={!valid && range}
          onChange={(next) => {
            const wanted = Number(next);
            const usable = Number.isInteger(wanted) && wanted >= 1 && wanted <= meta.max_horizon;
            setWantsOther(true); // a common number may be the beginning of another
            setDraft({ typed: next, of: usable ? wanted : value });
            if (usable && wanted !== value) onChange(wanted, typing.mode());
          }}
        />
      )}
    </div>
  );
}
