/** Doubao Seedream on Volcengine Ark: one operation that makes, edits and blends. */
import { z } from "@hono/zod-openapi";
import { Failed } from "../core/failure.ts";
import { Media } from "../core/media.ts";
import {
  type Call,
  defineProvider,
  type FailureRow,
  type Made,
  type MadeImage,
  type Model,
} from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { type SizeRule, sizeText } from "../core/size.ts";
import { bearer } from "./bearer.ts";
import { json } from "./call.ts";
import { readFailure } from "./failure_reading.ts";

/** Area and shape decide; 4.5 and 5.0 lite have no size below 2K. */
const area = (least: number, most: number): SizeRule => ({
  kind: "free",
  pixels: [least, most],
  edge: [240, 16384],
  maxRatio: 16,
});
const FROM_1K = area(921_600, 16_777_216);
const FROM_2K = area(3_686_400, 16_777_216);
const PRO = area(921_600, 4_624_220);

const seedream = {
  tasks: ["generate", "edit", "blend"],
  maxInputs: 14,
  timeoutMs: 180_000,
} as const satisfies Omit<Model, "id">;

const failures: FailureRow[] = [
  { kind: "refused", code: /SensitiveContentDetected|RiskDetection|ContentSecurityDetection/ },
  { kind: "invalid_request", code: /^(MissingParameter|InvalidParameter|InvalidImageURL)/ },
  { kind: "model_not_found", code: /InvalidEndpoint|ModelNotOpen|UnsupportedModel|ServiceNotOpen/ },
  { kind: "out_of_credit", code: /Overdue|^(QuotaExceeded|SetLimitExceeded)$/ },
  { kind: "key_rejected", code: /^(AuthenticationError|InvalidAccountStatus)$/ },
  { kind: "not_permitted", code: /^AccessDenied$/ },
  { kind: "overloaded", code: /^(ServerOverloaded|InternalServiceError)$/ },
  { kind: "rate_limited", code: /RateLimitExceeded|RequestBurstTooFast/ },
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
  models: [
    {
      ...seedream,
      id: "doubao-seedream-4-5-251128",
      sizes: FROM_2K,
      defaultSize: "2048x2048",
      rating: 84,
      prices: { images: [{ usd: 0.035 }] },
    },
    {
      ...seedream,
      id: "doubao-seedream-4-0-250828",
      sizes: FROM_1K,
      defaultSize: "2048x2048",
      rating: 78,
      prices: { images: [{ usd: 0.028 }] },
    },
    {
      ...seedream,
      id: "doubao-seedream-5-0-260128",
      sizes: FROM_2K,
      defaultSize: "2048x2048",
      wishes: ["outputFormat"],
      rating: 86,
      prices: { images: [{ usd: 0.031 }] },
    },
    {
      ...seedream,
      id: "doubao-seedream-5-0-pro-260628",
      maxInputs: 10,
      sizes: PRO,
      defaultSize: "1024x1024",
      wishes: ["outputFormat"],
      rating: 90,
      prices: { images: [{ maxPixels: 2_359_296, usd: 0.042 }, { usd: 0.085 }] },
    },
    {
      ...seedream,
      id: "doubao-seedream-5-0-flash-260915",
      maxInputs: 10,
      sizes: PRO,
      defaultSize: "1024x1024",
      wishes: ["outputFormat"],
      rating: 80,
    },
  ],
  operations: { generate: make, edit: make },
  failures,
});

async function make(request: ImageRequest, call: Call): Promise<Made> {
  const images = await Promise.all(request.inputs.map((input) => input.url ?? input.dataUrl(call.signal)));
  const body = await call.post("images/generations", {
    model: request.model,
    prompt: request.prompt,
    // A single image may be a bare string, and older models take nothing else.
    image: images.length > 1 ? images : images[0],
    size: request.size && sizeText(request.size),
    response_format: "url",
    // jpeg unless asked otherwise; webp is not offered.
    output_format: request.outputFormat === "png" ? "png" : undefined,
    ...request.providerParams,
  }, json(Reply));
  const made = (body.data ?? []).flatMap((item) => imageOf(item, call));
  const error = body.error ?? body.data?.find((item) => item.error)?.error;
  // A reply without any image tells why, and may do so with status 200.
  if (made.length === 0 && error) {
    throw new Failed(readFailure({ status: 200, body: JSON.stringify({ error }) }, failures));
  }
  return {
    images: made,
    usage: body.usage?.output_tokens === undefined
      ? undefined
      : { inputTextTokens: 0, inputImageTokens: 0, outputTokens: body.usage.output_tokens },
  };
}

function imageOf(item: z.infer<typeof Item>, call: Call): MadeImage[] {
  if (item.url) return [{ media: call.image(item.url) }];
  return item.b64_json ? [{ media: Media.fromBase64(item.b64_json) }] : [];
}

const ErrorReply = z.object({ code: z.string().nullish(), message: z.string().nullish() });

const Item = z.object({
  url: z.string().nullish(),
  b64_json: z.string().nullish(),
  error: ErrorReply.nullish(),
});

const Reply = z.object({
  data: z.array(Item).nullish(),
  usage: z.object({ output_tokens: z.number().optional() }).nullish(),
  error: ErrorReply.nullish(),
});
