import { useTranslation } from 'react-i18next';
import { type Meta, useAccuracy, useForecast, useHealth } from '@/api/queries';
import { newestOf, usualHorizon } from '@/api/steps';
import { type ForecastData, useForecastView } from '@/api/use-forecast-view';
import { useYearWords } from '@/api/use-year-words';
import { ForecastChart } from '@/charts/forecast-chart';
import { useFormat } from '@/format/use-format';
import { ButtonLink } from '@/ui/button';
import { HorizonSelect } from '@/ui/horizon-select';
import { Card, Page, Skeleton } from '@/ui/layout';
import { MetaPage } from '@/ui/meta-page';
import { OverriddenNotice } from '@/ui/overridden-notice';
import { QueryView, useFirstDrawnInSteps } from '@/ui/query-view';
import { linkTo } from '@/url/links';
import { useQueryState, whole } from '@/url/query-state';
import { ExceptionsCard } from './exceptions-card';
import { Freshness } from './freshness';
import { OverviewStats } from './overview-stats';

const HORIZON = whole(1, 365);
const ONE_WEEK = { day: 7, week: 1 } as const;

export default function Overview() {
  const { t } = useTranslation();
  return <MetaPage title={t('overview.title')}>{(meta) => <OverviewOf meta={meta} />}</MetaPage>;
}

function OverviewOf({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const [horizon, setHorizon] = useQueryState('horizon', HORIZON, usualHorizon(meta));
  const view = useForecastView(meta, { node: 'total', horizon, date: '' });
  const week = useForecast({
    node: 'total',
    horizon: Math.min(ONE_WEEK[meta.step], meta.max_horizon),
    period: 'horizon',
    intervals: [80],
  });
  const asked = [view, week, useHealth(), useAccuracy()];
  const arrived = useFirstDrawnInSteps(asked.some((each) => each.isLoading) ? undefined : true);
  if (!arrived) {
    // all at once: what comes later would move what is being read
    return (
      <Page title={t('overview.title')}>
        <Skeleton height="70vh" />
      </Page>
    );
  }
  return (
    <Page
      title={t('overview.title')}
      lead={<Lead meta={meta} view={view} />}
      controls={<HorizonSelect meta={meta} value={horizon} onChange={setHorizon} />}
    >
      <Freshness />
      <OverriddenNotice node="total" horizon={horizon} date="" />
      <OverviewStats meta={meta} view={view} week={week.data} />
      <Card
        title={t('overview.chart.title')}
        actions={
          <ButtonLink href={linkTo('forecast', { node: 'total', horizon })}>
            {t('overview.chart.open')}
          </ButtonLink>
        }
      >
        <QueryView query={view.forecast} height="20rem" later>
          {(forecast) => (
            <ForecastChart
              forecast={forecast}
              history={view.history}
              previous={view.previous}
              height={240}
            />
          )}
        </QueryView>
      </Card>
      <ExceptionsCard meta={meta} horizon={horizon} />
    </Page>
  );
}

/** What is expected, how that compares, and how new the data are. */
function Lead({ meta, view }: { meta: Meta; view: ForecastData }) {
  const { t } = useTranslation();
  const { days, units, day } = useFormat();
  const { sentences } = useYearWords();
  const { data: forecast, isPlaceholderData } = view.forecast;
  const sum = forecast?.periods[0];
  if (isPlaceholderData) return t('state.loading');
  if (forecast === undefined || sum === undefined) return null;
  return [
    t('overview.lead.units', { units: units(sum.prediction), days: days(sum.first, sum.last) }),
    ...(view.year ? sentences(view.year) : []),
    t('overview.lead.known', { day: day(newestOf(meta)) }),
  ].join(' ');
}
