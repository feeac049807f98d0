/** `/api/keys`: all keys page by page, their counts, the import of mixed lists, and checks that tell their progress. */
import { createRoute, z } from "@hono/zod-openapi";
import { checkKeys } from "../../admin/key_checks.ts";
import { importKeys } from "../../admin/key_import.ts";
import { allKeys, countStates, type KeyView, listKeys, type StateCounts } from "../../admin/key_listing.ts";
import { turn } from "../../store/chunks.ts";
import type { Admin } from "./admin.ts";
import { type ApiContext, badField, errors, json, jsonBody, listingOf, newApi, Paging } from "./api_app.ts";
import { keyOptionsOf, keyPoolRoutes, noteKeys } from "./key_pool_routes.ts";
import { readingOf } from "./key_reading_options.ts";
import { KeySchema, KeyState, providerNamed, tellKey } from "./key_shapes.ts";

const tags = ["Admin: keys"];

const Filter = z.object({
  provider: z.string().max(100).optional(),
  state: KeyState.optional(),
  q: Paging.shape.q,
});

const list = createRoute({
  method: "get",
  path: "/keys",
  tags,
  summary: "Keys of all pools, a page at a time",
  description: "`q` finds a part of a name or preview, or a whole key.",
  request: { query: Paging.extend(Filter.shape) },
  responses: { 200: json(listingOf(KeySchema), "One page."), ...errors(400, 401) },
});

const ids = createRoute({
  method: "get",
  path: "/keys/ids",
  tags,
  summary: "The ids of all keys that a filter finds, for what is done to many at once",
  request: { query: Filter },
  responses: {
    200: json(
      z.object({
        ids: z.array(z.string()),
        fixed: z.array(z.string()).openapi({ description: "Those among them that the environment gives." }),
      }).openapi("KeyIds"),
      "In the order of the listing.",
    ),
    ...errors(400, 401),
  },
});

const Counts = z.object({
  total: z.int(),
  ready: z.int(),
  resting: z.int(),
  disabled: z.int(),
  dead: z.int(),
});

const summary = createRoute({
  method: "get",
  path: "/keys/summary",
  tags,
  summary: "How many keys there are of each provider and state",
  responses: {
    200: json(
      z.object({ data: z.array(Counts.extend({ provider: z.string() })), total: Counts }).openapi(
        "KeySummary",
      ),
      "The counts; providers without a key are left out.",
    ),
    ...errors(401),
  },
});

const Told = z.object({
  line: z.int(),
  provider: z.string(),
  name: z.string(),
  preview: z.string(),
  baseUrl: z.string().optional(),
  needsBaseUrl: z.literal(true).optional(),
});

const importMany = createRoute({
  method: "post",
  path: "/keys/import",
  tags,
  summary: "Take in keys of any providers, each into the pool that its shape tells",
  description:
    "One key a line, `provider:key`, `name,key`, CSV with or without a header, or an export of img-router, " +
    "new-api or gpt-load. With `dryRun` nothing is changed.",
  request: jsonBody(z.object({
    text: z.string(),
    dryRun: z.boolean().default(false),
    assign: z.record(z.string(), z.string().max(100)).default({}).openapi({
      description: "Providers by the lines of keys that were told as unknown.",
    }),
  })),
  responses: {
    200: json(
      z.object({
        added: z.array(Told),
        duplicates: z.array(Told),
        unknown: z.array(z.object({ line: z.int(), preview: z.string(), reason: z.string() })),
        counts: z.record(z.string(), z.object({ added: z.int(), duplicates: z.int() })),
      }).openapi("KeyImport"),
      "What was taken in, or would be.",
    ),
    ...errors(400, 401),
  },
});

const check = createRoute({
  method: "post",
  path: "/keys/check",
  tags,
  summary: "Check keys without buying a picture, telling each as it is known",
  description: "Give `ids`, or a provider for all of its keys. The reply is `application/x-ndjson`: a line " +
    "`{id, ok, ms, reason}` a key. Closing the connection ends the check.",
  request: jsonBody(z.object({
    ids: z.array(z.string().max(200)).max(100_000).optional(),
    provider: z.string().max(100).optional(),
  })),
  responses: { 200: { description: "A line a key." }, ...errors(400, 401) },
});

/** The routes of keys, those of `/api/key-pool` among them. */
export function keysRoutes(admin: Admin) {
  const options = keyOptionsOf(admin);
  const ownerOf = (name: string | undefined) => name === undefined ? undefined : providerNamed(admin, name);
  const variableOf = ({ fixed, provider }: KeyView) =>
    fixed ? admin.settings.fixed.get(`providers.${provider}.apiKeys`) : undefined;
  return newApi()
    .route("/", keyPoolRoutes(admin))
    .openapi(list, async (c) => {
      const { provider, ...query } = c.req.valid("query");
      const { data, next } = await listKeys({ ...query, provider: ownerOf(provider) }, options);
      return c.json({ data: data.map((key) => ({ ...tellKey(key), variable: variableOf(key) })), next }, 200);
    })
    .openapi(ids, async (c) => {
      const { provider, ...query } = c.req.valid("query");
      const found: string[] = [];
      const fixed: string[] = [];
      let after: string | undefined;
      do {
        const page = await listKeys({ ...query, after, limit: PAGE, provider: ownerOf(provider) }, options);
        for (const key of page.data) {
          found.push(key.id);
          if (key.fixed) fixed.push(key.id);
        }
        after = page.next;
        await turn();
      } while (after !== undefined);
      return c.json({ ids: found, fixed }, 200);
    })
    .openapi(summary, (c) => {
      const total: StateCounts = { total: 0, ready: 0, resting: 0, disabled: 0, dead: 0 };
      const data = [...countStates(options)].map(([provider, counts]) => {
        for (const state of STATES) total[state] += counts[state];
        return { provider: provider.name, ...counts };
      });
      return c.json({ data, total }, 200);
    })
    .openapi(importMany, async (c) => {
      const { text, dryRun, assign } = c.req.valid("json");
      const owners = new Map(
        Object.entries(assign).map(([line, name]) => [Number(line), providerNamed(admin, name)]),
      );
      const report = await importKeys(text, {
        ...options,
        ...readingOf(admin),
        store: admin.keys,
        dryRun,
        assign: (line) => owners.get(line),
      });
      if (!dryRun && report.added.length > 0) {
        const providers = admin.providers.filter(({ name }) => report.counts[name]);
        const detail = Object.fromEntries(providers.map(({ name }) => [name, report.counts[name]!.added]));
        await noteKeys(c, admin, {
          action: "import",
          target: `${report.added.length} keys`,
          detail,
          discover: providers,
        });
      }
      return c.json(report, 200);
    })
    .openapi(check, async (c) => {
      const { ids, provider } = c.req.valid("json");
      if (ids === undefined && provider === undefined) {
        throw badField("ids", "Say which: 'ids', or 'provider'");
      }
      const wanted = ids ?? (await allKeys(providerNamed(admin, provider!), options)).map(({ id }) => id);
      return c.body(told(c, admin, wanted), 200, { "content-type": "application/x-ndjson; charset=utf-8" });
    });
}

/** Keys that are read before others get a turn. */
const PAGE = 1000;
const STATES = ["total", "ready", "resting", "disabled", "dead"] as const;

/** Results as lines of JSON, each as it is known. */
function told(c: ApiContext, admin: Admin, ids: readonly string[]): ReadableStream<Uint8Array> {
  const { pools, clock, stopping } = admin;
  const left = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, stopping, left.signal]);
  return new ReadableStream({
    async start(controller) {
      const write = (line: object) =>
        controller.enqueue(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
      try {
        const results = await checkKeys(ids, { pools, clock, signal, onChecked: write });
        await pools.save();
        await noteKeys(c, admin, {
          action: "check",
          target: `${results.length} keys`,
          detail: { bad: results.filter(({ ok }) => ok === false).length },
        });
        controller.close();
      } catch (error) {
        // Who asked has left, or the gateway stops: what was found out stays.
        await pools.save();
        admin.live.publish({ type: "keys" });
        if (!left.signal.aborted) controller.error(error);
      }
    },
    cancel: () => left.abort(),
  });
}
