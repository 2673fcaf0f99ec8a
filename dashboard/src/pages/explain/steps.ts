import type { Explanation } from '@/api/queries';
import type { WaterfallPart, WaterfallStep } from '@/charts/waterfall-bars';

export type Group = Explanation['groups'][number];
export type Against = NonNullable<Explanation['against']>;
export type FeatureOfForecast = Explanation['features'][number];

/** Methods that are rules: the model does not run, so there are no reasons. */
const RULES: ReadonlySet<Explanation['method']> = new Set([
  'zero_never_sold',
  'analogue',
  'seasonal_naive',
  'weekday_mean',
]);

export function isRule({ method }: Pick<Explanation, 'method'>): boolean {
  return RULES.has(method);
}

/** Return the features of a group, the largest contribution first. */
export function featuresOf(explanation: Explanation, group: Group): FeatureOfForecast[] {
  const byName = new Map(explanation.features.map((each) => [each.name, each]));
  return group.features.flatMap((name) => byName.get(name) ?? []);
}

/** Return the value of a feature where it is a name, such as that of the day's holiday. */
export function nameIn(explanation: Explanation, feature: string): string | null {
  const value = explanation.features.find((each) => each.name === feature)?.value;
  return typeof value === 'string' ? value : null;
}

/** Whether a step says why the forecast moves; what is left unexplained and rounding do not. */
export function isReason({ id, kind }: Pick<WaterfallStep, 'id' | 'kind'>): boolean {
  return kind === 'change' && id !== 'not_explained' && id !== 'missing';
}

/** Return the strongest of some changes, whatever their direction; those of nothing are none. */
export function strongest<T extends Pick<WaterfallPart, 'units'>>(
  changes: readonly T[],
  most = 3,
): T[] {
  return changes
    .filter((each) => each.units !== 0)
    .sort((a, b) => Math.abs(b.units) - Math.abs(a.units))
    .slice(0, most);
}

/** Smallest number of units that is more than the noise of sums. */
const SOMETHING = 1e-6;

export function isSomething(units: number): boolean {
  return Math.abs(units) > SOMETHING;
}

/** Changes that are less than this share of the reference are about nothing. */
const SMALL = 0.02;

/** Whether a forecast is about as high as its reference. */
export function isAbout({ difference, prediction }: Against): boolean {
  return Math.abs(difference) <= SMALL * Math.abs(prediction);
}

/** Share of the largest change that another must have to be worth a mention. */
const WORTH = 0.2;

/** Return the changes that make a difference, the largest first, without those beside the point. */
export function decisive<T extends Pick<WaterfallPart, 'units'>>(changes: readonly T[]): T[] {
  const largest = strongest(changes);
  const least = WORTH * Math.abs(largest[0]?.units ?? 0);
  return largest.filter((each) => Math.abs(each.units) >= least);
}
