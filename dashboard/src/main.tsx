import './styles/base.css';
import { applyTheme, followSystemTheme } from './shell/theme';
import { pinBase } from './url/base';

pinBase();
applyTheme();
followSystemTheme();

// Each import is run in a task of its own, between which the browser paints and answers: a phone
// takes a tenth of a second for React alone.
const { createRoot } = await import('react-dom/client');
const { startTexts } = await import('./i18n');
await startTexts();
const { showApp } = await import('./app');
showApp(createRoot(document.getElementById('root') as HTMLElement));
