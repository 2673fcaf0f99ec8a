import { type ReactNode, useId } from 'react';
import styles from './check-field.module.css';
import ui from './ui.module.css';

/** A choice between yes and no: a check box with its label, and a hint where it needs one. */
export function CheckField({
  label,
  hint,
  checked,
  onChange,
}: {
  label: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label className={styles.choice}>
        <input
          type="checkbox"
          className={styles.box}
          checked={checked}
          aria-describedby={hint ? id : undefined}
          onChange={(event) => onChange(event.target.checked)}
        />
        {label}
      </label>
      {hint && (
        <span id={id} className={ui.hint}>
          {hint}
        </span>
      )}
    </div>
  );
}
