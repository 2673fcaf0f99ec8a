import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { useCaller } from '@/session/caller';
import { ScopeGate } from '@/session/scope-gate';
import { ApiText } from '@/ui/api-text';
import { EmptyState, Notice, Page } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import { QueryView } from '@/ui/query-view';
import { ChangeDialog } from './change-dialog';
import { CompareCard } from './compare-card';
import { DetailsDialog } from './details-dialog';
import { ModelList } from './model-list';
import styles from './models.module.css';
import { TrainingSection } from './training/training-section';
import { TrialCard } from './trial-card';
import { TrialDialog, type WantedTrial } from './trial-dialog';
import { type Action, isInTrial, type Model, useModels } from './use-models';
import { type Trial, useEndedTrial, useRollout } from './use-rollout';

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

/** What was last done on this page, as it is told. */
type Done = Wanted | Trial;

function ModelsOfAdministrator() {
  const { t } = useTranslation();
  const models = useModels();
  const rollout = useRollout();
  const all = models.data?.models;
  const lead = useLead(all);
  const { ended, forget } = useEndedTrial(rollout.data);
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const [trial, setTrial] = useState<WantedTrial | null>(null);
  const [details, setDetails] = useState<Model | null>(null);
  const [done, setDone] = useState<Done | null>(null);
  const outcome = useRef<HTMLDivElement>(null);
  const queries = useQueryClient();
  const inTrial = all?.find(({ bundle }) => bundle === rollout.data?.bundle);
  const isListOld =
    all !== undefined &&
    rollout.data !== undefined &&
    (rollout.data ? inTrial?.state !== rollout.data.stage : all.some(isInTrial));
  useEffect(() => {
    // another model may be served, or in trial
    if (ended !== null || isListOld) void queries.invalidateQueries();
  }, [ended, isListOld, queries]);
  // a trial that began here may have ended before it was drawn
  const hasEnded = done !== null && 'way' in done && rollout.data === null;
  const over = hasEnded ? done.bundle : done === null ? ended : null;
  const served = all?.find(({ state }) => state === 'active') ?? null;
  const begin = () => {
    setDone(null);
    forget();
  };
  const change = (next: Wanted) => {
    begin();
    setWanted(next);
  };
  const tryModel = (next: WantedTrial) => {
    begin();
    setTrial(next);
  };
  const close = () => {
    setWanted(null);
    setTrial(null);
    outcome.current?.focus(); // the button that opened it may be gone
  };
  const finish = (change: Done) => {
    setWanted(null);
    setTrial(null);
    setDone(change);
  };
  return (
    <Page title={t('models.title')} lead={lead}>
      <div ref={outcome} tabIndex={-1} className={styles.outcome}>
        {over === null && done && <DoneNotice done={done} />}
        {/* while a change is under way, the trial may end by it */}
        {wanted === null && <EndedNotice model={all?.find(({ bundle }) => bundle === over)} />}
      </div>
      {rollout.error && (
        <ProblemNotice error={rollout.error} retry={() => void rollout.refetch()} />
      )}
      {/* both at once, so that the trial does not move what is being read */}
      <QueryView query={models} waiting={rollout.isPending && !rollout.error}>
        {({ models: listed }) =>
          listed.length === 0 ? (
            <EmptyState>{t('models.none')}</EmptyState>
          ) : (
            <>
              {rollout.data && inTrial && (
                <TrialCard
                  rollout={rollout.data}
                  onPromote={() => change({ action: 'promote', model: inTrial })}
                  onChange={() => tryModel({ model: inTrial, rollout: rollout.data })}
                  onStop={() => change({ action: 'stop', model: inTrial })}
                />
              )}
              <ModelList
                models={listed}
                onAction={change}
                onTry={(model) => tryModel({ model, rollout: null })}
                onDetails={setDetails}
              />
              {listed.length > 1 && <CompareCard models={listed} />}
            </>
          )
        }
      </QueryView>
      <TrainingSection />
      <ChangeDialog wanted={wanted} served={served} onClose={close} onDone={finish} />
      <TrialDialog wanted={trial} served={served} onClose={close} onDone={finish} />
      <DetailsDialog model={details} onClose={() => setDetails(null)} />
    </Page>
  );
}

function DoneNotice({ done }: { done: Done }) {
  const { t } = useTranslation();
  const title =
    'way' in done
      ? t(`trial.done.${done.way === 'shadow' ? 'shadow' : 'canary'}`, { bundle: done.bundle })
      : t(`models.${done.action}.done`, { bundle: done.model.bundle });
  return <Notice tone="success" title={title} />;
}

/** How a trial has ended that nobody ended on this page. */
function EndedNotice({ model }: { model: Model | undefined }) {
  const { t } = useTranslation();
  if (model === undefined || isInTrial(model)) return null;
  const { bundle, state, reason, by } = model;
  const tone = state === 'active' ? 'success' : state === 'rejected' ? 'warn' : 'info';
  const end = state === 'active' || state === 'rejected' ? state : 'stopped';
  return (
    <Notice tone={tone} title={t(`trial.ended.${end}`, { bundle })}>
      <p>
        {by}
        {reason && (
          <>
            : <ApiText>{reason}</ApiText>
          </>
        )}
      </p>
    </Notice>
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
