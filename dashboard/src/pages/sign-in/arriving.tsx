import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '@/api/problems';
import { callerOf } from '@/session/caller';
import { type Arrival, arrive, goToProvider, InteractionNeeded } from '@/session/redirect';
import { ApiText } from '@/ui/api-text';
import { Notice, Skeleton } from '@/ui/layout';
import { SignInFaultNotice } from './sign-in-fault-notice';
import { useEnter } from './use-enter';

/** Return what a person came back with, or null where they had to be sent to the provider again. */
async function arriveAt(address: URL): Promise<Arrival | null> {
  try {
    const arrival = await arrive(address);
    await callerOf(arrival.credential.secret);
    return arrival;
  } catch (error) {
    if (!(error instanceof InteractionNeeded)) throw error;
    await goToProvider(error.provider, error);
    return null;
  }
}

/** The way back from the provider: the code becomes a token, which is tried before it is used. */
export function Arriving({ address, onFault }: { address: URL; onFault: () => void }) {
  const { t } = useTranslation();
  const enter = useEnter();
  // a query, not an effect: however often the page renders, a code is exchanged once
  const { data, error } = useQuery({
    queryKey: ['arrival', address.searchParams.get('state')],
    queryFn: () => arriveAt(address),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  useEffect(() => {
    if (data) enter(data.credential, data);
  }, [data, enter]);
  useEffect(() => {
    if (error) onFault();
  }, [error, onFault]);
  if (error === null)
    return (
      <>
        <p>{t('signIn.arriving')}</p>
        <Skeleton height="6rem" />
      </>
    );
  if (error instanceof Problem && error.status === 401)
    return (
      <Notice tone="error" title={t('signIn.single.refused')}>
        <p>
          <ApiText>{error.answer.detail}</ApiText>
        </p>
        <p>
          {t('problem.requestId')} <code>{error.answer.request_id}</code>
        </p>
      </Notice>
    );
  return <SignInFaultNotice error={error} />;
}
