import type { BatchItem } from './check-rows';

/** Items of one call, and its different past dates, each of which costs a run of the model. */
const MOST_ITEMS = 100;
const MOST_PAST_DATES = 4;

/**
 * Divide items into calls, each as large as the API allows.
 *
 * Items of the same past date are sent together: dates that are scattered over the file would
 * otherwise make each call too expensive.
 *
 * @param items at the places of their rows; null where a row is not sent.
 * @param lastKnown last day of sales: a later date costs nothing more.
 * @param most items of a call, where the caller may spend less at once.
 * @returns places of the items of each call.
 */
export function planChunks(
  items: readonly (BatchItem | null)[],
  lastKnown: string,
  most = MOST_ITEMS,
): number[][] {
  const past = (at: number): string => {
    const date = items[at]?.date;
    return date !== undefined && date <= lastKnown ? date : '';
  };
  const places = items.flatMap((item, at) => (item === null ? [] : [at]));
  places.sort((one, other) => {
    const [a, b] = [past(one), past(other)];
    return a < b ? -1 : a > b ? 1 : one - other;
  });
  const size = Math.max(1, Math.min(most, MOST_ITEMS));
  const chunks: number[][] = [];
  let dates = new Set<string>();
  for (const at of places) {
    const chunk = chunks.at(-1);
    const date = past(at);
    const dateFits = date === '' || dates.has(date) || dates.size < MOST_PAST_DATES;
    if (chunk && chunk.length < size && dateFits) chunk.push(at);
    else {
      chunks.push([at]);
      dates = new Set();
    }
    if (date !== '') dates.add(date);
  }
  return chunks;
}
