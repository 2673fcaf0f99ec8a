import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { Button } from '@/ui/button';
import { TextField } from '@/ui/field';
import { Card, Notice } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import { PAGES } from '@/url/links';
import { useSaved } from './saved';
import styles from './what-if.module.css';

/** Scenarios that are kept in this browser. */
export function SavedCard({ query }: { query: () => string }) {
  const { t } = useTranslation();
  const { saved, failed, save, remove } = useSaved();
  const [name, setName] = useState('');
  const [missing, setMissing] = useState(false);

  function submit(): void {
    const given = name.trim();
    setMissing(given === '');
    if (given === '') return;
    save(given, query());
    setName('');
  }

  return (
    <Card title={t('whatIf.saved.card')}>
      <form
        className={ui.toolbar}
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <TextField
          label={t('whatIf.saved.name')}
          value={name}
          maxLength={60}
          fault={missing && t('whatIf.saved.needName')}
          onChange={setName}
        />
        <Button type="submit">{t('whatIf.saved.save')}</Button>
      </form>
      {failed && <Notice tone="error">{t('whatIf.saved.failed')}</Notice>}
      {saved.length === 0 ? (
        <p className={styles.soft}>{t('whatIf.saved.none')}</p>
      ) : (
        <ul className={styles.saved}>
          {saved.map((each) => (
            <li key={each.name}>
              <Link href={`${PAGES.whatIf}?${each.query}`}>{each.name}</Link>
              <Button
                look="quiet"
                aria-label={t('whatIf.saved.remove', { name: each.name })}
                onClick={() => remove(each.name)}
              >
                ✕
              </Button>
            </li>
          ))}
        </ul>
      )}
      <p className={styles.soft}>{t('whatIf.saved.hint')}</p>
    </Card>
  );
}
