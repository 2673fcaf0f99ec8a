import { useSyncExternalStore } from 'react';

/** What the page proves itself with: a key that was typed in, or a token of the single sign-on. */
export type Credential =
  | { kind: 'key'; secret: string }
  | { kind: 'token'; secret: string; expiresAt: number };

const STORED = 'mlrf.credential';

let current: Credential | null = restore();
const listeners = new Set<() => void>();

function restore(): Credential | null {
  const stored = sessionStorage.getItem(STORED);
  if (stored === null) return null;
  const credential = JSON.parse(stored) as Credential;
  const over = credential.kind === 'token' && credential.expiresAt <= Date.now();
  return over ? null : credential;
}

export function credential(): Credential | null {
  return current;
}

/**
 * Use a credential from now on.
 *
 * It is kept in memory alone, unless the person chose to keep it until the tab is closed. It is
 * never in local storage or a cookie, which other tabs and later users of the machine would have.
 */
export function signIn(next: Credential, options: { keepInTab: boolean }): void {
  current = next;
  if (options.keepInTab) sessionStorage.setItem(STORED, JSON.stringify(next));
  else sessionStorage.removeItem(STORED);
  for (const notify of listeners) notify();
}

export function signOut(): void {
  current = null;
  sessionStorage.removeItem(STORED);
  for (const notify of listeners) notify();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useCredential(): Credential | null {
  return useSyncExternalStore(subscribe, credential);
}
