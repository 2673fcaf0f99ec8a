import { useTranslation } from 'react-i18next';
import { useCovariateLabel } from '@/api/nodes';
import { ApiText } from '@/ui/api-text';
import { Button } from '@/ui/button';
import { Segments, SelectField, TextField } from '@/ui/field';
import { Notice } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import { AmountField } from './amount-field';
import type { Faults } from './faults';
import {
  type Adjustment,
  type CovariateKind,
  HOLIDAY,
  neutral,
  type Operation,
  type Window,
  within,
} from './scenarios';
import type { AdjustmentWarning } from './use-what-ifs';
import { WarningNotice } from './warning-notice';
import styles from './what-if.module.css';

type FaultsOfOne = NonNullable<ReturnType<Faults['get']>>;

interface RowProps {
  covariate: string;
  /** Undefined for a covariate that the retailer has not, such as one of an older link. */
  kind: CovariateKind | typeof HOLIDAY | undefined;
  adjustment: Adjustment;
  window: Window;
  faults: FaultsOfOne;
  warnings: readonly AdjustmentWarning[];
  onChange: (adjustment: Adjustment | null) => void;
}

export function useCovariateName(): (covariate: string) => string {
  const { t } = useTranslation();
  const label = useCovariateLabel();
  return (covariate) => (covariate === HOLIDAY ? t('whatIf.change.holiday') : label(covariate));
}

/** One change: what is done to a covariate, how much, and on which days. */
export function AdjustmentRow(props: RowProps) {
  const { covariate, kind, adjustment, window, faults, warnings, onChange } = props;
  const { t } = useTranslation();
  const name = useCovariateName()(covariate);
  const numeric = kind !== HOLIDAY && kind !== 'flag';
  const outside = within(adjustment, window) === null;
  return (
    <fieldset className={styles.adjustment}>
      <legend className={styles.legend}>{name}</legend>
      <div className={styles.controls}>
        {kind === HOLIDAY && <HolidayFields {...props} />}
        {kind === 'flag' && <FlagField {...props} />}
        {numeric && <NumberFields {...props} name={name} />}
        <Days window={window} adjustment={adjustment} faults={faults} onChange={onChange} />
        <Button
          look="quiet"
          aria-label={t('whatIf.change.remove', { name })}
          onClick={() => onChange(null)}
        >
          {t('action.remove')}
        </Button>
      </div>
      {faults[''] && (
        <p className={ui.fault} role="alert">
          <ApiText>{faults['']}</ApiText>
        </p>
      )}
      {outside && <Notice tone="warn">{t('whatIf.change.outside')}</Notice>}
      {warnings.map((warning) => (
        <WarningNotice key={warning.code + warning.detail} warning={warning} />
      ))}
    </fieldset>
  );
}

const OPERATION_WORDS = { set: 'set', add: 'plus', multiply: 'times' } as const;

function NumberFields({ name, kind, adjustment, faults, onChange }: RowProps & { name: string }) {
  const { t } = useTranslation();
  const operations = Object.keys(OPERATION_WORDS) as Operation[];
  return (
    <>
      <SelectField
        label={t('whatIf.change.op')}
        value={adjustment.op}
        fault={faults.op && <ApiText>{faults.op}</ApiText>}
        choices={operations.map((op) => ({
          value: op,
          label: t(`whatIf.change.${OPERATION_WORDS[op]}`),
        }))}
        onChange={(op) => onChange({ ...adjustment, op, value: neutral(op) })}
      />
      <AmountField
        key={adjustment.op}
        name={name}
        op={adjustment.op}
        kind={kind === undefined || kind === HOLIDAY ? 'number' : kind}
        value={Number(adjustment.value)}
        fault={faults.value && <ApiText>{faults.value}</ApiText>}
        onChange={(value) => onChange({ ...adjustment, value })}
      />
    </>
  );
}

function FlagField({ adjustment, faults, onChange }: RowProps) {
  const { t } = useTranslation();
  return (
    <div>
      <Segments
        label={t('whatIf.change.flag')}
        value={adjustment.value === 1 ? 'yes' : 'no'}
        choices={[
          { value: 'yes', label: t('whatIf.change.yes') },
          { value: 'no', label: t('whatIf.change.no') },
        ]}
        onChange={(choice) =>
          onChange({ ...adjustment, op: 'set', value: choice === 'yes' ? 1 : 0 })
        }
      />
      {faults.value && (
        <p className={ui.fault} role="alert">
          <ApiText>{faults.value}</ApiText>
        </p>
      )}
    </div>
  );
}

function HolidayFields({ adjustment, faults, onChange }: RowProps) {
  const { t } = useTranslation();
  const named = adjustment.value !== null;
  return (
    <>
      <SelectField
        label={t('whatIf.change.holidayKind')}
        value={named ? 'named' : 'none'}
        choices={[
          { value: 'none', label: t('whatIf.change.holidayNone') },
          { value: 'named', label: t('whatIf.change.holidayNamed') },
        ]}
        onChange={(choice) => onChange({ ...adjustment, value: choice === 'named' ? '' : null })}
      />
      {named && (
        <TextField
          label={t('whatIf.change.holidayName')}
          hint={t('whatIf.change.holidayHint')}
          fault={faults.value && <ApiText>{faults.value}</ApiText>}
          value={String(adjustment.value)}
          onChange={(value) => onChange({ ...adjustment, value })}
        />
      )}
    </>
  );
}

/** First and last day of a change; those of the window are the same as none. */
function Days({
  window,
  adjustment,
  faults,
  onChange,
}: Pick<RowProps, 'window' | 'adjustment' | 'faults' | 'onChange'>) {
  const { t } = useTranslation();
  const { first, last } = window;
  return (
    <>
      <TextField
        label={t('whatIf.change.from')}
        type="date"
        min={first}
        max={last}
        value={adjustment.from || first}
        fault={faults.from && <ApiText>{faults.from}</ApiText>}
        onChange={(from) => onChange({ ...adjustment, from: from === first ? '' : from })}
      />
      <TextField
        label={t('whatIf.change.to')}
        type="date"
        min={first}
        max={last}
        value={adjustment.to || last}
        fault={faults.to && <ApiText>{faults.to}</ApiText>}
        onChange={(to) => onChange({ ...adjustment, to: to === last ? '' : to })}
      />
    </>
  );
}
