import { useTranslation } from 'react-i18next';
import { timeOf } from './dates';

export interface Format {
  locale: string;
  /** Units of sales: whole from 100 on, with a digit after the point below. */
  units: (value: number | null | undefined) => string;
  /** Units with their sign. */
  change: (value: number | null | undefined) => string;
  /** Share as percent, such as 0.12 as 12 %. */
  share: (value: number | null | undefined) => string;
  /** Share as percent with its sign. */
  shareChange: (value: number | null | undefined) => string;
  number: (value: number, digits?: number) => string;
  /** `1 Jul 2024` */
  day: (iso: string) => string;
  /** `Mon, 1 Jul` */
  weekday: (iso: string) => string;
  days: (first: string, last: string) => string;
  /** Date and time of an instant. */
  instant: (iso: string) => string;
  list: (values: readonly string[]) => string;
}

const NOTHING = '–';

/** Return the locale of numbers and dates: the browser's own where it is of the page's language. */
function localeOf(language: string): string {
  return navigator.languages.find((each) => each.split('-')[0] === language) ?? language;
}

/** Make something when it is first needed. */
function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Return the formatters of a locale. Each is made when it is first used: that takes milliseconds. */
export function createFormat(locale: string): Format {
  const number = (options: Intl.NumberFormatOptions) =>
    lazily(() => new Intl.NumberFormat(locale, options));
  const date = (options: Intl.DateTimeFormatOptions) =>
    lazily(() => new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...options }));
  const large = number({ maximumFractionDigits: 0 });
  const small = number({ maximumFractionDigits: 1 });
  const largeChange = number({ maximumFractionDigits: 0, signDisplay: 'exceptZero' });
  const smallChange = number({ maximumFractionDigits: 1, signDisplay: 'exceptZero' });
  const share = number({ style: 'percent', maximumFractionDigits: 1 });
  const shareChange = number({
    style: 'percent',
    maximumFractionDigits: 1,
    signDisplay: 'exceptZero',
  });
  const day = date({ day: 'numeric', month: 'short', year: 'numeric' });
  const weekday = date({ weekday: 'short', day: 'numeric', month: 'short' });
  const instant = lazily(
    () => new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }),
  );
  const list = lazily(() => new Intl.ListFormat(locale, { type: 'conjunction' }));
  const byDigits = new Map<number, () => Intl.NumberFormat>();
  const ofDigits = (digits: number) => {
    const format = byDigits.get(digits) ?? number({ maximumFractionDigits: digits });
    byDigits.set(digits, format);
    return format();
  };
  const known =
    (format: (value: number) => string) =>
    (value: number | null | undefined): string =>
      value === null || value === undefined ? NOTHING : format(value);
  const bySize = (coarse: () => Intl.NumberFormat, fine: () => Intl.NumberFormat) =>
    known((value) => (Math.abs(value) < 100 ? fine : coarse)().format(value));
  return {
    locale,
    units: bySize(large, small),
    change: bySize(largeChange, smallChange),
    share: known((value) => share().format(value)),
    shareChange: known((value) => shareChange().format(value)),
    number: (value, digits = 2) => ofDigits(digits).format(value),
    day: (iso) => day().format(timeOf(iso)),
    weekday: (iso) => weekday().format(timeOf(iso)),
    days: (first, last) =>
      first === last ? day().format(timeOf(first)) : day().formatRange(timeOf(first), timeOf(last)),
    instant: (iso) => instant().format(new Date(iso)),
    list: (values) => list().format(values),
  };
}

const formats = new Map<string, Format>();

/** Return the formatters of a locale, made once: making them takes longer than most renderings. */
function formatOf(locale: string): Format {
  let format = formats.get(locale);
  if (format === undefined) {
    format = createFormat(locale);
    formats.set(locale, format);
  }
  return format;
}

/** Return the formatters of numbers and dates in the reader's locale. */
export function useFormat(): Format {
  const { i18n } = useTranslation();
  return formatOf(localeOf(i18n.language));
}
