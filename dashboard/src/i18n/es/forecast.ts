import type { forecast as english } from '../en/forecast';

export const forecast: typeof english = {
  title: 'Pronóstico',
  lead: '{{days}}: {{units}} unidades, entre {{lower}} y {{upper}} con una certeza del 80 %.',
};
