import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import type { Meta } from '@/api/queries';
import { newestOf } from '@/api/steps';
import { addDays } from '@/format/dates';
import { ButtonLink } from '@/ui/button';
import { Card } from '@/ui/layout';
import { NodePicker } from '@/ui/node-picker';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';

const DAYS_BACK = 28;

/** Way to a node's forecast as it was four weeks ago, beside what came. */
export function CheckNode({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const [node, setNode] = useState('total');
  const asOf = addDays(newestOf(meta), -DAYS_BACK);
  const horizon = meta.step === 'day' ? DAYS_BACK : DAYS_BACK / 7;
  return (
    <Card title={t('quality.check.title')}>
      <div className={ui.toolbar}>
        <div className={ui.grow}>
          <NodePicker value={node} onChange={setNode} />
        </div>
        <ButtonLink href={linkTo('forecast', { node, asOf, horizon })}>
          {t('quality.check.open', { node: nodeLabel(node) })}
        </ButtonLink>
      </div>
    </Card>
  );
}
