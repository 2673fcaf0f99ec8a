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
import { day, text, useQueryState, whole } from '@/url/query-state';
import { DayChooser } from './day-chooser';
import styles from './explain.module.css';
import { ExplanationNotices } from './notices';
import { isReason, isRule, strongest } from './steps';
import { useGroupName, useSteps } from './use-steps';

const HORIZON = whole(1, 365);
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
  const explanation = useExplanation({ node, horizon, ...(date ? { date } : {}) });
  const first = date || firstAhead(meta);
  const current = explanation.isPlaceholderData ? undefined : explanation.data;
  return (
    <Page
      title={t('explain.titleOf', { node: nodeLabel(node) })}
      lead={current && <Lead explanation={current} meta={meta} />}
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
        </>
      }
    >
      <QueryView query={explanation}>
        {(answer) => <Reasons explanation={answer} meta={meta} />}
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

function Lead({ explanation, meta }: { explanation: Explanation; meta: Meta }) {
  const { t } = useTranslation();
  const { days, units } = useFormat();
  const reasons = useReasons(explanation);
  const last = lastOfWindow(meta, explanation.date, explanation.horizon);
  const said = {
    days: days(explanation.date, last),
    units: units(explanation.prediction),
  };
  if (isRule(explanation) || reasons === '') return t('explain.leadPlain', said);
  return t('explain.lead', { ...said, base: units(explanation.base_units), reasons });
}

function Reasons({ explanation, meta }: { explanation: Explanation; meta: Meta }) {
  const { t } = useTranslation();
  const { units } = useFormat();
  const { node, date, horizon } = explanation;
  const steps = useSteps(explanation);
  const reasons = useReasons(explanation);
  const rule = isRule(explanation);
  const view = { node, date, horizon };
  return (
    <>
      <ExplanationNotices explanation={explanation} last={lastOfWindow(meta, date, horizon)} />
      <Card
        title={t('explain.chart.title')}
        actions={
          <>
            <ButtonLink href={linkTo('forecast', view)}>{t('explain.toForecast')}</ButtonLink>
            <ButtonLink href={linkTo('whatIf', view)}>{t('explain.toWhatIf')}</ButtonLink>
          </>
        }
      >
        {!rule && <p className={styles.hint}>{t('explain.chart.hint')}</p>}
        <Waterfall
          title={t('explain.chart.title')}
          summary={t('explain.chart.summary', {
            base: units(explanation.base_units),
            units: units(explanation.prediction),
            reasons,
          })}
          steps={steps}
        />
        {!rule && (
          <div className={styles.notes}>
            <p>{t('explain.caution')}</p>
            <p>{t('explain.scale')}</p>
          </div>
        )}
      </Card>
    </>
  );
}
