import { cleanup, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { TreeNode } from '@/api/queries';
import { hierarchyAnswer, metaAnswer, problem, treeNode } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import TreePage from './tree';

const STORES = [treeNode('store:1', 100), treeNode('store:2', 300)];
const FAMILIES = [treeNode('store:2/family:BOOKS', 60), treeNode('store:2/family:DAIRY', 240)];
const TREES: Record<string, TreeNode> = {
  total: { ...treeNode('total', 400, STORES), previous: 380, trend: 400 / 380 - 1 },
  'store:1': treeNode('store:1', 100, [treeNode('store:1/family:DAIRY', 100)]),
  'store:2': treeNode('store:2', 300, FAMILIES),
};

let asked: string[];

function answer(trees: Record<string, TreeNode>): void {
  server.use(
    http.get('*/hierarchy', ({ request }) => {
      const query = new URL(request.url).searchParams;
      asked.push(query.toString());
      const tree = trees[query.get('node') ?? 'total'];
      return tree
        ? HttpResponse.json(hierarchyAnswer(tree, { by: query.get('by') ?? 'store' }))
        : problem(404, 'INVALID_NODE', 'There is no such node.');
    }),
  );
}

/** Texts of the rows that are in the page, cell by cell. */
function rows(): string[][] {
  return screen
    .getAllByRole('row')
    .slice(1)
    .map((row) => [...row.children].map((cell) => cell.textContent ?? ''));
}

const names = () => rows().map((cells) => cells[0]);
const open = (name: string) => screen.findByRole('button', { name, expanded: false });

beforeEach(() => {
  asked = [];
  // jsdom has no layout: the table is as high as 14 rows, and each row as high as the others
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(616);
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(44);
  server.use(http.get('*/meta', () => HttpResponse.json(metaAnswer())));
  answer(TREES);
});

describe('hierarchy', () => {
  it('shows the sum of an opened node, which is its own number', async () => {
    renderAt('/tree', <TreePage />);
    await open('Store 2');
    expect(names()).toEqual(['▾Everything', '▸Store 2', '▸Store 1', 'Sum of 2 = Everything']);
    const sum = rows().at(-1) as string[];
    expect(sum.slice(2, 7)).toEqual(['400', '+5.3%', '+20', '380', '100%']);
    expect(rows()[1]?.slice(2)).toEqual(['300', '+3.4%', '+10', '290', '75%', '270 – 330']);
  });

  it('says so where the parts do not make the whole', async () => {
    answer({ total: treeNode('total', 500, STORES) });
    renderAt('/tree', <TreePage />);
    expect(await screen.findByText(/Sum of 2, which is not that of Everything/)).toBeVisible();
  });

  it('answers in a sentence how much it is, how it changes and where most', async () => {
    renderAt('/tree', <TreePage />);
    expect(await screen.findByText(/: 400 units\. \+5\.3% against/)).toHaveTextContent(
      /against the same weekdays 52 weeks earlier .* Largest change: Store 1, \+10 units/,
    );
  });

  it('compares with as few weeks before as the horizon has, and says so', async () => {
    renderAt('/tree?horizon=30', <TreePage />);
    await userEvent.click(await screen.findByLabelText('5 weeks before'));
    expect(await screen.findByText(/the same weekdays 5 weeks earlier/)).toBeVisible();
    expect(screen.getByRole('columnheader', { name: /Sold 5 weeks earlier/ })).toBeVisible();
    expect(window.location.search).toContain('against=period');
    expect(asked.at(-1)).not.toContain('previous=');
  });

  it('says so where what was sold before is not known', async () => {
    const unknown = { ...treeNode('total', 400, STORES), previous: null, trend: null };
    answer({ total: unknown });
    renderAt('/tree?against=period', <TreePage />);
    expect(await screen.findByText(/What was sold 5 weeks earlier is not known/)).toBeVisible();
  });

  it('loads what is below a node when it is opened', async () => {
    renderAt('/tree?horizon=7', <TreePage />);
    const store = await open('Store 2');
    expect(asked.some((query) => query.includes('store%3A2'))).toBe(false);
    await userEvent.click(store);
    await screen.findByText('Sum of 2 = Store 2');
    expect(names()).toEqual([
      '▾Everything',
      '▾Store 2',
      'DAIRY',
      'BOOKS',
      'Sum of 2 = Store 2',
      '▸Store 1',
      'Sum of 2 = Everything',
    ]);
    const query = new URLSearchParams(asked.find((each) => each.includes('store%3A2')));
    expect(Object.fromEntries(query)).toEqual({
      node: 'store:2',
      by: 'store',
      horizon: '7',
      depth: '1',
      intervals: '80',
      previous: 'year',
    });
  });

  it('opens with the right arrow key and closes with the left', async () => {
    renderAt('/tree', <TreePage />);
    (await open('Store 2')).focus();
    await userEvent.keyboard('{ArrowRight}');
    expect(await screen.findByText('DAIRY')).toBeInTheDocument();
    await userEvent.keyboard('{ArrowLeft}');
    expect(screen.queryByText('DAIRY')).not.toBeInTheDocument();
    expect(await open('Store 2')).toHaveFocus();
  });

  it('sorts by name, forecast or change, and writes the order to the address', async () => {
    renderAt('/tree', <TreePage />);
    await open('Store 2');
    await userEvent.click(screen.getByRole('button', { name: /^What/ }));
    expect(names()).toEqual(['▾Everything', '▸Store 1', '▸Store 2', 'Sum of 2 = Everything']);
    expect(screen.getByRole('columnheader', { name: /^What/ })).toHaveAttribute(
      'aria-sort',
      'ascending',
    );
    expect(window.location.search).toBe('?sort=name');
    await userEvent.click(screen.getByRole('button', { name: /^Change vs/ }));
    expect(names()[1]).toBe('▸Store 1'); // 10 more than 90, against 10 more than 290
  });

  it('puts first what grows or falls most by units', async () => {
    const fallen = { ...treeNode('store:3', 50), previous: 100, trend: -0.5 };
    answer({ total: treeNode('total', 450, [...STORES, fallen]) });
    renderAt('/tree?sort=units', <TreePage />);
    await open('Store 3');
    expect(names()[1]).toBe('▸Store 3');
    await userEvent.selectOptions(screen.getByLabelText('Order'), 'Grows most, in units');
    expect(names()[3]).toBe('▸Store 3');
    expect(window.location.search).toBe('?sort=-units');
  });

  it('writes what is opened to the address, and opens it again from there', async () => {
    renderAt('/tree', <TreePage />);
    await userEvent.click(await open('Store 2'));
    expect(new URLSearchParams(window.location.search).get('open')).toBe('store:2');
    cleanup();
    renderAt(`/tree${window.location.search}`, <TreePage />);
    expect(await screen.findByText('DAIRY')).toBeInTheDocument();
  });

  it('keeps what matches a search, and sums all of it', async () => {
    renderAt('/tree?find=store+1', <TreePage />);
    await open('Store 1');
    expect(names()).toEqual(['▾Everything', '▸Store 1', 'Sum of 2 = Everything (1 shown)']);
    expect(rows().at(-1)?.[2]).toBe('400');
  });

  it('puts only the rows that are seen into the page', async () => {
    const many = Array.from({ length: 3000 }, (_, at) => treeNode(`store:${at}`, 1));
    answer({ total: treeNode('total', 3000, many) });
    renderAt('/tree', <TreePage />);
    const table = await screen.findByRole('table');
    await waitFor(() => expect(within(table).getAllByRole('row').length).toBeGreaterThan(5));
    expect(within(table).getAllByRole('row').length).toBeLessThan(60);
    expect(table).toHaveAttribute('aria-rowcount', '3003');
  });

  it('leaves intervals out where a list is long', async () => {
    const meta = metaAnswer();
    server.use(
      http.get('*/meta', () =>
        HttpResponse.json({ ...meta, levels: { ...meta.levels, store: 2000 } }),
      ),
    );
    renderAt('/tree', <TreePage />);
    await open('Store 2');
    expect(asked.every((query) => !query.includes('intervals'))).toBe(true);
  });

  it('divides by another level, and begins with the total where the root is not on that way', async () => {
    renderAt('/tree?node=store:2&open=store:1', <TreePage />);
    await screen.findByText('DAIRY');
    await userEvent.selectOptions(screen.getByLabelText('Divided by'), 'Family');
    await waitFor(() => expect(asked.at(-1)).toContain('by=family'));
    expect(Object.fromEntries(new URLSearchParams(window.location.search))).toEqual({
      node: 'total',
      by: 'family',
    });
  });

  it('leads to the forecast of a row', async () => {
    renderAt('/tree?date=2024-07-03&horizon=7', <TreePage />);
    const link = await screen.findByRole('link', { name: 'Forecast of Store 2' });
    expect(link).toHaveAttribute('href', '/forecasts?node=store%3A2&date=2024-07-03&horizon=7');
  });

  it('shows the problem of a root that does not exist', async () => {
    renderAt('/tree?node=store:99', <TreePage />);
    expect(await screen.findByText('There is no such node.')).toBeInTheDocument();
  });

  it('shows the problem of a node that cannot be opened in its place', async () => {
    answer({ total: TREES.total as TreeNode });
    renderAt('/tree', <TreePage />);
    await userEvent.click(await open('Store 2'));
    expect(await screen.findByText('There is no such node.')).toBeInTheDocument();
    expect(screen.getByText('Sum of 2 = Everything')).toBeInTheDocument();
  });
});
