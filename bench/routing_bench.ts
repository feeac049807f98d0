/** How long routing takes where pools are large: each figure should stay under 0.2 ms. */
import { systemClock } from "../src/core/clock.ts";
import type { DiscoveredModel } from "../src/core/provider.ts";
import { isLease, PoolKeys } from "../src/gateway/lease.ts";
import { findProvider, PROVIDERS } from "../src/providers/registry.ts";
import { Catalogue, type ProviderSettings } from "../src/routing/catalogue.ts";
import { type KeyLimits, KeyPool, type PoolKey, type Rest } from "../src/routing/key_pool.ts";
import { plan, type PlanOptions } from "../src/routing/plan.ts";
import type { StrategyName } from "../src/routing/strategies.ts";
import { imageRequest } from "../src/testing/image_request.ts";

const KEYS = 10_000;
const rest: Rest = { until: Date.now() + 24 * 60 * 60_000, reason: "out_of_credit: used up" };

function poolOf(
  stateOf: (index: number) => Partial<PoolKey> = () => ({}),
  limits: Partial<KeyLimits> = {},
): KeyPool {
  const pool = new KeyPool({ clock: systemClock, limits: () => ({ maxConcurrent: 10, ...limits }) });
  pool.set(Array.from({ length: KEYS }, (_, index) => ({
    id: `key-${index}`,
    name: `key ${index}`,
    models: [],
    enabled: true,
    modelRests: {},
    strikes: 0,
    successes: 0,
    failures: 0,
    ...stateOf(index),
  })));
  return pool;
}

function takeAndGive(pool: KeyPool, model = "model"): void {
  const key = pool.take(model);
  if ("kind" in key) return;
  pool.settle(key.id, model);
  pool.give(key.id);
}

const allFree = poolOf();
const fewFree = poolOf((index) => index < 10 ? {} : { rest });
const fewFreeForModel = poolOf((index) => index < 10 ? {} : { modelRests: { model: rest } });
const restingForModel = poolOf(() => ({ modelRests: { model: rest } }));
/** As pools look after a while: each key has another history. */
const worn = poolOf((index) => ({
  models: index % 3 ? [] : ["model", "other"],
  ...index % 2
    ? { modelRests: { [`model-${index % 7}`]: rest, model: rest } }
    : { rest, lastError: "used up" },
}));
const limited = poolOf(undefined, { requestsPerMinute: 1, requestsPerDay: 1 });
for (let index = 0; index < KEYS; index++) takeAndGive(limited);
const failing = poolOf();

const pools = { group: "a pool of 10 000 keys" };
Deno.bench("take and give, all free", pools, () => takeAndGive(allFree));
Deno.bench("take and give, 9 990 resting", pools, () => takeAndGive(fewFree));
Deno.bench("take and give, 9 990 resting for this model", pools, () => takeAndGive(fewFreeForModel));
Deno.bench("take, all resting for this model", pools, () => takeAndGive(restingForModel));
Deno.bench(
  "take and give, all resting for another model",
  pools,
  () => takeAndGive(restingForModel, "other"),
);
Deno.bench("take, all resting, each with another history", pools, () => takeAndGive(worn));
Deno.bench("take, all at their limits of requests", pools, () => takeAndGive(limited));
Deno.bench("slots, all resting for this model", pools, () => void restingForModel.slots("model", 10));
Deno.bench("settle a failure", pools, () => {
  failing.settle("key-5000", "model", { kind: "rate_limited", message: "slow down", retryAfterMs: 0 });
});

const settings: ProviderSettings = { enabled: true, models: {}, text: { weight: 10 }, edit: {}, blend: {} };
const none: DiscoveredModel[] = [];
const catalogue = new Catalogue({ providers: PROVIDERS, settings: () => settings, discovered: () => none });
const planning = (strategy: StrategyName): PlanOptions => ({
  catalogue,
  findProvider,
  isUsable: () => true,
  strategy,
  unknownModel: "fallback",
  dice: Math.random,
  latencyOf: () => 1000,
});
const wish = imageRequest({ size: { width: 1920, height: 1080 }, quality: "high", style: "anime" });

const plans = { group: "a plan with all providers" };
for (const strategy of ["cascade", "cost"] as const) {
  Deno.bench(`auto, by ${strategy}`, plans, () => void plan(wish, planning(strategy)));
}
Deno.bench("a model by name", plans, () => void plan({ ...wish, model: "Kolors" }, planning("cascade")));
Deno.bench(
  "a model that nobody has",
  plans,
  () => void plan({ ...wish, model: "nothing" }, planning("cascade")),
);

const both = { group: "a plan with all providers, and a lease out of 10 000 keys" };
for (const [state, pool] of [["all free", allFree], ["9 990 resting", fewFree]] as const) {
  const keys = new PoolKeys({
    clock: systemClock,
    pool: () => pool,
    reveal: () => Promise.resolve("secret"),
    baseUrl: () => "http://127.0.0.1",
    queue: () => ({ length: 100, timeoutMs: 1000 }),
  });
  const { signal } = new AbortController();
  Deno.bench(`plan and lease, ${state}`, both, async () => {
    const [step] = plan(wish, planning("cascade"));
    const lease = await keys.lease(step!, new Set(), signal);
    if (!isLease(lease)) throw new Error(`no key: ${lease.message}`);
    lease.settle();
    lease[Symbol.dispose]();
  });
}
