import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';

const CONFIRMED_MILLISECONDS = 3000;

/**
 * A button that copies a text to the clipboard, and says so.
 *
 * @param onFailed called where the browser has no clipboard, as on a page without TLS.
 */
export function CopyButton({
  text,
  label,
  onFailed,
  look,
}: {
  text: string | (() => string);
  label: string;
  onFailed: () => void;
  look?: 'normal' | 'primary';
}) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), CONFIRMED_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === 'string' ? text : text());
      setCopied(true);
    } catch {
      onFailed();
    }
  };
  return (
    <>
      <Button {...(look ? { look } : {})} onClick={() => void copy()}>
        {copied ? t('action.copied') : label}
      </Button>
      <span className="visually-hidden" role="status">
        {copied && t('action.copied')}
      </span>
    </>
  );
}
