/**
 * Provider keys that stand in a settings file, as img-router kept them: lifted out and handed to the key
 * store, in steps of which none can lose a key.
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { z } from "zod";
import { writeAtomic } from "../platform/atomic_file.ts";
import { describeFault } from "./fault.ts";
import { isObject, type Json, type JsonObject, toFileText } from "./json_object.ts";
import { findProvider, type ProviderIdentity } from "./provider_identity.ts";
import { parseSettings, readIfThere, SETTINGS_FILE } from "./settings_file.ts";

/** A key as it stood in a file. */
export interface LegacyKey {
  /** The file's own, or one made of provider, key and address, so that reading the same file again gives the same. */
  id: string;
  key: string;
  /** Free of any part of the key. */
  name: string;
  /** Our name of the provider; the file's where we don't know it. */
  provider: string;
  /** False if it was switched off, or has no safe destination. */
  enabled: boolean;
  /** `resting` comes back by itself, `disabled` had failed too often. */
  state: "active" | "resting" | "disabled";
  /** When it was added, in ms since the epoch. */
  addedAt?: number;
  baseUrl?: string;
  /** Models it serves; empty = to be found out. */
  models: string[];
  /** It can't be used before somebody says where it belongs. */
  needsBaseUrl: boolean;
}

/** What stood in a file. */
export interface TakenKeys {
  entries: LegacyKey[];
  /** The file without any key. */
  rest: JsonObject;
}

/** What moving keys takes. */
export interface MoveOptions {
  /** Path of the settings file. */
  path: string;
  providers: readonly ProviderIdentity[];
  /**
   * Adds keys to the store. It must leave alone a key that the store already has, by provider, key and address: after
   * a crash the same ones are added again.
   */
  addKeys: (entries: LegacyKey[]) => Promise<void>;
  /** The present, in ms since the epoch; names the backup copy. */
  now: number;
}

/** What was moved. */
export interface Moved {
  entries: LegacyKey[];
  /** Path of the copy of the file as it was; absent if nothing was moved. */
  backup?: string;
}

/** A pool's entry; members of a wrong type read as absent. */
const entrySchema = z.object({
  id: z.string().trim().optional().catch(undefined),
  key: z.string().trim().min(1),
  name: z.string().trim().optional().catch(undefined),
  enabled: z.boolean().nullish().catch(undefined),
  status: z.string().optional().catch(undefined),
  addedAt: z.number().positive().optional().catch(undefined),
  baseUrl: z.string().trim().optional().catch(undefined),
  models: z.array(z.string()).catch([]),
});

type Entry = z.output<typeof entrySchema>;

/** Made-up providers of img-router's first-run file. */
const MADE_UP = new Set(["mocka", "mockb"]);

const STATES: Record<string, LegacyKey["state"]> = { disabled: "disabled", rate_limited: "resting" };

/** Lifts the keys out of a settings file. Nothing is changed. */
export function takeKeys(file: JsonObject, providers: readonly ProviderIdentity[]): TakenKeys {
  if (!isObject(file.keyPools)) return { entries: [], rest: file };
  const seen = new Set<string>();
  const entries: LegacyKey[] = [];
  for (const [pool, listed] of Object.entries(file.keyPools)) {
    if (!Array.isArray(listed) || MADE_UP.has(pool.trim().toLowerCase())) continue;
    const identity = findProvider(providers, pool);
    const provider = identity?.name ?? pool;
    for (const entry of listed.flatMap(readEntry)) {
      const identifier = identify(provider, entry);
      if (seen.has(identifier)) continue;
      seen.add(identifier);
      entries.push(toKey(entry, provider, identity, entries));
    }
  }
  return { entries, rest: { ...file, keyPools: {} } };
}

/**
 * Moves the keys of a settings file into the key store: backup copy, store, file, in this order. Stopped
 * anywhere, it can be run again. Does nothing where the file holds no keys.
 * @throws if the file is damaged, or a step fails; the file still holds its keys then.
 */
export async function moveKeys(options: MoveOptions): Promise<Moved> {
  const { path, providers, addKeys, now } = options;
  const text = await readIfThere(path);
  const parsed = parseSettings(text, SETTINGS_FILE);
  if (!parsed.ok) throw new Error(`Cannot move keys: ${parsed.faults.map(describeFault).join("; ")}`);
  const { entries, rest } = takeKeys(parsed.file, providers);
  if (text === undefined || entries.length === 0) return { entries: [] };

  const backup = await backUp(path, text, now);
  await addKeys(entries);
  // Somebody may have edited the file meanwhile: what they wrote must not be lost.
  if (await readIfThere(path) !== text) return moveKeys(options);
  await writeAtomic(path, toFileText(rest));
  return { entries, backup };
}

function readEntry(value: Json): Entry[] {
  const { success, data } = entrySchema.safeParse(typeof value === "string" ? { key: value } : value);
  return success ? [data] : [];
}

function toKey(
  entry: Entry,
  provider: string,
  identity: ProviderIdentity | undefined,
  before: LegacyKey[],
): LegacyKey {
  const { key, addedAt, models } = entry;
  const baseUrl = entry.baseUrl || undefined;
  const needsBaseUrl = identity?.needsBaseUrl === true && baseUrl === undefined;
  const id = entry.id && before.every((other) => other.id !== entry.id)
    ? entry.id
    : identify(provider, entry);
  return {
    id,
    key,
    name: safeName(entry, before.filter((other) => other.provider === provider)),
    provider,
    enabled: entry.enabled !== false && identity !== undefined && !needsBaseUrl,
    state: STATES[entry.status ?? ""] ?? "active",
    addedAt,
    baseUrl,
    models,
    needsBaseUrl,
  };
}

/** Names made by a batch import began with the key's first letters; such a name, or none, is replaced by a number. */
function safeName({ name, key }: Entry, siblings: LegacyKey[]): string {
  const leaks = name && (/^imported key\b.*\.\.\.$/i.test(name) || name.includes(key.slice(0, 6)));
  if (name && !leaks) return name;
  let number = 1;
  while (siblings.some((other) => other.name === `Imported key ${number}`)) number++;
  return `Imported key ${number}`;
}

/** The same key at two addresses is two keys. */
function identify(provider: string, { key, baseUrl = "" }: Entry): string {
  const hex = createHash("sha256").update(`${provider}\n${key}\n${baseUrl}`).digest("hex");
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Keeps a copy of the file; one with the same content, from a run that was cut off, will do. */
async function backUp(path: string, text: string, now: number): Promise<string> {
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, "");
  for (let copy = 1;; copy++) {
    const ending = copy === 1 ? "" : `-${copy}`;
    const backup = join(dirname(path), `runtime-config.backup-${stamp}${ending}.json`);
    const there = await readIfThere(backup);
    if (there === text) return backup;
    if (there !== undefined) continue;
    await writeAtomic(backup, text, { mode: 0o600 });
    return backup;
  }
}
