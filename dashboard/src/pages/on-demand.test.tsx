import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { expect, test, vi } from 'vitest';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import { OnDemand } from './on-demand';

const PAGE = { default: () => <h1>Hierarchy</h1> };

test('a page whose code could not be loaded can be tried again', async () => {
  const load = vi
    .fn()
    .mockRejectedValueOnce(new TypeError('Failed to fetch'))
    .mockResolvedValue(PAGE);
  renderAt('/tree', <OnDemand name="tree" load={load} />);
  expect(await screen.findByRole('alert')).toHaveTextContent('The server cannot be reached');
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('heading', { name: 'Hierarchy' })).toBeVisible();
});

test('a page that was loaded is there at once when it is opened again', async () => {
  const load = vi.fn().mockResolvedValue(PAGE);
  const { unmount } = renderAt('/tree', <OnDemand name="quality" load={load} />);
  await screen.findByRole('heading', { name: 'Hierarchy' });
  unmount();
  renderAt('/tree', <OnDemand name="quality" load={load} />);
  expect(screen.getByRole('heading', { name: 'Hierarchy' })).toBeVisible();
  expect(load).toHaveBeenCalledOnce();
});

test('nothing is imported while the server is away, because a browser repeats no failed import', async () => {
  server.use(http.get('*/livez', () => HttpResponse.error(), { once: true }));
  const load = vi.fn().mockResolvedValue(PAGE);
  renderAt('/tree', <OnDemand name="batch" load={load} />);
  expect(await screen.findByRole('alert')).toHaveTextContent('The server cannot be reached');
  expect(load).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('heading', { name: 'Hierarchy' })).toBeVisible();
});
