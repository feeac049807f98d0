/** Keys as a file to keep or to import elsewhere. */
import type { KeyView } from "./key_listing.ts";

/** Forms of an export: a key a line, or a table. */
export type ExportFormat = "text" | "csv";

/** Writes keys. @param secrets by id; where there is none the preview is written. */
export function writeKeys(
  keys: readonly KeyView[],
  secrets: ReadonlyMap<string, string>,
  format: ExportFormat,
): string {
  const keyOf = ({ id, preview }: KeyView) => secrets.get(id) ?? preview;
  if (format === "text") return keys.map((key) => `${key.provider}:${keyOf(key)}\n`).join("");
  const rows = keys.map((key) => [
    key.provider,
    key.name,
    keyOf(key),
    key.baseUrl ?? "",
    key.models.join(" "),
    String(key.enabled),
  ]);
  return [HEADER, ...rows].map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}

const HEADER = ["provider", "name", "key", "base_url", "models", "enabled"];

/** RFC 4180; what a spreadsheet would take for a formula is made a text. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",;\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
