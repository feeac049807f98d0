/** How providers, their models and plans are told over the API. */
import { z } from "@hono/zod-openapi";
import type { Closed, ModelView, ProviderView } from "../../admin/provider_view.ts";
import { TASKS } from "../../core/request.ts";
import { isoTime, Time } from "./api_app.ts";

const ClosedSchema = z.object({ until: Time, reason: z.string().optional() }).openapi({
  description: "It kept failing, and is left alone until then.",
});

const ParameterSchema = z.object({
  name: z.string(),
  kind: z.enum(["choice", "choices", "integer", "number", "text", "map"]),
  options: z.array(z.string()).optional(),
  least: z.number().optional(),
  most: z.number().optional(),
}).openapi("ModelParameter");

const Pair = z.tuple([z.number(), z.number()]);
const SizesSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("listed"), sizes: z.array(z.string()) }),
  z.object({
    kind: z.literal("free"),
    multipleOf: z.number().optional(),
    edge: Pair.optional(),
    pixels: Pair.optional(),
    maxRatio: z.number().optional(),
    preferred: z.array(z.string()).optional(),
  }),
  z.object({ kind: z.literal("ratios"), ratios: z.array(z.string()) }),
  z.object({ kind: z.literal("fixed") }),
]);

const PricesSchema = z.object({
  images: z.array(
    z.object({
      usd: z.number(),
      quality: z.string().optional(),
      maxPixels: z.number().optional(),
      square: z.boolean().optional(),
    }),
  ).optional(),
  megapixel: z.number().optional(),
  tokens: z.object({ textIn: z.number(), imageIn: z.number(), imageOut: z.number() }).optional(),
}).openapi({ description: "US-dollars per image, per million pixels, per million tokens." });

const ModelSchema = z.object({
  id: z.string(),
  tasks: z.array(z.enum(TASKS)),
  maxImages: z.int(),
  maxInputs: z.int(),
  mask: z.boolean(),
  sizes: SizesSchema.optional(),
  defaultSize: z.string().optional(),
  qualities: z.array(z.string()).optional(),
  parameters: z.array(ParameterSchema),
  prices: PricesSchema.optional(),
  priceUsd: z.number().optional(),
  rating: z.number().optional(),
  retires: z.string().optional(),
  latencyMs: z.number().optional(),
  closed: ClosedSchema.optional(),
}).openapi("ProviderModel");

const TaskSchema = z.object({
  model: z.string().optional(),
  size: z.string().optional(),
  quality: z.string().optional(),
  n: z.int().optional(),
  steps: z.int().optional(),
  weight: z.number(),
  modelMap: z.string(),
  promptOptimizer: z.object({ translate: z.boolean().optional(), expand: z.boolean().optional() }).optional(),
  usedModel: z.string().optional().openapi({ description: "What is used where nobody names a model." }),
});

/** A provider in listings. */
export const ProviderSchema = z.object({
  name: z.string(),
  aliases: z.array(z.string()),
  enabled: z.boolean(),
  keyless: z.boolean(),
  keyHelp: z.string().optional(),
  keySample: z.string(),
  baseUrl: z.string().optional(),
  ownBaseUrl: z.string().optional(),
  canCheckKeys: z.boolean(),
  takesUnlisted: z.boolean(),
  limits: z.object({
    maxConcurrent: z.int(),
    requestsPerMinute: z.int().optional(),
    requestsPerDay: z.int().optional(),
    timeout: z.int().optional(),
  }),
  defaultSteps: z.int().optional(),
  defaultCount: z.int().optional(),
  tasks: z.object({ text: TaskSchema, edit: TaskSchema, blend: TaskSchema }),
  models: z.array(ModelSchema),
  hiddenModels: z.array(z.string()),
  ownPrices: z.record(z.string(), z.number()).openapi({
    description: "Prices that were set by hand, by model: US-dollars an image.",
  }),
  keys: z.object({ total: z.int(), ready: z.int(), resting: z.int(), disabled: z.int(), dead: z.int() }),
  closed: ClosedSchema.optional(),
  fixed: z.array(z.object({ path: z.string(), variable: z.string() })).openapi({
    description: "What the environment fixes; paths begin below the provider.",
  }),
}).openapi("Provider");

/** A provider as it leaves. */
export type ToldProvider = z.infer<typeof ProviderSchema>;

/** A view as it leaves. */
export function tellProvider(view: ProviderView, fixed: ToldProvider["fixed"]): ToldProvider {
  return {
    ...view,
    aliases: [...view.aliases],
    models: view.models.map(tellModel),
    closed: tellClosed(view.closed),
    fixed,
  };
}

function tellModel(model: ModelView): ToldProvider["models"][number] {
  const { sizes, qualities, parameters, prices, closed } = model;
  // JSON has one kind of list; the types of the registry say that theirs are never changed.
  return {
    ...model,
    sizes: sizes && SizesSchema.parse(sizes),
    qualities: qualities && [...qualities],
    parameters: parameters.map((field) => ({ ...field, options: field.options && [...field.options] })),
    prices: prices && PricesSchema.parse(prices),
    closed: tellClosed(closed),
  };
}

function tellClosed(closed: Closed | undefined): { until: string; reason?: string } | undefined {
  return closed && { ...closed, until: isoTime(closed.until) };
}

/** A plan that was only looked at. */
export const PreviewSchema = z.object({
  strategy: z.string(),
  steps: z.array(z.object({
    provider: z.string(),
    model: z.string(),
    weight: z.number(),
    share: z.number().openapi({ description: "How likely it is asked first, from 0 to 1." }),
    priceUsd: z.number().optional(),
    latencyMs: z.number().optional(),
    size: z.string().optional(),
    keys: z.object({ ready: z.int(), total: z.int() }),
    skipped: z.string().optional().openapi({ description: "Why it would be passed over at present." }),
    backAt: Time.optional(),
    notes: z.array(z.string()),
  })),
  leftOut: z.array(z.object({ provider: z.string(), model: z.string().optional(), reason: z.string() })),
  error: z.object({ message: z.string(), code: z.string().optional(), param: z.string().optional() })
    .optional(),
}).openapi("RoutingPreview");
