import { act, screen } from '@testing-library/react';
import { useState } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { errorOf, Offline, Problem, UnknownAnswer } from '@/api/problems';
import { changeLanguage } from '@/i18n';
import { problemAnswer, REQUEST_ID } from '@/test/answers';
import { renderAt } from '@/test/render';
import { ProblemNotice } from './problem-notice';

function refusal(status: number, code: string, headers: HeadersInit = {}): Problem {
  return new Problem(
    problemAnswer(status, code, `Detail of ${code}.`),
    new Response(null, { headers }),
  );
}

interface Refused {
  seconds: string;
  id: string;
}

let refuse: (refused: Refused) => void;

/** A page that is refused for its limit, as often as a test says. */
function Limited({ retry }: { retry: () => void }) {
  const [{ seconds, id }, setRefused] = useState<Refused>({ seconds: '1', id: 'first' });
  refuse = setRefused;
  const answer = { ...problemAnswer(429, 'RATE_LIMITED', 'Wait.'), request_id: id };
  const response = new Response(null, { headers: { 'retry-after': seconds } });
  return <ProblemNotice error={new Problem(answer, response)} retry={() => retry()} />;
}

describe('the face of a problem', () => {
  it.each([
    [401, 'UNAUTHENTICATED', 'Please sign in'],
    [403, 'FORBIDDEN', 'Your key does not allow this'],
    [429, 'RATE_LIMITED', 'Too many requests'],
    [503, 'MODEL_UNAVAILABLE', 'The service is not ready'],
    [400, 'INVALID_DATE', 'The date cannot be used'],
    [400, 'OF_A_NEWER_SERVER', 'This did not work'],
  ])('of status %d says what happened, the detail and the request id', (status, code, title) => {
    renderAt('/', <ProblemNotice error={refusal(status, code)} retry={() => undefined} />);
    const notice = screen.getByRole('alert');
    expect(notice).toHaveTextContent(title);
    expect(notice).toHaveTextContent(`Detail of ${code}.`);
    expect(notice).toHaveTextContent(REQUEST_ID);
  });

  it('is in the language of the page, and marks what the API says as English', async () => {
    await changeLanguage('es');
    try {
      renderAt('/', <ProblemNotice error={refusal(400, 'INVALID_DATE')} />);
      expect(screen.getByRole('alert')).toHaveTextContent('La fecha no se puede usar');
      expect(screen.getByText('Detail of INVALID_DATE.')).toHaveAttribute('lang', 'en');
    } finally {
      await changeLanguage('en');
    }
  });

  it('of a used-up limit counts down and then tries again by itself', () => {
    vi.useFakeTimers();
    const retry = vi.fn();
    const error = refusal(429, 'RATE_LIMITED', { 'retry-after': '2' });
    renderAt('/', <ProblemNotice error={error} retry={retry} />);
    expect(screen.getByRole('alert')).toHaveTextContent('tries again in 2 seconds');
    act(() => void vi.advanceTimersByTime(1000));
    expect(screen.getByRole('alert')).toHaveTextContent('tries again in 1 second.');
    expect(retry).not.toHaveBeenCalled();
    act(() => void vi.advanceTimersByTime(1000));
    expect(retry).toHaveBeenCalledOnce();
    vi.useRealTimers();
  });

  it('of a used-up limit tries once, and counts down anew when it is refused again', () => {
    vi.useFakeTimers();
    const retry = vi.fn();
    renderAt('/', <Limited retry={retry} />);
    act(() => void vi.advanceTimersByTime(1000));
    act(() => refuse({ seconds: '1', id: 'first' })); // the page renders for another reason
    expect(retry).toHaveBeenCalledOnce();
    act(() => refuse({ seconds: '2', id: 'second' }));
    expect(screen.getByRole('alert')).toHaveTextContent('tries again in 2 seconds');
    act(() => void vi.advanceTimersByTime(1000));
    act(() => void vi.advanceTimersByTime(1000));
    expect(retry).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });

  it('offers the way in to who is not signed in', () => {
    renderAt('/', <ProblemNotice error={refusal(401, 'UNAUTHENTICATED')} />);
    expect(screen.getByRole('link', { name: 'Sign in' })).toHaveAttribute('href', '/sign-in');
  });

  it('tells a server that cannot be reached from one that answers strangely', () => {
    renderAt('/', <ProblemNotice error={new Offline(new TypeError('fetch'))} />);
    expect(screen.getByRole('alert')).toHaveTextContent('The server cannot be reached');
    renderAt('/', <ProblemNotice error={new UnknownAnswer(502)} />);
    expect(screen.getByText(/answered with status 502/)).toBeVisible();
  });
});

describe('the error of an answer', () => {
  it.each([
    ['the HTML of a proxy', '<html>Bad gateway</html>'],
    ['JSON of another shape', '{"message": "no"}'],
    ['nothing', ''],
  ])('that is %s is unknown, not a fault of the page', async (_, body) => {
    expect(await errorOf(new Response(body, { status: 502 }))).toBeInstanceOf(UnknownAnswer);
  });

  it('that is a problem keeps its code and the seconds to wait', async () => {
    const answer = problemAnswer(429, 'RATE_LIMITED', 'Wait.');
    const headers = { 'retry-after': '7' };
    const error = await errorOf(new Response(JSON.stringify(answer), { status: 429, headers }));
    expect(error).toMatchObject({ status: 429, code: 'RATE_LIMITED', retryAfter: 7 });
  });
});
