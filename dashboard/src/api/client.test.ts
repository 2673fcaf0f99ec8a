import { HttpResponse, http } from 'msw';
import { describe, expect, it } from 'vitest';
import { signIn, signOut } from '@/session/session';
import { META, problem } from '@/test/answers';
import { server } from '@/test/server';
import { api, content } from './client';
import { Offline, Problem } from './problems';

describe('a call of the API', () => {
  it('has the credential of who is signed in, in a header and never in the address', async () => {
    const seen: (string | null)[] = [];
    server.use(
      http.get('*/meta', ({ request }) => {
        seen.push(request.headers.get('authorization'), new URL(request.url).search);
        return HttpResponse.json(META);
      }),
    );
    await content(api.GET('/meta'));
    signIn({ kind: 'key', secret: 'mlrf_key' }, { keepInTab: false });
    await content(api.GET('/meta'));
    signOut();
    await content(api.GET('/meta'));
    expect(seen).toEqual([null, '', 'Bearer mlrf_key', '', null, '']);
  });

  it('throws the problem that the API answered', async () => {
    server.use(http.post('*/forecast', () => problem(404, 'INVALID_NODE', 'There is no node.')));
    const call = content(api.POST('/forecast', { body: { horizon: 1 } }));
    await expect(call).rejects.toBeInstanceOf(Problem);
    await expect(call).rejects.toMatchObject({ code: 'INVALID_NODE' });
  });

  it('throws that the server cannot be reached', async () => {
    server.use(http.get('*/meta', () => HttpResponse.error()));
    await expect(content(api.GET('/meta'))).rejects.toBeInstanceOf(Offline);
  });
});
