import { useTranslation } from 'react-i18next';
import { useLevelLabel } from '@/api/nodes';
import { type ExceptionKind, type Exceptions, type Meta, useExceptions } from '@/api/queries';
import { Button } from '@/ui/button';
import { SelectField } from '@/ui/field';
import { Card, EmptyState } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { oneOf, text, useQueryState } from '@/url/query-state';
import { ExceptionItem } from './exception-item';
import { Sentences } from './freshness';
import styles from './overview.module.css';

const KINDS: readonly ExceptionKind[] = [
  'stockout',
  'last-year',
  'recent',
  'outside-band',
  'promotion',
  'new-series',
];
const KIND = oneOf<ExceptionKind | 'all'>('all', ...KINDS);
/** Entries of each kind while all kinds are shown. */
const SHOWN_OF_KIND = 5;
const LIMIT_OF_ALL = KINDS.length * SHOWN_OF_KIND;
const LIMIT_OF_KIND = 200;

/** Nodes that deviate from what was to be expected, by kind, those with the most at stake first. */
export function ExceptionsCard({ meta, horizon }: { meta: Meta; horizon: number }) {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const [kind, setKind] = useQueryState('kind', KIND, 'all');
  const [level, setLevel] = useQueryState('level', text, '');
  const query = { horizon, ...(level ? { level } : {}) };
  const all = useExceptions({ ...query, limit: LIMIT_OF_ALL });
  const one = useExceptions(kind === 'all' ? query : { ...query, kind, limit: LIMIT_OF_KIND }, {
    enabled: kind !== 'all',
  });
  const counts = all.data?.counts ?? {};
  const titleOf = (each: ExceptionKind) => t(`overview.exceptions.kinds.${each}.title`);
  const option = (title: string, count: number | undefined) =>
    count === undefined ? title : t('overview.exceptions.option', { title, count });
  return (
    <Card
      title={t('overview.exceptions.title')}
      actions={
        <>
          <SelectField
            label={t('overview.exceptions.kind')}
            value={kind}
            choices={[
              { value: 'all' as const, label: t('overview.exceptions.all') },
              ...KINDS.map((each) => ({ value: each, label: option(titleOf(each), counts[each]) })),
            ]}
            onChange={setKind}
          />
          <SelectField
            label={t('overview.exceptions.level')}
            value={level}
            choices={[
              { value: '', label: t('overview.exceptions.all') },
              ...meta.hierarchy.map(({ name }) => ({ value: name, label: levelLabel(name) })),
            ]}
            onChange={setLevel}
          />
        </>
      }
    >
      <QueryView query={kind === 'all' ? all : one}>
        {(answer) => (
          <Groups
            meta={meta}
            answer={answer}
            kinds={kind === 'all' ? KINDS : [kind]}
            most={kind === 'all' ? SHOWN_OF_KIND : LIMIT_OF_KIND}
            onShowAll={setKind}
          />
        )}
      </QueryView>
    </Card>
  );
}

function Groups({
  meta,
  answer,
  kinds,
  most,
  onShowAll,
}: {
  meta: Meta;
  answer: Exceptions;
  kinds: readonly ExceptionKind[];
  /** Entries to show of each kind. */
  most: number;
  onShowAll: (kind: ExceptionKind) => void;
}) {
  const { t } = useTranslation();
  const shown = kinds.filter((kind) => (answer.counts[kind] ?? 0) > 0);
  return (
    <div className={styles.groups}>
      {shown.length === 0 && <EmptyState>{t('overview.exceptions.none')}</EmptyState>}
      {shown.map((kind) => {
        const entries = answer.exceptions.filter((each) => each.kind === kind).slice(0, most);
        const count = answer.counts[kind] ?? 0;
        return (
          <section key={kind} className={styles.group} aria-labelledby={`exceptions-${kind}`}>
            <h3 id={`exceptions-${kind}`}>
              {t('overview.exceptions.option', {
                title: t(`overview.exceptions.kinds.${kind}.title`),
                count,
              })}
            </h3>
            <p className={styles.means}>
              {t(`overview.exceptions.kinds.${kind}.means`)}{' '}
              {entries.some((each) => each.in_sample) && t('overview.exceptions.inSample')}
            </p>
            <ul className={styles.entries}>
              {entries.map((entry) => (
                <ExceptionItem key={`${entry.node} ${entry.first}`} meta={meta} entry={entry} />
              ))}
            </ul>
            {count > entries.length && most === SHOWN_OF_KIND && (
              <div>
                <Button onClick={() => onShowAll(kind)}>
                  {t('overview.exceptions.more', { count })}
                </Button>
              </div>
            )}
          </section>
        );
      })}
      <NotChecked answer={answer} />
    </div>
  );
}

function NotChecked({ answer }: { answer: Exceptions }) {
  const { t } = useTranslation();
  const skipped = answer.not_checked;
  if (skipped.length === 0) return null;
  return (
    <details className={ui.details}>
      <summary>{t('overview.exceptions.notChecked', { count: skipped.length })}</summary>
      <dl>
        {skipped.map(({ kind, detail }) => (
          <div key={kind}>
            <dt>{t(`overview.exceptions.kinds.${kind}.title`)}</dt>
            <dd>
              <Sentences items={[detail]} />
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
