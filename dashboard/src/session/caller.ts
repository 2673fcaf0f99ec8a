import { useQuery } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { api, content, type Schemas } from '@/api/client';
import { PAGES } from '@/url/links';
import { useCredential, useSessionNumber } from './session';

export type Caller = Schemas['CallerAnswer'];
export type SignInOptions = Schemas['SignInOptions'];

/**
 * Return whether to ask who asks.
 *
 * Who is about to sign in is not known yet: the call would be refused, and counted as one more that
 * came without a key.
 */
function useIsKnown(): boolean {
  const [location] = useLocation();
  const signingIn = useCredential() === null && location === PAGES.signIn;
  const options = useSignInOptions({ enabled: signingIn });
  return !signingIn || options.data?.required === false;
}

/** Who asks, and what they may do. */
export function useCaller() {
  const session = useSessionNumber();
  const enabled = useIsKnown();
  const query = useQuery({
    queryKey: ['caller', session],
    queryFn: ({ signal }) => content<Caller>(api.GET('/caller', { signal })),
    enabled,
  });
  const scopes = query.data?.scopes;
  /** Return whether the caller has a scope; while nothing is known of the caller, it has none. */
  const can = (scope: string): boolean => scopes?.some((each) => each === scope) ?? false;
  return { query, caller: query.data, can };
}

/** Return who a key or token belongs to, by asking the API before it is used for anything else. */
export function callerOf(secret: string): Promise<Caller> {
  const headers = { authorization: `Bearer ${secret}` };
  return content<Caller>(api.GET('/caller', { headers }));
}

/** The ways to sign in that the server offers; public. */
export function useSignInOptions(query: { enabled?: boolean } = {}) {
  return useQuery({
    ...query,
    queryKey: ['sign-in-options'],
    queryFn: ({ signal }) => content<SignInOptions>(api.GET('/sign-in/options', { signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });
}
