/** The choices of looks: theme and language, also for who is not logged in yet. */
import { Languages, Monitor, Moon, Sun } from "lucide-preact";
import { chooseLanguage, type Language, language, LANGUAGES } from "../i18n.ts";
import { shellTexts } from "../texts.ts";
import { chooseTheme, isDark, theme, THEMES } from "../theme.ts";
import { Menu } from "./menu.tsx";

const ICONS = { system: Monitor, light: Sun, dark: Moon };

/** Two buttons with a menu each. */
export function LooksMenu() {
  const t = shellTexts();
  return (
    <>
      <Menu
        icon={Languages}
        label={t.language}
        items={Object.entries(LANGUAGES).map(([name, label]) => ({
          label,
          isChosen: name === language.value,
          onChoose: () => chooseLanguage(name as Language),
        }))}
      />
      <Menu
        icon={isDark() ? Moon : Sun}
        label={t.theme}
        items={THEMES.map((name) => ({
          label: t.themes[name],
          icon: ICONS[name],
          isChosen: name === theme.value,
          onChoose: () => chooseTheme(name),
        }))}
      />
    </>
  );
}
