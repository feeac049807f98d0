/** The dashboard's figures: what happened in a range, what is happening now, and img-router's counts of keys. */
import { createRoute, z } from "@hono/zod-openapi";
import { costOf, liveOf, type Overview, overviewOf, type OverviewSources } from "../../admin/overview.ts";
import { type Series, statisticsOf, type Summary } from "../../admin/statistics.ts";
import type { PoolKey } from "../../routing/key_pool.ts";
import type { Admin } from "./admin.ts";
import { errors, isoTime, json, newApi, Time } from "./api_app.ts";
import { RequestSchema, tellRequest } from "./request_shapes.ts";

const tags = ["Admin: statistics"];
const Share = z.number().min(0).max(1);

const SummarySchema = z.object({
  requests: z.int(),
  failures: z.int(),
  images: z.int(),
  unpricedImages: z.int().openapi({ description: "Images of which no price is known; not in `costUsd`." }),
  costUsd: z.number(),
  bytes: z.int(),
  calls: z.int().openapi({ description: "Calls to providers, of which a request may have several." }),
  failedCalls: z.int(),
  successRate: Share.nullable(),
  callSuccessRate: Share.nullable(),
  p50Ms: z.number().nullable().openapi({ description: "Time to image of half the delivered requests." }),
  p95Ms: z.number().nullable(),
  failureKinds: z.record(z.string(), z.int()),
  callFailureKinds: z.record(z.string(), z.int()),
}).openapi("StatsSummary");

const SeriesSchema = z.object({
  requests: z.array(z.int()),
  failures: z.array(z.int()),
  images: z.array(z.int()),
  costUsd: z.array(z.number()),
  summary: SummarySchema,
});

const LiveSchema = z.object({
  requestsPerMinute: z.int(),
  imagesPerMinute: z.int(),
  inFlight: z.int(),
  waiting: z.record(z.string(), z.int()).openapi({ description: "Callers who wait for a key, by provider." }),
}).openapi("Live");

const CostSchema = z.object({
  todayUsd: z.number(),
  monthUsd: z.number(),
  todayUnpricedImages: z.int(),
  monthUnpricedImages: z.int(),
}).openapi("Cost");

const StatsSchema = z.object({
  range: z.enum(["hour", "day", "week", "month"]),
  from: Time,
  to: Time,
  stepMs: z.int(),
  times: z.array(Time).openapi({ description: "Where each step starts; all series are as long." }),
  total: SeriesSchema.extend({
    p50Ms: z.array(z.number().nullable()),
    p95Ms: z.array(z.number().nullable()),
  }),
  byProvider: z.array(SeriesSchema.extend({ provider: z.string() })),
  byModel: z.array(SeriesSchema.extend({ provider: z.string(), model: z.string() })),
  live: LiveSchema,
  cost: CostSchema,
}).openapi("Stats");

const stats = createRoute({
  method: "get",
  path: "/stats",
  tags,
  summary: "What happened in the last hour, day, week or month, in steps",
  request: { query: z.object({ range: z.enum(["hour", "day", "week", "month"]).default("day") }) },
  responses: {
    200: json(StatsSchema, "The figures. Days and months are those of UTC."),
    ...errors(400, 401),
  },
});

const IllSchema = z.object({
  provider: z.string(),
  model: z.string().optional(),
  reason: z.string(),
  backAt: Time.openapi({ description: "When it is asked again." }),
});

const OverviewSchema = z.object({
  version: z.string(),
  startedAt: Time,
  now: Time,
  modes: z.object({ relay: z.boolean(), backend: z.boolean() }),
  live: LiveSchema,
  lastHour: SummarySchema,
  cost: CostSchema,
  providers: z.array(z.object({
    provider: z.string(),
    state: z.enum(["ok", "resting", "no keys", "off"]),
    keys: z.object({ total: z.int(), disabled: z.int(), resting: z.int() }),
    keyless: z.boolean().openapi({ description: "One of `keys` stands for asking without a key." }),
    reason: z.string().optional(),
    backAt: Time.optional(),
  })),
  illRoutes: z.array(IllSchema),
  illKeys: z.array(IllSchema.extend({ id: z.string(), name: z.string() })),
  recentFailures: z.array(RequestSchema),
  storage: z.object({
    target: z.enum(["disk", "s3", "both", "off"]),
    pictures: z.int(),
    bytes: z.int(),
    pendingUploads: z.int(),
    uploadError: z.string().optional().openapi({ description: "Why uploads wait, while they do." }),
    uploadRetryAt: Time.optional(),
    failures: z.array(z.object({ time: Time, what: z.string(), reason: z.string() })),
  }),
  settingsFaults: z.int().openapi({ description: "Faults of the settings file as it stands." }),
}).openapi("Overview");

const overview = createRoute({
  method: "get",
  path: "/overview",
  tags,
  summary: "Everything that the dashboard shows first",
  responses: { 200: json(OverviewSchema, "How things stand."), ...errors(401) },
});

const dashboard = createRoute({
  method: "get",
  path: "/dashboard/stats",
  tags,
  summary: "Counts of keys by provider, as img-router told them",
  responses: {
    200: json(
      z.object({
        stats: z.record(
          z.string(),
          z.object({
            total: z.int(),
            valid: z.int(),
            invalid: z.int(),
            unused: z.int(),
            totalCalls: z.int(),
            totalSuccess: z.int(),
            successRate: Share,
          }),
        ),
      }).openapi("DashboardStats"),
      "`invalid` keys are enabled, and failed the last time.",
    ),
    ...errors(401),
  },
});

/** The routes of figures. */
export function statsRoutes(admin: Admin) {
  const sources: OverviewSources = {
    clock: admin.clock,
    providers: admin.providers,
    isEnabled: ({ name }) => admin.settings.current.providers[name]?.enabled ?? false,
    pools: admin.pools,
    health: admin.health,
    inFlight: () => admin.gateway.inFlight,
    waiting: admin.waiting,
    stats: admin.stats,
    history: admin.history,
    storage: admin.storageState,
  };
  return newApi()
    .openapi(stats, async (c) => {
      const now = admin.clock.now();
      const { from, to, times, total, byProvider, byModel, ...rest } = await statisticsOf(
        admin.stats,
        c.req.valid("query").range,
        now,
      );
      return c.json({
        ...rest,
        from: isoTime(from),
        to: isoTime(to),
        times: times.map(isoTime),
        total: tellPart(total),
        byProvider: byProvider.map(tellPart),
        byModel: byModel.map(tellPart),
        live: await liveOf(sources),
        cost: await costOf(admin.stats, now),
      }, 200);
    })
    .openapi(overview, async (c) => {
      const { target } = admin.settings.current.storage;
      const { lastError, retryAt } = await admin.uploads.state();
      const { storage, ...rest } = tellOverview(await overviewOf(sources));
      return c.json({
        version: admin.version,
        startedAt: isoTime(admin.startedAt),
        now: isoTime(admin.clock.now()),
        modes: admin.modes(),
        ...rest,
        storage: {
          target,
          ...storage,
          uploadError: lastError,
          uploadRetryAt: retryAt === undefined ? undefined : isoTime(retryAt),
        },
        settingsFaults: admin.settings.lastFaults.length,
      }, 200);
    })
    .openapi(dashboard, (c) => {
      const counts = admin.providers.map((provider) =>
        [provider.name, countKeys(admin.pools.pool(provider).keys)] as const
      );
      return c.json({ stats: Object.fromEntries(counts) }, 200);
    });
}

function tellPart<T extends Series & { summary: Summary }>(part: T) {
  return { ...part, summary: tellSummary(part.summary) };
}

function tellSummary({ successRate, callSuccessRate, p50Ms, p95Ms, ...rest }: Summary) {
  return {
    ...rest,
    successRate: successRate ?? null,
    callSuccessRate: callSuccessRate ?? null,
    p50Ms: p50Ms ?? null,
    p95Ms: p95Ms ?? null,
  };
}

function tellOverview(overview: Overview) {
  const { lastHour, providers, illRoutes, illKeys, recentFailures, storage, ...rest } = overview;
  return {
    ...rest,
    lastHour: tellSummary(lastHour),
    providers: providers.map(({ backAt, ...state }) => ({
      ...state,
      backAt: backAt === undefined ? undefined : isoTime(backAt),
    })),
    illRoutes: illRoutes.map((route) => ({ ...route, backAt: isoTime(route.backAt) })),
    illKeys: illKeys.map((key) => ({ ...key, backAt: isoTime(key.backAt) })),
    recentFailures: recentFailures.map((request) => tellRequest(request)),
    storage: {
      ...storage,
      failures: storage.failures.map((failure) => ({ ...failure, time: isoTime(failure.time) })),
    },
  };
}

function countKeys(keys: readonly PoolKey[]) {
  const enabled = keys.filter((key) => key.enabled);
  const totalSuccess = keys.reduce((sum, { successes }) => sum + successes, 0);
  const totalCalls = keys.reduce((sum, { failures }) => sum + failures, totalSuccess);
  return {
    total: keys.length,
    valid: enabled.filter(({ strikes }) => strikes === 0).length,
    invalid: enabled.filter(({ strikes }) => strikes > 0).length,
    unused: keys.filter(({ lastUsedAt }) => lastUsedAt === undefined).length,
    totalCalls,
    totalSuccess,
    successRate: totalCalls === 0 ? 0 : Number((totalSuccess / totalCalls).toFixed(4)),
  };
}
