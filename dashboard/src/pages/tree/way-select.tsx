import { useTranslation } from 'react-i18next';
import { useLevelLabel } from '@/api/nodes';
import type { Meta } from '@/api/queries';
import { SelectField } from '@/ui/field';
import { levelsOfWay, nextLevels } from './way';

/** Choice of the way down: by what the total is divided, by what its parts are, and so on. */
export function WaySelect({
  meta,
  by,
  onChange,
}: {
  meta: Meta;
  by: string;
  onChange: (by: string) => void;
}) {
  const way = levelsOfWay(by);
  return (
    <>
      {[...way, ''].map((chosen, at) => (
        <LevelSelect
          key={way.slice(0, at).join('/')}
          meta={meta}
          above={way.slice(0, at)}
          chosen={chosen}
          onChange={(level) => onChange([...way.slice(0, at), level].filter(Boolean).join('/'))}
        />
      ))}
    </>
  );
}

function LevelSelect({
  meta,
  above,
  chosen,
  onChange,
}: {
  meta: Meta;
  above: readonly string[];
  chosen: string;
  onChange: (level: string) => void;
}) {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const offered = nextLevels(meta, above);
  const levels = chosen === '' || offered.includes(chosen) ? offered : [chosen, ...offered];
  if (levels.length === 0) return null;
  const choices = levels.map((each) => ({ value: each, label: levelLabel(each) }));
  const end = { value: '', label: t('level.bottom') };
  return (
    <SelectField
      label={above.length === 0 ? t('tree.by') : t('tree.thenBy')}
      value={chosen}
      choices={above.length === 0 ? choices : [end, ...choices]}
      onChange={onChange}
    />
  );
}
