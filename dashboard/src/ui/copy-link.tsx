import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { TextField } from './field';

type State = 'idle' | 'copied' | 'refused';

/** Copies the address of the page as it is; where the browser refuses, shows it to be copied. */
export function CopyLink() {
  const { t } = useTranslation();
  const [state, setState] = useState<State>('idle');

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(window.location.href);
      setState('copied');
    } catch {
      setState('refused'); // no permission, or a page without encryption
    }
  }

  return (
    <>
      <Button onClick={() => void copy()} onBlur={() => state === 'copied' && setState('idle')}>
        {state === 'copied' ? t('action.copied') : t('action.copyLink')}
      </Button>
      <span className="visually-hidden" role="status">
        {state === 'copied' && t('action.copied')}
      </span>
      {state === 'refused' && (
        <TextField
          label={t('action.copyByHand')}
          readOnly
          value={window.location.href}
          onChange={() => undefined}
          onFocus={(event) => event.target.select()}
        />
      )}
    </>
  );
}
