import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import { ButtonLink } from '@/ui/button';
import { Card } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';

/** Links to what else can be asked of the same node and days. */
export function NextPages({
  node,
  horizon,
  date,
}: {
  node: string;
  horizon: number;
  date: string;
}) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const query = { node, horizon, date };
  return (
    <Card title={t('forecast.next.title', { node: nodeLabel(node) })}>
      <div className={ui.toolbar}>
        <ButtonLink href={linkTo('explain', query)}>{t('forecast.next.why')}</ButtonLink>
        <ButtonLink href={linkTo('whatIf', query)}>{t('forecast.next.whatIf')}</ButtonLink>
        <ButtonLink href={linkTo('plan', query)}>{t('forecast.next.plan')}</ButtonLink>
      </div>
    </Card>
  );
}
