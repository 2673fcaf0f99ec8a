/** Dates are ISO texts (`2024-07-01`) everywhere; arithmetic is in UTC, so that no zone moves them. */
export const MILLISECONDS_OF_DAY = 86_400_000;

/** Days between a day and the one of the year before that it is compared with: the same weekday. */
export const DAYS_OF_YEAR = 364;

export function timeOf(iso: string): number {
  return Date.parse(`${iso}T00:00:00Z`);
}

export function addDays(iso: string, days: number): string {
  return new Date(timeOf(iso) + days * MILLISECONDS_OF_DAY).toISOString().slice(0, 10);
}

/** Return the number of days from one date to another. */
export function daysBetween(from: string, to: string): number {
  return Math.round((timeOf(to) - timeOf(from)) / MILLISECONDS_OF_DAY);
}

/** Return the same weekday a year before: 52 weeks, not the calendar's date. */
export function yearBefore(iso: string): string {
  return addDays(iso, -DAYS_OF_YEAR);
}

/** Return the instant at which a day ends where the reader is, as the API takes it. */
export function endOfDay(iso: string): string {
  const [year = 0, month = 1, day = 1] = iso.split('-').map(Number);
  return new Date(year, month - 1, day + 1).toISOString();
}

/** Return a date, or the nearest one between two others. */
export function dateWithin(date: string, first: string, last: string): string {
  if (date < first) return first;
  if (date > last) return last;
  return date;
}
