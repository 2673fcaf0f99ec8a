import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useCovariateLabel, useNodeLabel } from '@/api/nodes';
import type { Explanation } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { Notice } from '@/ui/layout';
import { linkTo } from '@/url/links';
import styles from './explain.module.css';

/** From this share on, what is not covered is not worth a word. */
const ALMOST_ALL = 0.9995;

/** What a reader should know before the reasons: how the forecast was made, and what is unknown. */
export function ExplanationNotices({
  explanation,
  share: covered,
  last,
}: {
  explanation: Explanation;
  /** Share of the forecast, or of the difference, that the reasons cover. */
  share: number;
  /** Last day of the explanation. */
  last: string;
}) {
  const { t } = useTranslation();
  const { day, share } = useFormat();
  const covariateLabel = useCovariateLabel();
  const unknown = Object.entries(explanation.known_through).filter(([, known]) => known < last);
  return (
    <>
      {explanation.in_sample && <Notice tone="warn">{t('inSample')}</Notice>}
      <MethodNotice explanation={explanation} />
      {unknown.map(([covariate, known]) => (
        <Notice key={covariate}>
          {t('explain.known', { covariate: covariateLabel(covariate), day: day(known) })}
        </Notice>
      ))}
      {covered < ALMOST_ALL && covered > 0 && (
        <Notice>
          {t(explanation.against ? 'explain.shareOfDifference' : 'explain.share', {
            share: share(covered),
          })}
        </Notice>
      )}
    </>
  );
}

function MethodNotice({ explanation }: { explanation: Explanation }) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const { method, analogues, date, horizon } = explanation;
  if (method === 'model' || method === 'sum') return null; // as one expects
  return (
    <Notice title={t(`method.${method}`)}>
      <p>{t(`explain.method.${method}`)}</p>
      {analogues.length > 0 && (
        <ul className={styles.analogues}>
          {analogues.map((node) => (
            <li key={node}>
              <Link href={linkTo('explain', { node, date, horizon })}>{nodeLabel(node)}</Link>
            </li>
          ))}
        </ul>
      )}
    </Notice>
  );
}
