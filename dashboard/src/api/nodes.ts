import { type UseQueryResult, useQueries } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type Hierarchy, type Meta, type TreeNode, treeQuery, useMeta } from './queries';

/** A node that a person can choose. */
export interface NodeChoice {
  id: string;
  level: string;
  label: string;
}

/** Return a name as it is read: `store_nbr` as `Store nbr`. */
export function readableName(name: string): string {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * Return the label of a node by its id, such as `Store 1 · DAIRY` of `store:1/family:DAIRY`.
 *
 * The values in an id are the retailer's own names and may hold slashes: a part begins at a slash
 * only where a name and a colon follow.
 *
 * @param levelName how a level is called in the page's language.
 */
export function labelOfId(
  id: string,
  total: string,
  levelName: (level: string) => string = readableName,
): string {
  if (id === 'total') return total;
  return id
    .split(/\/(?=\w+:)/)
    .map((part) => {
      const at = part.indexOf(':');
      const [name, value] = [part.slice(0, at), part.slice(at + 1)];
      return /^\d+$/.test(value) ? `${levelName(name)} ${value}` : value;
    })
    .join(' · ');
}

/** Return the label of any node by its id. */
export function useNodeLabel(): (id: string) => string {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  return (id) => labelOfId(id, t('node.total'), levelLabel);
}

/** Return the name of a level as it is read; the retailer's own where the page knows none. */
export function useLevelLabel(): (level: string) => string {
  const { t, i18n } = useTranslation();
  return useCallback(
    (level) => {
      const key = `level.${level.toLowerCase()}`;
      return i18n.exists(key) ? t(key as 'level.total') : readableName(level);
    },
    [t, i18n],
  );
}

/** Return the name of a covariate as it is read; the retailer's own where the page knows none. */
export function useCovariateLabel(): (name: string) => string {
  const { t } = useTranslation();
  return (name) => (name === 'onpromotion' ? t('covariate.onpromotion') : readableName(name));
}

/** Return the levels between the total and the series. */
export function levelsBetween(meta: Meta): string[] {
  return meta.hierarchy.map((each) => each.name).slice(1, -1);
}

function collect(node: TreeNode, into: Map<string, TreeNode>): void {
  into.set(node.id, node);
  for (const child of node.children) collect(child, into);
}

/**
 * Every node of the hierarchy, for a search: the total, each level, and the series.
 *
 * @param enabled false until somebody wants to choose: on a large retailer these are many names.
 */
export function useNodeChoices(enabled: boolean): { choices: NodeChoice[]; loading: boolean } {
  const { t } = useTranslation();
  const meta = useMeta();
  const levels = meta.data ? levelsBetween(meta.data) : [];
  const requests = levels.length
    ? levels.map((by, at) => (at === 0 ? { by } : { by, depth: 1 }))
    : [{}];
  const total = t('node.total');
  const levelLabel = useLevelLabel();
  const order = meta.data?.hierarchy;
  const { trees, loading } = useQueries({
    queries: requests.map((request) => ({
      ...treeQuery(request),
      enabled: enabled && meta.data !== undefined,
      staleTime: Number.POSITIVE_INFINITY,
    })),
    combine: combineTrees,
  });
  const choices = useMemo(() => {
    const nodes = new Map<string, TreeNode>();
    for (const tree of trees) collect(tree, nodes);
    const rank = new Map(order?.map((level, at) => [level.name, at]));
    return [...nodes.values()]
      .map(({ id, level }) => ({ id, level, label: labelOfId(id, total, levelLabel) }))
      .sort((a, b) => (rank.get(a.level) ?? 0) - (rank.get(b.level) ?? 0));
  }, [trees, order, total, levelLabel]);
  return { choices, loading };
}

// outside of the hook, so that the result is the same as long as the answers are
function combineTrees(results: UseQueryResult<Hierarchy>[]) {
  return {
    trees: results.flatMap((each) => (each.data ? [each.data.tree] : [])),
    loading: results.some((each) => each.isLoading),
  };
}
