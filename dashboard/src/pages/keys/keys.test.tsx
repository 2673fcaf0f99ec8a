import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import { callerAnswer, problem } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import Keys from './keys';
import type { AuditEntry, Key, KeysOfServer } from './use-keys';

const SECRET = 'mlrf_new_secret';

function keyOf(more: Partial<Key>): Key {
  return {
    id: 'id-1',
    client: 'replenishment',
    state: 'active',
    scopes: ['forecast'],
    unknown_scopes: [],
    tier: 'basic',
    created_at: '2026-01-01T00:00:00+00:00',
    expires_at: null,
    revoked_at: null,
    last_used_at: null,
    ...more,
  };
}

function listOf(...keys: Key[]): KeysOfServer {
  return { keys, tiers: ['basic', 'premium'], default_tier: 'basic' };
}

function entryOf(id: number, more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    id,
    at: '2026-01-01T00:00:00+00:00',
    actor: 'env',
    action: 'key.create',
    subject: `subject-${id}`,
    address: '127.0.0.1',
    request_id: null,
    detail: '',
    ...more,
  };
}

beforeEach(() => {
  server.use(
    http.get('*/caller', () => HttpResponse.json(callerAnswer())),
    http.get('*/admin/keys', () =>
      HttpResponse.json(listOf(keyOf({}), keyOf({ id: 'id-2', client: 'old', state: 'revoked' }))),
    ),
    http.get('*/admin/audit', () => HttpResponse.json({ entries: [], next: null })),
  );
});

function open(address = '/keys') {
  renderAt(address, <Keys />);
  return userEvent.setup();
}

describe('the list of keys', () => {
  it('shows the active ones first, and all on request', async () => {
    const user = open();
    expect(await screen.findByText('1 key is active.')).toBeVisible();
    expect(await screen.findByRole('row', { name: /replenishment/ })).toBeVisible();
    expect(screen.queryByRole('row', { name: /old/ })).toBeNull();
    await user.click(within(screen.getByRole('group', { name: 'State' })).getByLabelText('All'));
    expect(screen.getByRole('row', { name: /old/ })).toHaveTextContent('Revoked');
  });

  it('is filtered by the client in the address', async () => {
    open('/keys?client=nobody');
    expect(await screen.findByText('No key matches.')).toBeVisible();
  });

  it('asks nothing of the API for a caller who is no administrator', async () => {
    server.use(
      http.get('*/caller', () => HttpResponse.json(callerAnswer({ scopes: ['forecast'] }))),
    );
    server.use(http.get('*/admin/*', () => HttpResponse.error()));
    open();
    expect(await screen.findByText('Your key does not allow this')).toBeVisible();
    expect(screen.getByText('admin')).toBeVisible();
  });
});

describe('the creation of a key', () => {
  async function fill(user: ReturnType<typeof userEvent.setup>) {
    await user.click(await screen.findByRole('button', { name: 'Create a key…' }));
    await user.type(screen.getByLabelText('Client'), 'planner');
    await user.click(screen.getByRole('checkbox', { name: /What if/ }));
  }

  it('shows the key once, until it is said to be stored', async () => {
    const requests: { body: unknown; idempotency: string | null }[] = [];
    server.use(
      http.post('*/admin/keys', async ({ request }) => {
        const idempotency = request.headers.get('idempotency-key');
        requests.push({ body: await request.json(), idempotency });
        return HttpResponse.json({ ...keyOf({ client: 'planner' }), key: SECRET }, { status: 201 });
      }),
    );
    const user = open();
    await fill(user);
    await user.click(screen.getByRole('button', { name: 'Create the key' }));
    const dialog = await screen.findByRole('dialog', { name: 'The key of planner' });
    expect(within(dialog).getByLabelText('Key')).toHaveValue(SECRET);
    expect(requests).toEqual([
      {
        body: { client: 'planner', scopes: ['forecast', 'whatif'], tier: 'basic' },
        idempotency: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ]);
    expect(within(dialog).queryByRole('button', { name: 'Close' })).toBeNull();
    const done = within(dialog).getByRole('button', { name: 'Done' });
    expect(done).toBeDisabled();
    await user.click(within(dialog).getByRole('button', { name: 'Copy the key' }));
    expect(await navigator.clipboard.readText()).toBe(SECRET);
    await user.click(within(dialog).getByLabelText('I have stored the key'));
    await user.click(done);
    await waitFor(() => expect(screen.queryByDisplayValue(SECRET)).toBeNull());
  });

  it('repeats a failed request as the same one, and a changed one as another', async () => {
    const sent: (string | null)[] = [];
    server.use(
      http.post('*/admin/keys', ({ request }) => {
        sent.push(request.headers.get('idempotency-key'));
        return problem(503, 'KEYS_UNAVAILABLE', 'The database is away.');
      }),
    );
    const user = open();
    await fill(user);
    const submit = screen.getByRole('button', { name: 'Create the key' });
    await user.click(submit);
    expect(await screen.findByText('The database is away.')).toBeVisible();
    await user.click(submit);
    await waitFor(() => expect(sent).toHaveLength(2));
    await waitFor(() => expect(submit).toBeEnabled());
    await user.type(screen.getByLabelText('Client'), '2');
    await user.click(submit);
    await waitFor(() => expect(sent).toHaveLength(3));
    expect(sent[1]).toBe(sent[0]);
    expect(sent[2]).not.toBe(sent[0]);
  });

  it('says that a key of an earlier try cannot be shown', async () => {
    server.use(http.post('*/admin/keys', () => HttpResponse.json({ ...keyOf({}), key: null })));
    const user = open();
    await fill(user);
    await user.click(screen.getByRole('button', { name: 'Create the key' }));
    expect(await screen.findByText(/cannot be shown again/)).toBeVisible();
  });

  it('asks for a client and a scope before anything is sent', async () => {
    const user = open();
    await user.click(await screen.findByRole('button', { name: 'Create a key…' }));
    for (const box of screen.getAllByRole('checkbox', { checked: true })) await user.click(box);
    await user.click(screen.getByRole('button', { name: 'Create the key' }));
    expect(screen.getByText('Choose at least one.')).toBeVisible();
    expect(screen.getByLabelText('Client')).toBeInvalid();
  });
});

describe('a change of a key', () => {
  it('revokes it only after the client was named and the question answered', async () => {
    const revoked: string[] = [];
    server.use(
      http.delete('*/admin/keys/:id', ({ params }) => {
        revoked.push(String(params.id));
        const gone = keyOf({ state: 'revoked' });
        server.use(http.get('*/admin/keys', () => HttpResponse.json(listOf(gone))));
        return HttpResponse.json(gone);
      }),
    );
    const user = open();
    const revoke = await screen.findByRole('button', { name: 'Revoke the key of replenishment' });
    await user.click(revoke);
    const question = await screen.findByRole('dialog', {
      name: 'Revoke the key of replenishment?',
    });
    await user.click(within(question).getByRole('button', { name: 'Cancel' }));
    expect(revoked).toEqual([]);
    await user.click(revoke);
    await user.click(
      within(
        await screen.findByRole('dialog', { name: 'Revoke the key of replenishment?' }),
      ).getByRole('button', { name: 'Revoke the key of replenishment' }),
    );
    await waitFor(() => expect(revoked).toEqual(['id-1']));
    const outcome = await screen.findByText('The key of replenishment is revoked');
    expect(await screen.findByText(/No key is active now/)).toBeVisible();
    expect(document.activeElement).toContainElement(outcome);
    expect(document.activeElement).not.toBe(document.body);
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  });

  it('rotates it with the time for which the old one works', async () => {
    const bodies: unknown[] = [];
    const attempts: (string | null)[] = [];
    server.use(
      http.post('*/admin/keys/id-1/rotate', async ({ request }) => {
        bodies.push(await request.json());
        attempts.push(request.headers.get('idempotency-key'));
        if (attempts.length === 1) return problem(503, 'KEYS_UNAVAILABLE', 'The database is away.');
        return HttpResponse.json({ ...keyOf({ id: 'id-3' }), key: SECRET }, { status: 201 });
      }),
    );
    const user = open();
    await user.click(
      await screen.findByRole('button', { name: 'Rotate the key of replenishment' }),
    );
    await user.selectOptions(screen.getByLabelText('The old key works for'), 'another week');
    const submit = screen.getByRole('button', { name: 'Rotate the key' });
    await user.click(submit);
    expect(await screen.findByText('The database is away.')).toBeVisible();
    await user.click(submit);
    expect(await screen.findByDisplayValue(SECRET)).toBeVisible();
    expect(bodies).toEqual([{ grace_seconds: 604_800 }, { grace_seconds: 604_800 }]);
    expect(attempts[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(attempts[1]).toBe(attempts[0]); // the answer may have been lost, and not the request
  });
});

describe('the audit log', () => {
  it('reads older entries on request, and filters those it has', async () => {
    server.use(
      http.get('*/admin/audit', ({ request }) =>
        new URL(request.url).searchParams.get('before') === '7'
          ? HttpResponse.json({
              entries: [entryOf(6, { action: 'refused.expired', actor: 'ip:10.0.0.7' })],
              next: null,
            })
          : HttpResponse.json({ entries: [entryOf(7)], next: 7 }),
      ),
    );
    const user = open();
    expect(await screen.findByText('subject-7')).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Show older entries' }));
    expect(await screen.findByText('subject-6')).toBeVisible();
    expect(screen.getByText('These are all entries.')).toBeVisible();
    await user.click(screen.getByLabelText('Refusals'));
    expect(screen.queryByText('subject-7')).toBeNull();
    await user.type(screen.getByLabelText('Filter the entries shown'), '10.9');
    expect(screen.getByText(/None of the entries shown matches/)).toBeVisible();
  });
});
