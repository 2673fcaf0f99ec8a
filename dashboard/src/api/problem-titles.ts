import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import type { ProblemAnswer } from './problems';

/** Return what a problem's code means in the page's language; null for a code it does not know. */
export function useProblemTitle(): (code: ProblemAnswer['code']) => string | null {
  const { t, i18n } = useTranslation();
  return useCallback(
    (code) => {
      const key = `problem.code.${code}`;
      return i18n.exists(key) ? t(key as 'problem.code.INVALID_DATE') : null;
    },
    [t, i18n],
  );
}

/**
 * Return a problem in one text: what its code means, and the API's own sentence.
 *
 * The latter is alone where the page speaks English too: it says the same, with the values.
 */
export function useProblemText(): (problem: { code: string; detail: string }) => string {
  const { i18n } = useTranslation();
  const title = useProblemTitle();
  return useCallback(
    ({ code, detail }) => {
      const meaning = i18n.language === 'en' ? null : title(code);
      return meaning === null ? detail : `${meaning}. ${detail}`;
    },
    [i18n.language, title],
  );
}
