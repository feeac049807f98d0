/** What Pollinations' image operations take: the fields, and how many references each model. */
import { z } from "zod";
import { readImageFacts } from "../core/media.ts";
import { badField, POLLINATIONS_ERRORS } from "./pollinations_errors.ts";
import type { Refusal } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { type Complaint, readForm, strictly } from "./strict_body.ts";

/** How many references a model takes; those that only edit want at least one. */
interface Limits {
  most: number;
  least?: number;
  aliases?: string[];
  /** By the names of the service's price list, in pollen. */
  pricing: Record<string, number | string>;
}

const image = (price: number): Limits["pricing"] => ({ currency: "pollen", completionImageTokens: price });
const tokens: Limits["pricing"] = {
  currency: "pollen",
  promptTextTokens: "0.0000003",
  promptImageTokens: "0.0000003",
  completionImageTokens: "0.00003",
};

/** The image models. */
export const POLLINATIONS_MODELS: Record<string, Limits> = {
  dreamshaper: { most: 0, aliases: ["sana"], pricing: image(0.0001) },
  flux: { most: 0, pricing: image(0.002) },
  zimage: { most: 0, aliases: ["z-image", "z-image-turbo"], pricing: image(0.004) },
  klein: { most: 10, pricing: image(0.005) },
  "p-image": { most: 0, pricing: image(0.005) },
  "p-image-edit": { most: 5, least: 1, pricing: image(0.01) },
  "grok-imagine": { most: 1, pricing: image(0.02) },
  "grok-imagine-pro": { most: 1, pricing: image(0.05) },
  "qwen-image": { most: 3, pricing: image(0.025) },
  seedream: { most: 10, pricing: image(0.03) },
  "seedream-pro": { most: 14, pricing: image(0.04) },
  seedream5: { most: 14, pricing: image(0.035) },
  "seedream5-pro": { most: 10, pricing: image(0.09) },
  "wan-image": { most: 1, pricing: image(0.03) },
  "wan-image-pro": { most: 9, pricing: image(0.03) },
  "ideogram-v4-turbo": { most: 0, pricing: image(0.03) },
  "ideogram-v4-balanced": { most: 0, pricing: image(0.06) },
  "ideogram-v4-quality": { most: 0, pricing: image(0.1) },
  kontext: { most: 1, least: 1, pricing: image(0.04) },
  "nova-canvas": { most: 1, pricing: image(0.04) },
  "recraft-v4.1-vector": { most: 0, pricing: image(0.08) },
  nanobanana: { most: 3, pricing: tokens },
  "nanobanana-2": { most: 14, pricing: tokens },
  "nanobanana-2-lite": { most: 14, pricing: tokens },
  "nanobanana-pro": { most: 14, pricing: tokens },
  gptimage: { most: 16, pricing: tokens },
  "gptimage-large": { most: 16, pricing: tokens },
  "gpt-image-2": { most: 16, pricing: tokens },
  // Of the community; the service's own list is where one learns of it.
  "painter/cats": { most: 1, pricing: image(0.001) },
};

const safe = z.union([
  z.boolean(),
  z.string().regex(/^(true|false|(privacy|secrets|sexual|violence|shield|nsfw)(,|$))/),
]);

const fields = {
  prompt: z.string().min(1).max(32_000),
  model: z.string(),
  n: z.literal(1).optional(),
  size: z.string().regex(/^[1-9]\d{1,4}x[1-9]\d{1,4}$/).optional(),
  quality: z.enum(["standard", "hd", "low", "medium", "high"]).optional(),
  response_format: z.enum(["url", "b64_json"]).optional(),
  resolution: z.string().optional(),
  seed: z.int().min(-1).max(2 ** 31 - 1).optional(),
  safe: safe.optional(),
  user: z.string().optional(),
  negative_prompt: z.string().optional(),
  reasoning: z.enum(["fast", "balanced", "pro"]).optional(),
  guidance_scale: z.number().optional(),
  transparent: z.boolean().optional(),
};
const address = z.string().min(1);
// Unknown fields pass through.
const generation = z.looseObject({ ...fields, image: z.union([address, z.array(address)]).optional() });
const { user: _, negative_prompt: __, response_format: ___, reasoning: ____, ...editFields } = fields;
const edit = z.strictObject({
  ...editFields,
  image: z.union([address, z.array(z.strictObject({ image_url: address })).min(1)]),
});
const editForm = z.strictObject({
  prompt: fields.prompt,
  model: fields.model,
  size: fields.size,
  quality: fields.quality,
  safe: safe.optional(),
  resolution: fields.resolution,
  image: z.array(z.union([z.instanceof(File), address])).min(1),
});

/** A request that has passed all checks. */
export interface PollinationsRequest {
  prompt: string;
  model: string;
  size?: string;
  seed?: number;
  response_format?: "url" | "b64_json";
  /** What it works on: addresses and data URIs. */
  references: string[];
}

/** Reads the JSON of a generation, whose references are addresses. @throws Refusal */
export function readPollinationsGeneration({ json }: RecordedCall): PollinationsRequest {
  const { image, ...request } = strictly(generation, json ?? {}, refuse);
  return checked({ ...request, references: [image ?? []].flat() }, /^https?:\/\//);
}

/** Reads an edit, as JSON or as a form. @throws Refusal */
export async function readPollinationsEdit({ form, json }: RecordedCall): Promise<PollinationsRequest> {
  if (!form) {
    const { image, ...request } = strictly(edit, json ?? {}, refuse);
    const references = typeof image === "string" ? [image] : image.map(({ image_url }) => image_url);
    return await withPictures(checked({ ...request, references }, /^(https?:\/\/|data:image\/)/));
  }
  const { "image[]": list = [], image = [], ...rest } = readForm(form, { lists: ["image"] }) as Record<
    string,
    (File | string)[]
  >;
  const body = strictly(editForm, { ...rest, image: [...image, ...list] }, refuse);
  const references = await Promise.all(
    body.image.map(async (part) =>
      typeof part === "string" ? part : `data:${part.type};base64,${(await part.bytes()).toBase64()}`
    ),
  );
  return await withPictures(checked({ ...body, references }, /^(https?:\/\/|data:image\/)/));
}

/** Reads an address that gives an image. @throws Refusal */
export function readPollinationsAddress({ query }: RecordedCall, prompt: string): PollinationsRequest {
  const number = (name: string) => query.has(name) ? Number(query.get(name)) : undefined;
  const { width = 1024, height = 1024 } = { width: number("width"), height: number("height") };
  const body = {
    prompt,
    model: query.get("model") ?? "zimage",
    size: `${width}x${height}`,
    seed: number("seed") ?? 0,
  };
  const references = (query.get("image") ?? "").split(/[|,]/).filter(Boolean);
  return checked({ ...strictly(generation, body, refuse), references }, /^https?:\/\//);
}

function checked(request: PollinationsRequest, takes: RegExp): PollinationsRequest {
  const found = Object.entries(POLLINATIONS_MODELS).find(([name, { aliases }]) =>
    name === request.model || aliases?.includes(request.model)
  );
  if (!found) throw POLLINATIONS_ERRORS.unknown_model;
  const [model, { least = 0, most }] = found;
  const { references } = request;
  if (references.length > most) throw badField("image", `At most ${most} reference images`);
  if (references.length < least) throw badField("image", "This model needs a reference image");
  if (references.some((reference) => !takes.test(reference))) throw POLLINATIONS_ERRORS.image_url;
  return { ...request, model };
}

async function withPictures(request: PollinationsRequest): Promise<PollinationsRequest> {
  for (const reference of request.references) {
    if (!reference.startsWith("data:")) continue;
    const bytes = await (await fetch(reference)).bytes();
    if (!readImageFacts(bytes)) throw POLLINATIONS_ERRORS.image_type;
  }
  return request;
}

function refuse({ kind, param, issue }: Complaint): Refusal {
  return badField(param, kind === "unknown" ? `Unrecognized key: ${param}` : issue.message);
}
