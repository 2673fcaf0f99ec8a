import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'wouter';
import icon from '@/favicon.svg';
import { Button } from '@/ui/button';
import { Dialog } from '@/ui/dialog';
import { Account } from './account';
import { Navigation } from './navigation';
import { Preferences } from './preferences';
import styles from './shell.module.css';

/** The frame around every page: navigation, account and preferences. */
export function Shell({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const [menuOpen, setMenuOpen] = useState(false);
  const [location] = useLocation();
  const main = useRef<HTMLElement>(null);
  const before = useRef(location);
  useEffect(() => {
    if (before.current === location) return; // the first page: the browser has the focus
    before.current = location;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [location]);
  const brand = (
    <Link href="/" className={styles.brand}>
      <img src={icon} alt="" width={28} height={28} />
      {t('app.name')}
    </Link>
  );
  return (
    <>
      <a
        className={styles.skip}
        href="#content"
        onClick={(event) => {
          event.preventDefault(); // the base of the page would lead a fragment elsewhere
          main.current?.focus();
        }}
      >
        {t('app.skip')}
      </a>
      <div className={styles.shell}>
        <header className={styles.side}>
          {brand}
          <Navigation />
          <div className={styles.foot}>
            <Account />
            <Preferences />
          </div>
        </header>
        <header className={styles.top}>
          {brand}
          <Button onClick={() => setMenuOpen(true)}>{t('app.menu')}</Button>
        </header>
        <main ref={main} id="content" tabIndex={-1} className={styles.main}>
          {children}
        </main>
      </div>
      <Dialog title={t('app.menu')} open={menuOpen} onClose={() => setMenuOpen(false)}>
        <Navigation onNavigate={() => setMenuOpen(false)} />
        <Account />
        <Preferences />
      </Dialog>
    </>
  );
}
