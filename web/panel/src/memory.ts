/** What the panel remembers in this browser: choices of looks, the last prompts. Never anything secret. */

const PREFIX = "imgrouter.";

/** What was remembered under a name. Browsers may refuse storage; then nothing is. */
export function remembered(name: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Remembers a text, or forgets it. */
export function remember(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // Without storage a choice holds until the page is left.
  }
}
