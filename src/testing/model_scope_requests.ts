/** What ModelScope's one image operation takes: the fields, and what each model allows. */
import { z } from "zod";
import { MODEL_SCOPE_ERRORS, plainModelScopeError } from "./model_scope_errors.ts";
import type { Refusal } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { type Complaint, strictly } from "./strict_body.ts";

/** Bounds of the edges in pixels, and how many images a model wants; 0 = it makes from words. */
interface Limits {
  edge: [least: number, most: number];
  images: number;
}

const QWEN: Limits = { edge: [64, 1664], images: 0 };
const FLUX: Limits = { edge: [64, 1024], images: 0 };
const Z_IMAGE: Limits = { edge: [512, 2048], images: 0 };

/** The image models that are served. */
export const MODEL_SCOPE_MODELS = new Map<string, Limits>([
  ["Tongyi-MAI/Z-Image-Turbo", Z_IMAGE],
  ["Tongyi-MAI/Z-Image", Z_IMAGE],
  ["Qwen/Qwen-Image", QWEN],
  ["Qwen/Qwen-Image-2512", QWEN],
  ["black-forest-labs/FLUX.2-dev", FLUX],
  ["black-forest-labs/FLUX.1-Krea-dev", FLUX],
  ["MAILAND/majicflus_v1", FLUX],
  ["MusePublic/489_ckpt_FLUX_1", FLUX],
  ["AI-ModelScope/stable-diffusion-3.5-large", { edge: [64, 2048], images: 0 }],
  ["Qwen/Qwen-Image-Edit", { ...QWEN, images: 1 }],
  ["Qwen/Qwen-Image-Edit-2509", { ...QWEN, images: 3 }],
  ["Qwen/Qwen-Image-Edit-2511", { ...QWEN, images: 3 }],
]);

const prompt = z.string().max(1999);
const address = z.string().regex(/^(https?:\/\/|data:image\/[a-z+]+;base64,)/);
const weights = z.record(z.string(), z.number()).refine(
  (loras) =>
    Object.keys(loras).length <= 6 &&
    Math.abs(Object.values(loras).reduce((sum, weight) => sum + weight, 0) - 1) < 1e-6,
  "at most 6, with weights that sum to 1.0",
);

const schema = z.strictObject({
  model: z.string().min(1),
  prompt: prompt.min(1),
  negative_prompt: prompt.optional(),
  size: z.string().regex(/^\d+x\d+$/).optional(),
  seed: z.int().min(0).max(2 ** 31 - 1).optional(),
  steps: z.int().min(1).max(100).optional(),
  guidance: z.number().min(1.5).max(20).optional(),
  image_url: z.union([address, z.array(address).min(1)]).optional(),
  loras: z.union([z.string(), weights]).optional(),
});

/** A request that has passed all checks. */
export type ModelScopeRequest = z.infer<typeof schema>;

/** Reads a call for an image. @throws Refusal */
export function readModelScopeRequest({ json }: RecordedCall): ModelScopeRequest {
  const request = strictly(schema, json ?? {}, refuse);
  const limits = MODEL_SCOPE_MODELS.get(request.model.split(":")[0]!);
  if (!limits) throw MODEL_SCOPE_ERRORS.invalid_model_id;
  const [least, most] = limits.edge;
  if (request.size?.split("x").map(Number).some((edge) => edge < least || edge > most)) {
    throw plainModelScopeError(400, `size must be between ${least}x${least} and ${most}x${most}`);
  }
  const images = [request.image_url ?? []].flat().length;
  if (limits.images > 0 && images === 0) throw plainModelScopeError(400, "image_url is required");
  if (images > limits.images) {
    throw plainModelScopeError(400, `image_url: at most ${limits.images} for this model`);
  }
  return request;
}

function refuse({ kind, param, issue }: Complaint): Refusal {
  if (kind === "missing") return plainModelScopeError(400, `${param} is required`);
  if (kind === "unknown") return plainModelScopeError(400, `unknown parameter: ${param}`);
  return plainModelScopeError(400, `invalid ${param}: ${issue.message}`);
}
