import type { batch as english } from '../en/batch';

export const batch: typeof english = {
  title: 'Pronósticos de muchas series',
};
