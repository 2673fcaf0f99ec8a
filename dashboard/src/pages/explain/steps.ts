import type { Explanation } from '@/api/queries';
import type { WaterfallPart, WaterfallStep } from '@/charts/waterfall-bars';

export type Group = Explanation['groups'][number];
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
