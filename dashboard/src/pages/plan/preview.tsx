import { useTranslation } from 'react-i18next';
import type { NewOverride } from '@/api/overrides';
import type { Meta } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { Card, type StatProps, Stats } from '@/ui/layout';
import { Moves } from './moves';
import styles from './plan.module.css';
import { hasOthers, PreviewChart } from './preview-chart';
import { Warnings } from './warnings';

/** The forecast, the override and the result of its days, side by side and as a chart. */
export function Preview({
  meta,
  preview,
  summary,
  settled,
  written,
}: {
  meta: Meta;
  preview: NewOverride;
  summary: string;
  /** Whether it is of what stands in the form now. */
  settled: boolean;
  /** Whether there is an override: without a value it shows the days as they stand. */
  written: boolean;
}) {
  const { t } = useTranslation();
  const stats = useStats(preview, written);
  // without a value there is nothing to warn of: what was just saved would be taken for another's
  const warnings = written ? preview.warnings : [];
  return (
    <>
      <div aria-busy={!settled} className={settled ? undefined : styles.stale}>
        <Stats items={stats} />
      </div>
      <Warnings warnings={warnings} />
      <Card>
        <PreviewChart meta={meta} preview={preview} summary={summary} written={written} />
        {written && <Moves preview={preview} />}
        {!written && <p className={styles.hint}>{t('plan.waiting')}</p>}
      </Card>
    </>
  );
}

function useStats(preview: NewOverride, written: boolean): StatProps[] {
  const { t } = useTranslation();
  const { units, change, shareChange } = useFormat();
  const { statistical, before, result, delta } = preview.total;
  const inside = preview.days.filter(
    (each) => each.result >= each.lower_80 && each.result <= each.upper_80,
  ).length;
  const items: StatProps[] = [{ label: t('plan.statistical'), value: units(statistical) }];
  if (hasOthers(preview)) items.push({ label: t('plan.before'), value: units(before) });
  items.push(
    {
      label: t('plan.result'),
      value: written ? units(result) : '–',
      detail: written ? t('plan.inside', { inside, count: preview.days.length }) : undefined,
    },
    {
      label: t('plan.change'),
      value: written ? change(delta) : '–',
      detail: written && before > 0 ? shareChange(delta / before) : undefined,
    },
  );
  return items;
}
