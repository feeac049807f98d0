/** Light or dark: as the system is, or as somebody chose. */
import { effect, signal } from "@preact/signals";
import { remember, remembered } from "./memory.ts";

/** What can be chosen. */
export const THEMES = ["system", "light", "dark"] as const;
/** One of them. */
export type Theme = (typeof THEMES)[number];

const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(system.matches);
system.addEventListener("change", ({ matches }) => systemIsDark.value = matches);

/** The choice. */
export const theme = signal<Theme>(THEMES.find((name) => name === remembered("theme")) ?? "system");

/** Whether the panel is dark now; for canvases, which no style sheet reaches. */
export function isDark(): boolean {
  return theme.value === "system" ? systemIsDark.value : theme.value === "dark";
}

/** Chooses and remembers. */
export function chooseTheme(name: Theme): void {
  theme.value = name;
  remember("theme", name === "system" ? undefined : name);
}

effect(() => {
  const { dataset } = document.documentElement;
  if (theme.value === "system") delete dataset.theme;
  else dataset.theme = theme.value;
});
