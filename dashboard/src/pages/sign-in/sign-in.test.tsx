import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { StrictMode } from 'react';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Router } from 'wouter';
import { leave } from '@/session/leave';
import { completeSignIn, type PendingSignIn, SignInError } from '@/session/oidc';
import { credential, signIn, signOut, type TokenCredential } from '@/session/session';
import { Account } from '@/shell/account';
import { callerAnswer, problem, REQUEST_ID } from '@/test/answers';
import { server } from '@/test/server';
import SignIn from './sign-in';

vi.mock('@/session/leave', () => ({ leave: vi.fn() }));
vi.mock('@/session/oidc', async (original) => ({
  ...(await original<typeof import('@/session/oidc')>()),
  completeSignIn: vi.fn(),
}));

const ISSUER = 'https://id.example';
const PROVIDER = { issuer: ISSUER, client_id: 'dashboard', scope: 'openid plan' };
const TOKEN: TokenCredential = {
  kind: 'token',
  secret: 'token-of-ana',
  expiresAt: null,
  renewAt: null,
  refreshToken: null,
  idToken: 'id-token',
  provider: PROVIDER,
};
const PENDING: PendingSignIn = {
  provider: PROVIDER,
  redirectUri: 'http://localhost:3000/sign-in',
  state: 's',
  nonce: 'n',
  verifier: 'v',
  silent: false,
};

/** Play a server that knows one key and one token. */
function play(options: { required?: boolean; sso?: boolean; key?: boolean } = {}) {
  const { required = true, sso = true, key = true } = options;
  server.use(
    http.get('*/sign-in/options', () =>
      HttpResponse.json({ key, required, single_sign_on: sso ? PROVIDER : null }),
    ),
    http.get('*/caller', ({ request }) => {
      const sent = request.headers.get('authorization');
      if (sent !== 'Bearer good-key' && sent !== 'Bearer token-of-ana')
        return problem(401, 'UNAUTHENTICATED', 'The key is not known.');
      return HttpResponse.json(callerAnswer({ client: 'ana', scopes: ['forecast'] }));
    }),
    http.get(`${ISSUER}/.well-known/openid-configuration`, () =>
      HttpResponse.json({
        issuer: ISSUER,
        authorization_endpoint: `${ISSUER}/auth`,
        token_endpoint: `${ISSUER}/token`,
        end_session_endpoint: `${ISSUER}/end`,
      }),
    ),
  );
}

let queries: QueryClient;

function show(address: string) {
  window.history.replaceState(null, '', address);
  queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <Router>
          <Account />
          <SignIn />
        </Router>
      </QueryClientProvider>
    </StrictMode>,
  );
}

function addressNow(): string {
  return window.location.pathname + window.location.search;
}

beforeAll(async () => {
  // jsdom has an ArrayBuffer of its own, which the digests of node are no instances of
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(''));
  vi.stubGlobal('ArrayBuffer', digest.constructor);
});
afterAll(() => vi.unstubAllGlobals());
beforeEach(() => {
  vi.mocked(leave).mockReset();
  vi.mocked(completeSignIn).mockReset();
});
afterEach(signOut);

describe('sign-in by key', () => {
  test('tries the key, uses it, forgets old answers, and leads back to the page', async () => {
    play();
    show('/sign-in?back=%2Fplan%3Fnode%3Dtotal');
    queries.setQueryData(['forecast'], 'of somebody else');
    await userEvent.type(await screen.findByLabelText('Key'), 'good-key');
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(credential()).toEqual({ kind: 'key', secret: 'good-key' }));
    expect(addressNow()).toBe('/plan?node=total');
    expect(queries.getQueryData(['forecast'])).toBeUndefined();
    expect(sessionStorage.length).toBe(0);
  });

  test('says why a wrong key is refused, and does not use it', async () => {
    play();
    show('/sign-in');
    await userEvent.type(await screen.findByLabelText('Key'), 'wrong');
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(await screen.findByRole('alert')).toHaveTextContent('The key is not known.');
    expect(screen.getByRole('alert')).toHaveTextContent(REQUEST_ID);
    expect(credential()).toBeNull();
    expect(addressNow()).toBe('/sign-in');
  });

  test('keeps the key until the tab is closed where that is chosen', async () => {
    play();
    show('/sign-in');
    await userEvent.type(await screen.findByLabelText('Key'), ' good-key\n');
    expect(screen.getAllByText(/Nothing is stored/)).not.toHaveLength(0);
    const [, keep] = screen.getAllByRole('checkbox');
    await userEvent.click(keep as HTMLElement);
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(sessionStorage.getItem('mlrf.credential')).toContain('good-key'));
    expect(localStorage.length).toBe(0);
  });

  test('shows and hides what is typed', async () => {
    play();
    show('/sign-in');
    const field = await screen.findByLabelText('Key');
    expect(field).toHaveAttribute('type', 'password');
    await userEvent.click(screen.getByRole('button', { name: 'Show' }));
    expect(field).toHaveAttribute('type', 'text');
    expect(screen.getByRole('button', { name: 'Show' })).toHaveAttribute('aria-pressed', 'true');
  });

  test.each(['https://evil.example', '//evil.example', '/\\evil.example'])(
    'does not lead on to %s',
    async (elsewhere) => {
      play();
      show(`/sign-in?back=${encodeURIComponent(elsewhere)}`);
      await userEvent.type(await screen.findByLabelText('Key'), 'good-key');
      await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
      await waitFor(() => expect(credential()).not.toBeNull());
      expect(addressNow()).toBe('/');
      expect(window.location.hostname).toBe('localhost');
    },
  );

  test('asks for nothing where the server asks nobody', async () => {
    play({ required: false });
    show('/sign-in');
    expect(await screen.findByText('This server asks nobody to sign in.')).toBeVisible();
    expect(screen.queryByLabelText('Key')).toBeNull();
  });

  test('does not offer a key where the server takes none', async () => {
    play({ key: false });
    show('/sign-in');
    expect(await screen.findByRole('button', { name: 'Go to the sign-in' })).toBeVisible();
    expect(screen.queryByLabelText('Key')).toBeNull();
  });
});

describe('single sign-on', () => {
  test('sends the person to the provider with PKCE, state and nonce', async () => {
    play();
    show('/sign-in?back=%2Ftree');
    await userEvent.click(await screen.findByRole('button', { name: 'Go to the sign-in' }));
    await waitFor(() => expect(leave).toHaveBeenCalledOnce());
    const address = new URL(vi.mocked(leave).mock.calls[0]?.[0] ?? '');
    expect(address.href).toContain(`${ISSUER}/auth?`);
    const stored = JSON.parse(sessionStorage.getItem('mlrf.sign-in') ?? '{}');
    expect(Object.fromEntries(address.searchParams)).toMatchObject({
      client_id: 'dashboard',
      redirect_uri: `${window.location.origin}/sign-in`,
      response_type: 'code',
      scope: 'openid plan',
      code_challenge_method: 'S256',
      state: stored.state,
      nonce: stored.nonce,
    });
    expect(address.searchParams.get('code_challenge')).not.toBe(stored.verifier);
    expect(stored.back).toBe('/tree');
  });

  test('says so where the provider cannot be reached', async () => {
    play();
    server.use(http.get(`${ISSUER}/*`, () => HttpResponse.error()));
    show('/sign-in');
    await userEvent.click(await screen.findByRole('button', { name: 'Go to the sign-in' }));
    expect(await screen.findByRole('alert')).toHaveTextContent(/cannot be reached/);
    expect(leave).not.toHaveBeenCalled();
  });

  function depart(changes: object = {}) {
    const left = { ...PENDING, back: '/plan?node=total', keepInTab: false, ...changes };
    sessionStorage.setItem('mlrf.sign-in', JSON.stringify(left));
  }

  test('takes the code out of the address, exchanges it once, and leads back', async () => {
    play();
    depart();
    vi.mocked(completeSignIn).mockResolvedValue(TOKEN);
    show('/sign-in?code=c-1&state=s&iss=https%3A%2F%2Fid.example');
    expect(addressNow()).not.toMatch(/code|state|iss/);
    await waitFor(() => expect(credential()).toEqual(TOKEN));
    expect(completeSignIn).toHaveBeenCalledOnce();
    expect(vi.mocked(completeSignIn).mock.calls[0]?.[0].searchParams.get('code')).toBe('c-1');
    expect(addressNow()).toBe('/plan?node=total');
    expect(sessionStorage.length).toBe(0);
  });

  test('shows what the provider refused, and offers the ways again with the page to return to', async () => {
    play();
    depart();
    vi.mocked(completeSignIn).mockRejectedValue(new SignInError('denied', 'Not in the group'));
    show('/sign-in?error=access_denied&state=s');
    expect(await screen.findByRole('alert')).toHaveTextContent('Not in the group');
    expect(await screen.findByRole('button', { name: 'Go to the sign-in' })).toBeVisible();
    expect(new URLSearchParams(window.location.search).get('back')).toBe('/plan?node=total');
    expect(credential()).toBeNull();
  });

  test('signs nobody in by an address that this tab did not ask for', async () => {
    play();
    show('/sign-in?code=stolen&state=s');
    expect(await screen.findByRole('alert')).toHaveTextContent(/begun in another tab/);
    expect(completeSignIn).not.toHaveBeenCalled();
  });

  test('does not use a token that the API refuses', async () => {
    play();
    depart();
    vi.mocked(completeSignIn).mockResolvedValue({ ...TOKEN, secret: 'of-another-audience' });
    show('/sign-in?code=c&state=s');
    expect(await screen.findByRole('alert')).toHaveTextContent('The key is not known.');
    expect(credential()).toBeNull();
  });

  test('asks the person where a silent sign-in needs them', async () => {
    play();
    depart({ silent: true });
    vi.mocked(completeSignIn).mockRejectedValue(new SignInError('interaction'));
    show('/sign-in?error=login_required&state=s');
    await waitFor(() => expect(leave).toHaveBeenCalledOnce());
    const address = new URL(vi.mocked(leave).mock.calls[0]?.[0] ?? '');
    expect(address.searchParams.has('prompt')).toBe(false);
    expect(JSON.parse(sessionStorage.getItem('mlrf.sign-in') ?? '{}').back).toBe(
      '/plan?node=total',
    );
  });

  test('signs out here and at the provider, and forgets all answers', async () => {
    play();
    signIn(TOKEN, { keepInTab: true });
    show('/tree');
    await screen.findAllByText('ana');
    queries.setQueryData(['forecast'], 'of ana');
    const [out] = await screen.findAllByRole('button', { name: 'Sign out' });
    await userEvent.click(out as HTMLElement);
    expect(credential()).toBeNull();
    expect(sessionStorage.length).toBe(0);
    expect(queries.getQueryData(['forecast'])).toBeUndefined();
    await waitFor(() => expect(leave).toHaveBeenCalledOnce());
    const address = new URL(vi.mocked(leave).mock.calls[0]?.[0] ?? '');
    expect(address.origin + address.pathname).toBe(`${ISSUER}/end`);
    expect(address.searchParams.get('id_token_hint')).toBe('id-token');
  });
});

test('a refused token is dropped, and the way in leads back to the page', async () => {
  play();
  signIn({ ...TOKEN, secret: 'expired' }, { keepInTab: true });
  show('/tree?depth=2');
  await waitFor(() => expect(credential()).toBeNull());
  const link = await screen.findByRole('link', { name: 'Sign in' });
  expect(link).toHaveAttribute('href', '/sign-in?back=%2Ftree%3Fdepth%3D2');
});
