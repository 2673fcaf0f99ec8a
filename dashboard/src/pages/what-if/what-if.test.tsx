import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { delay, HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Schemas } from '@/api/client';
import type { WhatIf } from '@/api/queries';
import { BASIS, META, metaAnswer, problem } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import { readScenarios, type Scenario, writeScenarios } from './scenarios';
import WhatIfPage from './what-if';

const UNITS_OF_AN_ITEM = 10;

type Request = Schemas['WhatifRequest'];
const requests: Request[] = [];
const aborted: Request[] = [];

/** Answer as a retailer of whom each item on promotion sells ten units more. */
function answerTo(request: Request): WhatIf {
  const adjustments = Object.entries(request.adjustments ?? {});
  const items = adjustments.reduce((sum, [, each]) => {
    const value = typeof each === 'object' && each !== null ? each.value : each;
    return sum + (typeof value === 'number' ? value : 0);
  }, 0);
  const delta = items * UNITS_OF_AN_ITEM;
  const node = request.node ?? 'total';
  const change = { baseline: 1000, scenario: 1000 + delta, delta };
  return {
    node,
    level: 'store',
    date: '2024-07-01',
    horizon: request.horizon,
    ...change,
    delta_pct: delta / 10,
    days: [
      { date: '2024-07-01', baseline: 400, scenario: 400, delta: 0 },
      { date: '2024-07-02', baseline: 600, scenario: 600 + delta, delta },
    ],
    levels_as_planned: [],
    warnings: [],
    ancestors: [{ id: 'total', level: 'total', baseline: 3000, scenario: 3000 + delta, delta }],
    children: [
      {
        id: `${node}/family:DAIRY`,
        level: 'bottom',
        baseline: 1000,
        scenario: 1000 + delta,
        delta,
        children: [],
      },
    ],
    applied: adjustments.map(([covariate]) => ({
      covariate,
      op: 'add',
      value: 1,
      from: '2024-07-01',
      to: '2024-07-02',
      series: 1,
      days: 2,
    })),
    moved_by_reconciliation: [],
    moved_by_shared_features: 0,
    ...BASIS,
  };
}

function answer(changes: Partial<WhatIf> = {}): void {
  server.use(
    http.post('/whatif', async ({ request }) => {
      const body = (await request.json()) as Request;
      requests.push(body);
      return HttpResponse.json({ ...answerTo(body), ...changes });
    }),
  );
}

function refuse(pointer: string, detail: string): void {
  server.use(
    http.post('/whatif', () =>
      problem(400, 'INVALID_ADJUSTMENT', detail, { errors: [{ pointer, detail }] }),
    ),
  );
}

function warning(changes: Partial<WhatIf['warnings'][number]> = {}): WhatIf['warnings'][number] {
  return {
    code: 'outside-seen',
    covariate: 'onpromotion',
    detail: 'The value of a series would be 12.',
    node: 'store:1/family:DAIRY',
    value: 12,
    least: 0,
    most: 10,
    others: 0,
    last: null,
    ...changes,
  };
}

const MORE: Scenario = {
  name: 'More',
  adjustments: { onpromotion: { op: 'add', value: 2, from: '', to: '' } },
};
const MUCH_MORE: Scenario = {
  name: 'Much more',
  adjustments: { onpromotion: { op: 'add', value: 9, from: '', to: '' } },
};

function open(...scenarios: Scenario[]) {
  const search = new URLSearchParams({ node: 'store:1', date: '2024-07-01', horizon: '2' });
  if (scenarios.length > 0) search.set('scenarios', writeScenarios(scenarios));
  return renderAt(`/what-if?${search}`, <WhatIfPage />);
}

function scenariosInAddress(): Scenario[] | null {
  return readScenarios(new URLSearchParams(window.location.search).get('scenarios') ?? '');
}

beforeEach(() => {
  requests.length = 0;
  aborted.length = 0;
  const covariates = [
    ...META.covariates,
    { name: 'price', kind: 'price' as const, known_ahead: true, by: [] },
    { name: 'advert', kind: 'flag' as const, known_ahead: true, by: [] },
    { name: 'transactions', kind: 'count' as const, known_ahead: false, by: [] },
  ];
  server.use(http.get('/meta', () => HttpResponse.json(metaAnswer({ covariates }))));
});

describe('the page of scenarios', () => {
  it('says what a scenario sells more, and where', async () => {
    answer();
    open(MORE);
    expect(
      await screen.findByText(/1,020 units instead of 1,000, that is \+20 \(\+2%\)/),
    ).toBeVisible();
    const below = (await screen.findByText(/Its parts/)).closest('table') as HTMLTableElement;
    expect(below).toHaveTextContent('Store 1 · DAIRY');
    expect(below).toHaveTextContent('+20');
    expect(screen.getByText('What it is a part of').closest('table')).toHaveTextContent(
      'Everything',
    );
  });

  it('offers what is known ahead and the holiday, and nothing else', async () => {
    answer();
    open();
    expect(await screen.findByRole('button', { name: '+ Items on promotion' })).toBeVisible();
    for (const name of ['+ Price', '+ Advert', '+ Holiday']) {
      expect(screen.getByRole('button', { name })).toBeVisible();
    }
    expect(screen.queryByRole('button', { name: '+ Transactions' })).not.toBeInTheDocument();
  });

  it('asks once for a number that is typed, when it has settled, and keeps it in the address', async () => {
    answer();
    open(MORE);
    const field = await screen.findByLabelText('Value');
    await screen.findByText(/1,020 units/);
    const before = requests.length;
    const written = vi.spyOn(window.history, 'replaceState');
    for (const value of ['1', '12', '123']) fireEvent.change(field, { target: { value } });
    expect(await screen.findByText(/2,230 units/)).toBeVisible();
    expect(requests.slice(before)).toHaveLength(1);
    expect(written).toHaveBeenCalledTimes(1);
    expect(requests.at(-1)?.adjustments).toEqual({ onpromotion: { op: 'add', value: 123 } });
    expect(scenariosInAddress()?.[0]?.adjustments.onpromotion?.value).toBe(123);
  });

  it('takes a number from the slider as from the field', async () => {
    answer();
    open(MORE);
    fireEvent.change(await screen.findByLabelText('Items on promotion: Value, coarse'), {
      target: { value: '7' },
    });
    expect(screen.getByLabelText('Value')).toHaveValue(7);
    expect(await screen.findByText(/1,070 units/)).toBeVisible();
  });

  it('aborts a request whose scenario has changed since', async () => {
    server.use(
      http.post('/whatif', async ({ request }) => {
        const body = (await request.json()) as Request;
        requests.push(body);
        request.signal.addEventListener('abort', () => aborted.push(body));
        if (requests.length === 1) await delay('infinite');
        return HttpResponse.json(answerTo(body));
      }),
    );
    open(MORE);
    await waitFor(() => expect(requests).toHaveLength(1));
    fireEvent.change(await screen.findByLabelText('Value'), { target: { value: '5' } });
    expect(await screen.findByText(/1,050 units/)).toBeVisible();
    expect(aborted).toEqual([requests[0]]);
  });

  it('says at the field that nothing but a number will do, and asks for nothing', async () => {
    answer();
    open(MORE);
    const field = await screen.findByLabelText('Value');
    await screen.findByText(/1,020 units/);
    fireEvent.change(field, { target: { value: '' } });
    expect(field).toHaveAccessibleDescription('Enter a number.');
    expect(requests).toHaveLength(1);
  });

  it.each([
    ['value', 'Value'],
    ['op', 'How'],
    ['from', 'From'],
    ['to', 'To'],
  ])('shows a refusal of %s at its field', async (field, label) => {
    refuse(`/adjustments/onpromotion/${field}`, 'This cannot be.');
    open(MORE);
    expect(await screen.findByText('This cannot be.')).toBeVisible();
    expect(screen.getByLabelText(label)).toHaveAccessibleDescription('This cannot be.');
    expect(screen.getByLabelText(label)).toBeInvalid();
  });

  it('shows a refusal of a whole change where it is', async () => {
    refuse('/adjustments/onpromotion', 'There is no such covariate.');
    open(MORE);
    const row = (await screen.findByText('Items on promotion')).closest('fieldset') as HTMLElement;
    expect(await within(row).findByRole('alert')).toHaveTextContent('There is no such covariate.');
  });

  it('shows a refusal of something else as a whole', async () => {
    refuse('/date', 'The date is too early.');
    open(MORE);
    expect(await screen.findByRole('alert')).toHaveTextContent('The date is too early.');
  });

  it('shows a warning beside the change that it is about', async () => {
    answer({ warnings: [warning({ others: 3 })] });
    open(MORE);
    const row = (await screen.findByText('Items on promotion')).closest('fieldset') as HTMLElement;
    expect(
      await within(row).findByText(
        /Store 1 · DAIRY would have 12; until now it had 0 to 10\. 3 more series/,
      ),
    ).toBeVisible();
    expect(within(row).getByText('Outside of what the model has seen')).toBeVisible();
  });

  it.each([
    ['of a value that was always the same', { least: 0, most: 0 }, /it had always 0\./],
    ['of a holiday', { node: null, value: 'Jubilee' }, /“Jubilee” was on no day so far/],
  ])('words a warning %s', async (_, changes, text) => {
    answer({ warnings: [warning(changes)] });
    open(MORE);
    expect(await screen.findByText(text)).toBeVisible();
  });

  it('says until when a change is made, beside its result', async () => {
    answer({ warnings: [warning({ code: 'shortened', node: null, last: '2024-07-16' })] });
    open(MORE);
    expect(await screen.findByText(/^Only until .*16/)).toBeVisible();
    expect(screen.getByText(/1,020 units instead of 1,000/)).toBeVisible();
  });

  it('says that a change of other days than those shown does nothing here', async () => {
    answer();
    const change = { op: 'add', value: 2, from: '2024-08-01', to: '2024-08-02' } as const;
    open({ name: 'August', adjustments: { onpromotion: change } });
    expect(await screen.findByText(/These days are not among those shown/)).toBeVisible();
    expect(await screen.findByText(/1,000 units as planned/)).toBeVisible();
    expect(requests.at(-1)?.adjustments).toEqual({});
    expect(scenariosInAddress()?.[0]?.adjustments.onpromotion).toEqual(change);
  });

  it('marks a change that is too small for its digits', async () => {
    answer({ delta: 0.04, delta_pct: 0.004 });
    open(MORE);
    expect(await screen.findByText(/that is less than 0\.1 \(less than 0\.1%\)/)).toBeVisible();
  });

  it('copies a link with the node, the days and the scenarios, whatever the address leaves out', async () => {
    const user = userEvent.setup();
    answer();
    renderAt('/what-if', <WhatIfPage />);
    await user.click(await screen.findByRole('button', { name: 'Copy link' }));
    const link = new URL(await navigator.clipboard.readText());
    expect(link.pathname).toBe('/what-if');
    expect(Object.fromEntries(link.searchParams)).toMatchObject({
      node: 'total',
      date: '2024-07-01',
      horizon: '28',
    });
  });

  it('says in words what else moves', async () => {
    answer({ levels_as_planned: ['family'], moved_by_reconciliation: ['store:2/family:DAIRY'] });
    open(MORE);
    expect(await screen.findByText(/1 series moves only so that all sums add up/)).toBeVisible();
    expect(screen.queryByText(/no other series moves/)).toBeNull();
    expect(screen.getByRole('link', { name: 'Store 2 · DAIRY' })).toBeVisible();
  });

  it.each([
    { title: 'a part of a level', levels: ['family'], stated: true },
    { title: 'everything', levels: [], stated: false },
  ])('says of $title whether other series stay as they are', async ({ levels, stated }) => {
    answer({ levels_as_planned: levels });
    open(MORE);
    await screen.findByText(/1,020 units instead of 1,000/);
    expect(screen.queryAllByText(/no other series moves/)).toHaveLength(stated ? 1 : 0);
  });

  it('sets a holiday by its name, or a day without one', async () => {
    answer();
    open();
    await userEvent.click(await screen.findByRole('button', { name: '+ Holiday' }));
    await waitFor(() =>
      expect(requests.at(-1)?.adjustments).toEqual({
        holiday: { op: 'set', value: null, from: '2024-07-01', to: '2024-07-01' },
      }),
    );
    await userEvent.selectOptions(screen.getByLabelText('On these days'), 'the holiday…');
    fireEvent.change(screen.getByLabelText('Its name'), { target: { value: 'Harvest Day' } });
    await waitFor(() =>
      expect(requests.at(-1)?.adjustments).toMatchObject({ holiday: { value: 'Harvest Day' } }),
    );
  });

  it('switches a flag on and off', async () => {
    answer();
    open();
    await userEvent.click(await screen.findByRole('button', { name: '+ Advert' }));
    await userEvent.click(screen.getByRole('radio', { name: 'No' }));
    await waitFor(() =>
      expect(requests.at(-1)?.adjustments).toEqual({ advert: { op: 'set', value: 0 } }),
    );
  });

  it('removes a change', async () => {
    answer();
    open(MORE);
    await userEvent.click(
      await screen.findByRole('button', { name: 'Remove the change of Items on promotion' }),
    );
    expect(await screen.findByText(/1,000 units as planned/)).toBeVisible();
    expect(requests.at(-1)?.adjustments).toEqual({});
  });

  it('offers the scenario as an override of the days that it changes', async () => {
    answer();
    open(MUCH_MORE);
    expect(await screen.findByRole('link', { name: 'Use as an override' })).toHaveAttribute(
      'href',
      '/plan?node=store%3A1&from=2024-07-02&to=2024-07-02&op=multiply&value=1.15',
    );
  });
});

describe('several scenarios', () => {
  it('stand side by side', async () => {
    answer();
    open(MORE, MUCH_MORE);
    const caption = await screen.findByText('Scenarios side by side');
    await waitFor(() => expect(caption.closest('table')).toHaveTextContent('+90'));
    const rows = [...(caption.closest('table') as HTMLTableElement).rows].slice(1);
    expect(rows.map((row) => row.textContent)).toEqual([
      'More+20+2%1,0001,020',
      'Much more+90+9%1,0001,090',
    ]);
  });

  it('are copied, renamed and removed', async () => {
    answer();
    open(MORE);
    await userEvent.click(await screen.findByRole('button', { name: 'Duplicate' }));
    expect(screen.getByRole('radio', { name: 'More (copy)' })).toBeChecked();
    fireEvent.change(screen.getByLabelText('Name of this scenario'), {
      target: { value: 'Other' },
    });
    await waitFor(() => expect(scenariosInAddress()).toEqual([MORE, { ...MORE, name: 'Other' }]));
    await userEvent.click(screen.getByRole('button', { name: 'Remove' }));
    await waitFor(() => expect(scenariosInAddress()).toEqual([MORE]));
  });

  it('are four at most', async () => {
    answer();
    open(MORE, MORE, MORE, MUCH_MORE);
    expect(await screen.findByRole('button', { name: 'New' })).toBeDisabled();
    expect(screen.getByRole('button', { name: 'Duplicate' })).toBeDisabled();
  });

  it('in a broken link are said to be, and an empty one is there instead', async () => {
    answer();
    renderAt('/what-if?node=store:1&scenarios=%5B%5B"More"', <WhatIfPage />);
    expect(await screen.findByText(/The scenarios in this link cannot be read/)).toBeVisible();
    expect(await screen.findByText(/1,000 units as planned/)).toBeVisible();
  });
});

describe('saved scenarios', () => {
  it('are kept in this browser with their node and days, opened and deleted', async () => {
    answer();
    open(MORE);
    await userEvent.type(await screen.findByLabelText('Save as'), 'July');
    await userEvent.click(screen.getByRole('button', { name: 'Save' }));
    const link = screen.getByRole('link', { name: 'July' });
    const query = new URL((link as HTMLAnchorElement).href).searchParams;
    expect(query.get('node')).toBe('store:1');
    expect(query.get('date')).toBe('2024-07-01');
    expect(readScenarios(query.get('scenarios') ?? '')).toEqual([MORE]);
    await userEvent.click(screen.getByRole('button', { name: 'Delete “July”' }));
    expect(screen.getByText('Nothing is saved yet.')).toBeVisible();
  });

  it('need a name', async () => {
    answer();
    open(MORE);
    await userEvent.click(await screen.findByRole('button', { name: 'Save' }));
    expect(screen.getByLabelText('Save as')).toHaveAccessibleDescription('Give it a name first.');
  });

  it('that something else wrote are left out', async () => {
    answer();
    localStorage.setItem(
      'mlrf.scenarios',
      '[{"name":"July"},7,{"name":"May","query":"node=total"}]',
    );
    open(MORE);
    expect(await screen.findByRole('link', { name: 'May' })).toBeVisible();
    expect(screen.queryByRole('link', { name: 'July' })).not.toBeInTheDocument();
  });
});
