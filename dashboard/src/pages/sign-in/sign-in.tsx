import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'wouter';
import { ownPath } from '@/session/back';
import { type SignInOptions, useCaller, useSignInOptions } from '@/session/caller';
import { departedFrom, isReturn } from '@/session/redirect';
import { useCredential } from '@/session/session';
import { useSignOut } from '@/session/sign-out';
import { Button, ButtonLink } from '@/ui/button';
import { EmptyState, Page } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';
import { Arriving } from './arriving';
import { KeyForm } from './key-form';
import { SingleSignOn } from './single-sign-on';

/** Names that a provider adds to the address; they are of no use to anybody once they are read. */
const ANSWER_OF_PROVIDER = [
  'code',
  'state',
  'iss',
  'session_state',
  'error',
  'error_description',
  'error_uri',
];

export default function SignIn() {
  const { t } = useTranslation();
  const [search, setSearch] = useSearchParams();
  // read once: a code that stayed in the address would be in the history and in a copied link
  const [arrival] = useState(() => {
    const address = new URL(window.location.href);
    return isReturn(address) ? address : null;
  });
  const [departed] = useState(departedFrom);
  const [arriving, setArriving] = useState(arrival !== null);
  useEffect(() => {
    if (arrival === null) return;
    setSearch(
      (before) => {
        for (const name of ANSWER_OF_PROVIDER) before.delete(name);
        if (departed !== null) before.set('back', departed); // for another try, should this fail
        return before;
      },
      { replace: true },
    );
  }, [arrival, departed, setSearch]);
  const back = ownPath(search.get('back'));
  return (
    <Page title={t('signIn.title')}>
      {arrival !== null && <Arriving address={arrival} onFault={() => setArriving(false)} />}
      {!arriving && <Ways back={back} />}
    </Page>
  );
}

/** The ways to sign in that the server offers; for who is signed in, the way on and out. */
function Ways({ back }: { back: string }) {
  const options = useSignInOptions();
  const signedIn = useCredential() !== null;
  return (
    <QueryView query={options} height="12rem">
      {(known) =>
        signedIn ? (
          <SignedIn back={back} />
        ) : known.required ? (
          <Offered options={known} back={back} />
        ) : (
          <NotRequired back={back} />
        )
      }
    </QueryView>
  );
}

function SignedIn({ back }: { back: string }) {
  const { t } = useTranslation();
  const { query, caller } = useCaller();
  const signOut = useSignOut();
  return (
    <>
      <QueryView query={query} height="2rem">
        {() => <p>{t('signIn.signedIn', { name: caller?.client })}</p>}
      </QueryView>
      <div className={ui.toolbar}>
        <ButtonLink look="primary" href={back}>
          {t('signIn.continue')}
        </ButtonLink>
        <Button onClick={() => void signOut()}>{t('nav.signOut')}</Button>
      </div>
    </>
  );
}

function NotRequired({ back }: { back: string }) {
  const { t } = useTranslation();
  return (
    <EmptyState
      action={
        <ButtonLink look="primary" href={back}>
          {t('signIn.continue')}
        </ButtonLink>
      }
    >
      {t('signIn.notRequired')}
    </EmptyState>
  );
}

function Offered({ options, back }: { options: SignInOptions; back: string }) {
  const { t } = useTranslation();
  if (!options.key && options.single_sign_on === null)
    return (
      <EmptyState action={<ButtonLink href={linkTo('status')}>{t('nav.status')}</ButtonLink>}>
        {t('signIn.noWay')}
      </EmptyState>
    );
  return (
    <>
      {options.single_sign_on && <SingleSignOn provider={options.single_sign_on} back={back} />}
      {options.key && <KeyForm back={back} first={options.single_sign_on === null} />}
    </>
  );
}
