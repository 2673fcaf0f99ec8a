import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';

/** Smallest change of units, and of a share, that is not written as zero. */
const LEAST_UNITS = 0.1;
const LEAST_SHARE = 0.001;

/** Formats of differences, in which one too small for its digits does not look like none. */
export function useChanges() {
  const { t } = useTranslation();
  const { change, shareChange, number, share } = useFormat();
  const isTiny = (value: number | null, least: number): boolean =>
    value !== null && value !== 0 && Math.abs(value) < least / 2;
  return {
    units: (value: number): string =>
      isTiny(value, LEAST_UNITS)
        ? t('whatIf.result.tiny', { least: number(LEAST_UNITS) })
        : change(value),
    share: (value: number | null): string =>
      isTiny(value, LEAST_SHARE)
        ? t('whatIf.result.tiny', { least: share(LEAST_SHARE) })
        : shareChange(value),
  };
}
