import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ExceptionEntry, Exceptions } from '@/api/queries';
import { FORECAST_API, healthAnswer, META, problem, REQUEST_ID } from '@/test/answers';
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
  test('says what will sell, how that compares, and how new the data are', async () => {
    renderAt('/', <Overview />);
    expect(
      await screen.findByText(
        /^2,800 units will sell .* 11\.1% more than in the year before\. Sales are known to Jun 30, 2024\.$/,
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
    expect(await screen.findByText(/2,800 units will sell/)).toBeVisible();
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
