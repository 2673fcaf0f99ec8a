import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { labelOfId } from '@/api/nodes';
import { changeLanguage } from '@/i18n';
import { hierarchyAnswer, META, treeNode } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import { NodePicker, search } from './node-picker';

const BY_STORE = treeNode(
  'total',
  40,
  ['1', '2'].map((store) =>
    treeNode(
      `store:${store}`,
      20,
      ['BREAD', 'DAIRY'].map((family) => treeNode(`store:${store}/family:${family}`, 10)),
    ),
  ),
);
const BY_FAMILY = treeNode('total', 40, [
  treeNode('family:BREAD', 20),
  treeNode('family:DAIRY', 20),
]);

beforeEach(() => {
  server.use(
    http.get('*/meta', () => HttpResponse.json(META)),
    http.get('*/hierarchy', ({ request }) => {
      const by = new URL(request.url).searchParams.get('by');
      return HttpResponse.json(hierarchyAnswer(by === 'family' ? BY_FAMILY : BY_STORE));
    }),
  );
});

describe('the choice of a node', () => {
  it('offers every level, and the whole by name', async () => {
    renderAt('/', <NodePicker value="total" onChange={() => undefined} />);
    const box = screen.getByRole('combobox', { name: 'What' });
    expect(box).toHaveValue('Everything');
    await userEvent.click(box);
    await waitFor(() => expect(screen.getAllByRole('option')).toHaveLength(9));
    expect(screen.getByRole('option', { name: /Store 1 · DAIRY/ })).toBeVisible();
    expect(screen.getByRole('option', { name: /^BREAD ?Family/ })).toBeVisible();
  });

  it('is made by keyboard alone: words in any order, arrows and Enter', async () => {
    const onChange = vi.fn();
    renderAt('/', <NodePicker value="total" onChange={onChange} />);
    await userEvent.tab();
    await userEvent.keyboard('dairy 2{ArrowDown}');
    await waitFor(() => expect(screen.getAllByRole('option')).toHaveLength(1));
    await userEvent.keyboard('{ArrowDown}{Enter}');
    expect(onChange).toHaveBeenCalledExactlyOnceWith('store:2/family:DAIRY');
  });

  it('is the first match by Enter', async () => {
    const onChange = vi.fn();
    renderAt('/', <NodePicker value="total" onChange={onChange} />);
    const box = screen.getByRole('combobox');
    await userEvent.click(box);
    await userEvent.keyboard('dairy');
    await waitFor(() => expect(screen.getAllByRole('option')).toHaveLength(3));
    const [first] = screen.getAllByRole('option');
    expect(first).toHaveAttribute('aria-selected', 'true');
    expect(box).toHaveAttribute('aria-activedescendant', first?.id);
    await userEvent.keyboard('{Enter}');
    expect(onChange).toHaveBeenCalledExactlyOnceWith('family:DAIRY');
  });

  it('is none by Enter where nothing was typed, or nothing matches', async () => {
    const onChange = vi.fn();
    renderAt('/', <NodePicker value="store:1" onChange={onChange} />);
    const box = screen.getByRole('combobox');
    await userEvent.click(box);
    await waitFor(() => expect(screen.getAllByRole('option')).toHaveLength(9));
    await userEvent.keyboard('umbrella');
    await screen.findByText(/Nothing matches/);
    expect(box).toHaveAttribute('aria-activedescendant', '');
    await userEvent.keyboard('{Enter}');
    expect(box).toHaveAttribute('aria-expanded', 'true');
    await userEvent.clear(box);
    await userEvent.keyboard('{Enter}');
    expect(onChange).not.toHaveBeenCalled();
  });

  it('says so where nothing matches, and keeps the choice when it is left', async () => {
    const onChange = vi.fn();
    renderAt('/', <NodePicker value="store:1" onChange={onChange} />);
    const box = screen.getByRole('combobox');
    await userEvent.click(box);
    await userEvent.keyboard('umbrella');
    expect(await screen.findByText(/Nothing matches “umbrella”/)).toBeVisible();
    await userEvent.keyboard('{Escape}');
    await userEvent.tab();
    expect(box).toHaveValue('Store 1');
    expect(onChange).not.toHaveBeenCalled();
  });

  it('finds among 28,512 names those that hold every word', () => {
    const choices = Array.from({ length: 28_512 }, (_, at) => {
      const label = `Store ${at % 540} · FAMILY ${Math.floor(at / 540)}`;
      return { id: String(at), level: 'bottom', label };
    });
    expect(search(choices, 'family 51 539').map((each) => each.label)).toContain(
      'Store 539 · FAMILY 51',
    );
  });
});

describe('the label of a node', () => {
  it('has the name of a level in the language of the page', async () => {
    await changeLanguage('es');
    try {
      renderAt('/', <NodePicker value="store:1/family:DAIRY" onChange={() => undefined} />);
      expect(screen.getByRole('combobox')).toHaveValue('Tienda 1 · DAIRY');
    } finally {
      await changeLanguage('en');
    }
  });

  it.each([
    ['total', 'Everything'],
    ['store:1', 'Store 1'],
    ['store:1/family:LIQUOR,WINE,BEER', 'Store 1 · LIQUOR,WINE,BEER'],
    ['store:1/family:EGGS/MILK', 'Store 1 · EGGS/MILK'],
    ['region:Sierra Norte', 'Sierra Norte'],
    ['item:50 % OFF: CHEESE', '50 % OFF: CHEESE'],
  ])('of %s is %s', (id, label) => {
    expect(labelOfId(id, 'Everything')).toBe(label);
  });
});
