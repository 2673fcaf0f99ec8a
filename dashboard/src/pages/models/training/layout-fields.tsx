import { useTranslation } from 'react-i18next';
import { SelectField } from '@/ui/field';
import ui from '@/ui/ui.module.css';
import type { Layout } from './use-training';

export const STANDARD: Layout = { delimiter: ',', decimal: '.', dates: 'ymd' };

const DELIMITERS = {
  ',': 'comma',
  ';': 'semicolon',
  tab: 'tab',
  '|': 'bar',
} as const satisfies Record<Layout['delimiter'], string>;
const DECIMALS: Record<Layout['decimal'], true> = { '.': true, ',': true };
const DATES: Record<Layout['dates'], string> = {
  ymd: '2024-12-31',
  dmy: '31.12.2024',
  mdy: '12/31/2024',
};

/** How CSV files are written, which nothing guesses; folded, for most are written the usual way. */
export function LayoutFields({
  value,
  onChange,
}: {
  value: Layout;
  onChange: (layout: Layout) => void;
}) {
  const { t } = useTranslation();
  const delimiters = Object.keys(DELIMITERS) as Layout['delimiter'][];
  const decimals = Object.keys(DECIMALS) as Layout['decimal'][];
  const dates = Object.keys(DATES) as Layout['dates'][];
  return (
    <details className={ui.details}>
      <summary>{t('training.layout.title')}</summary>
      <p className={ui.hint}>{t('training.layout.text')}</p>
      <div className={ui.filters}>
        <SelectField
          label={t('training.layout.delimiter')}
          value={value.delimiter}
          choices={delimiters.map((each) => ({
            value: each,
            label: t(`training.layout.delimiters.${DELIMITERS[each]}`),
          }))}
          onChange={(delimiter) => onChange({ ...value, delimiter })}
        />
        <SelectField
          label={t('training.layout.decimal')}
          value={value.decimal}
          choices={decimals.map((each) => ({ value: each, label: `3${each}5` }))}
          onChange={(decimal) => onChange({ ...value, decimal })}
        />
        <SelectField
          label={t('training.layout.dates')}
          value={value.dates}
          choices={dates.map((each) => ({ value: each, label: DATES[each] }))}
          onChange={(dates) => onChange({ ...value, dates })}
        />
      </div>
    </details>
  );
}
