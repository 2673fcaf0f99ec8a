import { useTranslation } from 'react-i18next';

/** Return a function that writes seconds: exact below a minute, in the two largest units above. */
export function useDuration(): (seconds: number) => string {
  const { t } = useTranslation();
  return (seconds) => {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return t('duration.seconds', { count: whole });
    const minutes = Math.floor(whole / 60);
    if (minutes < 60) return t('duration.minutes', { minutes, seconds: whole % 60 });
    return t('duration.hours', { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
  };
}

/** Return the seconds that something took, by its own times; null while it runs. */
export function secondsOf(job: {
  started_at: string | null;
  finished_at: string | null;
}): number | null {
  if (job.started_at === null || job.finished_at === null) return null;
  return (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000;
}
