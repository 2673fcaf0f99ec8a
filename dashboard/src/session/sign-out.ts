import { useQueryClient } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { linkTo } from '@/url/links';
import { leave } from './leave';
import { signOutAddress } from './oidc';
import { redirectUri } from './redirect';
import { credential, signOut } from './session';

/**
 * Return the way out: the page forgets the credential and all answers, and a provider its session.
 *
 * Without an answer of the provider the page is signed out all the same, and its session ends by
 * itself.
 */
export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  return async () => {
    const last = credential();
    signOut();
    queries.clear(); // what one person was shown is not left for the next
    navigate(linkTo('signIn'));
    if (last?.kind !== 'token') return;
    const address = await signOutAddress(last, redirectUri()).catch(() => null);
    if (address !== null) leave(address.href);
  };
}
