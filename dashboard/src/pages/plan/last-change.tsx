import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import { type Override, useWithdrawOverride } from '@/api/overrides';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import { useOperationText } from './operation-text';
import styles from './plan.module.css';

export interface Change {
  kind: 'saved' | 'undone';
  override: Override;
}

/** What was just saved or undone; what was saved can be undone at once. */
export function LastChange({
  change,
  onUndone,
}: {
  change: Change;
  onUndone: (withdrawn: Override) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const nodeLabel = useNodeLabel();
  const operationText = useOperationText();
  const withdraw = useWithdrawOverride();
  const element = useRef<HTMLDivElement>(null);
  const { kind, override } = change;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each change takes the focus once
  useEffect(() => element.current?.focus(), [kind, override.id]);
  const names = {
    node: nodeLabel(override.node),
    days: format.days(override.first, override.last),
    what: operationText(override),
    before: format.units(override.total.before),
    result: format.units(override.total.result),
  };
  return (
    <div ref={element} tabIndex={-1} className={styles.last}>
      <Notice tone="success" title={t(`plan.${kind}.title`)}>
        <p>{t(`plan.${kind}.text`, names)}</p>
        {withdraw.error && <ProblemNotice error={withdraw.error} />}
        {kind === 'saved' && (
          <Button
            aria-busy={withdraw.isPending}
            onClick={() => withdraw.mutate(override.id as number, { onSuccess: onUndone })}
          >
            {t('plan.undo')}
          </Button>
        )}
      </Notice>
    </div>
  );
}
