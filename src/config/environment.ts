/**
 * Variables of the process and of a `.env` file, read alike. It knows no setting and needs no library,
 * because the permissions of the start are worked out with it before anything else is loaded.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";

/** Where the data is unless `DATA_DIR` says otherwise. */
export const DEFAULT_DATA_DIR = "./data";

/** Variables by name; none is empty. */
export type Variables = Record<string, string>;

/** What a variable says, or why it can't be read. */
export type Variable =
  | { ok: true; value: string | undefined }
  | { ok: false; where: string; found: string; expected: string };

/**
 * Joins the process's variables with those of `.env` in a folder. The process wins, also where one of the
 * two says `NAME` and the other `NAME_FILE`. An empty variable counts as absent.
 * @throws if there is a `.env` that can't be read.
 */
export function readVariables(env: Record<string, string | undefined>, folder: string): Variables {
  const process = withoutEmpty(env);
  const file = withoutEmpty(parseEnv(readIfThere(join(folder, ".env")) ?? ""));
  const overruled = (name: string) => [name, counterpart(name)].some((form) => Object.hasOwn(process, form));
  return {
    ...Object.fromEntries(Object.entries(file).filter(([name]) => !overruled(name))),
    ...process,
  };
}

/**
 * What a variable says: its own value, or the trimmed content of the file that `NAME_FILE` names.
 * A file's path is taken from `folder` on.
 */
export function readVariable(variables: Variables, name: string, folder: string): Variable {
  const value = variables[name];
  const path = variables[`${name}_FILE`];
  if (path === undefined) return { ok: true, value };
  const where = `${name}_FILE`;
  if (value !== undefined) {
    return { ok: false, where, found: `both ${name} and ${where}`, expected: "only one of the two" };
  }
  try {
    const content = readFileSync(resolve(folder, path), "utf8").trim();
    return { ok: true, value: content === "" ? undefined : content };
  } catch {
    return { ok: false, where, found: "a file that can't be read", expected: "the path of a readable file" };
  }
}

/** The folder of all data, as an absolute path; the built-in one where `DATA_DIR` can't be read. */
export function dataFolder(variables: Variables, folder: string): string {
  const variable = readVariable(variables, "DATA_DIR", folder);
  return resolve(folder, (variable.ok ? variable.value : undefined) ?? DEFAULT_DATA_DIR);
}

function withoutEmpty(variables: Record<string, string | undefined>): Variables {
  const set = Object.entries(variables).filter((entry): entry is [string, string] =>
    entry[1] !== undefined && entry[1].trim() !== ""
  );
  return Object.fromEntries(set);
}

function counterpart(name: string): string {
  return name.endsWith("_FILE") ? name.slice(0, -"_FILE".length) : `${name}_FILE`;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
