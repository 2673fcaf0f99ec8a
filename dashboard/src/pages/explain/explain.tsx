import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useParams } from 'wouter';
import { useNodeLabel } from '@/api/nodes';
import { type Explanation, type Meta, useExplanation } from '@/api/queries';
import { firstAhead, lastOfWindow } from '@/api/steps';
import { Waterfall } from '@/charts/waterfall';
import { useFormat } from '@/format/use-format';
import { ButtonLink } from '@/ui/button';
import { HorizonSelect } from '@/ui/horizon-select';
import { Card, Page } from '@/ui/layout';
import { MetaPage } from '@/ui/meta-page';
import { NodePicker } from '@/ui/node-picker';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';
import { day, oneOf, text, useQueryState, whole } from '@/url/query-state';
import { AgainstSelect } from './against-select';
import { DayChooser } from './day-chooser';
import styles from './explain.module.css';
import { ExplanationNotices } from './notices';
import {
  chooseReference,
  REFERENCES,
  type Reference,
  referencesOf,
  weekAround,
} from './references';
import { isAbout, isReason, isRule, strongest } from './steps';
import { type Compared, useDifferenceSteps, useDrivers, useReferenceName } from './use-difference';
import { useGroupName, useSteps } from './use-steps';

const HORIZON = whole(1, 365);
const AGAINST = oneOf(...REFERENCES);
const PERIODS = { day: [1, 7, 28], week: [1, 4, 13] } as const;

export default function ExplainPage() {
  const { t } = useTranslation();
  if (useParams().family !== undefined) return <ExplainOfNames {...namesOf(location.pathname)} />;
  return <MetaPage title={t('explain.title')}>{(meta) => <ExplainOfNode meta={meta} />}</MetaPage>;
}

/**
 * Return the names at the end of a path.
 *
 * The router's own parameters are decoded as a whole address is, which leaves commas and slashes in
 * names encoded.
 */
function namesOf(path: string): { store: string; family: string } {
  const [store = '', family = ''] = path.split('/').filter(Boolean).slice(-2).map(decoded);
  return { store, family };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray percent sign
  }
}

/** An older address that names a store and a family: the API says which node they are. */
function ExplainOfNames({ store, family }: { store: string; family: string }) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const [date] = useQueryState('date', day, '');
  const [horizon] = useQueryState('horizon', HORIZON, 1);
  const explanation = useExplanation({
    // what is no number is sent as it is: the API says what is wrong with it
    store_nbr: /^\d+$/.test(store) ? Number(store) : (store as never),
    family,
    horizon,
    ...(date ? { date } : {}),
  });
  const node = explanation.data?.node;
  useEffect(() => {
    if (node !== undefined) navigate(linkTo('explain', { node, date, horizon }), { replace: true });
  }, [node, date, horizon, navigate]);
  return (
    <Page title={t('explain.title')} lead={t('explain.find', { store, family })}>
      <QueryView query={explanation}>{() => null}</QueryView>
    </Page>
  );
}

function ExplainOfNode({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const [node, setNode] = useQueryState('node', text, 'total');
  const [horizon, setHorizon] = useQueryState('horizon', HORIZON, 1);
  const [date, setDate] = useQueryState('date', day, '');
  const [wanted, setWanted] = useQueryState('against', AGAINST, '' as never);
  const first = date || firstAhead(meta);
  const references = referencesOf(meta, first, horizon);
  const reference = chooseReference(references, wanted);
  const explanation = useExplanation({
    node,
    horizon,
    ...(date ? { date } : {}),
    ...(reference ? { against: reference.date, against_horizon: reference.horizon } : {}),
  });
  const current = explanation.isPlaceholderData ? undefined : explanation.data;
  return (
    <Page
      title={t('explain.titleOf', { node: nodeLabel(node) })}
      lead={current && <Lead explanation={current} meta={meta} references={references} />}
      controls={
        <>
          <div className={ui.grow}>
            <NodePicker value={node} onChange={setNode} />
          </div>
          <DayChooser meta={meta} value={first} onChange={setDate} />
          <HorizonSelect
            meta={meta}
            value={horizon}
            common={PERIODS[meta.step === 'week' ? 'week' : 'day']}
            label={t(meta.step === 'week' ? 'explain.periodWeeks' : 'explain.period')}
            onChange={setHorizon}
          />
          <AgainstSelect
            meta={meta}
            references={references}
            horizon={horizon}
            value={reference?.kind ?? 'average'}
            onChange={setWanted}
          />
        </>
      }
    >
      <QueryView query={explanation}>
        {(answer) => <Reasons explanation={answer} meta={meta} references={references} />}
      </QueryView>
    </Page>
  );
}

/** The reasons that move a forecast most, in words. */
function useReasons(explanation: Explanation): string {
  const { t } = useTranslation();
  const { list, change } = useFormat();
  const groupName = useGroupName();
  const names = new Map(
    explanation.groups.map(({ name }) => [name as string, groupName(explanation, name)]),
  );
  const changes = useSteps(explanation).filter(isReason);
  return list(
    strongest(changes).map(({ id, label, units }) =>
      t('explain.reason', { name: names.get(id) ?? label, units: change(units) }),
    ),
  );
}

interface AnswerProps {
  explanation: Explanation;
  meta: Meta;
  references: readonly Reference[];
}

/** Return the comparison in an answer, which may be an older one that stays while another loads. */
function comparedIn({ explanation, meta, references }: AnswerProps): Compared | undefined {
  const { against } = explanation;
  const reference = references.find(
    ({ date, horizon }) => date === against?.date && horizon === against.horizon,
  );
  if (against === null || reference === undefined) return undefined;
  const last = lastOfWindow(meta, against.date, against.horizon);
  return { explanation, against, reference, last };
}

function Lead(props: AnswerProps) {
  const compared = comparedIn(props);
  return compared ? (
    <LeadOfDifference compared={compared} meta={props.meta} />
  ) : (
    <LeadOfAverage {...props} />
  );
}

/** Return the days of an explanation, a single one with its weekday. */
function useDaysOf(): (explanation: Explanation, meta: Meta) => string {
  const { days, weekday } = useFormat();
  return ({ date, horizon }, meta) =>
    horizon === 1 && meta.step === 'day'
      ? weekday(date)
      : days(date, lastOfWindow(meta, date, horizon));
}

function LeadOfAverage({ explanation, meta }: AnswerProps) {
  const { t } = useTranslation();
  const { units } = useFormat();
  const daysOf = useDaysOf();
  const reasons = useReasons(explanation);
  const said = { days: daysOf(explanation, meta), units: units(explanation.prediction) };
  if (isRule(explanation) || reasons === '') return t('explain.leadPlain', said);
  return t('explain.lead', { ...said, base: units(explanation.base_units), reasons });
}

function LeadOfDifference({ compared, meta }: { compared: Compared; meta: Meta }) {
  const { t } = useTranslation();
  const { units, change } = useFormat();
  const daysOf = useDaysOf();
  const name = useReferenceName();
  const drivers = useDrivers(compared);
  const { explanation, against, reference, last } = compared;
  const about = isAbout(against);
  const which = about ? 'About' : against.difference > 0 ? 'More' : 'Less';
  const said = t(`explain.lead${which}`, {
    days: daysOf(explanation, meta),
    units: units(explanation.prediction),
    difference: about ? change(against.difference) : units(Math.abs(against.difference)),
    reference: name(reference, last, explanation.horizon),
  });
  const { all, along, opposed } = drivers;
  if (all === '') return said;
  if (about) return `${said} ${t('explain.leadParts', { drivers: all })}`;
  const sentences = [
    said,
    along && t('explain.leadMostly', { drivers: along }),
    opposed && t('explain.leadOpposed', { drivers: opposed }),
  ];
  return sentences.filter(Boolean).join(' ');
}

function Reasons(props: AnswerProps) {
  const { t } = useTranslation();
  const { explanation, meta } = props;
  const { node, date, horizon } = explanation;
  const compared = comparedIn(props);
  const opens = compared === undefined || compared.against.changed.length > 0;
  const view = { node, date, horizon };
  const chart = horizon === 1 ? { node, ...weekAround(meta, date) } : view;
  return (
    <>
      <ExplanationNotices
        explanation={explanation}
        share={compared?.against.explained_share ?? explanation.explained_share}
        last={lastOfWindow(meta, date, horizon)}
      />
      <Card
        title={t(compared ? 'explain.chart.difference' : 'explain.chart.title')}
        actions={
          <>
            <ButtonLink href={linkTo('forecast', chart)}>{t('explain.toForecast')}</ButtonLink>
            <ButtonLink href={linkTo('whatIf', view)}>{t('explain.toWhatIf')}</ButtonLink>
          </>
        }
      >
        {!isRule(explanation) && (
          <p className={styles.hint}>
            {t('explain.chart.hint')} {opens && t('explain.chart.hintOpen')}
          </p>
        )}
        {compared ? (
          <DifferenceChart compared={compared} />
        ) : (
          <AverageChart explanation={explanation} />
        )}
        {!isRule(explanation) && <p className={styles.notes}>{t('explain.caution')}</p>}
      </Card>
    </>
  );
}

function AverageChart({ explanation }: { explanation: Explanation }) {
  const { t } = useTranslation();
  const { units } = useFormat();
  const steps = useSteps(explanation);
  const reasons = useReasons(explanation);
  return (
    <Waterfall
      title={t('explain.chart.title')}
      summary={t('explain.chart.summary', {
        base: units(explanation.base_units),
        units: units(explanation.prediction),
        reasons,
      })}
      steps={steps}
    />
  );
}

/** The changes alone: on an axis from zero they would hardly be seen. */
function DifferenceChart({ compared }: { compared: Compared }) {
  const { t } = useTranslation();
  const { units } = useFormat();
  const steps = useDifferenceSteps(compared);
  const drivers = useDrivers(compared);
  return (
    <Waterfall
      changes
      title={t('explain.chart.difference')}
      summary={t('explain.chart.summary', {
        base: units(compared.against.prediction),
        units: units(compared.explanation.prediction),
        reasons: drivers.all,
      })}
      steps={steps}
    />
  );
}
