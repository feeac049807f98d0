/** What OpenAI's image operations take: the fields, and what each model allows. */
import { z } from "zod";
import { readImageFacts } from "../core/media.ts";
import { openAiError } from "./openai_errors.ts";
import type { Refusal } from "./reply.ts";
import { type Complaint, readForm, strictly } from "./strict_body.ts";

/** What a model allows beyond what all do. */
interface Family {
  /** The three old sizes, or any multiple of 16 within limits. */
  sizes: "three" | "any";
  qualities: string[];
  inputFidelity?: string[];
  markup?: true;
  /** `complexity`, and GIF as output. */
  planning?: true;
}

const PLAIN = ["auto", "low", "medium", "high"];
const FINE = [...PLAIN, "xhigh", "max"];
const IMAGE_2: Family = { sizes: "any", qualities: PLAIN };
const IMAGE_2_5: Family = { sizes: "any", qualities: FINE, markup: true };
const IMAGE_2_6: Family = { ...IMAGE_2_5, planning: true };

/** The image models that work. */
export const OPENAI_MODELS: Record<string, Family> = {
  "gpt-image-2.6-sunburst": IMAGE_2_6,
  "gpt-image-2.6-flare": IMAGE_2_6,
  "gpt-image-2.5-sunburst": IMAGE_2_5,
  "gpt-image-2.5-sunburst-2026-09-08": IMAGE_2_5,
  "gpt-image-2.5-flare": IMAGE_2_5,
  "gpt-image-2.5-flare-2026-09-08": IMAGE_2_5,
  "gpt-image-2": IMAGE_2,
  "gpt-image-2-2026-04-21": IMAGE_2,
  "gpt-image-1.5": { sizes: "three", qualities: PLAIN, inputFidelity: ["low", "high"] },
  "gpt-image-1-mini": { sizes: "three", qualities: PLAIN, inputFidelity: ["low"] },
  "chatgpt-image-latest": { sizes: "three", qualities: PLAIN, inputFidelity: ["low", "high"] },
};

/** The image models that once worked. */
export const RETIRED_MODELS = ["gpt-image-1", "dall-e-3", "dall-e-2"];

const fields = {
  prompt: z.string().min(1).max(32_000),
  model: z.string(),
  n: z.int().min(1).max(10).nullish(),
  size: z.string().nullish(),
  quality: z.string().nullish(),
  background: z.enum(["auto", "opaque", "transparent"]).nullish(),
  output_format: z.enum(["png", "jpeg", "webp", "gif"]).nullish(),
  output_compression: z.int().min(0).max(100).nullish(),
  moderation: z.enum(["auto", "low"]).nullish(),
  stream: z.boolean().nullish(),
  partial_images: z.int().min(0).max(3).nullish(),
  complexity: z.enum(["low", "medium", "high"]).nullish(),
  frame_count: z.int().min(2).max(16).nullish(),
  frame_duration_ms: z.int().min(0).nullish(),
  safety_identifier: z.string().max(128).nullish(),
  user: z.string().optional(),
};
const generation = z.strictObject(fields);

const file = z.instanceof(File);
const edit = { ...fields, input_fidelity: z.enum(["high", "low"]).nullish() };
const editForm = z.strictObject({
  ...edit,
  image: file.optional(),
  "image[]": z.array(file).min(1).max(16).optional(),
  mask: file.optional(),
  markup: file.optional(),
});

const imageUrl = z.string().max(20_971_520).regex(/^(https:\/\/|data:image\/(png|jpeg|webp);base64,)/);
const imageRef = z.strictObject({ image_url: imageUrl.optional(), file_id: z.string().optional() })
  .refine(({ image_url, file_id }) => (image_url === undefined) !== (file_id === undefined), {
    message: "Provide exactly one of 'image_url' or 'file_id'.",
  });
const editJson = z.strictObject({
  ...edit,
  images: z.array(imageRef).min(1).max(16),
  mask: imageRef.optional(),
});

/** A request that has passed all checks. */
export interface OpenAiRequest extends z.infer<typeof generation> {
  input_fidelity?: string | null;
  /** How many images came along. */
  inputs: number;
}

/** Reads the JSON of a generation. @throws Refusal */
export function readGeneration(json: unknown): OpenAiRequest {
  const request = strictly(generation, json, refuse);
  checkModel(request);
  return { ...request, inputs: 0 };
}

/** Reads the form of an edit, and its pictures. @throws Refusal */
export async function readEditForm(form: FormData): Promise<OpenAiRequest> {
  const body = readForm(form, {
    numbers: ["n", "output_compression", "partial_images", "frame_count", "frame_duration_ms"],
    booleans: ["stream"],
  });
  const twice = Object.keys(body).find((name) => Array.isArray(body[name]) && !name.endsWith("[]"));
  if (twice) {
    const hint =
      `Duplicate parameter: '${twice}'. You provided multiple values for this parameter, whereas ` +
      `only one is allowed. If you are trying to provide a list of values, use the array syntax instead e.g. '${twice}[]=<value>'.`;
    throw openAiError(400, hint, { param: twice, code: "duplicate_parameter" });
  }
  const { image, "image[]": list, mask, markup, ...request } = strictly(editForm, body, refuse);
  const images = [...(image ? [image] : []), ...(list ?? [])];
  if (images.length === 0) throw missing("image");
  checkModel(request, { mask: mask !== undefined, markup: markup !== undefined });
  for (const picture of images) await checkPicture(picture);
  await checkOverlay(mask, "mask", images[0]!);
  await checkOverlay(markup, "markup", images[0]!);
  return { ...request, inputs: images.length };
}

/** Reads the JSON form of an edit. Nothing was ever uploaded here, so no `file_id` is known. @throws Refusal */
export function readEditJson(json: unknown): OpenAiRequest {
  const { images, mask, ...request } = strictly(editJson, json, refuse);
  checkModel(request, { mask: mask !== undefined });
  const upload = [...images, mask].find((ref) => ref?.file_id !== undefined);
  if (upload) throw openAiError(404, `No such File object: ${upload.file_id}`, { param: "file_id" });
  return { ...request, inputs: images.length };
}

function checkModel(
  request: Omit<OpenAiRequest, "inputs">,
  { mask = false, markup = false }: { mask?: boolean; markup?: boolean } = {},
): void {
  const family = OPENAI_MODELS[request.model];
  if (!family) {
    const reason = RETIRED_MODELS.includes(request.model) ? "has been shut down" : "does not exist";
    throw openAiError(404, `The model '${request.model}' ${reason}.`, {
      param: "model",
      code: "model_not_found",
    });
  }
  const { size, quality, background, output_format: format, output_compression: compression } = request;
  if (size) checkSize(size, family);
  if (quality && !family.qualities.includes(quality)) throw badValue("quality", quality, family.qualities);
  if (background === "transparent" && format && format !== "png" && format !== "webp") {
    throw incompatible("background", "Transparent background is not supported for this output format.");
  }
  if (typeof compression === "number" && compression < 100 && format !== "jpeg" && format !== "webp") {
    throw incompatible(
      "output_compression",
      "Compression less than 100 is only supported for jpeg and webp.",
    );
  }
  if (request.input_fidelity && !family.inputFidelity?.includes(request.input_fidelity)) {
    throw incompatible(
      "input_fidelity",
      `The model '${request.model}' does not support this input fidelity.`,
    );
  }
  if (markup && (mask || !family.markup)) {
    throw incompatible("markup", "'markup' can't be used with this model or mask.");
  }
  if (request.complexity && !family.planning) {
    throw incompatible("complexity", "This model does not support 'complexity'.");
  }
  checkGif(request, family, mask);
}

function checkGif(request: Omit<OpenAiRequest, "inputs">, family: Family, mask: boolean): void {
  const { stream, partial_images, output_compression, frame_count, frame_duration_ms } = request;
  if (request.output_format !== "gif") {
    if (frame_count ?? frame_duration_ms) {
      throw incompatible("frame_count", "Frames are only supported for gif.");
    }
    return;
  }
  if (!family.planning) throw incompatible("output_format", "This model does not support gif.");
  if (stream || partial_images || mask || typeof output_compression === "number") {
    throw incompatible(
      "output_format",
      "gif does not support streaming, partial images, masks or compression.",
    );
  }
}

const THREE = ["1024x1024", "1536x1024", "1024x1536", "auto"];

function checkSize(size: string, { sizes }: Family): void {
  if (THREE.includes(size)) return;
  const [, w, h] = size.match(/^(\d+)x(\d+)$/) ?? [];
  if (sizes === "three" || !w || !h) throw badValue("size", size, THREE);
  const [long, short] = [Math.max(+w, +h), Math.min(+w, +h)];
  const fits = long % 16 === 0 && short % 16 === 0 && long <= 3 * short && long <= 3840 &&
    long * short >= 655_360 && long * short <= 3840 * 2160;
  if (!fits) {
    const rule =
      "both sides must be divisible by 16, at most 3840 and between 1:3 and 3:1, with 655360 to 8294400 pixels";
    throw openAiError(400, `Invalid size '${size}': ${rule}.`, { param: "size", code: "invalid_value" });
  }
}

const MIB = 1024 * 1024;

async function checkPicture(picture: File): Promise<void> {
  const at = { param: "image" };
  if (picture.size === 0) {
    throw openAiError(400, "The image file is empty.", { ...at, code: "empty_image_file" });
  }
  if (picture.size >= 50 * MIB) {
    throw openAiError(400, "The image is too large.", { ...at, code: "image_too_large" });
  }
  if (!["image/png", "image/jpeg", "image/webp"].includes(picture.type)) {
    const formats = "'image/jpeg', 'image/png', and 'image/webp'";
    const message =
      `Invalid file 'image': unsupported mimetype ('${picture.type}'). Supported file formats are ${formats}.`;
    throw openAiError(400, message, { ...at, code: "unsupported_file_mimetype" });
  }
  if (readImageFacts(await picture.bytes())?.type !== picture.type) {
    throw openAiError(400, "Invalid image file or mode, please check your image file.", {
      ...at,
      code: "image_parse_error",
    });
  }
}

async function checkOverlay(overlay: File | undefined, param: "mask" | "markup", first: File): Promise<void> {
  if (!overlay) return;
  const bytes = await overlay.bytes();
  const facts = readImageFacts(bytes);
  const base = readImageFacts(await first.bytes());
  const wrong = facts?.type !== "image/png"
    ? "format must be PNG"
    : overlay.size >= 4 * MIB
    ? "size must be below 4MB"
    : facts.width !== base?.width || facts.height !== base.height
    ? "mask size does not match image size"
    : !hasAlpha(bytes)
    ? "an alpha channel is required"
    : undefined;
  if (!wrong) return;
  throw openAiError(400, `Invalid mask image format - ${wrong}`, { param, code: "invalid_image_format" });
}

/** Whether a PNG can be see-through: by its colour type, or by a `tRNS` chunk. */
function hasAlpha(png: Uint8Array): boolean {
  return (png[25]! & 4) !== 0 || new TextDecoder("latin1").decode(png.subarray(0, 4096)).includes("tRNS");
}

function refuse({ kind, param, issue }: Complaint): Refusal {
  if (kind === "unknown") {
    return openAiError(400, `Unknown parameter: '${param}'.`, { param, code: "unknown_parameter" });
  }
  if (kind === "missing") return missing(param);
  if (issue.code === "invalid_type") {
    const found = Array.isArray(issue.input) ? "an array" : `a ${typeof issue.input}`;
    const wanted = issue.expected === "int" ? "integer" : issue.expected;
    const message = `Invalid type for '${param}': expected one of ${wanted}, but got ${found} instead.`;
    return openAiError(400, message, { param, code: "invalid_type" });
  }
  if (issue.code === "invalid_value") return badValue(param, issue.input, issue.values);
  return openAiError(400, `Invalid '${param}': ${issue.message}`, { param, code: "invalid_value" });
}

function missing(param: string): Refusal {
  return openAiError(400, `Missing required parameter: '${param}'.`, {
    param,
    code: "missing_required_parameter",
  });
}

function badValue(param: string, value: unknown, allowed: readonly unknown[]): Refusal {
  const message = `Invalid value: '${String(value)}'. Supported values are: ${
    allowed.map((one) => `'${String(one)}'`).join(", ")
  }.`;
  return openAiError(400, message, { param, code: "invalid_value" });
}

function incompatible(param: string, message: string): Refusal {
  return openAiError(400, message, { param, code: "invalid_value" });
}
