import type { compare as english } from '../en/compare';

export const compare: typeof english = {
  title: 'Comparar',
  lead: '{{days}}: {{node}} es lo que más vende, {{units}} unidades.',
  changes:
    'Frente a {{basis}}, el mejor resultado es el de {{best}} ({{up}}) y el peor, el de {{worst}} ({{down}}).',
  add: 'Añadir a la comparación',
  chosen: 'Comparados',
  remove: 'Quitar {{node}}',
  full: 'Se pueden comparar {{count}} como máximo. Quite uno para añadir otro.',
  mode: { label: 'Mostrar', units: 'Unidades', index: 'Forma (media propia = 100)' },
  empty: 'Elija al menos dos tiendas, productos u otros grupos para compararlos.',
  suggestion: 'Comparar {{nodes}}',
  chart: 'Comparación de {{nodes}}',
  legend: 'Hasta el {{day}} (la línea vertical), lo vendido; después, el pronóstico.',
  unitsHint: 'En unidades.',
  indexHint:
    'En índice: 100 es la media de cada línea en los días mostrados; 110 es un 10 % más que su propia media. Compara ritmos, no tamaños.',
  omitted_one: 'Se omite {{nodes}}: no vende nada, así que no tiene forma.',
  omitted_other: 'Se omiten {{nodes}}: no venden nada, así que no tienen forma.',
  sums: 'Sumas del período',
  caption: 'Sumas de {{days}}',
  earlier_one: '{{count}} semana antes: {{days}}. «–» si no se conocen todos esos días.',
  earlier_other: '{{count}} semanas antes: {{days}}. «–» si no se conocen todos esos días.',
};
