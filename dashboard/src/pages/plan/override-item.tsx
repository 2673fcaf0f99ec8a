import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import { type Override, useWithdrawOverride } from '@/api/overrides';
import { useFormat } from '@/format/use-format';
import { Button, ButtonLink } from '@/ui/button';
import { Badge, type Tone } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';
import { useOperationText } from './operation-text';
import styles from './plan.module.css';

const TONES: Record<Override['state'], Tone> = {
  active: 'success',
  over: 'info',
  withdrawn: 'warn',
  expired: 'warn',
};

/** An override that was made: what, by whom and why, what is left of it, and what it was worth. */
export function OverrideItem({
  override,
  mayUndo,
  onUndone,
}: {
  override: Override;
  mayUndo: boolean;
  onUndone: (withdrawn: Override) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const nodeLabel = useNodeLabel();
  const operationText = useOperationText();
  const withdraw = useWithdrawOverride();
  const { id, node, first, last, state, reason, note } = override;
  const label = `${nodeLabel(node)}, ${format.days(first, last)}`;
  return (
    <li className={styles.item}>
      <div className={styles.itemHead}>
        <h3>{label}</h3>
        <Badge tone={TONES[state]}>{t(`plan.state.${state}`)}</Badge>
        <Badge>{t(`plan.reason.${reason}`)}</Badge>
      </div>
      <p>
        {operationText(override)}: {format.units(override.total.before)} →{' '}
        <strong>{format.units(override.total.result)}</strong> (
        {format.change(override.total.delta)})
      </p>
      {note && <p className={styles.note}>“{note}”</p>}
      <Now override={override} />
      <Worth override={override} />
      <p className={styles.hint}>
        <History override={override} />
      </p>
      {withdraw.error && <ProblemNotice error={withdraw.error} />}
      {state === 'active' && (
        <div className={ui.toolbar}>
          <ButtonLink
            href={linkTo('plan', { node, from: first, to: last })}
            aria-label={t('plan.list.showLabel', { override: label })}
          >
            {t('action.show')}
          </ButtonLink>
          {mayUndo && (
            <Button
              aria-busy={withdraw.isPending}
              aria-label={t('plan.list.undoLabel', { override: label })}
              onClick={() => withdraw.mutate(id as number, { onSuccess: onUndone })}
            >
              {t('plan.undo')}
            </Button>
          )}
        </div>
      )}
    </li>
  );
}

/** Whether the days still have what was asked for: an override made later may have moved them. */
function Now({ override: { now, state } }: { override: Override }) {
  const { t } = useTranslation();
  const { units } = useFormat();
  if (state !== 'active') return null;
  if (now === null) return <p>{t('plan.now.nothing')}</p>;
  const names = { requested: units(now.requested), result: units(now.result) };
  return (
    <p>
      {now.holds ? t('plan.now.holds', names) : <strong>{t('plan.now.moved', names)}</strong>}{' '}
      {now.floored && t('plan.now.floored')} {now.equal_shares && t('plan.now.equalShares')}
    </p>
  );
}

/** The errors without and with the override, on days that were sold. */
function Worth({ override: { value_added: worth } }: { override: Override }) {
  const { t } = useTranslation();
  const { units } = useFormat();
  if (worth === null) return null;
  const better = worth.statistical_error - worth.adjusted_error;
  const verdict = better > 0 ? 'helped' : better < 0 ? 'harmed' : 'even';
  const text = t('plan.worth.text', {
    count: worth.days,
    adjusted: units(worth.adjusted_error),
    statistical: units(worth.statistical_error),
  });
  return (
    <p>
      {text}{' '}
      <strong className={better < 0 ? ui.bad : better > 0 ? ui.good : undefined}>
        {t(`plan.worth.${verdict}`)}
      </strong>
    </p>
  );
}

function History({ override }: { override: Override }) {
  const { t } = useTranslation();
  const { instant } = useFormat();
  const { author, created_at, expires_at, withdrawn_at, withdrawn_by } = override;
  const parts = [t('plan.list.made', { author, at: instant(created_at) })];
  if (withdrawn_at !== null)
    parts.push(t('plan.list.undone', { by: withdrawn_by, at: instant(withdrawn_at) }));
  else if (expires_at !== null) parts.push(t('plan.list.expires', { at: instant(expires_at) }));
  return parts.join(' · ');
}
