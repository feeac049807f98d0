/**
 * fal: any of its models through its queue. Each model is an address of its own; a job is asked for, fetched
 * and taken back at the addresses that the queue names.
 */
import { z } from "@hono/zod-openapi";
import { Failed, type FailureKind } from "../core/failure.ts";
import { Media } from "../core/media.ts";
import {
  type Call,
  defineProvider,
  type FailureRow,
  type Made,
  type Model,
  type Ticket,
} from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import type { SizeRule } from "../core/size.ts";
import { json } from "./call.ts";
import { readFailure } from "./failure_reading.ts";
import { job, type JobState, readState, type StateTable } from "./job.ts";
import { whiteMask } from "./mask.ts";
import { byRatio, inputsOf, type Wire, wishesOf } from "./model_input.ts";

/** A model's row with its inputs (https://fal.ai/models/MODEL/api). */
interface FalModel extends Model {
  wire: Wire;
}

const RATIOS = ["21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"];
const BANANA_RATIOS = ["21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"];
const UP_TO_2048: SizeRule = { kind: "free", multipleOf: 16, edge: [256, 2048] };

const COUNT = "num_images";
const FORMAT: Wire["format"] = { name: "output_format", values: { jpeg: "jpeg", png: "png" } };
const stepsTo = (most: number) => ({ name: "num_inference_steps", least: 1, most });
const GUIDANCE = { name: "guidance_scale", least: 1, most: 20 };

const words = { tasks: ["generate"], maxImages: 4, sizes: UP_TO_2048 } as const;
const edits = { tasks: ["edit"], maxImages: 4, sizes: { kind: "fixed" } } as const;
const blends = { tasks: ["edit", "blend"], maxImages: 4 } as const;

const flux: Wire = {
  count: COUNT,
  shape: bySize,
  wishes: { seed: "seed", steps: stepsTo(50), guidance: GUIDANCE },
  format: FORMAT,
};
const fluxPro: Wire = { count: COUNT, shape: bySize, wishes: { seed: "seed" }, format: FORMAT };
const kontext: Wire = { ...fluxPro, shape: byRatio(RATIOS), image: "image_url" };
const banana: Wire = { count: COUNT, shape: byRatio(BANANA_RATIOS), format: FORMAT };

const MODELS: readonly FalModel[] = [
  model("fal-ai/flux/schnell", {
    ...words,
    rating: 62,
    prices: { megapixel: 0.003 },
    wire: { ...flux, wishes: { ...flux.wishes, steps: stepsTo(12) } },
  }),
  model("fal-ai/flux/dev", { ...words, rating: 70, prices: { megapixel: 0.025 }, wire: flux }),
  model("fal-ai/flux/dev/image-to-image", {
    ...edits,
    rating: 66,
    wire: { ...flux, shape: undefined, image: "image_url" },
  }),
  model("fal-ai/flux-pro/v1.1", { ...words, rating: 78, prices: { images: [{ usd: 0.04 }] }, wire: fluxPro }),
  model("fal-ai/flux-pro/v1.1-ultra", {
    ...words,
    sizes: { kind: "ratios", ratios: RATIOS },
    rating: 81,
    prices: { images: [{ usd: 0.06 }] },
    wire: { ...fluxPro, shape: byRatio(RATIOS) },
  }),
  model("fal-ai/flux-pro/kontext", {
    ...edits,
    sizes: { kind: "ratios", ratios: RATIOS },
    rating: 80,
    prices: { images: [{ usd: 0.04 }] },
    wire: kontext,
  }),
  model("fal-ai/flux-pro/kontext/max", {
    ...edits,
    sizes: { kind: "ratios", ratios: RATIOS },
    rating: 84,
    wire: kontext,
  }),
  model("fal-ai/flux-2", { ...words, rating: 80, wire: flux }),
  model("fal-ai/flux-2/edit", {
    ...blends,
    maxInputs: 4,
    sizes: UP_TO_2048,
    rating: 80,
    wire: { ...flux, images: "image_urls" },
  }),
  // One image a call: it has no count.
  model("fal-ai/flux-2-pro", {
    ...words,
    maxImages: 1,
    rating: 88,
    prices: { images: [{ usd: 0.03 }] },
    wire: { ...fluxPro, count: undefined },
  }),
  model("fal-ai/flux-general/inpainting", {
    ...edits,
    mask: true,
    rating: 66,
    wire: { ...flux, shape: undefined, image: "image_url", mask: "mask_url" },
  }),
  model("fal-ai/qwen-image", { ...words, rating: 76, wire: flux }),
  model("fal-ai/nano-banana", {
    ...words,
    sizes: { kind: "ratios", ratios: BANANA_RATIOS },
    rating: 85,
    wire: banana,
  }),
  model("fal-ai/nano-banana/edit", {
    ...blends,
    maxInputs: 3,
    sizes: { kind: "ratios", ratios: BANANA_RATIOS },
    rating: 86,
    wire: { ...banana, images: "image_urls" },
  }),
  // Of any other model only the commonest inputs can be guessed; the rest comes with `provider_params`.
  model("*", { tasks: ["generate", "edit"], sizes: { kind: "fixed" }, wire: { image: "image_url" } }),
];

const BY_ID = new Map(MODELS.map((row) => [row.id, row]));

/** What is said of the account and of words; what models say of their inputs is read by type instead. */
const failures: FailureRow[] = [
  { kind: "out_of_credit", status: 403, text: /exhausted balance|top.?up/i },
  { kind: "key_rejected", status: 403, text: /user is locked/i },
  { kind: "refused", status: 422, text: /flagged by a content checker/i },
  // A job that somebody took back at the service's own pages.
  { kind: "timed_out", status: 499 },
];

/** https://docs.fal.ai/errors; types that are not here are the caller's fault with 4xx, and the model's with 5xx. */
const MODEL_ERRORS: Readonly<Record<string, FailureKind>> = {
  content_policy_violation: "refused",
  no_media_generated: "empty_reply",
  downstream_service_error: "overloaded",
  downstream_service_unavailable: "overloaded",
  internal_server_error: "overloaded",
  generation_timeout: "timed_out",
};

const make = job({ submit, check, cancel, pace: { first: 500, most: 2000 } });

export const fal = defineProvider({
  name: "Fal",
  // `fal-ai` is how the ids of its models begin, and so can't be a name of the provider.
  aliases: ["fal.ai"],
  env: "FAL",
  baseUrl: "https://queue.fal.run",
  ownHosts: ["queue.fal.run"],
  keys: {
    pattern: /^[0-9a-f-]{36}:[0-9a-f]{32}$/,
    sample: "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0:" + "a1b2c3d4".repeat(4),
    help: "https://fal.ai/dashboard/keys",
    send: (key) => ({ authorization: `Key ${key}` }),
  },
  defaults: {
    generate: "fal-ai/flux/dev",
    edit: "fal-ai/flux-pro/kontext",
    blend: "fal-ai/flux-2/edit",
    variation: "fal-ai/flux/dev/image-to-image",
  },
  // Others name their models in the same way, so such an id leads here only if fal was chosen.
  unlisted: { pattern: /^\w[\w.-]*(\/\w[\w.-]*){1,5}$/, like: "*" },
  models: MODELS,
  operations: { generate: make, edit: make },
  failures,
});

async function submit(request: ImageRequest, call: Call): Promise<Ticket> {
  const mask = request.mask && await whiteMask(request.mask, call.signal);
  const { wire } = BY_ID.get(request.model) ?? BY_ID.get(request.like ?? "*") ?? BY_ID.get("*")!;
  const input = await inputsOf(
    { ...request, mask },
    wire,
    call,
    (media) => media.url ?? media.dataUrl(call.signal),
  );
  const { request_id, status_url } = await call.post(
    request.model,
    { ...input, ...request.providerParams },
    json(Queued),
  );
  return { id: request_id, url: status_url };
}

/** A job that failed is completed all the same; what went wrong is told in the place of the result. */
async function check({ url = "" }: Ticket, call: Call): Promise<JobState> {
  const { status, response_url } = await call.get(url, json(Queued));
  if (readState(STATES, status) !== "done") return { state: "pending" };
  return await call.get(response_url, async (response): Promise<JobState> => {
    if (response.ok) return { state: "done", made: madeOf(await json(Output)(response), call) };
    return readTrouble(response, call);
  }, { accepts: MODEL_STATUSES });
}

/** Asks where to: a ticket keeps one address only, and each reply names all. */
async function cancel({ url = "" }: Ticket, call: Call): Promise<void> {
  const { cancel_url } = await call.get(url, json(Queued));
  await call.send("PUT", cancel_url, undefined, async (response) => await response.body?.cancel());
}

const STATES: StateTable<"IN_QUEUE" | "IN_PROGRESS" | "COMPLETED"> = {
  IN_QUEUE: "pending",
  IN_PROGRESS: "pending",
  COMPLETED: "done",
};

/** With these a model says what went wrong. */
const MODEL_STATUSES = [400, 422, 500, 504];

/** @throws Failed without a status where the model speaks, since asking again would change nothing then */
async function readTrouble(response: Response, call: Call): Promise<JobState> {
  const { status, headers } = response;
  const body = await response.text();
  const failure = readFailure({ status, headers, body }, failures, call.now());
  if (/still in progress/i.test(failure.message)) return { state: "pending" };
  const type = typeOf(body);
  if (type === undefined) throw new Failed(failure);
  const kind = MODEL_ERRORS[type];
  // A code is for callers, and only where the fault is theirs.
  throw new Failed({ ...failure, ...kind ? { kind } : { code: type }, status: undefined });
}

/** The type of the first error of a model: `{detail: [{loc, msg, type}]}`. */
function typeOf(body: string): string | undefined {
  try {
    return ModelErrors.safeParse(JSON.parse(body)).data?.detail[0]?.type;
  } catch {
    return undefined;
  }
}

/** A picture that the safety checker held back comes as a black one. */
function madeOf({ images, image, has_nsfw_concepts, seed }: z.infer<typeof Output>, call: Call): Made {
  const all = images ?? (image ? [image] : []);
  const good = all.filter((_, index) => !has_nsfw_concepts?.[index]);
  if (all.length > 0 && good.length === 0) {
    throw new Failed({ kind: "refused", message: "the safety checker held back all images" });
  }
  if (good.length < all.length) {
    call.note(`${all.length - good.length} of ${all.length} images were held back by the safety checker`);
  }
  return {
    images: good.map(({ url }) => ({
      media: url.startsWith("data:") ? Media.fromBase64(url.slice(url.indexOf(",") + 1)) : call.image(url),
      seed: seed ?? undefined,
    })),
  };
}

function bySize({ size }: ImageRequest): Record<string, unknown> {
  return size ? { image_size: size } : {};
}

function model(id: string, row: Omit<FalModel, "id">): FalModel {
  return {
    id,
    inputs: { types: ["image/png", "image/jpeg", "image/webp"], takesUrls: true },
    timeoutMs: 290_000,
    wishes: wishesOf(row.wire),
    ...row,
  };
}

/** What the queue says of a job, when it takes it on and whenever it is asked. */
const Queued = z.object({
  request_id: z.string(),
  status: z.string(),
  status_url: z.url(),
  response_url: z.url(),
  cancel_url: z.url(),
});

const Image = z.object({ url: z.string() });

const Output = z.object({
  images: z.array(Image).nullish(),
  image: Image.nullish(),
  seed: z.number().nullish().catch(undefined),
  has_nsfw_concepts: z.array(z.boolean()).nullish().catch(undefined),
});

const ModelErrors = z.object({ detail: z.array(z.object({ type: z.string() })) });
