import { Component, type ReactNode } from 'react';
import { Translation } from 'react-i18next';
import { Notice } from '@/ui/layout';

/** Shows a fault of the page in place of the page, instead of a blank window. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <Translation>
        {(t) => (
          <Notice tone="error" title={t('problem.page.title')}>
            <p>{t('problem.page.text')}</p>
            <code>{String(error)}</code>
          </Notice>
        )}
      </Translation>
    );
  }
}
