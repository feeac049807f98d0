/** Reads the configuration at the start: where the file is, what it says, and all that is wrong with it. */
import { isAbsolute, join, relative, resolve } from "node:path";
import { writeAtomic } from "../platform/atomic_file.ts";
import { dataFolder, readVariables, type Variables } from "./environment.ts";
import type { Fault } from "./fault.ts";
import { Interpreter, type Origins } from "./interpreter.ts";
import type { JsonObject } from "./json_object.ts";
import type { ProviderIdentity } from "./provider_identity.ts";
import type { Config } from "./schema.ts";
import { parseSettings, readIfThere, revisionOf, SETTINGS_FILE } from "./settings_file.ts";

/** What the start of a program gives. */
export interface LoadOptions {
  /** All providers, in the order of the registry. */
  providers: readonly ProviderIdentity[];
  /** @default the process's variables. */
  env?: Record<string, string | undefined>;
  /** Where `.env` is looked for and relative paths begin. @default the working folder. */
  folder?: string;
}

/** A settings file that was read, and what is needed to read it again. */
export interface Loaded {
  ok: true;
  config: Config;
  origins: Origins;
  /** Path of the settings file; it need not exist. */
  path: string;
  /** How faults call it. */
  where: string;
  /** The members of the file, known and unknown. */
  file: JsonObject;
  /** State of the file. */
  revision: string;
  providers: readonly ProviderIdentity[];
  interpreter: Interpreter;
}

/** A configuration to start with, or every fault in it. */
export type LoadResult = Loaded | { ok: false; faults: Fault[] };

const UNREADABLE = "a file that can't be read";

/**
 * Reads variables, `.env` and the settings file in `DATA_DIR`. A settings file in the working folder, where
 * img-router once kept it, is taken over if `DATA_DIR` has none. Never writes over a file.
 */
export async function loadConfig(
  { providers, env = Deno.env.toObject(), folder = Deno.cwd() }: LoadOptions,
): Promise<LoadResult> {
  const variables = tryReadVariables(env, folder);
  if (!variables) return { ok: false, faults: [unreadable(".env", UNREADABLE, "a readable file, or none")] };
  const path = join(dataFolder(variables, folder), SETTINGS_FILE);
  const place = await findFile(path, join(folder, SETTINGS_FILE));
  const where = displayPath(place.path, folder);
  if (!place.ok) return { ok: false, faults: [unreadable(where, UNREADABLE, "a readable file")] };

  const interpreter = new Interpreter({ providers, variables, folder, fileName: where });
  const parsed = parseSettings(place.text, where);
  const read = interpreter.read(parsed.ok ? parsed.file : {});
  const faults = [...(parsed.ok ? [] : parsed.faults), ...(read.ok ? [] : read.faults)];
  if (!parsed.ok || !read.ok) return { ok: false, faults };

  const loaded = { ...read, path, providers, file: parsed.file, revision: revisionOf(place.text) };
  if (place.path === path || place.text === undefined) return { ...loaded, where, interpreter };
  const fault = await takeOver(place.text, path, displayPath(path, folder));
  if (fault) return { ok: false, faults: [fault] };
  const fileName = displayPath(path, folder);
  return {
    ...loaded,
    where: fileName,
    interpreter: new Interpreter({ providers, variables, folder, fileName }),
  };
}

/**
 * Whether callers with a client key are served: as `BACKEND_MODE` says, else as soon as there is a client key.
 * @param storedClients how many client keys were made in the panel.
 */
export function isBackendOn({ system }: Config, storedClients: number): boolean {
  return system.modes.backend ?? hasClientKey(system, storedClients);
}

/**
 * Refuses a backend mode that is switched on although nobody could use it, or anybody.
 * @param storedClients how many client keys were made in the panel.
 */
export function checkBackend({ system }: Config, storedClients: number): Fault | undefined {
  const isOpen = system.modes.backend === true && !hasClientKey(system, storedClients);
  if (!isOpen || system.allowAnonymous) return undefined;
  return {
    where: "BACKEND_MODE",
    path: "system.modes.backend",
    found: "true without any client key",
    expected:
      "a client key (GATEWAY_API_KEYS, GLOBAL_ACCESS_KEY or one made in the panel), or ALLOW_ANONYMOUS=true",
  };
}

function hasClientKey({ globalAccessKey, clientKeys }: Config["system"], storedClients: number): boolean {
  return globalAccessKey !== "" || clientKeys.length > 0 || storedClients > 0;
}

type Place = { ok: true; path: string; text: string | undefined } | { ok: false; path: string };

async function findFile(path: string, legacyPath: string): Promise<Place> {
  for (const candidate of [path, legacyPath]) {
    try {
      const text = await readIfThere(candidate);
      if (text !== undefined) return { ok: true, path: candidate, text };
    } catch {
      return { ok: false, path: candidate };
    }
  }
  return { ok: true, path, text: undefined };
}

async function takeOver(text: string, path: string, where: string): Promise<Fault | undefined> {
  try {
    await Deno.mkdir(resolve(path, ".."), { recursive: true });
    await writeAtomic(path, text, { mode: 0o600 });
  } catch {
    return unreadable(where, "a folder that can't be written to", "a writable folder");
  }
}

function tryReadVariables(env: LoadOptions["env"] & object, folder: string): Variables | undefined {
  try {
    return readVariables(env, folder);
  } catch {
    return undefined;
  }
}

function unreadable(where: string, found: string, expected: string): Fault {
  return { where, path: "", found, expected };
}

function displayPath(path: string, folder: string): string {
  const short = relative(folder, path);
  return short.startsWith("..") || isAbsolute(short) ? path : short;
}
