import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAttemptKey } from '@/api/idempotency';
import { isUnderWay, type Job } from '@/api/jobs';
import { Button } from '@/ui/button';
import { SelectField } from '@/ui/field';
import { Card, Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import { focusOn, jobElementId } from './focus-on';
import { JobProgress } from './job-progress';
import { LayoutFields, STANDARD } from './layout-fields';
import { RadioList } from './radio-list';
import { TablesResult } from './tables-result';
import styles from './training.module.css';
import { type Source, type TrainingRequest, useStartTraining } from './use-training';

type Recipe = NonNullable<TrainingRequest['recipe']>;
type Promote = NonNullable<TrainingRequest['promote']>;

const RECIPES = ['fast', 'default', 'best'] as const satisfies readonly Recipe[];
const PROMOTES = ['if-better', 'always', 'never'] as const satisfies readonly Promote[];
/** Value of the choice that stands for the built-in data: no source has this name. */
const DEMO = '';

/** Return the name of the source that was changed last; the demo data where there is none. */
function newestOf(sources: readonly Source[]): string {
  const byTime = sources.toSorted((a, b) => (b.modified ?? '').localeCompare(a.modified ?? ''));
  return byTime[0]?.name ?? DEMO;
}

/** Choice of what is trained on and how, a check of it, and the training. */
export function TrainCard({
  sources,
  jobs,
  canTrain,
}: {
  sources: readonly Source[];
  jobs: readonly Job[];
  canTrain: boolean;
}) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<string | null>(null);
  const [recipe, setRecipe] = useState<Recipe>('default');
  const [promote, setPromote] = useState<Promote>('if-better');
  const [layout, setLayout] = useState(STANDARD);
  const [checked, setChecked] = useState<{ id: string; of: string } | null>(null);
  const check = useStartTraining();
  const training = useStartTraining();
  const attempt = useAttemptKey();
  const isKnown = chosen === DEMO || sources.some(({ name }) => name === chosen);
  const source = chosen !== null && isKnown ? chosen : newestOf(sources);
  const body: TrainingRequest = {
    ...(source === DEMO ? {} : { data: source }),
    recipe,
    ...layout,
  };
  const subject = JSON.stringify(body);
  const start = (
    mutation: typeof check,
    more: Partial<TrainingRequest>,
    then: (job: Job) => void,
  ) => {
    const wanted = { ...body, ...more };
    const request = { body: wanted, idempotencyKey: attempt.keyOf(wanted) };
    const onSuccess = (job: Job) => {
      attempt.forget();
      then(job);
    };
    mutation.mutate(request, { onSuccess });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    check.reset();
    start(training, { promote }, () => setChecked(null));
  };
  const error = check.error ?? training.error;
  const checkJob = checked?.of === subject ? jobs.find(({ id }) => id === checked.id) : undefined;
  const isChecking = check.isPending || (checkJob !== undefined && isUnderWay(checkJob));
  return (
    <Card title={t('training.train.title')}>
      <form className={styles.form} onSubmit={submit}>
        <div className={styles.narrow}>
          <SelectField
            label={t('training.train.source')}
            value={source}
            choices={[
              ...sources.map(({ name }) => ({ value: name, label: name })),
              { value: DEMO, label: t('training.train.demo') },
            ]}
            hint={source === DEMO && t('training.train.demoHint')}
            onChange={setChosen}
          />
        </div>
        <div className={styles.pair}>
          <RadioList
            label={t('training.recipe.label')}
            value={recipe}
            choices={RECIPES.map((value) => ({
              value,
              label: t(`training.recipe.${value}.name`),
              hint: t(`training.recipe.${value}.text`),
            }))}
            onChange={setRecipe}
          />
          <RadioList
            label={t('training.promote.label')}
            value={promote}
            choices={PROMOTES.map((value) => ({
              value,
              label: t(`training.promote.${value}.name`),
              hint: t(`training.promote.${value}.text`),
            }))}
            onChange={setPromote}
          />
        </div>
        {source !== DEMO && <LayoutFields value={layout} onChange={setLayout} />}
        {error && <ProblemNotice error={error} />}
        <div className={ui.toolbar}>
          <Button
            disabled={!canTrain || isChecking}
            onClick={() => {
              training.reset();
              const remember = ({ id }: Job) => setChecked({ id, of: subject });
              start(check, { dry_run: true }, remember);
            }}
          >
            {t('training.train.check')}
          </Button>
          <Button type="submit" look="primary" disabled={!canTrain || training.isPending}>
            {t('training.train.submit')}
          </Button>
        </div>
      </form>
      {(training.data || checkJob) && (
        <div className={styles.form}>
          {training.data && <Started job={training.data} />}
          {checkJob && <Check job={checkJob} />}
        </div>
      )}
    </Card>
  );
}

/** That a training was queued, and the way to it in the list of jobs. */
function Started({ job: { id, subject } }: { job: Job }) {
  const { t } = useTranslation();
  return (
    <Notice tone="success">
      <p>{t('training.train.started', { name: subject })}</p>
      <Button onClick={() => focusOn(jobElementId(id))}>{t('training.train.follow')}</Button>
    </Notice>
  );
}

function Check({ job }: { job: Job }) {
  const { t } = useTranslation();
  if (isUnderWay(job)) return <JobProgress job={job} />;
  if (job.result?.tables) return <TablesResult job={job} tables={job.result.tables} />;
  return (
    <Notice tone="error" title={t(`training.state.${job.state}`)}>
      {job.detail && <p lang="en">{job.detail}</p>}
    </Notice>
  );
}
