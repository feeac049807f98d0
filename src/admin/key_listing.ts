/**
 * The keys of the pools as the panel shows them: which can be used, which rest and why, page by page, so that
 * ten thousand are as quick as ten.
 */
import type { Clock } from "../core/clock.ts";
import type { Provider } from "../core/provider.ts";
import { isGiven, keylessId, type Pools } from "../gateway/pools.ts";
import { isRejection, type PoolKey } from "../routing/key_pool.ts";
import { turn } from "../store/chunks.ts";
import type { KeyStateName } from "../store/key_pages.ts";
import type { KeyStore, ProviderKey } from "../store/keys.ts";
import { previewOf } from "../store/secrets.ts";

/** A key as it is shown. Times in ms since the epoch. */
export interface KeyView {
  id: string;
  provider: string;
  name: string;
  /** `abcd…wxyz` */
  preview: string;
  state: KeyStateName;
  reason?: string;
  /** When it came to rest. */
  since?: number;
  /** When it comes back by itself. */
  backAt?: number;
  /** Rests for one model alone. */
  restingModels: { model: string; reason: string; since?: number; backAt: number }[];
  inFlight: number;
  successes: number;
  failures: number;
  lastUsedAt?: number;
  lastError?: string;
  enabled: boolean;
  /** Whether the environment gives it, so that it can't be changed here. */
  fixed: boolean;
  baseUrl?: string;
  /** The models it is for; empty = all. */
  models: readonly string[];
  addedAt?: number;
}

/** What listing depends on. */
export interface ListingOptions {
  pools: Pools;
  keys: KeyStore;
  providers: readonly Provider[];
  clock: Clock;
}

/** What to list. */
export interface ListingQuery {
  provider?: Provider;
  state?: KeyStateName;
  q?: string;
  /** `next` of the page before. */
  after?: string;
  limit: number;
}

/** How many keys there are of each state. */
export type StateCounts = Record<KeyStateName, number> & { total: number };

/** A page of keys: those of the environment first, then those of the store by provider and age. */
export async function listKeys(
  query: ListingQuery,
  options: ListingOptions,
): Promise<{ data: KeyView[]; next?: string }> {
  const { provider, state, q: words, limit } = query;
  const q = words?.trim();
  const cursor = readCursor(query.after);
  const now = options.clock.now();
  // What the pools know is written a moment later; a filter by state looks at what is written.
  if (state !== undefined) await options.pools.save();
  const given = cursor.stored ? [] : await givenKeys({ ...query, q }, options, now);
  const page = given.slice(cursor.given, cursor.given + limit);
  if (page.length === limit && given.length > cursor.given + limit) {
    return { data: page, next: `e${cursor.given + limit}` };
  }
  const left = limit - page.length;
  const stored = await options.keys.page({
    provider: provider?.name,
    state,
    q,
    after: cursor.stored,
    limit: left + 1,
    now,
  });
  const shown = stored.slice(0, left);
  const data = [...page, ...shown.map((key) => viewOf(key, options, now))];
  if (stored.length <= left) return { data };
  return { data, next: shown.length > 0 ? cursorOf(shown.at(-1)!) : `e${cursor.given + limit}` };
}

/** Rows that are read before others get a turn. */
const PAGE = 1000;

/** All keys of one provider, those of the environment first. */
export async function allKeys(provider: Provider, options: ListingOptions): Promise<KeyView[]> {
  const now = options.clock.now();
  const views = await givenKeys({ provider }, options, now);
  let after: ProviderKey | undefined;
  for (;;) {
    const page = await options.keys.page({ provider: provider.name, after, limit: PAGE, now });
    for (const key of page) views.push(viewOf(key, options, now));
    after = page.at(-1);
    if (page.length < PAGE) return views;
    await turn();
  }
}

/** One key, or nothing. */
export async function findKey(id: string, options: ListingOptions): Promise<KeyView | undefined> {
  const now = options.clock.now();
  if (isGiven(id)) return (await givenKeys({}, options, now)).find((key) => key.id === id);
  const [stored] = await options.keys.get([id]);
  return stored && viewOf(stored, options, now);
}

/** Counts the keys of each provider by their states, from memory. Providers without a key are left out. */
export function countStates(
  { pools, providers, clock }: Pick<ListingOptions, "pools" | "providers" | "clock">,
): Map<Provider, StateCounts> {
  const now = clock.now();
  const counts = new Map<Provider, StateCounts>();
  for (const provider of providers) {
    const keys = pools.pool(provider).keys.filter(({ id }) => id !== keylessId(provider));
    if (keys.length === 0) continue;
    const count: StateCounts = { total: keys.length, ready: 0, resting: 0, disabled: 0, dead: 0 };
    for (const key of keys) count[stateOf(key, now)]++;
    counts.set(provider, count);
  }
  return counts;
}

/** What can be done with a key at `now`. */
export function stateOf({ enabled, rest }: Pick<PoolKey, "enabled" | "rest">, now: number): KeyStateName {
  if (!enabled) return "disabled";
  if (!rest || rest.until <= now) return "ready";
  return isRejection(rest) ? "dead" : "resting";
}

async function givenKeys(
  { provider, state, q }: Omit<ListingQuery, "limit">,
  { pools, providers }: ListingOptions,
  now: number,
): Promise<KeyView[]> {
  const wanted = q?.toLowerCase();
  const views: KeyView[] = [];
  for (const owner of provider ? [provider] : providers) {
    for (const key of pools.pool(owner).keys) {
      if (!isGiven(key.id) || key.id === keylessId(owner)) continue;
      if (state !== undefined && stateOf(key, now) !== state) continue;
      const secret = await pools.reveal(key);
      const view = show(
        key,
        { provider: owner.name, preview: previewOf(secret) },
        pools.pool(owner).inFlight(key.id),
        now,
      );
      const text = `${view.name}\n${view.preview}`.toLowerCase();
      if (!wanted || text.includes(wanted) || secret === q) views.push(view);
    }
  }
  // Pools keep their keys in the order of use, which no page could go by.
  return views.sort((a, b) => a.id.localeCompare(b.id, undefined, { numeric: true }));
}

/** The stored key, with what its pool knows since. */
function viewOf(stored: ProviderKey, { pools }: ListingOptions, now: number): KeyView {
  const found = pools.find(stored.id);
  const inFlight = found ? pools.pool(found.provider).inFlight(stored.id) : 0;
  return show(found?.key ?? asPoolKey(stored), stored, inFlight, now);
}

/** Keys of providers that this version does not know are in no pool. */
function asPoolKey({ restingUntil, restReason = "", restedAt, ...key }: ProviderKey): PoolKey {
  const rest = restingUntil === undefined
    ? undefined
    : { until: restingUntil, reason: restReason, since: restedAt };
  return { ...key, rest };
}

function show(
  key: PoolKey,
  { provider, preview, addedAt }: Pick<ProviderKey, "provider" | "preview"> & { addedAt?: number },
  inFlight: number,
  now: number,
): KeyView {
  const { id, name, rest, enabled, baseUrl, models, successes, failures, lastUsedAt, lastError } = key;
  const state = stateOf(key, now);
  return {
    id,
    provider,
    name,
    preview,
    state,
    ...(state === "resting" || state === "dead") && rest &&
      { reason: rest.reason, since: rest.since, backAt: rest.until },
    ...state === "disabled" && { reason: "It was switched off" },
    restingModels: Object.entries(key.modelRests).filter(([, { until }]) => until > now)
      .map(([model, { until, reason, since }]) => ({ model, reason, since, backAt: until })),
    inFlight,
    successes,
    failures,
    lastUsedAt,
    lastError,
    enabled,
    fixed: isGiven(id),
    baseUrl,
    models,
    addedAt,
  };
}

function cursorOf({ provider, addedAt, id }: ProviderKey): string {
  return `s${addedAt}~${provider}~${id}`;
}

function readCursor(text = ""): { given: number; stored?: Pick<ProviderKey, "provider" | "addedAt" | "id"> } {
  const [, addedAt, provider, id] = /^s(\d+)~([^~]*)~(.+)$/.exec(text) ?? [];
  if (id !== undefined) return { given: 0, stored: { provider: provider!, addedAt: Number(addedAt), id } };
  return { given: Number(/^e(\d+)$/.exec(text)?.[1] ?? 0) };
}
