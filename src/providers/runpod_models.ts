/** RunPod's public endpoints, and the kinds of endpoints that one may have of one's own (https://docs.runpod.io). */
import type { Model } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import type { SizeRule } from "../core/size.ts";
import { byPixels, byRatio, byText, type Wire, wishesOf } from "./model_input.ts";

/** An endpoint's row with its inputs. */
export interface RunPodModel extends Model {
  wire: Wire;
}

/** Where no address can be given, images go into the body, and that may have 20 MB. */
const INPUTS = {
  types: ["image/png", "image/jpeg", "image/webp"],
  takesUrls: true,
  maxBytes: 10_000_000,
} as const;

/** `/run` takes half of what `/runsync` does. */
const OWN_INPUTS = { ...INPUTS, maxBytes: 7_000_000 } as const;

const FLUX_SIZES: SizeRule = { kind: "free", multipleOf: 64, edge: [256, 1536] };
const listed = (...sizes: string[]): SizeRule => ({ kind: "listed", sizes });
const SMALL = ["512x512", "768x768", "1024x1024", "1280x1280", "512x768", "768x512", "1024x768", "768x1024"];
const QWEN_SIZES = listed(...SMALL, "1328x1328", "1472x1140", "1140x1472", "1536x1536");
const QWEN_EDIT_SIZES = listed("1024x1024", "1024x1280", "1280x1024", "1280x1280", "1280x1536", "1536x1080");
const SEEDREAM_SIZES = listed(...SMALL.slice(2, 4), "1024x768", "768x1024", "1536x1536", "2048x2048");
const Z_IMAGE_SIZES = listed(...SMALL, "1024x576", "576x1024", "1280x720", "720x1280");
const WAN_SIZES: SizeRule = {
  kind: "free",
  multipleOf: 16,
  pixels: [768 * 768, 1280 * 1280],
  edge: [384, 2560],
  maxRatio: 4,
};
const GOOGLE_RATIOS = ["1:1", "3:2", "2:3", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"];
const PRUNA_RATIOS = ["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"];

const byStar = byText("size", "*");
const PNG_JPEG = { png: "png", jpeg: "jpeg" };
const JPEG_PNG_WEBP = { jpeg: "jpeg", png: "png", webp: "webp" };
const stepsTo = (most: number) => ({ name: "num_inference_steps", least: 1, most });
const GUIDANCE = { name: "guidance", least: 0, most: 10 };
const NEGATIVE = { seed: "seed", negativePrompt: "negative_prompt" } as const;

const fluxWire = (steps: number): Wire => ({
  wishes: { ...NEGATIVE, steps: stepsTo(steps), guidance: GUIDANCE },
  shape: byPixels,
  format: { name: "image_format", values: PNG_JPEG },
});

/** The tier nearest to what was asked for; by itself the service makes one of its own choice. */
function byGoogleShape(request: ImageRequest): Record<string, unknown> {
  const { width = 0, height = 0 } = request.size ?? {};
  const megapixels = width * height / 1024 ** 2;
  const resolution = megapixels === 0 ? undefined : megapixels <= 1.6 ? "1k" : megapixels <= 6 ? "2k" : "4k";
  return { ...byRatio(GOOGLE_RATIOS)(request), resolution };
}
const google = {
  tasks: ["edit", "blend"],
  maxInputs: 14,
  sizes: { kind: "ratios", ratios: GOOGLE_RATIOS },
  wire: { images: "images", shape: byGoogleShape, format: { name: "output_format", values: PNG_JPEG } },
} as const satisfies Partial<RunPodModel>;

/** Prices up to 1.6, up to 6, and of more megapixels. */
const byTier = (one: number, two: number, four: number): Model["prices"] => ({
  images: [
    { maxPixels: Math.floor(1.6 * 1024 ** 2), usd: one },
    { maxPixels: 6 * 1024 ** 2, usd: two },
    { usd: four },
  ],
});
const each = (usd: number): Model["prices"] => ({ images: [{ usd }] });

/** Endpoints of one's own by what runs on them; their ids end in a star, since they are only there to be like. */
export const OWN = { plain: "endpoint:*", sdxl: "worker-sdxl:*", comfyui: "worker-comfyui:*" } as const;

const own = {
  tasks: ["generate", "edit", "blend"],
  maxInputs: 16,
  mask: true,
  timeoutMs: 290_000,
  wishes: ["seed", "steps", "guidance", "negativePrompt"],
} as const satisfies Partial<Model>;

/** All endpoints that are listed, and those that others are like. */
export const RUNPOD_MODELS: readonly RunPodModel[] = [
  endpoint("black-forest-labs-flux-1-schnell", {
    tasks: ["generate"],
    sizes: FLUX_SIZES,
    rating: 62,
    prices: { megapixel: 0.0024 },
    wire: fluxWire(8),
  }),
  endpoint("black-forest-labs-flux-1-dev", {
    tasks: ["generate"],
    sizes: FLUX_SIZES,
    rating: 70,
    prices: { megapixel: 0.02 },
    wire: fluxWire(50),
  }),
  endpoint("black-forest-labs-flux-1-kontext-dev", {
    tasks: ["edit"],
    sizes: FLUX_SIZES,
    rating: 72,
    prices: each(0.025),
    wire: {
      wishes: { ...NEGATIVE, steps: stepsTo(50), guidance: GUIDANCE },
      image: "image",
      shape: byStar,
      format: { name: "output_format", values: PNG_JPEG },
    },
  }),
  endpoint("qwen-image-t2i", {
    tasks: ["generate"],
    sizes: QWEN_SIZES,
    rating: 75,
    prices: each(0.02),
    wire: { wishes: NEGATIVE, shape: byStar },
  }),
  endpoint("qwen-image-edit", {
    tasks: ["edit"],
    sizes: { kind: "fixed" },
    rating: 75,
    prices: each(0.02),
    wire: { wishes: NEGATIVE, image: "image", format: { name: "output_format", values: PNG_JPEG } },
  }),
  endpoint("qwen-image-edit-2511", {
    tasks: ["edit", "blend"],
    maxInputs: 3,
    sizes: QWEN_EDIT_SIZES,
    rating: 80,
    prices: each(0.02),
    wire: {
      wishes: { seed: "seed" },
      images: "images",
      shape: byStar,
      format: { name: "output_format", values: JPEG_PNG_WEBP },
    },
  }),
  endpoint("seedream-v4-t2i", {
    tasks: ["generate"],
    sizes: SEEDREAM_SIZES,
    rating: 78,
    prices: each(0.027),
    wire: { wishes: { seed: "seed" }, shape: byStar },
  }),
  endpoint("seedream-v4-edit", {
    tasks: ["edit", "blend"],
    maxInputs: 10,
    sizes: SEEDREAM_SIZES,
    rating: 78,
    prices: each(0.027),
    wire: { wishes: { seed: "seed" }, images: "images", shape: byStar },
  }),
  endpoint("nano-banana-edit", {
    tasks: ["edit", "blend"],
    maxInputs: 4,
    sizes: { kind: "fixed" },
    rating: 84,
    prices: each(0.038),
    wire: { images: "images" },
  }),
  endpoint("nano-banana-pro-edit", { ...google, rating: 92, prices: byTier(0.14, 0.14, 0.24) }),
  endpoint("google-nano-banana-2-edit", { ...google, rating: 90, prices: byTier(0.0875, 0.13, 0.175) }),
  endpoint("z-image-turbo", {
    tasks: ["generate", "edit"],
    sizes: Z_IMAGE_SIZES,
    rating: 72,
    prices: each(0.005),
    wire: {
      wishes: { seed: "seed" },
      image: "image",
      shape: byStar,
      format: { name: "output_format", values: JPEG_PNG_WEBP },
    },
  }),
  endpoint("p-image-t2i", {
    tasks: ["generate"],
    sizes: { kind: "ratios", ratios: PRUNA_RATIOS },
    rating: 70,
    prices: each(0.005),
    wire: { wishes: { seed: "seed" }, shape: byRatio(PRUNA_RATIOS) },
  }),
  endpoint("p-image-edit", {
    tasks: ["edit", "blend"],
    maxInputs: 5,
    sizes: { kind: "ratios", ratios: PRUNA_RATIOS },
    rating: 72,
    prices: each(0.01),
    wire: { wishes: { seed: "seed" }, images: "images", shape: byRatio(PRUNA_RATIOS) },
  }),
  endpoint("wan-2-6-t2i", {
    tasks: ["generate"],
    sizes: WAN_SIZES,
    rating: 74,
    prices: each(0.03),
    wire: { wishes: { seed: "seed" }, shape: byStar },
  }),
  {
    ...own,
    id: OWN.plain,
    inputs: OWN_INPUTS,
    wire: {
      wishes: { ...NEGATIVE, steps: "num_inference_steps", guidance: "guidance_scale" },
      shape: byPixels,
      image: "image",
      images: "images",
      mask: "mask",
    },
  },
  {
    ...own,
    id: OWN.sdxl,
    tasks: ["generate", "edit"],
    maxInputs: 1,
    mask: false,
    maxImages: 2,
    sizes: { kind: "free", multipleOf: 8, edge: [256, 2048] },
    inputs: OWN_INPUTS,
    wire: {
      wishes: { ...NEGATIVE, steps: "num_inference_steps", guidance: "guidance_scale" },
      count: "num_images",
      shape: byPixels,
      image: "image_url",
    },
  },
  { ...own, id: OWN.comfyui, inputs: { ...OWN_INPUTS, takesUrls: false }, wire: {} },
];

const BY_ID = new Map(RUNPOD_MODELS.map((row) => [row.id, row]));

/** The inputs of a listed id. */
export function wireOf(id: string): Wire | undefined {
  return BY_ID.get(id)?.wire;
}

function endpoint(id: string, row: Omit<RunPodModel, "id">): RunPodModel {
  return { id, inputs: INPUTS, timeoutMs: 180_000, wishes: wishesOf(row.wire), ...row };
}
