import { useTranslation } from 'react-i18next';
import type { Scope } from '@/api/scopes';
import { useFormat } from '@/format/use-format';
import type { Caller } from '@/session/caller';
import { classes } from '@/ui/classes';
import { Card, type StatProps, Stats } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import styles from './status.module.css';

/** Who asks, and how much they may ask. */
export function CallerCard({ caller }: { caller: Caller }) {
  const { t } = useTranslation();
  const { number, list } = useFormat();
  const { limits } = caller;
  const isUnlimited = limits === null && caller.tier === 'unlimited'; // a name of the service's own
  const items: StatProps[] = [
    {
      label: t('status.limits.client'),
      value: caller.client,
      detail: t(`status.limits.by.${caller.authentication}`),
    },
    {
      label: t('status.limits.tier'),
      value: isUnlimited ? t('status.limits.unlimited') : caller.tier,
      detail: limits === null && !isUnlimited && t('status.limits.unlimited'),
    },
  ];
  if (limits)
    items.push(
      {
        label: t('status.limits.quota'),
        value: number(limits.quota),
        detail: t('status.limits.per', { seconds: number(limits.window) }),
      },
      {
        label: t('status.limits.burst'),
        value: number(limits.burst),
        detail: t('status.limits.burstDetail'),
      },
    );
  return (
    <Card title={t('status.limits.title')}>
      <Stats items={items} />
      <p className={classes(ui.hint, styles.after)}>
        {caller.scopes.length > 0 &&
          t('status.limits.scopes', {
            scopes: list(
              caller.scopes.map((scope) =>
                t(`keys.scope.${scope as Scope}.name`, { defaultValue: scope }),
              ),
            ),
          })}
      </p>
      {limits && <p className={ui.hint}>{t('status.limits.explained')}</p>}
    </Card>
  );
}
