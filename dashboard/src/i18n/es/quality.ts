import type { quality as english } from '../en/quality';

export const quality: typeof english = {
  title: '¿Qué tan precisos son los pronósticos?',
  level: 'Nivel',
  group: 'Período',
  off: {
    day: 'A {{days}} días vista, los pronósticos se desviaron un {{wape}} de media.',
    week: 'A {{days}} semanas vista, los pronósticos se desviaron un {{wape}} de media.',
  },
  offBeside: {
    day: 'A {{days}} días vista, los pronósticos se desviaron un {{wape}} de media; el mismo día de la última semana conocida se habría desviado un {{rule}}.',
    week: 'A {{days}} semanas vista, los pronósticos se desviaron un {{wape}} de media; la última semana conocida se habría desviado un {{rule}}.',
  },
  range: { day: 'a {{days}} días', week: 'a {{days}} semanas' },
  offBy: '{{wape}} de desvío',
  inSum: 'En conjunto',
  low: '{{bias}} por debajo',
  high: '{{bias}} por encima',
  intervals: 'Intervalos del {{nominal}}, {{level}}',
  held: '{{held}} dentro',
  warnings: 'Lo que halló la comprobación de este modelo (en inglés)',
  errors: 'Cuánto se desvían, según la anticipación',
  measure: {
    day: 'El desvío es la suma de todos los errores de los días, de más o de menos, como parte de lo vendido (WAPE). Las sumas se pronostican mejor que las series sueltas, porque los errores se compensan.',
    week: 'El desvío es la suma de todos los errores de las semanas, de más o de menos, como parte de lo vendido (WAPE). Las sumas se pronostican mejor que las series sueltas, porque los errores se compensan.',
  },
  table: {
    day: 'Errores por nivel y días de anticipación',
    week: 'Errores por nivel y semanas de anticipación',
  },
  wape: 'Desvío medio',
  bias: 'De más (+) o de menos (−)',
  coverage: {
    title: '¿Se cumplen los intervalos?',
    which: 'Intervalo',
    caption: 'Parte de las ventas dentro de los intervalos del {{nominal}}',
    kept: 'como se promete',
    narrow: 'estrecho',
    wide: 'ancho',
    allKept:
      'Sí: en todos los niveles y con toda anticipación, cerca del {{nominal}} de las ventas estuvo dentro de los intervalos del {{nominal}}.',
    worst: {
      day: 'Se cumplen {{kept}} de {{count}}. Los más alejados del {{nominal}} son los de {{level}}, a {{days}} días: contuvieron el {{held}} de las ventas.',
      week: 'Se cumplen {{kept}} de {{count}}. Los más alejados del {{nominal}} son los de {{level}}, a {{days}} semanas: contuvieron el {{held}} de las ventas.',
    },
    note: 'Estrecho: contuvieron más de 5 puntos menos de lo prometido; planifique con más margen. Ancho: más de 5 puntos más.',
  },
  hard: {
    title: '¿Qué es difícil de pronosticar?',
    order: 'Primero',
    hard: 'Lo más difícil',
    units: 'Más unidades de error',
    easy: 'Lo más fácil',
    more: 'Mostrar más',
    better: 'mejor',
    beaten_one:
      'En {{count}} de las {{shown}} que se muestran, el mismo día de la semana anterior habría sido mejor que el pronóstico.',
    beaten_other:
      'En {{count}} de las {{shown}} que se muestran, el mismo día de la semana anterior habría sido mejor que el pronóstico.',
    noneBeaten:
      'El pronóstico fue mejor que el mismo día de la semana anterior en todo lo que se muestra.',
    none: 'En este nivel no hay ventas de las últimas semanas que comparar.',
    caption: '{{shown}} de {{count}}, {{days}}',
    wrong: 'Unidades de error',
    inSample:
      'El modelo también se entrenó con estos días: la lista dice qué es difícil, pero en el futuro los errores serán mayores.',
    note: 'Las últimas semanas conocidas, pronosticadas como si aún no se conocieran. Un nombre lleva a ese pronóstico junto a lo vendido.',
  },
  check: {
    title: '¿Qué se dijo hace cuatro semanas y qué se vendió?',
    open: 'Comprobar {{node}}',
  },
  none: 'No se midió la precisión de este modelo. Entrénelo con más historia o haga un backtest.',
  source: {
    backtest_one:
      'De un backtest: el modelo se entrenó de nuevo antes de {{count}} período pasado y se comparó con lo vendido entonces.',
    backtest_other:
      'De un backtest: el modelo se entrenó de nuevo antes de cada uno de {{count}} períodos pasados y se comparó con lo vendido entonces.',
    calibration_one:
      'Del entrenamiento: un modelo más sencillo pronosticó {{count}} período pasado que no había visto. El modelo en servicio es algo mejor.',
    calibration_other:
      'Del entrenamiento: un modelo más sencillo pronosticó {{count}} períodos pasados que no había visto. El modelo en servicio es algo mejor.',
  },
};
