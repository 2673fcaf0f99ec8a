import type { Health } from '@/api/queries';
import type { Caller } from '@/session/caller';
import type { Counts } from './metrics';

/**
 * Return the status as a text for a support request.
 *
 * It is in English and in the API's own names, whatever the language of the page, as its readers
 * look for them; it holds no secret.
 */
export function supportText({
  health,
  caller,
  counts,
  address,
  browser,
  at,
}: {
  health: Health | undefined;
  caller: Caller | undefined;
  counts: Counts | undefined;
  address: string;
  browser: string;
  at: Date;
}): string {
  const lines: [string, string | number | boolean | null | undefined][] = [
    ['time', at.toISOString()],
    ['address', address],
    ['status', health?.status],
    ['model_version', health?.model_version],
    ['model_trained_through', health?.model_trained_through],
    ['snapshot', health && `${health.snapshot.origin} ${health.snapshot.digest}`],
    ['data_age_days', health?.data_age_days],
    ['demo', health?.demo],
    ['nodes', health?.nodes],
    ...(health?.reasons ?? []).map(({ name, detail }): [string, string] => [
      `reason ${name}`,
      detail,
    ]),
    ...(health?.quality ?? []).map((each): [string, string] => ['quality', each]),
    ['client', caller && `${caller.client} (${caller.authentication})`],
    ['tier', caller?.tier],
    ['scopes', caller?.scopes.join(' ')],
    ['requests', counts?.requests],
    ['server errors', counts?.errors],
    ['refused', counts?.refused],
    ['cache hits', counts?.cacheHits],
    ['cache misses', counts?.cacheMisses],
    ['browser', browser],
  ];
  return lines
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}
