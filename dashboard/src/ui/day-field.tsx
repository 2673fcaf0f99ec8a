import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { type HistoryMode, useTyping } from '@/url/query-state';
import { TextField } from './field';

/** Choice of a day. A date outside of what there is, or half typed, is said and not used. */
export function DayField({
  label,
  value,
  min,
  max,
  onChange,
}: {
  label: string;
  value: string;
  min: string;
  max: string;
  onChange: (day: string, mode: HistoryMode) => void;
}) {
  const { t } = useTranslation();
  const { day } = useFormat();
  const typing = useTyping();
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const valid = typed >= min && typed <= max;
  return (
    <TextField
      label={label}
      type="date"
      min={min}
      max={max}
      value={typed}
      onFocus={typing.onFocus}
      fault={!valid && t('date.range', { first: day(min), last: day(max) })}
      onChange={(next) => {
        setTyped(next);
        if (next >= min && next <= max && next !== value) onChange(next, typing.mode());
      }}
    />
  );
}
