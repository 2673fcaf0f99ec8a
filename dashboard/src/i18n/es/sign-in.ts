import type { signIn as english } from '../en/sign-in';

export const signIn: typeof english = {
  title: 'Iniciar sesión',
};
