import type { Schemas } from './client';
import type { DayForecast, Forecast } from './queries';

/**
 * What the API answers where planners' overrides are asked for.
 *
 * `prediction` is then the result, `statistical` the model's own forecast. The intervals are always
 * those of the model.
 */
type AdjustedDay = DayForecast & { statistical?: number };

/** Return whether this API can apply overrides: its answers then say whether they have them. */
export function knowsOverrides(forecast: Forecast): boolean {
  return 'adjusted' in forecast;
}

export function isAdjusted(forecast: Forecast): boolean {
  return (forecast as { adjusted?: boolean }).adjusted === true;
}

/** Return a request with the overrides of planners, if they are wanted. */
export function withOverrides(
  body: Schemas['ForecastRequest'],
  wanted: boolean,
): Schemas['ForecastRequest'] {
  const adjusted: Schemas['ForecastRequest'] & { adjusted?: boolean } = { ...body, adjusted: true };
  return wanted ? adjusted : body;
}

/** Return the model's own forecast of each day, where the answer has it beside the result. */
export function statisticalOf(days: readonly AdjustedDay[]): Map<string, number> {
  return new Map(
    days.flatMap(({ date, statistical }) =>
      typeof statistical === 'number' ? [[date, statistical]] : [],
    ),
  );
}

/** Return the model's own forecast of a sum, where the answer has it. */
export function statisticalOfSum(
  period: Forecast['periods'][number] & { statistical?: number },
): number | undefined {
  return period.statistical;
}
