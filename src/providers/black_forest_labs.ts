/** Black Forest Labs' FLUX models: every one is an endpoint of its own that takes a job. */
import { z } from "@hono/zod-openapi";
import { Failed } from "../core/failure.ts";
import type { Media } from "../core/media.ts";
import { type Call, defineProvider, type FailureRow, type Model, type Ticket } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { nearestRatio, type SizeRule } from "../core/size.ts";
import { json } from "./call.ts";
import { job, type JobState, readState, type StateTable } from "./job.ts";
import { whiteMask } from "./mask.ts";

/** The shapes that `aspect_ratio` is sent with. */
const RATIOS = ["21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21"];

const UP_TO_4_MP: SizeRule = { kind: "free", multipleOf: 16, edge: [64, 4096], pixels: [4096, 4_000_000] };
const FLUX_1_SIZES: SizeRule = { kind: "free", multipleOf: 32, edge: [256, 1440] };

const INPUTS = {
  types: ["image/png", "image/jpeg", "image/webp"],
  maxBytes: 20_000_000,
  maxPixels: 20_000_000,
  edge: [256, Infinity],
} as const;

const flux2 = {
  tasks: ["generate", "edit", "blend"],
  maxInputs: 8,
  inputs: { ...INPUTS, takesUrls: true },
  sizes: UP_TO_4_MP,
  wishes: ["seed", "outputFormat", "moderation"],
  timeoutMs: 180_000,
} as const satisfies Omit<Model, "id">;

const kontext = { ...flux2, maxInputs: 4, sizes: { kind: "ratios", ratios: RATIOS } } as const;

/** Makes pictures from words, and varies one that is given instead. */
const flux1 = {
  ...flux2,
  tasks: ["generate", "variation"],
  maxInputs: 1,
  inputs: INPUTS,
  sizes: FLUX_1_SIZES,
} as const;

const tool = {
  tasks: ["edit"],
  inputs: INPUTS,
  sizes: { kind: "fixed" },
  timeoutMs: 180_000,
} as const satisfies Omit<Model, "id">;

/** Prices of the first and of each further million pixels that was begun. */
const byMegapixel = (first: number, more: number): Model["prices"] => ({
  images: [1, 2, 3, 4].map((count) => ({ maxPixels: count * 1024 * 1024, usd: first + (count - 1) * more })),
});

/** Moderation never speaks by a status: a job is taken on, and refused later. */
const failures: FailureRow[] = [
  { kind: "key_rejected", status: 403, text: /authenticat|api key/i },
  { kind: "out_of_credit", text: /insufficient credits/i },
];

const make = job({ submit, check, pace: { first: 500, most: 2000 } });

export const blackForestLabs = defineProvider({
  name: "BlackForestLabs",
  aliases: ["bfl"],
  env: "BFL",
  baseUrl: "https://api.bfl.ai/v1",
  // Jobs are asked for at the region that took them.
  ownHosts: ["*.bfl.ai", "*.bfl.ml"],
  keys: {
    pattern: /^bfl_\S+$/,
    sample: "bfl_" + "a1B2c3D4".repeat(4),
    help: "https://dashboard.bfl.ai",
    send: (key) => ({ "x-key": key }),
  },
  defaults: { generate: "flux-2-pro", edit: "flux-2-pro", blend: "flux-2-pro", variation: "flux-2-pro" },
  unlisted: { pattern: /^flux-2-[\w.-]+$/, like: "flux-2-pro" },
  models: [
    { ...flux2, id: "flux-2-pro", rating: 88, prices: byMegapixel(0.03, 0.015) },
    { ...flux2, id: "flux-2-pro-preview", rating: 88 },
    { ...flux2, id: "flux-2-max", rating: 92, prices: byMegapixel(0.07, 0.03) },
    {
      ...flux2,
      id: "flux-2-flex",
      wishes: [...flux2.wishes, "steps", "guidance"],
      rating: 87,
      prices: { megapixel: 0.05 },
    },
    { ...flux2, id: "flux-2-klein-9b", maxInputs: 4, rating: 76, prices: byMegapixel(0.015, 0.002) },
    { ...flux2, id: "flux-2-klein-9b-preview", maxInputs: 4, rating: 76 },
    { ...flux2, id: "flux-2-klein-4b", maxInputs: 4, rating: 70, prices: byMegapixel(0.014, 0.001) },
    { ...kontext, id: "flux-kontext-max", rating: 84, prices: { images: [{ usd: 0.08 }] } },
    { ...kontext, id: "flux-kontext-pro", rating: 80, prices: { images: [{ usd: 0.04 }] } },
    { ...flux1, id: "flux-pro-1.1", rating: 78, prices: { images: [{ usd: 0.04 }] } },
    {
      ...flux1,
      id: "flux-pro-1.1-ultra",
      sizes: { kind: "ratios", ratios: RATIOS },
      wishes: [...flux1.wishes, "style"],
      rating: 81,
      prices: { images: [{ usd: 0.06 }] },
    },
    {
      ...flux1,
      id: "flux-dev",
      wishes: [...flux1.wishes, "steps", "guidance"],
      rating: 68,
      prices: { images: [{ usd: 0.025 }] },
    },
    {
      ...tool,
      id: "flux-pro-1.0-fill",
      mask: true,
      wishes: [...flux2.wishes, "steps", "guidance"],
      rating: 78,
      prices: { images: [{ usd: 0.05 }] },
    },
    {
      ...tool,
      id: "flux-pro-1.0-expand",
      sizes: { kind: "free", edge: [256, 8192] },
      wishes: [...flux2.wishes, "steps", "guidance"],
      rating: 70,
      prices: { images: [{ usd: 0.05 }] },
    },
    { ...tool, id: "flux-tools/erase-v1", mask: true, rating: 70 },
    { ...tool, id: "flux-tools/outpainting-v1", sizes: UP_TO_4_MP, rating: 75 },
  ],
  operations: { generate: make, edit: make },
  failures,
  checkKey: (call) => call.get("credits", json(Credits)),
});

/** What an endpoint's fields are called and may be, beyond what a model's row can say. */
interface Endpoint {
  /** The field of the first input; that of the second has `_2` at its end. */
  image: "input_image" | "image_prompt" | "image";
  /** How the size is told: as `width` and `height`, as `aspect_ratio`, or as what is added on each side. */
  size?: "pixels" | "ratio" | "margins";
  /** Whether it takes words. Default true. */
  prompt?: false;
  /** Whether it makes webp. Default false. */
  webp?: true;
  steps?: readonly [least: number, most: number];
  guidance?: readonly [least: number, most: number];
}

const FLUX_2: Endpoint = { image: "input_image", size: "pixels", webp: true };
const KONTEXT: Endpoint = { image: "input_image", size: "ratio" };

/** https://docs.bfl.ai; endpoints that are not here are FLUX.2's. */
const ENDPOINTS: Record<string, Endpoint> = {
  "flux-2-flex": { ...FLUX_2, steps: [1, 50], guidance: [1.5, 10] },
  "flux-kontext-pro": KONTEXT,
  "flux-kontext-max": KONTEXT,
  "flux-pro-1.1": { image: "image_prompt", size: "pixels" },
  "flux-pro-1.1-ultra": { image: "image_prompt", size: "ratio" },
  "flux-dev": { image: "image_prompt", size: "pixels", steps: [1, 50], guidance: [1.5, 5] },
  "flux-pro-1.0-fill": { image: "image", steps: [15, 50], guidance: [1.5, 100] },
  "flux-pro-1.0-expand": { image: "image", size: "margins", steps: [15, 50], guidance: [1.5, 100] },
  "flux-tools/erase-v1": { image: "image", prompt: false },
  "flux-tools/outpainting-v1": { image: "input_image", size: "pixels" },
};

async function submit(request: ImageRequest, call: Call): Promise<Ticket> {
  const endpoint = ENDPOINTS[request.model] ?? FLUX_2;
  const { id, polling_url, cost } = await call.post(at(call, request.model), {
    prompt: endpoint.prompt === false ? undefined : request.prompt,
    ...await imagesOf(request, endpoint, call.signal),
    ...await sizeOf(request, endpoint, call.signal),
    seed: request.seed,
    steps: within(endpoint.steps, "steps", request.steps, call),
    guidance: within(endpoint.guidance, "guidance_scale", request.guidance, call),
    raw: request.style === undefined ? undefined : request.style === "natural",
    // From 0, strict, to 5; 6 is known to the older models alone.
    safety_tolerance: request.moderation === "low" ? 5 : undefined,
    output_format: formatOf(request, endpoint, call),
    ...request.providerParams,
  }, json(Submitted));
  return { id, url: polling_url ?? undefined, costUsd: typeof cost === "number" ? cost / 100 : undefined };
}

async function check(ticket: Ticket, call: Call, request: ImageRequest): Promise<JobState> {
  // An id that is not known is told with status 200 or 404.
  const said = await call.get(addressOf(ticket, call), json(Result), { accepts: [404] });
  const { status, result, progress, details, error } = said;
  const state = readState(STATES, status);
  const message = [status, wordsOf(details ?? error)].filter(Boolean).join(": ");
  // Right after the submission it may not have got around yet.
  if (state === "empty_reply") return { state: "unknown", message };
  if (state === "pending") return { state, share: progress ?? undefined };
  if (state !== "done") throw new Failed({ kind: state, message });
  const { sample, seed, prompt } = result ?? {};
  const images = sample
    ? [{
      media: call.image(sample),
      seed: seed ?? undefined,
      revisedPrompt: prompt && prompt !== request.prompt ? prompt : undefined,
    }]
    : [];
  return { state, made: { images, costUsd: ticket.costUsd } };
}

const STATES: StateTable<
  "Pending" | "Ready" | "Request Moderated" | "Content Moderated" | "Error" | "Failed" | "Task not found"
> = {
  Pending: "pending",
  Ready: "done",
  "Request Moderated": "refused",
  "Content Moderated": "refused",
  Error: "overloaded",
  Failed: "overloaded",
  "Task not found": "empty_reply",
};

/** The address exactly as it was given: only the region that took a job knows it. */
function addressOf({ id, url }: Ticket, call: Call): string {
  const address = url ?? at(call, "get_result");
  if (/[?&]id=/.test(address)) return address;
  return `${address}${address.includes("?") ? "&" : "?"}id=${encodeURIComponent(id)}`;
}

/** `{"Moderation Reasons": ["Derivative Works Filter"]}` in words. */
function wordsOf(details: unknown): string {
  if (typeof details === "string") return details;
  return Object.entries(details ?? {}).map(([name, value]) => `${name}: ${[value].flat().join(", ")}`).join(
    "; ",
  );
}

async function imagesOf(
  { inputs, mask }: ImageRequest,
  { image }: Endpoint,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  // The older endpoints take base64 alone.
  const valueOf = (media: Media) => image === "input_image" && media.url || media.base64(signal);
  const fields: Record<string, string> = {};
  for (const [index, media] of inputs.entries()) {
    fields[index === 0 ? image : `${image}_${index + 1}`] = await valueOf(media);
  }
  if (mask) fields.mask = await (await whiteMask(mask, signal)).base64();
  return fields;
}

async function sizeOf(
  { size, ratio, inputs: [input] }: ImageRequest,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  if (endpoint.size === "ratio") return { aspect_ratio: ratio && nearestRatio(ratio, RATIOS) };
  if (!endpoint.size || !size) return {};
  if (endpoint.size === "pixels") return { ...size };
  const { width = size.width, height = size.height } = await input?.facts(signal) ?? {};
  const [across, down] = [size.width - width, size.height - height].map((added) =>
    Math.min(2 * MOST_ADDED, Math.max(0, added))
  ) as [number, number];
  return {
    left: Math.floor(across / 2),
    right: Math.ceil(across / 2),
    top: Math.floor(down / 2),
    bottom: Math.ceil(down / 2),
  };
}

function formatOf({ outputFormat, model }: ImageRequest, { webp }: Endpoint, call: Call): string | undefined {
  if (outputFormat !== "webp" || webp) return outputFormat;
  call.note(`output_format: ${model} makes no webp, png was used`);
  return "png";
}

/** Pixels that can be added on one side. */
const MOST_ADDED = 2048;

/** A number within what the endpoint takes; a change is told. */
function within(
  bounds: readonly [number, number] | undefined,
  name: string,
  wanted: number | undefined,
  call: Call,
): number | undefined {
  if (!bounds || wanted === undefined) return wanted;
  const value = Math.min(bounds[1], Math.max(bounds[0], wanted));
  if (value !== wanted) call.note(`${name}: ${wanted} became ${value}, the nearest that is taken`);
  return value;
}

/** Base addresses are often configured without the version. */
function at(call: Call, path: string): string {
  return /\/v\d$/.test(call.baseUrl) ? path : `v1/${path}`;
}

const Submitted = z.object({
  id: z.string(),
  polling_url: z.url().nullish().catch(undefined),
  cost: z.number().nullish().catch(undefined),
});

const Result = z.object({
  status: z.string(),
  result: z.object({
    sample: z.string().nullish(),
    seed: z.number().nullish(),
    prompt: z.string().nullish(),
  }).nullish(),
  progress: z.number().nullish().catch(undefined),
  details: z.unknown().optional(),
  error: z.unknown().optional(),
});

const Credits = z.object({ credits: z.number() });
