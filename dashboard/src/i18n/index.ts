import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { type Catalogue, english } from './en';

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: Catalogue };
  }
}

/** Languages of the page, each with its own name. */
export const LANGUAGES = { en: 'English', es: 'Español' } as const;
export type Language = keyof typeof LANGUAGES;

const STORED = 'mlrf.language';

function isLanguage(value: string | null | undefined): value is Language {
  return value !== null && value !== undefined && value in LANGUAGES;
}

function preferredLanguage(): Language {
  const stored = localStorage.getItem(STORED);
  if (isLanguage(stored)) return stored;
  return navigator.languages.map((each) => each.split('-')[0]).find(isLanguage) ?? 'en';
}

/** Load a language's texts, use them, and remember the choice in this browser. */
export async function changeLanguage(language: Language): Promise<void> {
  if (language === 'es' && !i18next.hasResourceBundle('es', 'translation')) {
    const { spanish } = await import('./es');
    i18next.addResourceBundle('es', 'translation', spanish);
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}

export function rememberLanguage(language: Language): void {
  localStorage.setItem(STORED, language);
}

/** Start with the language that was chosen, or else the first of the browser's that the page has. */
export async function startTexts(): Promise<void> {
  await i18next.use(initReactI18next).init({
    resources: { en: { translation: english } },
    lng: 'en',
    fallbackLng: 'en',
    showSupportNotice: false, // it advertises on the console
    interpolation: { escapeValue: false }, // React escapes
  });
  await changeLanguage(preferredLanguage());
}
