import type { components } from './schema';

export type ProblemAnswer = components['schemas']['ProblemAnswer'];

/** Refusal or failure that the API explained (RFC 9457). */
export class Problem extends Error {
  /** Seconds to wait before another try, where the API names them. */
  readonly retryAfter: number | null;

  constructor(
    readonly answer: ProblemAnswer,
    response: Response,
  ) {
    super(answer.detail);
    this.name = 'Problem';
    const seconds = Number(response.headers.get('retry-after'));
    this.retryAfter = Number.isFinite(seconds) && seconds > 0 ? seconds : null;
  }

  get status(): number {
    return this.answer.status;
  }

  get code(): string {
    return this.answer.code;
  }
}

/** The server could not be reached. */
export class Offline extends Error {
  constructor(cause: unknown) {
    super('The server cannot be reached.', { cause });
    this.name = 'Offline';
  }
}

/** Something between the page and the API answered, in a form of its own. */
export class UnknownAnswer extends Error {
  constructor(readonly status: number) {
    super(`The answer ${status} is not one of the API's.`);
    this.name = 'UnknownAnswer';
  }
}

function isProblem(value: unknown): value is ProblemAnswer {
  return typeof value === 'object' && value !== null && 'code' in value && 'request_id' in value;
}

/** Return the error that an unsuccessful answer is. */
export async function errorOf(response: Response): Promise<Error> {
  const text = await response.text();
  try {
    const content: unknown = JSON.parse(text);
    if (isProblem(content)) return new Problem(content, response);
  } catch {
    // not JSON: not an answer of the API
  }
  return new UnknownAnswer(response.status);
}
