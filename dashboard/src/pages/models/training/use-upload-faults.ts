import { useTranslation } from 'react-i18next';
import { useBytes } from '@/format/use-bytes';
import type { ChosenFile } from './upload-store';
import type { Sources } from './use-training';

/** Return whether a whole text matches one of the rules of uploads. */
function matches(pattern: string, text: string): boolean {
  return new RegExp(`^(?:${pattern})$`).test(text);
}

/** What keeps an upload from being sent, by the server's own rules: of the name, and of the files. */
export interface UploadFaults {
  name: string | null;
  files: string[];
}

/** Return the function that looks for what the server would refuse, before anything is sent. */
export function useUploadFaults({ sources, uploads, rules }: Sources) {
  const { t } = useTranslation();
  const bytes = useBytes();
  return (name: string, files: readonly ChosenFile[]): UploadFaults => {
    const chosen = new Set(files.map(({ file }) => file.name));
    const staged = uploads.find((each) => each.name === name)?.files ?? [];
    const others = staged.filter((file) => !chosen.has(file.name));
    const total =
      files.reduce((sum, { file }) => sum + file.size, 0) +
      others.reduce((sum, file) => sum + file.bytes, 0);
    const faults = files
      .filter(({ file }) => !matches(rules.file, file.name))
      .map(({ file }) => t('training.upload.fileFault', { name: file.name }));
    if (total > rules.max_bytes)
      faults.push(
        t('training.upload.sizeFault', { size: bytes(total), most: bytes(rules.max_bytes) }),
      );
    if (files.length + others.length > rules.max_files)
      faults.push(t('training.upload.countFault', { count: rules.max_files }));
    let nameFault: string | null = null;
    if (!matches(rules.name, name)) nameFault = t('training.upload.nameFault');
    else if (sources.some((each) => each.name === name))
      nameFault = t('training.upload.nameTaken', { name });
    return { name: nameFault, files: faults };
  };
}
