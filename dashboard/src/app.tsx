import { QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Route, Router, Switch, useLocation } from 'wouter';
import { createQueryClient } from './api/queries';
import { useRenewal } from './session/renewal';
import { ErrorBoundary } from './shell/error-boundary';
import { Shell } from './shell/shell';
import { EmptyState, Page, Skeleton } from './ui/layout';
import { BASE_PATH } from './url/base';
import { PAGES } from './url/links';

const Overview = lazy(() => import('./pages/overview/overview'));
const Forecast = lazy(() => import('./pages/forecast/forecast'));
const Explain = lazy(() => import('./pages/explain/explain'));
const WhatIf = lazy(() => import('./pages/what-if/what-if'));
const Compare = lazy(() => import('./pages/compare/compare'));
const Tree = lazy(() => import('./pages/tree/tree'));
const Batch = lazy(() => import('./pages/batch/batch'));
const Quality = lazy(() => import('./pages/quality/quality'));
const Plan = lazy(() => import('./pages/plan/plan'));
const Keys = lazy(() => import('./pages/keys/keys'));
const Status = lazy(() => import('./pages/status/status'));
const SignIn = lazy(() => import('./pages/sign-in/sign-in'));

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
      <Suspense fallback={<Skeleton height="24rem" />}>
        <Switch>
          <Route path={PAGES.overview} component={Overview} />
          <Route path={PAGES.forecast} component={Forecast} />
          <Route path={PAGES.explain} component={Explain} />
          <Route path={`${PAGES.explain}/:store/:family`} component={Explain} />
          <Route path={PAGES.whatIf} component={WhatIf} />
          <Route path={PAGES.compare} component={Compare} />
          <Route path={PAGES.tree} component={Tree} />
          <Route path={PAGES.batch} component={Batch} />
          <Route path={PAGES.quality} component={Quality} />
          <Route path={PAGES.plan} component={Plan} />
          <Route path={PAGES.keys} component={Keys} />
          <Route path={PAGES.status} component={Status} />
          <Route path={PAGES.signIn} component={SignIn} />
          <Route component={NotFound} />
        </Switch>
      </Suspense>
    </ErrorBoundary>
  );
}

export function App() {
  const [queries] = useState(createQueryClient);
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
