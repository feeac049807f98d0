/** The text of `runtime-config.json`: taken apart without ever quoting it, since keys may stand in it. */
import { createHash } from "node:crypto";
import type { Fault } from "./fault.ts";
import { isObject, type JsonObject } from "./json_object.ts";

/** Name of the settings file. */
export const SETTINGS_FILE = "runtime-config.json";

/** The members of a settings file, or why they can't be read. */
export type Parsed = { ok: true; file: JsonObject } | { ok: false; faults: Fault[] };

/**
 * Takes a settings file's text apart. A file that is not there is an empty object; an empty one is damaged.
 * @param where how faults call the file.
 */
export function parseSettings(text: string | undefined, where: string): Parsed {
  if (text === undefined) return { ok: true, file: {} };
  const refuse = (found: string): Parsed => ({
    ok: false,
    faults: [{ where, path: "", found, expected: "one JSON object" }],
  });
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ""));
    return isObject(value) ? { ok: true, file: value } : refuse("JSON that is not an object");
  } catch (error) {
    return refuse(damage(text, error));
  }
}

/** A word for the state of a file: it changes whenever the text does. */
export function revisionOf(text: string | undefined): string {
  return createHash("sha256").update(text ?? "").digest("hex").slice(0, 16);
}

/** Text of a file, or `undefined` if there is none. @throws whatever else the disk answers. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

// The parser's own message quotes the text around the fault; only its position may be passed on.
function damage(text: string, error: unknown): string {
  if (text.trim() === "") return "an empty file";
  const message = error instanceof Error ? error.message : "";
  const [, offset, place] = /position (\d+) (\(line \d+ column \d+\))/.exec(message) ?? [];
  if (/unexpected end/i.test(message) || Number(offset) === text.length) return "JSON that is cut off";
  return place ? `text that is not JSON ${place}` : "text that is not JSON";
}
