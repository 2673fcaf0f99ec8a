import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, test } from 'vitest';
import type { NewOverride, Override, OverrideGroupValue, OverrideRequest } from '@/api/overrides';
import type { Caller } from '@/session/caller';
import { callerAnswer, META, problem } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import Plan from './plan';
import { groupValue, override, previewOf, valueBy } from './test-answers';

const ADDRESS = '/plan?node=store:1&from=2024-07-03&to=2024-07-04';

let previews: OverrideRequest[];
let made: { body: OverrideRequest; key: string | null }[];
let withdrawn: string[];
let listed: URLSearchParams[];

/** Play the API for a caller with some scopes, with the overrides that were made. */
function play(
  options: {
    scopes?: Caller['scopes'];
    overrides?: Override[];
    changes?: Partial<NewOverride>;
    values?: OverrideGroupValue[];
  } = {},
) {
  const { scopes = ['forecast', 'plan'], overrides = [], changes = {}, values = [] } = options;
  server.use(
    http.get('*/caller', () => HttpResponse.json(callerAnswer({ client: 'ana', scopes }))),
    http.get('*/meta', () => HttpResponse.json(META)),
    http.post('*/forecast', () => problem(503, 'UNAVAILABLE', 'Not now.')),
    http.post('*/overrides/preview', async ({ request }) => {
      const body = (await request.json()) as OverrideRequest;
      previews.push(body);
      return HttpResponse.json(previewOf(body, changes));
    }),
    http.post('*/overrides', async ({ request }) => {
      const body = (await request.json()) as OverrideRequest;
      made.push({ body, key: request.headers.get('idempotency-key') });
      return HttpResponse.json({ ...previewOf(body), id: 8, state: 'active' }, { status: 201 });
    }),
    http.get('*/overrides', ({ request }) => {
      listed.push(new URL(request.url).searchParams);
      return HttpResponse.json({ overrides, next: null, revision: 3 });
    }),
    http.get('*/overrides/value', ({ request }) => {
      const by = new URL(request.url).searchParams.get('by');
      return HttpResponse.json(valueBy(by ?? '', values));
    }),
    http.delete('*/overrides/:id', ({ params }) => {
      withdrawn.push(String(params.id));
      return HttpResponse.json(override({ id: Number(params.id), state: 'withdrawn' }));
    }),
  );
}

/** Return the sentence below the heading; the chart has it, too, for who does not see it. */
function sentence(content: RegExp) {
  return screen.findByText(content, { selector: 'p' });
}

async function write(value: string, name: RegExp = /Percent/) {
  const field = await screen.findByRole('textbox', { name });
  await userEvent.clear(field);
  await userEvent.type(field, value);
}

async function save() {
  const button = await screen.findByRole('button', { name: 'Save the override' });
  await waitFor(() => expect(button).toBeEnabled());
  await userEvent.click(button);
}

beforeEach(() => {
  [previews, made, withdrawn, listed] = [[], [], [], []];
});

describe('the preview', () => {
  test('shows the days as they stand until a value is written', async () => {
    play();
    renderAt(ADDRESS, <Plan />);
    expect(await sentence(/200 units are expected/)).toBeVisible();
    expect(previews).toMatchObject([{ node: 'store:1', op: 'add', value: 0 }]);
    expect(screen.getByRole('button', { name: 'Save the override' })).toBeDisabled();
  });

  test('is asked for once for what is typed without a pause, with the factor of a percentage', async () => {
    play();
    renderAt(ADDRESS, <Plan />);
    await sentence(/200 units are expected/);
    await write('+10');
    expect(screen.getByText('The forecast is multiplied by 1.1.')).toBeVisible();
    expect(await sentence(/200 units become 220 .*\+20, \+10%/)).toBeVisible();
    expect(previews.slice(1)).toEqual([
      {
        node: 'store:1',
        from: '2024-07-03',
        to: '2024-07-04',
        op: 'multiply',
        value: 1.1,
        spread: 'day',
      },
    ]);
    expect(new URLSearchParams(window.location.search).get('value')).toBe('1.1');
  });

  test('begins with the override of the address', async () => {
    play();
    renderAt(`${ADDRESS}&op=multiply&value=0.9`, <Plan />);
    expect(await screen.findByRole('textbox', { name: /Percent/ })).toHaveValue('-10');
    expect(await sentence(/200 units become 180/)).toBeVisible();
  });

  test('never sends what is no number, or out of bounds', async () => {
    play();
    renderAt(ADDRESS, <Plan />);
    await sentence(/200 units are expected/);
    await write('1,0');
    expect(await screen.findByText('This is not a number.')).toBeVisible();
    await write('-150');
    expect(await screen.findByText(/from -100 to 9,900/)).toBeVisible();
    expect(previews.map((each) => each.value)).toEqual([0]);
  });

  test('refuses days of which there is no forecast', async () => {
    play();
    renderAt('/plan?from=2024-06-01&to=2024-07-04', <Plan />);
    expect(await screen.findByText(/are of 1 Jul 2024 to 28 Sep 2024|Jul 1, 2024/)).toBeVisible();
    expect(previews).toEqual([]);
  });

  test('does not take units for percent when the operation changes', async () => {
    play();
    renderAt(`${ADDRESS}&op=multiply&value=1.5`, <Plan />);
    await sentence(/200 units become 300/);
    await userEvent.click(screen.getByRole('radio', { name: 'Set to' }));
    expect(await screen.findByRole('textbox', { name: /Units/ })).toHaveValue('');
    const search = new URLSearchParams(window.location.search);
    expect([search.get('op'), search.get('value')]).toEqual(['set', null]);
  });

  test('shares units among the days where they are of the whole period', async () => {
    play();
    renderAt(`${ADDRESS}&op=set&value=300`, <Plan />);
    await sentence(/200 units become 600/);
    await userEvent.click(screen.getByRole('radio', { name: 'All 2 days' }));
    expect(await sentence(/200 units become 300/)).toBeVisible();
    expect(previews.at(-1)).toMatchObject({ value: 300, spread: 'period' });
  });

  test('says what the API warns of, and how many days are within the interval', async () => {
    const warnings: NewOverride['warnings'] = [
      { code: 'small', detail: 'Less than a tenth.' },
      { code: 'upward', detail: 'Fildes 2009.' },
    ];
    play({ changes: { warnings } });
    renderAt(`${ADDRESS}&op=multiply&value=1.01`, <Plan />);
    expect(await screen.findByText(/probably not worth it/)).toBeVisible();
    expect(screen.getByText('Fildes 2009.')).toBeVisible();
    expect(screen.getByText(/Small raises make forecasts worse/)).toBeVisible();
    expect(screen.getByText(/2 of 2 days within the 80/)).toBeVisible();
  });

  test('shows what moves above, and parts below that add up', async () => {
    play();
    renderAt(`${ADDRESS}&op=multiply&value=1.1`, <Plan />);
    await userEvent.click(await screen.findByText('Above: 1 sum moves by +20'));
    const above = screen.getByRole('table', { name: /Sums that this is a part of/ });
    expect(within(above).getByRole('row', { name: /Everything/ })).toHaveTextContent(
      '4,0004,020+20',
    );
    await userEvent.click(screen.getByText('Below: 2 parts share +20'));
    const below = within(screen.getByRole('table', { name: /Parts, the largest/ }));
    const changes = below.getAllByRole('row').map((row) => row.children[4]?.textContent);
    expect(changes).toEqual(['Change', '+15', '+5', '+20']);
  });

  test('shows why the API refuses an override', async () => {
    play();
    server.use(
      http.post('*/overrides/preview', () =>
        problem(400, 'INVALID_OVERRIDE', 'Below 0 on Monday.'),
      ),
    );
    renderAt(`${ADDRESS}&op=add&value=-900`, <Plan />);
    expect(await screen.findByRole('alert')).toHaveTextContent('Below 0 on Monday.');
    expect(screen.getByRole('button', { name: 'Save the override' })).toBeDisabled();
  });
});

describe('saving', () => {
  test('sends what was seen with its revision, says what was saved, and can be undone', async () => {
    play();
    renderAt(ADDRESS, <Plan />);
    await write('+10');
    await userEvent.selectOptions(screen.getByRole('combobox', { name: /Reason/ }), 'Event');
    await userEvent.type(screen.getByRole('textbox', { name: /Note/ }), ' Street party ');
    await save();
    expect(await screen.findByText(/Raised by 10% \(× 1.1\): 200 units became 220/)).toBeVisible();
    expect(made).toMatchObject([
      { body: { value: 1.1, reason: 'event', note: 'Street party', revision: 3 } },
    ]);
    expect(made[0]?.body).not.toHaveProperty('expires_at');
    expect(made[0]?.key).toMatch(/^[0-9a-f]{32}$/);
    expect(screen.getByRole('textbox', { name: /Percent/ })).toHaveValue('');
    await userEvent.click(screen.getByRole('button', { name: 'Undo' }));
    expect(await screen.findByText(/this no longer counts/)).toBeVisible();
    expect(withdrawn).toEqual(['8']);
  });

  test('keeps reason and note of a draft when the page is loaded again, until it is saved', async () => {
    play();
    renderAt(`${ADDRESS}&op=add&value=5`, <Plan />);
    await userEvent.selectOptions(await screen.findByRole('combobox', { name: /Reason/ }), 'Event');
    await userEvent.type(screen.getByRole('textbox', { name: /Note/ }), 'Street party');
    cleanup();
    renderAt(`${ADDRESS}&op=add&value=5`, <Plan />);
    expect(await screen.findByRole('textbox', { name: /Note/ })).toHaveValue('Street party');
    expect(screen.getByRole('combobox', { name: /Reason/ })).toHaveValue('event');
    await save();
    await screen.findByText(/200 units became/);
    cleanup();
    renderAt(ADDRESS, <Plan />);
    expect(await screen.findByRole('textbox', { name: /Note/ })).toHaveValue('');
  });

  test('does not warn of the override that was just saved', async () => {
    play({ changes: { warnings: [{ code: 'overlap', detail: 'Override 8 of store:1.' }] } });
    renderAt(`${ADDRESS}&op=add&value=5`, <Plan />);
    expect(await screen.findByText('Before you save')).toBeVisible();
    await save();
    await screen.findByText(/200 units became/);
    expect(screen.queryByText('Before you save')).toBeNull();
  });

  test('counts to the end of the day that is chosen', async () => {
    play();
    renderAt(`${ADDRESS}&op=add&value=5`, <Plan />);
    const until = await screen.findByLabelText(/Counts until/);
    fireEvent.change(until, { target: { value: '2099-07-10' } });
    await save();
    await waitFor(() => expect(made).toHaveLength(1));
    expect(made[0]?.body.expires_at).toBe(new Date(2099, 6, 11).toISOString());
  });

  test('sends the same key again after a lost answer, so that nothing is made twice', async () => {
    play();
    let keys: (string | null)[] = [];
    server.use(
      http.post('*/overrides', ({ request }) => {
        keys = [...keys, request.headers.get('idempotency-key')];
        return HttpResponse.error();
      }),
    );
    renderAt(`${ADDRESS}&op=add&value=5`, <Plan />);
    await save();
    await userEvent.click(await screen.findByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(keys).toHaveLength(2));
    expect(keys[1]).toBe(keys[0]);
  });

  test('shows what somebody else changed meanwhile, and saves after another look', async () => {
    play();
    const changed = 'Override 4 of ben was made at 10:00.';
    server.use(http.post('*/overrides', () => problem(409, 'CONFLICT', changed), { once: true }));
    renderAt(`${ADDRESS}&op=add&value=5`, <Plan />);
    await save();
    expect(await screen.findByRole('alert')).toHaveTextContent(changed);
    expect(made).toEqual([]);
    const seen = previews.length;
    await userEvent.click(screen.getByRole('button', { name: 'Look at the forecast again' }));
    await waitFor(() => expect(previews.length).toBeGreaterThan(seen));
    expect(screen.queryByRole('alert')).toBeNull();
    await save();
    await waitFor(() => expect(made).toHaveLength(1));
  });
});

describe('the list', () => {
  test('shows author, reason, note, what is left of it, and what it was worth', async () => {
    const moved = {
      requested: 220,
      result: 260,
      holds: false,
      floored: false,
      equal_shares: false,
    };
    const worth = { days: 2, statistical_error: 30, adjusted_error: 45 };
    play({ overrides: [override({ now: moved, value_added: worth })] });
    renderAt(ADDRESS, <Plan />);
    const item = await screen.findByRole('listitem');
    expect(item).toHaveTextContent('Store 1');
    expect(item).toHaveTextContent('Raised by 10% (× 1.1): 200 → 220 (+20)');
    expect(item).toHaveTextContent('Street party');
    expect(item).toHaveTextContent('Made by ana');
    expect(item).toHaveTextContent('220 units were asked for, and 260 are planned now');
    expect(item).toHaveTextContent(
      '2 days sold: off by 45 units with it, by 30 without. It did harm.',
    );
  });

  test('undoes an override and says so', async () => {
    play({ overrides: [override()] });
    renderAt(ADDRESS, <Plan />);
    await userEvent.click(await screen.findByRole('button', { name: /^Undo Store 1/ }));
    expect(await screen.findByText(/this no longer counts/)).toBeVisible();
    expect(withdrawn).toEqual(['7']);
  });

  test('is of active ones at first, and of a state and a node by choice, in the address', async () => {
    play();
    renderAt(ADDRESS, <Plan />);
    await screen.findByText('There are none of these.');
    expect(listed[0]?.get('state')).toBe('active');
    await userEvent.click(screen.getByRole('radio', { name: 'Undone' }));
    await userEvent.click(screen.getByRole('radio', { name: 'Only Store 1' }));
    await waitFor(() => expect(listed.at(-1)?.get('node')).toBe('store:1'));
    expect(listed.at(-1)?.get('state')).toBe('withdrawn');
    expect(window.location.search).toContain('state=withdrawn&of=node');
  });

  test('asks for older ones where there are more', async () => {
    play();
    server.use(
      http.get('*/overrides', ({ request }) => {
        const before = new URL(request.url).searchParams.get('before');
        const id = before === null ? 7 : 2;
        const overrides = [override({ id, note: `Number ${id}` })];
        return HttpResponse.json({ overrides, next: before === null ? 7 : null, revision: 3 });
      }),
    );
    renderAt(ADDRESS, <Plan />);
    await userEvent.click(await screen.findByRole('button', { name: 'Show older ones' }));
    expect(await screen.findByText(/Number 2/)).toBeVisible();
    expect(screen.getByText(/Number 7/)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Show older ones' })).toBeNull();
  });
});

test('who may not plan sees the overrides and why there is no form', async () => {
  play({ scopes: ['forecast'], overrides: [override()] });
  renderAt(ADDRESS, <Plan />);
  expect(await screen.findByText(/not make or undo any/)).toBeVisible();
  expect(await screen.findByText(/Street party/)).toBeVisible();
  expect(screen.queryByRole('button', { name: /Undo/ })).toBeNull();
  expect(screen.queryByRole('textbox')).toBeNull();
  expect(previews).toEqual([]);
});

describe('what overrides were worth', () => {
  test('is said only where chance alone could not have made it', async () => {
    play({
      values: [
        groupValue({ group: 'ana', value: 120, share: 0.03, helped: 0.75, interval: [20, 220] }),
        groupValue({ group: 'ben', value: -4, interval: [-30, 22] }),
        groupValue({ group: 'eva', value: -90, interval: [-150, -30] }),
        groupValue({ group: 'new', overrides: 2, value: 9, interval: null }),
      ],
    });
    renderAt(ADDRESS, <Plan />);
    const table = await screen.findByRole('table', { name: /Overrides on days sold/ });
    const said = (name: string) =>
      within(within(table).getByRole('rowheader', { name }).closest('tr') as HTMLElement)
        .getAllByRole('cell')
        .map((cell) => cell.textContent);
    expect(said('ana')).toEqual(['10', '30', '+120', '+3%', '75%', 'Better']);
    expect(said('ben').at(-1)).toBe('May be chance');
    expect(said('eva').at(-1)).toBe('Worse');
    expect(said('new').at(-1)).toBe('Too few to say');
    expect(within(table).getByRole('rowheader', { name: 'All' })).toBeVisible();
  });

  test('is grouped by kind, too', async () => {
    play({ values: [groupValue({ group: 'down-small' })] });
    renderAt(ADDRESS, <Plan />);
    await userEvent.click(await screen.findByRole('radio', { name: 'Kind' }));
    expect(
      await screen.findByRole('rowheader', { name: 'Down, by less than a tenth' }),
    ).toBeVisible();
  });

  test('is not said before a day is sold', async () => {
    play();
    renderAt(ADDRESS, <Plan />);
    expect(await screen.findByText('No override has a day yet that is sold.')).toBeVisible();
  });
});
