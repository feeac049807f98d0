/** What the services behind Hugging Face's router take: the fields of each, and nothing else. */
import { z } from "zod";
import { readImageFacts } from "../core/media.ts";
import type { Size } from "../core/request.ts";
import { Refusal } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { type Complaint, strictly } from "./strict_body.ts";

/** A request that has passed all checks. */
export interface RoutedRequest {
  prompt: string;
  /** As its service knows it; empty where the path says it. */
  model: string;
  size?: Size;
  /** What was sent to work on, as base64 or data URLs. */
  pictures: string[];
}

const side = z.int().min(64).max(2048).optional();
const dataUrl = z.string().regex(/^data:image\/(png|jpeg|webp);base64,/);
const base64 = z.base64();
const open = {
  seed: z.int().optional(),
  num_inference_steps: z.int().min(1).max(100).optional(),
  guidance_scale: z.number().min(0).optional(),
  negative_prompt: z.string().optional(),
};
const loras = z.array(z.strictObject({ path: z.string().min(1), scale: z.number() })).optional();

const { seed: _, ...openEdit } = open;
const hfInference = z.strictObject({
  inputs: z.string().min(1),
  parameters: z.union([
    z.strictObject({ ...open, width: side, height: side, scheduler: z.string().optional() }),
    z.strictObject({
      ...openEdit,
      prompt: z.string(),
      target_size: z.strictObject({ width: z.int(), height: z.int() }).optional(),
    }),
  ]).optional(),
}).transform(({ inputs, parameters }): RoutedRequest => {
  if (parameters && "prompt" in parameters) {
    return { prompt: parameters.prompt, model: "", size: parameters.target_size, pictures: [inputs] };
  }
  return { prompt: inputs, model: "", size: sizeOf(parameters), pictures: [] };
});

const falAi = z.strictObject({
  ...open,
  prompt: z.string(),
  image_size: z.strictObject({ width: z.int(), height: z.int() }).optional(),
  image_url: dataUrl.optional(),
  image_urls: z.array(dataUrl).min(1).optional(),
  loras,
  model_name: z.string().optional(),
  enable_safety_checker: z.boolean().optional(),
}).transform(({ prompt, image_size: size, image_urls: pictures = [] }) => ({
  prompt,
  model: "",
  size,
  pictures,
}));

const together = z.strictObject({
  ...open,
  num_inference_steps: z.never().optional(),
  steps: z.int().min(1).optional(),
  width: side,
  height: side,
  prompt: z.string().min(1),
  model: z.string(),
  response_format: z.enum(["base64", "url"]),
  image_url: dataUrl.optional(),
  reference_images: z.array(dataUrl).min(1).optional(),
}).transform(({ prompt, model, image_url, reference_images, ...size }) => ({
  prompt,
  model,
  size: sizeOf(size),
  pictures: reference_images ?? (image_url ? [image_url] : []),
}));

const nscale = z.strictObject({
  prompt: z.string().min(1),
  model: z.string(),
  response_format: z.literal("b64_json"),
}).transform(({ prompt, model }) => ({ prompt, model, pictures: [] }));

const replicate = z.strictObject({
  input: z.strictObject({
    ...open,
    prompt: z.string(),
    width: side,
    height: side,
    image: dataUrl.optional(),
    images: z.array(dataUrl).optional(),
    input_image: dataUrl.optional(),
    input_images: z.array(dataUrl).optional(),
    lora_weights: z.url().optional(),
  }),
  version: z.string().optional(),
}).transform(({ input: { prompt, images = [], ...size }, version = "" }) => ({
  prompt,
  model: version,
  size: sizeOf(size),
  pictures: images,
}));

const wavespeed = z.strictObject({
  ...open,
  prompt: z.string(),
  size: z.string().regex(/^\d+\*\d+$/).optional(),
  loras,
  image: base64.optional(),
  images: z.array(base64).min(1).optional(),
}).transform(({ prompt, size, images = [] }) => {
  const [width, height] = size?.split("*").map(Number) ?? [];
  return { prompt, model: "", size: sizeOf({ width, height }), pictures: images };
});

const zaiOrg = z.strictObject({
  prompt: z.string().min(1),
  model: z.string(),
  size: z.string().regex(/^\d+x\d+$/).optional(),
}).transform(({ prompt, model, size }) => {
  const [width, height] = size?.split("x").map(Number) ?? [];
  return { prompt, model, size: sizeOf({ width, height }), pictures: [] };
});

const SCHEMAS = {
  "hf-inference": hfInference,
  "fal-ai": falAi,
  together,
  nscale,
  replicate,
  wavespeed,
  "zai-org": zaiOrg,
} satisfies Record<string, z.ZodType<RoutedRequest>>;

/** Reads a call to a service behind the router. @throws Refusal */
export function readRouted(service: keyof typeof SCHEMAS, { json }: RecordedCall): RoutedRequest {
  const schema: z.ZodType<RoutedRequest> = SCHEMAS[service];
  const request = strictly(schema, json ?? {}, refuse);
  for (const picture of request.pictures) {
    const bytes = Uint8Array.fromBase64(picture.slice(picture.indexOf(",") + 1));
    if (!readImageFacts(bytes)) throw new Refusal(422, { detail: "the image can not be read" });
  }
  return request;
}

function sizeOf(of: { width?: number; height?: number } = {}): Size | undefined {
  return of.width === undefined || of.height === undefined
    ? undefined
    : { width: of.width, height: of.height };
}

function refuse({ kind, param, issue }: Complaint): Refusal {
  const msg = kind === "unknown" ? "Extra inputs are not permitted" : issue.message;
  return new Refusal(422, { detail: [{ loc: ["body", param], msg, type: kind }] });
}
