import { useTranslation } from 'react-i18next';
import {
  type LiveAccuracy,
  type LiveFigures,
  useDrift,
  useLiveAccuracy,
  useOutliers,
} from '@/api/monitoring';
import { useLevelLabel } from '@/api/nodes';
import { type Meta, useHealth } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { Segments, SelectField } from '@/ui/field';
import { Page, type StatProps, Stats } from '@/ui/layout';
import { MetaPage } from '@/ui/meta-page';
import { NodePicker } from '@/ui/node-picker';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { DriftCard } from './drift-card';
import { FreshnessCard } from './freshness-card';
import { nearestOf } from './judgement';
import { LiveCard } from './live-card';
import styles from './monitoring.module.css';
import { OutliersCard } from './outliers-card';
import { type Selection, useSelection, WINDOWS } from './use-selection';
import { useVerdict } from './use-verdict';
import { WorstNodes } from './worst-nodes';

/** Choice of one node instead of a level. */
const ONE = 'one of them';

export default function MonitoringPage() {
  const { t } = useTranslation();
  return (
    <MetaPage title={t('monitoring.title')}>{(meta) => <MonitoringOf meta={meta} />}</MetaPage>
  );
}

/** Return the figures of what is chosen; of a node, its own ones first and its series' after them. */
function figuresOf({ figures }: LiveAccuracy, { node, level }: Selection): LiveFigures[] {
  if (!node) return figures.filter((each) => each.node === null && each.level === level);
  const own = figures.filter((each) => each.node === node);
  const isBelow = ({ level: of }: LiveFigures) => of === 'bottom';
  return [...own.filter((each) => !isBelow(each)), ...own.filter(isBelow)];
}

function MonitoringOf({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const selection = useSelection(meta);
  const { node, days, whose } = selection;
  const live = useLiveAccuracy({ window: days, daily: true, ...(node ? { node } : {}) });
  const figures = live.data && figuresOf(live.data, selection);
  const nearest = figures && nearestOf(figures);
  return (
    <Page
      title={t('monitoring.title')}
      lead={<Lead live={live.data} failed={live.error !== null} nearest={nearest} whose={whose} />}
      controls={<Controls meta={meta} selection={selection} />}
    >
      <Alarms meta={meta} />
      <QueryView
        query={live}
        height="44rem"
        waiting={live.isPlaceholderData && figures?.length === 0}
      >
        {(data) => (
          <LiveCard
            meta={meta}
            live={data}
            figures={figuresOf(data, selection)}
            selection={selection}
          />
        )}
      </QueryView>
      <DriftCard meta={meta} />
      <OutliersCard meta={meta} />
      {live.data?.last !== null && <WorstNodes meta={meta} selection={selection} />}
      <FreshnessCard />
    </Page>
  );
}

/** The answer in a sentence; until it is there, its place, so that what is below does not jump. */
function Lead({
  live,
  failed,
  nearest,
  whose,
}: {
  live: LiveAccuracy | undefined;
  failed: boolean;
  nearest: LiveFigures | undefined;
  whose: string;
}) {
  const { t } = useTranslation();
  const verdict = useVerdict();
  if (nearest) return verdict(whose, nearest);
  if (live?.last === null) return t('monitoring.empty.title');
  return live || failed ? null : <span className={styles.leadPlace} />;
}

function Controls({ meta, selection }: { meta: Meta; selection: Selection }) {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const { window, setWindow, level, levels, setLevel, node, setNode, oneLabel } = selection;
  return (
    <>
      <Segments
        label={t('monitoring.window.label')}
        value={window}
        choices={WINDOWS.map((value) => ({
          value,
          label: t(`monitoring.window.${meta.step}.${value}`),
        }))}
        onChange={setWindow}
      />
      <SelectField
        label={t('monitoring.of')}
        value={node ? ONE : level}
        choices={[
          ...levels.map((value) => ({ value, label: levelLabel(value) })),
          { value: ONE, label: oneLabel },
        ]}
        onChange={(value) => (value === ONE ? setNode('total') : setLevel(value))}
      />
      {node && (
        <div className={ui.grow}>
          <NodePicker value={node} onChange={setNode} levels={levels.slice(0, -1)} />
        </div>
      )}
    </>
  );
}

/** How many things ask for somebody, and how new the data are. */
function Alarms({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const { day, number } = useFormat();
  const drift = useDrift({ state: 'open', model_version: meta.model_version });
  const outliers = useOutliers('open');
  const health = useHealth();
  const count = (
    items: readonly { severity: string }[] | undefined,
    more: boolean,
    none: string,
  ): Pick<StatProps, 'value' | 'detail' | 'tone'> => {
    if (items === undefined) return { value: '–', detail: ' ' };
    const critical = items.filter(({ severity }) => severity === 'critical').length;
    const all = number(items.length);
    return {
      value: more ? t('monitoring.alarm.more', { count: items.length }) : all,
      detail:
        items.length === 0
          ? none
          : critical === 0
            ? t('monitoring.alarm.notCritical')
            : t('monitoring.alarm.critical', { count: critical }),
      tone: critical ? 'bad' : items.length === 0 ? 'good' : undefined,
    };
  };
  const age = health.data?.data_age_days ?? 0;
  const ageText = health.data?.demo
    ? t('monitoring.alarm.demo')
    : age > 0
      ? t('monitoring.alarm.behind', { count: age })
      : t('monitoring.alarm.current');
  return (
    <div className={styles.alarms}>
      <Stats
        items={[
          {
            label: t('monitoring.alarm.drift'),
            ...count(
              drift.data?.pages.flatMap((page) => page.events),
              drift.hasNextPage,
              t('monitoring.alarm.noDrift'),
            ),
          },
          {
            label: t('monitoring.alarm.outliers'),
            ...count(
              outliers.data?.pages.flatMap((page) => page.outliers),
              outliers.hasNextPage,
              t('monitoring.alarm.noOutliers'),
            ),
          },
          {
            label: t('monitoring.alarm.newest'),
            value: health.data ? day(health.data.snapshot.origin) : '–',
            detail: health.data ? ageText : ' ',
            tone: health.data?.reasons.some(({ name }) => name === 'data') ? 'bad' : undefined,
          },
        ]}
      />
    </div>
  );
}
