import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import type { NewOverride } from '@/api/overrides';
import type { Meta } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { Card, Page, Skeleton } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import { DraftFields } from './draft-fields';
import { GroundsFields } from './grounds-fields';
import styles from './plan.module.css';
import { Preview } from './preview';
import { Save } from './save';
import { isFaulty, isWithout } from './use-draft';
import { useOverrideForm } from './use-override-form';

/** The page of who may make overrides: what they know, what it changes, and why. */
export function Maker({
  meta,
  onMade,
  children,
}: {
  meta: Meta;
  onMade: (made: NewOverride) => void;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const form = useOverrideForm(meta, onMade);
  const { preview, state, faults, settled } = form;
  // while the first value is on its way, what is shown is still the forecast without one
  const before = preview.isPlaceholderData && preview.data && isWithout(preview.data);
  const written = state.draft.value !== null && !before;
  const lead = useLead(preview.data, written);
  return (
    <Page title={t('plan.title')} lead={lead}>
      <div className={styles.layout}>
        <Card title={t('plan.what')}>
          <div className={styles.stack}>
            <DraftFields meta={meta} state={state} faults={faults} />
          </div>
        </Card>
        <div className={`${styles.stack} ${styles.preview}`}>
          {preview.error && (
            <ProblemNotice error={preview.error} retry={() => void preview.refetch()} />
          )}
          {preview.data && (
            <Preview
              meta={meta}
              preview={preview.data}
              summary={lead}
              settled={settled}
              written={written}
            />
          )}
          {!preview.data && !preview.error && !isFaulty(faults) && <Skeleton height="28rem" />}
          {!preview.data && isFaulty(faults) && <p>{t('plan.fault.mend')}</p>}
        </div>
        <Card title={t('plan.why')}>
          <div className={styles.stack}>
            <GroundsFields grounds={form.grounds} onChange={form.setGrounds} />
            <Save form={form} />
          </div>
        </Card>
      </div>
      {children}
    </Page>
  );
}

/** The sentence that answers the page's question: what is expected, and what it becomes. */
function useLead(preview: NewOverride | undefined, written: boolean): string {
  const { t } = useTranslation();
  const format = useFormat();
  const nodeLabel = useNodeLabel();
  if (preview === undefined) return t('plan.about');
  const { before, result, delta } = preview.total;
  const names = {
    node: nodeLabel(preview.node),
    days: format.days(preview.first, preview.last),
    before: format.units(before),
    result: format.units(result),
    change: format.change(delta),
    share: before > 0 ? format.shareChange(delta / before) : '–',
  };
  return t(written ? 'plan.lead' : 'plan.leadWithout', names);
}
