/** `/api/providers`: what there is, how it is set up and how it fares; and who would be asked for a request. */
import { createRoute, z } from "@hono/zod-openapi";
import { checkKey } from "../../admin/key_checks.ts";
import { countStates } from "../../admin/key_listing.ts";
import { viewProvider } from "../../admin/provider_view.ts";
import { previewRouting } from "../../admin/routing_preview.ts";
import type { JsonObject } from "../../config/json_object.ts";
import { Failed } from "../../core/failure.ts";
import { Media } from "../../core/media.ts";
import type { Provider } from "../../core/provider.ts";
import { TASKS } from "../../core/request.ts";
import type { PoolKey } from "../../routing/key_pool.ts";
import { readFields, wishesOf } from "../v1/fields.ts";
import type { Admin } from "./admin.ts";
import { type ApiContext, badField, errors, isoTime, json, jsonBody, newApi, noSuch } from "./api_app.ts";
import { PreviewSchema, ProviderSchema, tellProvider, type ToldProvider } from "./provider_shapes.ts";
import { saveSent } from "./save_settings.ts";

const tags = ["Admin: providers"];
const Named = z.object({ name: z.string().max(100) });
const etag = {
  headers: z.object({ etag: z.string().openapi({ description: "For `If-Match` of a change." }) }),
};

const list = createRoute({
  method: "get",
  path: "/providers",
  tags,
  summary: "All providers: how they are set up, what their models can do, how they fare",
  responses: {
    200: {
      ...json(z.object({ data: z.array(ProviderSchema) }), "In the order in which keys are recognised."),
      ...etag,
    },
    ...errors(401),
  },
});

const read = createRoute({
  method: "get",
  path: "/providers/{name}",
  tags,
  summary: "One provider",
  request: { params: Named },
  responses: { 200: { ...json(ProviderSchema, "The provider."), ...etag }, ...errors(401, 404) },
});

const task = z.object({
  model: z.string().max(300).nullable(),
  size: z.string().max(50).nullable(),
  quality: z.string().max(50).nullable(),
  n: z.int().min(1).max(10).nullable(),
  steps: z.int().min(1).max(500).nullable(),
  weight: z.number().min(0).max(1_000_000).nullable(),
  modelMap: z.string().max(5000).nullable().openapi({ description: "Aliases, comma-separated." }),
  promptOptimizer: z.object({ translate: z.boolean().nullable(), expand: z.boolean().nullable() }).partial()
    .nullable(),
}).partial();
const Limit = z.int().min(1).nullable();
const Changes = z.object({
  enabled: z.boolean(),
  baseUrl: z.url({ protocol: /^https?$/, error: "expected an address that begins with http:// or https://" })
    .nullable(),
  maxConcurrent: Limit,
  requestsPerMinute: Limit,
  requestsPerDay: Limit,
  timeout: Limit.openapi({ description: "Of one call, in ms." }),
  defaultSteps: Limit,
  defaultCount: Limit,
  models: z.record(
    z.string().min(1).max(300),
    z.object({
      hidden: z.boolean().nullable(),
      like: z.string().nullable(),
      tasks: z.array(z.enum(TASKS)).nullable(),
      usdPerImage: z.number().min(0).nullable(),
    }).partial().nullable(),
  ).openapi({
    description: "Models to add, to hide or to price, by their ids; `null` forgets what was said.",
  }),
  text: task,
  edit: task,
  blend: task,
}).partial();

const change = createRoute({
  method: "patch",
  path: "/providers/{name}",
  tags,
  summary: "Set up a provider; what is left out stays, `null` goes back to the default",
  request: {
    params: Named,
    headers: z.object({ "if-match": z.string().optional() }),
    ...jsonBody(Changes),
  },
  responses: {
    200: { ...json(ProviderSchema, "The provider as it is now."), ...etag },
    ...errors(400, 401, 404, 409, 412),
  },
});

const test = createRoute({
  method: "post",
  path: "/providers/{name}/test",
  tags,
  summary: "Try a provider without buying a picture",
  description: "With the key named, or any that can be used; at that key's own address.",
  request: { params: Named, ...jsonBody(z.object({ keyId: z.string().max(200).optional() })) },
  responses: {
    200: json(
      z.object({ ok: z.boolean(), ms: z.number(), reason: z.string().optional() }).openapi("ProviderTest"),
      "What came of it.",
    ),
    ...errors(400, 401, 404),
  },
});

const preview = createRoute({
  method: "post",
  path: "/routing/preview",
  tags,
  summary: "Who would be asked for a request, in which order, and who not and why; nobody is asked",
  request: jsonBody(
    z.looseObject({
      task: z.enum(TASKS),
      inputs: z.int().min(0).max(16).optional().openapi({
        description: "How many images it would come with.",
      }),
      mask: z.boolean().optional(),
      client: z.string().optional().openapi({ description: "A client's id, to see its limits at work." }),
    }).openapi({
      description: "Also `model`, `provider`, `prompt`, `size` and all that an image request may hold.",
    }),
  ),
  responses: { 200: json(PreviewSchema, "The plan."), ...errors(400, 401, 404) },
});

/** The routes of providers. */
export function providersRoutes(admin: Admin) {
  const { settings } = admin;

  function tell(provider: Provider, counts = countStates(admin)): ToldProvider {
    const { catalogue, pools, health, clock } = admin;
    const view = viewProvider(provider, {
      settings: settings.current.providers[provider.name]!,
      catalogue,
      pools,
      health,
      keys: counts.get(provider) ?? { total: 0, ready: 0, resting: 0, disabled: 0, dead: 0 },
      now: clock.now(),
    });
    const above = `providers.${provider.name}.`;
    const fixed = [...settings.fixed].filter(([path]) => path.startsWith(above))
      .map(([path, variable]) => ({ path: path.slice(above.length), variable }));
    return tellProvider(view, fixed);
  }

  function find(name: string): Provider {
    const wanted = name.toLowerCase();
    const found = admin.providers.find((provider) => provider.name.toLowerCase() === wanted);
    if (!found) throw noSuch("provider");
    return found;
  }

  const tag = (c: ApiContext) => c.header("etag", `"${settings.revision}"`);

  return newApi()
    .openapi(list, (c) => {
      tag(c);
      const counts = countStates(admin);
      return c.json({ data: admin.providers.map((provider) => tell(provider, counts)) }, 200);
    })
    .openapi(read, (c) => {
      tag(c);
      return c.json(tell(find(c.req.valid("param").name)), 200);
    })
    .openapi(change, async (c) => {
      const provider = find(c.req.valid("param").name);
      const members = { providers: { [provider.name]: c.req.valid("json") } };
      await saveSent(c, admin, members as JsonObject, "providers.change");
      tag(c);
      return c.json(tell(provider), 200);
    })
    .openapi(test, async (c) => {
      const provider = find(c.req.valid("param").name);
      return c.json(await tried(c, admin, provider, c.req.valid("json").keyId), 200);
    })
    .openapi(preview, async (c) => {
      const { task, inputs = task === "generate" ? 0 : task === "blend" ? 2 : 1, mask, client, ...fields } = c
        .req
        .valid("json");
      const stored = client === undefined
        ? undefined
        : (await admin.clients.list()).find(({ id }) => id === client);
      if (client !== undefined && !stored) throw noSuch("client");
      const nothing = Media.fromBase64("");
      const wishes = wishesOf(readFields(fields));
      const request = {
        ...wishes,
        prompt: wishes.prompt || "a picture",
        task,
        inputs: Array.from({ length: inputs }, () => nothing),
        mask: mask ? nothing : undefined,
      };
      const { strategy } = settings.current.routing;
      const plan = previewRouting(request, {
        ...admin,
        strategy,
        client: stored ?? { name: "preview", models: [], providers: [] },
      });
      const steps = plan.steps.map((step) => ({
        ...step,
        backAt: step.backAt === undefined ? undefined : isoTime(step.backAt),
      }));
      return c.json({ ...plan, steps }, 200);
    });
}

/** Asks the cheapest harmless question, or only whether anybody answers. */
async function tried(
  c: ApiContext,
  admin: Admin,
  provider: Provider,
  keyId: string | undefined,
): Promise<{ ok: boolean; ms: number; reason?: string }> {
  const { pools, clock } = admin;
  const signal = AbortSignal.any([c.req.raw.signal, admin.stopping]);
  const key = keyId === undefined ? anyKey(admin, provider) : pools.pool(provider).get(keyId);
  if (keyId !== undefined && !key) throw badField("keyId", "This provider has no such key", "not_found");
  if (!key) return { ok: false, ms: 0, reason: `No key is set up for ${provider.name}` };
  const { ok, ms = 0, reason } = await checkKey(key.id, { pools, clock, signal });
  if (ok !== null) return { ok, ms, reason };
  const startedAt = clock.now();
  const answers = await isThere(admin, provider, key, signal);
  const found = answers === true ? { ok: true, reason } : { ok: false, reason: answers };
  return { ...found, ms: clock.now() - startedAt };
}

/** A key that can be used, or else the one that comes back first. */
function anyKey({ pools, clock }: Admin, provider: Provider): PoolKey | undefined {
  const now = clock.now();
  const wait = ({ rest }: PoolKey) => rest && rest.until > now ? rest.until : 0;
  return pools.pool(provider).keys.filter(({ enabled }) => enabled).sort((a, b) => wait(a) - wait(b))[0];
}

const PATIENCE = 10_000;

/** Whether a service answers at all, without a key; `true`, or why it does not. */
async function isThere(
  { pools, clock }: Admin,
  provider: Provider,
  key: PoolKey,
  signal: AbortSignal,
): Promise<true | string> {
  using limit = clock.timeout(PATIENCE);
  try {
    const call = await pools.line(provider, key, AbortSignal.any([signal, limit.signal]), {
      withoutKey: true,
    });
    await call.get("", async (response) => void await response.body?.cancel());
    return true;
  } catch (error) {
    signal.throwIfAborted();
    // Whatever status it is, somebody is there.
    if (error instanceof Failed && error.failure.status !== undefined) return true;
    return `${provider.name} could not be reached: ${error instanceof Error ? error.message : String(error)}`;
  }
}
