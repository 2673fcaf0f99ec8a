import { useTranslation } from 'react-i18next';
import type { Meta } from '@/api/queries';
import { newestOf } from '@/api/steps';
import { addDays, daysBetween } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { SelectField } from '@/ui/field';

const WEEKS_BACK = 26;

/** Return the past origins that are offered, the newest first: one a week, and that of the address. */
function pastOrigins(meta: Meta, chosen: string): string[] {
  const earliest = meta.forecast.first as string;
  const weekly = Array.from({ length: WEEKS_BACK }, (_, at) =>
    addDays(newestOf(meta), -7 * (at + 1)),
  ).filter((origin) => origin >= earliest);
  return [...new Set(chosen ? [...weekly, chosen] : weekly)].sort().reverse();
}

/** Choice of the day whose knowledge a forecast rests on: the newest, or an earlier one. */
export function OriginSelect({
  meta,
  value,
  onChange,
}: {
  meta: Meta;
  /** Empty for the newest. */
  value: string;
  onChange: (origin: string) => void;
}) {
  const { t } = useTranslation();
  const { day } = useFormat();
  const newest = newestOf(meta);
  const labelOf = (origin: string) => {
    const days = daysBetween(origin, newest);
    return days % 7 === 0
      ? t('forecast.origin.days', { count: days / 7, day: day(origin) })
      : day(origin);
  };
  return (
    <SelectField
      label={t('forecast.origin.label')}
      value={value}
      choices={[
        { value: '', label: t('forecast.origin.now', { day: day(newest) }) },
        ...pastOrigins(meta, value).map((origin) => ({ value: origin, label: labelOf(origin) })),
      ]}
      onChange={onChange}
    />
  );
}
