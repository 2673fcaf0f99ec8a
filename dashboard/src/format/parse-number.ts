/**
 * Return the number that a person wrote in the manner of a locale, or undefined if it is none.
 *
 * `1.500` is one and a half to some and fifteen hundred to others: only the locale's own decimal
 * mark is read, and its thousands marks only where they divide thousands. Nothing is guessed.
 */
export function parseNumber(text: string, locale: string): number | undefined {
  const parts = new Intl.NumberFormat(locale, { useGrouping: 'always' }).formatToParts(12345.6);
  const mark = (type: string) => parts.find((part) => part.type === type)?.value ?? '';
  const [group, decimal] = [mark('group'), mark('decimal')].map(escaped);
  const plain = text
    .trim()
    .replace(/[\u2212\u2013]/, '-') // a minus sign as it is typeset
    .replace(/[\u00a0\u202f]/g, ' ');
  const groups = group?.trim() ? group : '[ ]';
  const whole = `\\d{1,3}(?:${groups}\\d{3})+|\\d+`;
  const match = new RegExp(`^([+-]?)\\s?(${whole})(?:${decimal}(\\d+))?$`).exec(plain);
  if (match === null) return undefined;
  const [, sign, digits = '', fraction = '0'] = match;
  return Number(`${sign}${digits.replace(/\D/g, '')}.${fraction}`);
}

function escaped(mark: string): string {
  return mark.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
