import { Problem } from '@/api/problems';

export type FieldOfAdjustment = 'op' | 'value' | 'from' | 'to';

/** What is wrong with adjustments: by covariate, and there by field; `''` for the whole. */
export type Faults = ReadonlyMap<string, Readonly<Partial<Record<FieldOfAdjustment | '', string>>>>;

const FIELDS: readonly FieldOfAdjustment[] = ['op', 'value', 'from', 'to'];
const NO_FAULTS: Faults = new Map();

function unescaped(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

/**
 * Return what an error says of single adjustments, by the JSON pointers in it.
 *
 * Empty where it says anything else too: then it is shown as a whole.
 */
export function faultsOf(error: unknown): Faults {
  if (!(error instanceof Problem) || error.answer.errors.length === 0) return NO_FAULTS;
  const faults = new Map<string, Partial<Record<FieldOfAdjustment | '', string>>>();
  for (const { pointer, detail } of error.answer.errors) {
    const [, root, covariate, place] = pointer.split('/').map(unescaped);
    if (root !== 'adjustments' || covariate === undefined) return NO_FAULTS;
    const field = FIELDS.find((each) => each === place) ?? '';
    faults.set(covariate, { ...faults.get(covariate), [field]: detail });
  }
  return faults;
}
