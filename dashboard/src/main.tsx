import './styles/base.css';
import { StrictMode, startTransition } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { startTexts } from './i18n';
import { applyTheme, followSystemTheme } from './shell/theme';
import { pinBase } from './url/base';

pinBase();
applyTheme();
followSystemTheme();
await startTexts();
const root = createRoot(document.getElementById('root') as HTMLElement);
// in steps, between which the browser may paint and answer
startTransition(() =>
  root.render(
    <StrictMode>
      <App />
    </StrictMode>,
  ),
);
