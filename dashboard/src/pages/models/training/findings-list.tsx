import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { ApiText } from '@/ui/api-text';
import { classes } from '@/ui/classes';
import ui from '@/ui/ui.module.css';
import styles from './training.module.css';
import type { Findings } from './use-training';

type Finding = Findings['findings'][number];

/** All that a check of tables has found, by kind: where each is, what is wrong, what to do. */
export function FindingsList({ kinds }: { kinds: readonly Findings[] }) {
  return (
    <ul className={styles.kinds}>
      {kinds.map((kind) => {
        const [first] = kind.findings;
        return (
          <li
            key={[kind.code, first?.file, first?.column].join()}
            className={classes(styles.kind, kind.severity === 'warning' && styles.kindOfWarning)}
          >
            <Kind kind={kind} />
          </li>
        );
      })}
    </ul>
  );
}

function Kind({ kind }: { kind: Findings }) {
  const { t } = useTranslation();
  const { number } = useFormat();
  const { code, count, findings } = kind;
  const more = count - findings.length;
  const advice = [...new Set(findings.map((each) => each.advice).filter((each) => each !== null))];
  return (
    <>
      <p>
        <code>{code}</code>{' '}
        <span className={ui.hint}>
          {t(`training.findings.${kind.severity}`, { count, text: number(count) })}
        </span>
      </p>
      <ul className={styles.places}>
        {findings.map((finding, at) => (
          <li key={at}>
            <Place finding={finding} /> <ApiText>{finding.message}</ApiText>
          </li>
        ))}
      </ul>
      {more > 0 && <p className={ui.hint}>{t('training.findings.more', { count: more })}</p>}
      {advice.map((each) => (
        <p key={each}>
          <span aria-hidden="true">→ </span>
          <ApiText>{each}</ApiText>
        </p>
      ))}
    </>
  );
}

/** The table, the row and the column of a finding, as far as it has them. */
function Place({ finding: { file, row, column } }: { finding: Finding }) {
  const { t } = useTranslation();
  const parts = [
    file,
    row !== null && t('training.findings.row', { row }),
    column !== null && t('training.findings.column', { column }),
  ].filter(Boolean);
  return parts.length === 0 ? null : <strong>{parts.join(', ')}:</strong>;
}
