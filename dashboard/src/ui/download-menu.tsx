import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Offline, Problem, UnknownAnswer } from '@/api/problems';
import { Button } from './button';
import { classes } from './classes';
import { Notice } from './layout';
import styles from './menu.module.css';
import { ProblemNotice } from './problem-notice';
import ui from './ui.module.css';

export interface Download {
  label: string;
  /** Make the file and give it to the person; what it throws is shown. */
  run: () => Promise<void>;
}

/**
 * Files that can be downloaded, in a menu that opens.
 *
 * It is the browser's own disclosure, so that Enter, Space and find-in-page work; Escape closes it.
 *
 * @param explain text for an error that is not the API's, or undefined if there is none.
 */
export function DownloadMenu({
  items,
  explain,
}: {
  items: readonly Download[];
  explain?: (error: unknown) => string | undefined;
}) {
  const { t } = useTranslation();
  const menu = useRef<HTMLDetailsElement>(null);
  const [running, setRunning] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);

  function close(): void {
    if (menu.current) menu.current.open = false;
  }

  async function start({ label, run }: Download): Promise<void> {
    setRunning(label);
    setError(null);
    try {
      await run();
      close();
      menu.current?.querySelector('summary')?.focus();
    } catch (thrown) {
      setError(thrown);
    } finally {
      setRunning(null);
    }
  }

  return (
    <details
      ref={menu}
      className={styles.menu}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        close();
        menu.current?.querySelector('summary')?.focus();
      }}
      onBlur={(event) => {
        const to = event.relatedTarget;
        if (to !== null && !event.currentTarget.contains(to)) close();
      }}
    >
      <summary className={ui.button}>{t('action.download')}</summary>
      <div className={styles.items} aria-busy={running !== null}>
        {items.map((item) => (
          <Button
            key={item.label}
            look="quiet"
            className={classes(styles.item)}
            disabled={running !== null}
            onClick={() => void start(item)}
          >
            {item.label}
          </Button>
        ))}
        {running !== null && <p role="status">{t('action.preparing')}</p>}
        <Failure error={error} explain={explain} />
      </div>
    </details>
  );
}

function Failure({
  error,
  explain,
}: {
  error: unknown;
  explain: ((error: unknown) => string | undefined) | undefined;
}) {
  const { t } = useTranslation();
  if (error === null) return null;
  const ofApi =
    error instanceof Problem || error instanceof Offline || error instanceof UnknownAnswer;
  return ofApi ? (
    <ProblemNotice error={error} />
  ) : (
    <Notice tone="error">{explain?.(error) ?? t('action.downloadFailed')}</Notice>
  );
}
