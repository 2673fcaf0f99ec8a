import { useTranslation } from 'react-i18next';
import { Button } from '@/ui/button';
import { Segments, TextField } from '@/ui/field';
import ui from '@/ui/ui.module.css';
import { EMPTY, MOST_SCENARIOS, replaceAt, type Scenario } from './scenarios';

/** Return the names of scenarios, with a number for those that have none. */
export function useScenarioNames(list: readonly Scenario[]): string[] {
  const { t } = useTranslation();
  return list.map(({ name }, at) => name || t('whatIf.scenario.numbered', { number: at + 1 }));
}

/** Choice among scenarios; the chosen one is renamed, copied and removed here. */
export function ScenarioBar({
  list,
  chosen,
  onChoose,
  onEdit,
}: {
  list: readonly Scenario[];
  chosen: number;
  onChoose: (at: number) => void;
  onEdit: (list: readonly Scenario[]) => void;
}) {
  const { t } = useTranslation();
  const names = useScenarioNames(list);
  const scenario = list[chosen] as Scenario;
  const full = list.length >= MOST_SCENARIOS;

  function append(added: Scenario): void {
    onEdit([...list, added]);
    onChoose(list.length);
  }

  function remove(): void {
    onEdit(list.filter((_, at) => at !== chosen));
    onChoose(Math.max(0, chosen - 1));
  }

  return (
    <div className={ui.toolbar}>
      <Segments
        label={t('whatIf.scenario.choose')}
        value={String(chosen)}
        choices={names.map((label, at) => ({ value: String(at), label }))}
        onChange={(at) => onChoose(Number(at))}
      />
      <TextField
        label={t('whatIf.scenario.name')}
        value={scenario.name}
        placeholder={names[chosen]}
        maxLength={60}
        onChange={(name) => onEdit(replaceAt(list, chosen, { ...scenario, name }))}
      />
      <Button disabled={full} onClick={() => append({ ...EMPTY })}>
        {t('whatIf.scenario.add')}
      </Button>
      <Button
        disabled={full}
        onClick={() =>
          append({
            ...scenario,
            name: t('whatIf.scenario.copyOf', { name: names[chosen] as string }),
          })
        }
      >
        {t('whatIf.scenario.duplicate')}
      </Button>
      <Button disabled={list.length === 1} onClick={remove}>
        {t('whatIf.scenario.remove')}
      </Button>
      {full && (
        <span className={ui.hint}>{t('whatIf.scenario.most', { most: MOST_SCENARIOS })}</span>
      )}
    </div>
  );
}
