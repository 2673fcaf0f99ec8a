import createClient, { type Middleware } from 'openapi-fetch';
import { credential, dropRefused } from '@/session/session';
import { BASE } from '@/url/base';
import { errorOf, Offline } from './problems';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

const authorize: Middleware = {
  onRequest({ request }) {
    const current = credential();
    // a call that has one already checks a key or token before it is used
    if (current !== null && !request.headers.has('authorization'))
      request.headers.set('authorization', `Bearer ${current.secret}`);
    return request;
  },
};

const explain: Middleware = {
  async onResponse({ request, response }) {
    if (response.status === 401) dropRefused(request.headers.get('authorization'));
    if (!response.ok) throw await errorOf(response);
    return response;
  },
  onError({ error }) {
    return error instanceof DOMException && error.name === 'AbortError'
      ? error
      : new Offline(error);
  },
};

/** Calls of the API, typed by its own OpenAPI document; they throw what `api/problems` defines. */
export const api = createClient<paths>({
  baseUrl: BASE.href.replace(/\/$/, ''),
  fetch: (request) => fetch(request),
});
api.use(authorize, explain);

/**
 * Return the JSON content of a successful answer; a call throws where there is none.
 *
 * The type is named by the caller: an operation that also answers with tables has several.
 */
export async function content<T>(call: Promise<{ data?: unknown }>): Promise<T> {
  const { data } = await call;
  return data as T;
}
