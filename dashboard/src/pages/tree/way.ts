import { useQueries } from '@tanstack/react-query';
import { levelsBetween } from '@/api/nodes';
import { type Meta, treeQuery } from '@/api/queries';

type Level = Meta['hierarchy'][number];

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

/**
 * Return whether each node of a level lies within one node of another, as far as the facts tell.
 *
 * A level that has all columns of another divides it. One that has not may still do, as shops
 * divide regions, but only if there are few enough series: with the level's node, and the values of
 * the columns that neither level has, a series would be known.
 */
export function divides(meta: Meta, above: Level, below: Level): boolean | 'maybe' {
  if (above.name === below.name || below.nodes < above.nodes) return false;
  if (above.columns.every((each) => below.columns.includes(each))) return true;
  const series = meta.hierarchy.at(-1)?.nodes ?? 0;
  const most = Object.entries(meta.series)
    .filter(([column]) => !above.columns.includes(column) && !below.columns.includes(column))
    .reduce((product, [, values]) => product * values.length, below.nodes);
  return series <= most && 'maybe';
}

/** Levels that may follow on a way; where the facts do not tell, the API is asked. */
export function useNextLevels(meta: Meta, way: readonly string[]): string[] {
  const between = meta.hierarchy.slice(1, -1);
  const last = between.find((each) => each.name === way.at(-1));
  const rated = between
    .filter((each) => !way.includes(each.name))
    .map((each) => ({ name: each.name, divides: last && divides(meta, last, each) }));
  const unsure = rated.filter((each) => each.divides === 'maybe').map((each) => each.name);
  const probes = useQueries({
    queries: unsure.map((name) => ({
      ...treeQuery({ by: [...way, name].join('/'), depth: 0 }),
      staleTime: Number.POSITIVE_INFINITY,
    })),
  });
  if (way.length === 0) return levelsBetween(meta);
  const proven = new Set(unsure.filter((_, at) => probes[at]?.data !== undefined));
  return rated
    .filter((each) => each.divides === true || proven.has(each.name))
    .map((each) => each.name);
}
