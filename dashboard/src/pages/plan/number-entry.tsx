import { useState } from 'react';
import type { OverrideOp } from '@/api/overrides';
import { parseNumber } from '@/format/parse-number';
import { useFormat } from '@/format/use-format';
import { TextField } from '@/ui/field';
import { operandOfWritten, writtenOfOperand } from './operand';

interface Entry {
  text: string;
  /** What the text stands for; null where it is no number. */
  value: number | null;
}

/**
 * A field for the value of an override, written as percent or units in the reader's own manner.
 *
 * The text stays as it is typed; a value that comes from elsewhere, such as the address, replaces it.
 */
export function NumberEntry({
  op,
  value,
  onChange,
  label,
  hint,
  fault,
  notANumber,
}: {
  op: OverrideOp;
  value: number | null;
  onChange: (value: number | null) => void;
  label: string;
  hint: string;
  fault: string | undefined;
  notANumber: string;
}) {
  const { locale } = useFormat();
  const written = (of: number | null): string =>
    of === null
      ? ''
      : new Intl.NumberFormat(locale, {
          maximumFractionDigits: 10,
          useGrouping: false,
          signDisplay: op === 'set' ? 'auto' : 'exceptZero',
        }).format(writtenOfOperand(op, of));
  const [entry, setEntry] = useState<Entry>({ text: written(value), value });
  const text = entry.value === value ? entry.text : written(value);
  const unreadable = text.trim() !== '' && value === null;
  return (
    <TextField
      label={label}
      hint={hint}
      fault={unreadable ? notANumber : fault}
      // a phone's keypad for decimals has no sign
      inputMode={op === 'set' ? 'decimal' : 'text'}
      autoComplete="off"
      value={text}
      onChange={(next) => {
        const number = parseNumber(next.replace(/\s?%$/, ''), locale);
        const operand = number === undefined ? null : operandOfWritten(op, number);
        setEntry({ text: next, value: operand });
        onChange(operand);
      }}
    />
  );
}
