import type { UseMutationResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Button } from '@/ui/button';
import { Dialog } from '@/ui/dialog';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';

/** The question before something is lost: its title names what. */
export function ConfirmDialog<Output>({
  subject,
  title,
  text,
  action,
  change,
  onClose,
  onDone,
}: {
  /** What is acted on; null while nothing is asked. */
  subject: string | null;
  title: string;
  text: string;
  /** Label of the button that does it. */
  action: string;
  change: UseMutationResult<Output, Error, string>;
  onClose: () => void;
  onDone: () => void;
}) {
  const { t } = useTranslation();
  const close = () => {
    change.reset();
    onClose();
  };
  return (
    <Dialog title={title} open={subject !== null} onClose={close}>
      {subject !== null && (
        <div className={ui.dialogForm}>
          <p>{text}</p>
          {change.error && <ProblemNotice error={change.error} />}
          <div className={ui.toolbar}>
            <Button
              look="danger"
              disabled={change.isPending}
              onClick={() => change.mutate(subject, { onSuccess: onDone })}
            >
              {action}
            </Button>
            <Button onClick={close}>{t('training.keep')}</Button>
          </div>
        </div>
      )}
    </Dialog>
  );
}
