/**
 * An OpenID provider on this machine, for tests of the single sign-on. Any password is right.
 *
 * It has one public client, asks for PKCE, and issues JWT access tokens with an audience. When it
 * listens it prints a line of JSON: its issuer, the address and path of its keys, and its client.
 *
 *   node test-provider.mjs --redirect-uri http://127.0.0.1:3000/sign-in --account ana
 */
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { Provider } from 'oidc-provider';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' }, // 0: any that is free
    'client-id': { type: 'string', default: 'mlrf-dashboard' },
    'redirect-uri': { type: 'string', multiple: true, default: [] },
    audience: { type: 'string', default: 'https://mlrf.test' },
    scopes: { type: 'string', default: 'forecast explain whatif plan' },
    account: { type: 'string', multiple: true, default: ['planner'] },
    lifetime: { type: 'string', default: '600' }, // of an access token, in seconds
    refresh: { type: 'boolean', default: false }, // with refresh tokens
  },
});
const redirectUris = values['redirect-uri'];
if (redirectUris.length === 0) {
  console.error('--redirect-uri is missing: the address of the sign-in page.');
  process.exit(2);
}

const server = createServer();
await new Promise((listening) => server.listen(Number(values.port), '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const provider = new Provider(issuer, {
  jwks: { keys: [{ ...signingKey.export({ format: 'jwk' }), use: 'sig', kid: 'test' }] },
  cookies: { keys: ['only for tests'] },
  clients: [
    {
      client_id: values['client-id'],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: redirectUris,
      post_logout_redirect_uris: redirectUris,
    },
  ],
  clientBasedCORS: () => true,
  findAccount: (_, id) =>
    values.account.includes(id)
      ? { accountId: id, claims: () => ({ sub: id, name: id }) }
      : undefined,
  issueRefreshToken: (_, client) => values.refresh && client.grantTypeAllowed('refresh_token'),
  pkce: { required: () => true },
  ttl: {
    AccessToken: Number(values.lifetime),
    AuthorizationCode: 60,
    Grant: 86_400,
    IdToken: Number(values.lifetime),
    Interaction: 3600,
    RefreshToken: 86_400,
    Session: 86_400,
  },
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => values.audience,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: values.scopes,
        audience: values.audience,
        accessTokenFormat: 'jwt',
        accessTokenTTL: Number(values.lifetime),
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
server.on('request', provider.callback());
console.log(
  JSON.stringify({
    issuer,
    client_id: values['client-id'],
    audience: values.audience,
    scope: `openid ${values.scopes}`,
    jwks_path: '/jwks',
    jwks_uri: `${issuer}/jwks`,
  }),
);
