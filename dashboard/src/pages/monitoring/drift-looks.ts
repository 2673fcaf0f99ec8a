import type { DriftEvent } from '@/api/monitoring';
import type { Meta } from '@/api/queries';
import type { Scope } from '@/api/scopes';
import { addSteps, usualHorizon } from '@/api/steps';
import { linkTo } from '@/url/links';

/** A page that shows more of a drift, and the scope that it needs. */
interface Look {
  look:
    | 'accuracy'
    | 'forecast'
    | 'explain'
    | 'tree'
    | 'promotions'
    | 'new'
    | 'silent'
    | 'overview'
    | 'status';
  href: string;
  scope?: Scope;
}

/** Return the address of a node's forecast as it was before a day, beside what came. */
export function linkToDays(meta: Meta, node: string, first: string): string {
  const asOf = addSteps(meta, first, -1);
  const isForecast = asOf >= (meta.forecast.first as string);
  return linkTo('forecast', { node, horizon: usualHorizon(meta), ...(isForecast && { asOf }) });
}

/** Return the pages that show more of a drift, the nearest first. */
export function looksOf(
  meta: Meta,
  { detector, subject, since }: Pick<DriftEvent, 'detector' | 'subject' | 'since'>,
): Look[] {
  if (subject.includes(':')) {
    return [
      { look: 'forecast', href: linkToDays(meta, subject, since) },
      { look: 'accuracy', href: linkTo('monitoring', { node: subject }) },
    ];
  }
  switch (detector) {
    case 'features':
      return [{ look: 'explain', href: linkTo('explain'), scope: 'explain' }];
    case 'unseen':
      return subject === 'holiday'
        ? [{ look: 'overview', href: linkTo('overview') }]
        : [{ look: 'tree', href: linkTo('tree') }];
    case 'covariate_missing':
    case 'covariate_unused':
      return subject === 'onpromotion'
        ? [{ look: 'promotions', href: linkTo('overview', { kind: 'promotion' }) }]
        : [{ look: 'overview', href: linkTo('overview') }];
    case 'new_series':
      return [{ look: 'new', href: linkTo('overview', { kind: 'new-series' }) }];
    case 'silent_series':
      return [{ look: 'silent', href: linkTo('overview', { kind: 'stockout' }) }];
    case 'stale_data':
      return [{ look: 'status', href: linkTo('status') }];
    default: // errors of a level
      return [{ look: 'accuracy', href: linkTo('monitoring', { level: subject }) }];
  }
}
