import './styles/base.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { startTexts } from './i18n';
import { applyTheme, followSystemTheme } from './shell/theme';
import { pinBase } from './url/base';

pinBase();
applyTheme();
followSystemTheme();
await startTexts();
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
