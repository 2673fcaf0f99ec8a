import { api, content, type Schemas } from '@/api/client';
import { Problem, UnknownAnswer } from '@/api/problems';
import type { BatchItem } from './check-rows';
import { type Outcome, outcomeOf } from './outcomes';

type Answer = Schemas['BatchAnswer'];
export type Send = (items: readonly BatchItem[], signal: AbortSignal) => Promise<Outcome[]>;

/** Calls at a time: one is computed while the answer of the other is read. */
const LANES = 2;
const PAUSE_SECONDS = 5;

export type RunState =
  | { kind: 'running' }
  | { kind: 'waiting'; until: number }
  | { kind: 'stopped' }
  | { kind: 'failed'; error: unknown }
  | { kind: 'done' };

/** Send items to the API, and return the outcome of each. */
const sendItems: Send = async (items, signal) => {
  const predictions = items.map((item) => ({ ...item, period: 'horizon' as const }));
  const body = { predictions } as Schemas['BatchRequest'];
  const answer = await content<Answer>(api.POST('/predict/batch', { body, signal }));
  if (answer.predictions.length !== items.length) throw new UnknownAnswer(200);
  return answer.predictions.map(outcomeOf);
};

/** Whether a call may pass in halves: it costs more than may be spent at once, or is too large. */
function isTooLarge(error: unknown): error is Problem {
  return error instanceof Problem && (error.code === 'COST_TOO_HIGH' || error.status === 413);
}

/**
 * Batch that is sent in calls, which may pause, stop and go on.
 *
 * A call that was not answered stays on the list, so that going on repeats no answered one.
 */
export class BatchRun {
  state: RunState = { kind: 'stopped' };
  /** Outcomes at the places of the rows; undefined where there is none yet. */
  readonly outcomes: (Outcome | undefined)[];
  readonly total: number;
  answered = 0;
  refused = 0;
  /** Models and data that the forecasts are from: more than one if they were renewed meanwhile. */
  readonly releases = new Set<string>();
  inSample = false;
  readonly #pending: number[][];
  #resumeAt = 0;
  #abort = new AbortController();
  #lanes: Promise<unknown> = Promise.resolve();

  constructor(
    readonly items: readonly (BatchItem | null)[],
    chunks: readonly number[][],
    readonly notify: () => void,
    readonly send: Send = sendItems,
  ) {
    this.outcomes = new Array(items.length);
    this.#pending = chunks.map((chunk) => [...chunk]);
    this.total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Send what is not answered yet; return once it is, or once the run stops. */
  async start(): Promise<void> {
    if (this.state.kind === 'running' || this.state.kind === 'waiting') return;
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#become({ kind: 'running' });
    await this.#lanes; // calls that were given up put themselves back first
    this.#lanes = Promise.all(Array.from({ length: LANES }, () => this.#lane(signal)));
    await this.#lanes;
    if (!signal.aborted) this.#become({ kind: 'done' });
  }

  /** Stop: calls on their way are given up, and sent again by `start`. */
  cancel(): void {
    this.#abort.abort();
    if (this.state.kind !== 'done') this.#become({ kind: 'stopped' });
  }

  #become(state: RunState): void {
    this.state = state;
    this.notify();
  }

  async #lane(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#waitForLimit(signal);
      const chunk = signal.aborted ? undefined : this.#pending.shift();
      if (chunk === undefined) return;
      try {
        const items = chunk.map((at) => this.items[at] as BatchItem);
        this.#keep(chunk, await this.send(items, signal));
      } catch (error) {
        this.#putBack(chunk, error, signal);
      }
    }
  }

  #putBack(chunk: number[], error: unknown, signal: AbortSignal): void {
    if (isTooLarge(error)) {
      const [only] = chunk;
      if (chunk.length === 1 && only !== undefined) {
        const { code, message } = error;
        this.#keep([only], [{ kind: 'refused', code, detail: message }]);
        return;
      }
      const half = Math.ceil(chunk.length / 2);
      this.#pending.unshift(chunk.slice(0, half), chunk.slice(half));
      return;
    }
    this.#pending.unshift(chunk);
    if (signal.aborted) return;
    if (error instanceof Problem && error.status === 429) {
      const seconds = error.retryAfter ?? PAUSE_SECONDS;
      this.#resumeAt = Math.max(this.#resumeAt, Date.now() + seconds * 1000);
      return;
    }
    this.#abort.abort();
    this.#become({ kind: 'failed', error });
  }

  #keep(chunk: readonly number[], outcomes: readonly Outcome[]): void {
    chunk.forEach((at, place) => {
      this.outcomes[at] = outcomes[place];
    });
    this.answered += chunk.length;
    for (const outcome of outcomes) {
      if (outcome.kind === 'refused') this.refused += 1;
      else {
        this.releases.add(`${outcome.modelVersion} ${outcome.snapshot}`);
        this.inSample ||= outcome.inSample;
      }
    }
    this.notify();
  }

  /** Wait while the limit of the caller is spent: for all lanes, as they share it. */
  async #waitForLimit(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && Date.now() < this.#resumeAt) {
      if (this.state.kind !== 'waiting' || this.state.until !== this.#resumeAt)
        this.#become({ kind: 'waiting', until: this.#resumeAt });
      await pause(this.#resumeAt - Date.now(), signal);
    }
    if (!signal.aborted && this.state.kind === 'waiting') this.#become({ kind: 'running' });
  }
}

/** Wait for some time, or until the signal. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    signal.addEventListener('abort', finish);
  });
}
