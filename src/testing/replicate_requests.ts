/** What Replicate's models take as input, and how it refuses anything else. */
import { z } from "zod";
import { Refusal } from "./reply.ts";

const prompt = z.string().min(1);
const seed = z.int().optional();
const quality = z.int().min(0).max(100).optional();
const formats = <const F extends string>(...names: F[]) => z.enum(names).optional();
const webpJpgPng = formats("webp", "jpg", "png");
const ratios = ["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"];
const SCHEDULERS = [
  "DDIM",
  "DPMSolverMultistep",
  "HeunDiscrete",
  "KarrasDPM",
  "K_EULER_ANCESTRAL",
  "K_EULER",
  "PNDM",
];
/** An address, or a data URI; longer ones are what uploads are for. */
const image = z.union([
  z.string().regex(/^https?:\/\/\S+$/),
  z.string().regex(/^data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+=*$/).max(360_000),
]);
const steps = (most: number) => z.int().min(1).max(most).optional();

const flux1 = {
  prompt,
  aspect_ratio: z.enum(ratios).optional(),
  num_outputs: z.int().min(1).max(4).optional(),
  seed,
  output_format: webpJpgPng,
  output_quality: quality,
  disable_safety_checker: z.boolean().optional(),
  go_fast: z.boolean().optional(),
  megapixels: z.enum(["1", "0.25"]).optional(),
};
const edge = (most: number) => z.int().min(256).max(most).multipleOf(32).optional();
const pro = {
  prompt,
  seed,
  prompt_upsampling: z.boolean().optional(),
  safety_tolerance: z.int().min(1).max(6).optional(),
  output_quality: quality,
};
const kontext = z.strictObject({
  prompt,
  seed,
  input_image: image.optional(),
  aspect_ratio: z.enum(["match_input_image", ...ratios, "2:1", "1:2"]).optional(),
  prompt_upsampling: z.boolean().optional(),
  safety_tolerance: z.int().min(0).max(6).optional(),
  output_format: formats("png", "jpg"),
});
const flux2 = (mostImages: number) =>
  z.strictObject({
    ...pro,
    input_images: z.array(image).max(mostImages).optional(),
    aspect_ratio: z.enum(["match_input_image", "custom", ...ratios]).optional(),
    resolution: z.enum(["match_input_image", "0.5 MP", "1 MP", "2 MP", "4 MP"]).optional(),
    width: edge(2048),
    height: edge(2048),
    output_format: webpJpgPng,
  });

/** A model that can be asked: its inputs, and whether it gives one image or a list. */
interface KnownModel {
  input: z.ZodType<Record<string, unknown>>;
  output: "one" | "list";
  /** Community models are asked for by their version. */
  version?: string;
}

const one = (input: KnownModel["input"]): KnownModel => ({ input, output: "one" });
const list = (input: KnownModel["input"], version?: string): KnownModel => ({
  input,
  output: "list",
  version,
});

export const REPLICATE_MODELS: Record<string, KnownModel> = {
  "black-forest-labs/flux-schnell": list(z.strictObject({ ...flux1, num_inference_steps: steps(4) })),
  "black-forest-labs/flux-dev": list(
    z.strictObject({
      ...flux1,
      num_inference_steps: steps(50),
      guidance: z.number().min(0).max(10).optional(),
      image: image.optional(),
      prompt_strength: z.number().min(0).max(1).optional(),
    }),
  ),
  "black-forest-labs/flux-fill-dev": list(
    z.strictObject({
      ...flux1,
      aspect_ratio: z.undefined().optional(),
      num_inference_steps: steps(50),
      guidance: z.number().min(0).max(100).optional(),
      megapixels: z.enum(["1", "0.25", "match_input"]).optional(),
      image,
      mask: image.optional(),
    }),
  ),
  "black-forest-labs/flux-fill-pro": one(
    z.strictObject({
      prompt,
      seed,
      image,
      mask: image.optional(),
      steps: z.int().min(15).max(50).optional(),
      guidance: z.number().min(1.5).max(100).optional(),
      output_format: formats("png", "jpg"),
      safety_tolerance: z.int().min(1).max(6).optional(),
    }),
  ),
  "black-forest-labs/flux-1.1-pro": one(
    z.strictObject({
      ...pro,
      image_prompt: image.optional(),
      aspect_ratio: z.enum(["custom", ...ratios]).optional(),
      width: edge(1440),
      height: edge(1440),
      output_format: webpJpgPng,
    }),
  ),
  "black-forest-labs/flux-1.1-pro-ultra": one(
    z.strictObject({
      prompt,
      seed,
      raw: z.boolean().optional(),
      image_prompt: image.optional(),
      image_prompt_strength: z.number().min(0).max(1).optional(),
      aspect_ratio: z.enum(ratios).optional(),
      safety_tolerance: z.int().min(1).max(6).optional(),
      output_format: formats("png", "jpg"),
    }),
  ),
  "black-forest-labs/flux-kontext-pro": one(kontext),
  "black-forest-labs/flux-kontext-max": one(kontext),
  "black-forest-labs/flux-2-pro": one(flux2(8)),
  "black-forest-labs/flux-2-flex": one(flux2(10)),
  "black-forest-labs/flux-2-dev": one(flux2(4)),
  "black-forest-labs/flux-2-max": one(flux2(8)),
  "black-forest-labs/flux-2-klein": one(flux2(4)),
  "stability-ai/sdxl": list(
    z.strictObject({
      prompt: z.string().optional(),
      negative_prompt: z.string().optional(),
      image: image.optional(),
      mask: image.optional(),
      width: z.int().optional(),
      height: z.int().optional(),
      num_outputs: z.int().min(1).max(4).optional(),
      scheduler: z.enum(SCHEDULERS).optional(),
      num_inference_steps: steps(500),
      guidance_scale: z.number().min(1).max(50).optional(),
      prompt_strength: z.number().min(0).max(1).optional(),
      seed,
      refine: z.enum(["no_refiner", "expert_ensemble_refiner", "base_image_refiner"]).optional(),
      high_noise_frac: z.number().min(0).max(1).optional(),
      refine_steps: z.int().optional(),
      apply_watermark: z.boolean().optional(),
      lora_scale: z.number().min(0).max(1).optional(),
      disable_safety_checker: z.boolean().optional(),
    }),
    "39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b",
  ),
  // A model of somebody's own, with the commonest of inputs.
  "somebody/painter": {
    input: z.strictObject({ prompt, image: image.optional(), style: z.string().optional() }),
    output: "one",
    version: "b".repeat(64),
  },
};

const common = {
  input: z.record(z.string(), z.unknown()),
  webhook: z.url({ protocol: /^https$/ }).optional(),
  webhook_events_filter: z.array(z.enum(["start", "output", "logs", "completed"])).optional(),
  stream: z.boolean().optional(),
};
const officialBody = z.strictObject(common);
const versionBody = z.strictObject({ ...common, version: z.string() });

/** A request that has passed all checks. */
export interface ReplicateRequest {
  model: string;
  input: Record<string, unknown>;
  output: KnownModel["output"];
}

/** Reads a request to `/models/OWNER/NAME/predictions`, or to a deployment of that model. @throws Refusal */
export function readOfficial(model: string, json: unknown): ReplicateRequest {
  const known = Object.hasOwn(REPLICATE_MODELS, model) ? REPLICATE_MODELS[model]! : undefined;
  if (!known || known.version) throw notFound();
  return read(model, known, parse(officialBody, json).input);
}

/** Reads a request to `/predictions`. @throws Refusal */
export function readVersioned(json: unknown): ReplicateRequest {
  const { version, input } = parse(versionBody, json);
  const found = Object.entries(REPLICATE_MODELS).find(([name, known]) =>
    known.version && [known.version, name, `${name}:${known.version}`].includes(version)
  );
  if (!found) {
    throw problem(
      422,
      "The specified version does not exist (or perhaps you don't have permission to use it?)",
      "Invalid version or not permitted",
    );
  }
  return read(found[0], found[1], input);
}

function read(model: string, { input: schema, output }: KnownModel, input: unknown): ReplicateRequest {
  const parsed = schema.safeParse(input);
  if (parsed.success) return { model, output, input: parsed.data };
  const fields = parsed.error.issues.map((issue) => {
    const path = issue.code === "unrecognized_keys" ? issue.keys[0]! : issue.path.join(".");
    const description = issue.code === "unrecognized_keys"
      ? `Additional property ${path} is not allowed`
      : issue.message;
    return { type: issue.code, field: `input.${path}`, description };
  });
  throw new Refusal(422, {
    title: "Input validation failed",
    detail: fields.map(({ field, description }) => `- ${field}: ${description}\n`).join(""),
    status: 422,
    invalid_fields: fields,
  }, PROBLEM);
}

function parse<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const detail = issue.code === "unrecognized_keys"
    ? `- Additional property ${issue.keys[0]} is not allowed\n`
    : issue.path[0] === "version"
    ? "- version is required\n"
    : `- ${issue.path.join(".")}: ${issue.message}\n`;
  throw problem(422, detail, "Input validation failed");
}

const PROBLEM = { "content-type": "application/problem+json" };

/** A refusal in Replicate's shape (RFC 9457). */
export function problem(
  status: number,
  detail: string,
  title?: string,
  headers: Record<string, string> = {},
): Refusal {
  return new Refusal(status, { ...title && { title }, detail, status }, { ...PROBLEM, ...headers });
}

/** What is told of models, predictions and files that are not there. */
export function notFound(): Refusal {
  return problem(404, "The requested resource could not be found.", "Not found");
}
