/** Replicate's models: what each can do, and what its inputs are called (https://replicate.com/MODEL/api). */
import type { Model } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { type SizeRule, sizeText } from "../core/size.ts";
import { byPixels, byRatio, type Wire, wishesOf } from "./model_input.ts";

/** A model's row with its inputs. */
export interface ReplicateModel extends Model {
  wire: Wire;
  /** The version to ask for, 64 hex digits; absent = an official model, which is asked for by its name alone. */
  version?: string;
}

const RATIOS = ["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"];
const KONTEXT_RATIOS = [...RATIOS, "2:1", "1:2"];

/** What FLUX.1 makes of each shape at a megapixel; at a quarter of one each side is half as long. */
const FLUX_1_SIZES: Record<string, string> = {
  "1024x1024": "1:1",
  "1344x768": "16:9",
  "1536x640": "21:9",
  "1216x832": "3:2",
  "832x1216": "2:3",
  "896x1088": "4:5",
  "1088x896": "5:4",
  "1152x896": "4:3",
  "896x1152": "3:4",
  "768x1344": "9:16",
  "640x1536": "9:21",
};
const QUARTERS = Object.fromEntries(
  Object.entries(FLUX_1_SIZES).map(([size, ratio]) => {
    const [width, height] = size.split("x").map((edge) => Number(edge) / 2);
    return [`${width}x${height}`, ratio];
  }),
);

function byFlux1Size({ size }: ImageRequest): Record<string, unknown> {
  const text = size ? sizeText(size) : "";
  const aspect_ratio = FLUX_1_SIZES[text] ?? QUARTERS[text];
  if (!aspect_ratio) return {};
  return { aspect_ratio, megapixels: text in QUARTERS ? "0.25" : "1" };
}

/** Pixels, where they were asked for; else an edit keeps the shape of its first input. */
function byCustomSize({ size, inputs, task }: ImageRequest): Record<string, unknown> {
  if (size) return { aspect_ratio: "custom", ...size };
  return inputs.length > 0 && task !== "variation" ? { aspect_ratio: "match_input_image" } : {};
}

const INPUTS = {
  types: ["image/png", "image/jpeg", "image/webp", "image/gif"],
  takesUrls: true,
} as const;
const PNG_JPG = { name: "output_format", values: { png: "png", jpeg: "jpg" } };
const ANY_FORMAT = { name: "output_format", values: { ...PNG_JPG.values, webp: "webp" } };
const QUALITY = { outputCompression: "output_quality" } as const;
const stepsTo = (most: number) => ({ name: "num_inference_steps", least: 1, most });

const flux1 = {
  maxImages: 4,
  sizes: { kind: "listed", sizes: [...Object.keys(FLUX_1_SIZES), ...Object.keys(QUARTERS)] },
} as const satisfies Partial<Model>;
const flux1Wire: Wire = { count: "num_outputs", shape: byFlux1Size, format: ANY_FORMAT };

const kontext = { tasks: ["generate", "edit"], sizes: { kind: "ratios", ratios: KONTEXT_RATIOS } } as const;
const kontextWire: Wire = {
  wishes: { seed: "seed" },
  image: "input_image",
  shape: byRatio(KONTEXT_RATIOS),
  format: PNG_JPG,
};

const UP_TO_2048: SizeRule = { kind: "free", multipleOf: 32, edge: [256, 2048] };
const flux2 = { tasks: ["generate", "edit", "blend"], maxInputs: 8, sizes: UP_TO_2048 } as const;
const flux2Wire: Wire = {
  wishes: { seed: "seed", ...QUALITY },
  images: "input_images",
  shape: byCustomSize,
  format: ANY_FORMAT,
};

/** All models that are listed, and the one that any other is like. */
export const REPLICATE_MODELS: readonly ReplicateModel[] = [
  model("black-forest-labs/flux-schnell", {
    ...flux1,
    tasks: ["generate"],
    rating: 62,
    prices: { images: [{ usd: 0.003 }] },
    wire: { ...flux1Wire, wishes: { seed: "seed", steps: stepsTo(4), ...QUALITY } },
  }),
  model("black-forest-labs/flux-dev", {
    ...flux1,
    tasks: ["generate", "edit"],
    rating: 70,
    prices: { images: [{ usd: 0.025 }] },
    wire: {
      ...flux1Wire,
      image: "image",
      keepsSize: true,
      wishes: {
        seed: "seed",
        steps: stepsTo(50),
        guidance: { name: "guidance", least: 0, most: 10 },
        ...QUALITY,
      },
    },
  }),
  model("black-forest-labs/flux-1.1-pro", {
    tasks: ["generate", "variation"],
    sizes: { kind: "free", multipleOf: 32, edge: [256, 1440] },
    rating: 78,
    prices: { images: [{ usd: 0.04 }] },
    wire: {
      wishes: { seed: "seed", ...QUALITY },
      image: "image_prompt",
      shape: byCustomSize,
      format: ANY_FORMAT,
    },
  }),
  model("black-forest-labs/flux-1.1-pro-ultra", {
    tasks: ["generate", "variation"],
    sizes: { kind: "ratios", ratios: RATIOS },
    rating: 81,
    prices: { images: [{ usd: 0.06 }] },
    wire: { wishes: { seed: "seed" }, image: "image_prompt", shape: byRatio(RATIOS), format: PNG_JPG },
  }),
  model("black-forest-labs/flux-kontext-pro", {
    ...kontext,
    rating: 80,
    prices: { images: [{ usd: 0.04 }] },
    wire: kontextWire,
  }),
  model("black-forest-labs/flux-kontext-max", {
    ...kontext,
    rating: 84,
    prices: { images: [{ usd: 0.08 }] },
    wire: kontextWire,
  }),
  model("black-forest-labs/flux-2-pro", { ...flux2, rating: 88, wire: flux2Wire }),
  model("black-forest-labs/flux-2-flex", { ...flux2, maxInputs: 10, rating: 87, wire: flux2Wire }),
  model("black-forest-labs/flux-2-dev", { ...flux2, maxInputs: 4, rating: 80, wire: flux2Wire }),
  model("black-forest-labs/flux-2-max", { ...flux2, rating: 92, wire: flux2Wire }),
  model("black-forest-labs/flux-2-klein", { ...flux2, maxInputs: 4, rating: 72, wire: flux2Wire }),
  model("black-forest-labs/flux-fill-dev", {
    tasks: ["edit"],
    mask: true,
    maxImages: 4,
    sizes: { kind: "fixed" },
    rating: 68,
    wire: {
      count: "num_outputs",
      image: "image",
      mask: "mask",
      wishes: {
        seed: "seed",
        steps: stepsTo(50),
        guidance: { name: "guidance", least: 0, most: 100 },
        ...QUALITY,
      },
      format: ANY_FORMAT,
      // Without it the result is always of one megapixel.
      always: { megapixels: "match_input" },
    },
  }),
  model("black-forest-labs/flux-fill-pro", {
    tasks: ["edit"],
    mask: true,
    sizes: { kind: "fixed" },
    rating: 76,
    wire: {
      image: "image",
      mask: "mask",
      wishes: {
        seed: "seed",
        steps: { name: "steps", least: 15, most: 50 },
        guidance: { name: "guidance", least: 1.5, most: 100 },
      },
      format: PNG_JPG,
    },
  }),
  model("stability-ai/sdxl", {
    version: "39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b",
    tasks: ["generate", "edit"],
    mask: true,
    maxImages: 4,
    sizes: { kind: "free", multipleOf: 8, edge: [256, 1536] },
    rating: 42,
    wire: {
      count: "num_outputs",
      image: "image",
      mask: "mask",
      shape: byPixels,
      keepsSize: true,
      wishes: {
        seed: "seed",
        negativePrompt: "negative_prompt",
        steps: stepsTo(500),
        guidance: { name: "guidance_scale", least: 1, most: 50 },
      },
    },
  }),
  // Of any other model only the commonest inputs can be guessed; the rest comes with `provider_params`.
  model("*", {
    tasks: ["generate", "edit"],
    sizes: { kind: "fixed" },
    wire: { image: "image" },
  }),
];

const BY_ID = new Map(REPLICATE_MODELS.map((row) => [row.id, row]));

/** The version of a listed model, where it needs one. */
export function versionOf(id: string): string | undefined {
  return BY_ID.get(id)?.version;
}

/** The inputs of a model, of the one that it is like, or those that are common. */
export function wireOf({ model, like = "*" }: ImageRequest): Wire {
  return (BY_ID.get(model) ?? BY_ID.get(like) ?? BY_ID.get("*")!).wire;
}

function model(id: string, row: Omit<ReplicateModel, "id">): ReplicateModel {
  return { id, inputs: INPUTS, timeoutMs: 290_000, wishes: wishesOf(row.wire), ...row };
}
