import { useTranslation } from 'react-i18next';
import { changeLanguage, LANGUAGES, type Language, rememberLanguage } from '@/i18n';
import { SelectField } from '@/ui/field';
import { chooseTheme, THEMES, type Theme, useTheme } from './theme';

/** Colours and language of the page, kept in this browser. */
export function Preferences() {
  const { t, i18n } = useTranslation();
  const theme = useTheme();
  return (
    <>
      <SelectField<Theme>
        label={t('theme.label')}
        value={theme}
        choices={THEMES.map((value) => ({ value, label: t(`theme.${value}`) }))}
        onChange={chooseTheme}
      />
      <SelectField<Language>
        label={t('language.label')}
        value={i18n.language as Language}
        choices={Object.entries(LANGUAGES).map(([value, label]) => ({
          value: value as Language,
          label,
        }))}
        onChange={(language) => {
          rememberLanguage(language);
          void changeLanguage(language);
        }}
      />
    </>
  );
}
