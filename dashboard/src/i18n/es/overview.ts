import type { overview as english } from '../en/overview';

export const overview: typeof english = {
  title: 'Resumen',
  lead: {
    units: 'Se esperan {{units}} unidades ({{days}}).',
    known: 'Se conocen las ventas hasta el {{day}}.',
  },
  stats: {
    week: 'La próxima semana',
    all: 'En total ({{length}})',
    band: '80 %: {{lower}} – {{upper}}',
    year: 'Frente al año anterior',
    known: 'Ventas conocidas hasta',
    age_zero: 'Lo más nuevo posible',
    age_one: '{{count}} día de retraso',
    age_other: '{{count}} días de retraso',
    release: 'Modelo entrenado hasta',
  },
  freshness: {
    demo: 'Son los datos de demostración. Terminan el {{day}} y no se renuevan.',
    degraded: 'Parte del servicio está afectada',
    quality_one: '{{count}} aviso sobre el modelo',
    quality_other: '{{count}} avisos sobre el modelo',
  },
  chart: { title: 'Todas las ventas', open: 'Abrir el pronóstico' },
  exceptions: {
    title: 'Mire esto primero',
    kind: 'Tipo',
    level: 'Nivel',
    all: 'Todo',
    option: '{{title}} ({{count}})',
    more: 'Mostrar los {{count}}',
    none: 'Nada llama la atención. Todos los pronósticos están cerca de lo esperable.',
    notChecked_one: 'No se pudo buscar {{count}} tipo',
    notChecked_other: 'No se pudieron buscar {{count}} tipos',
    stake: '{{change}} unidades',
    likeForLike: 'En términos comparables, sin lo nuevo desde entonces: {{change}}.',
    inSample:
      'El modelo se entrenó con estos días: aquí acierta más de lo que acertará en el futuro.',
    kinds: {
      'last-year': {
        title: 'Distinto del año pasado',
        means:
          'El pronóstico está lejos de lo vendido en los mismos días de la semana un año antes.',
        text: '{{days}}: {{forecast}} previstas, {{reference}} vendidas el año anterior.',
      },
      recent: {
        title: 'Distinto de las últimas semanas',
        means: 'El pronóstico está lejos del ritmo de las últimas cuatro semanas.',
        text: '{{days}}: {{forecast}} previstas, {{reference}} al ritmo de las últimas cuatro semanas.',
      },
      'outside-band': {
        title: 'Ventas distintas de lo previsto',
        means:
          'Las ventas de las últimas cuatro semanas quedan fuera del intervalo del 95 % que el modelo actual les da a partir de las ventas anteriores.',
        text: '{{days}}: {{reference}} vendidas, {{forecast}} previstas.',
      },
      stockout: {
        title: 'Dejó de venderse',
        means: 'Suele venderse y últimamente no vendió nada: quizá esté agotado.',
        text: 'No se vendió nada ({{days}}); lo habitual serían {{forecast}}.',
      },
      promotion: {
        title: 'Promociones distintas de las habituales',
        means:
          'Hay muchas más o muchas menos promociones previstas que en las últimas cuatro semanas.',
        text: '{{days}}: {{forecast}} previstas, {{reference}} al ritmo de las últimas cuatro semanas.',
      },
      'new-series': {
        title: 'Nuevo',
        means:
          'Anunciado o sin un año completo de ventas: no hay año anterior con que comparar, y el pronóstico tiene menos en que apoyarse.',
        text: '{{days}}: {{forecast}} previstas, {{reference}} vendidas en otros tantos días antes.',
      },
    },
  },
};
