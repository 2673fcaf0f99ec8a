import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { BASIS, callerAnswer, META, problem } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import * as files from '@/ui/save-file';
import Batch from './batch';
import { clearBatch } from './batch-store';
import type { BatchItem } from './check-rows';

interface Body {
  predictions: (BatchItem & { period: string })[];
}

/** An answer whose numbers are easy to find again. */
function forecastOf({ series, node, horizon }: BatchItem) {
  const id =
    node ??
    Object.entries(series ?? {})
      .map((pair) => pair.join(':').replace('_nbr', ''))
      .join('/');
  const numbers = {
    prediction: 1234.56789,
    lower_80: 1100,
    upper_80: 1400,
    intervals: [],
    actual: null,
  };
  return {
    node: id,
    level: 'bottom',
    series: series ?? {},
    date: '2024-07-01',
    horizon,
    forecast: [{ date: '2024-07-01', ...numbers }],
    period: 'horizon',
    periods: [{ first: '2024-07-01', last: '2024-07-30', days: 30, ...numbers }],
    method: 'model',
    ...BASIS,
  };
}

const bodies: Body[] = [];

beforeEach(() => {
  clearBatch();
  bodies.length = 0;
  // a list in jsdom has no height, so that none of its rows would be drawn
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(600);
  server.use(
    http.get('*/meta', () => HttpResponse.json(META)),
    http.get('*/caller', () => HttpResponse.json(callerAnswer())),
    http.post('*/predict/batch', async ({ request }) => {
      const body = (await request.json()) as Body;
      bodies.push(body);
      return HttpResponse.json({ predictions: body.predictions.map(forecastOf) });
    }),
  );
});

function csv(name: string, ...lines: string[]): File {
  return new File([`${lines.join('\n')}\n`], name, { type: 'text/csv' });
}

async function choose(...chosen: File[]) {
  const user = userEvent.setup();
  renderAt('/batch', <Batch />);
  await user.upload(await screen.findByLabelText('Files', { selector: 'input' }), chosen);
  return user;
}

/** Return what is saved while something is done, by name. */
function watchSaved() {
  const saved: { name: string; content: Blob }[] = [];
  vi.spyOn(files, 'saveFile').mockImplementation((name, content) => {
    saved.push({ name, content });
  });
  return async (name: string) => {
    await waitFor(() => expect(saved.map((each) => each.name)).toContain(name));
    const text = await saved.find((each) => each.name === name)?.content.text();
    return text?.replace('\ufeff', '').trimEnd().split('\r\n') ?? [];
  };
}

describe('the page of many series', () => {
  it('forecasts the rows of a file, and gives a file back', async () => {
    const saved = watchSaved();
    const user = await choose(csv('a.csv', 'store_nbr,family,horizon', '1,DAIRY,15', '2,BOOKS,'));
    await user.click(await screen.findByRole('button', { name: 'Forecast 2 rows' }));
    expect(await screen.findByText('2 forecasts are ready to download.')).toBeVisible();
    expect(bodies[0]?.predictions).toEqual([
      { series: { store_nbr: '1', family: 'DAIRY' }, horizon: 15, period: 'horizon' },
      { series: { store_nbr: '2', family: 'BOOKS' }, horizon: 28, period: 'horizon' },
    ]);
    expect(await screen.findByRole('link', { name: 'Store 1 · DAIRY' })).toBeVisible();
    expect(screen.getAllByText('1,235')).toHaveLength(2);
    await user.click(screen.getByRole('button', { name: 'Download the sums' }));
    const [header, first] = await saved('forecasts-sums.csv');
    expect(header).toMatch(/^file,line,store_nbr,family,node,level,first,last,prediction,lower_80/);
    expect(first).toMatch(
      /^a\.csv,2,1,DAIRY,store:1\/family:DAIRY,bottom,2024-07-01,2024-07-30,1234\.568,1100/,
    );
    await user.click(screen.getByRole('button', { name: 'Download every day' }));
    const days = await saved('forecasts-days.csv');
    expect(days[1]).toMatch(/^a\.csv,2,1,DAIRY,store:1\/family:DAIRY,bottom,2024-07-01,1234\.568,/);
  });

  it('offers a template with a row for each way to ask, all of which it can read', async () => {
    const saved = watchSaved();
    const user = userEvent.setup();
    renderAt('/batch', <Batch />);
    await user.click(await screen.findByRole('button', { name: 'Download a template' }));
    const lines = await saved('template.csv');
    expect(lines).toEqual([
      'store_nbr,family,node,date,horizon',
      '1,DAIRY,,,',
      '1,DAIRY,,,7',
      '1,DAIRY,,2024-07-01,14',
      '1,,,,',
      ',DAIRY,,,',
      ',,total,,',
    ]);
    await user.upload(screen.getByLabelText('Files', { selector: 'input' }), [
      csv('template.csv', ...lines),
    ]);
    expect(await screen.findByText('6 rows can be forecast.')).toBeVisible();
  });

  it('shows what is wrong with a row before anything is sent', async () => {
    await choose(csv('a.csv', 'store_nbr,family', '1,DAIRY', '1,DIARY', '77,DAIRY'));
    expect(
      await screen.findByText('1 of 3 rows can be forecast; 2 need a correction.'),
    ).toBeVisible();
    const row = screen.getByRole('row', { name: /DIARY/ });
    expect(row).toHaveTextContent('3familyDIARY');
    expect(row).toHaveTextContent('Did you mean “DAIRY”?');
    expect(bodies).toHaveLength(0);
  });

  it('refuses a file without the columns, and says which', async () => {
    await choose(csv('a.csv', 'family_name,horizon', 'DAIRY,15'));
    expect(await screen.findByText('These columns are missing: store_nbr, family.')).toBeVisible();
    expect(screen.queryByRole('button', { name: /^Forecast/ })).toBeNull();
  });

  it('takes several files, and a table that is pasted', async () => {
    const user = await choose(
      csv('a.csv', 'store_nbr,family', '1,DAIRY'),
      csv('b.csv', 'node', 'total'),
    );
    expect(await screen.findByText('2 rows can be forecast.')).toBeVisible();
    await user.click(screen.getByText('Paste a table instead'));
    await user.click(screen.getByLabelText('Table, with its first line'));
    await user.paste('store_nbr\tfamily\n1\tDAIRY\n2\tDAIRY\n10\tDAIRY');
    await user.click(screen.getByRole('button', { name: 'Read the table' }));
    expect(await screen.findByText('3 rows can be forecast.')).toBeVisible();
    expect(screen.getByText(/separated by tabs/)).toBeVisible();
  });

  it('keeps the problem of a row with it, and gives the rejected rows back', async () => {
    server.use(
      http.post('*/predict/batch', async ({ request }) => {
        const { predictions } = (await request.json()) as Body;
        const refused = {
          code: 'INVALID_NODE',
          detail: 'Never sold there.',
          status: 400,
          errors: [],
        };
        return HttpResponse.json({
          predictions: predictions.map((item, at) => (at === 0 ? refused : forecastOf(item))),
        });
      }),
    );
    const saved = watchSaved();
    const user = await choose(csv('a.csv', 'store_nbr,family', '1,DAIRY', '2,DAIRY', '=1+1,DAIRY'));
    await user.click(await screen.findByRole('button', { name: 'Forecast 2 rows' }));
    expect(
      await screen.findByText('1 forecast is ready to download; 2 rows have none.'),
    ).toBeVisible();
    expect(await screen.findByText('Never sold there.')).toBeVisible();
    await user.click(
      screen.getByRole('button', { name: 'Download the rejected rows with the reasons' }),
    );
    expect(await saved('rejected.csv')).toEqual([
      'file,line,store_nbr,family,reason',
      'a.csv,2,1,DAIRY,Never sold there.',
      "a.csv,4,'=1+1,DAIRY,store_nbr: The data have no such value.",
    ]);
  });

  it('says that it waits when the limit is spent', async () => {
    server.use(
      http.post('*/predict/batch', () =>
        problem(429, 'RATE_LIMITED', 'Too many.', { headers: { 'retry-after': '30' } }),
      ),
    );
    const user = await choose(csv('a.csv', 'store_nbr,family', '1,DAIRY'));
    await user.click(await screen.findByRole('button', { name: 'Forecast 1 row' }));
    expect(await screen.findByText(/it goes on in (30|29) seconds/)).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Stop' }));
    expect(await screen.findByText('Stopped. What was answered is kept.')).toBeVisible();
  });

  it('goes on after a failure', async () => {
    let failures = 1;
    server.use(
      http.post('*/predict/batch', () =>
        failures-- > 0 ? problem(503, 'MODEL_UNAVAILABLE', 'No model yet.') : undefined,
      ),
    );
    const user = await choose(csv('a.csv', 'store_nbr,family', '1,DAIRY'));
    await user.click(await screen.findByRole('button', { name: 'Forecast 1 row' }));
    expect(await screen.findByText('No model yet.')).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Go on' }));
    expect(await screen.findByText('1 forecast is ready to download.')).toBeVisible();
  });

  it('says which permission a caller lacks', async () => {
    server.use(
      http.get('*/caller', () => HttpResponse.json(callerAnswer({ scopes: ['forecast'] }))),
    );
    renderAt('/batch', <Batch />);
    expect(await screen.findByText('Your key does not allow this')).toBeVisible();
    expect(screen.getByText('batch')).toBeVisible();
  });
});
