import type { forecast as english } from '../en/forecast';

export const forecast: typeof english = {
  title: 'Pronóstico',
  lead: '{{days}}: {{units}} unidades, entre {{lower}} y {{upper}} con una certeza del 80 %.',
  leadAdjusted:
    '{{days}}: {{units}} unidades con ajustes. El modelo solo dice {{statistical}}, entre {{lower}} y {{upper}} con una certeza del 80 %.',
  first: 'Primer día',
  firstWeek: 'Primera semana',
  origin: {
    label: 'Visto desde el',
    now: 'Lo último: ventas hasta el {{day}}',
    days_one: '{{day}} (hace {{count}} semana)',
    days_other: '{{day}} (hace {{count}} semanas)',
  },
  overrides: {
    toggle: 'Con ajustes',
    intervals:
      'Los intervalos son los del pronóstico propio del modelo: los ajustes no los mueven.',
    without: 'Sin ajustes',
    moved: '{{change}} por los ajustes',
  },
  stats: {
    sum: 'En {{length}}',
    band: '{{level}} %: {{lower}} – {{upper}}',
    year: 'Frente al año anterior',
    period: 'Frente al periodo anterior',
    sold: '{{units}} vendidas {{days}}',
    unknown: 'No se conocen las ventas de entonces.',
    method: 'Hecho por',
    rests: 'Con ventas hasta el {{day}}',
  },
  review: {
    title: 'Lo que dijimos y lo que vino',
    high: 'Dicho el {{origin}}: {{forecast}} para {{days}}. Vendido: {{sold}}. Fueron {{units}} de más{{share}}.',
    low: 'Dicho el {{origin}}: {{forecast}} para {{days}}. Vendido: {{sold}}. Fueron {{units}} de menos{{share}}.',
    equal: 'Dicho el {{origin}}: {{forecast}} para {{days}}. Se vendió lo mismo.',
    ofSold: '{{share}} de lo vendido',
    partly: 'Por ahora se pueden comparar {{known}} de {{length}}.',
    said: 'Dicho',
    sold: 'Vendido',
    tooMuch: 'De más',
    tooLittle: 'De menos',
    daily: 'Fallo típico de un día',
    weekly: 'Fallo típico de una semana',
    ofSales: '{{share}} de lo que un día vendió de media',
    ofSalesWeekly: '{{share}} de lo que una semana vendió de media',
    within: 'Dentro del intervalo del 80 %',
    count: '{{known}} de {{all}}',
    expected: 'Debería estarlo cerca del 80 %.',
  },
  basis: {
    model:
      'Modelo {{version}}, entrenado con ventas hasta el {{trained}}. El pronóstico se apoya en ventas hasta el {{origin}}.',
    known: 'Conocido de antemano: {{list}}.',
    until: '{{name}} hasta el {{day}}',
    degraded:
      'Parte del servicio está afectada, y este pronóstico se hizo de otro modo que el habitual.',
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
    origin: 'Ventas conocidas hasta',
    model: 'Modelo',
    address: 'Dirección',
    low: '{{level}} % mínimo',
    high: '{{level}} % máximo',
    letters:
      'El PDF no tiene letras para «{{text}}». Elija otro formato o imprima la página como PDF.',
  },
};
