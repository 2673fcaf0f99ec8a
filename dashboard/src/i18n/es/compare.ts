import type { compare as english } from '../en/compare';

export const compare: typeof english = {
  title: 'Comparar',
  lead: '{{days}}: {{node}} es lo que más vende, {{units}} unidades.',
  changes:
    'Frente al año anterior, el mejor resultado es el de {{best}} ({{up}}) y el peor, el de {{worst}} ({{down}}).',
  add: 'Añadir a la comparación',
  chosen: 'Comparados',
  remove: 'Quitar {{node}}',
  full: 'Se pueden comparar {{count}} como máximo. Quite uno para añadir otro.',
  mode: { label: 'Mostrar', units: 'Unidades', index: 'Inicio = 100' },
  empty: 'Elija al menos dos tiendas, productos u otros grupos para compararlos.',
  suggestion: 'Comparar {{nodes}}',
  chart: 'Comparación de {{nodes}}',
  legend: 'Hasta el {{day}} (la línea vertical), lo vendido; después, el pronóstico.',
  unitsHint: 'En unidades.',
  indexHint:
    'Cada línea se divide por su propio primer valor mostrado aquí, que es 100: 110 es un 10 % más.',
  omitted_one: 'Se omite {{nodes}}: su primer valor es 0, que no puede ser 100.',
  omitted_other: 'Se omiten {{nodes}}: su primer valor es 0, que no puede ser 100.',
  sums: 'Sumas del período',
  caption: 'Sumas de {{days}}',
  change: 'Cambio',
  yearBefore:
    'El año anterior son los mismos días de la semana 52 semanas antes; «–» si no se conocen todos.',
};
