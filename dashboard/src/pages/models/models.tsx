import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { useCaller } from '@/session/caller';
import { ScopeGate } from '@/session/scope-gate';
import { EmptyState, Notice, Page } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import { ChangeDialog } from './change-dialog';
import { CompareCard } from './compare-card';
import { ModelList } from './model-list';
import { TrainingSection } from './training/training-section';
import { type Action, type Model, useModels } from './use-models';

export interface Wanted {
  action: Action;
  model: Model;
}

export default function Models() {
  const { t } = useTranslation();
  const { can } = useCaller();
  if (can('admin')) return <ModelsOfAdministrator />;
  return (
    <Page title={t('models.title')}>
      <ScopeGate scope="admin">{null}</ScopeGate>
    </Page>
  );
}

function ModelsOfAdministrator() {
  const { t } = useTranslation();
  const models = useModels();
  const lead = useLead(models.data?.models);
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const [done, setDone] = useState<Wanted | null>(null);
  const outcome = useRef<HTMLDivElement>(null);
  return (
    <Page title={t('models.title')} lead={lead}>
      {done && (
        <div ref={outcome} tabIndex={-1}>
          <Notice
            tone="success"
            title={t(`models.${done.action}.done`, { bundle: done.model.bundle })}
          />
        </div>
      )}
      <QueryView query={models}>
        {({ models: all }) =>
          all.length === 0 ? (
            <EmptyState>{t('models.none')}</EmptyState>
          ) : (
            <>
              <ModelList
                models={all}
                onAction={(next) => {
                  setDone(null);
                  setWanted(next);
                }}
              />
              {all.length > 1 && <CompareCard models={all} />}
            </>
          )
        }
      </QueryView>
      <TrainingSection />
      <ChangeDialog
        wanted={wanted}
        served={models.data?.models.find(({ state }) => state === 'active') ?? null}
        onClose={() => {
          setWanted(null);
          outcome.current?.focus(); // the button that opened it may be gone
        }}
        onDone={(change) => {
          setWanted(null);
          setDone(change);
        }}
      />
    </Page>
  );
}

/** Return the sentence that says which model is served. */
function useLead(models: readonly Model[] | undefined): string | undefined {
  const { t } = useTranslation();
  const { day } = useFormat();
  if (models === undefined) return undefined;
  const active = models.find(({ state }) => state === 'active');
  if (active === undefined) return t('models.lead.none');
  const { bundle, trained_through: through } = active;
  return through === null
    ? t('models.lead.gone', { bundle })
    : t('models.lead.active', { bundle, day: day(through) });
}
