import { type QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode, startTransition } from 'react';
import type { Root } from 'react-dom/client';
import { useTranslation } from 'react-i18next';
import { Route, Router, Switch, useLocation } from 'wouter';
import { type LoadPage, OnDemand } from './pages/on-demand';
import { useRenewal } from './session/renewal';
import { ErrorBoundary } from './shell/error-boundary';
import { Shell } from './shell/shell';
import { EmptyState, Page } from './ui/layout';
import { BASE_PATH } from './url/base';
import { PAGES, type PageName } from './url/links';

const CODE: Record<PageName, LoadPage> = {
  overview: () => import('./pages/overview/overview'),
  forecast: () => import('./pages/forecast/forecast'),
  explain: () => import('./pages/explain/explain'),
  whatIf: () => import('./pages/what-if/what-if'),
  compare: () => import('./pages/compare/compare'),
  tree: () => import('./pages/tree/tree'),
  batch: () => import('./pages/batch/batch'),
  quality: () => import('./pages/quality/quality'),
  monitoring: () => import('./pages/monitoring/monitoring'),
  plan: () => import('./pages/plan/plan'),
  models: () => import('./pages/models/models'),
  keys: () => import('./pages/keys/keys'),
  status: () => import('./pages/status/status'),
  signIn: () => import('./pages/sign-in/sign-in'),
};
const NAMES = Object.keys(CODE) as PageName[];

function NotFound() {
  const { t } = useTranslation();
  return (
    <Page title={t('problem.notFound.title')}>
      <EmptyState>{t('problem.notFound.text')}</EmptyState>
    </Page>
  );
}

function Pages() {
  const [location] = useLocation();
  useRenewal();
  return (
    <ErrorBoundary key={location}>
      <Switch>
        {NAMES.map((name) => (
          <Route key={name} path={PAGES[name]}>
            <OnDemand name={name} load={CODE[name]} />
          </Route>
        ))}
        <Route path={`${PAGES.explain}/:store/:family`}>
          <OnDemand name="explain" load={CODE.explain} />
        </Route>
        <Route component={NotFound} />
      </Switch>
    </ErrorBoundary>
  );
}

/** Draw the application in steps, between which the browser may paint and answer. */
export function showApp(root: Root, queries: QueryClient): void {
  startTransition(() =>
    root.render(
      <StrictMode>
        <App queries={queries} />
      </StrictMode>,
    ),
  );
}

function App({ queries }: { queries: QueryClient }) {
  return (
    <QueryClientProvider client={queries}>
      <Router base={BASE_PATH}>
        <Shell>
          <Pages />
        </Shell>
      </Router>
    </QueryClientProvider>
  );
}
