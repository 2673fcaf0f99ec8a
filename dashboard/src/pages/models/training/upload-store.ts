import { useSyncExternalStore } from 'react';
import { newIdempotencyKey } from '@/api/idempotency';
import { onOtherPerson } from '@/session/session';
import { type SendFile, sendFile } from './send-file';
import { checkUpload, type Layout } from './use-training';

/** A file that was moved or changed after it was chosen, or a folder. */
export class UnreadableFile extends Error {
  constructor(readonly file: string) {
    super(`${file} cannot be read.`);
    this.name = 'UnreadableFile';
  }
}

async function checkReadable(file: File): Promise<void> {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new UnreadableFile(file.name);
  }
}

/** A file that was chosen, and how much of it was sent. */
export interface ChosenFile {
  file: File;
  sent: number;
  isSent: boolean;
}

interface Upload {
  /** Name of the source; null until it was typed or chosen. */
  name: string | null;
  files: readonly ChosenFile[];
  isBusy: boolean;
  error: unknown;
  /** Job that checks the files, once they are sent. */
  job: string | null;
}

const EMPTY: Upload = { name: null, files: [], isBusy: false, error: null, job: null };

let upload = EMPTY;
let abort = new AbortController();
const listeners = new Set<() => void>();

/**
 * Change the upload.
 *
 * It is held outside of the page, so that a look at another page does not end it.
 */
function change(next: Partial<Upload>): void {
  upload = { ...upload, ...next };
  for (const notify of listeners) notify();
}

function changeFile(name: string, next: Partial<ChosenFile>): void {
  const files = upload.files.map((each) => (each.file.name === name ? { ...each, ...next } : each));
  change({ files });
}

export function nameUpload(name: string): void {
  if (name === upload.name) return;
  // what was sent is a part of the upload of the other name
  const files = upload.files.map((each) => ({ ...each, sent: 0, isSent: false }));
  change({ name, files, error: null, job: null });
}

/** Add files; one of the same name takes the place of the one before, which was mended. */
export function addFiles(files: readonly File[]): void {
  const names = new Set(files.map(({ name }) => name));
  const kept = upload.files.filter(({ file }) => !names.has(file.name));
  const added = files.map((file) => ({ file, sent: 0, isSent: false }));
  change({ files: [...kept, ...added], error: null });
}

export function removeFile(name: string): void {
  change({ files: upload.files.filter(({ file }) => file.name !== name), error: null });
}

/** Forget the upload; what was sent of it stays on the server. */
export function clearUpload(): void {
  abort.abort();
  change(EMPTY);
}

/** Stop sending: the file on its way is given up, and sent again the next time. */
export function stopUpload(): void {
  abort.abort();
}

/** Send the files that were not sent yet, one after the other, then have all of them checked. */
export async function sendAndCheck(
  name: string,
  layout: Layout,
  send: SendFile = sendFile,
): Promise<void> {
  abort = new AbortController();
  const { signal } = abort;
  change({ name, isBusy: true, error: null, job: null });
  try {
    for (const { file, isSent } of upload.files) {
      if (isSent) continue;
      await checkReadable(file);
      signal.throwIfAborted();
      await send(name, file, (sent) => changeFile(file.name, { sent }), signal);
      changeFile(file.name, { sent: file.size, isSent: true });
    }
    const job = await checkUpload(name, { body: layout, idempotencyKey: newIdempotencyKey() });
    if (!signal.aborted) change({ job: job.id });
  } catch (error) {
    for (const { file, isSent } of upload.files) if (!isSent) changeFile(file.name, { sent: 0 });
    if (!signal.aborted) change({ error });
  } finally {
    if (abort.signal === signal) change({ isBusy: false });
  }
}

onOtherPerson(clearUpload); // the files of one person are not left for the next

export function useUpload(): Upload {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => upload,
  );
}
