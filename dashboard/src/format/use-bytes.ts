import { useFormat } from './use-format';

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** Return a function that writes a number of bytes in the unit that suits it. */
export function useBytes(): (bytes: number) => string {
  const { locale } = useFormat();
  return (bytes) => {
    const power = bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3);
    const at = Math.min(UNITS.length - 1, power);
    return new Intl.NumberFormat(locale, {
      style: 'unit',
      unit: UNITS[at],
      maximumFractionDigits: at === 0 ? 0 : 1,
    }).format(bytes / 1000 ** at);
  };
}
