/** What each endpoint of Black Forest Labs takes. */
import { z } from "zod";
import { readImageFacts } from "../core/media.ts";
import type { Size } from "../core/request.ts";
import { Refusal } from "./reply.ts";
import { type Complaint, strictly } from "./strict_body.ts";

const MAX_BYTES = 20_000_000;
const MAX_PIXELS = 20_000_000;
const LEAST_SIDE = 256;

/** Base64 of a picture that is neither too large nor too small. */
const picture = z.string().transform((text, context) => {
  const bytes = /^[A-Za-z0-9+/]+=*$/.test(text) ? Uint8Array.fromBase64(text) : new Uint8Array();
  const facts = readImageFacts(bytes);
  if (!facts) context.addIssue("Could not decode image");
  else if (bytes.length > MAX_BYTES || facts.width * facts.height > MAX_PIXELS) {
    context.addIssue("Image is too large");
  } else if (Math.min(facts.width, facts.height) < LEAST_SIDE) context.addIssue("Image is too small");
  return facts ? { bytes, width: facts.width, height: facts.height } : z.NEVER;
});
const pictureOrUrl = z.union([z.url({ protocol: /^https?$/ }).transform(() => undefined), picture]);

const common = (formats: string[], tolerance = 6) => ({
  seed: z.int().nullish(),
  safety_tolerance: z.int().min(0).max(tolerance).optional(),
  output_format: z.enum(formats).optional(),
  webhook_url: z.url().max(2083).nullish(),
  webhook_secret: z.string().nullish(),
});

const references = (count: number) =>
  Object.fromEntries(
    Array.from(
      { length: count },
      (_, index) => [index === 0 ? "input_image" : `input_image_${index + 1}`, pictureOrUrl.nullish()],
    ),
  ) as { input_image: z.ZodOptional<z.ZodNullable<typeof pictureOrUrl>> };

const side = (least: number, most: number, step: number) =>
  z.int().min(least).max(most).multipleOf(step).optional();
const ratio = z.string().regex(/^\d+:\d+$/).nullish();
const upsampling = z.boolean().optional();

const flux2 = (count: number, more: z.ZodRawShape = {}) =>
  z.strictObject({
    prompt: z.string(),
    ...references(count),
    width: side(64, 8192, 16),
    height: side(64, 8192, 16),
    ...common(["jpeg", "png", "webp"], 5),
    ...more,
  });

const kontext = z.strictObject({
  prompt: z.string(),
  ...references(4),
  aspect_ratio: ratio,
  prompt_upsampling: upsampling,
  ...common(["jpeg", "png"]),
});

const flux1 = (more: z.ZodRawShape = {}) =>
  z.strictObject({
    prompt: z.string().nullish(),
    image_prompt: picture.nullish(),
    width: side(256, 1440, 32),
    height: side(256, 1440, 32),
    prompt_upsampling: upsampling,
    ...common(["jpeg", "png"]),
    ...more,
  });

const retouching = {
  image: picture,
  prompt: z.string().nullish(),
  steps: z.int().min(15).max(50).optional(),
  guidance: z.number().min(1.5).max(100).optional(),
  prompt_upsampling: upsampling,
  ...common(["jpeg", "png"]),
};
const margin = z.int().min(0).max(2048).optional();

const ENDPOINTS: Record<string, z.ZodType> = {
  "flux-2-max": flux2(8),
  "flux-2-pro": flux2(8),
  "flux-2-pro-preview": flux2(8),
  "flux-2-flex": flux2(8, {
    prompt_upsampling: upsampling,
    guidance: z.number().min(1.5).max(10).optional(),
    steps: z.int().min(1).max(50).optional(),
  }),
  "flux-2-klein-9b": flux2(4),
  "flux-2-klein-9b-preview": flux2(4),
  "flux-2-klein-4b": flux2(4),
  "flux-kontext-pro": kontext,
  "flux-kontext-max": kontext,
  "flux-pro-1.1": flux1(),
  "flux-dev": flux1({
    steps: z.int().min(1).max(50).optional(),
    guidance: z.number().min(1.5).max(5).optional(),
  }),
  "flux-pro-1.1-ultra": z.strictObject({
    prompt: z.string().nullish(),
    aspect_ratio: ratio,
    raw: z.boolean().optional(),
    image_prompt: picture.nullish(),
    image_prompt_strength: z.number().min(0).max(1).optional(),
    ...common(["jpeg", "png"]),
  }),
  "flux-pro-1.0-fill": z.strictObject({ ...retouching, mask: picture.nullish() }),
  "flux-pro-1.0-expand": z.strictObject({
    ...retouching,
    top: margin,
    bottom: margin,
    left: margin,
    right: margin,
  }),
  "flux-tools/erase-v1": z.strictObject({
    image: picture,
    mask: picture,
    dilate_pixels: z.int().min(0).max(25).optional(),
  }),
  "flux-tools/outpainting-v1": z.strictObject({
    input_image: pictureOrUrl,
    prompt: z.string().nullish(),
    width: side(64, 8192, 1),
    height: side(64, 8192, 1),
    reference_offset_x: z.int().optional(),
    reference_offset_y: z.int().optional(),
    auto_crop: z.boolean().optional(),
    mode: z.enum(["high", "fast"]).optional(),
  }),
};

/** A request that has passed all checks. */
export interface FluxRequest extends Size {
  prompt: string;
  seed: number;
  format: "jpeg" | "png" | "webp";
}

interface Read extends Partial<Size> {
  prompt?: string;
  seed?: number;
  output_format?: FluxRequest["format"];
  aspect_ratio?: string;
  input_image?: Size;
  image?: Size;
  mask?: Size;
}

/**
 * Reads a call to an endpoint; `undefined` where there is none of that name.
 * @param chance the seed where none is given. @throws Refusal
 */
export function readFluxRequest(endpoint: string, json: unknown, chance: number): FluxRequest | undefined {
  const schema = ENDPOINTS[endpoint];
  if (!schema) return undefined;
  const body = strictly(schema, json, refuse) as Read;
  const input = body.input_image ?? body.image;
  if (body.mask && (body.mask.width !== input?.width || body.mask.height !== input.height)) {
    throw invalid(["body", "mask"], "Mask and image must have the same size", "value_error");
  }
  const [wide = 1, high = 1] = body.aspect_ratio?.split(":").map(Number) ?? [];
  const { width = 1024, height = 1024 } = body.aspect_ratio
    ? { width: Math.round(1024 * Math.sqrt(wide / high)), height: Math.round(1024 * Math.sqrt(high / wide)) }
    : { ...input, ...body.width && { width: body.width }, ...body.height && { height: body.height } };
  if (width * height > 4_194_304) {
    throw invalid(["body", "width"], "The area must be 4 MP at most", "value_error");
  }
  return {
    prompt: body.prompt ?? "",
    seed: body.seed ?? chance,
    format: body.output_format ?? "jpeg",
    width,
    height,
  };
}

/** A refusal as FastAPI has it. */
export function invalid(loc: string[], msg: string, type: string): Refusal {
  return new Refusal(422, { detail: [{ loc, msg, type }] });
}

function refuse({ kind, param, issue }: Complaint): Refusal {
  const loc = ["body", ...param.split(".")];
  if (kind === "missing") return invalid(loc, "Field required", "missing");
  if (kind === "unknown") return invalid(loc, "Extra inputs are not permitted", "extra_forbidden");
  return invalid(loc, issue.message, "value_error");
}
