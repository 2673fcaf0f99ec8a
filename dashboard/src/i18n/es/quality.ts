import type { quality as english } from '../en/quality';

export const quality: typeof english = {
  title: '¿Qué precisión tienen los pronósticos?',
};
