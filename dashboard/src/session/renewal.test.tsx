import { act, renderHook } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { navigate } from 'wouter/use-browser-location';
import { refreshToken, SignInError } from './oidc';
import { goToProvider } from './redirect';
import { useRenewal } from './renewal';
import { credential, signIn, signOut, type TokenCredential } from './session';

vi.mock('./oidc', async (original) => ({
  ...(await original<typeof import('./oidc')>()),
  refreshToken: vi.fn(),
}));
vi.mock('./redirect', () => ({ goToProvider: vi.fn(async () => undefined) }));

const MINUTE = 60_000;

function token(changes: Partial<TokenCredential> = {}): TokenCredential {
  return {
    kind: 'token',
    secret: 'first',
    expiresAt: Date.now() + 10 * MINUTE,
    renewAt: Date.now() + 9 * MINUTE,
    refreshToken: 'r',
    idToken: null,
    provider: { issuer: 'https://id.example', client_id: 'dashboard', scope: 'openid' },
    ...changes,
  };
}

describe('renewal of a token', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.mocked(refreshToken).mockReset();
    vi.mocked(goToProvider).mockReset().mockResolvedValue(undefined);
  });
  afterEach(() => {
    vi.useRealTimers();
    signOut();
  });

  test('asks for a newer one before the end, by the refresh token', async () => {
    const old = token();
    vi.mocked(refreshToken).mockResolvedValue({ ...old, secret: 'second', renewAt: null });
    signIn(old, { keepInTab: false });
    renderHook(useRenewal);
    await act(() => vi.advanceTimersByTimeAsync(9 * MINUTE - 1));
    expect(refreshToken).not.toHaveBeenCalled();
    await act(() => vi.advanceTimersByTimeAsync(1));
    expect(credential()?.secret).toBe('second');
  });

  test('tries again while the provider is away', async () => {
    const old = token();
    vi.mocked(refreshToken)
      .mockRejectedValueOnce(new SignInError('unreachable'))
      .mockResolvedValueOnce({ ...old, secret: 'second', renewAt: null });
    signIn(old, { keepInTab: false });
    renderHook(useRenewal);
    await act(() => vi.advanceTimersByTimeAsync(9 * MINUTE));
    expect(credential()?.secret).toBe('first');
    await act(() => vi.advanceTimersByTimeAsync(MINUTE));
    expect(credential()?.secret).toBe('second');
  });

  test('does not ask again with a refresh token that was refused', async () => {
    vi.mocked(refreshToken).mockRejectedValue(new SignInError('refused'));
    signIn(token(), { keepInTab: false });
    renderHook(useRenewal);
    await act(() => vi.advanceTimersByTimeAsync(20 * MINUTE));
    expect(refreshToken).toHaveBeenCalledTimes(1);
  });

  test('goes to the provider on the way to another page where there is no refresh token', async () => {
    const old = token({ refreshToken: null });
    signIn(old, { keepInTab: true });
    renderHook(useRenewal);
    act(() => navigate('/tree'));
    expect(goToProvider).not.toHaveBeenCalled();
    await act(() => vi.advanceTimersByTimeAsync(9 * MINUTE));
    expect(goToProvider).not.toHaveBeenCalled(); // what is typed in the page stays
    act(() => navigate('/plan?node=total'));
    expect(goToProvider).toHaveBeenCalledExactlyOnceWith(old.provider, {
      back: '/plan?node=total',
      keepInTab: true,
      silent: true,
    });
  });
});
