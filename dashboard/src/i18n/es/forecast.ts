import type { forecast as english } from '../en/forecast';

export const forecast: typeof english = {
  title: 'Pronóstico',
  lead: '{{days}}: se esperan {{units}} unidades; la banda del 80 % va de {{lower}} a {{upper}}.',
  leadAdjusted:
    '{{days}}: se esperan {{units}} unidades con ajustes. El modelo por sí solo prevé {{statistical}}; su banda del 80 % va de {{lower}} a {{upper}}.',
  first: 'Primer día',
  firstWeek: 'Primera semana',
  origin: {
    label: 'Con ventas hasta',
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
    none: 'No hay ajustes en estos días: es el pronóstico del propio modelo.',
  },
  stats: {
    sum_one: 'En {{length}}',
    sum_other: 'En {{length}}',
    band: '{{level}} %: {{lower}} – {{upper}}',
    year: 'Frente al año anterior',
    period: 'Frente al período anterior',
    periodWeeks_one: 'Frente a los mismos días, {{count}} semana antes',
    periodWeeks_other: 'Frente a los mismos días, {{count}} semanas antes',
    periodOfWeeks_one: 'Frente a {{count}} semana antes',
    periodOfWeeks_other: 'Frente a {{count}} semanas antes',
    sold: '{{units}} vendidas ({{days}})',
    unknown: 'No se conocen las ventas de entonces.',
    method: 'Hecho por',
    rests: 'Con ventas hasta el {{day}}',
  },
  review: {
    title: 'Lo que habría previsto el modelo actual y lo que ocurrió',
    high: 'Con ventas hasta el {{origin}}, el modelo actual habría previsto {{forecast}} para {{days}}. Vendido: {{sold}}. Son {{units}} de más{{share}}.',
    low: 'Con ventas hasta el {{origin}}, el modelo actual habría previsto {{forecast}} para {{days}}. Vendido: {{sold}}. Son {{units}} de menos{{share}}.',
    equal:
      'Con ventas hasta el {{origin}}, el modelo actual habría previsto {{forecast}} para {{days}}. Se vendió lo mismo.',
    notThen: 'No es lo que se publicó entonces: pudo ser de otro modelo.',
    ofSold: '{{share}} de lo vendido',
    partly: 'Por ahora se pueden comparar {{known}} de {{length}}.',
    said: 'Habría previsto',
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
    total: 'Total',
    totalBounds:
      'Los límites de la fila del total son los de la suma, no las sumas de los límites de los días.',
    letters:
      'El PDF no tiene letras para «{{text}}». Elija otro formato o imprima la página como PDF.',
  },
};
