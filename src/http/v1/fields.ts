/**
 * The fields of image requests: one schema for every endpoint and encoding, in OpenAI's spelling. Other
 * spellings that clients use are led back to it first.
 */
import { z } from "@hono/zod-openapi";
import { Failed } from "../../core/failure.ts";
import { ENHANCER_NAMES, STYLE_NAMES } from "../../core/fit.ts";
import type { ImageRequest, Rewriting } from "../../core/request.ts";
import { parseRatio, parseSize } from "../../core/size.ts";
import { isRecord } from "../../core/record.ts";

const MAX_PROMPT = 32_000;

/** Numbers arrive as text in forms, and from clients that don't care. */
const number = (schema: z.ZodNumber) =>
  z.preprocess((value) => typeof value === "string" && value.trim() !== "" ? Number(value) : value, schema);
/** A whole number; what is wrong with another one is said in full. */
const whole = (least: number, most: number) => {
  const error = `expected a whole number from ${least} to ${most}`;
  return number(z.int({ error }).min(least, { error }).max(most, { error }));
};
const oneOf = <const Words extends [string, ...string[]]>(...words: Words) =>
  z.enum(words, { error: `expected one of ${words.join(", ")}` });
const boolean = z.preprocess(
  (value) => value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : value,
  z.boolean(),
);
/** Structures arrive as JSON text in forms. */
const structure = <S extends z.ZodType>(schema: S) =>
  z.preprocess((value) => {
    if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  }, schema);

/** All that an image request may hold besides its images. Unknown fields are ignored, as OpenAI's clients expect. */
export const ImageFields = z.object({
  prompt: z.string().max(MAX_PROMPT).optional().openapi({
    description: `What to make; up to ${MAX_PROMPT} characters.`,
    example: "A red fox in the snow",
  }),
  model: z.string().max(256).optional().openapi({
    description: "A model's id, an alias, `provider/model`, or `auto`.",
    example: "auto",
  }),
  n: whole(1, 10).optional().openapi({ description: "How many images, 1–10." }),
  size: z.union([z.string(), z.number()]).optional().openapi({
    type: "string",
    description: "`WxH`, a ratio such as `16:9`, or `auto`.",
    example: "1024x1024",
  }),
  width: whole(1, 16384).optional(),
  height: whole(1, 16384).optional(),
  aspect_ratio: z.string().optional().openapi({ example: "16:9" }),
  quality: z.string().optional().openapi({
    description: "`auto`, `low`, `medium`, `high`; `standard` and `hd` are understood.",
  }),
  style: z.string().optional().openapi({
    description: `\`vivid\`, \`natural\`, or one of ${STYLE_NAMES.join(", ")}.`,
  }),
  quality_enhancers: structure(z.array(z.enum(ENHANCER_NAMES as [string, ...string[]]))).optional(),
  background: oneOf("auto", "opaque", "transparent").optional(),
  moderation: oneOf("auto", "low").optional(),
  input_fidelity: oneOf("high", "low").optional(),
  output_format: oneOf("png", "jpeg", "webp").optional(),
  output_compression: whole(0, 100).optional(),
  response_format: oneOf("url", "b64_json").optional(),
  stream: boolean.optional(),
  partial_images: whole(0, 3).optional(),
  seed: number(z.int()).optional(),
  steps: whole(1, 500).optional(),
  guidance_scale: number(z.number().min(0).max(100)).optional(),
  negative_prompt: z.string().max(MAX_PROMPT).optional(),
  lora_weights: structure(z.record(z.string(), z.number())).optional().openapi({
    description: "Weight by LoRA.",
  }),
  user: z.string().optional(),
  prompt_optimizer: structure(
    z.union([boolean, z.object({ translate: z.boolean().optional(), expand: z.boolean().optional() })], {
      error: "expected true, false, or an object with translate and expand, each true or false",
    }),
  ).optional().openapi({
    description:
      "Whether the prompt is translated into English and enriched with detail by the gateway's text model " +
      "before a provider sees it: `true` = both, `false` = neither, or an object with `translate` and `expand`. " +
      "What is left out is as configured for the task of the provider that is asked first, else for all. The header " +
      "`X-Prompt-Optimizer: off` (or `on`) says the same where the body says nothing. What was used is in `revised_prompt`.",
  }),
  provider: z.string().optional().openapi({ description: "Insist on a provider, by name." }),
  provider_params: structure(z.record(z.string(), z.unknown()).refine(isShallow, "nested too deeply"))
    .optional().openapi({
      description: "Merged into the provider's own request as it is.",
    }),
}).openapi("ImageFields");

/** The fields of a request, checked. */
export type ImageFields = z.infer<typeof ImageFields>;

/** Other spellings of a field: those of image services that clients imitate. */
const SPELLINGS: Record<string, string> = {
  image_size: "size",
  batch_size: "n",
  num_images: "n",
  num_inference_steps: "steps",
  guidance: "guidance_scale",
  cfg: "guidance_scale",
  cfg_scale: "guidance_scale",
  user_id: "user",
  loras: "lora_weights",
  ratio: "aspect_ratio",
};

/** Whether a request is written in the words of services that always answer with addresses. */
export function speaksOfBatches(raw: Record<string, unknown>): boolean {
  return "image_size" in raw || "batch_size" in raw;
}

/**
 * Checks the fields of a request in whatever spelling. `null` counts as absent.
 * @throws Failed `invalid_request` naming the first field that is wrong and what it may be
 */
export function readFields(raw: Record<string, unknown>): ImageFields {
  const parsed = ImageFields.safeParse(inOurSpelling(raw));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const param = issue.path.join(".");
  throw new Failed({
    kind: "invalid_request",
    param,
    code: issue.code === "invalid_type" ? "invalid_type" : "invalid_value",
    message: `Invalid '${param}': ${issue.message}`,
  });
}

/** Objects in objects that are looked into: `extra_body.google.image_config` is the deepest that clients send. */
const MAX_DEPTH = 3;

function inOurSpelling(raw: Record<string, unknown>, depth = 0): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const nested of [raw.extra_body, raw.image_config, googleConfig(raw)]) {
    if (isRecord(nested) && depth < MAX_DEPTH) Object.assign(fields, inOurSpelling(nested, depth + 1));
  }
  for (const [name, value] of Object.entries(raw)) {
    if (value === null || value === undefined || value === "") continue;
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const known = SPELLINGS[snake] ?? snake;
    // The proper spelling wins over an imitation, whichever comes first.
    if (known in fields && known !== name && name in raw && known in raw) continue;
    fields[known] = value;
  }
  return fields;
}

function googleConfig(raw: Record<string, unknown>): unknown {
  return isRecord(raw.google) ? raw.google.image_config : undefined;
}

/** Turns checked fields into the request's own words, all but task and images. */
export function wishesOf(fields: ImageFields): Omit<ImageRequest, "task" | "inputs" | "mask"> {
  return {
    prompt: fields.prompt ?? "",
    model: fields.model?.trim() ?? "",
    provider: fields.provider,
    n: fields.n,
    ...shapeOf(fields),
    quality: fields.quality,
    style: fields.style,
    qualityEnhancers: fields.quality_enhancers ?? [],
    background: fields.background,
    moderation: fields.moderation,
    inputFidelity: fields.input_fidelity,
    outputFormat: fields.output_format,
    outputCompression: fields.output_compression,
    seed: fields.seed,
    steps: fields.steps,
    guidance: fields.guidance_scale,
    negativePrompt: fields.negative_prompt,
    loraWeights: fields.lora_weights,
    user: fields.user,
    rewriting: rewritingOf(fields.prompt_optimizer),
    partialImages: fields.stream ? fields.partial_images ?? 0 : 0,
    providerParams: fields.provider_params ?? {},
  };
}

function rewritingOf(field: ImageFields["prompt_optimizer"]): Rewriting | undefined {
  return typeof field === "boolean" ? { translate: field, expand: field } : field;
}

/** Edge of a square of each tier, in pixels. */
const TIERS: Record<string, number> = { "512": 512, "1k": 1024, "2k": 2048, "3k": 3072, "4k": 4096 };

function shapeOf(fields: ImageFields): Pick<ImageRequest, "size" | "ratio"> {
  const { width, height, aspect_ratio } = fields;
  if ((width === undefined) !== (height === undefined)) {
    throw invalid(width === undefined ? "width" : "height", "width and height go together");
  }
  if (width !== undefined && height !== undefined) return { size: { width, height } };
  const ratio = aspect_ratio === undefined || aspect_ratio === "auto" ? undefined : parseRatio(aspect_ratio);
  if (aspect_ratio !== undefined && aspect_ratio !== "auto" && ratio === undefined) {
    throw invalid("aspect_ratio", "expected a ratio such as 16:9");
  }
  const text = fields.size === undefined ? "auto" : String(fields.size).trim().toLowerCase();
  if (text === "auto") return { ratio };
  const edge = TIERS[text];
  if (edge !== undefined) {
    const shape = Math.sqrt(ratio ?? 1);
    return { size: { width: Math.round(edge * shape), height: Math.round(edge / shape) } };
  }
  const size = parseSize(text);
  if (size) return { size };
  const shape = parseRatio(text);
  if (shape !== undefined) return { ratio: shape };
  throw invalid("size", "expected WIDTHxHEIGHT such as 1024x1024, a ratio such as 16:9, or auto");
}

function invalid(param: string, expected: string): Failed {
  return new Failed({
    kind: "invalid_request",
    param,
    code: "invalid_value",
    message: `Invalid '${param}': ${expected}`,
  });
}

/** What is nested without end could not be written as JSON again. */
function isShallow(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth < 32 && Object.values(value).every((part) => isShallow(part, depth + 1));
}
