import { useTranslation } from 'react-i18next';
import type { Meta } from '@/api/queries';
import { Button } from '@/ui/button';
import ui from '@/ui/ui.module.css';
import { AdjustmentRow, useCovariateName } from './adjustment-row';
import type { Faults } from './faults';
import {
  type CovariateKind,
  firstAdjustment,
  HOLIDAY,
  type Scenario,
  type Window,
  withAdjustment,
} from './scenarios';
import type { AdjustmentWarning } from './use-what-ifs';
import styles from './what-if.module.css';

/** Return what can be adjusted, with its kind: covariates that are known ahead, and the holiday. */
export function adjustable(
  covariates: Meta['covariates'],
): ReadonlyMap<string, CovariateKind | typeof HOLIDAY> {
  const known = covariates.filter((each) => each.known_ahead);
  return new Map<string, CovariateKind | typeof HOLIDAY>([
    ...known.map(({ name, kind }) => [name, kind] as const),
    [HOLIDAY, HOLIDAY],
  ]);
}

/** The changes of a scenario, and what else can be changed. */
export function Adjustments({
  meta,
  scenario,
  window,
  knownThrough,
  faults,
  warnings,
  onChange,
}: {
  meta: Meta;
  scenario: Scenario;
  window: Window;
  /** Last day on which each covariate is known. */
  knownThrough: Readonly<Record<string, string>>;
  faults: Faults;
  warnings: readonly AdjustmentWarning[];
  onChange: (scenario: Scenario) => void;
}) {
  const { t } = useTranslation();
  const covariateName = useCovariateName();
  const kinds = adjustable(meta.covariates);
  const entries = Object.entries(scenario.adjustments);
  const others = [...kinds].filter(([name]) => !(name in scenario.adjustments));

  function add(name: string, kind: CovariateKind | typeof HOLIDAY): void {
    const adjustment = firstAdjustment(kind, window, knownThrough[name]);
    onChange(withAdjustment(scenario, name, adjustment));
  }

  return (
    <div className={styles.adjustments}>
      {entries.map(([covariate, adjustment]) => (
        <AdjustmentRow
          key={covariate}
          covariate={covariate}
          kind={kinds.get(covariate)}
          adjustment={adjustment}
          window={window}
          faults={faults.get(covariate) ?? {}}
          warnings={warnings.filter((each) => each.covariate === covariate)}
          onChange={(next) => onChange(withAdjustment(scenario, covariate, next))}
        />
      ))}
      {others.length > 0 && (
        <div className={styles.more}>
          <span className={ui.label}>
            {t(entries.length > 0 ? 'whatIf.change.more' : 'whatIf.change.none')}
          </span>
          {others.map(([name, kind]) => (
            <Button key={name} onClick={() => add(name, kind)}>
              {t('whatIf.change.add', { name: covariateName(name) })}
            </Button>
          ))}
        </div>
      )}
      {entries.length > 0 && <p className={ui.hint}>{t('whatIf.change.each')}</p>}
    </div>
  );
}
