/** `/api/key-pool`: the pools as img-router's scripts read and change them, masked, and what is done to many keys. */
import { createRoute, z } from "@hono/zod-openapi";
import {
  addKey,
  enableKeys,
  type KeyChangeOptions,
  removeKeys,
  restKeys,
  reviveKeys,
  updateKey,
} from "../../admin/key_changes.ts";
import { checkKeys } from "../../admin/key_checks.ts";
import { writeKeys } from "../../admin/key_export.ts";
import { importKeys } from "../../admin/key_import.ts";
import { allKeys, findKey, type KeyView, type ListingOptions } from "../../admin/key_listing.ts";
import type { Provider } from "../../core/provider.ts";
import type { Admin } from "./admin.ts";
import { type ApiContext, badField, errors, json, jsonBody, newApi, noSuch } from "./api_app.ts";
import { baseUrlOf, PoolEntry, providerNamed, tellEntry } from "./key_shapes.ts";
import { readingOf } from "./key_reading_options.ts";
import { confirmPassword } from "./password_attempt.ts";

const tags = ["Admin: keys"];
const HOUR = 60 * 60_000;
const WEEK = 7 * 24 * HOUR;

const Address = z.url({
  protocol: /^https?$/,
  error: "expected an address that begins with http:// or https://",
})
  .refine((text) => !/\/\/[^/]*@/.test(text), "an address must not hold a user name or password");
const KeyFields = z.object({
  name: z.string().max(100),
  baseUrl: z.union([z.literal(""), Address]),
  models: z.array(z.string().min(1).max(200)).max(500),
  enabled: z.boolean(),
}).partial();
const KeyItem = KeyFields.extend({ key: z.string().max(1100) });
const Name = z.string().max(100).openapi({ description: "A provider's name." });
const Ids = z.array(z.string().max(200)).min(1).max(100_000);
/** The provider only says whose pool is to be given back. */
const Many = { provider: Name.optional(), ids: Ids };

export const Checked = z.object({
  id: z.string(),
  ok: z.boolean().nullable().openapi({ description: "`null`: it can't be known without buying a picture." }),
  ms: z.number().optional(),
  reason: z.string().optional(),
}).openapi("CheckedKey");

const read = createRoute({
  method: "get",
  path: "/key-pool",
  tags,
  summary: "The keys of one provider, or one of them; always masked",
  request: { query: z.object({ provider: Name, id: z.string().max(200).optional() }) },
  responses: {
    200: json(
      z.object({ pool: z.array(PoolEntry).optional(), keyItem: PoolEntry.optional() }).openapi("KeyPool"),
      "The pool, or the key.",
    ),
    ...errors(400, 401, 404),
  },
});

const Action = z.discriminatedUnion("action", [
  z.object({ action: z.literal("add"), provider: Name, keyItem: KeyItem }),
  z.object({
    action: z.literal("batch_add"),
    provider: Name,
    keys: z.string(),
    format: z.enum(["csv", "text", "auto"]).default("auto").openapi({
      description: "Any form is recognised, whatever is said here.",
    }),
  }),
  z.object({ action: z.literal("update"), provider: Name, id: z.string(), keyItem: KeyItem.partial() }),
  z.object({
    action: z.literal("delete"),
    provider: Name.optional(),
    id: z.string().optional(),
    ids: Ids.optional(),
  }),
  z.object({ action: z.literal("enable"), ...Many }),
  z.object({ action: z.literal("disable"), ...Many }),
  z.object({ action: z.literal("revive"), ...Many }),
  z.object({
    action: z.literal("rest"),
    ...Many,
    forMs: z.int().min(1).max(WEEK).default(HOUR).openapi({
      description: "How long, in ms; an hour if not said.",
    }),
  }),
  z.object({ action: z.literal("check"), ...Many }),
  z.object({
    action: z.literal("export"),
    provider: Name.optional(),
    ids: Ids.optional().openapi({ description: "Default: all keys of the provider, or of all." }),
    format: z.enum(["text", "csv"]).default("text"),
    password: z.string().max(1024).optional().openapi({
      description: "The admin's; without it keys are masked.",
    }),
  }),
]);
type Action = z.infer<typeof Action>;

const Changed = z.object({
  ok: z.literal(true),
  pool: z.array(PoolEntry).optional(),
  added: z.int().optional(),
  duplicates: z.int().optional(),
  unknown: z.array(z.object({ line: z.int(), preview: z.string(), reason: z.string() })).optional(),
  changed: z.int().optional(),
  results: z.array(Checked).optional(),
  filename: z.string().optional(),
  content: z.string().optional(),
}).openapi("KeyPoolChanged");

const change = createRoute({
  method: "post",
  path: "/key-pool",
  tags,
  summary: "Add, change, remove, rest, revive, check or export keys",
  request: jsonBody(Action),
  responses: { 200: json(Changed, "Done, and in force."), ...errors(400, 401, 404, 429) },
});

/** The routes of `/api/key-pool`. */
export function keyPoolRoutes(admin: Admin) {
  const options = keyOptionsOf(admin);

  return newApi()
    .openapi(read, async (c) => {
      const { provider: name, id } = c.req.valid("query");
      const provider = providerNamed(admin, name);
      if (id === undefined) return c.json({ pool: await poolOf(provider, options) }, 200);
      const key = await findKey(id, options);
      if (!key || key.provider !== provider.name) throw noSuch("key");
      return c.json({ keyItem: tellEntry(key) }, 200);
    })
    .openapi(change, async (c) => {
      const action = c.req.valid("json");
      const provider = action.provider === undefined ? undefined : providerNamed(admin, action.provider);
      const reply = await act(c, admin, action, provider);
      return c.json({ ok: true as const, ...reply }, 200);
    });
}

/** What changes and listings of keys depend on. */
export function keyOptionsOf(admin: Admin): ListingOptions & KeyChangeOptions {
  const { pools, keys, providers, clock } = admin;
  return { pools, keys, providers, clock, baseUrl: baseUrlOf(admin) };
}

/** Tells panels and the trail that keys changed, and asks services that each have models of their own for them. */
export async function noteKeys(
  c: ApiContext,
  admin: Admin,
  { action, target, detail, discover = [] }: {
    action: string;
    target: string;
    detail?: Record<string, unknown>;
    discover?: readonly Provider[];
  },
): Promise<void> {
  admin.live.publish({ type: "keys" });
  const asked = discover.filter(({ unlisted, listModels }) => unlisted?.like === "*" && listModels);
  // Nobody waits for it; what goes wrong is told in the log.
  if (asked.length > 0) void admin.pools.discover(admin.stopping, asked);
  await admin.audit.write({ action: `keys.${action}`, target, detail, who: c.get("admin").name });
}

type Reply = Omit<z.infer<typeof Changed>, "ok">;

async function act(
  c: ApiContext,
  admin: Admin,
  action: Action,
  provider: Provider | undefined,
): Promise<Reply> {
  const options = keyOptionsOf(admin);
  const note = (target: string, detail?: Record<string, unknown>, discover?: Provider[]) =>
    noteKeys(c, admin, { action: action.action, target, detail, discover });
  /** Pools are given back where one was named; for many keys of all of them that would be far too much. */
  const pool = async () => provider && { pool: await poolOf(provider, options) };
  const many = async (ids: readonly string[], work: Promise<number>): Promise<Reply> => {
    const changed = await work;
    await note(`${changed} keys`, { ids: ids.slice(0, 20), count: changed });
    return { changed, ...await pool() };
  };
  switch (action.action) {
    case "add": {
      const { name } = await addKey(provider!, action.keyItem, options);
      await note(name, { provider: provider!.name }, [provider!]);
      return { ...await pool() };
    }
    case "batch_add": {
      const reading = readingOf(admin, provider);
      const report = await importKeys(action.keys, {
        ...options,
        ...reading,
        store: admin.keys,
        dryRun: false,
      });
      const { added, duplicates, unknown } = report;
      await note(provider!.name, { added: added.length }, [provider!]);
      return { ...await pool(), added: added.length, duplicates: duplicates.length, unknown };
    }
    case "update": {
      const { id, keyItem } = action;
      const changed = await updateKey(provider!, id, keyItem, options);
      if (!changed) throw noSuch("key");
      const { key, ...fields } = keyItem;
      await note(changed.name, { ...fields, secret: key === undefined ? "kept" : "sent" }, [provider!]);
      return { ...await pool() };
    }
    case "delete": {
      const ids = [...action.ids ?? [], ...action.id === undefined ? [] : [action.id]];
      if (ids.length === 0) throw badField("ids", "Say which: 'id', or 'ids'");
      return await many(ids, removeKeys(ids, options));
    }
    case "enable":
    case "disable":
      return await many(action.ids, enableKeys(action.ids, action.action === "enable", options));
    case "rest":
      return await many(action.ids, restKeys(action.ids, action.forMs, options));
    case "revive":
      return await many(action.ids, reviveKeys(action.ids, options));
    case "check": {
      const { pools, clock } = admin;
      const signal = AbortSignal.any([c.req.raw.signal, admin.stopping]);
      const results = await checkKeys(action.ids, { pools, clock, signal });
      await pools.save();
      await note(`${results.length} keys`, { bad: results.filter(({ ok }) => ok === false).length });
      return { results };
    }
    case "export":
      return await exported(c, admin, action, provider);
  }
}

async function exported(
  c: ApiContext,
  admin: Admin,
  { ids, format, password }: Extract<Action, { action: "export" }>,
  provider: Provider | undefined,
): Promise<Reply> {
  const options = keyOptionsOf(admin);
  if (password !== undefined) await confirmPassword(c, admin, password);
  const wanted = ids && new Set(ids);
  const keys: KeyView[] = [];
  for (const owner of provider ? [provider] : admin.providers) {
    keys.push(...(await allKeys(owner, options)).filter(({ id }) => !wanted || wanted.has(id)));
  }
  const isOpen = password !== undefined;
  const secrets = isOpen ? await secretsOf(keys, admin) : new Map<string, string>();
  await noteKeys(c, admin, {
    action: "export",
    target: provider?.name ?? "all",
    detail: { count: keys.length, masked: !isOpen },
  });
  const filename = `imgrouter-keys${isOpen ? "" : "-masked"}.${format === "csv" ? "csv" : "txt"}`;
  return { filename, content: writeKeys(keys, secrets, format) };
}

async function secretsOf(
  keys: readonly KeyView[],
  { pools, keys: store }: Admin,
): Promise<Map<string, string>> {
  const secrets = await store.secrets(keys.filter(({ fixed }) => !fixed).map(({ id }) => id));
  for (const { id } of keys.filter(({ fixed }) => fixed)) {
    const found = pools.find(id);
    if (found) secrets.set(id, await pools.reveal(found.key));
  }
  return secrets;
}

async function poolOf(provider: Provider, options: ListingOptions) {
  return (await allKeys(provider, options)).map(tellEntry);
}
