/**
 * OpenID Connect: the authorization code flow with PKCE, for a public client (RFC 9700).
 *
 * Nothing here touches the address, the storage or the session of the page: `redirect.ts` does.
 */
import type * as oauthLibrary from 'oauth4webapi';
import type { AuthorizationServer, Client, TokenEndpointResponse } from 'oauth4webapi';
import type { Provider, TokenCredential } from './session';

type OAuth = typeof oauthLibrary;

/** What must be remembered between leaving for the provider and coming back from it. */
export interface PendingSignIn {
  provider: Provider;
  redirectUri: string;
  state: string;
  nonce: string;
  verifier: string;
  /** The provider asks nothing: it answers at once, or refuses. */
  silent: boolean;
}

export type SignInFault =
  | 'unreachable'
  | 'insecure'
  | 'denied'
  | 'interaction'
  | 'refused'
  | 'stale'
  | 'invalid';

/** A sign-in that did not end with a token: why, and what the provider said about it. */
export class SignInError extends Error {
  constructor(
    readonly fault: SignInFault,
    readonly detail: string | null = null,
    options?: ErrorOptions,
  ) {
    super(detail ?? fault, options);
    this.name = 'SignInError';
  }
}

/** Answers of a provider that may ask nothing, where it would have to (OpenID Connect Core 3.1.2.6). */
const NEEDS_THE_PERSON = new Set([
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
]);

/** Time before a token's end at which a newer one is asked for. */
const AHEAD_MILLISECONDS = 60_000;

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Call the provider; no answer, or none that this page may read, is a fault of its own. */
const fetchFromProvider = async (address: string, options: RequestInit): Promise<Response> => {
  try {
    return await fetch(address, options);
  } catch (error) {
    throw new SignInError('unreachable', null, { cause: error });
  }
};

/** The library insists on HTTPS; a provider on this machine, for development, may do without. */
function requestOptions(oauth: OAuth, issuer: string) {
  return {
    [oauth.allowInsecureRequests]: LOOPBACK.test(new URL(issuer).hostname),
    [oauth.customFetch]: fetchFromProvider as typeof fetch,
  };
}

interface Connection {
  oauth: OAuth;
  server: AuthorizationServer;
  client: Client;
  options: ReturnType<typeof requestOptions>;
}

/** Load the library and the provider's own description of its endpoints. */
async function connect(provider: Provider): Promise<Connection> {
  // without it there is no SHA-256 for the code challenge: the page is on plain HTTP
  if (globalThis.crypto?.subtle === undefined) throw new SignInError('insecure');
  const oauth = await import('oauth4webapi');
  const issuer = new URL(provider.issuer);
  const options = requestOptions(oauth, provider.issuer);
  const response = await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...options });
  const server = await oauth.processDiscoveryResponse(issuer, response);
  return { oauth, server, client: { client_id: provider.client_id }, options };
}

/** Run a part of the flow; what the provider or the library refuses becomes a `SignInError`. */
async function explained<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw await signInErrorOf(error);
  }
}

async function signInErrorOf(error: unknown): Promise<Error> {
  if (error instanceof SignInError) return error;
  const oauth = await import('oauth4webapi');
  if (
    error instanceof oauth.AuthorizationResponseError ||
    error instanceof oauth.ResponseBodyError
  ) {
    const detail = error.error_description ?? error.error;
    const fault =
      error.error === 'access_denied'
        ? 'denied'
        : NEEDS_THE_PERSON.has(error.error)
          ? 'interaction'
          : 'refused';
    return new SignInError(fault, detail, { cause: error });
  }
  const detail = error instanceof Error ? error.message : String(error);
  return new SignInError('invalid', detail, { cause: error });
}

/** Return the provider's address to send the person to, and what to remember until the return. */
export async function beginSignIn(
  provider: Provider,
  redirectUri: string,
  { silent = false }: { silent?: boolean } = {},
): Promise<{ address: URL; pending: PendingSignIn }> {
  return explained(async () => {
    const { oauth, server } = await connect(provider);
    if (server.authorization_endpoint === undefined) {
      throw new SignInError('invalid', 'The provider names no authorization endpoint.');
    }
    const pending: PendingSignIn = {
      provider,
      redirectUri,
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(),
      silent,
    };
    const address = new URL(server.authorization_endpoint);
    const parameters = {
      client_id: provider.client_id,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: provider.scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
      ...(silent ? { prompt: 'none' } : {}),
      // some providers know the one name and some the other, and what they do not know they ignore
      ...(provider.resource ? { resource: provider.resource, audience: provider.resource } : {}),
    };
    for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
    return { address, pending };
  });
}

/**
 * Exchange the code in the address that the provider led back to for a token.
 *
 * The library compares issuer and state, and the ID token's issuer, audience, times and nonce.
 */
export async function completeSignIn(
  address: URL,
  pending: PendingSignIn,
): Promise<TokenCredential> {
  const { provider } = pending;
  return explained(async () => {
    const { oauth, server, client, options } = await connect(provider);
    const parameters = oauth.validateAuthResponse(server, client, address, pending.state);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      oauth.None(),
      parameters,
      pending.redirectUri,
      pending.verifier,
      { ...options, ...resourceOf(provider) },
    );
    const answer = await oauth.processAuthorizationCodeResponse(server, client, response, {
      expectedNonce: pending.nonce,
      requireIdToken: true,
    });
    return tokenOf(answer, provider);
  });
}

/** Return a newer token by the refresh token of the old one. */
export async function refreshToken(old: TokenCredential): Promise<TokenCredential> {
  return explained(async () => {
    const { oauth, server, client, options } = await connect(old.provider);
    const response = await oauth.refreshTokenGrantRequest(
      server,
      client,
      oauth.None(),
      old.refreshToken ?? '',
      { ...options, ...resourceOf(old.provider) },
    );
    const answer = await oauth.processRefreshTokenResponse(server, client, response);
    return tokenOf(answer, old.provider, old);
  });
}

/** Return the address that ends the session at the provider; null if the provider has none. */
export async function signOutAddress(
  credential: TokenCredential,
  returnTo: string,
): Promise<URL | null> {
  return explained(async () => {
    const { server } = await connect(credential.provider);
    if (server.end_session_endpoint === undefined) return null;
    const address = new URL(server.end_session_endpoint);
    address.searchParams.set('client_id', credential.provider.client_id);
    address.searchParams.set('post_logout_redirect_uri', returnTo);
    if (credential.idToken) address.searchParams.set('id_token_hint', credential.idToken);
    return address;
  });
}

/** Return the resource of a token as the library adds it to a request for one. */
function resourceOf({ resource }: Provider): { additionalParameters?: Record<string, string> } {
  return resource ? { additionalParameters: { resource } } : {};
}

function tokenOf(
  answer: TokenEndpointResponse,
  provider: Provider,
  old?: TokenCredential,
): TokenCredential {
  const { access_token, expires_in, refresh_token, id_token } = answer;
  const milliseconds = (expires_in ?? 0) * 1000;
  const expiresAt = expires_in === undefined ? null : Date.now() + milliseconds;
  // half a short life: a token that is due the moment it comes would be asked for without end
  const ahead = Math.min(AHEAD_MILLISECONDS, milliseconds / 2);
  return {
    kind: 'token',
    secret: access_token,
    expiresAt,
    renewAt: expiresAt === null ? null : expiresAt - ahead,
    refreshToken: refresh_token ?? old?.refreshToken ?? null,
    idToken: id_token ?? old?.idToken ?? null,
    provider,
  };
}
