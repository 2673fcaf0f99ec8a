import { fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Schemas } from '@/api/client';
import {
  FORECAST_API,
  forecastAnswer,
  historyAnswer,
  problem,
  REQUEST_ID,
  yearBeforeAnswer,
} from '@/test/answers';
import { openTable, renderAt } from '@/test/render';
import { server } from '@/test/server';
import * as files from '@/ui/save-file';
import ForecastPage from './forecast';

type ForecastBody = Schemas['ForecastRequest'] & { adjusted?: boolean };

/** Record the requests of forecasts, and answer them. */
function recordForecasts(
  answer: (body: ForecastBody) => object = (body) => forecastAnswer(body),
): ForecastBody[] {
  const bodies: ForecastBody[] = [];
  server.use(
    http.post('*/forecast', async ({ request }) => {
      const body = (await request.json()) as ForecastBody;
      bodies.push(body);
      return HttpResponse.json(answer(body));
    }),
  );
  return bodies;
}

/** Answer as an API that knows overrides: 10 units more a day where they are applied. */
function adjustable(body: ForecastBody): object {
  const answer = forecastAnswer(body);
  const adjusted = body.adjusted ?? false;
  const adjust = <T extends { prediction: number }>(each: T, by: number) =>
    adjusted ? { ...each, prediction: each.prediction + by, statistical: each.prediction } : each;
  return {
    ...answer,
    adjusted,
    forecast: answer.forecast.map((each) => adjust(each, 10)),
    periods: answer.periods.map((each) => adjust(each, 10 * each.days)),
  };
}

function statOf(name: string): HTMLElement {
  return screen.getByText(name, { selector: 'dt' }).parentElement as HTMLElement;
}

beforeEach(() => server.use(...FORECAST_API));

describe('a forecast', () => {
  test('says its sum with an interval, and how it compares with the past', async () => {
    renderAt('/forecasts?horizon=15', <ForecastPage />);
    expect(
      await screen.findByText(
        /: 1,500 units are expected; the 80 % band goes from 1,350 to 1,650\.$/,
        {
          selector: 'p',
        },
      ),
    ).toBeVisible();
    await screen.findByText('All 15 days');
    expect(statOf('All 15 days')).toHaveTextContent('95 %: 1,200 – 1,800');
    await waitFor(() => expect(statOf('Against the year before')).toHaveTextContent('+11.1%'));
    expect(statOf('Against the year before')).toHaveTextContent('1,350 sold');
    const weeks = 'Against the same weekdays, 3 weeks earlier';
    expect(await screen.findByText(weeks)).toBeVisible();
    expect(statOf(weeks)).toHaveTextContent('+25%');
  });

  test('has no change to a year whose sales are not known', async () => {
    server.use(
      http.get('*/year-before', () =>
        HttpResponse.json(
          yearBeforeAnswer(30, { whole: null, comparable: null, new: null, new_share: null }),
        ),
      ),
    );
    renderAt('/forecasts', <ForecastPage />);
    await screen.findByText('Against the year before');
    expect(statOf('Against the year before')).toHaveTextContent(
      '–Sales of that time are not known',
    );
  });

  test('leads to the reasons, the what-if and the overrides of the same node and days', async () => {
    renderAt('/forecasts?node=store:1&horizon=7&date=2024-07-05', <ForecastPage />);
    const why = await screen.findByRole('link', { name: 'Why this forecast?' });
    const query = '?node=store%3A1&horizon=7&date=2024-07-05';
    expect(why).toHaveAttribute('href', `/explain${query}`);
    expect(screen.getByRole('link', { name: 'What if…?' })).toHaveAttribute(
      'href',
      `/what-if${query}`,
    );
    expect(screen.getByRole('link', { name: 'Override it' })).toHaveAttribute(
      'href',
      `/plan${query}`,
    );
  });

  test('asks for the first day that is typed, and not for one out of reach', async () => {
    const bodies = recordForecasts();
    renderAt('/forecasts?horizon=7', <ForecastPage />);
    const field = await screen.findByLabelText('First day');
    fireEvent.change(field, { target: { value: '2031-01-01' } });
    expect(screen.getByRole('alert')).toHaveTextContent('Choose a day from');
    fireEvent.change(field, { target: { value: '2024-07-10' } });
    await waitFor(() => expect(bodies.at(-1)?.date).toBe('2024-07-10'));
    expect(bodies.map((body) => body.date)).not.toContain('2031-01-01');
    expect(window.location.search).toContain('date=2024-07-10');
  });

  test('shows the problem of the API with its request id', async () => {
    server.use(
      http.post('*/forecast', () =>
        problem(400, 'INVALID_NODE', '/node: There is no node store:9.'),
      ),
    );
    renderAt('/forecasts?node=store:9', <ForecastPage />);
    const alert = await screen.findByRole('alert');
    expect(alert).toHaveTextContent('There is no node store:9.');
    expect(alert).toHaveTextContent(REQUEST_ID);
  });
});

describe('what the current model would have said earlier', () => {
  test('is compared with what came, in words', async () => {
    const bodies = recordForecasts();
    renderAt('/forecasts?asOf=2024-06-09&horizon=15', <ForecastPage />);
    expect(
      await screen.findByText(
        /^With sales up to Jun 9, 2024, the current model would have said 1,500 for .* Sold: 1,350\. That is 150 too much \(11\.1% of what was sold\)\.$/,
      ),
    ).toBeVisible();
    expect(bodies.at(0)?.date).toBe('2024-06-10');
    await screen.findByText('Typical miss of a day');
    expect(statOf('Typical miss of a day')).toHaveTextContent('10');
    expect(statOf('Within the 80 % interval')).toHaveTextContent('15 of 15');
    expect(screen.queryByText(/trained on days shown here/)).toBeNull();
  });

  test('is compared only on days whose sales are known', async () => {
    renderAt('/forecasts?asOf=2024-06-23&horizon=30', <ForecastPage />);
    expect(await screen.findByText('So far 7 of 30 days can be compared.')).toBeVisible();
    expect(statOf('It would have said')).toHaveTextContent('700');
    expect(statOf('Sold')).toHaveTextContent('630');
  });

  test('is marked where the model was trained on these days', async () => {
    renderAt('/forecasts?asOf=2024-05-05', <ForecastPage />);
    expect(await screen.findByText(/trained on days shown here/)).toBeVisible();
  });

  test('is chosen by week and kept in the address', async () => {
    renderAt('/forecasts?date=2024-07-10', <ForecastPage />);
    const select = await screen.findByLabelText('With sales up to');
    await userEvent.selectOptions(select, 'Jun 16, 2024 (2 weeks ago)');
    expect(
      await screen.findByText(/^With sales up to Jun 16, 2024, the current model would have said/),
    ).toBeVisible();
    expect(window.location.search).toBe('?asOf=2024-06-16');
    await userEvent.selectOptions(select, 'Newest: sales to Jun 30, 2024');
    expect(await screen.findByText(/the 80 % band goes from/, { selector: 'p' })).toBeVisible();
    expect(window.location.search).toBe('');
  });
});

describe('overrides', () => {
  test('are not offered for days that are past', async () => {
    const bodies = recordForecasts();
    renderAt('/forecasts?asOf=2024-06-09&adjusted=1', <ForecastPage />);
    expect(
      await screen.findByText(/^With sales up to Jun 9, 2024, the current model/),
    ).toBeVisible();
    expect(screen.queryByLabelText('With overrides')).toBeNull();
    expect(bodies.map((body) => body.adjusted)).toEqual([false]);
  });

  test('are drawn beside the model’s own forecast', async () => {
    const bodies = recordForecasts(adjustable);
    renderAt('/forecasts?horizon=7', <ForecastPage />);
    await userEvent.click(await screen.findByLabelText('With overrides'));
    await waitFor(() => expect(statOf('All 7 days')).toHaveTextContent('770'));
    expect(bodies.at(-1)?.adjusted).toBe(true);
    expect(window.location.search).toContain('adjusted=1');
    expect(statOf('Without overrides')).toHaveTextContent('700');
    expect(statOf('Without overrides')).toHaveTextContent('80 %: 630 – 770');
    expect(statOf('All 7 days')).toHaveTextContent('+70 by overrides');
    expect(
      screen.getByText(
        /770 units are expected with overrides\. The model alone says 700; its 80 % band goes from 630 to 770/,
        {
          selector: 'p',
        },
      ),
    ).toBeVisible();
    await openTable();
    const row = screen
      .getByText('Jul 1, 2024', { selector: 'th' })
      .closest('tr') as HTMLTableRowElement;
    const cells = [...row.cells].map((cell) => cell.textContent);
    expect(cells.slice(1, 4)).toEqual(['–', '100', '110']);
  });
});

test('overrides that change nothing on these days are not spoken of as if they did', async () => {
  recordForecasts((body) => {
    const answer = forecastAnswer(body);
    const same = <T extends { prediction: number }>(each: T) => ({
      ...each,
      statistical: each.prediction,
    });
    return { ...answer, forecast: answer.forecast.map(same), periods: answer.periods.map(same) };
  });
  renderAt('/forecasts?horizon=7&adjusted=1', <ForecastPage />);
  expect(await screen.findByText(/^There are no overrides on these days/)).toBeVisible();
  expect(screen.queryByText(/expected with overrides/)).toBeNull();
  expect(screen.queryByText('Without overrides')).toBeNull();
  expect(screen.queryByText('With overrides', { selector: 'th' })).toBeNull();
});

test('sales of a node are a gap before it first sold', async () => {
  server.use(
    http.post('*/historical', async ({ request }) => {
      const body = (await request.json()) as Schemas['HistoricalRequest'];
      const answer = historyAnswer(body, () => 0);
      return HttpResponse.json({ ...answer, first_sale: '2024-06-29' });
    }),
  );
  renderAt('/forecasts?horizon=7', <ForecastPage />);
  await openTable();
  await screen.findByText('Jun 29, 2024', { selector: 'th' });
  expect(screen.queryByText('Jun 28, 2024', { selector: 'th' })).toBeNull();
  expect(screen.queryByText('Year before', { selector: 'th' })).toBeNull();
});

describe('a download', () => {
  test('of CSV is the table of the API', async () => {
    const saved = vi.spyOn(files, 'saveFile').mockImplementation(() => undefined);
    server.use(
      http.post('*/forecast', async ({ request }) => {
        const body = (await request.clone().json()) as ForecastBody;
        return request.headers.get('accept') === 'text/csv'
          ? HttpResponse.text(`node,date\n${body.node},${body.date},${body.period ?? ''}`)
          : HttpResponse.json(forecastAnswer(body));
      }),
    );
    renderAt('/forecasts?node=store:1&horizon=7', <ForecastPage />);
    await userEvent.click(await screen.findByText('CSV'));
    await waitFor(() => expect(saved).toHaveBeenCalled());
    const [name, content] = saved.mock.calls[0] as [string, Blob];
    expect(name).toBe('forecast-store-1-2024-07-01.csv');
    expect(await content.text()).toBe('node,date\nstore:1,2024-07-01,');
  });

  test('that the API refuses shows why', async () => {
    server.use(
      http.post('*/forecast', async ({ request }) =>
        request.headers.get('accept') === 'text/csv'
          ? problem(403, 'FORBIDDEN', 'No.')
          : HttpResponse.json(forecastAnswer((await request.json()) as ForecastBody)),
      ),
    );
    renderAt('/forecasts', <ForecastPage />);
    await userEvent.click(await screen.findByText('CSV'));
    expect(await screen.findByText(REQUEST_ID)).toBeInTheDocument();
  });

  test('of Excel is a workbook', async () => {
    const saved = vi.spyOn(files, 'saveFile').mockImplementation(() => undefined);
    renderAt('/forecasts', <ForecastPage />);
    await userEvent.click(await screen.findByText('Excel'));
    await waitFor(() => expect(saved).toHaveBeenCalled(), { timeout: 5000 });
    const [name, content] = saved.mock.calls[0] as [string, Blob];
    expect(name).toMatch(/\.xlsx$/);
    expect(content.size).toBeGreaterThan(1000);
  });
});

test('the address of the page can be copied', async () => {
  const user = userEvent.setup();
  renderAt('/forecasts?node=store:1', <ForecastPage />);
  await user.click(await screen.findByRole('button', { name: 'Copy link' }));
  expect(await screen.findByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await navigator.clipboard.readText()).toContain('/forecasts?node=store:1');
});
