/** Takes in keys of any providers from one text, each into the pool that its shape tells, after a preview. */
import type { Provider } from "../core/provider.ts";
import { keylessId, type Pools } from "../gateway/pools.ts";
import type { KeyStore, NewKey } from "../store/keys.ts";
import { previewOf } from "../store/secrets.ts";
import { isSendable, type ReadingOptions, type ReadKey, readKeys } from "./key_reading.ts";

/** A key as it is told of: masked. */
export interface ToldKey {
  /** Where it stood in the text, counted from 1. */
  line: number;
  provider: string;
  name: string;
  /** `abcd…wxyz` */
  preview: string;
  /** Set where it has an address of its own. */
  baseUrl?: string;
  /** It was taken in switched off, because nothing says where it belongs. */
  needsBaseUrl?: true;
}

/** What an import did, or would do. */
export interface ImportReport {
  added: ToldKey[];
  /** Those that were there already, or twice in the text. */
  duplicates: ToldKey[];
  unknown: { line: number; preview: string; reason: string }[];
  /** How many of each provider, for those who only count. */
  counts: Record<string, { added: number; duplicates: number }>;
}

/** What an import depends on. */
export interface ImportOptions extends ReadingOptions {
  store: KeyStore;
  pools: Pools;
  /** The provider's configured address, or its own. */
  baseUrl: (provider: Provider) => string | undefined;
  /** Whether to leave everything as it is, and only tell. */
  dryRun: boolean;
  /** Whose key a line holds, where nothing in the text tells. */
  assign?: (line: number) => Provider | undefined;
}

/** Imports a text, or tells what that would do. No secret is in what it gives. */
export async function importKeys(text: string, options: ImportOptions): Promise<ImportReport> {
  const entries: { read: ReadKey; entry: NewKey }[] = [];
  const unknown: ImportReport["unknown"] = [];
  const names = namer(options.pools);
  for await (const batch of readKeys(text, options)) {
    for (const found of batch) {
      const read = { ...found, provider: found.provider ?? options.assign?.(found.line) };
      const { line, key, provider } = read;
      if (provider?.keyless || !provider || !isSendable(key)) {
        unknown.push({ line, preview: maskOf(key), reason: reasonOf(read) });
      } else entries.push({ read, entry: entryOf(read, provider, names(read, provider), options) });
    }
  }
  const isNew = await newOnes(entries.map(({ entry }) => entry), options.store);
  if (!options.dryRun) {
    const { added } = await options.store.add(
      entries.filter((_, index) => isNew[index]).map(({ entry }) => entry),
    );
    options.pools.refresh(added);
  }
  const told = entries.map(({ read, entry }) => tell(read, entry, options));
  const added = told.filter((_, index) => isNew[index]);
  const duplicates = told.filter((_, index) => !isNew[index]);
  return { added, duplicates, unknown, counts: countsOf(added, duplicates) };
}

function entryOf(read: ReadKey, provider: Provider, name: string, { baseUrl }: ImportOptions): NewKey {
  const { key, models, enabled = true } = read;
  const hasPlace = (read.baseUrl ?? baseUrl(provider)) !== undefined;
  return { provider: provider.name, key, name, models, baseUrl: read.baseUrl, enabled: enabled && hasPlace };
}

/** For each entry whether it is in neither the store nor the text before it. */
async function newOnes(entries: readonly NewKey[], store: KeyStore): Promise<boolean[]> {
  const seen = new Set<string>();
  const isFirst = entries.map(({ provider, key, baseUrl = "" }) => {
    const identity = `${provider}\n${baseUrl}\n${key}`;
    return !seen.has(identity) && Boolean(seen.add(identity));
  });
  const isThere = await store.has(entries);
  return entries.map((_, index) => isFirst[index]! && !isThere[index]);
}

function tell({ line }: ReadKey, entry: NewKey, { baseUrl, findProvider }: ImportOptions): ToldKey {
  const hasPlace = (entry.baseUrl ?? baseUrl(findProvider(entry.provider)!)) !== undefined;
  return {
    line,
    provider: entry.provider,
    name: entry.name!,
    preview: previewOf(entry.key),
    ...entry.baseUrl !== undefined && { baseUrl: entry.baseUrl },
    ...!hasPlace && { needsBaseUrl: true },
  };
}

function countsOf(added: ToldKey[], duplicates: ToldKey[]): ImportReport["counts"] {
  const counts: ImportReport["counts"] = {};
  const of = (provider: string) => counts[provider] ??= { added: 0, duplicates: 0 };
  for (const { provider } of added) of(provider).added++;
  for (const { provider } of duplicates) of(provider).duplicates++;
  return counts;
}

/** Names keys that have none, or one that tells a part of them, by provider and number. */
export function namer(pools: Pools): (read: Pick<ReadKey, "key" | "name">, provider: Provider) => string {
  const numbers = new Map<Provider, number>();
  return ({ key, name }, provider) => {
    if (name && !leaks(name, key)) return name.slice(0, 100);
    const number = (numbers.get(provider) ?? countOf(pools, provider)) + 1;
    numbers.set(provider, number);
    return `${provider.name} ${number}`;
  };
}

function countOf(pools: Pools, provider: Provider): number {
  return pools.pool(provider).keys.filter(({ id }) => id !== keylessId(provider)).length;
}

/** A run of this many characters of a key in its name is more than chance. */
const TELLING = 6;

/** Whether a name shows a part of its key, or looks like a key itself. */
export function leaks(name: string, key: string): boolean {
  if (/^imported key\b.*\.\.\.$/i.test(name) || /[\w-]{24,}/.test(name)) return true;
  const [text, secret] = [name.toLowerCase(), key.toLowerCase()];
  for (let start = 0; start + TELLING <= text.length; start++) {
    if (secret.includes(text.slice(start, start + TELLING))) return true;
  }
  return false;
}

/** A line that is no key may still hold one, so no more is shown of it than of a key. */
function maskOf(text: string): string {
  return previewOf(text);
}

function reasonOf({ key, provider }: ReadKey): string {
  if (provider?.keyless) return `${provider.name} needs no key`;
  if (!isSendable(key)) {
    return "no key: it holds blanks or characters that no key has, or is too short or too long";
  }
  return "no provider's keys look like this; write the provider before it, as in Gitee:KEY";
}
