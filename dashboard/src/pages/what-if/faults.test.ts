import { describe, expect, it } from 'vitest';
import { Problem } from '@/api/problems';
import { problemAnswer } from '@/test/answers';
import { faultsOf } from './faults';

function refusal(...errors: { pointer: string; detail: string }[]): Problem {
  const answer = problemAnswer(400, 'INVALID_ADJUSTMENT', 'Wrong.', errors);
  return new Problem(answer, new Response(null, { status: 400 }));
}

describe('faultsOf', () => {
  it('finds the field that a pointer names, of any covariate', () => {
    const faults = faultsOf(
      refusal(
        { pointer: '/adjustments/price~1net~0/value', detail: 'Too large.' },
        { pointer: '/adjustments/price~1net~0/from', detail: 'Too early.' },
        { pointer: '/adjustments/visitors', detail: 'Only the past is known.' },
      ),
    );
    expect(faults.get('price/net~')).toEqual({ value: 'Too large.', from: 'Too early.' });
    expect(faults.get('visitors')).toEqual({ '': 'Only the past is known.' });
  });

  it('finds none where the refusal is about something else too', () => {
    const faults = faultsOf(
      refusal(
        { pointer: '/adjustments/price/value', detail: 'Too large.' },
        { pointer: '/date', detail: 'Too early.' },
      ),
    );
    expect(faults.size).toBe(0);
  });

  it('finds none in an error that is no refusal', () => {
    expect(faultsOf(new Error('fault of the page')).size).toBe(0);
  });
});
