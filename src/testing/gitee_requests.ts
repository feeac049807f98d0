/** What Gitee AI's image operations take: the fields, and the models of each operation. */
import { z } from "zod";
import { readImageFacts } from "../core/media.ts";
import type { Size } from "../core/request.ts";
import { GITEE_ERRORS, giteeError } from "./gitee_errors.ts";
import type { Refusal } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { type Complaint, readForm, strictly } from "./strict_body.ts";

/** The models of `images/generations`. */
export const TEXT_MODELS = [
  "z-image-turbo",
  "Qwen-Image",
  "Qwen-Image-2512",
  "FLUX.1-dev",
  "FLUX.2-dev",
  "flux-1-schnell",
  "FLUX_1-Krea-dev",
  "Kolors",
  "LongCat-Image",
  "HiDream-I1-Full",
  "HunyuanDiT-v1.2-Diffusers-Distilled",
  "CogView4_6B",
  "stable-diffusion-3-medium",
  "stable-diffusion-3.5-large-turbo",
  "stable-diffusion-xl-base-1.0",
];

/** The models of `images/edits`. */
export const EDIT_MODELS = [
  "Qwen-Image-Edit",
  "HiDream-E1-Full",
  "FLUX.1-dev",
  "FLUX.2-dev",
  "FLUX.1-Kontext-dev",
  "HelloMeme",
  "Kolors",
  "OmniConsistency",
  "InstantCharacter",
  "DreamO",
  "LongCat-Image-Edit",
  "AnimeSharp",
];

/** The models of `async/images/edits`. */
export const TASK_MODELS = ["Qwen-Image-Edit-2511", "LongCat-Image-Edit", "FLUX.1-Kontext-dev"];

/** The only sizes of z-image-turbo. */
const TURBO_SIZES = [
  ...["512x512", "1024x1024", "1024x768", "768x1024", "1024x576", "576x1024", "1024x640", "640x1024"],
  ...["2048x2048", "2048x1536", "1536x2048", "2048x1152", "1152x2048", "2048x1280", "1280x2048"],
];

const fields = {
  model: z.string().min(1),
  prompt: z.string().min(1),
  n: z.literal(1).optional(),
  size: z.string().regex(/^[1-9]\d{1,3}x[1-9]\d{1,3}$/).optional(),
  response_format: z.enum(["url", "b64_json"]).optional(),
  user: z.string().optional(),
  negative_prompt: z.string().optional(),
  num_inference_steps: z.int().min(1).max(100).optional(),
  guidance_scale: z.number().min(0).optional(),
  seed: z.int().optional(),
};
const side = z.int().min(64).max(4096).optional();

const generation = z.strictObject({
  ...fields,
  width: side,
  height: side,
  lora_weights: z.array(z.strictObject({ url: z.string(), weight: z.number() })).optional(),
  lora_scale: z.number().optional(),
});

const file = z.instanceof(File);
const loraText = z.string().transform((text, context) => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue("not JSON");
    return z.NEVER;
  }
});
const edit = z.strictObject({
  ...fields,
  image: z.array(file).min(1).max(5),
  mask: file.optional(),
  cfg_scale: z.number().min(0).optional(),
  lora_weights: loraText.pipe(z.union([
    z.strictObject({ url: z.string(), weight: z.number() }),
    z.array(z.strictObject({ url: z.string(), weight: z.number() })),
  ])).optional(),
});
const editByUrl = z.strictObject({ ...fields, image_url: z.url(), cfg_scale: z.number().optional() });

const { response_format: _, n: __, ...taskFields } = fields;
const task = z.strictObject({
  ...taskFields,
  width: side,
  height: side,
  image: z.array(file).min(1).max(5),
  task_types: z.array(z.string()).optional(),
});

/** A request that has passed all checks. */
export interface GiteeRequest extends Size {
  prompt: string;
  response_format?: "url" | "b64_json";
  /** What was sent to work on. */
  pictures: File[];
}

/** Reads a call for an image from words. @throws Refusal */
export function readGiteeGeneration({ json }: RecordedCall): GiteeRequest {
  const request = strictly(generation, json ?? {}, refuse);
  checkModel(request.model, TEXT_MODELS);
  const turbo = request.model === "z-image-turbo";
  const size = sizeOf(request);
  if (turbo && !TURBO_SIZES.includes(`${size.width}x${size.height}`)) {
    throw giteeError(400, `size must be one of ${TURBO_SIZES.join(", ")}`);
  }
  const steps = request.num_inference_steps ?? 9;
  if (turbo && (steps < 4 || steps > 25)) {
    throw giteeError(400, "num_inference_steps must be between 4 and 25");
  }
  return { prompt: request.prompt, response_format: request.response_format, pictures: [], ...size };
}

/** Reads a call for an edit: a form, or JSON that names an address. Files in JSON are not seen. @throws Refusal */
export function readGiteeEdit({ form, json }: RecordedCall): GiteeRequest {
  const { image: pictures = [], ...request } = form
    ? strictly(edit, formBody(form), refuse)
    : { ...strictly(editByUrl, json ?? {}, refuse), image: undefined };
  checkModel(request.model, EDIT_MODELS);
  return { prompt: request.prompt, response_format: request.response_format, pictures, ...sizeOf(request) };
}

/** Reads a call that submits an edit as a task. @throws Refusal */
export function readGiteeTask({ form }: RecordedCall): GiteeRequest {
  const { image: pictures, ...request } = strictly(task, form ? formBody(form) : {}, refuse);
  checkModel(request.model, TASK_MODELS);
  if (request.task_types && request.task_types.length !== pictures.length) {
    throw giteeError(400, "task_types must have one entry for each image");
  }
  return { prompt: request.prompt, pictures, ...sizeOf(request) };
}

/** Gives the request back if all its pictures are pictures. @throws Refusal */
export async function checkGiteePictures(request: GiteeRequest): Promise<GiteeRequest> {
  for (const picture of request.pictures) {
    if (!readImageFacts(await picture.bytes())) {
      throw giteeError(400, `image ${picture.name} is not a valid image`);
    }
  }
  return request;
}

function formBody(form: FormData): Record<string, unknown> {
  return readForm(form, {
    numbers: ["n", "num_inference_steps", "guidance_scale", "cfg_scale", "seed", "width", "height"],
    lists: ["image", "task_types"],
  });
}

function sizeOf(request: { size?: string; width?: number; height?: number }): Size {
  if (request.size && (request.width ?? request.height)) {
    throw giteeError(400, "size and width/height exclude each other");
  }
  const [width = 1024, height = 1024] = request.size?.split("x").map(Number) ??
    [request.width, request.height];
  return { width, height };
}

function checkModel(model: string, known: string[]): void {
  if (!known.includes(model)) throw GITEE_ERRORS.service_not_found;
}

function refuse({ kind, param, issue }: Complaint): Refusal {
  if (kind === "missing") return giteeError(400, `必传参数: ${param} is required`);
  if (kind === "unknown") return giteeError(400, `Unknown parameter: ${param}`);
  return giteeError(400, `Invalid parameter ${param}: ${issue.message}`);
}
