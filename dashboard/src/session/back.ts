import { useLocation, useSearch } from 'wouter';
import { linkTo, PAGES } from '@/url/links';

const OWN = 'https://own.invalid';

/**
 * Return a path of this application as a router takes it, or `/` where the text is anything else.
 *
 * The text comes from the address, so anybody may have written it: a host of its own, however it is
 * spelled (`//host`, `/\host`, a tab between the slashes), would make the page lead strangers on.
 */
export function ownPath(text: string | null | undefined): string {
  if (!text?.startsWith('/')) return PAGES.overview;
  if (!URL.canParse(text, OWN)) return PAGES.overview;
  const url = new URL(text, OWN);
  if (url.origin !== OWN || url.pathname.startsWith('//')) return PAGES.overview;
  const isSignIn = url.pathname.replace(/\/+$/, '') === PAGES.signIn;
  return isSignIn ? PAGES.overview : url.pathname + url.search + url.hash;
}

/** Return the address of the sign-in page that leads back to the page that is shown now. */
export function useSignInLink(): string {
  const [location] = useLocation();
  const search = useSearch();
  const isSignIn = location === PAGES.signIn;
  const here = ownPath(
    isSignIn ? new URLSearchParams(search).get('back') : location + (search && `?${search}`),
  );
  return linkTo('signIn', { back: here === PAGES.overview ? null : here });
}
