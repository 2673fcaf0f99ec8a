import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import { useTree } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { EmptyState } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';

const SUGGESTED = 3;

/** What stands where fewer than two nodes are chosen: an offer of the largest of the first level. */
export function Suggestion({
  nodes,
  horizon,
  onChange,
}: {
  nodes: readonly string[];
  horizon: number;
  onChange: (nodes: string[]) => void;
}) {
  const { t } = useTranslation();
  const { list } = useFormat();
  const nodeLabel = useNodeLabel();
  const tree = useTree({ depth: 1, horizon });
  return (
    <QueryView query={tree} height="8rem">
      {(answer) => {
        const largest = answer.tree.children
          .toSorted((a, b) => b.prediction - a.prediction)
          .map((each) => each.id)
          .filter((each) => !nodes.includes(each));
        const offered = [...nodes, ...largest].slice(0, SUGGESTED);
        return (
          <EmptyState
            action={
              offered.length > 1 && (
                <Button look="primary" onClick={() => onChange(offered)}>
                  {t('compare.suggestion', { nodes: list(offered.map(nodeLabel)) })}
                </Button>
              )
            }
          >
            {t('compare.empty')}
          </EmptyState>
        );
      }}
    </QueryView>
  );
}
