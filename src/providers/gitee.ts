/**
 * Gitee AI (Moli Ark): open models behind OpenAI's dialect, with extras as flat fields, and edits of some models
 * as tasks that have to be asked for.
 *
 * Passed on by `provider_params`: `task_types`, which says what each image of such a task is there for (`id`, which
 * is sent unless told otherwise, `style`, `composition`); `lora_scale`; `cfg_scale` of edits.
 */
import { z } from "@hono/zod-openapi";
import { Failed } from "../core/failure.ts";
import {
  type Call,
  defineProvider,
  type DiscoveredModel,
  type FailureRow,
  type Made,
  type MadeImage,
  type Model,
  type Ticket,
} from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import type { SizeRule } from "../core/size.ts";
import { bearer } from "./bearer.ts";
import { json } from "./call.ts";
import { readFailure } from "./failure_reading.ts";
import { job, type JobState, readState, type StateTable } from "./job.ts";
import { within } from "./model_input.ts";
import { type Dialect, formOf, mediaOf, openAiDialect } from "./openai_dialect.ts";

const Z_IMAGE: SizeRule = {
  kind: "listed",
  sizes: [
    ...["512x512", "1024x1024", "1024x768", "768x1024", "1024x576", "576x1024", "1024x640", "640x1024"],
    ...["2048x2048", "2048x1536", "1536x2048", "2048x1152", "1152x2048", "2048x1280", "1280x2048"],
  ],
};
const OPEN: SizeRule = { kind: "free", multipleOf: 16, edge: [256, 2048] };

const WISHES = ["seed", "steps", "guidance", "negativePrompt", "loraWeights", "user"] as const;

const text = (id: string, more: Partial<Model<"generate">> = {}): Model<"generate"> => ({
  id,
  tasks: ["generate"],
  sizes: OPEN,
  wishes: WISHES,
  timeoutMs: 180_000,
  rating: 60,
  ...more,
});
const edit = (id: string, more: Partial<Model<"edit" | "blend">> = {}): Model<"edit" | "blend"> => ({
  id,
  tasks: ["edit", "blend"],
  maxInputs: 5,
  mask: true,
  inputs: { types: ["image/png", "image/jpeg", "image/webp"] },
  sizes: OPEN,
  wishes: WISHES,
  timeoutMs: 180_000,
  rating: 60,
  ...more,
});
const both = (id: string): Model<"generate" | "edit" | "blend"> => ({
  ...edit(id),
  tasks: ["generate", "edit", "blend"],
});

/** Used-up allowances arrive as 400, so the words are read before the status. */
const failures: FailureRow[] = [
  {
    kind: "out_of_credit",
    text: /no (available )?resources?\b|not (been )?(bought|purchased|authori[sz]ed)|资源/i,
    modelOnly: true,
  },
  { kind: "out_of_credit", text: /free API access limit|insufficient balance|额度|余额/i },
  { kind: "model_not_found", text: /service not found|服务不存在/i },
  { kind: "refused", text: /sensitive|moderation|content.?policy|违规|敏感/i },
  { kind: "refused", code: /content.?policy|moderation/i },
  { kind: "key_rejected", text: /invalid (access )?token/i },
];

const dialect: Dialect = {
  failures,
  sendsCount: false,
  imagePart: () => "image",
  responseFormat: () => "b64_json",
  fields: {
    seed: "seed",
    steps: "num_inference_steps",
    guidance: "guidance_scale",
    negativePrompt: "negative_prompt",
    user: "user",
  },
  extras: ({ loraWeights, inputs }) => {
    const list = Object.entries(loraWeights ?? {}).map(([url, weight]) => ({ url, weight }));
    // The form of an edit is shown with a single one.
    return { lora_weights: list.length === 0 ? undefined : inputs.length > 0 && !list[1] ? list[0] : list };
  },
};

const atOnce = openAiDialect(dialect);
const asTask = job({ submit, check, cancel, pace: { first: 2000, most: 10_000 } });

export const gitee = defineProvider({
  name: "Gitee",
  env: "GITEE",
  baseUrl: "https://ai.gitee.com/v1",
  keys: {
    pattern: /^[A-Za-z0-9]{30,60}$/,
    sample: "A1B2C3D4".repeat(5),
    help: "https://ai.gitee.com/dashboard/settings/tokens",
    send: bearer,
  },
  defaults: { generate: "z-image-turbo", edit: "Qwen-Image-Edit", blend: "Qwen-Image-Edit" },
  models: [
    text("z-image-turbo", { sizes: Z_IMAGE, rating: 72 }),
    text("Qwen-Image", { rating: 75 }),
    text("Qwen-Image-2512", { rating: 80 }),
    text("flux-1-schnell"),
    text("FLUX_1-Krea-dev", { rating: 68 }),
    text("LongCat-Image", { rating: 66 }),
    text("HiDream-I1-Full", { rating: 70 }),
    text("HunyuanDiT-v1.2-Diffusers-Distilled", { rating: 45 }),
    text("CogView4_6B", { rating: 58 }),
    text("stable-diffusion-3-medium", { rating: 45 }),
    text("stable-diffusion-3.5-large-turbo", { rating: 55 }),
    text("stable-diffusion-xl-base-1.0", { rating: 40 }),
    both("FLUX.1-dev"),
    both("FLUX.2-dev"),
    both("Kolors"),
    edit("Qwen-Image-Edit", { rating: 75 }),
    edit("HiDream-E1-Full"),
    edit("FLUX.1-Kontext-dev", { rating: 68 }),
    edit("HelloMeme", { rating: 40 }),
    edit("OmniConsistency", { rating: 45 }),
    edit("InstantCharacter", { rating: 45 }),
    edit("DreamO", { rating: 45 }),
    edit("LongCat-Image-Edit", { rating: 66 }),
    edit("AnimeSharp", { rating: 40 }),
    edit("Qwen-Image-Edit-2511", {
      mask: false,
      wishes: ["seed", "steps", "guidance"],
      timeoutMs: 600_000,
      rating: 80,
    }),
  ],
  operations: { generate: make, edit: change },
  failures,
  listModels,
});

/** Steps that a model takes, where that is known. */
const STEPS: Record<string, { least: number; most: number }> = { "z-image-turbo": { least: 4, most: 25 } };

function make(request: ImageRequest, call: Call): Promise<Made> {
  const bounds = STEPS[request.model];
  if (!bounds || request.steps === undefined) return atOnce.generate(request, call);
  return atOnce.generate({ ...request, steps: within(bounds, "steps", request.steps, call) }, call);
}

/** The models whose edits are taken as tasks only. */
const AS_TASKS = new Set(["Qwen-Image-Edit-2511"]);

function change(request: ImageRequest, call: Call): Promise<Made> {
  const isTask = AS_TASKS.has(request.like ?? request.model);
  return isTask ? asTask(request, call) : atOnce.edit(request, call);
}

/** https://ai.gitee.com/docs/products/apis/async-task */
async function submit(request: ImageRequest, call: Call): Promise<Ticket | Made> {
  const task_types = request.inputs.map(() => "id");
  const providerParams = { task_types, ...request.providerParams };
  const form = await formOf({ ...request, providerParams }, call, { ...dialect, responseFormat: undefined });
  const { task_id, output } = await call.form("async/images/edits", form, json(Task));
  const images = imagesOf(output, call);
  if (images.length > 0) return { images };
  if (task_id) return { id: task_id };
  throw new Failed({ kind: "malformed_reply", message: "neither a task nor an image came back" });
}

function check({ id }: Ticket, call: Call): Promise<JobState> {
  return call.get(`task/${encodeURIComponent(id)}`, async (response): Promise<JobState> => {
    if (response.status === 404) {
      await response.body?.cancel();
      return { state: "unknown", message: `the task ${id} is not known` };
    }
    const { status, output, error, message } = await json(Task)(response);
    const state = status ? readState(STATES, wordOf(status)) : error || message ? "empty_reply" : "pending";
    if (state === "pending") return { state };
    // What it cost is told as well, and not in which currency.
    if (state === "done") return { state, made: { images: imagesOf(output, call) } };
    const reason = output?.error ?? error;
    const words = message ?? (typeof reason === "string" ? reason : `the task ended as ${status}`);
    const body = JSON.stringify({ error: reason, message: words });
    const failure = readFailure({ status: 200, body }, [...failures, { kind: state }]);
    // Without a status: it is the task that failed, not the question.
    throw new Failed({ ...failure, status: undefined });
  }, { accepts: [404] });
}

/** Tasks are cancelled under another prefix than they are asked for. */
function cancel({ id }: Ticket, call: Call): Promise<unknown> {
  const root = call.baseUrl.replace(/\/v1$/, "/api/v1");
  return call.post(`${root}/task/${encodeURIComponent(id)}/cancel`, undefined, json(Task));
}

const STATES: StateTable<
  "waiting" | "in_progress" | "processing" | "is_process" | "success" | "failure" | "cancelled"
> = {
  waiting: "pending",
  in_progress: "pending",
  processing: "pending",
  is_process: "pending",
  success: "done",
  failure: "empty_reply",
  // By a deadline, or by somebody at the service's own pages.
  cancelled: "timed_out",
};

/** `failed` and `canceled` are met as well. */
function wordOf(status: string): string {
  if (/^fail/i.test(status)) return "failure";
  return /^cancel/i.test(status) ? "cancelled" : status;
}

function imagesOf(output: z.infer<typeof Output>, call: Call): MadeImage[] {
  const { file_url, image, url, b64_json, data } = output ?? {};
  const one = file_url ?? image ?? url ?? b64_json;
  if (one) return [{ media: mediaOf(one, call) }];
  return [data ?? []].flat().flatMap(({ b64_json, url }) => b64_json ?? url ?? []).map((text) => ({
    media: mediaOf(text, call),
  }));
}

/** The list holds models of all sorts; its details say which of them make or edit images at once. */
async function listModels(call: Call): Promise<DiscoveredModel[]> {
  const { data } = await call.get("models?include_details=true", json(ModelList));
  return data.flatMap(({ id, operations }) => {
    const has = (path: string) => operations?.some((operation) => operation.path?.endsWith(path));
    const [makes, edits] = [has("/v1/images/generations"), has("/v1/images/edits")];
    if (makes) return edits ? both(id) : text(id);
    return edits ? edit(id) : [];
  });
}

const Text = z.string().nullish().catch(undefined);
const Item = z.object({ b64_json: Text, url: Text });

const Output = z.object({
  file_url: Text,
  image: Text,
  url: Text,
  b64_json: Text,
  data: z.union([z.array(Item), Item]).nullish().catch(undefined),
  error: z.unknown().optional(),
}).nullish().catch(undefined);

const Task = z.object({
  task_id: Text,
  status: Text,
  output: Output,
  error: z.unknown().optional(),
  message: Text,
});

const ModelList = z.object({
  data: z.array(z.object({
    id: z.string(),
    operations: z.array(z.object({ path: Text })).nullish().catch(undefined),
  })),
});
