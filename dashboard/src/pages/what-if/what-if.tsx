import { useTranslation } from 'react-i18next';
import { levelsBetween, useLevelLabel, useNodeLabel } from '@/api/nodes';
import type { Meta, WhatIf } from '@/api/queries';
import { firstAhead, lastOfWindow, usualHorizon } from '@/api/steps';
import { useFormat } from '@/format/use-format';
import { ButtonLink } from '@/ui/button';
import { CopyLink } from '@/ui/copy-link';
import { DayField } from '@/ui/day-field';
import { SelectField } from '@/ui/field';
import { HorizonSelect } from '@/ui/horizon-select';
import { Card, Notice, Page, Skeleton } from '@/ui/layout';
import { MetaPage } from '@/ui/meta-page';
import { NodePicker } from '@/ui/node-picker';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';
import { day, text, useQueryState, whole } from '@/url/query-state';
import { Adjustments } from './adjustments';
import { type Faults, faultsOf } from './faults';
import { overrideOf } from './override';
import { Parts } from './parts';
import { AlsoMoved, Comparison, type Result, ResultChart, ResultStats, shareOf } from './results';
import { SavedCard } from './saved-card';
import { ScenarioBar, useScenarioNames } from './scenario-bar';
import { replaceAt, type Scenario, writeScenarios } from './scenarios';
import { useChanges } from './use-changes';
import { useScenarios } from './use-scenarios';
import { type ScenarioQuery, useWhatIfs, type View } from './use-what-ifs';
import styles from './what-if.module.css';

const HORIZON = whole(1, 365);
const CHOSEN = whole(1, 4);
const DEPTH = whole(1, 2);

export default function WhatIfPage() {
  const { t } = useTranslation();
  return <MetaPage title={t('whatIf.title')}>{(meta) => <WhatIfOfNode meta={meta} />}</MetaPage>;
}

/** Node, window and division of the page, as its address has them. */
function useView(meta: Meta) {
  const [node, setNode] = useQueryState('node', text, 'total');
  const [date, setDate] = useQueryState('date', day, '');
  const [horizon, setHorizon] = useQueryState('horizon', HORIZON, usualHorizon(meta));
  const [depth, setDepth] = useQueryState('depth', DEPTH, 1);
  const [by, setBy] = useQueryState('by', text, '');
  const first = date || firstAhead(meta);
  return {
    view: { node, date, horizon, depth, by: node === 'total' ? by : '' } satisfies View,
    window: { first, last: lastOfWindow(meta, first, horizon) },
    change: { setNode, setDate, setHorizon, setDepth, setBy },
  };
}

function WhatIfOfNode({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const { view, window, change } = useView(meta);
  const { list, settled, broken, edit } = useScenarios();
  const [number, setNumber] = useQueryState('scenario', CHOSEN, 1);
  const queries = useWhatIfs(view, window, settled);
  const names = useScenarioNames(list);
  const chosen = Math.min(number, list.length) - 1;
  const scenario = list[chosen] as Scenario;
  const query = queries[chosen];
  const answer: WhatIf | undefined = query?.data;
  const faults = faultsOf(query?.error);
  const knownThrough = queries.find((each) => each.data)?.data?.known_through ?? {};

  /** Return the address with what it leaves out too: tomorrow, other days are the usual ones. */
  function fixedAddress(): string {
    const { node, horizon, depth, by } = view;
    const state = { node, date: window.first, horizon, depth, by, scenario: chosen + 1 };
    return linkTo('whatIf', { ...state, scenarios: writeScenarios(list) });
  }

  return (
    <Page
      title={t('whatIf.titleOf', { node: nodeLabel(view.node) })}
      lead={
        answer &&
        !query?.isPlaceholderData && (
          <Lead answer={answer} name={names[chosen] as string} window={window} />
        )
      }
      controls={
        <>
          <div className={ui.grow}>
            <NodePicker value={view.node} onChange={change.setNode} />
          </div>
          <DayField
            label={t('whatIf.firstDay')}
            min={meta.forecast.first as string}
            max={meta.forecast.last as string}
            value={window.first}
            onChange={change.setDate}
          />
          <HorizonSelect meta={meta} value={view.horizon} onChange={change.setHorizon} />
        </>
      }
    >
      {broken && <Notice tone="warn">{t('whatIf.broken')}</Notice>}
      <Card title={t('whatIf.scenario.card')} actions={<CopyLink address={fixedAddress} />}>
        <ScenarioBar
          list={list}
          chosen={chosen}
          onChoose={(at) => setNumber(at + 1)}
          onEdit={edit}
        />
      </Card>
      <Card title={t('whatIf.change.card')}>
        <Adjustments
          key={chosen}
          meta={meta}
          scenario={scenario}
          window={window}
          knownThrough={knownThrough}
          faults={faults}
          warnings={answer?.warnings ?? []}
          onChange={(next) => edit(replaceAt(list, chosen, next))}
        />
      </Card>
      <Card title={t('whatIf.result.card')} actions={answer && <Links answer={answer} />}>
        <Results query={query} queries={queries} names={names} faults={faults} />
      </Card>
      {answer && (
        <Card
          title={t('whatIf.parts.card')}
          actions={<Division meta={meta} view={view} change={change} />}
        >
          <Parts answer={answer} />
        </Card>
      )}
      <SavedCard query={() => fixedAddress().split('?')[1] as string} />
    </Page>
  );
}

interface LeadProps {
  answer: WhatIf;
  name: string;
  window: { first: string; last: string };
}

function useLead({ answer, name, window }: LeadProps): string {
  const { t } = useTranslation();
  const { days, units } = useFormat();
  const changes = useChanges();
  const said = { days: days(window.first, window.last) };
  if (answer.applied.length === 0) {
    return t('whatIf.leadEmpty', { ...said, units: units(answer.baseline) });
  }
  return t('whatIf.lead', {
    ...said,
    name,
    scenario: units(answer.scenario),
    baseline: units(answer.baseline),
    delta: changes.units(answer.delta),
    share: changes.share(shareOf(answer)),
  });
}

function Lead(props: LeadProps) {
  return useLead(props);
}

/** The answer of the chosen scenario, beside those of the others. */
function Results({
  query,
  queries,
  names,
  faults,
}: {
  query: ScenarioQuery | undefined;
  queries: readonly ScenarioQuery[];
  names: readonly string[];
  faults: Faults;
}) {
  const { t } = useTranslation();
  const results = queries.flatMap(({ data }, at): Result[] =>
    data ? [{ id: String(at), name: names[at] ?? '', answer: data }] : [],
  );
  const waiting = queries.some((each) => each.isFetching);
  return (
    <div className={styles.results} aria-busy={waiting}>
      {query?.error &&
        (faults.size > 0 ? (
          <Notice tone="warn">{t('whatIf.result.fields')}</Notice>
        ) : (
          <ProblemNotice error={query.error} retry={() => void query.refetch()} />
        ))}
      {query?.data?.in_sample && <Notice tone="warn">{t('inSample')}</Notice>}
      {query?.data && <ResultStats answer={query.data} />}
      <p className="visually-hidden" role="status">
        {waiting && t('whatIf.result.updating')}
      </p>
      {results.length > 1 && <Comparison results={results} />}
      {results.length > 0 && <ResultChart results={results} summary={t('whatIf.result.caution')} />}
      {results.length === 0 && !query?.error && <Skeleton />}
      {query?.data && <AlsoMoved answer={query.data} />}
      <p className={styles.soft}>{t('whatIf.result.caution')}</p>
    </div>
  );
}

function Links({ answer }: { answer: WhatIf }) {
  const { t } = useTranslation();
  const { node, date, horizon } = answer;
  const override = overrideOf(answer);
  return (
    <>
      <ButtonLink href={linkTo('forecast', { node, date, horizon })}>
        {t('whatIf.toForecast')}
      </ButtonLink>
      <ButtonLink href={linkTo('explain', { node, date })}>{t('whatIf.toExplain')}</ButtonLink>
      {override && (
        <ButtonLink href={linkTo('plan', { node, ...override })}>{t('whatIf.toPlan')}</ButtonLink>
      )}
    </>
  );
}

/** How the parts are divided: by which level, and how deep. */
function Division({
  meta,
  view,
  change,
}: {
  meta: Meta;
  view: View;
  change: { setDepth: (depth: number) => void; setBy: (by: string) => void };
}) {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const levels = levelsBetween(meta);
  if (view.node !== 'total' || levels.length === 0) return null; // the API has one way down
  return (
    <>
      <SelectField
        label={t('whatIf.parts.by')}
        value={view.by || (levels[0] as string)}
        choices={levels.map((level) => ({ value: level, label: levelLabel(level) }))}
        onChange={change.setBy}
      />
      <SelectField
        label={t('whatIf.parts.depth')}
        value={String(view.depth)}
        choices={[
          { value: '1', label: t('whatIf.parts.one') },
          { value: '2', label: t('whatIf.parts.two') },
        ]}
        onChange={(depth) => change.setDepth(Number(depth))}
      />
    </>
  );
}
