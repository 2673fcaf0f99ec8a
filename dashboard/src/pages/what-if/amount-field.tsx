import { type ReactNode, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { TextField } from '@/ui/field';
import type { CovariateKind, Operation } from './scenarios';
import styles from './what-if.module.css';

interface Range {
  min: number;
  max: number;
  step: number;
}

/** Return the range that a slider offers; the field beside it takes any number. */
function rangeOf(op: Operation, kind: CovariateKind, value: number): Range {
  const step = op === 'multiply' ? 0.05 : kind === 'count' ? 1 : 0.1;
  const usual =
    op === 'multiply'
      ? { min: 0, max: 3 }
      : op === 'set' && kind !== 'number'
        ? { min: 0, max: 100 }
        : { min: -50, max: 50 };
  return { min: Math.min(usual.min, value), max: Math.max(usual.max, value), step };
}

function parse(typed: string): number | null {
  const value = Number(typed);
  return typed.trim() !== '' && Number.isFinite(value) ? value : null;
}

/** A number by a slider, or exactly by a field. */
export function AmountField({
  name,
  op,
  kind,
  value,
  fault,
  onChange,
}: {
  name: string;
  op: Operation;
  kind: CovariateKind;
  value: number;
  fault: ReactNode;
  onChange: (value: number) => void;
}) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(String(value));
  // what is typed stays as it is, such as "1." on the way to 1.5, until another number comes
  useEffect(
    () => setTyped((before) => (parse(before) === value ? before : String(value))),
    [value],
  );
  const range = rangeOf(op, kind, value);
  const number = parse(typed);

  function type(next: string): void {
    setTyped(next);
    const wanted = parse(next);
    if (wanted !== null) onChange(wanted);
  }

  return (
    <div className={styles.amount}>
      <TextField
        label={t('whatIf.change.value')}
        type="number"
        step="any"
        value={typed}
        fault={number === null ? t('whatIf.change.number') : fault}
        onChange={type}
      />
      <input
        className={styles.slider}
        type="range"
        {...range}
        value={value}
        aria-label={`${name}: ${t('whatIf.change.slider')}`}
        onChange={(event) => type(event.target.value)}
      />
    </div>
  );
}
