import type { trial as english } from '../en/trial';

export const trial: typeof english = {
  title: 'En prueba:',
  asCanary: 'Como canario…',
  changeShare: 'Cambiar la parte…',
  share: 'Parte de los clientes',
  answersNobody: 'Repite solicitudes de otros, y no responde a nadie.',
  goesOn: {
    yes: 'Pasa por sí mismo a la siguiente parte del plan, y tras la última entra en servicio.',
    no: 'Se queda en esta parte de los clientes hasta que usted la cambie.',
  },
  atShare: 'Respuestas con esta parte',
  since: 'Desde {{at}}',
  started: 'Aproximada, en cada proceso; la prueba empezó {{at}}',
  slower: 'Tiempo de sus respuestas',
  slowerOf: 'Frente al modelo activo, para las mismas llamadas',
  slowerUnknown: 'Aún hay muy pocas respuestas a las mismas llamadas',
  prediction: 'Tiempo de una predicción',
  predictionOf: 'Frente al modelo activo',
  worse: 'Errores en los días más recientes',
  worseOf: 'Frente al modelo activo, en promedio de los niveles',
  total: 'Unidades en total',
  totalOf: 'Todo lo que pronostica, frente al modelo activo',
  memory: 'Memoria',
  megabytes: '{{count}} MB',
  uncompared:
    'Aún sin comparar: un servidor lo hace en cuanto ha cargado el modelo, en uno o dos segundos.',
  role: {
    active: 'Modelo activo',
    canary: 'Este modelo, como canario',
    shadow: 'Este modelo, a solicitudes repetidas',
  },
  roles: {
    caption: 'Respuestas desde que empezó la prueba',
    by: 'Por',
    answers: 'Respuestas',
    failures: 'Fallos',
    moved: 'Difieren en',
  },
  recent: 'WAPE en los 28 días más recientes, que un modelo puede haber visto',
  levels: 'Por nivel: errores en los días más recientes, y cuánto se mueven los pronósticos',
  level: 'Nivel',
  active: 'Modelo activo',
  challenger: 'Este modelo',
  errorChange: 'Cambio',
  moved: 'Se mueven',
  form: {
    title: 'Probar {{bundle}}',
    changeTitle: 'Cambiar la prueba de {{bundle}}',
    way: 'Cómo',
    ways: {
      shadow: 'En la sombra',
      plan: 'Como canario, según el plan',
      share: 'Como canario, con una parte',
    },
    text: {
      shadow:
        'Cada servidor lo carga junto al modelo activo y compara los dos. Repite algunas solicitudes, y no responde a nadie.',
      plan: 'Responde a una parte de los clientes, siempre los mismos, y pasa por sí mismo a la siguiente parte del plan. Tras la última entra en servicio. Termina de inmediato si sus respuestas fallan, tardan más o son mucho peores.',
      share:
        'Responde a esta parte de los clientes, siempre los mismos, hasta que usted la cambie. Termina de inmediato si sus respuestas fallan, tardan más o son mucho peores.',
    },
    share: 'Parte de los clientes, en porcentaje',
    shareHint: 'Más de 0 y como máximo 100.',
    shareFault: 'Escriba un número mayor que 0 y como máximo 100, por ejemplo 10.',
    submit: 'Empezar la prueba',
    change: 'Cambiar la prueba',
  },
  done: {
    shadow: '{{bundle}} está en prueba, en la sombra',
    canary: '{{bundle}} está en prueba, como canario',
  },
  ended: {
    active: 'La prueba ha terminado: {{bundle}} está en servicio',
    rejected: 'La prueba ha terminado: {{bundle}} fue rechazado',
    stopped: 'Se terminó la prueba de {{bundle}}',
  },
};
