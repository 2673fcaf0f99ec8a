import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TokenCredential } from './session';

const TOKEN: TokenCredential = {
  kind: 'token',
  secret: 'first',
  expiresAt: Date.now() + 60_000,
  renewAt: Date.now() + 30_000,
  refreshToken: null,
  idToken: null,
  provider: { issuer: 'https://id.example', client_id: 'dashboard', scope: 'openid' },
};

/** Return the session as a page has it that is loaded now. */
async function loaded() {
  vi.resetModules();
  return import('./session');
}

describe('the session', () => {
  beforeEach(() => sessionStorage.clear());
  afterEach(() => localStorage.clear());

  test('is in memory alone until its tab is chosen', async () => {
    const { signIn, credential } = await loaded();
    signIn({ kind: 'key', secret: 'k' }, { keepInTab: false });
    expect(credential()).toEqual({ kind: 'key', secret: 'k' });
    expect([sessionStorage.length, localStorage.length]).toEqual([0, 0]);
    expect((await loaded()).credential()).toBeNull();
  });

  test('outlives a reload where that was chosen, and ends with a sign-out', async () => {
    (await loaded()).signIn({ kind: 'key', secret: 'k' }, { keepInTab: true });
    const again = await loaded();
    expect(again.credential()).toEqual({ kind: 'key', secret: 'k' });
    again.signOut();
    expect((await loaded()).credential()).toBeNull();
  });

  test.each([
    ['an expired token', JSON.stringify({ ...TOKEN, expiresAt: 1 })],
    ['a text that is no JSON', '{'],
    ['something that is no credential', '{"kind":"token"}'],
  ])('does not begin with %s', async (_, stored) => {
    sessionStorage.setItem('mlrf.credential', stored);
    expect((await loaded()).credential()).toBeNull();
  });

  test('begins with an expired token that can be refreshed', async () => {
    const stored = { ...TOKEN, expiresAt: 1, refreshToken: 'r' };
    sessionStorage.setItem('mlrf.credential', JSON.stringify(stored));
    expect((await loaded()).credential()).toEqual(stored);
  });

  test('drops a refused credential, but not one that came after the refused call', async () => {
    const { signIn, dropRefused, credential } = await loaded();
    signIn(TOKEN, { keepInTab: true });
    dropRefused('Bearer of-before');
    expect(credential()).toEqual(TOKEN);
    dropRefused('Bearer first');
    expect(credential()).toBeNull();
    expect(sessionStorage.length).toBe(0);
  });

  test('tells what belongs to a person when another one signs in, not when a token is renewed', async () => {
    const { signIn, signOut, replaceToken, onOtherPerson } = await loaded();
    signIn(TOKEN, { keepInTab: false });
    const listener = vi.fn();
    onOtherPerson(listener);
    replaceToken(TOKEN, { ...TOKEN, secret: 'second' });
    expect(listener).not.toHaveBeenCalled();
    signOut();
    expect(listener).toHaveBeenCalledTimes(1);
  });

  test('does not take a renewed token after somebody has signed out', async () => {
    const { signIn, signOut, replaceToken, credential } = await loaded();
    signIn(TOKEN, { keepInTab: false });
    signOut();
    replaceToken(TOKEN, { ...TOKEN, secret: 'second' });
    expect(credential()).toBeNull();
  });
});
