import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import { type Forecast, type History, type Meta, useMeta } from '@/api/queries';
import { TimeChart } from '@/charts/time-chart';
import { useFormat } from '@/format/use-format';
import { HorizonSelect } from '@/ui/horizon-select';
import { Card, Notice, Page } from '@/ui/layout';
import { NodePicker } from '@/ui/node-picker';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { day, text, useQueryState, whole } from '@/url/query-state';
import { useForecastLines, useForecastSeries } from './use-forecast-series';

const HORIZON = whole(1, 365);

export default function ForecastPage() {
  const { t } = useTranslation();
  const meta = useMeta();
  return meta.data ? (
    <ForecastOfNode meta={meta.data} />
  ) : (
    <Page title={t('forecast.title')}>
      <QueryView query={meta}>{() => null}</QueryView>
    </Page>
  );
}

function ForecastOfNode({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const format = useFormat();
  const [node, setNode] = useQueryState('node', text, 'total');
  const [horizon, setHorizon] = useQueryState('horizon', HORIZON, meta.step === 'day' ? 30 : 8);
  const [date] = useQueryState('date', day, '');
  const series = useForecastSeries(meta, { node, horizon, date });
  const sum = series.forecast.data?.periods[0];
  return (
    <Page
      title={`${t('forecast.title')}: ${nodeLabel(node)}`}
      lead={
        sum &&
        t('forecast.lead', {
          days: format.days(sum.first, sum.last),
          units: format.units(sum.prediction),
          lower: format.units(sum.lower_80),
          upper: format.units(sum.upper_80),
        })
      }
      controls={
        <>
          <div className={ui.grow}>
            <NodePicker value={node} onChange={setNode} />
          </div>
          <HorizonSelect meta={meta} value={horizon} onChange={setHorizon} />
        </>
      }
    >
      <Card>
        <QueryView query={series.forecast}>
          {(forecast) => (
            <ForecastChart
              forecast={forecast}
              history={series.history.data}
              previous={series.previous.data}
            />
          )}
        </QueryView>
      </Card>
    </Page>
  );
}

export function ForecastChart({
  forecast,
  history,
  previous,
}: {
  forecast: Forecast;
  history: History | undefined;
  previous: History | undefined;
}) {
  const { t } = useTranslation();
  const { units, days } = useFormat();
  const nodeLabel = useNodeLabel();
  const { lines, bands } = useForecastLines(forecast, history, previous);
  const sum = forecast.periods[0];
  return (
    <>
      {forecast.in_sample && <Notice tone="warn">{t('inSample')}</Notice>}
      <TimeChart
        title={`${t('chart.forecast')}: ${nodeLabel(forecast.node)}`}
        summary={
          sum
            ? t('forecast.lead', {
                days: days(sum.first, sum.last),
                units: units(sum.prediction),
                lower: units(sum.lower_80),
                upper: units(sum.upper_80),
              })
            : ''
        }
        lines={lines}
        bands={bands}
        origin={forecast.origin}
      />
    </>
  );
}
