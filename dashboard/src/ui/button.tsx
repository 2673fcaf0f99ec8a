import type { ComponentProps } from 'react';
import { Link } from 'wouter';
import { classes } from './classes';
import styles from './ui.module.css';

type Look = 'normal' | 'primary' | 'quiet' | 'danger';

export function Button({
  look = 'normal',
  className,
  type = 'button',
  ...rest
}: ComponentProps<'button'> & { look?: Look }) {
  const name = classes(styles.button, look !== 'normal' && styles[look], className);
  return <button {...rest} type={type} className={name} />;
}

/** A link that looks like a button: it leads to another page and does nothing else. */
export function ButtonLink({
  look = 'normal',
  ...rest
}: ComponentProps<typeof Link> & { look?: Look }) {
  return <Link {...rest} className={classes(styles.button, look !== 'normal' && styles[look])} />;
}
