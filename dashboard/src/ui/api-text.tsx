import type { ReactNode } from 'react';

/** A sentence of the API, which speaks English whatever the page speaks. */
export function ApiText({ children }: { children: ReactNode }) {
  return <span lang="en">{children}</span>;
}
