import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useCaller } from '@/session/caller';
import { signOut, useCredential } from '@/session/session';
import { Button, ButtonLink } from '@/ui/button';
import ui from '@/ui/ui.module.css';
import { BASE } from '@/url/base';
import { linkTo } from '@/url/links';

/** Who is signed in, and the way out; or the way in. */
export function Account() {
  const { t } = useTranslation();
  const credential = useCredential();
  const { caller } = useCaller();
  const queries = useQueryClient();
  return (
    <div className={ui.toolbar}>
      {caller && <span className={ui.hint}>{caller.client}</span>}
      {credential && (
        <Button
          look="quiet"
          onClick={() => {
            signOut();
            queries.clear(); // what one person was shown is not left for the next
          }}
        >
          {t('nav.signOut')}
        </Button>
      )}
      {!credential && !caller && <ButtonLink href={linkTo('signIn')}>{t('nav.signIn')}</ButtonLink>}
      <a className={ui.hint} href={new URL('docs', BASE).href}>
        {t('nav.docs')}
      </a>
    </div>
  );
}
