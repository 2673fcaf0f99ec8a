import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { BASE } from '@/url/base';
import { CopyButton } from './copy-button';
import { TextField } from './field';

/**
 * Copies the address of the page; where the browser refuses, shows it to be copied.
 *
 * @param address page and query to copy, where what is shown is not in the address as it is.
 */
export function CopyLink({ address }: { address?: () => string }) {
  const { t } = useTranslation();
  const [refused, setRefused] = useState(false); // no permission, or a page without encryption
  const link = () =>
    address ? new URL(address().replace('/', ''), BASE).href : window.location.href;
  return (
    <>
      <CopyButton text={link} label={t('action.copyLink')} onFailed={() => setRefused(true)} />
      {refused && (
        <TextField
          label={t('action.copyByHand')}
          readOnly
          value={link()}
          onChange={() => undefined}
          onFocus={(event) => event.target.select()}
        />
      )}
    </>
  );
}
