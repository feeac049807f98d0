/**
 * What the dashboard shows first, gathered at once: whether images are being made, what they cost, and which
 * provider or key is ill, why, and when it will be asked again.
 */
import type { Clock } from "../core/clock.ts";
import type { Provider } from "../core/provider.ts";
import { keylessId, type Pools } from "../gateway/pools.ts";
import type { Health } from "../routing/health.ts";
import type { PoolKey, Rest } from "../routing/key_pool.ts";
import type { History } from "../store/history.ts";
import type { RequestRecord } from "../store/history_record.ts";
import type { Stats } from "../store/stats.ts";
import { HOUR } from "../store/stats_tally.ts";
import { lately, type Summary } from "./statistics.ts";
import type { StorageReport, StorageState } from "./storage_state.ts";

/** What is happening now. */
export interface Live {
  /** Of the last 60 seconds. */
  requestsPerMinute: number;
  imagesPerMinute: number;
  inFlight: number;
  /** Callers who wait for a key, by provider. */
  waiting: Record<string, number>;
}

/** Money in US-dollars; days and months are those of UTC. */
export interface Cost {
  todayUsd: number;
  monthUsd: number;
  /** Images of which no price is known, and which are not in the sums. */
  todayUnpricedImages: number;
  monthUnpricedImages: number;
}

/** How one provider stands. `resting`: it has keys, and all of them rest. */
export interface ProviderState {
  provider: string;
  state: "ok" | "resting" | "no keys" | "off";
  keys: { total: number; disabled: number; resting: number };
  /** Whether one of them stands for asking without a key. */
  keyless: boolean;
  reason?: string;
  /** When the first key comes back, in ms since the epoch. */
  backAt?: number;
}

/** A route or a key that is left alone for now. */
export interface Ill {
  provider: string;
  /** Absent where a key rests for all models. */
  model?: string;
  reason: string;
  /** In ms since the epoch. */
  backAt: number;
}

/** A key that rests. */
export interface IllKey extends Ill {
  id: string;
  name: string;
}

/** All of it. */
export interface Overview {
  live: Live;
  lastHour: Summary;
  cost: Cost;
  providers: ProviderState[];
  illRoutes: Ill[];
  /** The first of them to come back; there may be more. */
  illKeys: IllKey[];
  recentFailures: RequestRecord[];
  storage: StorageReport;
}

/** Where it is gathered from. */
export interface OverviewSources {
  clock: Clock;
  providers: readonly Provider[];
  isEnabled: (provider: Provider) => boolean;
  pools: Pools;
  health: Health;
  inFlight: () => number;
  waiting: () => Record<string, number>;
  stats: Stats;
  history: History;
  storage: StorageState;
}

const MOST_ILL_KEYS = 50;
const RECENT_FAILURES = 10;

/** Gathers it. */
export async function overviewOf(sources: OverviewSources): Promise<Overview> {
  const { clock, providers, pools, health, stats, history, storage } = sources;
  const now = clock.now();
  // What has just failed is what somebody looks for.
  await history.flush();
  const keys = providers.map((provider) => ({ provider, keys: pools.pool(provider).keys }));
  return {
    live: await liveOf(sources),
    lastHour: await lately(stats, HOUR, now),
    cost: await costOf(stats, now),
    providers: keys.map(({ provider, keys }) => stateOf(provider, sources.isEnabled(provider), keys, now)),
    illRoutes: health.closed().map(({ route, until, reason }) => ({
      provider: route.slice(0, route.indexOf("/")),
      model: route.slice(route.indexOf("/") + 1),
      reason,
      backAt: until,
    })),
    illKeys: keys.flatMap(({ provider, keys }) => illKeysOf(provider, keys, now))
      .sort((a, b) => a.backAt - b.backAt).slice(0, MOST_ILL_KEYS),
    recentFailures: (await history.list({ failed: true, limit: RECENT_FAILURES })).data,
    storage: await storage.report(),
  };
}

/** What is happening now. */
export async function liveOf(
  { clock, stats, inFlight, waiting }: Pick<OverviewSources, "clock" | "stats" | "inFlight" | "waiting">,
): Promise<Live> {
  const { requests, images } = await stats.lastMinute(clock.now());
  return { requestsPerMinute: requests, imagesPerMinute: images, inFlight: inFlight(), waiting: waiting() };
}

/** What today and this month cost. */
export async function costOf(stats: Stats, now: number): Promise<Cost> {
  const { today, month } = await stats.cost(now);
  return {
    todayUsd: today.costUsd,
    monthUsd: month.costUsd,
    todayUnpricedImages: today.unpricedImages,
    monthUnpricedImages: month.unpricedImages,
  };
}

function stateOf(
  provider: Provider,
  isEnabled: boolean,
  keys: readonly PoolKey[],
  now: number,
): ProviderState {
  let disabled = 0;
  let resting = 0;
  let first: Rest | undefined;
  for (const { enabled, rest } of keys) {
    if (!enabled) disabled++;
    else if (rest && rest.until > now) {
      resting++;
      if (!first || rest.until < first.until) first = rest;
    }
  }
  const usable = keys.length - disabled;
  const none = keylessId(provider);
  const about = {
    provider: provider.name,
    keys: { total: keys.length, disabled, resting },
    keyless: keys.some(({ id }) => id === none),
  };
  if (!isEnabled) return { ...about, state: "off" };
  if (usable === 0) return { ...about, state: "no keys" };
  if (first && resting === usable) {
    return { ...about, state: "resting", reason: first.reason, backAt: first.until };
  }
  return { ...about, state: "ok" };
}

/** How many keys of each provider are in which state. */
export function keyCounts(
  providers: readonly Provider[],
  pools: Pools,
  now: number,
): { provider: string; usable: number; resting: number; disabled: number }[] {
  return providers.map((provider) => {
    const { keys: { total, disabled, resting } } = stateOf(provider, true, pools.pool(provider).keys, now);
    return { provider: provider.name, usable: total - disabled - resting, resting, disabled };
  });
}

function illKeysOf(provider: Provider, keys: readonly PoolKey[], now: number): IllKey[] {
  const ill: IllKey[] = [];
  for (const { id, name, enabled, rest, modelRests } of keys) {
    if (!enabled) continue;
    const about = { provider: provider.name, id, name };
    if (rest && rest.until > now) ill.push({ ...about, reason: rest.reason, backAt: rest.until });
    for (const [model, { until, reason }] of Object.entries(modelRests)) {
      if (until > now) ill.push({ ...about, model, reason, backAt: until });
    }
  }
  return ill;
}
