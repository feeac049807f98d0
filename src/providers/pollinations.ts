/**
 * Pollinations: many services' models behind one key. Spoken to in OpenAI's dialect with edits as JSON, so that
 * addresses and bytes of inputs go along in one request.
 *
 * Passed on by `provider_params`: `safe` (`true`, or a list of `privacy,secrets,sexual,violence,shield,nsfw`),
 * `resolution` (`1k`, `2k`), `reasoning` (`fast`, `balanced`, `pro`).
 */
import { z } from "@hono/zod-openapi";
import type { Media } from "../core/media.ts";
import {
  type Call,
  defineProvider,
  type DiscoveredModel,
  type FailureRow,
  type Made,
  type Model,
} from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { bearer } from "./bearer.ts";
import { json } from "./call.ts";
import { byText, inputsOf, type Wire } from "./model_input.ts";
import { readImages } from "./openai_dialect.ts";

type Row = Model<"generate" | "edit" | "blend">;

/** What all models share. */
const common = {
  inputs: { types: ["image/png", "image/jpeg", "image/webp"], takesUrls: true },
  wishes: ["seed", "user"],
  timeoutMs: 300_000,
} as const satisfies Partial<Row>;

/** @param maxInputs as many images as it takes to work on. @param usd an image; absent where it is priced by tokens */
const row = (id: string, maxInputs: number, usd: number | undefined, more: Partial<Row> = {}): Row => ({
  ...common,
  id,
  tasks: maxInputs === 0
    ? ["generate"]
    : maxInputs === 1
    ? ["generate", "edit"]
    : ["generate", "edit", "blend"],
  maxInputs: Math.max(1, maxInputs),
  ...usd !== undefined && { prices: { images: [{ usd }] } },
  ...more,
});

const plain: Partial<Row> = { wishes: [...common.wishes, "negativePrompt", "guidance"] };
const gpt: Partial<Row> = {
  wishes: [...common.wishes, "quality", "background"],
  qualities: ["low", "medium", "high"],
};

const failures: FailureRow[] = [
  { kind: "refused", status: 422 },
  { kind: "refused", code: /content_(policy|blocked)/ },
  { kind: "invalid_request", code: /^invalid_safe$/ },
  { kind: "overloaded", code: /^service_unavailable$/ },
  {
    kind: "model_not_found",
    status: 400,
    text: /(unknown|invalid|unsupported) model|model .*not (found|supported)/i,
  },
];

/** https://gen.pollinations.ai/image/models; a pollen is a US-dollar. */
export const pollinations = defineProvider({
  name: "Pollinations",
  env: "POLLINATIONS",
  baseUrl: "https://gen.pollinations.ai",
  ownHosts: ["media.pollinations.ai"],
  keys: {
    pattern: /^[ps]k_\S+$/,
    sample: "sk_" + "a1B2c3D4".repeat(4),
    help: "https://enter.pollinations.ai",
    send: bearer,
  },
  defaults: { generate: "zimage", edit: "klein", blend: "klein" },
  // The first three are other names of theirs; the last is one that many have built in.
  successors: { sana: "dreamshaper", "z-image": "zimage", "z-image-turbo": "zimage", turbo: "zimage" },
  models: [
    row("zimage", 0, 0.004, { ...plain, rating: 72 }),
    row("flux", 0, 0.002, { ...plain, rating: 60 }),
    row("dreamshaper", 0, 0.0001, { rating: 40 }),
    row("klein", 10, 0.005, { rating: 70 }),
    row("p-image", 0, 0.005, { rating: 66 }),
    row("p-image-edit", 5, 0.01, { tasks: ["edit", "blend"], rating: 66 }),
    row("grok-imagine", 1, 0.02, { rating: 76 }),
    row("grok-imagine-pro", 1, 0.05, { rating: 82 }),
    // Of its two prices the higher one, which is that of edits.
    row("qwen-image", 3, 0.03, { rating: 78 }),
    row("seedream", 10, 0.03, { rating: 78 }),
    row("seedream-pro", 14, 0.04, { rating: 84 }),
    row("seedream5", 14, 0.035, { rating: 86 }),
    row("seedream5-pro", 10, 0.09, { rating: 90 }),
    row("wan-image", 1, 0.03, { rating: 74 }),
    row("wan-image-pro", 9, 0.03, { rating: 80 }),
    row("ideogram-v4-turbo", 0, 0.03, { rating: 80 }),
    row("ideogram-v4-balanced", 0, 0.06, { rating: 84 }),
    row("ideogram-v4-quality", 0, 0.1, { rating: 86 }),
    row("kontext", 1, 0.04, { tasks: ["edit"], rating: 80 }),
    row("nova-canvas", 1, 0.04, { rating: 66 }),
    row("recraft-v4.1-vector", 0, 0.08, { rating: 72 }),
    row("nanobanana", 3, undefined, { rating: 84 }),
    row("nanobanana-2", 14, undefined, { rating: 90 }),
    row("nanobanana-2-lite", 14, undefined, { rating: 82 }),
    row("nanobanana-pro", 14, 0.134, { rating: 94 }),
    row("gptimage", 16, undefined, { ...gpt, rating: 75 }),
    row("gptimage-large", 16, undefined, { ...gpt, rating: 88 }),
    row("gpt-image-2", 16, undefined, { ...gpt, rating: 92 }),
  ],
  operations: { generate: make, edit: make },
  failures,
  listModels,
});

const wire: Wire = {
  shape: byText("size", "x"),
  wishes: {
    seed: { name: "seed", least: -1, most: 2 ** 31 - 1 },
    quality: "quality",
    guidance: "guidance_scale",
    negativePrompt: "negative_prompt",
  },
};

/** One image a call: a larger `n` is refused. Without a seed each call has another one. */
async function make(request: ImageRequest, call: Call): Promise<Made> {
  const isEdit = request.inputs.length > 0;
  const body = {
    model: request.model,
    ...await inputsOf({ ...request, inputs: [] }, wire, call, (media) => addressOf(media, call)),
    image: isEdit ? await Promise.all(request.inputs.map((media) => inputOf(media, call))) : undefined,
    transparent: request.background === "transparent" || undefined,
    // Known to generations only.
    user: isEdit ? undefined : request.user,
    ...request.providerParams,
  };
  const path = isEdit ? "v1/images/edits" : "v1/images/generations";
  const made = await call.post(`${rootOf(call)}/${path}`, body, readImages(call, failures));
  const own = <T extends { revisedPrompt?: string }>(told: T) => withoutEcho(told, request.prompt);
  const rest = made.rest?.then((rest) => ({ ...rest, first: rest.first && own(rest.first) }));
  // Nobody asks for it where the image before it broke off.
  rest?.catch(() => {});
  return { ...made, images: made.images.map(own), rest };
}

/** The prompt is repeated as a revised one whether it was changed or not. */
function withoutEcho<T extends { revisedPrompt?: string }>(told: T, prompt: string): T {
  return told.revisedPrompt === prompt ? { ...told, revisedPrompt: undefined } : told;
}

async function inputOf(media: Media, call: Call): Promise<{ image_url: string }> {
  return { image_url: media.url ?? await addressOf(media, call) };
}

/** Larger inputs need an address, in bytes: ours where there is one, else the service's store, open for a month. */
const MAX_DATA_URL = 5_000_000;

async function addressOf(media: Media, call: Call): Promise<string> {
  if ((await media.bytes(call.signal)).length <= MAX_DATA_URL) return media.dataUrl(call.signal);
  const published = await call.publish(media);
  if (published !== undefined) return published;
  call.note("image: it was uploaded to the provider's own store, where it lies open for 30 days");
  const form = new FormData();
  form.append("file", await media.file("input", call.signal));
  return (await call.form(`${storeOf(call)}/upload`, form, json(Uploaded))).url;
}

/** Base addresses are configured with and without the version. */
function rootOf({ baseUrl }: Call): string {
  return baseUrl.replace(/\/v1$/, "");
}

function storeOf(call: Call): string {
  const root = rootOf(call);
  return root === "https://gen.pollinations.ai" ? "https://media.pollinations.ai" : root;
}

/** How many images a model takes is not told, so those that take any are given one. */
async function listModels(call: Call): Promise<DiscoveredModel[]> {
  const models = await call.get(`${rootOf(call)}/image/models`, json(ModelList));
  return models.filter(({ output_modalities }) => output_modalities?.includes("image") ?? true).map(
    ({ name, input_modalities, pricing }) => {
      const maxInputs = input_modalities?.includes("image") ? 1 : 0;
      return { ...row(name, maxInputs, undefined), prices: pricing ? pricesOf(pricing) : undefined };
    },
  );
}

/** An image counts as one token where nothing is charged for the prompt's. */
function pricesOf(pricing: z.infer<typeof Pricing>): Model["prices"] {
  const { completionImageTokens: image, promptTextTokens: textIn, promptImageTokens: imageIn } = pricing;
  if (image === undefined) return undefined;
  if (textIn === undefined) return { images: [{ usd: image }] };
  return { tokens: { textIn: textIn * 1e6, imageIn: (imageIn ?? textIn) * 1e6, imageOut: image * 1e6 } };
}

const Uploaded = z.object({ url: z.string() });

const Amount = z.coerce.number().positive().optional().catch(undefined);

const Pricing = z.object({
  completionImageTokens: Amount,
  promptTextTokens: Amount,
  promptImageTokens: Amount,
});

const Modalities = z.array(z.string()).nullish().catch(undefined);

const ModelList = z.array(z.object({
  name: z.string(),
  input_modalities: Modalities,
  output_modalities: Modalities,
  pricing: Pricing.nullish().catch(undefined),
}));
