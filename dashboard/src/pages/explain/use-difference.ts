import { useTranslation } from 'react-i18next';
import type { Explanation } from '@/api/queries';
import type { WaterfallFact, WaterfallStep } from '@/charts/waterfall-bars';
import { daysBetween } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import type { Reference } from './references';
import { type Against, decisive, type Group, isReason, isSomething } from './steps';
import { capital, useGroupName, usePlainValue, useRestSteps } from './use-steps';

const DAYS_OF_WEEK = 7;

/** A comparison that the API made, and what its reference is to the forecast. */
export interface Compared {
  explanation: Explanation;
  against: Against;
  reference: Reference;
  /** Last day of the reference. */
  last: string;
}

/** Return the name of a reference as in a sentence: `a week before (Fri, 5 Jul)`. */
export function useReferenceName(): (reference: Reference, last: string, days: number) => string {
  const { t } = useTranslation();
  const { days: range, weekday } = useFormat();
  return ({ kind, date }, last, days) => {
    const said = { days: date === last ? weekday(date) : range(date, last) };
    const isPeriod = days > 1 && (kind === 'before' || kind === 'after');
    return isPeriod
      ? t(`explain.reference.${kind}Many`, said)
      : t(`explain.reference.${kind}`, said);
  };
}

/** Return the name of a driver as in a sentence, as it makes a difference. */
function useDriverName(): (compared: Compared, group: Group['name']) => string {
  const { t } = useTranslation();
  const groupName = useGroupName();
  return ({ explanation, against }, group) => {
    if (group === 'level') return t('explain.driver.level');
    const wholeWeeks =
      against.horizon === explanation.horizon &&
      daysBetween(against.date, explanation.date) % DAYS_OF_WEEK === 0;
    if (group === 'weekday' && wholeWeeks) return t('explain.driver.weekday');
    return groupName(explanation, group);
  };
}

/** Return the features of a group that differ, with their values on both days. */
function useFacts(): (compared: Compared, group: Group['name']) => WaterfallFact[] {
  const { t } = useTranslation();
  const plainValue = usePlainValue();
  return ({ explanation, against }, group) => {
    const before = new Map(against.changed.map((each) => [each.name, each]));
    return explanation.features.flatMap((feature) => {
      const reference = before.get(feature.name);
      if (feature.group !== group || reference === undefined) return [];
      const then = plainValue({ ...feature, plain_value: reference.plain_value });
      return {
        id: feature.name,
        label: feature.label,
        detail: feature.description,
        value: t('explain.chart.thenNow', { then, now: plainValue(feature) }),
      };
    });
  };
}

/** Return the steps from the reference to the forecast. */
export function useDifferenceSteps(compared: Compared): WaterfallStep[] {
  const { t } = useTranslation();
  const name = useReferenceName();
  const driverName = useDriverName();
  const factsOf = useFacts();
  const restSteps = useRestSteps();
  const { explanation, against, reference, last } = compared;
  const rest = against.not_explained;
  const steps: WaterfallStep[] = [
    ...against.groups.map(
      (group): WaterfallStep => ({
        id: group.name,
        kind: 'change',
        label: capital(driverName(compared, group.name)),
        detail: t(`explain.driverDetail.${group.name}`),
        units: group.units,
        facts: factsOf(compared, group.name),
      }),
    ),
    ...restSteps(explanation, against.reconciliation, rest, t('explain.step.notComparedDetail')),
  ];
  return [
    {
      id: 'base',
      kind: 'start',
      label: capital(name(reference, last, explanation.horizon)),
      units: against.prediction,
    },
    ...steps.filter(({ units }) => isSomething(units)),
    {
      id: 'prediction',
      kind: 'end',
      label: t('explain.step.prediction'),
      units: explanation.prediction,
    },
  ];
}

/** Drivers in words, by their direction; empty where there are none. */
interface Drivers {
  all: string;
  /** Those that move the forecast to where it is. */
  along: string;
  /** Those that move it the other way. */
  opposed: string;
}

/** The drivers that make the difference, in words. */
export function useDrivers(compared: Compared): Drivers {
  const { t } = useTranslation();
  const { list, change } = useFormat();
  const driverName = useDriverName();
  const names = new Map(
    compared.against.groups.map(({ name }) => [name as string, driverName(compared, name)]),
  );
  const changes = decisive(useDifferenceSteps(compared).filter(isReason));
  const inWords = (some: typeof changes) =>
    list(
      some.map(({ id, label, units }) =>
        t('explain.driverUnits', { name: names.get(id) ?? label, units: change(units) }),
      ),
    );
  const isAlong = ({ units }: WaterfallStep) => units > 0 === compared.against.difference > 0;
  return {
    all: inWords(changes),
    along: inWords(changes.filter(isAlong)),
    opposed: inWords(changes.filter((each) => !isAlong(each))),
  };
}
