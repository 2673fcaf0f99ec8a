import type { forecast as english } from '../en/forecast';

export const forecast: typeof english = {
  title: 'Pronóstico',
  lead: '{{days}}: {{units}} unidades, entre {{lower}} y {{upper}} con una certeza del 80 %.',
  leadAdjusted:
    '{{days}}: {{units}} unidades con ajustes. El modelo por sí solo prevé {{statistical}}, entre {{lower}} y {{upper}} con una certeza del 80 %.',
  first: 'Primer día',
  firstWeek: 'Primera semana',
  origin: {
    label: 'Tal como se veía el',
    now: 'Lo último: ventas hasta el {{day}}',
    days_one: '{{day}} (hace {{count}} semana)',
    days_other: '{{day}} (hace {{count}} semanas)',
  },
  overrides: {
    toggle: 'Con ajustes',
    intervals:
      'Los intervalos son los del pronóstico del propio modelo: los ajustes no los mueven.',
    without: 'Sin ajustes',
    moved: '{{change}} por los ajustes',
  },
  stats: {
    sum: 'En {{length}}',
    band: '{{level}} %: {{lower}} – {{upper}}',
    year: 'Frente al año anterior',
    period: 'Frente al período anterior',
    sold: '{{units}} vendidas ({{days}})',
    unknown: 'No se conocen las ventas de entonces.',
    method: 'Hecho por',
    rests: 'Con ventas hasta el {{day}}',
  },
  review: {
    title: 'Lo que dijimos y lo que ocurrió',
    high: 'Pronóstico del {{origin}}: {{forecast}} para {{days}}. Vendido: {{sold}}. Se pronosticaron {{units}} de más{{share}}.',
    low: 'Pronóstico del {{origin}}: {{forecast}} para {{days}}. Vendido: {{sold}}. Se pronosticaron {{units}} de menos{{share}}.',
    equal: 'Pronóstico del {{origin}}: {{forecast}} para {{days}}. Se vendió lo mismo.',
    ofSold: '{{share}} de lo vendido',
    partly: 'Por ahora se pueden comparar {{known}} de {{length}}.',
    said: 'Pronosticado',
    sold: 'Vendido',
    tooMuch: 'De más',
    tooLittle: 'De menos',
    daily: 'Error habitual por día',
    weekly: 'Error habitual por semana',
    ofSales: '{{share}} de la venta media por día',
    ofSalesWeekly: '{{share}} de la venta media por semana',
    within: 'Dentro del intervalo del 80 %',
    count: '{{known}} de {{all}}',
    expected: 'Lo esperable es cerca del 80 %.',
  },
  basis: {
    model:
      'Modelo {{version}}, entrenado con ventas hasta el {{trained}}. El pronóstico se apoya en ventas hasta el {{origin}}.',
    known: 'Conocido de antemano: {{list}}.',
    until: '{{name}} hasta el {{day}}',
    degraded: 'Parte del servicio está afectada, y este pronóstico no se hizo del modo habitual.',
    past: 'No se pudo cargar lo vendido antes:',
  },
  next: {
    title: 'Seguir con {{node}}',
    why: '¿Por qué este pronóstico?',
    whatIf: '¿Qué pasaría si…?',
    plan: 'Ajustarlo',
  },
  export: {
    basis: 'Acerca de',
    node: 'Pronóstico de',
    days: 'Días',
    model: 'Modelo',
    address: 'Dirección',
    letters:
      'El PDF no tiene letras para «{{text}}». Elija otro formato o imprima la página como PDF.',
  },
};
