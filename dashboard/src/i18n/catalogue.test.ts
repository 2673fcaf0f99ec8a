import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
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

const SOURCE = path.resolve(import.meta.dirname, '..');

/** Return the code of the page, without tests and catalogues. */
function source(): string {
  return readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !/\.test\.|\.d\.ts$|^(i18n|test)\b/.test(name))
    .map((name) => readFileSync(path.join(SOURCE, name), 'utf8'))
    .join('\n');
}

/** Return a pattern for each key that code names, as it is or with parts that are filled in. */
function keysIn(code: string): RegExp[] {
  const plain = code.matchAll(/['"]([a-z][\w-]*(?:\.[\w-]+)*)['"]/gi);
  const filled = code.matchAll(/`([a-z][\w-]*\.(?:[\w.-]|\$\{[^}]*\})+)`/gi);
  const names = new Set([...plain, ...filled].map(([, name]) => name as string));
  return [...names]
    .map((name) => name.replaceAll(/\$\{[^}]*\}/g, '[^.]+'))
    .map((pattern) => new RegExp(`^${pattern}(_zero|_one|_other)?$`));
}

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

  it('has no text that the page does not use', () => {
    const used = keysIn(source());
    const unused = texts(english).filter(([name]) => !used.some((each) => each.test(name)));
    expect(unused.map(([name]) => name)).toEqual([]);
  });

  it('is loaded for a language when it is chosen, and the document says which it is', async () => {
    await changeLanguage('es');
    expect(document.documentElement.lang).toBe('es');
    expect(i18next.t('nav.forecast')).toBe('Pronóstico');
  });
});
