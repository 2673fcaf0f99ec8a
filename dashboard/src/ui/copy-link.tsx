import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { CopyButton } from './copy-button';
import { TextField } from './field';

/** Copies the address of the page as it is; where the browser refuses, shows it to be copied. */
export function CopyLink() {
  const { t } = useTranslation();
  const [refused, setRefused] = useState(false); // no permission, or a page without encryption
  return (
    <>
      <CopyButton
        text={() => window.location.href}
        label={t('action.copyLink')}
        onFailed={() => setRefused(true)}
      />
      {refused && (
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
