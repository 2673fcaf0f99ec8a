import './styles/base.css';
import { createQueryClient, prefetchMeta } from './api/queries';
import { applyTheme, followSystemTheme } from './shell/theme';
import { BASE_PATH, pinBase } from './url/base';
import { PAGES } from './url/links';

pinBase();
applyTheme();
followSystemTheme();

const queries = createQueryClient();
const signingIn = window.location.pathname === `${BASE_PATH}${PAGES.signIn}`;
if (!signingIn) prefetchMeta(queries); // who signs in is not known yet, and would be refused

// Each import is run in a task of its own, between which the browser paints and answers: a phone
// takes a tenth of a second for React alone.
const { createRoot } = await import('react-dom/client');
const { startTexts } = await import('./i18n');
await startTexts();
const { showApp } = await import('./app');
showApp(createRoot(document.getElementById('root') as HTMLElement), queries);
