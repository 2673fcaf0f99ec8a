import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isUnderWay, type Job } from '@/api/jobs';
import { useBytes } from '@/format/use-bytes';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { TextField } from '@/ui/field';
import { FileDrop } from '@/ui/file-drop';
import { Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import { useLeaveWarning } from '@/ui/use-leave-warning';
import { JobProgress } from './job-progress';
import { LayoutFields, STANDARD } from './layout-fields';
import { TablesResult } from './tables-result';
import styles from './training.module.css';
import {
  addFiles,
  type ChosenFile,
  clearUpload,
  nameUpload,
  removeFile,
  sendAndCheck,
  stopUpload,
  UnreadableFile,
  useUpload,
} from './upload-store';
import type { Sources } from './use-training';
import { useUploadFaults } from './use-upload-faults';

/** Return a name that no source has: the day, as most sources are named. */
function newName({ sources }: Sources): string {
  const now = new Date();
  const parts = [now.getMonth() + 1, now.getDate()].map((each) => String(each).padStart(2, '0'));
  const today = [now.getFullYear(), ...parts].join('-');
  const taken = new Set(sources.map(({ name }) => name));
  let name = today;
  for (let at = 2; taken.has(name); at += 1) name = `${today}-${at}`;
  return name;
}

/** Files of a new source: chosen, sent, and checked. */
export function UploadForm({
  sources,
  jobs,
  canCheck,
}: {
  sources: Sources;
  jobs: readonly Job[];
  canCheck: boolean;
}) {
  const { t } = useTranslation();
  const upload = useUpload();
  const queries = useQueryClient();
  const faultsOf = useUploadFaults(sources);
  const [layout, setLayout] = useState(STANDARD);
  const [wasTried, setWasTried] = useState(false);
  const { files, isBusy, error } = upload;
  const job = jobs.find(({ id }) => id === upload.job);
  const isChecking = upload.job !== null && (job === undefined || isUnderWay(job));
  const isPublished = job?.result?.tables?.published === true;
  const name = upload.name ?? newName(sources);
  // once it is a source, its name is taken by itself
  const faults = isPublished ? { name: null, files: [] } : faultsOf(name, files);
  const staged = sources.uploads.find((each) => each.name === name);
  const isEmpty = files.length === 0 && staged === undefined;
  useLeaveWarning(isBusy);
  const wasBusy = useRef(isBusy);
  useEffect(() => {
    if (wasBusy.current && !isBusy) void queries.invalidateQueries({ queryKey: ['admin'] });
    wasBusy.current = isBusy;
  }, [isBusy, queries]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setWasTried(true);
    if (isEmpty || faults.name !== null || faults.files.length > 0) return;
    void sendAndCheck(name, layout);
  };
  if (isPublished && job)
    return (
      <div className={styles.form}>
        <Outcome job={job} />
        <div>
          <Button
            onClick={() => {
              setWasTried(false);
              clearUpload();
            }}
          >
            {t('training.upload.another')}
          </Button>
        </div>
      </div>
    );
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <div className={styles.narrow}>
        <TextField
          label={t('training.upload.name')}
          hint={t(staged ? 'training.upload.nameContinues' : 'training.upload.nameHint')}
          fault={faults.name}
          value={name}
          disabled={isBusy || isChecking}
          spellCheck={false}
          autoComplete="off"
          onChange={nameUpload}
        />
      </div>
      <FileChoice rules={sources.rules} files={files} disabled={isBusy || isChecking} />
      {faults.files.map((fault) => (
        <Notice key={fault} tone="error">
          <p>{fault}</p>
        </Notice>
      ))}
      {wasTried && isEmpty && (
        <Notice tone="error">
          <p>{t('training.upload.noFiles')}</p>
        </Notice>
      )}
      <LayoutFields value={layout} onChange={setLayout} />
      {error instanceof UnreadableFile ? (
        <Notice tone="error">
          <p>{t('training.upload.unreadable', { name: error.file })}</p>
        </Notice>
      ) : (
        error !== null && <ProblemNotice error={error} />
      )}
      <div className={ui.toolbar}>
        {isBusy ? (
          <Button onClick={stopUpload}>{t('training.upload.stop')}</Button>
        ) : (
          <Button type="submit" look="primary" disabled={isChecking || !canCheck}>
            {t(
              isEmpty || files.some(({ isSent }) => !isSent)
                ? 'training.upload.submit'
                : 'training.upload.check',
            )}
          </Button>
        )}
        {!isBusy && !isChecking && files.length > 0 && (
          <Button onClick={clearUpload}>{t('training.upload.clear')}</Button>
        )}
      </div>
      <Sending files={files} isBusy={isBusy} />
      {job && isUnderWay(job) && <JobProgress job={job} />}
      {job && !isUnderWay(job) && <Outcome job={job} />}
    </form>
  );
}

/** How the check ended. */
function Outcome({ job }: { job: Job }) {
  const { t } = useTranslation();
  const tables = job.result?.tables;
  if (tables) return <TablesResult job={job} tables={tables} />;
  return (
    <Notice tone="error" title={t(`training.state.${job.state}`)}>
      {job.detail && <p lang="en">{job.detail}</p>}
    </Notice>
  );
}

/** The part of all bytes that was sent; said in words at the end alone. */
function Sending({ files, isBusy }: { files: readonly ChosenFile[]; isBusy: boolean }) {
  const { t } = useTranslation();
  const bytes = useBytes();
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  const sent = files.reduce((sum, each) => sum + each.sent, 0);
  const text = t('training.upload.sent', { sent: bytes(sent), total: bytes(total) });
  return (
    <>
      {isBusy && (
        <div className={styles.progress}>
          <progress
            className={styles.bar}
            value={sent}
            max={Math.max(1, total)}
            aria-label={t('training.upload.progress')}
          >
            {text}
          </progress>
          <span className={styles.about}>{text}</span>
        </div>
      )}
      <span className="visually-hidden" role="status">
        {isBusy && t('training.upload.busy')}
      </span>
    </>
  );
}

/** Choice of files by a button or by dropping them, and the list of them. */
function FileChoice({
  rules,
  files,
  disabled,
}: {
  rules: Sources['rules'];
  files: readonly ChosenFile[];
  disabled: boolean;
}) {
  const { t } = useTranslation();
  const bytes = useBytes();
  const { share } = useFormat();
  const choose = useRef<HTMLButtonElement>(null);
  const stateOf = ({ file, sent, isSent }: ChosenFile) => {
    if (isSent) return t('training.upload.fileSent', { size: bytes(file.size) });
    return sent > 0 ? share(Math.floor((100 * sent) / file.size) / 100) : bytes(file.size);
  };
  return (
    <FileDrop
      label={t('training.upload.files')}
      action={t('training.upload.choose')}
      or={t('training.upload.drop')}
      accept=".csv,.gz,.parquet,.yaml"
      disabled={disabled}
      button={choose}
      onFiles={(chosen) => {
        if (!disabled) addFiles(chosen);
      }}
    >
      <p className={ui.hint}>
        {t('training.upload.rules', { most: bytes(rules.max_bytes), count: rules.max_files })}
      </p>
      {files.length > 0 && (
        <ul className={styles.files} aria-label={t('training.upload.chosen')}>
          {files.map((each) => (
            <li key={each.file.name}>
              <span className={styles.fileName}>{each.file.name}</span>
              <span className={styles.fileState}>{stateOf(each)}</span>
              <Button
                look="quiet"
                disabled={disabled}
                aria-label={t('training.upload.removeOf', { name: each.file.name })}
                onClick={() => {
                  removeFile(each.file.name);
                  choose.current?.focus(); // the button that was pressed is gone
                }}
              >
                ✕
              </Button>
            </li>
          ))}
        </ul>
      )}
    </FileDrop>
  );
}
