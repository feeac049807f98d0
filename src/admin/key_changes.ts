/** What people do to keys of the pools: each change is stored and in force in the running pools at once. */
import { Failed } from "../core/failure.ts";
import type { Provider } from "../core/provider.ts";
import { isGiven, type Pools } from "../gateway/pools.ts";
import type { KeyStore, ProviderKey } from "../store/keys.ts";
import { leaks, namer } from "./key_import.ts";
import { isSendable } from "./key_reading.ts";
import { isMask } from "./settings_mask.ts";

/** What changes depend on. */
export interface KeyChangeOptions {
  pools: Pools;
  keys: KeyStore;
  /** The provider's configured address, or its own. */
  baseUrl: (provider: Provider) => string | undefined;
}

/** A key as somebody fills it in. */
export interface KeyDraft {
  key: string;
  name?: string;
  /** Empty = the provider's own. */
  baseUrl?: string;
  /** The models it is for; empty = all. */
  models?: string[];
  enabled?: boolean;
}

/** Adds a key. @throws Failed where it is no key, there already, or has no address to go to */
export async function addKey(
  provider: Provider,
  draft: KeyDraft,
  options: KeyChangeOptions,
): Promise<ProviderKey> {
  const { pools, keys } = options;
  const key = checkedKey(draft.key);
  if (provider.keyless) throw invalid("provider", `${provider.name} needs no key`);
  const baseUrl = draft.baseUrl || undefined;
  const enabled = draft.enabled ?? true;
  if (enabled) requirePlace(provider, baseUrl, options);
  const name = namer(pools)({ key, name: draft.name?.trim() }, provider);
  const { added: [added] } = await keys.add([{
    ...draft,
    provider: provider.name,
    key,
    name,
    baseUrl,
    enabled,
  }]);
  if (!added) throw invalid("keyItem.key", "Duplicate key: the pool has it already", "duplicate_key");
  pools.refresh([added]);
  return added;
}

/**
 * Changes a key; a mask in place of the key leaves it as it is. A new secret starts afresh.
 * @returns the key, or `undefined` if there is none @throws Failed
 */
export async function updateKey(
  provider: Provider,
  id: string,
  draft: Partial<KeyDraft>,
  options: KeyChangeOptions,
): Promise<ProviderKey | undefined> {
  const { pools, keys } = options;
  refuseGiven([id]);
  const [before] = await keys.get([id]);
  if (!before || before.provider !== provider.name) return undefined;
  const { name, baseUrl, models, enabled } = draft;
  const key = draft.key === undefined || draft.key === "" || isMask(draft.key)
    ? undefined
    : checkedKey(draft.key);
  if (name !== undefined && leaks(name, key ?? await keys.reveal(id) ?? "")) {
    throw invalid("keyItem.name", "The name shows a part of the key: choose another one");
  }
  if (enabled ?? before.enabled) requirePlace(provider, (baseUrl ?? before.baseUrl) || undefined, options);
  const changed = await keys.update(id, { key, name: name?.trim() || undefined, baseUrl, models, enabled });
  if (!changed) return undefined;
  pools.refresh([changed]);
  if (key !== undefined) pools.pool(provider).revive(id);
  return changed;
}

/** Removes keys and gives how many there were. @throws Failed where one is the environment's */
export async function removeKeys(ids: readonly string[], { pools, keys }: KeyChangeOptions): Promise<number> {
  refuseGiven(ids);
  const removed = await keys.remove(ids);
  pools.forget(ids);
  return removed;
}

/** Switches keys on or off and gives how many there are. @throws Failed where one is the environment's */
export async function enableKeys(
  ids: readonly string[],
  enabled: boolean,
  { pools, keys }: KeyChangeOptions,
): Promise<number> {
  refuseGiven(ids);
  const changed = await keys.enable(ids, enabled);
  pools.refresh(changed);
  return changed.length;
}

/** Lets keys rest for `ms` and gives how many there are. Those of the environment do so until the next start. */
export async function restKeys(
  ids: readonly string[],
  ms: number,
  { pools }: KeyChangeOptions,
): Promise<number> {
  return await changeStates(
    ids,
    pools,
    (provider, id) => pools.pool(provider).rest(id, ms, "put to rest by hand"),
  );
}

/** Ends the rests of keys and gives how many there are. */
export async function reviveKeys(ids: readonly string[], { pools }: KeyChangeOptions): Promise<number> {
  return await changeStates(ids, pools, (provider, id) => pools.pool(provider).revive(id));
}

async function changeStates(
  ids: readonly string[],
  pools: Pools,
  change: (provider: Provider, id: string) => void,
): Promise<number> {
  let count = 0;
  for (const id of new Set(ids)) {
    const found = pools.find(id);
    if (!found) continue;
    change(found.provider, id);
    count++;
  }
  await pools.save();
  return count;
}

function checkedKey(text: string): string {
  const key = text.trim();
  if (isSendable(key) && !isMask(key)) return key;
  throw invalid("keyItem.key", "This is no key: expected 4 to 1000 letters, digits and signs without blanks");
}

function requirePlace(provider: Provider, baseUrl: string | undefined, options: KeyChangeOptions): void {
  if (baseUrl !== undefined || options.baseUrl(provider) !== undefined) return;
  throw invalid(
    "keyItem.baseUrl",
    `${provider.name} has no address of its own: give this key a base URL, or set one for the provider`,
  );
}

function refuseGiven(ids: readonly string[]): void {
  if (!ids.some(isGiven)) return;
  throw invalid("id", "A key of the environment can't be changed here: change the variable and start again");
}

function invalid(param: string, message: string, code?: string): Failed {
  return new Failed({ kind: "invalid_request", param, message, code });
}
