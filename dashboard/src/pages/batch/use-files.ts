import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Meta } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { changeBatch } from './batch-store';
import { knownColumns } from './check-columns';
import { decode, MOST_BYTES, parseTable, type SourceTable } from './read-file';

/** Reading of files, one after the other; a new choice replaces the files before. */
export function useFiles(meta: Meta) {
  const { t } = useTranslation();
  const { number } = useFormat();
  const [reading, setReading] = useState(false);
  const [faults, setFaults] = useState<string[]>([]);
  const known = knownColumns(meta);

  const use = async (read: () => Promise<SourceTable[]>) => {
    setReading(true);
    setFaults([]);
    try {
      changeBatch({ tables: await read(), rows: [], run: null });
    } finally {
      setReading(false);
    }
  };

  const readFiles = (files: readonly File[]) =>
    use(async () => {
      const tables: SourceTable[] = [];
      for (const file of files) {
        if (file.size > MOST_BYTES) {
          const most = number(MOST_BYTES / 1024 / 1024);
          setFaults((before) => [...before, t('batch.input.tooLarge', { name: file.name, most })]);
          continue;
        }
        const bytes = await file.arrayBuffer().catch(() => null);
        if (bytes === null) {
          setFaults((before) => [...before, t('batch.input.unreadable', { name: file.name })]);
          continue;
        }
        const { text, encoding } = decode(new Uint8Array(bytes));
        tables.push(await parseTable(file.name, text, encoding, known));
      }
      return tables;
    });

  const readText = (text: string) =>
    use(async () => [await parseTable(t('batch.input.pasteName'), text, 'UTF-8', known)]);

  return { reading, faults, readFiles, readText };
}
