import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import type { NewOverride } from '@/api/overrides';
import { type Forecast, type Meta, useForecast } from '@/api/queries';
import { bandsOf, predictionsOf } from '@/charts/forecast-series';
import { type BandOfChart, type LineOfChart, TimeChart } from '@/charts/time-chart';
import { addDays, dateWithin, daysBetween } from '@/format/dates';
import { spanOf } from './use-draft';

/** Steps around the override that are shown with it. */
const STEPS_AROUND = 7;
const LEVELS = [95, 80] as const;

/** The statistical forecast of the days around an override. */
function useSurroundings(meta: Meta, preview: NewOverride): Forecast | undefined {
  const { first, last, step } = spanOf(meta);
  const from = dateWithin(addDays(preview.first, -STEPS_AROUND * step), first, last);
  const to = dateWithin(addDays(preview.last, STEPS_AROUND * step), first, last);
  const { data } = useForecast({
    node: preview.node,
    date: from,
    horizon: daysBetween(from, to) / step + 1,
    intervals: [80, 95],
  });
  // the answer for the node before stays until the next one is there: it is not this node's
  return data?.node === preview.node && data.date === from ? data : undefined;
}

function bandOf(preview: NewOverride, level: 80 | 95, around: BandOfChart[]): BandOfChart | null {
  const known = around.find((each) => each.id === `band-${level}`);
  const ofDays = (side: 'lower' | 'upper') =>
    preview.days.map((each): [string, number] => [each.date, each[`${side}_${level}`]]);
  if (known === undefined) return null;
  return {
    ...known,
    lower: new Map([...known.lower, ...ofDays('lower')]),
    upper: new Map([...known.upper, ...ofDays('upper')]),
  };
}

/** Return whether other overrides move the forecast of these days already. */
export function hasOthers(preview: NewOverride): boolean {
  return preview.days.some((each) => each.before !== each.statistical);
}

/** The forecast with its intervals, what other overrides make of it, and the result. */
export function PreviewChart({
  meta,
  preview,
  summary,
  written,
}: {
  meta: Meta;
  preview: NewOverride;
  summary: string;
  written: boolean;
}) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const around = useSurroundings(meta, preview);
  const { lines, bands } = useMemo(() => {
    const valuesOf = (name: 'statistical' | 'before' | 'result') =>
      preview.days.map((each): [string, number] => [each.date, each[name]]);
    const days = around?.forecast ?? [];
    const statistical = new Map([...predictionsOf(days), ...valuesOf('statistical')]);
    const shown: LineOfChart[] = [
      { id: 'forecast', label: t('chart.forecast'), tone: 'forecast', values: statistical },
    ];
    if (hasOthers(preview)) {
      const [id, label] = ['before', t('plan.before')];
      const values = new Map(valuesOf('before'));
      shown.push({ id, label, tone: 'previous', dashed: true, values });
    }
    if (written) {
      const [id, label] = ['result', t('plan.result')];
      shown.push({ id, label, tone: 'adjusted', values: new Map(valuesOf('result')) });
    }
    const known = bandsOf(days, (level) => t('chart.band', { level }));
    const withDays = LEVELS.map((level) => bandOf(preview, level, known));
    return { lines: shown, bands: withDays.filter((each): each is BandOfChart => each !== null) };
  }, [preview, around, written, t]);
  return (
    <TimeChart
      title={t('plan.chart', { node: nodeLabel(preview.node) })}
      summary={summary}
      start={preview.first}
      lines={lines}
      bands={bands}
    />
  );
}
