import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { parseNumber } from '@/format/parse-number';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { Dialog } from '@/ui/dialog';
import { Segments, TextField } from '@/ui/field';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import { GroundsFields, NO_GROUNDS, suffice } from './grounds-fields';
import { type Model, riskOf } from './use-models';
import { type Rollout, type Trial, useTryModel, WAYS, type Way } from './use-rollout';

/** A trial that is to begin, or to change. */
export interface WantedTrial {
  model: Model;
  /** The trial of the model; null if it is to begin. */
  rollout: Rollout | null;
}

/** Form of the trial of a model: as a shadow, or as a canary by the plan or at a share. */
export function TrialDialog({
  wanted,
  served,
  onClose,
  onDone,
}: {
  wanted: WantedTrial | null;
  served: Model | null;
  onClose: () => void;
  onDone: (trial: Trial) => void;
}) {
  const { t } = useTranslation();
  const title = wanted
    ? t(wanted.rollout ? 'trial.form.changeTitle' : 'trial.form.title', {
        bundle: wanted.model.bundle,
      })
    : t('trial.title');
  return (
    <Dialog title={title} open={wanted !== null} onClose={onClose}>
      {wanted && <TrialForm wanted={wanted} served={served} onClose={onClose} onDone={onDone} />}
    </Dialog>
  );
}

/** Return the way that a form begins with: of a trial, the next one. */
function firstWay({ rollout }: WantedTrial): Way {
  if (rollout === null) return 'shadow';
  return rollout.stage === 'canary' && !rollout.automatic ? 'share' : 'plan';
}

/** Return the share that a text names as percent, or null if it names none that there is. */
function shareOf(text: string, locale: string): number | null {
  const percent = parseNumber(text.replace(/\s?%$/, ''), locale);
  return percent !== undefined && percent > 0 && percent <= 100 ? percent / 100 : null;
}

function TrialForm({
  wanted,
  served,
  onClose,
  onDone,
}: {
  wanted: WantedTrial;
  served: Model | null;
  onClose: () => void;
  onDone: (trial: Trial) => void;
}) {
  const { t } = useTranslation();
  const { locale, number } = useFormat();
  const { model, rollout } = wanted;
  const [way, setWay] = useState(firstWay(wanted));
  const [written, setWritten] = useState(rollout?.share ? number(100 * rollout.share) : '');
  const [tried, setTried] = useState(false);
  const [grounds, setGrounds] = useState(NO_GROUNDS);
  const begin = useTryModel();
  const risk = riskOf(model, served);
  const share = shareOf(written, locale);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (way === 'share' && share === null) return;
    const { reason, force } = grounds;
    const trial = { bundle: model.bundle, way, share, reason: reason.trim(), force };
    begin.mutate(trial, { onSuccess: () => onDone(trial) });
  };
  return (
    <form className={ui.dialogForm} onSubmit={submit} noValidate>
      <Segments
        label={t('trial.form.way')}
        value={way}
        choices={WAYS.map((value) => ({ value, label: t(`trial.form.ways.${value}`) }))}
        onChange={setWay}
      />
      <p>{t(`trial.form.text.${way}`)}</p>
      {way === 'share' && (
        <TextField
          label={t('trial.form.share')}
          hint={t('trial.form.shareHint')}
          fault={tried && share === null && t('trial.form.shareFault')}
          inputMode="decimal"
          autoComplete="off"
          value={written}
          onChange={setWritten}
        />
      )}
      <GroundsFields risk={risk} value={grounds} onChange={setGrounds} />
      {begin.error && <ProblemNotice error={begin.error} />}
      <div className={ui.toolbar}>
        <Button type="submit" look="primary" disabled={begin.isPending || !suffice(grounds, risk)}>
          {t(rollout ? 'trial.form.change' : 'trial.form.submit')}
        </Button>
        <Button onClick={onClose}>{t('action.cancel')}</Button>
      </div>
    </form>
  );
}
