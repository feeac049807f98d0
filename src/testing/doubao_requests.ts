/** What Doubao's one image operation takes: the fields, and what each model allows. */
import { z } from "zod";
import { readImageFacts } from "../core/media.ts";
import type { Size } from "../core/request.ts";
import { doubaoError } from "./doubao_errors.ts";
import type { Refusal } from "./reply.ts";
import { type Complaint, strictly } from "./strict_body.ts";

interface Family {
  tiers: string[];
  /** Fewest and most pixels. */
  area: [number, number];
  references: number;
  /** Groups and streaming. */
  series?: true;
  outputFormat?: true;
  fastPrompts?: true;
  webSearch?: true;
  /** Transparent background, layers. */
  layers?: true;
}

const FLASH: Family = {
  tiers: ["1K", "1.5K", "2K"],
  area: [921_600, 4_624_220],
  references: 10,
  outputFormat: true,
  layers: true,
};
const PRO: Family = { ...FLASH, fastPrompts: true };
const FOUR_FIVE: Family = {
  tiers: ["2K", "4K"],
  area: [3_686_400, 16_777_216],
  references: 14,
  series: true,
};
const LITE: Family = { ...FOUR_FIVE, tiers: ["2K", "3K", "4K"], outputFormat: true, webSearch: true };
const FOUR: Family = {
  tiers: ["1K", "2K", "4K"],
  area: [921_600, 16_777_216],
  references: 14,
  series: true,
  fastPrompts: true,
};

/** The models that work; the ids without `doubao-` are those of the service abroad. */
export const DOUBAO_MODELS: Record<string, Family> = {
  "doubao-seedream-5-0-pro-260628": PRO,
  "dola-seedream-5-0-pro-260628": PRO,
  "doubao-seedream-5-0-flash-260915": FLASH,
  "doubao-seedream-5-0-260128": LITE,
  "doubao-seedream-5-0-lite-260128": LITE,
  "seedream-5-0-260128": LITE,
  "doubao-seedream-4-5-251128": FOUR_FIVE,
  "seedream-4-5-251128": FOUR_FIVE,
  "doubao-seedream-4-0-250828": FOUR,
};

/** Side of the square that a tier stands for. */
const TIER_SIDES: Record<string, number> = { "1K": 1024, "1.5K": 1536, "2K": 2048, "3K": 3072, "4K": 4096 };

const body = z.strictObject({
  model: z.string().min(1),
  prompt: z.string().min(1),
  image: z.union([z.string().transform((one) => [one]), z.array(z.string()).min(1)]).optional(),
  size: z.string().default("2048x2048"),
  response_format: z.enum(["url", "b64_json"]).default("url"),
  watermark: z.boolean().default(true),
  stream: z.boolean().optional(),
  sequential_image_generation: z.enum(["disabled", "auto"]).optional(),
  sequential_image_generation_options: z.strictObject({ max_images: z.int().min(1).max(15).default(15) })
    .optional(),
  optimize_prompt_options: z.strictObject({ mode: z.enum(["standard", "fast"]) }).optional(),
  tools: z.array(z.strictObject({ type: z.literal("web_search") })).optional(),
  output_format: z.enum(["jpeg", "png"]).optional(),
  background: z.literal("transparent").optional(),
  layer_decomposition: z.boolean().optional(),
});

type Body = z.output<typeof body>;

/** A request that has passed all checks. */
export interface DoubaoRequest extends Body {
  /** In pixels, whichever way it was asked for. */
  pixels: Size;
  /** How many images are to be made. */
  count: number;
  /** Whether replies tell the format, as newer models do. */
  tellsFormat: boolean;
}

/** Reads a request. @param endpoints model by endpoint id. @throws Refusal */
export function readDoubaoRequest(json: unknown, endpoints: Record<string, string>): DoubaoRequest {
  const request = strictly(body, json, refuse);
  const family = DOUBAO_MODELS[endpoints[request.model] ?? request.model];
  if (!family) {
    const message = `The model or endpoint ${request.model} does not exist or you do not have access to it`;
    throw doubaoError("InvalidEndpointOrModel.NotFound", { message });
  }
  checkAbilities(request, family);
  const pixels = readSize(request.size, family);
  const references = request.image ?? [];
  if (references.length > family.references) {
    throw invalid("image", `at most ${family.references} images are allowed`);
  }
  references.forEach(checkReference);
  const count = countOf(request, references.length);
  return { ...request, pixels, count, tellsFormat: family.outputFormat === true };
}

function checkAbilities(request: Body, family: Family): void {
  const asked: [string, unknown, boolean | undefined][] = [
    ["stream", request.stream, family.series],
    ["sequential_image_generation", request.sequential_image_generation, family.series],
    ["sequential_image_generation_options", request.sequential_image_generation_options, family.series],
    ["tools", request.tools, family.webSearch],
    ["output_format", request.output_format, family.outputFormat],
    [
      "optimize_prompt_options.mode",
      request.optimize_prompt_options?.mode === "fast" || undefined,
      family.fastPrompts,
    ],
    ["background", request.background, family.layers],
    ["layer_decomposition", request.layer_decomposition, family.layers],
  ];
  for (const [param, value, allowed] of asked) {
    if (value !== undefined && !allowed) throw invalid(param, "it is not supported by the current model");
  }
  const single = request.image?.length === 1;
  if (request.background && !(single && request.output_format === "png")) {
    throw invalid("background", "it needs exactly one input image and output_format png");
  }
  if (request.layer_decomposition && !single) {
    throw invalid("layer_decomposition", "it needs exactly one input image");
  }
}

function readSize(size: string, { tiers, area: [least, most] }: Family): Size {
  const side = tiers.includes(size) ? TIER_SIDES[size] : undefined;
  if (side) return { width: side, height: side };
  const [, w, h] = size.match(/^([1-9]\d{0,4})x([1-9]\d{0,4})$/) ?? [];
  if (!w || !h) throw invalid("size", `it must be one of ${tiers.join(", ")} or WIDTHxHEIGHT`);
  const [width, height] = [Number(w), Number(h)];
  if (width * height < least) throw invalid("size", `image size must be at least ${least} pixels`);
  if (width * height > most) throw invalid("size", `image size must be at most ${most} pixels`);
  if (width > 16 * height || height > 16 * width) {
    throw invalid("size", "the aspect ratio must be within 1/16 and 16");
  }
  return { width, height };
}

function countOf(request: Body, references: number): number {
  if (request.sequential_image_generation !== "auto") return 1;
  const asked = request.sequential_image_generation_options?.max_images;
  if (asked !== undefined && references + asked > 15) {
    throw invalid(
      "sequential_image_generation_options.max_images",
      "references and images together are at most 15",
    );
  }
  return asked ?? 15 - references;
}

const TYPES = ["png", "jpeg", "webp", "bmp", "tiff", "gif"];
const MIB = 1024 * 1024;

function checkReference(image: string): void {
  if (image.startsWith("https://")) return;
  const [, type, base64] = image.match(/^data:image\/([a-z]+);base64,([A-Za-z0-9+/]+=*)$/) ?? [];
  if (!type || !TYPES.includes(type)) throw doubaoError("InvalidImageURL.InvalidFormat", { param: "image" });
  const bytes = Uint8Array.fromBase64(base64!);
  const facts = readImageFacts(bytes);
  if (!facts) throw doubaoError("InvalidImageURL.InvalidFormat", { param: "image" });
  const { width, height } = facts;
  if (bytes.length > 10 * MIB) throw invalid("image", "an image must be at most 10 MB");
  if (Math.min(width, height) <= 14) throw invalid("image", "both sides must be longer than 14 px");
  if (width > 16 * height || height > 16 * width) {
    throw invalid("image", "the aspect ratio must be within 1/16 and 16");
  }
  if (width * height > 36_000_000) throw invalid("image", "an image must have at most 36000000 pixels");
}

function refuse({ kind, param, issue }: Complaint): Refusal {
  if (kind === "missing") {
    return doubaoError("MissingParameter", {
      message: `The request is missing \`${param}\` parameter`,
      param,
    });
  }
  return invalid(param, kind === "unknown" ? "no such parameter" : issue.message);
}

function invalid(param: string, reason: string): Refusal {
  const message = `The parameter \`${param}\` specified in the request is not valid: ${reason}`;
  return doubaoError("InvalidParameter", { message, param });
}
