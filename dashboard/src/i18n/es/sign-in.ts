import type { signIn as english } from '../en/sign-in';

export const signIn: typeof english = {
  title: 'Iniciar sesión',
  checking: 'Comprobando…',
  continue: 'Continuar',
  signedIn: 'Ha iniciado sesión como {{name}}.',
  notRequired: 'Este servidor no exige iniciar sesión.',
  noWay:
    'Este servidor no acepta desde esta página ni claves ni inicio de sesión único. Consulte a quien lo administra.',
  arriving: 'Iniciando su sesión…',
  key: {
    title: 'Con una clave',
    label: 'Clave',
    hint: 'Se la da quien administra las claves de su organización.',
    show: 'Mostrar',
    refused: 'No se aceptó la clave',
  },
  keep: {
    label: 'Mantener la sesión hasta cerrar esta pestaña',
    inMemory: 'La sesión termina al volver a cargar la página. No se guarda nada.',
    inTab:
      'Se guarda solo en esta pestaña y desaparece al cerrarla. No lo elija en un equipo que usen otras personas.',
  },
  single: {
    title: 'Con el acceso de su organización',
    text: 'Irá a {{host}} y después volverá aquí.',
    go: 'Ir al inicio de sesión',
    refused: 'Allí se le reconoce, pero aquí no se le da acceso',
  },
  fault: {
    title: 'No se pudo iniciar sesión',
    said: 'Respuesta:',
    unreachable:
      'Desde esta página no se llega al acceso de su organización. Compruebe su conexión; si funciona, quien lo administra debe permitir llamadas desde esta dirección.',
    insecure:
      'El inicio de sesión único necesita una conexión cifrada. Abra esta página con una dirección que empiece por https.',
    denied: 'El acceso de su organización no le dejó entrar, o usted canceló. Inténtelo de nuevo.',
    interaction:
      'El acceso de su organización tiene que preguntarle algo antes. Inténtelo de nuevo.',
    refused:
      'El acceso de su organización rechazó la petición. Inténtelo de nuevo; si se repite, comunique el texto de abajo.',
    stale: 'Este inicio de sesión empezó en otra pestaña o ya se usó. Empiece de nuevo.',
    invalid:
      'La respuesta del acceso de su organización no es válida. Empiece de nuevo; si se repite, comunique el texto de abajo.',
  },
};
