import { useTranslation } from 'react-i18next';
import { readableName, useLevelLabel } from '@/api/nodes';
import { type Accuracy, type Meta, useAccuracy, useHealth, useMeta } from '@/api/queries';
import { readableRange } from '@/format/days-ahead';
import { useFormat } from '@/format/use-format';
import { SelectField } from '@/ui/field';
import { EmptyState, Notice, Page, type StatProps, Stats } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import { text, useQueryState } from '@/url/query-state';
import { CheckNode } from './check-node';
import { HardSeries } from './hard-series';
import { IntervalCoverage } from './interval-coverage';
import { type AccuracyGroup, byLevel, judge, nominalsOf, usualLevel } from './level-accuracy';
import { LevelErrors, useSentence } from './level-errors';
import styles from './quality.module.css';

export default function QualityPage() {
  const { t } = useTranslation();
  const meta = useMeta();
  const accuracy = useAccuracy();
  return meta.data && accuracy.data ? (
    <QualityOf meta={meta.data} accuracy={accuracy.data} />
  ) : (
    <Page title={t('quality.title')}>
      {meta.error ? (
        <QueryView query={meta}>{() => null}</QueryView>
      ) : (
        <QueryView query={accuracy}>{() => null}</QueryView>
      )}
    </Page>
  );
}

function QualityOf({ meta, accuracy }: { meta: Meta; accuracy: Accuracy }) {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const sentence = useSentence();
  const [wanted, setWanted] = useQueryState('group', text, '');
  const group = accuracy.groups.find((each) => each.group === wanted) ?? accuracy.groups[0];
  const usual = group && usualLevel(meta, byLevel(group));
  const [first] = usual?.cells ?? [];
  return (
    <Page
      title={t('quality.title')}
      lead={usual && first && `${levelLabel(usual.level)}: ${sentence(first, meta.step)}`}
      controls={
        accuracy.groups.length > 1 &&
        group && (
          <SelectField
            label={t('quality.group')}
            value={group.group}
            choices={accuracy.groups.map(({ group: name }) => ({
              value: name,
              label: readableName(name),
            }))}
            onChange={setWanted}
          />
        )
      }
    >
      {group && group.levels.length > 0 ? (
        <>
          <Figures meta={meta} group={group} />
          <Warnings />
          <LevelErrors group={group} step={meta.step} />
          <IntervalCoverage group={group} step={meta.step} />
        </>
      ) : (
        <EmptyState>{t('quality.none')}</EmptyState>
      )}
      <HardSeries meta={meta} />
      <CheckNode meta={meta} />
      {group && (
        <p className={styles.note}>
          {t(`quality.source.${accuracy.source}`, { count: group.windows })}
        </p>
      )}
    </Page>
  );
}

/** The figures that matter most, of the nearest days. */
function Figures({ meta, group }: { meta: Meta; group: AccuracyGroup }) {
  const { t } = useTranslation();
  const { share } = useFormat();
  const levelLabel = useLevelLabel();
  const levels = byLevel(group);
  const total = levels[0]?.cells[0];
  const figures: StatProps[] = levels.flatMap(({ level, cells: [first] }) =>
    first === undefined
      ? []
      : [
          {
            label: levelLabel(level),
            value: t('quality.offBy', { wape: share(first.wape) }),
            detail: t(`quality.range.${meta.step}`, { days: readableRange(first.days) }),
          },
        ],
  );
  const nominal = nominalsOf(group)[0];
  const held = nominal === undefined ? undefined : total?.coverage[nominal];
  if (total?.bias != null) {
    const way = total.bias < 0 ? 'low' : 'high';
    figures.push({
      label: t('quality.inSum'),
      value: t(`quality.${way}`, { bias: share(Math.abs(total.bias)) }),
      detail: t(`quality.range.${meta.step}`, { days: readableRange(total.days) }),
    });
  }
  if (nominal !== undefined && held !== undefined && total) {
    figures.push({
      label: t('quality.intervals', {
        nominal: nominal.replace('%', ' %'),
        level: levelLabel(total.level),
      }),
      value: t('quality.held', { held: share(held) }),
      detail: `${t(`quality.range.${meta.step}`, { days: readableRange(total.days) })}, ${t(`quality.coverage.${judge(held, nominal)}`)}`,
    });
  }
  return <Stats items={figures} />;
}

/** What the model's own check found, in the words of the API. */
function Warnings() {
  const { t } = useTranslation();
  const { data } = useHealth();
  if (data === undefined || data.quality.length === 0) return null;
  return (
    <Notice tone="warn" title={t('quality.warnings')}>
      <ul lang="en" className={styles.warnings}>
        {data.quality.map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
    </Notice>
  );
}
