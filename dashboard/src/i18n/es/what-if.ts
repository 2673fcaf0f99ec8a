import type { whatIf as english } from '../en/what-if';

export const whatIf: typeof english = {
  title: '¿Qué pasaría si…?',
};
