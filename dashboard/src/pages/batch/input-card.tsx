import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Meta } from '@/api/queries';
import { Button } from '@/ui/button';
import { Field } from '@/ui/field';
import { FileDrop } from '@/ui/file-drop';
import { Card, Notice } from '@/ui/layout';
import { saveFile } from '@/ui/save-file';
import ui from '@/ui/ui.module.css';
import styles from './batch.module.css';
import { templateFile } from './batch-files';
import { clearBatch } from './batch-store';
import { expectedHeader } from './check-columns';
import { DATE, HORIZON, NODE } from './read-file';
import { useFiles } from './use-files';

/** Choice of the files: by a button, by dropping them, or by pasting a table. */
export function InputCard({ meta, hasFiles }: { meta: Meta; hasFiles: boolean }) {
  const { t } = useTranslation();
  const { reading, faults, readFiles, readText } = useFiles(meta);
  const names = Object.keys(meta.series);
  const readChosen = (files: File[]) => {
    if (files.length > 0) void readFiles(files);
  };
  return (
    <Card title={t('batch.input.title')}>
      <FileDrop
        label={t('batch.input.title')}
        action={t(hasFiles ? 'batch.input.again' : 'batch.input.choose')}
        or={t('batch.input.drop')}
        accept=".csv,.tsv,.txt,text/csv,text/tab-separated-values,text/plain"
        isPrimary={!hasFiles}
        disabled={reading}
        onFiles={readChosen}
      >
        {!hasFiles && (
          <>
            <p>
              {t('batch.input.columns')} <code>{expectedHeader(meta).join(',')}</code>
            </p>
            <ul className={styles.columns}>
              <li>
                <code>{names.join(', ')}</code> {t('batch.column.names', { count: names.length })}
              </li>
              <li>
                <code>{DATE}</code> {t('batch.column.date')}
              </li>
              <li>
                <code>{HORIZON}</code>{' '}
                {t(meta.step === 'week' ? 'batch.column.horizonWeeks' : 'batch.column.horizon', {
                  most: meta.max_horizon,
                })}
              </li>
              <li>
                <code>{NODE}</code> {t('batch.column.node')}
              </li>
            </ul>
          </>
        )}
      </FileDrop>
      {faults.map((fault) => (
        <Notice key={fault} tone="error">
          <p>{fault}</p>
        </Notice>
      ))}
      <div className={styles.more}>
        <Button onClick={() => void templateFile(meta).then((it) => saveFile('template.csv', it))}>
          {t('batch.input.template')}
        </Button>
        {hasFiles && <Button onClick={clearBatch}>{t('batch.input.clear')}</Button>}
      </div>
      <PasteField onRead={readText} disabled={reading} />
    </Card>
  );
}

function PasteField({
  onRead,
  disabled,
}: {
  onRead: (text: string) => Promise<void>;
  disabled: boolean;
}) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  return (
    <details className={ui.details}>
      <summary>{t('batch.input.paste')}</summary>
      <div className={styles.paste}>
        <Field label={t('batch.input.pasteLabel')}>
          {(control) => (
            <textarea
              {...control}
              rows={6}
              spellCheck={false}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        <div>
          <Button disabled={disabled || text.trim() === ''} onClick={() => void onRead(text)}>
            {t('batch.input.pasteRead')}
          </Button>
        </div>
      </div>
    </details>
  );
}
