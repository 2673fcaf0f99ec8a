import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { DataTable } from '@/ui/data-table';
import { Dialog } from '@/ui/dialog';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { type Model, useModel } from './use-models';
import { VerdictOf } from './verdict';

/** A model: the verdict of its training, and how it came to its state. */
export function DetailsDialog({ model, onClose }: { model: Model | null; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog title={model?.bundle ?? t('models.title')} open={model !== null} onClose={onClose} wide>
      {model && <Details bundle={model.bundle} />}
    </Dialog>
  );
}

function Details({ bundle }: { bundle: string }) {
  const { t } = useTranslation();
  const { instant } = useFormat();
  const query = useModel(bundle);
  return (
    <div className={ui.dialogForm}>
      <QueryView query={query} height="12rem">
        {({ changes }) => (
          <>
            <VerdictOf bundle={bundle} />
            <DataTable
              caption={t('models.details.changes')}
              columns={[
                { id: 'at', label: t('models.column.changed'), cell: ({ at }) => instant(at) },
                {
                  id: 'state',
                  label: t('models.column.state'),
                  cell: ({ state }) => t(`models.state.${state}`),
                },
                { id: 'by', label: t('models.column.by'), cell: ({ actor }) => actor },
                { id: 'reason', label: t('models.column.reason'), cell: ({ reason }) => reason },
                {
                  id: 'snapshot',
                  label: t('models.column.snapshot'),
                  cell: ({ snapshot }) => <code>{snapshot}</code>,
                },
              ]}
              rows={changes.toReversed()}
              keyOf={({ at, state }) => `${at} ${state}`}
            />
          </>
        )}
      </QueryView>
    </div>
  );
}
