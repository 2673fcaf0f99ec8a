import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Schemas } from '@/api/client';
import {
  forecastAnswer,
  hierarchyAnswer,
  historyAnswer,
  metaAnswer,
  problem,
  treeNode,
} from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import ComparePage from './compare';

const UNITS: Record<string, number> = { 'store:1': 200, 'store:2': 100, 'family:BOOKS': 50 };

/** Sums of the earlier sales of every node, by the period that is compared with. */
const EARLIER: Record<string, number | null> = { year: 700, period: 1000 };

const LARGEST = treeNode('total', 350, [
  treeNode('store:2', 100),
  treeNode('store:1', 200),
  treeNode('store:3', 50),
  treeNode('store:4', 40),
]);

/** Answer for the tree that is suggested from, and for each node with its earlier sales. */
function answerTrees(earlier = EARLIER): void {
  server.use(
    http.get('*/hierarchy', ({ request }) => {
      const query = new URL(request.url).searchParams;
      const node = query.get('node');
      if (node === null) return HttpResponse.json(hierarchyAnswer(LARGEST));
      const units = 7 * (UNITS[node] ?? 0);
      const previous = earlier[query.get('previous') ?? 'period'] ?? null;
      const trend = previous && units / previous - 1;
      return HttpResponse.json(hierarchyAnswer({ ...treeNode(node, units), previous, trend }));
    }),
  );
}

beforeEach(() => {
  server.use(
    http.get('*/meta', () => HttpResponse.json(metaAnswer())),
    http.post('*/forecast', async ({ request }) => {
      const body = (await request.json()) as Schemas['ForecastRequest'];
      const units = UNITS[body.node as string];
      return units === undefined
        ? problem(404, 'INVALID_NODE', `There is no node ${body.node}.`)
        : HttpResponse.json(forecastAnswer(body, units));
    }),
    http.post('*/historical', async ({ request }) => {
      const body = (await request.json()) as Schemas['HistoricalRequest'];
      return HttpResponse.json(historyAnswer(body, () => 100));
    }),
  );
  answerTrees();
});

/** Return the row of a node; a search by role is slow in tables as long as those of charts. */
async function rowOf(node: string): Promise<HTMLElement> {
  const link = await screen.findByText(node, { selector: 'a' });
  return link.closest('tr') as HTMLElement;
}

function cellsOf(row: HTMLElement): (string | null)[] {
  return [...row.querySelectorAll('td')].map((each) => each.textContent);
}

async function clickOn(label: string): Promise<void> {
  await userEvent.click(await screen.findByLabelText(label));
}

describe('comparison of nodes', () => {
  it('shows sums, intervals and the change against the year before', async () => {
    renderAt('/compare?nodes=store:1|store:2&horizon=7', <ComparePage />);
    await screen.findByText(/Store 1 sells the most, 1,400 units/);
    expect(screen.getByText(/Against the same weekdays 52 weeks earlier/)).toBeVisible();
    expect(cellsOf(await rowOf('Store 1'))).toEqual([
      '1,400',
      '+100%',
      '+700',
      '700',
      '1,260 – 1,540',
    ]);
  });

  it('compares with the week before where that is chosen', async () => {
    renderAt('/compare?nodes=store:1|store:2&horizon=7', <ComparePage />);
    await clickOn('1 week before');
    await screen.findByText(/Against the same weekdays 1 week earlier/);
    expect(cellsOf(await rowOf('Store 1')).slice(1, 4)).toEqual(['+40%', '+400', '1,000']);
    expect(window.location.search).toContain('against=period');
  });

  it('leaves the change out where a day of the year before is not known', async () => {
    answerTrees({ year: null });
    renderAt('/compare?nodes=store:1|store:2&horizon=7', <ComparePage />);
    await screen.findByText(/Store 1 sells the most/);
    expect(cellsOf(await rowOf('Store 1')).slice(1, 4)).toEqual(['–', '–', '–']);
  });

  it('takes a node out and writes the others to the address', async () => {
    renderAt('/compare?nodes=store:1|store:2|family:BOOKS&horizon=7', <ComparePage />);
    await rowOf('Store 2');
    await clickOn('Remove Store 2');
    expect(new URLSearchParams(window.location.search).get('nodes')).toBe('store:1|family:BOOKS');
    expect(screen.queryByText('Store 2')).not.toBeInTheDocument();
  });

  it('divides each line by its own mean, and leaves out one that sells nothing', async () => {
    server.use(
      http.post('*/forecast', async ({ request }) => {
        const body = (await request.json()) as Schemas['ForecastRequest'];
        const units = body.node === 'family:BOOKS' ? 0 : (UNITS[body.node as string] as number);
        return HttpResponse.json(forecastAnswer(body, units));
      }),
      http.post('*/historical', async ({ request }) => {
        const body = (await request.json()) as Schemas['HistoricalRequest'];
        return HttpResponse.json(
          historyAnswer(body, () => (body.node === 'family:BOOKS' ? 0 : 100)),
        );
      }),
    );
    renderAt('/compare?nodes=store:1|store:2|family:BOOKS&horizon=7', <ComparePage />);
    await clickOn('Shape (own average = 100)');
    await screen.findByText(/BOOKS is left out: it sells nothing/);
    const cursor = screen.getByLabelText(/Look at a day/);
    expect(cursor).toHaveAttribute('aria-valuetext', 'Jul 1, 2024: Store 1 180, Store 2 100');
    expect(window.location.search).toContain('mode=index');
  });

  it('offers the largest nodes of the first level where fewer than two are chosen', async () => {
    renderAt('/compare', <ComparePage />);
    await userEvent.click(
      await screen.findByRole('button', { name: 'Compare Store 1, Store 2, and Store 3' }),
    );
    expect(new URLSearchParams(window.location.search).get('nodes')).toBe(
      'store:1|store:2|store:3',
    );
  });

  it('takes no more than six nodes', async () => {
    const nodes = ['1', '2', '3', '4', '5', '6', '7'].map((each) => `store:${each}`);
    renderAt(`/compare?nodes=${nodes.join('|')}`, <ComparePage />);
    expect(await screen.findByText(/At most 6 can be compared/)).toBeInTheDocument();
    expect(screen.getAllByRole('button', { name: /^Remove/ })).toHaveLength(6);
    expect(screen.queryByRole('combobox')).not.toBeInTheDocument();
  });

  it('shows the problem of a node beside the others', async () => {
    renderAt('/compare?nodes=store:1|store:9&horizon=7', <ComparePage />);
    expect(await screen.findByLabelText('Store 9')).toHaveTextContent('There is no node store:9.');
    expect(await rowOf('Store 1')).toBeInTheDocument();
  });

  it('asks for weeks of weekly sales', async () => {
    const asked: Schemas['HistoricalRequest'][] = [];
    server.use(
      http.get('*/meta', () => HttpResponse.json(metaAnswer({ step: 'week', horizons: [4, 8] }))),
      http.post('*/historical', async ({ request }) => {
        const body = (await request.json()) as Schemas['HistoricalRequest'];
        asked.push(body);
        return HttpResponse.json(historyAnswer(body));
      }),
    );
    renderAt('/compare?nodes=store:1&horizon=4', <ComparePage />);
    await rowOf('Store 1');
    // 26 weeks before the first week ahead, that of 7 July
    expect(asked).toContainEqual(expect.objectContaining({ from: '2024-01-07', to: '2024-06-30' }));
  });
});
