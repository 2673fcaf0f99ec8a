import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Schemas } from '@/api/client';
import type { ExceptionEntry, Exceptions } from '@/api/queries';
import {
  FORECAST_API,
  forecastAnswer,
  healthAnswer,
  META,
  problem,
  REQUEST_ID,
  yearBeforeAnswer,
} from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import { linkOf } from './exception-item';
import Overview from './overview';

const DAIRY: ExceptionEntry = {
  kind: 'last-year',
  node: 'store:1/family:DAIRY',
  level: 'bottom',
  first: '2024-07-01',
  last: '2024-07-28',
  forecast: 1500,
  reference: 1200,
  change: 0.25,
  units: 300,
  comparable: { forecast: 1500, reference: 1200, units: 300, change: 0.25 },
  in_sample: false,
  detail: 'The same as a sentence.',
};
const BOOKS: ExceptionEntry = {
  ...DAIRY,
  kind: 'stockout',
  node: 'store:2/family:BOOKS',
  first: '2024-06-25',
  last: '2024-06-30',
  forecast: 60,
  reference: 0,
  change: null,
  comparable: null,
  units: 60,
};

/** Answer with exceptions; return the queries that were asked. */
function playExceptions(changes: Partial<Exceptions> = {}): URLSearchParams[] {
  const queries: URLSearchParams[] = [];
  server.use(
    http.get('*/exceptions', ({ request }) => {
      const query = new URL(request.url).searchParams;
      queries.push(query);
      const kind = query.get('kind');
      const entries = [BOOKS, DAIRY].filter((each) => kind === null || each.kind === kind);
      return HttpResponse.json({
        date: '2024-07-01',
        horizon: 28,
        origin: '2024-06-30',
        exceptions: entries,
        counts: { stockout: 1, 'last-year': 12, recent: 0 },
        not_checked: [],
        model_version: META.model_version,
        snapshot: META.snapshot,
        degraded: false,
        ...changes,
      });
    }),
  );
  return queries;
}

beforeEach(() => {
  server.use(...FORECAST_API);
  playExceptions();
});

describe('the overview', () => {
  test('says what is expected, how that compares, and how new the data are', async () => {
    renderAt('/', <Overview />);
    expect(
      await screen.findByText(
        /^2,800 units are expected .* 11\.1% more than in the year before\. Sales are known to Jun 30, 2024\.$/,
      ),
    ).toBeVisible();
    const week = screen.getByText('Next week').parentElement as HTMLElement;
    await waitFor(() => expect(week).toHaveTextContent('700'));
    expect(week).toHaveTextContent('80 %: 630 – 770');
    expect(screen.getByText('2 days behind')).toBeVisible();
  });

  test('says what impairs the service, and folds what the model warns of', async () => {
    server.use(
      http.get('*/health', () =>
        HttpResponse.json(
          healthAnswer({
            degraded: true,
            reasons: [{ name: 'data', detail: 'The sales are 5 days old.' }],
            quality: ['Intervals held too few sales.'],
          }),
        ),
      ),
    );
    renderAt('/', <Overview />);
    expect(await screen.findByText('The sales are 5 days old.')).toBeVisible();
    const warning = screen.getByText('Intervals held too few sales.');
    expect(warning.closest('details')).not.toHaveAttribute('open');
    await userEvent.click(screen.getByText('1 warning about the model'));
    expect(warning.closest('details')).toHaveAttribute('open');
  });

  test('says what bands held in the past where that is far from what they promise', async () => {
    const cell = { level: 'total', wape: 0.1, bias: 0, rmsle: 0.1, baselines: {} };
    const levels = [
      { ...cell, days: '1-7', coverage: { '80%': 0.718 } },
      { ...cell, days: '8-30', coverage: { '80%': 0.781 } },
      { ...cell, days: '31-60', coverage: { '80%': 0.5 } },
      { ...cell, level: 'store', days: '1-7', coverage: { '80%': 0.6 } },
    ];
    const group = { group: 'calibration', windows: 40, rmsle: null, wrmsse: null, levels };
    server.use(
      http.get('*/accuracy', () =>
        HttpResponse.json({ source: 'calibration', groups: [group], model_version: '7' }),
      ),
    );
    renderAt('/', <Overview />);
    expect(await screen.findByText(/80 % bands held 72% to 78% of the days/)).toBeVisible();
  });

  test('says that saved overrides change these days, with links to them', async () => {
    server.use(
      http.post('*/forecast', async ({ request }) => {
        const body = (await request.json()) as Schemas['ForecastRequest'];
        const answer = forecastAnswer(body);
        if (!body.adjusted) return HttpResponse.json(answer);
        const move = <T extends { prediction: number }>(each: T, by: number) => ({
          ...each,
          statistical: each.prediction,
          prediction: each.prediction + by,
        });
        const forecast = answer.forecast.map((each, at) => move(each, at === 3 ? 50 : 0));
        const periods = answer.periods.map((each) => move(each, 50));
        return HttpResponse.json({ ...answer, forecast, periods });
      }),
    );
    renderAt('/', <Overview />);
    expect(
      await screen.findByText(/With them 2,850 units are expected, \+50 against/),
    ).toBeVisible();
    expect(screen.getByRole('link', { name: 'Show with overrides' })).toHaveAttribute(
      'href',
      '/forecasts?node=total&horizon=28&adjusted=1',
    );
    expect(screen.getByRole('link', { name: 'See the overrides' })).toHaveAttribute(
      'href',
      '/plan?node=total',
    );
  });

  test('says that the data are the demo’s, and not how old these are', async () => {
    server.use(
      http.get('*/health', () =>
        HttpResponse.json(healthAnswer({ demo: true, data_age_days: 881 })),
      ),
    );
    renderAt('/', <Overview />);
    expect(await screen.findByText(/demo’s data/)).toBeVisible();
    await screen.findByText('Sales known to');
    expect(screen.queryByText(/behind/)).toBeNull();
  });
});

describe('what is new since the year before', () => {
  const part = (forecast: number, reference: number) => {
    const units = forecast - reference;
    return { forecast, reference, units, change: reference ? units / reference : null };
  };
  const store = { node: 'store:2', level: 'store', first_sale: '2024-05-02' };
  const changes = {
    whole: part(2800, 2000),
    comparable: part(2200, 2000),
    new: part(600, 0),
    new_share: 0.3,
    new_nodes: [{ ...store, forecast: 600, reference: 0 }],
  };

  function playYear(more: object = {}): void {
    server.use(
      http.get('*/year-before', () =>
        HttpResponse.json(yearBeforeAnswer(28, { ...changes, ...more })),
      ),
    );
  }

  test('is named with its part of the change, and the change without it', async () => {
    playYear();
    renderAt('/', <Overview />);
    expect(
      await screen.findByText(
        /That is 40% more than in the year before\. Store 2 \(new since May 2, 2024\) adds 30 percentage points: like for like it is 10% more\./,
      ),
    ).toBeVisible();
    const stat = screen.getByText('Against the year before').parentElement as HTMLElement;
    expect(stat).toHaveTextContent('+40%Store 2 (new since May 2, 2024): 30 points of it');
    expect(stat).toHaveTextContent('Like for like: +10%');
  });

  test('is counted where it is more than one node', async () => {
    playYear({
      new_nodes: [store, { ...store, node: 'store:10' }, { ...store, node: 'store:1' }],
    });
    renderAt('/', <Overview />);
    expect(
      await screen.findByText(/What is new since then \(Store 2 and 2 others\) adds 30/),
    ).toBeVisible();
  });

  test('is not spoken of where it is nearly nothing', async () => {
    playYear({ new_share: 0.004 });
    renderAt('/', <Overview />);
    expect(await screen.findByText(/40% more than in the year before\. Sales/)).toBeVisible();
  });

  test('stands in the line of an exception', async () => {
    playExceptions({
      exceptions: [{ ...DAIRY, comparable: part(1380, 1200) }],
      counts: { 'last-year': 1 },
    });
    renderAt('/', <Overview />);
    expect(
      await screen.findByText(/Like for like, without what is new since then: \+15%\./),
    ).toBeVisible();
  });
});

describe('exceptions', () => {
  test('are grouped by kind with their counts, units and change', async () => {
    renderAt('/', <Overview />);
    const group = await screen.findByRole('region', { name: 'Unlike last year (12)' });
    const item = within(group).getByRole('listitem');
    expect(item).toHaveTextContent('+300 units +25%');
    expect(item).toHaveTextContent('1,500 forecast, 1,200 sold the year before');
    expect(within(item).getByRole('link', { name: 'Store 1 · DAIRY' })).toHaveAttribute(
      'href',
      '/forecasts?node=store%3A1%2Ffamily%3ADAIRY&horizon=28',
    );
    const stopped = screen.getByRole('region', { name: 'Stopped selling (1)' });
    expect(stopped).toHaveTextContent('+60 units');
    expect(stopped).not.toHaveTextContent('%');
    expect(screen.queryByRole('region', { name: /Unlike the last weeks/ })).toBeNull();
  });

  test('of one kind are asked for and kept in the address', async () => {
    const queries = playExceptions();
    renderAt('/?horizon=14', <Overview />);
    await userEvent.click(await screen.findByRole('button', { name: 'Show all 12' }));
    await waitFor(() => expect(queries.at(-1)?.get('kind')).toBe('last-year'));
    expect(queries.at(-1)?.get('horizon')).toBe('14');
    expect(window.location.search).toBe('?horizon=14&kind=last-year');
    await waitFor(() => expect(screen.queryByRole('region', { name: /Stopped/ })).toBeNull());
    await userEvent.selectOptions(screen.getByLabelText('Level'), 'store');
    await waitFor(() => expect(queries.at(-1)?.get('level')).toBe('store'));
  });

  test('that there are none is said, with what could not be looked for', async () => {
    playExceptions({
      exceptions: [],
      counts: { stockout: 0 },
      not_checked: [{ kind: 'last-year', detail: 'The data have 90 days of sales.' }],
    });
    renderAt('/', <Overview />);
    expect(await screen.findByText(/^Nothing stands out/)).toBeVisible();
    await userEvent.click(screen.getByText('1 kind could not be looked for'));
    expect(screen.getByText('The data have 90 days of sales.')).toBeVisible();
  });

  test('that cannot be had leave the rest of the page as it is', async () => {
    server.use(http.get('*/exceptions', () => problem(403, 'FORBIDDEN', 'No.')));
    renderAt('/', <Overview />);
    expect(await screen.findByText(REQUEST_ID)).toBeVisible();
    expect(await screen.findByText(/^2,800 units are expected/)).toBeVisible();
  });

  test.each([
    ['last-year', '/forecasts?node=total&horizon=28'],
    ['promotion', '/explain?node=total&horizon=28'],
    ['outside-band', '/forecasts?node=total&horizon=28&asOf=2024-06-30'],
    ['stockout', '/forecasts?node=total'],
  ] as const)('of kind %s lead to the page that says most', (kind, address) => {
    expect(linkOf(META, { ...DAIRY, node: 'total', kind })).toBe(address);
  });

  test('of weekly sales lead to as many weeks', () => {
    const weekly = { ...DAIRY, node: 'total', last: '2024-07-22' };
    expect(linkOf({ step: 'week' }, weekly)).toBe('/forecasts?node=total&horizon=4');
  });
});
