import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { type Column, DataTable } from '@/ui/data-table';
import { Badge, Card, type Tone } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import type { Wanted } from './models';
import { modelElementId } from './training/focus-on';
import type { Action, Model } from './use-models';

const TONES: Record<Model['state'], Tone> = {
  active: 'success',
  candidate: 'info',
  retired: 'info',
  rejected: 'error',
};

/** Return what may be done with a model. */
function actionsOf(model: Model, models: readonly Model[]): Action[] {
  if (model.state === 'active') {
    const isBehind = ({ state, activated }: Model) => state === 'retired' && activated !== null;
    return models.some(isBehind) ? ['rollback'] : [];
  }
  if (!model.exists) return [];
  return model.state === 'candidate' ? ['promote', 'retire'] : ['promote'];
}

/** All models, the active one first. */
export function ModelList({
  models,
  onAction,
}: {
  models: readonly Model[];
  onAction: (wanted: Wanted) => void;
}) {
  const { t } = useTranslation();
  const { day, instant } = useFormat();
  const columns: Column<Model>[] = [
    { id: 'bundle', label: t('models.column.bundle'), cell: ({ bundle }) => <code>{bundle}</code> },
    {
      id: 'state',
      label: t('models.column.state'),
      cell: ({ state }) => <Badge tone={TONES[state]}>{t(`models.state.${state}`)}</Badge>,
    },
    {
      id: 'through',
      label: t('models.column.through'),
      cell: ({ trained_through: through, demo }) => {
        if (through === null) return t('models.gone');
        return demo ? t('models.demo', { day: day(through) }) : day(through);
      },
    },
    {
      id: 'actions',
      label: t('models.column.actions'),
      cell: (model) => (
        <div className={ui.rowActions}>
          {actionsOf(model, models).map((action) => (
            <Button
              key={action}
              look={action === 'rollback' ? 'danger' : 'normal'}
              onClick={() => onAction({ action, model })}
              aria-label={t(`models.${action}.of`, { bundle: model.bundle })}
            >
              {t(`models.${action}.action`)}
            </Button>
          ))}
        </div>
      ),
    },
    {
      id: 'changed',
      label: t('models.column.changed'),
      cell: ({ changed }) => instant(changed),
    },
    { id: 'by', label: t('models.column.by'), cell: ({ by }) => by },
    { id: 'reason', label: t('models.column.reason'), cell: ({ reason }) => reason },
    {
      id: 'snapshot',
      label: t('models.column.snapshot'),
      cell: ({ snapshot }) => <code>{snapshot}</code>,
    },
  ];
  return (
    <Card title={t('models.list')}>
      <DataTable
        caption={t('models.list')}
        columns={columns}
        rows={models}
        keyOf={({ bundle }) => bundle}
        idOf={({ bundle }) => modelElementId(bundle)}
      />
    </Card>
  );
}
