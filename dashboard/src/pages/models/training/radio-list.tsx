import { useId } from 'react';
import ui from '@/ui/ui.module.css';
import styles from './training.module.css';

/** One of a few choices, each with what it means, below each other. */
export function RadioList<T extends string>({
  label,
  value,
  choices,
  onChange,
}: {
  label: string;
  value: T;
  choices: readonly { value: T; label: string; hint: string }[];
  onChange: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset className={styles.choices}>
      <legend className={ui.label}>{label}</legend>
      {choices.map((choice) => (
        <label key={choice.value} className={styles.choice}>
          <input
            type="radio"
            name={name}
            checked={choice.value === value}
            aria-describedby={`${name}-${choice.value}`}
            aria-labelledby={`${name}-${choice.value}-label`}
            onChange={() => onChange(choice.value)}
          />
          <span>
            <span id={`${name}-${choice.value}-label`}>{choice.label}</span>
            <br />
            <span id={`${name}-${choice.value}`} className={ui.hint}>
              {choice.hint}
            </span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
