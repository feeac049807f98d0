/**
 * Doubao Seedream on Volcengine Ark: one operation that makes, edits and blends, answered at once.
 *
 * Passed on by `provider_params`, as Ark calls them: `watermark` (a visible mark, which Ark puts on unless it is
 * `false`), `size` as a tier such as `"2K"`, `tools: [{type: "web_search"}]`, `optimize_prompt_options`,
 * `background`, `layer_decomposition`. A plan that is paid by subscription has a base URL of its own (`/api/plan/v3`,
 * `/api/coding/v3`), as the service abroad has.
 *
 * `n` is several calls, because a series may come out shorter than it was asked for. Whoever wants the pictures of a
 * series to match sends `sequential_image_generation: "auto"`: one call makes up to `n` then, and what is missing is
 * asked for again. Streaming is not used by itself, since it shows finished pictures alone and those go out together.
 */
import { z } from "@hono/zod-openapi";
import { Failed } from "../core/failure.ts";
import { Media } from "../core/media.ts";
import {
  type Call,
  defineProvider,
  type FailureRow,
  type InputLimits,
  type Made,
  type MadeImage,
  type Model,
  type ReadReply,
} from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { type SizeRule, sizeText } from "../core/size.ts";
import { bearer } from "./bearer.ts";
import { events, json, parseReply } from "./call.ts";
import { readFailure } from "./failure_reading.ts";

/** The recommended sizes of a tier stand in the order 1:1, 4:3, 16:9, 3:2, 21:9. */
const TIERS = {
  "1K": ["1024x1024", "1152x864", "1280x720", "1248x832", "1512x648"],
  "2K": ["2048x2048", "2304x1728", "2848x1600", "2496x1664", "3136x1344"],
  "2K of 4.0": ["2048x2048", "2304x1728", "2560x1440", "2496x1664", "3024x1296"],
  "3K": ["3072x3072", "3456x2592", "4096x2304", "3744x2496", "4704x2016"],
  "4K": ["4096x4096", "4704x3520", "5504x3040", "4992x3328", "6240x2656"],
};

/** Area and shape decide: https://www.volcengine.com/docs/82379/1541523 */
const sizes = (least: number, most: number, ...tiers: (keyof typeof TIERS)[]): SizeRule => ({
  kind: "free",
  pixels: [least, most],
  edge: [240, 16384],
  maxRatio: 16,
  preferred: tiers.flatMap((tier) => TIERS[tier]).flatMap((
    size,
  ) => [size, size.split("x").reverse().join("x")]),
});

const inputs: InputLimits = {
  types: ["image/png", "image/jpeg", "image/webp", "image/bmp", "image/tiff", "image/gif"],
  maxBytes: 10_000_000,
  maxPixels: 36_000_000,
  edge: [15, Infinity],
  takesUrls: true,
};

const seedream = {
  tasks: ["generate", "edit", "blend"],
  maxInputs: 14,
  inputs,
  sizes: sizes(3_686_400, 16_777_216, "2K", "4K"),
  defaultSize: "2048x2048",
  timeoutMs: 180_000,
} as const satisfies Omit<Model, "id">;

const pro = {
  ...seedream,
  maxInputs: 10,
  sizes: sizes(921_600, 4_624_220, "1K", "2K"),
  defaultSize: "1024x1024",
  wishes: ["outputFormat"],
} as const satisfies Omit<Model, "id">;

/** What an account has not activated may be open to another one's key, what does not exist is closed to all. */
const failures: FailureRow[] = [
  { kind: "refused", code: /SensitiveContentDetected|RiskDetection|ContentSecurityDetection/ },
  { kind: "invalid_request", code: /^(MissingParameter|InvalidParameter|InvalidImageURL)/ },
  { kind: "not_permitted", code: /^AccessDenied|ServiceNotOpen|^ModelNotOpen|ModelIDAccessDisabled/ },
  { kind: "model_not_found", code: /^InvalidEndpoint|^UnsupportedModel/ },
  { kind: "out_of_credit", code: /^(QuotaExceeded|SetLimitExceeded)$/, modelOnly: true },
  { kind: "out_of_credit", code: /Overdue/ },
  { kind: "key_rejected", code: /^(AuthenticationError|InvalidAccountStatus)$/ },
  { kind: "overloaded", code: /^(ServerOverloaded|InternalServiceError)$/ },
  { kind: "rate_limited", code: /RateLimitExceeded|^RequestBurstTooFast$/ },
];

export const doubao = defineProvider({
  name: "Doubao",
  env: "DOUBAO",
  baseUrl: "https://ark.cn-beijing.volces.com/api/v3",
  keys: {
    pattern: /^(ark-[\w-]+|[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12})$/i,
    sample: "ark-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    help: "https://console.volcengine.com/ark",
    send: bearer,
  },
  // `ep-…` is an endpoint of the user's own.
  unlisted: { pattern: /^(ep-|(doubao-|dola-)?seedream-)/, like: "doubao-seedream-4-5-251128" },
  // The first is the only one of the newest that is not announced to stop, and has the sizes that clients ask for.
  models: [
    {
      ...pro,
      id: "doubao-seedream-5-0-pro-260628",
      namesakes: ["dola-seedream-5-0-pro-260628"],
      rating: 90,
      prices: { images: [{ maxPixels: 2_359_296, usd: 0.042 }, { usd: 0.085 }] },
    },
    {
      ...pro,
      id: "doubao-seedream-5-0-flash-260915",
      rating: 80,
      prices: { images: [{ maxPixels: 2_359_296, usd: 0.017 }] },
    },
    {
      ...seedream,
      id: "doubao-seedream-5-0-260128",
      namesakes: ["doubao-seedream-5-0-lite-260128", "seedream-5-0-260128", "seedream-5-0-lite-260128"],
      sizes: sizes(3_686_400, 16_777_216, "2K", "3K", "4K"),
      wishes: ["outputFormat"],
      rating: 86,
      prices: { images: [{ usd: 0.031 }] },
      retires: "2026-11-24",
    },
    {
      ...seedream,
      id: "doubao-seedream-4-5-251128",
      namesakes: ["seedream-4-5-251128"],
      rating: 84,
      prices: { images: [{ usd: 0.035 }] },
      retires: "2026-11-24",
    },
    {
      ...seedream,
      id: "doubao-seedream-4-0-250828",
      namesakes: ["seedream-4-0-250828"],
      sizes: sizes(921_600, 16_777_216, "1K", "2K of 4.0", "4K"),
      rating: 78,
      prices: { images: [{ usd: 0.028 }] },
    },
  ],
  successors: {
    "doubao-seedream-3-0-t2i-250415": "doubao-seedream-4-0-250828",
    "doubao-seededit-3-0-i2i-250628": "doubao-seedream-4-0-250828",
  },
  operations: { generate: make, edit: make },
  imagesPerCall: ({ providerParams, inputs }) => isSeries(providerParams) ? 15 - inputs.length : undefined,
  failures,
});

function isSeries(params: Record<string, unknown>): boolean {
  return params.sequential_image_generation === "auto";
}

async function make(request: ImageRequest, call: Call): Promise<Made> {
  const images = await Promise.all(request.inputs.map((input) => addressOf(input, call.signal)));
  if (request.outputFormat === "webp") {
    call.note(`output_format: webp is not offered by ${request.model}, jpeg was used`);
  }
  const body = await call.post("images/generations", {
    model: request.model,
    prompt: request.prompt,
    // A single image may be a bare string, and older models take nothing else.
    image: images.length > 1 ? images : images[0],
    size: request.size && sizeText(request.size),
    response_format: "url",
    // jpeg unless asked otherwise.
    output_format: request.outputFormat === "png" ? "png" : undefined,
    // No series is longer than what is missing, or it would be paid for in vain.
    sequential_image_generation_options: isSeries(request.providerParams)
      ? { max_images: request.n ?? 1 }
      : undefined,
    ...request.providerParams,
  }, readReply);
  const made = (body.data ?? []).flatMap((item) => imageOf(item, call));
  const error = body.error ?? body.data?.find((item) => item.error)?.error;
  // A reply without any image tells why, and may do so with status 200.
  if (made.length === 0 && error) {
    throw new Failed(readFailure({ status: 200, body: JSON.stringify({ error }) }, failures));
  }
  const tokens = body.usage?.output_tokens;
  return {
    images: made,
    usage: tokens === undefined
      ? undefined
      : { inputTextTokens: 0, inputImageTokens: 0, outputTokens: tokens },
  };
}

/** Ark fetches by https alone. */
function addressOf(input: Media, signal: AbortSignal): string | Promise<string> {
  return input.url?.startsWith("https://") ? input.url : input.dataUrl(signal);
}

function imageOf(item: z.infer<typeof Item>, call: Call): MadeImage[] {
  if (item.url) return [{ media: call.image(item.url) }];
  return item.b64_json ? [{ media: Media.fromBase64(item.b64_json) }] : [];
}

/** A reply, or what it would have been where `provider_params` asked for a stream. */
const readReply: ReadReply<z.infer<typeof Reply>> = async (response) => {
  if (!response.headers.get("content-type")?.includes("event-stream")) return json(Reply)(response);
  const whole: z.infer<typeof Reply> = { data: [] };
  await events((data) => {
    const event = parseReply(StreamEvent, JSON.parse(data));
    if (event.image_index !== undefined) whole.data!.push(event);
    else Object.assign(whole, { usage: event.usage ?? whole.usage, error: event.error ?? whole.error });
  })(response);
  return whole;
};

const ErrorReply = z.object({ code: z.string().nullish(), message: z.string().nullish() });

const Item = z.object({
  url: z.string().nullish(),
  b64_json: z.string().nullish(),
  error: ErrorReply.nullish(),
});

const Usage = z.object({ output_tokens: z.number().optional() }).nullish();

const Reply = z.object({ data: z.array(Item).nullish(), usage: Usage, error: ErrorReply.nullish() });

const StreamEvent = Item.extend({ image_index: z.number().optional(), usage: Usage });
