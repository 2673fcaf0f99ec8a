import { useTranslation } from 'react-i18next';
import { useLevelLabel } from '@/api/nodes';
import { CategoryChart, CategoryLegend, type Subject } from '@/charts/category-chart';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { type Column, DataTable } from '@/ui/data-table';
import { Badge, Card, Stats } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import styles from './models.module.css';
import type { Report, Rollout } from './use-rollout';

const MEGABYTE = 1e6;

/** The trial of a model: who gets its answers, how it compares, and what may be done with it. */
export function TrialCard({
  rollout,
  onPromote,
  onChange,
  onStop,
}: {
  rollout: Rollout;
  onPromote: () => void;
  onChange: () => void;
  onStop: () => void;
}) {
  const { t } = useTranslation();
  const { stage } = rollout;
  return (
    <Card
      title={
        <span className={styles.trialTitle}>
          {t('trial.title')} <code>{rollout.bundle}</code>{' '}
          <Badge tone="warn">{t(`models.state.${stage}`)}</Badge>
        </span>
      }
      actions={
        <>
          <Button look="primary" onClick={onPromote}>
            {t('models.promote.action')}
          </Button>
          <Button onClick={onChange}>
            {t(stage === 'canary' ? 'trial.changeShare' : 'trial.asCanary')}
          </Button>
          <Button look="danger" onClick={onStop}>
            {t('models.stop.action')}
          </Button>
        </>
      }
    >
      <div className={styles.trial}>
        <Figures rollout={rollout} />
        <Roles rollout={rollout} />
        {rollout.report === null ? (
          <p className={styles.uncompared}>{t('trial.uncompared')}</p>
        ) : (
          <Levels report={rollout.report} />
        )}
      </div>
    </Card>
  );
}

function Figures({ rollout }: { rollout: Rollout }) {
  const { t } = useTranslation();
  const { share, shareChange, number, instant } = useFormat();
  const { report, stage, automatic } = rollout;
  const isCanary = stage === 'canary';
  const answers = [
    {
      label: t('trial.atShare'),
      value: number(rollout.at_share, 0),
      detail: t('trial.since', { at: instant(rollout.step_at) }),
    },
    {
      label: t('trial.slower'),
      value: shareChange(rollout.slower),
      detail: t(rollout.slower === null ? 'trial.slowerUnknown' : 'trial.slowerOf'),
    },
  ];
  const predictions = [
    {
      label: t('trial.prediction'),
      value: shareChange(report?.slower),
      detail: t('trial.predictionOf'),
    },
  ];
  return (
    <Stats
      items={[
        {
          label: t('trial.share'),
          value: share(rollout.share),
          detail: t(isCanary ? `trial.goesOn.${automatic ? 'yes' : 'no'}` : 'trial.answersNobody'),
        },
        ...(isCanary ? answers : predictions),
        {
          label: t('trial.worse'),
          value: shareChange(rollout.worse),
          detail: t('trial.worseOf'),
        },
        {
          label: t('trial.total'),
          value: shareChange(report && report.total - 1),
          detail: t('trial.totalOf'),
        },
        {
          label: t('trial.memory'),
          value: t('trial.megabytes', { count: Math.round(rollout.memory_bytes / MEGABYTE) }),
          detail: t('trial.started', { at: instant(rollout.started_at) }),
        },
      ]}
    />
  );
}

/** Answers and failures of both models. */
function Roles({ rollout }: { rollout: Rollout }) {
  const { t } = useTranslation();
  const { share, number } = useFormat();
  const columns: Column<Rollout['roles'][number]>[] = [
    { id: 'role', label: t('trial.roles.by'), cell: ({ role }) => t(`trial.role.${role}`) },
    {
      id: 'answers',
      label: t('trial.roles.answers'),
      numeric: true,
      cell: ({ answers }) => number(answers, 0),
    },
    {
      id: 'failures',
      label: t('trial.roles.failures'),
      numeric: true,
      cell: ({ failures }) => number(failures, 0),
    },
    {
      id: 'moved',
      label: t('trial.roles.moved'),
      numeric: true,
      cell: ({ moved }) => share(moved),
    },
  ];
  return (
    <DataTable
      caption={t('trial.roles.caption')}
      columns={columns}
      rows={rollout.roles}
      keyOf={({ role }) => role}
    />
  );
}

interface LevelRow {
  level: string;
  active: number | null;
  challenger: number | null;
  moved: number | null;
}

/** Recent errors of both models by level, and how far the forecasts move: a chart and its table. */
function Levels({ report }: { report: Report }) {
  const { t } = useTranslation();
  const { share, shareChange } = useFormat();
  const levelLabel = useLevelLabel();
  const rows = Object.entries(report.recent).map(
    ([level, { active, challenger }]): LevelRow => ({
      level,
      active,
      challenger,
      moved: report.moved[level] ?? null,
    }),
  );
  const subjects: Subject[] = [
    {
      id: 'active',
      label: t('trial.active'),
      shape: 'circle',
      values: rows.map(({ active }) => active),
    },
    {
      id: 'challenger',
      label: t('trial.challenger'),
      shape: 'square',
      values: rows.map(({ challenger }) => challenger),
    },
  ];
  const columns: Column<LevelRow>[] = [
    { id: 'level', label: t('trial.level'), cell: ({ level }) => levelLabel(level) },
    {
      id: 'active',
      label: t('trial.active'),
      numeric: true,
      cell: ({ active }) => share(active),
    },
    {
      id: 'challenger',
      label: t('trial.challenger'),
      numeric: true,
      cell: ({ challenger }) => share(challenger),
    },
    {
      id: 'change',
      label: t('trial.errorChange'),
      numeric: true,
      cell: ({ active, challenger }) =>
        shareChange(active && challenger !== null ? challenger / active - 1 : null),
    },
    { id: 'moved', label: t('trial.moved'), numeric: true, cell: ({ moved }) => share(moved) },
  ];
  return (
    <div className={styles.pair}>
      <figure>
        <figcaption className={ui.hint}>{t('trial.recent')}</figcaption>
        <CategoryLegend subjects={subjects} />
        <CategoryChart
          categories={rows.map(({ level }) => levelLabel(level))}
          subjects={subjects}
          joined={false}
        />
      </figure>
      <DataTable
        caption={t('trial.levels')}
        columns={columns}
        rows={rows}
        keyOf={({ level }) => level}
      />
    </div>
  );
}
