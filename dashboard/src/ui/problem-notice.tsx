import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useProblemTitle } from '@/api/problem-titles';
import { Offline, Problem, UnknownAnswer } from '@/api/problems';
import { useSignInLink } from '@/session/back';
import { ApiText } from './api-text';
import { Button, ButtonLink } from './button';
import { Notice } from './layout';

type Face = 'unauthenticated' | 'forbidden' | 'limited' | 'unavailable' | 'failed';

const FACES: Record<number, Face> = {
  401: 'unauthenticated',
  403: 'forbidden',
  429: 'limited',
  503: 'unavailable',
};

/** The face of an error: what happened, its request id, and what to do about it. */
export function ProblemNotice({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const signInLink = useSignInLink();
  const titleOf = useProblemTitle();
  if (error instanceof Offline) {
    return (
      <Notice tone="error" title={t('problem.offline.title')}>
        <p>{t('problem.offline.text')}</p>
        {retry && <Button onClick={retry}>{t('action.retry')}</Button>}
      </Notice>
    );
  }
  if (error instanceof UnknownAnswer) {
    return (
      <Notice tone="error" title={t('problem.unknown.title')}>
        <p>{t('problem.unknown.text', { status: error.status })}</p>
        {retry && <Button onClick={retry}>{t('action.retry')}</Button>}
      </Notice>
    );
  }
  if (!(error instanceof Problem)) throw error; // a fault of the page, for its error boundary
  const face = FACES[error.status] ?? 'failed';
  const meaning = titleOf(error.code);
  return (
    <Notice tone="error" title={(face === 'failed' && meaning) || t(`problem.${face}.title`)}>
      {face !== 'failed' && <p>{t(`problem.${face}.text`)}</p>}
      {face === 'unavailable' && meaning && <p>{meaning}.</p>}
      <p>
        <ApiText>{error.answer.detail}</ApiText>
      </p>
      {error.answer.errors.length > 1 && (
        <ul>
          {error.answer.errors.map((each) => (
            <li key={each.pointer + each.detail}>
              <ApiText>{each.detail}</ApiText>
            </li>
          ))}
        </ul>
      )}
      {face === 'limited' && retry && (
        // a refusal of the next try counts down anew
        <Countdown key={error.answer.request_id} seconds={error.retryAfter ?? 5} onEnd={retry} />
      )}
      {face === 'unauthenticated' && (
        <ButtonLink look="primary" href={signInLink}>
          {t('nav.signIn')}
        </ButtonLink>
      )}
      {retry && (face === 'unavailable' || error.status >= 500) && (
        <Button onClick={retry}>{t('action.retry')}</Button>
      )}
      <p>
        {t('problem.requestId')} <code>{error.answer.request_id}</code>
      </p>
    </Notice>
  );
}

/** Seconds that remain until the page tries again by itself. */
function Countdown({ seconds, onEnd }: { seconds: number; onEnd: () => void }) {
  const { t } = useTranslation();
  const [left, setLeft] = useState(seconds);
  // renderings of the page, which have a new `onEnd` each, neither delay the end nor repeat it
  const end = useRef(onEnd);
  useEffect(() => {
    end.current = onEnd;
  }, [onEnd]);
  useEffect(() => {
    if (left <= 0) {
      end.current();
      return;
    }
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return <p>{t('problem.limited.wait', { count: Math.max(0, Math.ceil(left)) })}</p>;
}
