import { useTranslation } from 'react-i18next';
import { useLevelLabel, useNodeLabel } from '@/api/nodes';
import type { Meta } from '@/api/queries';
import { oneOf, text, useQueryState } from '@/url/query-state';

export const WINDOWS = ['28', '90', '365'] as const;
export type Window = (typeof WINDOWS)[number];

const WINDOW = oneOf<Window>(...WINDOWS);
/** Days of each choice, in whole weeks where sales are weekly. */
const DAYS = {
  day: { '28': 28, '90': 90, '365': 365 },
  week: { '28': 28, '90': 91, '365': 364 },
} as const;

/** Whose forecasts are measured, and on how many of the newest days; both live in the address. */
export function useSelection(meta: Meta) {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const nodeLabel = useNodeLabel();
  const [window, setWindow] = useQueryState<Window>('window', WINDOW, '28');
  const [wanted, setLevel] = useQueryState('level', text, '');
  const [node, setNode] = useQueryState('node', text, '');
  const levels = meta.hierarchy.map((each) => each.name);
  // as on the page Accuracy: the first level below the total is what planners look at most
  const level = levels.includes(wanted) ? wanted : (levels[1] ?? 'total');
  return {
    ...{ window, setWindow, level, levels, node, setNode },
    /** Days of the calendar. */
    days: DAYS[meta.step][window],
    whose: node ? nodeLabel(node) : levelLabel(level),
    oneLabel: t('monitoring.one'),
    setLevel: (next: string) => {
      setNode('');
      setLevel(next);
    },
  };
}

export type Selection = ReturnType<typeof useSelection>;
