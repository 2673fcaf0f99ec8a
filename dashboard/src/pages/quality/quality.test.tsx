import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Schemas } from '@/api/client';
import type { Accuracy } from '@/api/queries';
import { BASIS, healthAnswer, metaAnswer } from '@/test/answers';
import { openTable, renderAt } from '@/test/render';
import { server } from '@/test/server';
import type { Cell } from './level-accuracy';
import QualityPage from './quality';

function cell(level: string, days: string, changes: Partial<Cell> = {}): Cell {
  return {
    level,
    days,
    rmsle: 0.1,
    wape: 0.08,
    bias: -0.02,
    coverage: { '80%': 0.81, '95%': 0.94 },
    baselines: { seasonal_naive: 0.14, weekday_mean: 0.12 },
    ...changes,
  };
}

function accuracyAnswer(levels: Cell[], changes: Partial<Accuracy> = {}): Accuracy {
  return {
    source: 'calibration',
    groups: [{ group: 'calibration', windows: 40, rmsle: null, wrmsse: null, levels }],
    live: null,
    model_version: BASIS.model_version,
    ...changes,
  };
}

const LEVELS = [
  cell('total', '1-7', { wape: 0.06, coverage: { '80%': 0.72, '95%': 0.9 } }),
  cell('total', '8-16', { coverage: { '80%': 0.75, '95%': 0.93 } }),
  cell('store', '1-7'),
  cell('store', '8-16', { coverage: { '80%': 0.87, '95%': 0.97 } }),
];

function answer(accuracy: Accuracy): void {
  server.use(http.get('*/accuracy', () => HttpResponse.json(accuracy)));
}

function seriesAnswer(level: string, order: string, inSample: boolean) {
  const entry = { level, days: 28, rmsle: 0.2, baselines: { seasonal_naive: 0.5 } };
  return {
    date: '2024-06-03',
    horizon: 28,
    origin: '2024-06-02',
    level,
    order: order as Schemas['Order'],
    nodes: 4,
    series: [
      {
        ...entry,
        node: 'store:1/family:BOOKS',
        units_sold: 50,
        units_forecast: 65,
        units_wrong: 20,
        wape: 0.4,
        bias: 0.3,
      },
      {
        ...entry,
        node: 'store:2/family:BOOKS',
        units_sold: 0,
        units_forecast: 1,
        units_wrong: 1,
        wape: null,
        bias: null,
        baselines: { seasonal_naive: null },
      },
    ],
    in_sample: inSample,
    model_version: BASIS.model_version,
    model_trained_through: BASIS.model_trained_through,
    snapshot: BASIS.snapshot,
    degraded: false,
  } satisfies Schemas['NodeAccuracyAnswer'];
}

let asked: string[];

beforeEach(() => {
  asked = [];
  answer(accuracyAnswer(LEVELS));
  server.use(
    http.get('*/meta', () => HttpResponse.json(metaAnswer())),
    http.get('*/health', () => HttpResponse.json(healthAnswer())),
    http.get('*/accuracy/series', ({ request }) => {
      const query = new URL(request.url).searchParams;
      asked.push(query.toString());
      const [level, order] = [query.get('level') ?? '', query.get('order') ?? ''];
      return HttpResponse.json(seriesAnswer(level, order, true));
    }),
  );
});

function cellsOf(row: HTMLElement | null): (string | null)[] {
  return [...(row?.querySelectorAll('td') ?? [])].map((each) => each.textContent);
}

describe('accuracy', () => {
  it('says in words how far off forecasts of the first level were, and a simple rule', async () => {
    renderAt('/quality', <QualityPage />);
    expect(await screen.findByText(/^Store: 1–7 days ahead/)).toHaveTextContent(
      'forecasts were 8% off on average; the same weekday of the last known week would have been 14% off',
    );
  });

  it('draws a chart for each level, with all figures in a table', async () => {
    renderAt('/quality', <QualityPage />);
    await openTable();
    const table = await screen.findByRole('table', { name: /Errors by level/, hidden: true });
    expect(screen.getAllByRole('figure')).toHaveLength(2);
    const row = [...table.querySelectorAll('tr')].find((each) =>
      each.textContent?.startsWith('Total, 1–7'),
    );
    expect(cellsOf(row ?? null)).toEqual(['6%', '14%', '12%', '-2%', '0.1']);
  });

  it('judges intervals by what they promise, and names the furthest', async () => {
    renderAt('/quality', <QualityPage />);
    expect(await screen.findByText(/2 of 4 hold/)).toHaveTextContent(
      'those of Total, 1–7 days ahead: 72% of the sales were within',
    );
    const table = screen.getByRole('table', { name: /within 80 % intervals/ });
    const [, total, store] = table.querySelectorAll('tr');
    expect(cellsOf(total as HTMLElement)).toEqual(['too narrow 72%', '75%']);
    expect(cellsOf(store as HTMLElement)).toEqual(['81%', 'too wide 87%']);
  });

  it('judges another interval when it is chosen', async () => {
    renderAt('/quality', <QualityPage />);
    await userEvent.click(await screen.findByLabelText('95 %'));
    expect(screen.getByText(/^Yes: at every level/)).toBeInTheDocument();
    expect(window.location.search).toBe('?interval=95%25');
  });

  it('shows what the check of the model found', async () => {
    const warning = '80 % intervals of the level total held 72% of the sales, 1-7 days ahead.';
    server.use(http.get('*/health', () => HttpResponse.json(healthAnswer({ quality: [warning] }))));
    renderAt('/quality', <QualityPage />);
    expect(await screen.findByText(warning)).toBeInTheDocument();
  });

  it('compares with no rule where none was measured, as in a backtest of several periods', async () => {
    const levels = LEVELS.map((each) => ({ ...each, baselines: {} }));
    const group = { windows: 4, rmsle: 0.3, wrmsse: 0.6 };
    answer(
      accuracyAnswer([], {
        source: 'backtest',
        groups: [
          { ...group, group: 'regular', levels },
          { ...group, group: 'december', levels: levels.map((each) => ({ ...each, wape: 0.2 })) },
        ],
      }),
    );
    renderAt('/quality', <QualityPage />);
    expect(await screen.findByText(/trained anew before each of 4 past periods/)).toBeVisible();
    expect(
      screen.getByText('Store: 1–7 days ahead, forecasts were 8% off on average.'),
    ).toBeVisible();
    await userEvent.selectOptions(screen.getByLabelText('Period'), 'December');
    expect(
      screen.getByText('Store: 1–7 days ahead, forecasts were 20% off on average.'),
    ).toBeVisible();
  });

  it('speaks of weeks where sales are weekly', async () => {
    server.use(http.get('*/meta', () => HttpResponse.json(metaAnswer({ step: 'week' }))));
    renderAt('/quality', <QualityPage />);
    expect(await screen.findByText(/^Store: 1–7 weeks ahead/)).toBeInTheDocument();
  });

  it('says what to do where nothing was measured', async () => {
    answer(accuracyAnswer([]));
    renderAt('/quality', <QualityPage />);
    expect(await screen.findByText(/No accuracy was measured/)).toBeInTheDocument();
  });

  it('lists the series with most units wrong, each with its forecast as of then', async () => {
    renderAt('/quality', <QualityPage />);
    const link = await screen.findByRole('link', { name: 'Store 1 · BOOKS' });
    expect(link).toHaveAttribute(
      'href',
      '/forecasts?node=store%3A1%2Ffamily%3ABOOKS&asOf=2024-06-02&horizon=28',
    );
    expect(cellsOf(link.closest('tr'))).toEqual(['20', '40%', ' 50%', '+30%', '50', '65']);
    expect(cellsOf(screen.getByText('Store 2 · BOOKS').closest('tr'))[1]).toBe('–');
    expect(screen.getByText(/trained on these days too/)).toBeInTheDocument();
    expect(screen.getByText(/better than the same weekday last week for all/)).toBeVisible();
    expect(asked).toEqual(['level=bottom&order=units&limit=20']);
  });

  it('marks the series for which the rule of last week would have been better', async () => {
    const listed = seriesAnswer('bottom', 'units', true);
    const [first, second] = listed.series;
    const beaten = { ...first, baselines: { seasonal_naive: 0.1 } };
    server.use(
      http.get('*/accuracy/series', () =>
        HttpResponse.json({ ...listed, series: [beaten, second] }),
      ),
    );
    renderAt('/quality', <QualityPage />);
    const link = await screen.findByRole('link', { name: 'Store 1 · BOOKS' });
    expect(cellsOf(link.closest('tr'))[2]).toBe('better 10%');
    expect(screen.getByText(/For 1 of the 2 shown, the same weekday last week/)).toBeVisible();
  });

  it('shows the rest of the list on request', async () => {
    server.use(
      http.get('*/accuracy/series', ({ request }) => {
        const query = new URL(request.url).searchParams;
        asked.push(query.toString());
        const answer = seriesAnswer('bottom', 'units', true);
        const at = Number(query.get('offset') ?? 0);
        const series = answer.series.map((each, index) => ({
          ...each,
          node: `store:${at + index}/family:BOOKS`,
        }));
        return HttpResponse.json({ ...answer, series });
      }),
    );
    renderAt('/quality', <QualityPage />);
    await userEvent.click(await screen.findByRole('button', { name: 'Show more' }));
    expect(await screen.findByRole('link', { name: 'Store 3 · BOOKS' })).toBeVisible();
    expect(asked.at(-1)).toBe('level=bottom&order=units&limit=200&offset=2');
    expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull();
  });

  it('lists another level in another order', async () => {
    renderAt('/quality?level=family', <QualityPage />);
    await userEvent.click(await screen.findByLabelText('Easiest'));
    await waitFor(() => expect(asked.at(-1)).toBe('level=family&order=easy&limit=20'));
    expect(window.location.search).toBe('?level=family&order=easy');
  });

  it('leads to what was said of a node four weeks ago', async () => {
    renderAt('/quality', <QualityPage />);
    expect(await screen.findByRole('link', { name: 'Check Everything' })).toHaveAttribute(
      'href',
      '/forecasts?node=total&asOf=2024-06-02&horizon=28',
    );
  });
});
