import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import { Swatch } from '@/charts/swatch';
import type { ChartTone } from '@/charts/time-chart';
import { NodePicker } from '@/ui/node-picker';
import ui from '@/ui/ui.module.css';
import styles from './compare.module.css';
import { MOST_NODES } from './comparison-lines';

interface ChosenProps {
  nodes: readonly string[];
  onChange: (nodes: string[]) => void;
}

/** Search for a node to compare, until there are as many as can be told apart. */
export function AddNode({ nodes, onChange }: ChosenProps) {
  const { t } = useTranslation();
  return (
    <div className={ui.grow}>
      {nodes.length < MOST_NODES ? (
        <NodePicker
          label={t('compare.add')}
          value=""
          onChange={(node) => {
            if (!nodes.includes(node)) onChange([...nodes, node]);
          }}
        />
      ) : (
        <p>{t('compare.full', { count: MOST_NODES })}</p>
      )}
    </div>
  );
}

/** The nodes that are compared, with the look of their lines; each can be taken out. */
export function ChosenNodes({
  nodes,
  tones,
  onChange,
}: ChosenProps & { tones: ReadonlyMap<string, ChartTone> }) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  return (
    <ul className={styles.chips} aria-label={t('compare.chosen')}>
      {nodes.map((node) => (
        <li key={node} className={styles.chip}>
          <Swatch tone={tones.get(node) ?? 'series1'} />
          {nodeLabel(node)}
          <button
            type="button"
            className={styles.remove}
            aria-label={t('compare.remove', { node: nodeLabel(node) })}
            onClick={() => onChange(nodes.filter((each) => each !== node))}
          >
            ×
          </button>
        </li>
      ))}
    </ul>
  );
}
