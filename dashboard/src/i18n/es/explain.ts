import type { explain as english } from '../en/explain';

export const explain: typeof english = {
  title: '¿Por qué es así el pronóstico?',
};
