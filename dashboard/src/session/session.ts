import { useSyncExternalStore } from 'react';

/** An OpenID provider, as GET /sign-in/options names it. */
export interface Provider {
  issuer: string;
  client_id: string;
  scope: string;
  /** What a token is asked for (RFC 8707); null or absent where the provider needs none named. */
  resource?: string | null;
}

export interface KeyCredential {
  kind: 'key';
  secret: string;
}

export interface TokenCredential {
  kind: 'token';
  secret: string;
  /** Time from which the token is refused, in milliseconds; null where the provider names none. */
  expiresAt: number | null;
  /** Time from which a newer one should be had; null where it has no end. */
  renewAt: number | null;
  refreshToken: string | null;
  /** Names the session at the provider when it is ended. */
  idToken: string | null;
  provider: Provider;
}

/** What the page proves itself with: a key that was typed in, or a token of the single sign-on. */
export type Credential = KeyCredential | TokenCredential;

const STORED = 'mlrf.credential';

interface Session {
  credential: Credential | null;
  keptInTab: boolean;
  /** Grows with each change of who is signed in; a renewed token is the same person's. */
  number: number;
}

let session: Session = restore();
const listeners = new Set<() => void>();

function isCredential(value: unknown): value is Credential {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    (value.kind === 'key' || (value.kind === 'token' && 'provider' in value)) &&
    'secret' in value &&
    typeof value.secret === 'string'
  );
}

function restore(): Session {
  const nothing = { credential: null, keptInTab: false, number: 0 };
  try {
    const credential: unknown = JSON.parse(sessionStorage.getItem(STORED) ?? 'null');
    if (!isCredential(credential)) return nothing;
    const lost = isExpired(credential) && refreshTokenOf(credential) === null;
    return lost ? nothing : { credential, keptInTab: true, number: 0 };
  } catch {
    return nothing; // another version of the page wrote it: nobody is signed in
  }
}

function refreshTokenOf(credential: Credential): string | null {
  return credential.kind === 'token' ? credential.refreshToken : null;
}

function isExpired(credential: Credential): boolean {
  return (
    credential.kind === 'token' &&
    credential.expiresAt !== null &&
    credential.expiresAt <= Date.now()
  );
}

function change(next: Session): void {
  session = next;
  if (next.credential !== null && next.keptInTab)
    sessionStorage.setItem(STORED, JSON.stringify(next.credential));
  else sessionStorage.removeItem(STORED);
  for (const notify of listeners) notify();
}

export function credential(): Credential | null {
  return session.credential;
}

/**
 * Use a credential from now on.
 *
 * It is kept in memory alone, unless the person chose to keep it until the tab is closed. It is
 * never in local storage or a cookie, which other tabs and later users of the machine would have.
 */
export function signIn(next: Credential, options: { keepInTab: boolean }): void {
  change({ credential: next, keptInTab: options.keepInTab, number: session.number + 1 });
}

/** Use a newer token of the same person, unless somebody else has signed in meanwhile. */
export function replaceToken(old: TokenCredential, next: TokenCredential): void {
  if (session.credential === old) change({ ...session, credential: next });
}

/** Forget the credential; what the provider knows of the session is left to `useSignOut`. */
export function signOut(): void {
  change({ credential: null, keptInTab: false, number: session.number + 1 });
}

/** Forget the credential that a refused call was made with, unless it is no longer used anyway. */
export function dropRefused(authorization: string | null): void {
  const { credential } = session;
  if (credential !== null && authorization === `Bearer ${credential.secret}`) signOut();
}

export function keptInTab(): boolean {
  return session.keptInTab;
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Call a listener when somebody else is signed in, or nobody; a renewed token is the same person's. */
export function onOtherPerson(listener: () => void): () => void {
  let { number } = session;
  return subscribe(() => {
    if (session.number === number) return;
    number = session.number;
    listener();
  });
}

export function useCredential(): Credential | null {
  return useSyncExternalStore(subscribe, credential);
}

/** Return a number that changes when somebody else is signed in, or nobody. */
export function useSessionNumber(): number {
  return useSyncExternalStore(subscribe, () => session.number);
}
