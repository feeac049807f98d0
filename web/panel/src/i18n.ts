/**
 * Chinese and English. A dictionary is plain data beside the page that shows it; what takes a number or a name is
 * a function. A text that one language lacks is a type error, and components that read one follow a change.
 */
import { computed, signal } from "@preact/signals";
import { remember, remembered } from "./memory.ts";

/** The languages, by the name each gives itself. */
export const LANGUAGES = { en: "English", zh: "中文" } as const;
/** One of them. */
export type Language = keyof typeof LANGUAGES;

/** A text, a text made of something, or a group of them. */
export type Texts = { [name: string]: string | ((...given: never[]) => string) | Texts };
type Same<T> = { [K in keyof T]: T[K] extends string ? string : T[K] extends Texts ? Same<T[K]> : T[K] };

const isLanguage = (name: string | undefined): name is Language => name !== undefined && name in LANGUAGES;

function ofBrowser(): Language {
  return navigator.languages.map((name) => name.slice(0, 2).toLowerCase()).find(isLanguage) ?? "en";
}

const chosen = remembered("language");
/** The language of the panel. */
export const language = signal<Language>(isLanguage(chosen) ? chosen : ofBrowser());
/** The same for `Intl`, with the region where the browser names one. */
export const locale = computed(() =>
  navigator.languages.find((name) => name.toLowerCase().startsWith(language.value)) ??
    (language.value === "zh" ? "zh-CN" : "en")
);

/** Changes the language and remembers it. */
export function chooseLanguage(name: Language): void {
  language.value = name;
  remember("language", name);
}

/**
 * Makes a dictionary: `const texts = dictionary({ en: {…}, zh: {…} })`, read in a component as
 * `const t = texts();` and `t.title`, `t.found(3)`.
 */
export function dictionary<T extends Texts>(texts: { en: T; zh: NoInfer<Same<T>> }): () => Same<T> {
  return () => language.value === "zh" ? texts.zh : texts.en as Same<T>;
}

/** The form of a text for a number, for English: `plural(n, "1 key", `${n} keys`)`. Chinese has only one. */
export function plural(count: number, one: string, other: string): string {
  return count === 1 ? one : other;
}
