import i18next from 'i18next';
import { afterEach, describe, expect, it } from 'vitest';
import { changeLanguage } from '.';
import { english } from './en';
import { spanish } from './es';

function texts(part: object, path = ''): [string, string][] {
  return Object.entries(part).flatMap(([name, value]) =>
    typeof value === 'string'
      ? [[`${path}${name}`, value] as [string, string]]
      : texts(value, `${path}${name}.`),
  );
}

const placeholders = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((each) => each[1]);

afterEach(() => changeLanguage('en'));

describe('the catalogue', () => {
  it('has the same texts in each language, with the same values in them', () => {
    const inEnglish = texts(english);
    const inSpanish = new Map(texts(spanish));
    expect([...inSpanish.keys()]).toEqual(inEnglish.map(([name]) => name));
    for (const [name, text] of inEnglish) {
      expect(placeholders(inSpanish.get(name) ?? '').sort(), name).toEqual(
        placeholders(text).sort(),
      );
    }
  });

  it('has no empty text', () => {
    for (const [name, text] of [...texts(english), ...texts(spanish)]) {
      expect(text.trim(), name).not.toBe('');
    }
  });

  it('is loaded for a language when it is chosen, and the document says which it is', async () => {
    await changeLanguage('es');
    expect(document.documentElement.lang).toBe('es');
    expect(i18next.t('nav.forecast')).toBe('Pronóstico');
  });
});
