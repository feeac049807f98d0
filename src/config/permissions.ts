/**
 * Prints the file permissions of the start: what may be read and written depends on where the data is. It
 * runs before everything else, as `deno run $(deno run -R -E src/config/permissions.ts) main.ts`, and so
 * imports next to nothing.
 */
import { isAbsolute, relative, resolve } from "node:path";
import { dataFolder, readVariables } from "./environment.ts";

/** The permissions, or why they can't be told. */
export type Permissions = { ok: true; flags: string[] } | { ok: false; fault: string };

// Other programs have files named in the environment too, some with credentials: only what may be ours is opened up.
const SECRET_FILE = /_(KEYS?|PASSWORD|CODE|URL)_FILE$/;

/**
 * The flags of `deno run` for these variables: reads the working folder, `DATA_DIR` and the files that
 * `*_KEY_FILE` and the like name; writes `DATA_DIR`.
 * @param env the process's variables; `.env` in `folder` is added. @throws if there is a `.env` that can't be read.
 */
export function permissionFlags(env: Record<string, string | undefined>, folder: string): Permissions {
  const variables = readVariables(env, folder);
  const data = { name: "DATA_DIR", path: dataFolder(variables, folder) };
  const named = Object.entries(variables)
    .filter(([name]) => SECRET_FILE.test(name))
    .map(([name, path]) => ({ name, path }));

  const reads: string[] = [];
  for (const { name, path } of [{ name: "the working folder", path: folder }, data, ...named]) {
    const word = toWord(path, folder);
    if (word === undefined) {
      return { ok: false, fault: `${name}: found blanks or a comma, expected a path without` };
    }
    if (!reads.includes(word)) reads.push(word);
  }
  return {
    ok: true,
    flags: [`--allow-read=${reads.join(",")}`, `--allow-write=${toWord(data.path, folder)}`],
  };
}

/**
 * A path that survives as one word: absolute, or relative to the working folder where only that has blanks.
 * The task shell splits what a command prints at blanks, whatever quotes are around it.
 */
function toWord(path: string, folder: string): string | undefined {
  const absolute = resolve(folder, path);
  const inside = relative(folder, absolute) || ".";
  return [absolute, inside].find((word) =>
    /^[^\s,]+$/.test(word) && (word === absolute || !isAbsolute(word))
  );
}

if (import.meta.main) {
  const permissions = permissionFlags(Deno.env.toObject(), Deno.cwd());
  if (permissions.ok) {
    console.log(permissions.flags.join(" "));
  } else {
    console.error(permissions.fault);
    // The shell runs the outer command whatever becomes of this one: give it a program that ends at once.
    console.log("data:text/javascript,Deno.exit(2)");
    Deno.exit(2);
  }
}
