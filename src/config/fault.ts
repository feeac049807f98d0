/** What is wrong with a configuration, said in one line that an operator can act on. */

/** One thing that is wrong. */
export interface Fault {
  /** The variable or file it stands in: `PORT`, `data/runtime-config.json`. */
  where: string;
  /** The setting: `system.port`; empty where the whole file is meant. */
  path: string;
  /** What is there now, already fit to be shown. */
  found: string;
  /** What is allowed. */
  expected: string;
}

/** One line about a fault, without a full stop. */
export function describeFault({ where, path, found, expected }: Fault): string {
  return `${where}: ${path === "" ? "" : `${path}: `}found ${found}, expected ${expected}`;
}

/** What stands in for a value that nobody may read. */
export const HIDDEN = "a hidden value";

const MAX_SHOWN = 60;

/** A value as a fault may show it: scalars in full where they are short and harmless, all else by its kind. */
export function showValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "string") return JSON.stringify(shorten(withoutSecrets(value)));
  return String(value);
}

/** Keys do end up in the wrong variable; a run of letters this long is one, and an address may carry a password. */
function withoutSecrets(text: string): string {
  return text
    .replace(/\/\/[^/@\s]*@/g, "//…@")
    .replace(/[\w-]{20,}/g, (run) => `${run.slice(0, 4)}…`)
    .replace(/[?#].*$/s, "?…");
}

function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
