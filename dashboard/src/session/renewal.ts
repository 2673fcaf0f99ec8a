import { useEffect } from 'react';
import { useLocation, useSearch } from 'wouter';
import { PAGES } from '@/url/links';
import { ownPath } from './back';
import { refreshToken, SignInError } from './oidc';
import { goToProvider } from './redirect';
import { keptInTab, replaceToken, type TokenCredential, useCredential } from './session';

/** Time until another try where the provider did not answer. */
const PAUSE_MILLISECONDS = 20_000;
/** The longest time that the browser can wait at once. */
const LONGEST_WAIT_MILLISECONDS = 2 ** 31 - 1;

/** Return the milliseconds until a token should be renewed; infinite where it has no end. */
function millisecondsLeft(token: TokenCredential): number {
  return token.renewAt === null ? Number.POSITIVE_INFINITY : token.renewAt - Date.now();
}

/**
 * Keep the token of the single sign-on alive.
 *
 * With a refresh token it is renewed a minute before its end. Without one only the provider can give
 * another, which takes leaving the page: that is done when the person goes to another page anyway,
 * so that nothing is lost which they have typed. A frame could do it unseen, but neither browsers
 * that keep cookies of other sites out of frames nor this server's policy allow one.
 */
export function useRenewal(): void {
  const credential = useCredential();
  const token = credential?.kind === 'token' ? credential : null;
  useRefresh(token);
  useSilentSignIn(token);
}

function useRefresh(token: TokenCredential | null): void {
  useEffect(() => {
    if (token === null || token.refreshToken === null || token.renewAt === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = (milliseconds: number) => {
      clearTimeout(timer);
      const most = Math.min(Math.max(0, milliseconds), LONGEST_WAIT_MILLISECONDS);
      timer = setTimeout(() => void renew(), most);
    };
    const renew = async () => {
      const left = millisecondsLeft(token);
      if (left > 0) return wait(left); // the browser could not wait that long at once
      try {
        replaceToken(token, await refreshToken(token));
      } catch (error) {
        const passing = error instanceof SignInError && error.fault === 'unreachable';
        if (passing) wait(PAUSE_MILLISECONDS);
        else replaceToken(token, { ...token, refreshToken: null });
      }
    };
    wait(millisecondsLeft(token));
    return () => clearTimeout(timer);
  }, [token]);
}

function useSilentSignIn(token: TokenCredential | null): void {
  const [location] = useLocation();
  const search = useSearch();
  // biome-ignore lint/correctness/useExhaustiveDependencies: only going to another page is the moment
  useEffect(() => {
    if (token === null || token.refreshToken !== null || location === PAGES.signIn) return;
    if (millisecondsLeft(token) > 0) return;
    const back = ownPath(location + (search && `?${search}`));
    const options = { back, keepInTab: keptInTab(), silent: true };
    goToProvider(token.provider, options).catch(() => undefined); // a refused call will say it
  }, [location]);
}
