import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { beginSignIn, completeSignIn, refreshToken, signOutAddress } from './oidc';
import type { Provider } from './session';

const REDIRECT_URI = 'http://127.0.0.1:5999/prefix/sign-in';
const AUDIENCE = 'https://forecasts.test';
const SCRIPT = path.resolve(import.meta.dirname, '../../test-provider.mjs');

let running: ChildProcess;
let provider: Provider;

beforeAll(async () => {
  const options = ['--redirect-uri', REDIRECT_URI, '--audience', AUDIENCE, '--account', 'ana'];
  const child = spawn(process.execPath, [SCRIPT, ...options, '--refresh'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  running = child;
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  provider = JSON.parse(line) as Provider;
}, 30_000);

afterAll(() => {
  running.kill();
});

/** A browser of a few lines: it follows redirects, keeps cookies, and fills in the forms. */
class Person {
  private readonly cookies = new Map<string, string>();

  constructor(private readonly login: string) {}

  /** Return the first address of the page itself that the provider leads to. */
  async follow(start: URL): Promise<URL> {
    let [address, body]: [URL, URLSearchParams | null] = [start, null];
    for (let step = 0; step < 20; step += 1) {
      if (address.href.startsWith(REDIRECT_URI)) return address;
      const response = await this.request(address, body);
      const location = response.headers.get('location');
      if (location !== null) [address, body] = [new URL(location, address), null];
      else [address, body] = this.fillIn(await response.text(), address);
    }
    throw new Error(`The provider leads nowhere: ${address}`);
  }

  private async request(address: URL, body: URLSearchParams | null): Promise<Response> {
    const cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ');
    const response = await fetch(address, {
      method: body === null ? 'GET' : 'POST',
      body,
      headers: { cookie },
      redirect: 'manual',
    });
    for (const each of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(each) ?? [];
      if (name !== undefined && value !== undefined) this.cookies.set(name, value);
    }
    return response;
  }

  private fillIn(page: string, address: URL): [URL, URLSearchParams] {
    const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1];
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
    if (action === undefined || prompt === undefined) throw new Error(`No form in ${page}`);
    const fields: Record<string, string> = { prompt };
    if (prompt === 'login') Object.assign(fields, { login: this.login, password: 'any' });
    return [new URL(action, address), new URLSearchParams(fields)];
  }
}

function claimsOf(token: string): Record<string, unknown> {
  const [, payload = ''] = token.split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
}

async function signedIn(person = new Person('ana')) {
  const { address, pending } = await beginSignIn(provider, REDIRECT_URI);
  return completeSignIn(await person.follow(address), pending);
}

describe('the single sign-on, against a provider', () => {
  test('yields an access token with the audience and the scopes of the API', async () => {
    const token = await signedIn();
    expect(claimsOf(token.secret)).toMatchObject({
      iss: provider.issuer,
      aud: AUDIENCE,
      sub: 'ana',
      client_id: provider.client_id,
    });
    expect(String(claimsOf(token.secret).scope).split(' ')).toEqual(
      expect.arrayContaining(['forecast', 'plan']),
    );
    expect(token.expiresAt).toBeGreaterThan(Date.now());
  });

  test('asks for a token of the resource that the server names, and renews it as such', async () => {
    const named = { ...provider, resource: AUDIENCE };
    const { address, pending } = await beginSignIn(named, REDIRECT_URI);
    expect(address.searchParams.get('resource')).toBe(AUDIENCE);
    expect(address.searchParams.get('audience')).toBe(AUDIENCE);
    const bodies: string[] = [];
    const send = globalThis.fetch;
    vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
      bodies.push(String(init?.body ?? ''));
      return send(input, init);
    });
    try {
      const token = await completeSignIn(await new Person('ana').follow(address), pending);
      expect(claimsOf((await refreshToken(token)).secret)).toMatchObject({ aud: AUDIENCE });
      const asked = bodies
        .map((body) => new URLSearchParams(body))
        .filter((it) => it.get('grant_type'));
      expect(asked.map((it) => it.get('resource'))).toEqual([AUDIENCE, AUDIENCE]);
    } finally {
      vi.restoreAllMocks();
    }
  });

  test('renews a token by its refresh token', async () => {
    const old = await signedIn();
    const next = await refreshToken(old);
    expect(next.secret).not.toBe(old.secret);
    expect(claimsOf(next.secret)).toMatchObject({ aud: AUDIENCE, sub: 'ana' });
    expect(next.idToken).toBeTruthy();
  });

  test('signs in silently while the session at the provider lasts', async () => {
    const person = new Person('ana');
    await signedIn(person);
    const { address, pending } = await beginSignIn(provider, REDIRECT_URI, { silent: true });
    const token = await completeSignIn(await person.follow(address), pending);
    expect(claimsOf(token.secret)).toMatchObject({ sub: 'ana' });
  });

  test('says that the person is needed where the session is over', async () => {
    const { address, pending } = await beginSignIn(provider, REDIRECT_URI, { silent: true });
    const back = await new Person('ana').follow(address);
    await expect(completeSignIn(back, pending)).rejects.toMatchObject({ fault: 'interaction' });
  });

  test('uses a code once', async () => {
    const { address, pending } = await beginSignIn(provider, REDIRECT_URI);
    const back = await new Person('ana').follow(address);
    await completeSignIn(back, pending);
    await expect(completeSignIn(back, pending)).rejects.toMatchObject({ fault: 'refused' });
  });

  test.each([
    ['a state', { state: 'of-somebody-else' }, 'invalid'],
    ['a nonce', { nonce: 'of-another-sign-in' }, 'invalid'],
    ['a code verifier', { verifier: 'v'.repeat(43) }, 'refused'],
  ])('refuses an answer for %s that is not its own', async (_, changed, fault) => {
    const { address, pending } = await beginSignIn(provider, REDIRECT_URI);
    const back = await new Person('ana').follow(address);
    const foreign = { ...pending, ...changed };
    await expect(completeSignIn(back, foreign)).rejects.toMatchObject({ fault });
  });

  test('says that a provider cannot be reached', async () => {
    const away = { ...provider, issuer: 'http://127.0.0.1:9' };
    await expect(beginSignIn(away, REDIRECT_URI)).rejects.toMatchObject({ fault: 'unreachable' });
  });

  test('ends the session at the provider and comes back', async () => {
    const token = await signedIn();
    const address = await signOutAddress(token, REDIRECT_URI);
    expect(address?.searchParams.get('id_token_hint')).toBe(token.idToken);
    expect(address?.searchParams.get('post_logout_redirect_uri')).toBe(REDIRECT_URI);
    const page = await fetch(address as URL);
    expect(page.status).toBe(200);
  });
});
