/** `/api/clients`: the holders of gateway keys, what each may do, and what it used. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Client, ClientChange, DayUsage, Usage } from "../../store/clients.ts";
import { dayOf } from "../../store/clients.ts";
import type { Admin } from "./admin.ts";
import {
  type ApiContext,
  badField,
  errors,
  isoTime,
  json,
  jsonBody,
  listingOf,
  newApi,
  noSuch,
  Paging,
  Time,
} from "./api_app.ts";
import { providerNamed } from "./key_shapes.ts";

const tags = ["Admin: clients"];
const DAY = 24 * 60 * 60_000;
/** Names by which the history calls callers that are no stored clients. */
const RESERVED = /^(relay|anonymous|global|playground|environment \d+)$/i;

const Count = z.int().min(1).max(1_000_000_000);
const Money = z.number().positive().max(1_000_000_000);
const limits = {
  expiresAt: Time.nullable().openapi({ description: "`null` = never." }),
  requestsPerMinute: Count.nullable().openapi({ description: "`null` = no limit; so for all limits." }),
  imagesPerDay: Count.nullable(),
  imagesPerMonth: Count.nullable(),
  usdPerDay: Money.nullable(),
  usdPerMonth: Money.nullable(),
};
const Fields = z.object({
  name: z.string().trim().min(1, "A client needs a name").max(100),
  enabled: z.boolean(),
  models: z.array(z.string().trim().min(1).max(256)).max(500).openapi({ description: "Empty = all." }),
  providers: z.array(z.string().max(100)).max(100).openapi({ description: "Empty = all." }),
  ...limits,
});
const Draft = Fields.partial();

const Used = z.object({ requests: z.int(), images: z.int(), usd: z.number() });
const ClientSchema = z.object({
  id: z.string(),
  keyPreview: z.string(),
  createdAt: Time,
  ...Fields.shape,
  usage: z.object({ today: Used, month: Used }).openapi({ description: "By days and months of UTC." }),
}).openapi("Client");
const Made = ClientSchema.extend({ key: z.string() }).openapi("NewClient");
const Id = z.object({ id: z.string().max(100) });

const list = createRoute({
  method: "get",
  path: "/clients",
  tags,
  summary: "Holders of gateway keys, oldest first",
  request: { query: Paging },
  responses: { 200: json(listingOf(ClientSchema), "One page."), ...errors(400, 401) },
});

const create = createRoute({
  method: "post",
  path: "/clients",
  tags,
  summary: "Make a client; its key is told here and never again",
  request: jsonBody(Draft.required({ name: true })),
  responses: { 200: json(Made, "The client, with its key."), ...errors(400, 401) },
});

const read = createRoute({
  method: "get",
  path: "/clients/{id}",
  tags,
  summary: "One client, with its use day by day",
  request: { params: Id, query: z.object({ days: z.coerce.number().int().min(1).max(366).default(30) }) },
  responses: {
    200: json(
      ClientSchema.extend({ days: z.array(Used.extend({ day: z.iso.date() })) }).openapi("ClientWithDays"),
      "The client; `days` are of UTC, oldest first, today last.",
    ),
    ...errors(400, 401, 404),
  },
});

const change = createRoute({
  method: "patch",
  path: "/clients/{id}",
  tags,
  summary: "Change a client; what is left out stays",
  request: { params: Id, ...jsonBody(Draft) },
  responses: { 200: json(ClientSchema, "The client as it is now."), ...errors(400, 401, 404) },
});

const remove = createRoute({
  method: "delete",
  path: "/clients/{id}",
  tags,
  summary: "Remove a client; its key is worth nothing from then on",
  request: { params: Id },
  responses: { 204: { description: "Removed." }, ...errors(401, 404) },
});

/** The routes of clients. */
export function clientsRoutes(admin: Admin) {
  const { clients, clock } = admin;

  async function find(id: string): Promise<Client> {
    const found = (await clients.list()).find((client) => client.id === id);
    if (!found) throw noSuch("client");
    return found;
  }

  async function tellOne(client: Client): Promise<z.infer<typeof ClientSchema>> {
    const today = dayOf(clock.now());
    return tell(client, await clients.usage(client.id, monthOf(today), today), today);
  }

  /** Names stand for clients in history, statistics and log. */
  async function checkName(name: string, id?: string): Promise<void> {
    const isTaken = (await clients.list()).some((client) =>
      client.id !== id && client.name.toLowerCase() === name.toLowerCase()
    );
    if (isTaken || RESERVED.test(name)) throw badField("name", "This name is taken", "name_taken");
  }

  function settingsOf({ expiresAt, providers, ...draft }: z.infer<typeof Draft>): ClientChange {
    const end = expiresAt ? Date.parse(expiresAt) : expiresAt as null | undefined;
    if (typeof end === "number" && end <= clock.now()) throw badField("expiresAt", "This time has passed");
    return {
      ...draft,
      ...end !== undefined && { expiresAt: end },
      ...providers && { providers: [...new Set(providers.map((name) => namedIn(admin, name)))] },
    };
  }

  async function note(
    c: ApiContext,
    action: string,
    { id, name }: Client,
    detail: object = {},
  ): Promise<void> {
    admin.live.publish({ type: "clients" });
    await admin.audit.write({
      action: `clients.${action}`,
      target: name,
      detail: { id, ...detail },
      who: c.get("admin").name,
    });
  }

  return newApi()
    .openapi(list, async (c) => {
      const { limit, after, q } = c.req.valid("query");
      const wanted = q?.trim().toLowerCase() ?? "";
      const all = (await clients.list()).filter(({ name }) => name.toLowerCase().includes(wanted));
      const start = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
      const page = all.slice(start, start + limit);
      const today = dayOf(clock.now());
      const usage = await clients.usageOfAll(monthOf(today), today);
      const data = page.map((client) => tell(client, usage.get(client.id) ?? [], today));
      return c.json({ data, next: all.length > start + limit ? page.at(-1)?.id : undefined }, 200);
    })
    .openapi(create, async (c) => {
      const { name, ...draft } = c.req.valid("json");
      await checkName(name);
      const settings = Object.fromEntries(
        Object.entries(settingsOf(draft)).filter(([, value]) => value !== null),
      );
      const { client, key } = await clients.create({ ...settings, name });
      await admin.reload();
      await note(c, "create", client);
      return c.json({ ...await tellOne(client), key }, 200);
    })
    .openapi(read, async (c) => {
      const client = await find(c.req.valid("param").id);
      const now = clock.now();
      const days = Array.from({ length: c.req.valid("query").days }, (_, back) => dayOf(now - back * DAY))
        .reverse();
      const used = await clients.usage(client.id, days[0]!, days.at(-1)!);
      const byDay = new Map(used.map((entry) => [entry.day, entry]));
      const series = days.map((day) => ({ ...NOTHING, ...byDay.get(day), day }));
      return c.json({ ...await tellOne(client), days: series }, 200);
    })
    .openapi(change, async (c) => {
      const { id } = c.req.valid("param");
      const draft = c.req.valid("json");
      if (draft.name !== undefined) await checkName(draft.name, id);
      const client = await clients.update(id, settingsOf(draft));
      if (!client) throw noSuch("client");
      await note(c, "change", client, draft);
      return c.json(await tellOne(client), 200);
    })
    .openapi(remove, async (c) => {
      const client = await find(c.req.valid("param").id);
      await clients.remove(client.id);
      await admin.reload();
      await note(c, "delete", client);
      return c.body(null, 204);
    });
}

const NOTHING: Usage = { requests: 0, images: 0, usd: 0 };

function tell(client: Client, month: readonly DayUsage[], today: string): z.infer<typeof ClientSchema> {
  const { keyHash: _, preview, createdAt, expiresAt, ...settings } = client;
  const orNull = <T>(value: T | undefined) => value ?? null;
  return {
    ...settings,
    keyPreview: preview,
    createdAt: isoTime(createdAt),
    expiresAt: expiresAt === undefined ? null : isoTime(expiresAt),
    requestsPerMinute: orNull(client.requestsPerMinute),
    imagesPerDay: orNull(client.imagesPerDay),
    imagesPerMonth: orNull(client.imagesPerMonth),
    usdPerDay: orNull(client.usdPerDay),
    usdPerMonth: orNull(client.usdPerMonth),
    usage: { today: sum(month.filter(({ day }) => day === today)), month: sum(month) },
  };
}

function sum(uses: readonly Usage[]): Usage {
  return uses.reduce((total, { requests, images, usd }) => ({
    requests: total.requests + requests,
    images: total.images + images,
    usd: total.usd + usd,
  }), NOTHING);
}

function monthOf(day: string): string {
  return `${day.slice(0, 7)}-01`;
}

/** A provider as it is called everywhere. @throws HttpFault 400 for a name that is none */
function namedIn(admin: Admin, name: string): string {
  try {
    return providerNamed(admin, name).name;
  } catch {
    throw badField("providers", `There is no provider "${name.slice(0, 64)}"`, "unknown_provider");
  }
}
