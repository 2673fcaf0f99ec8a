import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Offline, Problem } from '@/api/problems';
import { problemAnswer } from '@/test/answers';
import { BatchRun, type Send } from './batch-run';
import type { BatchItem } from './check-rows';
import type { Outcome } from './outcomes';

const ITEMS: BatchItem[] = Array.from({ length: 10 }, (_, at) => ({
  node: `node:${at}`,
  horizon: 1,
}));
const CHUNKS = [
  [0, 1],
  [2, 3],
  [4, 5],
  [6, 7],
  [8, 9],
];

const outcomesOf = (items: readonly BatchItem[]): Outcome[] =>
  items.map(({ node }) => ({ kind: 'refused', code: 'X', detail: `of ${node}` }));

function refusal(status: number, code: string, retryAfter?: number): Problem {
  const headers = new Headers(retryAfter ? [['retry-after', String(retryAfter)]] : []);
  const answer = problemAnswer(status, code, `detail of ${code}`);
  return new Problem(answer, new Response(null, { headers }));
}

function runWith(send: Send) {
  const spy = vi.fn(send);
  return { spy, run: new BatchRun(ITEMS, CHUNKS, () => undefined, spy) };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('BatchRun', () => {
  it('keeps the outcome of each item at its place', async () => {
    const { run } = runWith(async (items) => outcomesOf(items));
    await run.start();
    expect(run.state.kind).toBe('done');
    expect(run.answered).toBe(10);
    expect(run.outcomes.map((each) => each?.kind === 'refused' && each.detail)).toEqual(
      ITEMS.map(({ node }) => `of ${node}`),
    );
  });

  it('sends two calls at a time', async () => {
    let open = 0;
    let most = 0;
    const { run } = runWith(async (items) => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 10));
      open -= 1;
      return outcomesOf(items);
    });
    const done = run.start();
    await vi.runAllTimersAsync();
    await done;
    expect(most).toBe(2);
  });

  it('waits as long as the API says when the limit is spent, and goes on', async () => {
    let refusals = 1;
    const { run, spy } = runWith(async (items) => {
      if (refusals-- > 0) throw refusal(429, 'RATE_LIMITED', 7);
      return outcomesOf(items);
    });
    const done = run.start();
    await vi.advanceTimersByTimeAsync(6_900);
    expect(run.state).toMatchObject({ kind: 'waiting' });
    const before = spy.mock.calls.length;
    await vi.advanceTimersByTimeAsync(200);
    await done;
    expect(spy.mock.calls.length).toBeGreaterThan(before);
    expect(run.state.kind).toBe('done');
    expect(run.answered).toBe(10);
  });

  it('stops at once when it is cancelled, and later sends only what is not answered', async () => {
    let stuck = true;
    const { run, spy } = runWith((items, signal) =>
      items[0]?.node !== 'node:0' && stuck
        ? new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
          })
        : Promise.resolve(outcomesOf(items)),
    );
    const done = run.start();
    await vi.advanceTimersByTimeAsync(0);
    run.cancel();
    await done;
    expect(run.state.kind).toBe('stopped');
    expect(run.answered).toBe(2);
    stuck = false;
    spy.mockClear();
    await run.start();
    expect(run.state.kind).toBe('done');
    expect(run.answered).toBe(10);
    expect(spy).toHaveBeenCalledTimes(4);
  });

  it('keeps its answers over an error, and goes on after it', async () => {
    let broken = true;
    const { run } = runWith(async (items) => {
      if (broken && items[0]?.node === 'node:4') throw new Offline(null);
      return outcomesOf(items);
    });
    await run.start();
    expect(run.state).toMatchObject({ kind: 'failed', error: expect.any(Offline) });
    expect(run.answered).toBeLessThan(10);
    broken = false;
    await run.start();
    expect(run.state.kind).toBe('done');
    expect(run.answered).toBe(10);
  });

  it('halves a call that costs too much, down to the item that does', async () => {
    const { run } = runWith(async (items) => {
      if (items.length > 1 || items[0]?.node === 'node:3') throw refusal(400, 'COST_TOO_HIGH');
      return outcomesOf(items);
    });
    await run.start();
    expect(run.state.kind).toBe('done');
    expect(run.outcomes[3]).toMatchObject({ detail: 'detail of COST_TOO_HIGH' });
    expect(run.outcomes[2]).toMatchObject({ detail: 'of node:2' });
  });
});
