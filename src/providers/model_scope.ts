/**
 * ModelScope (API-Inference): open models that take a job at one address, whether it is to make, edit or join.
 * Models are withdrawn and added often: what its list names is added to the rows below.
 */
import { z } from "@hono/zod-openapi";
import { Failed } from "../core/failure.ts";
import {
  type Call,
  defineProvider,
  type DiscoveredModel,
  type FailureRow,
  type Made,
  type Model,
  type Ticket,
} from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import type { SizeRule } from "../core/size.ts";
import { bearer } from "./bearer.ts";
import { json } from "./call.ts";
import { readFailure } from "./failure_reading.ts";
import { job, type JobState, readState, type StateTable } from "./job.ts";
import { byText, inputsOf, type Wire, wishesOf } from "./model_input.ts";
import { listOpenAiModels } from "./openai_dialect.ts";

/** Any pixels are taken; such models give what was asked for only on a grid of eight. */
const upTo = (most: number, least = 64): SizeRule => ({ kind: "free", multipleOf: 8, edge: [least, most] });

/** https://modelscope.cn/docs/model-service/API-Inference/intro */
const wire: Wire = {
  shape: byText("size", "x"),
  images: "image_url",
  wishes: {
    negativePrompt: "negative_prompt",
    seed: { name: "seed", least: 0, most: 2 ** 31 - 1 },
    steps: { name: "steps", least: 1, most: 100 },
    guidance: { name: "guidance", least: 1.5, most: 20 },
    loraWeights: "loras",
  },
};

const any = {
  wishes: wishesOf(wire),
  inputs: { types: ["image/png", "image/jpeg", "image/webp"], takesUrls: true },
  timeoutMs: 300_000,
  // Paid with points that every account is given; no money is taken.
  prices: { images: [{ usd: 0 }] },
} as const satisfies Partial<Model>;

type Row = Model<"generate" | "edit" | "blend">;
const qwenEdit = { ...any, tasks: ["edit", "blend"], maxInputs: 3, sizes: upTo(1664) } as const;
const qwen = { ...any, tasks: ["generate"], sizes: upTo(1664) } as const;
const zImage = { ...any, tasks: ["generate"], sizes: upTo(2048, 512) } as const;
const flux = { ...any, tasks: ["generate"], sizes: upTo(1024) } as const;
const stableDiffusion = { ...any, tasks: ["generate"], sizes: upTo(2048) } as const;

/** What is known of models by their names; the first that matches counts. */
const FAMILIES: readonly [name: RegExp, family: Omit<Row, "id">][] = [
  [/qwen-image-edit/i, qwenEdit],
  [/qwen-image/i, qwen],
  [/z-image/i, zImage],
  [/flux|flus/i, flux],
  [/stable-diffusion|sdxl|sd_?xl|\bsd[123]/i, stableDiffusion],
];

/** An exhausted day is told with 429, and what holds for one model only is told from what holds for the account. */
const failures: FailureRow[] = [
  { kind: "refused", code: /inspection|sensitive/i },
  { kind: "refused", text: /inspection|inappropriate|sensitive|content (policy|security|safety)|违规|敏感/i },
  { kind: "key_rejected", text: /real-name|be bound|实名|绑定/i },
  { kind: "model_not_found", text: /no provider supported|invalid model id/i },
  { kind: "out_of_credit", status: 429, text: /quota for model/i, modelOnly: true },
  { kind: "out_of_credit", code: /insufficient_quota/ },
  { kind: "out_of_credit", text: /exceeded .*\bquota|magicube|insufficient balance|魔粒|余额/i },
  { kind: "rate_limited", code: /^limit_(requests|burst_rate)$/ },
];

/** Asked at the pace that its documents show, a little faster at first. */
const make = job({ submit, check, pace: { first: 2000, most: 5000 } });

export const modelScope = defineProvider({
  name: "ModelScope",
  env: "MODELSCOPE",
  baseUrl: "https://api-inference.modelscope.cn/v1",
  keys: {
    pattern: /^ms(-|_oauth)\S+$/,
    sample: "ms-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    help: "https://modelscope.cn/my/myaccesstoken",
    send: bearer,
  },
  defaults: {
    generate: "Tongyi-MAI/Z-Image-Turbo",
    edit: "Qwen/Qwen-Image-Edit-2511",
    blend: "Qwen/Qwen-Image-Edit-2511",
  },
  models: [
    { ...zImage, id: "Tongyi-MAI/Z-Image-Turbo", rating: 72 },
    { ...zImage, id: "Tongyi-MAI/Z-Image", rating: 74 },
    { ...qwen, id: "Qwen/Qwen-Image", rating: 75 },
    { ...qwen, id: "Qwen/Qwen-Image-2512", rating: 80 },
    { ...flux, id: "black-forest-labs/FLUX.2-dev", rating: 78 },
    { ...flux, id: "black-forest-labs/FLUX.1-Krea-dev", rating: 68 },
    { ...flux, id: "MAILAND/majicflus_v1", rating: 62 },
    { ...flux, id: "MusePublic/489_ckpt_FLUX_1", rating: 60 },
    { ...qwenEdit, id: "Qwen/Qwen-Image-Edit", tasks: ["edit"], maxInputs: 1, rating: 72 },
    { ...qwenEdit, id: "Qwen/Qwen-Image-Edit-2509", rating: 77 },
    { ...qwenEdit, id: "Qwen/Qwen-Image-Edit-2511", rating: 80 },
  ],
  operations: { generate: make, edit: make },
  failures,
  listModels,
});

async function submit(request: ImageRequest, call: Call): Promise<Ticket | Made> {
  const send = (media: ImageRequest["inputs"][number]) => media.url ?? media.dataUrl(call.signal);
  const fitted = { ...request, loraWeights: fitLoras(request.loraWeights, call) };
  const body = {
    model: request.model,
    ...await inputsOf(fitted, wire, call, send),
    ...request.providerParams,
  };
  const told = await call.post("images/generations", body, json(Task), {
    headers: { "x-modelscope-async-mode": "true" },
  });
  const images = imagesOf(told);
  if (images.length > 0) return madeOf(images, call);
  // The state in this reply is that of the submission, so it is not looked at.
  if (told.task_id) return { id: told.task_id };
  throw new Failed({ kind: "malformed_reply", message: "neither a task nor an image came back" });
}

function check({ id }: Ticket, call: Call): Promise<JobState> {
  return call.get(`tasks/${encodeURIComponent(id)}`, async (response): Promise<JobState> => {
    if (response.status === 404) {
      await response.body?.cancel();
      return { state: "unknown", message: `the task ${id} is not known` };
    }
    const told = await json(Task)(response);
    const state = readState(STATES, told.task_status ?? told.data?.task_status ?? "");
    if (state === "pending") return { state };
    if (state === "done") return { state, made: madeOf(imagesOf(told), call) };
    const { errors, error, message = "the task failed" } = told;
    const body = JSON.stringify({ error: errors ?? error, message });
    const failure = readFailure({ status: 200, body }, [...failures, { kind: state }]);
    // Without a status: it is the job that failed, not the question.
    throw new Failed({ ...failure, status: undefined });
  }, { headers: { "x-modelscope-task-type": "image_generation" }, accepts: [404] });
}

const STATES: StateTable<"PENDING" | "PROCESSING" | "RUNNING" | "SUCCEED" | "SUCCEEDED" | "FAILED"> = {
  PENDING: "pending",
  PROCESSING: "pending",
  RUNNING: "pending",
  SUCCEED: "done",
  SUCCEEDED: "done",
  FAILED: "empty_reply",
};

/** At most this many LoRAs work together, and their weights have to come to one. */
const MOST_LORAS = 6;

function fitLoras(
  weights: Record<string, number> | undefined,
  call: Call,
): Record<string, number> | undefined {
  const given = Object.entries(weights ?? {}).filter(([, weight]) => weight > 0);
  if (given.length === 0) return undefined;
  const taken = given.toSorted(([, one], [, other]) => other - one).slice(0, MOST_LORAS);
  if (taken.length < given.length) call.note(`lora_weights: the ${MOST_LORAS} heaviest were used`);
  const sum = taken.reduce((total, [, weight]) => total + weight, 0);
  if (Math.abs(sum - 1) < 1e-6) return Object.fromEntries(taken);
  call.note("lora_weights: brought to a sum of 1");
  return Object.fromEntries(taken.map(([id, weight]) => [id, weight / sum]));
}

/** The service lists models of all sorts, and not all that it serves; what is no image model by its name is left out. */
async function listModels(call: Call): Promise<DiscoveredModel[]> {
  return (await listOpenAiModels(call)).flatMap(({ id }) => {
    const family = FAMILIES.find(([name]) => name.test(id))?.[1];
    return family ? [{ id, ...family }] : [];
  });
}

function imagesOf({ output_images, outputs, images, data }: z.infer<typeof Task>): string[] {
  return output_images ?? outputs?.output_images ?? images?.map(({ url }) => url) ?? data?.output_images ??
    [];
}

function madeOf(urls: string[], call: Call): Made {
  return { images: urls.map((url) => ({ media: call.image(url) })) };
}

const Urls = z.array(z.string()).nullish().catch(undefined);

const Task = z.object({
  task_id: z.coerce.string().nullish(),
  task_status: z.string().nullish(),
  output_images: Urls,
  outputs: z.object({ output_images: Urls }).nullish().catch(undefined),
  images: z.array(z.object({ url: z.string() })).nullish().catch(undefined),
  errors: z.unknown().optional(),
  error: z.unknown().optional(),
  message: z.unknown().optional(),
  data: z.object({ task_status: z.string().nullish(), output_images: Urls }).nullish().catch(undefined),
});
