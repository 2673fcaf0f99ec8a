import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { type Column, DataTable } from '@/ui/data-table';
import { Badge, Card, type Tone } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import type { Wanted } from './models';
import { modelElementId } from './training/focus-on';
import { type Action, isInTrial, type Model } from './use-models';

const TONES: Record<Model['state'], Tone> = {
  active: 'success',
  candidate: 'info',
  shadow: 'warn',
  canary: 'warn',
  retired: 'info',
  rejected: 'error',
};

/** Return what may be done with a model; that of one in trial stands beside its trial. */
function actionsOf(model: Model, models: readonly Model[]): (Exclude<Action, 'stop'> | 'try')[] {
  if (model.state === 'active') {
    const isBehind = ({ state, activated }: Model) => state === 'retired' && activated !== null;
    return models.some(isBehind) ? ['rollback'] : [];
  }
  if (!model.exists || isInTrial(model)) return [];
  // one at a time is in trial, beside an active one
  const canTry =
    models.some(({ state }) => state === 'active') && !models.some((each) => isInTrial(each));
  return [
    'promote',
    ...(canTry ? (['try'] as const) : []),
    ...(model.state === 'candidate' ? (['retire'] as const) : []),
  ];
}

/** All models, the active one first. */
export function ModelList({
  models,
  onAction,
  onTry,
  onDetails,
}: {
  models: readonly Model[];
  onAction: (wanted: Wanted) => void;
  onTry: (model: Model) => void;
  onDetails: (model: Model) => void;
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
              onClick={() => (action === 'try' ? onTry(model) : onAction({ action, model }))}
              aria-label={t(`models.${action}.of`, { bundle: model.bundle })}
            >
              {t(`models.${action}.action`)}
            </Button>
          ))}
          <Button
            onClick={() => onDetails(model)}
            aria-label={t('models.details.of', { bundle: model.bundle })}
          >
            {t('models.details.action')}
          </Button>
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
