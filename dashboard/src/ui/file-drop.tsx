import { type ReactNode, type Ref, useRef, useState } from 'react';
import { Button } from './button';
import { classes } from './classes';
import styles from './file-drop.module.css';
import ui from './ui.module.css';

/** Choice of files by a button, or by dropping them on what is around it. */
export function FileDrop({
  label,
  action,
  or,
  accept,
  isPrimary = false,
  disabled,
  button,
  onFiles,
  children,
}: {
  /** Of the files, for those who do not see the button. */
  label: string;
  /** Label of the button. */
  action: string;
  /** That files can be dropped, too. */
  or: string;
  accept: string;
  isPrimary?: boolean;
  /** Whether the button is disabled; what is dropped is for `onFiles` to decide. */
  disabled: boolean;
  button?: Ref<HTMLButtonElement>;
  onFiles: (files: File[]) => void;
  children?: ReactNode;
}) {
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setIsOver] = useState(false);
  return (
    <div
      className={classes(styles.drop, isOver && styles.over)}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setIsOver(false);
        onFiles([...event.dataTransfer.files]);
      }}
    >
      <div className={ui.toolbar}>
        <Button
          ref={button}
          look={isPrimary ? 'primary' : 'normal'}
          disabled={disabled}
          onClick={() => input.current?.click()}
        >
          {action}
        </Button>
        <span className={styles.or}>{or}</span>
        <input
          ref={input}
          aria-label={label}
          type="file"
          multiple
          accept={accept}
          className={styles.file}
          onChange={(event) => {
            const files = [...(event.target.files ?? [])];
            event.target.value = ''; // so that the same file can be chosen again, once mended
            onFiles(files);
          }}
        />
      </div>
      {children}
    </div>
  );
}
