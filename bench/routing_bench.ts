/** How long routing takes where pools are large: each figure should stay under 0.2 ms. */
import { systemClock } from "../src/core/clock.ts";
import type { ImageRequest } from "../src/core/request.ts";
import { findProvider, PROVIDERS } from "../src/providers/registry.ts";
import { Catalogue } from "../src/routing/catalogue.ts";
import { KeyPool, type PoolKey, type Rest } from "../src/routing/key_pool.ts";
import { plan, type PlanOptions } from "../src/routing/plan.ts";

const KEYS = 10_000;
const rest: Rest = { until: Date.now() + 24 * 60 * 60_000, reason: "rate_limited: slow down" };

function poolOf(stateOf: (index: number) => Partial<PoolKey>, limits = { maxConcurrent: 10 }): KeyPool {
  const pool = new KeyPool({ clock: systemClock, limits: () => limits });
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

const allFree = poolOf(() => ({}));
const fewFree = poolOf((index) => index < 10 ? {} : { rest });
const fewFreeForModel = poolOf((index) => index < 10 ? {} : { modelRests: { model: rest } });
const restingForModel = poolOf(() => ({ modelRests: { model: rest } }));
const limitedByMinute = poolOf(() => ({}), { maxConcurrent: 10, requestsPerMinute: 1 } as { maxConcurrent: number });
for (let index = 0; index < KEYS; index++) takeAndGive(limitedByMinute);

const group = "a pool of 10 000 keys";
Deno.bench("take and give, all free", { group }, () => takeAndGive(allFree));
Deno.bench("take and give, 9 990 resting", { group }, () => takeAndGive(fewFree));
Deno.bench("take and give, 9 990 resting for this model", { group }, () => takeAndGive(fewFreeForModel));
Deno.bench("take, all resting for this model", { group }, () => takeAndGive(restingForModel));
Deno.bench("take and give, all resting for another model", { group }, () => takeAndGive(restingForModel, "other"));
Deno.bench("take, all at their limit of requests a minute", { group }, () => takeAndGive(limitedByMinute));
Deno.bench("slots, all resting for this model", { group }, () => void restingForModel.slots("model", 10));
