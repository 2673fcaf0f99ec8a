import type { tree as english } from '../en/tree';

export const tree: typeof english = {
  title: 'Jerarquía',
};
