import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { ReactNode } from 'react';
import { Router } from 'wouter';

/** Render a part of the page as it stands in the application, at an address. */
export function renderAt(address: string, children: ReactNode) {
  window.history.replaceState(null, '', address);
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return render(
    <QueryClientProvider client={queries}>
      <Router>{children}</Router>
    </QueryClientProvider>,
  );
}

/** Open the table of the first chart: it is not made before. */
export async function openTable() {
  const [summary] = await screen.findAllByText('Show as a table');
  await userEvent.click(summary as HTMLElement);
}
