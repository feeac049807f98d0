/**
 * `/api/tools`: tries of foreign services before they are set up. A stored key goes to its stored address alone,
 * and an address that somebody typed is only shown the key that they typed with it.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { isSendable } from "../../admin/key_reading.ts";
import { isMask } from "../../admin/settings_mask.ts";
import { checkBucket } from "../../admin/storage_check.ts";
import type { Provider } from "../../core/provider.ts";
import { listOptimizerModels, type OptimizerDraft, testOptimizer } from "../../gateway/prompt_optimizer.ts";
import type { Admin } from "./admin.ts";
import { type ApiContext, badField, errors, json, jsonBody, newApi } from "./api_app.ts";
import { providerNamed } from "./key_shapes.ts";

const tags = ["Admin: tools"];
const RELAY = "NewApi";
const LIMIT = 15_000;
const MAX_LIST = 4 * 1024 * 1024;

const Address = z.url({
  protocol: /^https?$/,
  error: "expected an address that begins with http:// or https://",
});
const Models = z.object({ ok: z.literal(true), models: z.array(z.string()) });
const Failure = z.object({ ok: z.literal(false), error: z.string() }).openapi("ToolFailure");
const failed = json(Failure, "It did not work; `error` tells why.");

const fetchModels = createRoute({
  method: "post",
  path: "/tools/fetch-models",
  tags,
  summary: "The models of a relay that a key of the NewApi pool belongs to",
  request: jsonBody(z.object({ baseUrl: Address })),
  responses: { 200: json(Models, "Their ids."), ...errors(400, 401), 500: failed },
});

const testRelay = createRoute({
  method: "post",
  path: "/tools/test-newapi-key",
  tags,
  summary: "Try an address and a key of a relay, both as given",
  request: jsonBody(z.object({ baseUrl: Address, apiKey: z.string().max(1100) })),
  responses: {
    200: json(z.union([Models, Failure]), "The ids of its models, or why it did not work."),
    ...errors(400, 401),
  },
});

const Draft = z.object({
  baseUrl: z.union([z.literal(""), Address]),
  apiKey: z.string().max(1100),
  model: z.string().max(300),
}).partial();

const tryOptimizer = createRoute({
  method: "post",
  path: "/tools/test-prompt-optimizer",
  tags,
  summary: "Have a prompt rewritten by a text model",
  description: "What is left out is as stored, and a short sample is translated where there is no prompt; " +
    "the stored key is used at the stored address alone.",
  request: jsonBody(
    Draft.extend({
      prompt: z.string().min(1).max(20_000).optional(),
      work: z.enum(["translate", "expand"]).optional(),
      instruction: z.string().min(1).max(20_000).optional(),
    }),
  ),
  responses: {
    200: json(
      z.object({
        ok: z.literal(true),
        message: z.string(),
        url: z.string(),
        model: z.string(),
        durationMs: z.number(),
      }),
      "Its answer.",
    ),
    ...errors(400, 401),
    500: failed,
  },
});

const optimizerModels = createRoute({
  method: "post",
  path: "/tools/prompt-optimizer-models",
  tags,
  summary: "The models of a text service",
  request: jsonBody(Draft),
  responses: { 200: json(Models, "Their ids."), ...errors(400, 401), 500: failed },
});

const text = z.string().max(1024);
const testStorage = createRoute({
  method: "post",
  path: "/tools/test-storage",
  tags,
  summary: "Write, read and remove an object in a bucket",
  description: "What is left out is as stored; stored keys are used at the stored endpoint alone.",
  request: jsonBody(
    z.object({
      endpoint: Address,
      bucket: text,
      accessKey: text,
      secretKey: text,
      region: text,
      publicUrl: z.union([z.literal(""), Address]),
      prefix: text,
      pathStyle: z.boolean(),
    }).partial(),
  ),
  responses: {
    200: json(
      z.object({
        ok: z.boolean(),
        ms: z.number().optional(),
        note: z.string().optional(),
        reason: z.string().optional(),
      }),
      "What came of it.",
    ),
    ...errors(400, 401),
  },
});

/** The routes of tools. */
export function toolsRoutes(admin: Admin) {
  const { settings, clock, pools } = admin;
  const signalOf = (c: ApiContext) => AbortSignal.any([c.req.raw.signal, admin.stopping]);

  return newApi()
    .openapi(fetchModels, async (c) => {
      const provider = providerNamed(admin, RELAY);
      const { baseUrl } = c.req.valid("json");
      const key = pools.pool(provider).keys.find((key) => isSame(pools.addressOf(provider, key), baseUrl));
      if (!key) {
        throw badField("baseUrl", "No key of the NewApi pool belongs to this address", "unknown_address");
      }
      using limit = clock.timeout(LIMIT);
      try {
        const call = await pools.line(provider, key, AbortSignal.any([signalOf(c), limit.signal]));
        return c.json(
          { ok: true as const, models: (await provider.listModels!(call)).map(({ id }) => id) },
          200,
        );
      } catch (error) {
        return c.json(told(error), 500);
      }
    })
    .openapi(testRelay, async (c) => {
      const { baseUrl, apiKey } = c.req.valid("json");
      const key = apiKey.trim();
      if (!isSendable(key) || isMask(key)) {
        throw badField("apiKey", "Give the key itself; a stored one is not used here");
      }
      using limit = clock.timeout(LIMIT);
      try {
        const models = await modelsAt(
          baseUrl,
          key,
          providerNamed(admin, RELAY),
          admin,
          AbortSignal.any([signalOf(c), limit.signal]),
        );
        return c.json({ ok: true as const, models }, 200);
      } catch (error) {
        return c.json(told(error), 200);
      }
    })
    .openapi(tryOptimizer, async (c) => {
      const options = { clock, settings: settings.current.promptOptimizer, signal: signalOf(c) };
      try {
        const { prompt, work, instruction, ...draft } = c.req.valid("json");
        const trial = { ...draftOf(draft), prompt, work, instruction };
        const { answer, url, model, durationMs } = await testOptimizer(trial, options);
        return c.json({ ok: true as const, message: answer, url, model, durationMs }, 200);
      } catch (error) {
        return c.json(told(error), 500);
      }
    })
    .openapi(optimizerModels, async (c) => {
      const options = { clock, settings: settings.current.promptOptimizer, signal: signalOf(c) };
      try {
        return c.json({
          ok: true as const,
          models: await listOptimizerModels(draftOf(c.req.valid("json")), options),
        }, 200);
      } catch (error) {
        return c.json(told(error), 500);
      }
    })
    .openapi(testStorage, async (c) => {
      const { secretKey, accessKey, publicUrl, ...draft } = c.req.valid("json");
      const checked = await checkBucket(
        {
          ...draft,
          publicUrl: publicUrl || undefined,
          accessKey: typed(accessKey),
          secretKey: typed(secretKey),
        },
        settings.current.storage.s3,
        { clock, signal: signalOf(c) },
      );
      return c.json(checked, 200);
    });
}

/** Asks an address that somebody typed, through the guard, with the key that they typed. */
async function modelsAt(
  baseUrl: string,
  key: string,
  { keys }: Provider,
  { outbound }: Admin,
  signal: AbortSignal,
): Promise<string[]> {
  const base = baseUrl.replace(/\/+$/, "");
  const address = new URL(base).pathname === "/" ? `${base}/v1/models` : `${base}/models`;
  const { body } = await outbound.open(address, { signal, maxBytes: MAX_LIST, headers: keys.send(key) });
  const reply = List.safeParse(await new Response(body).json().catch(() => undefined));
  if (!reply.success) throw new Error("The service answered, but not with a list of models");
  return reply.data.data.map(({ id }) => id);
}

const List = z.object({ data: z.array(z.object({ id: z.string() })) });

function draftOf({ baseUrl, apiKey, model }: OptimizerDraft): OptimizerDraft {
  return { baseUrl: baseUrl || undefined, apiKey: typed(apiKey), model: model || undefined };
}

/** A mask stands for what is stored. */
function typed(secret: string | undefined): string | undefined {
  return secret === undefined || secret === "" || isMask(secret) ? undefined : secret;
}

/** With or without the version at its end, it is the same service. */
function isSame(address: string | undefined, wanted: string): boolean {
  const bare = (url: string) => url.replace(/\/+$/, "").replace(/\/v1$/, "").toLowerCase();
  return address !== undefined && bare(address) === bare(wanted);
}

function told(error: unknown): { ok: false; error: string } {
  return { ok: false, error: error instanceof Error ? error.message : String(error) };
}
