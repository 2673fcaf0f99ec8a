import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import { type Meta, useAccuracy } from '@/api/queries';
import { addSteps, firstAhead, newestOf, usualHorizon } from '@/api/steps';
import { type ForecastData, useForecastView } from '@/api/use-forecast-view';
import { useHeldSentence } from '@/api/use-held-words';
import { useForecastSentence } from '@/charts/use-forecast-sentence';
import { DayField } from '@/ui/day-field';
import { HorizonSelect } from '@/ui/horizon-select';
import { Notice, Page } from '@/ui/layout';
import { MetaPage } from '@/ui/meta-page';
import { NodePicker } from '@/ui/node-picker';
import { OverriddenNotice } from '@/ui/overridden-notice';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { day, flag, type HistoryMode, text, useQueryState, whole } from '@/url/query-state';
import { ForecastCard } from './forecast-card';
import { ForecastStats } from './forecast-stats';
import { NextPages } from './next-pages';
import { OriginSelect } from './origin-select';
import { ReviewStats, useReviewSentence } from './review-stats';

const HORIZON = whole(1, 365);

export default function ForecastPage() {
  const { t } = useTranslation();
  return (
    <MetaPage title={t('forecast.title')}>{(meta) => <ForecastOfNode meta={meta} />}</MetaPage>
  );
}

/** Return the first day that the address names, and how to name another. */
function useFirstDay(meta: Meta) {
  const [date, setDate] = useQueryState('date', day, '');
  const [asOf, setAsOf] = useQueryState('asOf', day, '');
  return {
    date: asOf ? addSteps(meta, asOf, 1) : date,
    change: (next: string, mode: HistoryMode) => {
      setAsOf('', mode);
      setDate(next === firstAhead(meta) ? '' : next, mode);
    },
    lookBackFrom: (origin: string) => {
      setDate('');
      setAsOf(origin);
    },
  };
}

function ForecastOfNode({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const [node, setNode] = useQueryState('node', text, 'total');
  const [horizon, setHorizon] = useQueryState('horizon', HORIZON, usualHorizon(meta));
  const [adjusted, setAdjusted] = useQueryState('adjusted', flag, false);
  const first = useFirstDay(meta);
  const isPast = first.date !== '' && first.date <= newestOf(meta);
  const view = useForecastView(meta, {
    node,
    horizon,
    date: first.date,
    adjusted: adjusted && !isPast, // overrides are of days ahead
  });
  const isLoading = [view, useAccuracy()].some((each) => each.isLoading);
  return (
    <Page
      title={`${t('forecast.title')}: ${nodeLabel(node)}`}
      lead={<Lead meta={meta} view={view} waiting={isLoading} />}
      controls={
        <>
          <div className={ui.grow}>
            <NodePicker value={node} onChange={setNode} />
          </div>
          <HorizonSelect meta={meta} value={horizon} onChange={setHorizon} />
          <DayField
            label={t(meta.step === 'day' ? 'forecast.first' : 'forecast.firstWeek')}
            value={view.first}
            min={meta.forecast.first as string}
            max={addSteps(meta, meta.forecast.last as string, 1 - horizon)}
            onChange={first.change}
          />
          <OriginSelect
            meta={meta}
            value={isPast ? addSteps(meta, view.first, -1) : ''}
            onChange={first.lookBackFrom}
          />
        </>
      }
    >
      <QueryView query={view.forecast} height="30rem" waiting={isLoading}>
        {(forecast) => (
          <>
            {forecast.in_sample && <Notice tone="warn">{t('inSample')}</Notice>}
            {isPast && <Notice>{t('forecast.review.notThen')}</Notice>}
            {!isPast && !adjusted && (
              <OverriddenNotice node={node} horizon={horizon} date={first.date} />
            )}
            {isPast ? (
              <ReviewStats meta={meta} forecast={forecast} />
            ) : (
              <ForecastStats meta={meta} forecast={forecast} view={view} />
            )}
            <ForecastCard
              forecast={forecast}
              view={view}
              adjusted={adjusted}
              onAdjust={isPast ? undefined : setAdjusted}
            />
            <NextPages node={node} horizon={horizon} date={first.date} />
          </>
        )}
      </QueryView>
    </Page>
  );
}

/** The sentence that answers the question of the page. */
function Lead({
  meta,
  view: { forecast, past },
  waiting,
}: {
  meta: Meta;
  view: ForecastData;
  waiting: boolean;
}) {
  const { t } = useTranslation();
  const sentence = useForecastSentence();
  const review = useReviewSentence(past ? forecast.data : undefined);
  const held = useHeldSentence(meta, forecast.data);
  if (waiting) return null;
  if (forecast.isPlaceholderData) return t('state.loading');
  return review ?? [sentence(forecast.data), held].filter(Boolean).join(' ');
}
