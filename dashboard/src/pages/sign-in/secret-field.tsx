import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/ui/button';
import { Field } from '@/ui/field';
import styles from './sign-in.module.css';

/** A field whose text is hidden until it is asked for. Pasting and password managers work. */
export function SecretField({
  label,
  hint,
  value,
  onChange,
}: {
  label: string;
  hint: string;
  value: string;
  onChange: (value: string) => void;
}) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(false);
  return (
    <Field label={label} hint={hint}>
      {(control) => (
        <div className={styles.secret}>
          <input
            {...control}
            type={shown ? 'text' : 'password'}
            value={value}
            autoComplete="current-password"
            autoCapitalize="none"
            spellCheck={false}
            required
            onChange={(event) => onChange(event.target.value)}
          />
          <Button aria-pressed={shown} onClick={() => setShown(!shown)}>
            {t('signIn.key.show')}
          </Button>
        </div>
      )}
    </Field>
  );
}
