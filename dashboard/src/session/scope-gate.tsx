import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Scope } from '@/api/scopes';
import { Notice } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import { useCaller } from './caller';

/**
 * Content for callers that have a scope; for others, what they lack.
 *
 * Without it each call of the page would be refused, and each refusal recorded in the audit log.
 */
export function ScopeGate({ scope, children }: { scope: Scope; children: ReactNode }) {
  const { t } = useTranslation();
  const { query, can } = useCaller();
  return (
    <QueryView query={query}>
      {() =>
        can(scope) ? (
          children
        ) : (
          <Notice tone="error" title={t('problem.forbidden.title')}>
            <p>{t('problem.forbidden.text')}</p>
            <p>
              {t(`keys.scope.${scope}.name`)} <code>{scope}</code>
            </p>
          </Notice>
        )
      }
    </QueryView>
  );
}
