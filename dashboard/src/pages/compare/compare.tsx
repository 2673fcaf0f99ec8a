import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useBasis, weeksOfBasis } from '@/api/basis';
import { useNodeLabel } from '@/api/nodes';
import type { Meta } from '@/api/queries';
import { firstAhead, usualHorizon } from '@/api/steps';
import { useFormat } from '@/format/use-format';
import { BasisChoice } from '@/ui/basis-choice';
import { Segments } from '@/ui/field';
import { HorizonSelect } from '@/ui/horizon-select';
import { Page, Skeleton } from '@/ui/layout';
import { MetaPage } from '@/ui/meta-page';
import { ProblemNotice } from '@/ui/problem-notice';
import { list, oneOf, useQueryState, whole } from '@/url/query-state';
import { AddNode, ChosenNodes } from './chosen-nodes';
import { type ComparedNode, MOST_NODES, type Mode, sumOf, toneAt } from './comparison-lines';
import { NodeComparison } from './node-comparison';
import { Suggestion } from './suggestion';
import { useComparison } from './use-comparison';

const HORIZON = whole(1, 365);
const MODE = oneOf<Mode>('units', 'index');
const NONE: string[] = [];

export default function ComparePage() {
  const { t } = useTranslation();
  return <MetaPage title={t('compare.title')}>{(meta) => <Comparison meta={meta} />}</MetaPage>;
}

function Comparison({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const [written, setNodes] = useQueryState('nodes', list, NONE);
  const [horizon, setHorizon] = useQueryState('horizon', HORIZON, usualHorizon(meta));
  const [mode, setMode] = useQueryState('mode', MODE, 'units');
  const nodes = useMemo(() => [...new Set(written)].slice(0, MOST_NODES), [written]);
  const tones = useMemo(() => new Map(nodes.map((node, at) => [node, toneAt(at)])), [nodes]);
  const [against, setAgainst] = useBasis(meta, { first: firstAhead(meta), horizon });
  const { ready, failed, loading } = useComparison(meta, nodes, { horizon, against });
  const weeks = weeksOfBasis(meta, against, horizon);
  const lead = useLead(ready, t(`basis.${meta.step}`, { count: weeks }));
  return (
    <Page
      title={t('compare.title')}
      lead={loading ? undefined : lead}
      controls={
        <>
          <AddNode nodes={nodes} onChange={setNodes} />
          <HorizonSelect meta={meta} value={horizon} onChange={setHorizon} />
          <BasisChoice meta={meta} horizon={horizon} value={against} onChange={setAgainst} />
          <Segments
            label={t('compare.mode.label')}
            value={mode}
            choices={[
              { value: 'units', label: t('compare.mode.units') },
              { value: 'index', label: t('compare.mode.index') },
            ]}
            onChange={setMode}
          />
        </>
      }
    >
      {nodes.length > 0 && <ChosenNodes nodes={nodes} tones={tones} onChange={setNodes} />}
      {failed.map(({ node, error, retry }) => (
        <section key={node} aria-label={nodeLabel(node)}>
          <ProblemNotice error={error} retry={retry} />
        </section>
      ))}
      {nodes.length < 2 && <Suggestion nodes={nodes} horizon={horizon} onChange={setNodes} />}
      {loading && ready.length === 0 && <Skeleton />}
      {ready.length > 0 && (
        <NodeComparison nodes={ready} tones={tones} mode={mode} horizon={horizon} weeks={weeks} />
      )}
    </Page>
  );
}

/** Return the sentence that answers the page: which node sells most, and which grows most. */
function useLead(nodes: readonly ComparedNode[], basis: string): string | undefined {
  const { t } = useTranslation();
  const { units, shareChange, days } = useFormat();
  const nodeLabel = useNodeLabel();
  const sums = nodes.map(sumOf).filter((each) => each !== null);
  const period = nodes[0]?.forecast.periods[0];
  const largest = sums.toSorted((a, b) => b.units - a.units)[0];
  if (period === undefined || largest === undefined || sums.length < 2) return undefined;
  const most = t('compare.lead', {
    days: days(period.first, period.last),
    node: nodeLabel(largest.node),
    units: units(largest.units),
  });
  const known = sums.filter((each) => each.share !== null);
  const byChange = known.toSorted((a, b) => (b.share as number) - (a.share as number));
  const [best, worst] = [byChange.at(0), byChange.at(-1)];
  if (best === undefined || worst === undefined || byChange.length < 2) return most;
  const changes = t('compare.changes', {
    basis,
    best: nodeLabel(best.node),
    up: shareChange(best.share),
    worst: nodeLabel(worst.node),
    down: shareChange(worst.share),
  });
  return `${most} ${changes}`;
}
