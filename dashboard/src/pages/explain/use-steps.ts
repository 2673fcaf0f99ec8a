import { useTranslation } from 'react-i18next';
import type { Explanation } from '@/api/queries';
import type { WaterfallPart, WaterfallStep } from '@/charts/waterfall-bars';
import { timeOf } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { type FeatureOfForecast, featuresOf, type Group, isRule, nameIn } from './steps';

/** Smallest rounding error, in units, that numbers with a digit after the point show. */
const VISIBLE = 0.05;

/** Return the name of a group as in a sentence; of one day, that of its weekday or holiday. */
export function useGroupName(): (explanation: Explanation, group: Group['name']) => string {
  const { t } = useTranslation();
  const { locale } = useFormat();
  return (explanation, group) => {
    const oneDay = explanation.horizon === 1;
    const holiday = group === 'holiday' ? nameIn(explanation, 'holiday') : null;
    if (oneDay && holiday !== null) return holiday;
    if (oneDay && group === 'weekday') {
      const name = new Intl.DateTimeFormat(locale, { weekday: 'long', timeZone: 'UTC' });
      return name.format(timeOf(explanation.date));
    }
    return t(`explain.group.${group}`);
  };
}

export function capital(word: string): string {
  return word.charAt(0).toLocaleUpperCase() + word.slice(1);
}

/** Return the steps for what no reason accounts for: reconciliation, and series not explained. */
export function useRestSteps() {
  const { t } = useTranslation();
  return (
    explanation: Explanation,
    reconciliation: number,
    rest: Explanation['not_explained'],
    detail: string,
  ): WaterfallStep[] => {
    const rule = isRule(explanation);
    return [
      {
        id: 'reconciliation',
        kind: 'change',
        label: t('explain.step.reconciliation'),
        detail: t('explain.step.reconciliationDetail'),
        units: reconciliation,
      },
      {
        id: 'not_explained',
        kind: 'change',
        label: rule
          ? t('explain.step.notExplainedRule')
          : t('explain.step.notExplained', { count: rest.series }),
        detail: rule ? t('explain.step.notExplainedRuleDetail') : detail,
        units: rest.units,
      },
    ];
  };
}

/** Return the steps of an explanation, from the average to the forecast. */
export function useSteps(explanation: Explanation): WaterfallStep[] {
  const { t } = useTranslation();
  const groupName = useGroupName();
  const partOf = usePart();
  const restSteps = useRestSteps();
  const { not_explained: rest, cut, reconciliation, missing } = explanation;
  const many = explanation.space === 'units';
  const rule = isRule(explanation);
  const steps: WaterfallStep[] = [
    {
      id: 'base',
      kind: 'start',
      label: t(many ? 'explain.step.baseMany' : 'explain.step.base'),
      detail: t('explain.step.baseDetail'),
      units: explanation.base_units,
    },
    ...explanation.groups.map((group): WaterfallStep => {
      const detail = t(`explain.groupDetail.${group.name}`);
      return {
        id: group.name,
        kind: 'change',
        label: capital(groupName(explanation, group.name)),
        detail,
        units: group.units,
        parts: featuresOf(explanation, group).map(partOf),
      };
    }),
    {
      id: 'cut',
      kind: 'change',
      label: t('explain.step.cut'),
      detail: t('explain.step.cutDetail'),
      units: cut,
    },
    ...restSteps(explanation, reconciliation, rest, t('explain.step.notExplainedDetail')),
    { id: 'missing', kind: 'change', label: t('explain.step.missing'), units: missing },
    {
      id: 'prediction',
      kind: 'end',
      label: t('explain.step.prediction'),
      units: explanation.prediction,
    },
  ];
  return steps.filter((step) => isShown(step, rule, rest.series));
}

/** Whether a step has anything to say; where a rule forecasts, the model's steps have not. */
function isShown(step: WaterfallStep, rule: boolean, notExplained: number): boolean {
  if (step.id === 'missing') return Math.abs(step.units) >= VISIBLE;
  if (step.id === 'not_explained' && !rule) return notExplained > 0;
  const always = rule ? step.kind === 'end' : !['cut', 'reconciliation'].includes(step.id);
  return always || step.units !== 0;
}

/** Return how a feature's value is written in plain terms, with its unit; a dash if it has none. */
export function usePlainValue(): (
  feature: Pick<FeatureOfForecast, 'plain_value' | 'plain_unit'>,
) => string {
  const { number } = useFormat();
  return ({ plain_value: value, plain_unit: unit }) => {
    if (value === null) return '–';
    if (typeof value === 'string') return value;
    const written = number(value, Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0);
    return `${written} ${unit}`.trim();
  };
}

function usePart(): (feature: FeatureOfForecast) => WaterfallPart {
  const plainValue = usePlainValue();
  return (feature) => {
    const { name, label, description, units, plain_value: value } = feature;
    const part = { id: name, label, detail: description, units };
    return value === null ? part : { ...part, value: plainValue(feature) };
  };
}
