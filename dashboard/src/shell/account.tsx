import { useTranslation } from 'react-i18next';
import { useSignInLink } from '@/session/back';
import { useCaller } from '@/session/caller';
import { useCredential } from '@/session/session';
import { useSignOut } from '@/session/sign-out';
import { Button, ButtonLink } from '@/ui/button';
import ui from '@/ui/ui.module.css';
import { BASE } from '@/url/base';
import styles from './shell.module.css';

/** Who is signed in, and the way out; or the way in. */
export function Account() {
  const { t } = useTranslation();
  const credential = useCredential();
  const { caller } = useCaller();
  const signInLink = useSignInLink();
  const signOut = useSignOut();
  return (
    <div className={ui.toolbar}>
      {caller && <span className={ui.hint}>{caller.client}</span>}
      {credential && (
        <Button look="quiet" onClick={() => void signOut()}>
          {t('nav.signOut')}
        </Button>
      )}
      {!credential && !caller && <ButtonLink href={signInLink}>{t('nav.signIn')}</ButtonLink>}
      <a className={styles.docs} href={new URL('docs', BASE).href}>
        {t('nav.docs')}
      </a>
    </div>
  );
}
