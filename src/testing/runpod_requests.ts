/** What RunPod's endpoints take: the public ones by their slugs, and the workers that people run themselves. */
import { z } from "zod";

const prompt = z.string().min(1);
const seed = z.int().min(-1).optional();
const text = z.string().optional();
const yes = z.boolean().optional();
/** An address or a data URI. */
const image = z.string().regex(/^(https?:\/\/\S+|data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+=*)$/);
const formats = <const F extends string>(...names: F[]) => z.enum(names).optional();
const edge = z.int().min(256).max(1536).multipleOf(64, "must be divisible by 64").optional();
const size = z.string().regex(/^[1-9]\d{2,3}\*[1-9]\d{2,3}$/, "must be WIDTH*HEIGHT");
const oneOf = (...sizes: string[]) => z.enum(sizes).optional();
const whole = { enable_base64_output: yes, enable_sync_mode: yes };

const flux = (steps: number) =>
  z.strictObject({
    prompt,
    negative_prompt: text,
    width: edge,
    height: edge,
    num_inference_steps: z.int().min(1).max(steps).optional(),
    guidance: z.number().min(0).max(10).optional(),
    seed,
    image_format: formats("jpeg", "png"),
  });
const google = z.strictObject({
  prompt,
  images: z.array(image).min(1).max(14),
  resolution: formats("1k", "2k", "4k"),
  aspect_ratio: oneOf("1:1", "3:2", "2:3", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"),
  output_format: formats("png", "jpeg"),
  ...whole,
});
const pruna = {
  prompt,
  aspect_ratio: oneOf("match_input_image", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"),
  seed,
  disable_safety_checker: yes,
};
const seedream = { prompt, size: size.optional(), seed, enable_safety_checker: yes };

type Input = z.ZodType<Record<string, unknown>>;

/** The public endpoints, and what each costs. */
export const RUNPOD_ENDPOINTS: Record<string, { input: Input; cost: number }> = {
  "black-forest-labs-flux-1-schnell": { input: flux(8), cost: 0.0024 },
  "black-forest-labs-flux-1-dev": { input: flux(50), cost: 0.02 },
  "black-forest-labs-flux-1-kontext-dev": {
    input: z.strictObject({
      prompt,
      image,
      negative_prompt: text,
      size: size.optional(),
      num_inference_steps: z.int().min(1).max(50).optional(),
      guidance: z.number().min(0).max(10).optional(),
      seed,
      output_format: formats("png", "jpeg"),
      enable_safety_checker: yes,
    }),
    cost: 0.025,
  },
  "qwen-image-t2i": {
    input: z.strictObject({
      prompt,
      negative_prompt: text,
      size: size.optional(),
      seed,
      enable_safety_checker: yes,
    }),
    cost: 0.02,
  },
  "qwen-image-edit": {
    input: z.strictObject({
      prompt,
      image,
      negative_prompt: text,
      seed,
      output_format: formats("png", "jpeg"),
      enable_safety_checker: yes,
    }),
    cost: 0.02,
  },
  "qwen-image-edit-2511": {
    input: z.strictObject({
      prompt,
      images: z.array(image).min(1).max(3),
      size: oneOf("1024*1024", "1024*1280", "1280*1024", "1280*1280", "1280*1536", "1536*1080"),
      seed,
      output_format: formats("jpeg", "png", "webp"),
      ...whole,
    }),
    cost: 0.02,
  },
  "seedream-v4-t2i": { input: z.strictObject(seedream), cost: 0.027 },
  "seedream-v4-edit": {
    input: z.strictObject({ ...seedream, images: z.array(image).min(1).max(10) }),
    cost: 0.027,
  },
  "nano-banana-edit": {
    input: z.strictObject({ prompt, images: z.array(image).min(1).max(4), enable_safety_checker: yes }),
    cost: 0.038,
  },
  "nano-banana-pro-edit": { input: google, cost: 0.14 },
  "google-nano-banana-2-edit": { input: google, cost: 0.0875 },
  "z-image-turbo": {
    input: z.strictObject({
      prompt,
      image: image.optional(),
      size: oneOf(
        ...["512*512", "768*768", "1024*1024", "1280*1280", "512*768", "768*512", "1024*768", "768*1024"],
        ...["1024*576", "576*1024", "1280*720", "720*1280"],
      ),
      strength: z.number().min(0).max(1).optional(),
      seed,
      output_format: formats("png", "jpeg", "webp"),
      enable_safety_checker: yes,
    }),
    cost: 0.005,
  },
  "p-image-t2i": { input: z.strictObject(pruna), cost: 0.005 },
  "p-image-edit": { input: z.strictObject({ ...pruna, images: z.array(image).min(1).max(5) }), cost: 0.01 },
  "wan-2-6-t2i": {
    input: z.strictObject({
      prompt,
      size: size.refine((text) => {
        const [width = 0, height = 0] = text.split("*").map(Number);
        const pixels = width * height;
        return pixels >= 768 ** 2 && pixels <= 1280 ** 2 && width <= 4 * height && height <= 4 * width;
      }, "is outside of what is offered").optional(),
      seed,
      enable_safety_checker: yes,
    }),
    cost: 0.03,
  },
};

/** The inputs of runpod-workers/worker-sdxl. */
export const workerSdxl: Input = z.strictObject({
  prompt: text,
  negative_prompt: text,
  height: z.int().optional(),
  width: z.int().optional(),
  seed: z.int().optional(),
  scheduler: formats("PNDM", "KLMS", "DDIM", "K_EULER", "DPMSolverMultistep"),
  num_inference_steps: z.int().optional(),
  refiner_inference_steps: z.int().optional(),
  guidance_scale: z.number().optional(),
  strength: z.number().optional(),
  image_url: z.url({ protocol: /^https?$/ }).optional(),
  num_images: z.int().min(1).max(2).optional(),
  high_noise_frac: z.number().optional(),
});

/** The inputs of runpod-workers/worker-comfyui. */
export const workerComfyUi: Input = z.strictObject({
  workflow: z.record(
    z.string(),
    z.object({ class_type: z.string(), inputs: z.record(z.string(), z.unknown()) }),
  ),
  images: z.array(z.strictObject({ name: z.string().min(1), image: z.string().min(1) })).optional(),
});

/** What the worker of somebody's own takes: whatever it is sent, as long as there is a prompt. */
export const workerOfOnesOwn: Input = z.looseObject({ prompt });

/** The first complaint about an input, in the words of RunPod's own validator. */
export function complaintAbout(schema: Input, input: unknown): string | undefined {
  const parsed = schema.safeParse(input, { reportInput: true });
  const issue = parsed.error?.issues[0];
  if (!issue) return undefined;
  if (issue.code === "unrecognized_keys") {
    return `Unexpected input. ${issue.keys[0]} is not a valid input option.`;
  }
  const name = issue.path.join(".");
  if (issue.input === undefined) return `${name} is a required input.`;
  if (issue.code === "invalid_type") {
    return `${name} should be <class '${issue.expected}'> type, not <class '${typeof issue.input}'>.`;
  }
  return `${name} does not meet the constraints.`;
}
