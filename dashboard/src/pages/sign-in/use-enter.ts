import { useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { useLocation } from 'wouter';
import { type Credential, signIn } from '@/session/session';

/** Return what lets somebody in: the credential is used, old answers are forgotten, and on they go. */
export function useEnter() {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  return useCallback(
    (credential: Credential, options: { keepInTab: boolean; back: string }) => {
      signIn(credential, options);
      queries.clear();
      navigate(options.back, { replace: true });
    },
    [queries, navigate],
  );
}
