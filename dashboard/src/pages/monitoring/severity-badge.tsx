import { useTranslation } from 'react-i18next';
import type { DriftEvent } from '@/api/monitoring';
import { Badge, type Tone } from '@/ui/layout';

type Severity = DriftEvent['severity'];

const TONES: Record<Severity, Tone> = { critical: 'error', warning: 'warn', info: 'info' };

/** How soon somebody should look at it. */
export function SeverityBadge({ severity }: { severity: Severity }) {
  const { t } = useTranslation();
  return <Badge tone={TONES[severity]}>{t(`monitoring.severity.${severity}`)}</Badge>;
}
