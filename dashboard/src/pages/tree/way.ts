import { levelsBetween } from '@/api/nodes';
import type { Meta } from '@/api/queries';

/** Return the levels of a way, such as `region/shop`. */
export function levelsOfWay(by: string): string[] {
  return by.split('/').filter(Boolean);
}

/**
 * Return the level of a node by its id: the names of its columns, joined.
 *
 * An id whose names are no level is that of a series.
 */
export function levelOfId(meta: Meta, id: string): string {
  if (id === 'total') return 'total';
  const names = id.split(/\/(?=\w+:)/).map((part) => part.slice(0, part.indexOf(':')));
  const level = names.join('_');
  return meta.hierarchy.some((each) => each.name === level) ? level : 'bottom';
}

/** Return the way that is taken: one that is wanted, if it passes the level of the root. */
export function wayThrough(meta: Meta, wanted: string, root: string): string {
  const level = levelOfId(meta, root);
  const way = levelsOfWay(wanted);
  if (level !== 'total' && level !== 'bottom' && !way.includes(level)) return level;
  return way.length > 0 ? way.join('/') : (levelsBetween(meta)[0] ?? '');
}

/** Return the level below another on a way. */
export function levelBelow(by: string, level: string): string {
  const way = ['total', ...levelsOfWay(by), 'bottom'];
  return way[way.indexOf(level) + 1] ?? 'bottom';
}

/** Return the levels that may follow on a way: those that divide its last. */
export function nextLevels(meta: Meta, way: readonly string[]): string[] {
  const last = way.at(-1) ?? 'total';
  const offered = meta.hierarchy.find((each) => each.name === last)?.divided_by ?? [];
  return offered.filter((each) => !way.includes(each));
}
