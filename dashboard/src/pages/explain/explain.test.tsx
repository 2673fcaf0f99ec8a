import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import { Route } from 'wouter';
import type { Explanation } from '@/api/queries';
import { BASIS, META, problem } from '@/test/answers';
import { openTable, renderAt } from '@/test/render';
import { server } from '@/test/server';
import ExplainPage from './explain';
import type { Against, FeatureOfForecast, Group } from './steps';

function group(name: Group['name'], ...units: number[]): [Group, FeatureOfForecast[]] {
  const features = units.map(
    (each, at): FeatureOfForecast => ({
      name: `${name}_${at}`,
      label: `${name.charAt(0).toUpperCase()}${name.slice(1)} ${at}`,
      group: name,
      description: `about ${name} ${at}`,
      unit: 'log1p items',
      value: Math.log1p(at + 0.5),
      plain_value: at + 0.5,
      plain_unit: 'items',
      contribution: each / 100,
      factor: 1,
      units: each,
    }),
  );
  const sum = units.reduce((a, b) => a + b, 0);
  const names = features.map((each) => each.name);
  return [{ name, contribution: sum / 100, factor: 1, units: sum, features: names }, features];
}

function explanation(changes: Partial<Explanation> = {}): Explanation {
  const groups = [
    group('level', 300, 120, 60, 20, 9, 3, 2, 1.25),
    group('weekday', 210),
    group('promotion', -40, 8),
    group('store', -0.5),
  ];
  return {
    node: 'store:1/family:DAIRY',
    level: 'bottom',
    date: '2024-07-05',
    horizon: 1,
    prediction: 785,
    space: 'log1p units',
    base_value: 4.5,
    base_units: 90.25,
    groups: groups.map(([each]) => each),
    features: groups.flatMap(([, features]) => features),
    cut: 0,
    reconciliation: 2,
    not_explained: { series: 0, units: 0 },
    explained_share: 1,
    missing: 0,
    method: 'model',
    analogues: [],
    against: null,
    ...BASIS,
    ...changes,
  };
}

const WEEK = { against: '2024-07-01', against_horizon: 7 };
const OF_NODE = '/explain?node=store:1/family:DAIRY';
const OF_AVERAGE = `${OF_NODE}&against=average`;

/** The comparison of a forecast of 785 with one of 740. */
function comparison(changes: Partial<Against> = {}): Against {
  return {
    date: '2024-07-05',
    horizon: 1,
    prediction: 740,
    difference: 45,
    groups: [
      { name: 'promotion', units: 38 },
      { name: 'season', units: 5 },
      { name: 'level', units: 3 },
      { name: 'store', units: 0 },
    ],
    reconciliation: -1,
    not_explained: { series: 0, units: 0 },
    explained_share: 1,
    changed: [{ name: 'promotion_0', value: 1.1, plain_value: 2 }],
    ...changes,
  };
}

/** Answer with a comparison, whatever the request. */
function answerCompared(changes: Partial<Against> = {}, of: Partial<Explanation> = {}): void {
  answer({ date: '2024-07-12', against: comparison(changes), ...of });
}

const requests: unknown[] = [];

function answer(changes: Partial<Explanation> = {}): void {
  server.use(
    http.post('/explain', async ({ request }) => {
      const body = (await request.json()) as Partial<Explanation>;
      requests.push(body);
      const { node, date, horizon } = body;
      const sent = Object.fromEntries(
        Object.entries({ node, date, horizon }).filter(([, value]) => value !== undefined),
      );
      return HttpResponse.json(explanation({ ...sent, ...changes }));
    }),
  );
}

function open(address = `${OF_AVERAGE}&date=2024-07-05`) {
  return renderAt(
    address,
    <>
      <Route path="/explain" component={ExplainPage} />
      <Route path="/explain/:store/:family" component={ExplainPage} />
    </>,
  );
}

function asNumber(text: string | null | undefined): number {
  return Number((text ?? '').replaceAll(/[,+]/g, ''));
}

beforeEach(() => {
  requests.length = 0;
  server.use(http.get('/meta', () => HttpResponse.json(META)));
});

describe('the page of reasons', () => {
  it('names the three strongest reasons with their units, whatever their direction', async () => {
    answer();
    open();
    expect(await screen.findByText(/785 units/)).toHaveTextContent(
      '785 units, where average series would sell 90.3. ' +
        'Strongest reasons: own recent sales +515, Friday +210, and promotions and plans -32.',
    );
  });

  it('has a table whose steps add up from the average to the forecast', async () => {
    answer();
    open();
    await openTable();
    const table = (await screen.findByText('Step')).closest('table') as HTMLTableElement;
    const sums = [...table.rows].slice(1).map((row) => asNumber(row.lastChild?.textContent));
    expect(sums[0]).toBeCloseTo(90.3, 1);
    expect(sums.at(-2)).toBe(785); // the last change ends at the forecast
    expect(sums.at(-1)).toBe(785);
  });

  it('shows making the sums add up as a step, and no step that moves nothing', async () => {
    answer();
    open();
    expect((await screen.findAllByText('So that all sums add up')).length).toBeGreaterThan(0);
    expect(screen.queryByText('No sales below zero')).not.toBeInTheDocument();
    expect(screen.queryByText('Rounding')).not.toBeInTheDocument();
  });

  it.each([
    ['cut', { cut: 1.5 }, 'No sales below zero'],
    [
      'series that are not explained',
      { not_explained: { series: 5, units: 9 } },
      '5 series without reasons',
    ],
    ['a rounding error that is seen', { missing: 0.2 }, 'Rounding'],
  ] as const)('shows %s as a step', async (_, changes, label) => {
    answer(changes);
    open();
    expect((await screen.findAllByText(label)).length).toBeGreaterThan(0);
  });

  it('unfolds a group to its features with what they are and stand for', async () => {
    answer();
    open();
    const toggle = await screen.findByRole('button', { name: 'Promotions and plans' });
    expect(toggle).toHaveAttribute('aria-expanded', 'false');
    await userEvent.click(toggle);
    expect(toggle).toHaveAttribute('aria-expanded', 'true');
    const row = within(toggle.closest('li') as HTMLElement);
    expect(row.getByText('Promotion 0')).toBeVisible();
    expect(row.getByText('about promotion 0')).toBeVisible();
    expect(row.getByText('0.5 items')).toBeVisible();
    expect(row.getByText('-40')).toBeVisible();
  });

  it('adds small features up until they are asked for', async () => {
    answer();
    open();
    const toggle = await screen.findByRole('button', { name: 'Own recent sales' });
    await userEvent.click(toggle);
    const row = within(toggle.closest('li') as HTMLElement);
    expect(row.getByText('2 smaller ones together')).toBeVisible();
    expect(row.getByText('+3.3')).toBeVisible();
    await userEvent.click(row.getByRole('button', { name: 'Show 2 smaller ones' }));
    expect(row.getByText('Level 7')).toBeVisible();
    expect(row.queryByText('2 smaller ones together')).not.toBeInTheDocument();
  });

  it('calls the reason of a holiday by its name', async () => {
    const [of, features] = group('holiday', 30);
    const holiday = {
      ...(features[0] as FeatureOfForecast),
      name: 'holiday',
      value: 'Founders’ Day',
    };
    answer({ groups: [{ ...of, features: ['holiday'] }], features: [holiday] });
    open();
    expect(await screen.findByRole('button', { name: 'Founders’ Day' })).toBeVisible();
  });

  it('moves by a day, and asks for it', async () => {
    answer();
    open();
    await userEvent.click(await screen.findByRole('button', { name: 'Next day' }));
    expect(requests.at(-1)).toMatchObject({ date: '2024-07-06', node: 'store:1/family:DAIRY' });
    expect(window.location.search).toContain('date=2024-07-06');
  });

  it('adds up the days of a period', async () => {
    answer({ space: 'units' });
    open();
    await userEvent.click(await screen.findByRole('radio', { name: '28 days' }));
    expect(requests.at(-1)).toMatchObject({ horizon: 28 });
    expect(window.location.search).toContain('horizon=28');
    expect(await screen.findByRole('button', { name: 'Days of the week' })).toBeVisible();
  });

  it('says when the model was trained on the day', async () => {
    answer({ in_sample: true });
    open();
    expect(await screen.findByText(/trained on days shown here/)).toBeVisible();
  });

  it('says from when on a covariate is unknown', async () => {
    answer();
    open(`${OF_AVERAGE}&date=2024-07-20`);
    expect(await screen.findByText(/Items on promotion is known until .* only/)).toBeVisible();
  });

  it('links the series whose mean the forecast is, and gives no reasons', async () => {
    answer({
      method: 'analogue',
      analogues: ['store:2/family:DAIRY'],
      base_units: 0,
      groups: [],
      features: [],
      reconciliation: 0,
      not_explained: { series: 1, units: 785 },
    });
    open();
    const link = await screen.findByRole('link', { name: 'Store 2 · DAIRY' });
    expect(link).toHaveAttribute(
      'href',
      '/explain?node=store%3A2%2Ffamily%3ADAIRY&date=2024-07-05&horizon=1',
    );
    expect(screen.queryByText(/Strongest reasons/)).not.toBeInTheDocument();
  });

  it.each([
    ['zero_never_sold', /never sold, so its forecast is zero by rule/],
    ['seasonal_naive', /same weekday a week before/],
    ['model_new', /reasons rest on few days/],
  ] as const)('says what the method %s means', async (method, words) => {
    answer({ method });
    open();
    expect(await screen.findByText(words)).toBeVisible();
  });

  it('leads on to the forecast and the what-if of the same node and day', async () => {
    answer();
    open();
    const query = '?node=store%3A1%2Ffamily%3ADAIRY&date=2024-07-05&horizon=1';
    expect(await screen.findByRole('link', { name: 'See the forecast' })).toHaveAttribute(
      'href',
      '/forecasts?node=store%3A1%2Ffamily%3ADAIRY&date=2024-07-01&horizon=7', // the week around
    );
    expect(screen.getByRole('link', { name: 'Try a change' })).toHaveAttribute(
      'href',
      `/what-if${query}`,
    );
  });

  it('shows the refusal of a day that cannot be forecast', async () => {
    const detail = 'A forecast of one day may begin from 2021-02-26 to 2024-09-28.';
    server.use(http.post('/explain', () => problem(400, 'INVALID_DATE', detail)));
    open();
    expect(await screen.findByRole('alert')).toHaveTextContent(detail);
  });
});

describe('a forecast compared with another', () => {
  it.each([
    ['a week before', '2024-07-12', 1, { against: '2024-07-05', against_horizon: 1 }],
    ['the mean of the week, as no week before is ahead', '2024-07-05', 1, WEEK],
    ['the period before', '2024-07-08', 7, { against: '2024-07-01', against_horizon: 7 }],
    ['the period after', '2024-07-01', 7, { against: '2024-07-08', against_horizon: 7 }],
  ] as const)('is compared with %s at first', async (_, date, horizon, expected) => {
    answer();
    open(`${OF_NODE}&date=${date}&horizon=${horizon}`);
    await screen.findByRole('button', { name: /Own recent sales/ });
    expect(requests.at(-1)).toMatchObject({ date, horizon, ...expected });
  });

  it('says in words how much more it is, and mostly why', async () => {
    answerCompared();
    open(`${OF_NODE}&date=2024-07-12`);
    expect(
      await screen.findByText(/785 units expected, 45 more than a week before/),
    ).toHaveTextContent(/\(Fri,? (5 Jul|Jul 5)\)\. Mostly: promotions and plans \(\+38\)\.$/);
  });

  it.each([
    ['fewer', { prediction: 885, difference: -100 }, /100 fewer than a week before/],
    ['about as many', { prediction: 780, difference: 5 }, /about as many \(\+5\) as a week before/],
  ])('says when it is %s', async (_, changes, words) => {
    answerCompared(changes);
    open(`${OF_NODE}&date=2024-07-12`);
    expect(await screen.findByText(words)).toBeVisible();
  });

  it('says apart what moves it the other way', async () => {
    answerCompared({ prediction: 885, difference: -100 });
    open(`${OF_NODE}&date=2024-07-12`);
    const lead = await screen.findByText(/100 fewer than a week before/);
    expect(lead).toHaveTextContent('In the other direction: promotions and plans (+38).');
    expect(lead).not.toHaveTextContent('Mostly');
  });

  it('has a table whose steps add up from the reference to the forecast', async () => {
    answerCompared();
    open(`${OF_NODE}&date=2024-07-12`);
    await openTable();
    const table = (await screen.findByText('Step')).closest('table') as HTMLTableElement;
    const sums = [...table.rows].slice(1).map((row) => row.lastChild?.textContent);
    expect(sums).toEqual(['740', '778', '', '783', '786', '785', '785']);
    expect(within(table).getByText('So that all sums add up')).toBeInTheDocument();
    expect(within(table).queryByText('What and where it is')).not.toBeInTheDocument();
  });

  it('unfolds a reason to what differs, with the values of both days', async () => {
    answerCompared();
    open(`${OF_NODE}&date=2024-07-12`);
    const toggle = await screen.findByRole('button', { name: 'Promotions and plans' });
    await userEvent.click(toggle);
    const row = within(toggle.closest('li') as HTMLElement);
    expect(row.getByText('Promotion 0')).toBeVisible();
    expect(row.getByText('2 items → 0.5 items')).toBeVisible();
    expect(row.queryByText('Promotion 1')).not.toBeInTheDocument();
  });

  it('offers what is forecast from the same sales, and keeps the choice in the address', async () => {
    answer();
    open(`${OF_NODE}&date=2024-07-05`);
    const select = await screen.findByLabelText('Compared with');
    const offered = within(select)
      .getAllByRole('option')
      .map((each) => each.textContent);
    expect(offered).toEqual([
      expect.stringMatching(/^The day before \(Thu/),
      expect.stringMatching(/^The mean of /),
      expect.stringMatching(/^A week after \(Fri/),
      'The average of all series',
    ]);
    await userEvent.selectOptions(select, 'after');
    expect(requests.at(-1)).toMatchObject({ against: '2024-07-12', against_horizon: 1 });
    expect(window.location.search).toContain('against=after');
    await userEvent.selectOptions(select, 'average');
    expect(requests.at(-1)).not.toHaveProperty('against');
  });

  it('says how much of the difference the reasons cover', async () => {
    answerCompared({ explained_share: 0.9, not_explained: { series: 5, units: 4 } });
    open(`${OF_NODE}&date=2024-07-12`);
    expect(await screen.findByText(/reasons cover 90% of what differs/)).toBeVisible();
    expect(screen.getAllByText('5 series without reasons').length).toBeGreaterThan(0);
  });
});

describe('an address that names a store and a family', () => {
  it('becomes that of the node that the API names', async () => {
    answer({ node: 'store:1/family:BREAD/BAKERY' });
    open('/explain/1/BREAD%2FBAKERY?date=2024-07-05');
    expect(await screen.findByRole('heading', { level: 1 })).toBeVisible();
    expect(await screen.findByRole('button', { name: 'Friday' })).toBeVisible();
    expect(requests[0]).toEqual({
      store_nbr: 1,
      family: 'BREAD/BAKERY',
      date: '2024-07-05',
      horizon: 1,
    });
    expect(window.location.pathname).toBe('/explain');
    expect(new URLSearchParams(window.location.search).get('node')).toBe(
      'store:1/family:BREAD/BAKERY',
    );
  });

  it('shows the refusal of a family that there is not', async () => {
    const detail = "There is no family 'DAIRI'. Did you mean 'DAIRY'?";
    server.use(http.post('/explain', () => problem(400, 'INVALID_FAMILY', detail)));
    open('/explain/1/DAIRI');
    expect(await screen.findByRole('alert')).toHaveTextContent(detail);
  });
});
