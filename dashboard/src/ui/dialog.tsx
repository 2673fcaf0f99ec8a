import { type ReactNode, useEffect, useId, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { classes } from './classes';
import styles from './ui.module.css';

/**
 * A modal dialog: the browser's own, which holds the focus and closes by Escape.
 *
 * @param wide whether it holds a table.
 * @param closable false where its content alone may close it, such as one that must be acknowledged.
 */
export function Dialog({
  title,
  open,
  onClose,
  closable = true,
  wide = false,
  children,
}: {
  title: string;
  open: boolean;
  onClose: () => void;
  closable?: boolean;
  wide?: boolean;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    if (open && dialog && !dialog.open) dialog.showModal();
    if (!open && dialog?.open) dialog.close();
  }, [open]);
  return (
    <dialog
      ref={element}
      className={classes(styles.dialog, wide && styles.wideDialog)}
      aria-labelledby={id}
      onCancel={(event) => {
        if (!closable) event.preventDefault();
      }}
      onClose={() => {
        // a browser closes it at the second Escape, whatever was prevented
        if (!closable && open) element.current?.showModal();
        else onClose();
      }}
    >
      <div className={styles.dialogHead}>
        <h2 id={id}>{title}</h2>
        {closable && (
          <Button look="quiet" onClick={onClose} aria-label={t('app.close')}>
            ✕
          </Button>
        )}
      </div>
      {open && children}
    </dialog>
  );
}
