import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import { useFormat } from '@/format/use-format';
import { ApiText } from '@/ui/api-text';
import { Notice } from '@/ui/layout';
import type { AdjustmentWarning } from './use-what-ifs';

/** A reason why a change does less than it says, or why its effect is uncertain. */
export function WarningNotice({ warning }: { warning: AdjustmentWarning }) {
  const { t } = useTranslation();
  const { day } = useFormat();
  if (warning.code === 'shortened' && warning.last !== null) {
    const last = day(warning.last);
    return (
      <Notice title={t('whatIf.warning.shortened.title', { day: last })}>
        <p>{t('whatIf.warning.shortened.text')}</p>
      </Notice>
    );
  }
  if (warning.code === 'outside-seen' || warning.code === 'far') {
    return (
      <Notice tone="warn" title={t(`whatIf.warning.${warning.code}`)}>
        <p>
          <Unseen warning={warning} />
        </p>
      </Notice>
    );
  }
  return (
    <Notice tone="warn" title={t('whatIf.warning.other')}>
      <p>
        <ApiText>{warning.detail}</ApiText>
      </p>
    </Notice>
  );
}

/** What would be, beside what there has been. */
function Unseen({ warning }: { warning: AdjustmentWarning }) {
  const { t } = useTranslation();
  const { number } = useFormat();
  const nodeLabel = useNodeLabel();
  const { node, value, least, most, others } = warning;
  if (typeof value === 'string') return t('whatIf.warning.holiday', { name: value });
  if (node === null || value === null || least === null || most === null) {
    return <ApiText>{warning.detail}</ApiText>;
  }
  const seen =
    least === most
      ? t('whatIf.warning.always', { most: number(most) })
      : t('whatIf.warning.range', { least: number(least), most: number(most) });
  return [
    t('whatIf.warning.value', { node: nodeLabel(node), value: number(value), seen }),
    others > 0 ? t('whatIf.warning.others', { count: others }) : '',
    t('whatIf.warning.nearest'),
  ]
    .filter(Boolean)
    .join(' ');
}
