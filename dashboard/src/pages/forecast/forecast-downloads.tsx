import type { RefObject } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '@/api/client';
import { useNodeLabel } from '@/api/nodes';
import type { Forecast } from '@/api/queries';
import type { ForecastData } from '@/api/use-forecast-view';
import { isMoved } from '@/charts/forecast-series';
import { useForecastSentence } from '@/charts/use-forecast-sentence';
import { useFormat } from '@/format/use-format';
import { DownloadMenu } from '@/ui/download-menu';
import { saveFile } from '@/ui/save-file';
import { exportTable } from './export-table';

/** Return the API's own table of a forecast. */
async function csvOf(forecast: Forecast): Promise<Blob> {
  const { node, date, horizon } = forecast;
  const intervals = forecast.forecast[0]?.intervals.map((each) => each.level) ?? [];
  const { data } = await api.POST('/forecast', {
    body: { node, date, horizon, intervals, adjusted: forecast.adjusted },
    headers: { Accept: 'text/csv' },
    parseAs: 'blob',
  });
  return data as Blob;
}

/** Return a name for a file of a forecast, of characters that every system allows. */
function fileName({ node, date }: Forecast): string {
  return `forecast-${node.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '')}-${date}`;
}

/** Return the days of a forecast in words that both its files have. */
function useBasis(forecast: Forecast) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const { day } = useFormat();
  const sentence = useForecastSentence();
  const title = `${t('chart.forecast')}: ${nodeLabel(forecast.node)}`;
  const lead = sentence(forecast);
  const model = t('forecast.basis.model', {
    version: forecast.model_version,
    trained: day(forecast.model_trained_through),
    origin: day(forecast.origin),
  });
  const warnings = [
    ...(forecast.in_sample ? [t('inSample')] : []),
    ...(forecast.forecast.some(isMoved) ? [t('forecast.overrides.intervals')] : []),
    ...(forecast.periods.length > 0 ? [t('forecast.export.totalBounds')] : []),
  ];
  return { title, lead, model, warnings };
}

/** Files of a forecast: the API's table, a workbook, a document, and a picture of the chart. */
export function ForecastDownloads({
  forecast,
  view,
  chart,
}: {
  forecast: Forecast;
  view: ForecastData;
  /** What holds the chart. */
  chart: RefObject<HTMLElement | null>;
}) {
  const { t } = useTranslation();
  const { day, units } = useFormat();
  const { title, lead, model, warnings } = useBasis(forecast);
  const name = fileName(forecast);
  const table = exportTable(t, forecast, view);
  const drawn = () => chart.current?.querySelector('figure > svg') as SVGSVGElement;

  async function saveExcel(): Promise<void> {
    const { excelOf } = await import('@/charts/export/excel');
    const rows = [
      [t('forecast.export.node'), title],
      [t('forecast.export.days'), lead],
      [t('forecast.export.model'), [model, ...warnings].join(' ')],
      [t('forecast.export.address'), window.location.href],
    ] as const;
    const basis = { name: t('forecast.export.basis'), rows };
    saveFile(`${name}.xlsx`, await excelOf(t('chart.forecast'), table, basis));
  }

  const written = (values: readonly (string | number | null)[]) =>
    values.map((value) => units(value as number | null));

  async function savePdf(): Promise<void> {
    const { pdfOf } = await import('@/charts/export/pdf');
    const pdf = await pdfOf({
      title,
      paragraphs: [lead, ...warnings, model],
      chart: drawn(),
      columns: table.columns.map(({ label, kind }) => ({ label, numeric: kind === 'number' })),
      rows: table.rows.map(([date, ...values]) => [day(String(date)), ...written(values)]),
      total: table.total?.map((value, at) =>
        at === 0 ? String(value) : (written([value])[0] ?? ''),
      ),
    });
    saveFile(`${name}.pdf`, pdf);
  }

  async function savePng(): Promise<void> {
    const { pngOf } = await import('@/charts/export/png');
    saveFile(`${name}.png`, await pngOf(drawn(), title));
  }

  return (
    <DownloadMenu
      items={[
        {
          label: t('action.csv'),
          run: async () => saveFile(`${name}.csv`, await csvOf(forecast)),
        },
        { label: t('action.excel'), run: saveExcel },
        { label: t('action.pdf'), run: savePdf },
        { label: t('action.png'), run: savePng },
      ]}
      explain={(error) =>
        error instanceof Error && error.name === 'UnprintableText' && 'text' in error
          ? t('forecast.export.letters', { text: error.text as string })
          : undefined
      }
    />
  );
}
