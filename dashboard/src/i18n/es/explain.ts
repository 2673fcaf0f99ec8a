import type { explain as english } from '../en/explain';

export const explain: typeof english = {
  title: '¿Por qué es así el pronóstico?',
  titleOf: 'Por qué: {{node}}',
  lead: '{{days}}: {{units}} unidades, cuando unas series medias venderían {{base}}. Motivos principales: {{reasons}}.',
  leadPlain: '{{days}}: {{units}} unidades.',
  reason: '{{name}} {{units}}',
  period: 'Días sumados',
  periodWeeks: 'Semanas sumadas',
  previousDay: 'Día anterior',
  nextDay: 'Día siguiente',
  previousWeek: 'Semana anterior',
  nextWeek: 'Semana siguiente',
  dayHint: 'Primer día',
  toForecast: 'Ver el pronóstico',
  toWhatIf: 'Probar un cambio',
  find: 'Buscando {{family}} en la tienda {{store}}…',
  chart: {
    title: 'De una serie media a este pronóstico',
    hint: 'Cada barra empieza donde termina la anterior. Abra un motivo para ver de qué se compone.',
    summary: 'Empieza en {{base}} unidades y termina en {{units}}. {{reasons}}.',
    step: 'Paso',
    value: 'Valor',
    change: 'Unidades',
    running: 'Suma hasta aquí',
    rest_one: '{{count}} menor',
    rest_other: '{{count}} menores juntos',
    restShow_one: 'Mostrar {{count}} menor',
    restShow_other: 'Mostrar {{count}} menores',
    restHide: 'Mostrar solo los mayores',
  },
  step: {
    base: 'Día medio de una serie media',
    baseMany: 'Otros tantos días medios de series medias',
    baseDetail: 'donde empieza el modelo antes de saber nada',
    cut: 'Sin ventas negativas',
    cutDetail: 'el modelo dio menos de cero, y un pronóstico no puede ser negativo',
    reconciliation: 'Para que todas las sumas cuadren',
    reconciliationDetail: 'tiendas y productos deben sumar el total',
    notExplained_one: '{{count}} serie sin motivos',
    notExplained_other: '{{count}} series sin motivos',
    notExplainedDetail: 'solo se explican una a una las series mayores',
    notExplainedRule: 'Por una regla simple',
    notExplainedRuleDetail: 'véase arriba; el modelo no da motivos aquí',
    missing: 'Redondeo',
    prediction: 'Pronóstico',
  },
  group: {
    level: 'sus ventas recientes',
    weekday: 'días de la semana',
    season: 'época del mes y del año',
    holiday: 'festivos y eventos',
    promotion: 'promociones y planes',
    store: 'qué es y dónde está',
  },
  groupDetail: {
    level: 'cuánto vendió últimamente y desde cuándo',
    weekday: 'lo habitual en este día de la semana',
    season: 'días de pago, meses y las mismas semanas de años anteriores',
    holiday: 'festivos y eventos del día y de los cercanos',
    promotion: 'promociones, precios y lo demás que está planeado',
    store: 'atributos de la serie, como su región o su tipo',
  },
  scale:
    '«log1p units» es la escala en que trabaja el modelo: el logaritmo de las unidades + 1. Las descripciones vienen del modelo, en inglés.',
  caution:
    'Un motivo es lo que un valor cambia en el cálculo del modelo. No demuestra qué hace comprar a la gente.',
  share:
    'Los motivos cubren el {{share}} del pronóstico; las series más pequeñas quedan fuera de ellos.',
  known:
    '{{covariate}} solo se conoce hasta el {{day}}. Después, el modelo lo trata como desconocido, no como cero.',
  method: {
    model_new: 'Esta serie tiene poca historia: sus motivos se apoyan en pocos días.',
    model_idle: 'Esta serie no ha vendido últimamente. Puede volver a vender o no.',
    zero_never_sold:
      'Esta serie nunca ha vendido: su pronóstico es cero por regla. El modelo no se ejecuta y no hay motivos.',
    analogue:
      'Esta serie aún no tiene ventas. Su pronóstico es la media de series parecidas, cuyos motivos puede ver:',
    seasonal_naive:
      'Este pronóstico es lo vendido el mismo día de la semana anterior, porque esa regla acertaba más aquí. No hay motivos del modelo.',
    weekday_mean:
      'Este pronóstico es la media de ese día en las últimas cuatro semanas, porque esa regla acertaba más aquí. No hay motivos del modelo.',
  },
};
