/**
 * A request against a model's limits: what the model does not know is mapped to the nearest it knows,
 * put into words, or left out, and each change is told.
 */
import type { Model } from "./provider.ts";
import type { ImageRequest, Wishes } from "./request.ts";
import { nearestRatio, nearestSize, parseRatio, parseSize, sizeOfRatio, sizeText } from "./size.ts";

/** A request that its model accepts, and what had to be changed to get there. */
export interface Fitted {
  request: ImageRequest;
  /** One sentence a change, for `x-imgrouter-notes`. */
  notes: string[];
}

const STYLES: Record<string, string> = {
  watercolor: "watercolor painting, soft washes, paper texture",
  oil_painting: "oil painting, visible brush strokes, canvas texture",
  digital_art: "digital art, clean shapes, rich detail",
  cartoon: "cartoon style, bold outlines, flat colours",
  realistic: "photorealistic, natural light, true to life",
  sketch: "pencil sketch, hand-drawn lines",
  anime: "anime style, expressive line art",
};

const ENHANCERS: Record<string, string> = {
  high_detail: "highly detailed",
  professional_lighting: "professional lighting",
  sharp_focus: "sharp focus",
  vibrant_colors: "vibrant colors",
  cinematic: "cinematic composition",
};

/** The names that `style` takes besides OpenAI's own two. */
export const STYLE_NAMES = Object.keys(STYLES);

/** The names that `quality_enhancers` takes. */
export const ENHANCER_NAMES = Object.keys(ENHANCERS);

/** Spellings of a wish in the API, for notes that speak the caller's language. */
const SPELLING: Record<keyof Wishes, string> = {
  quality: "quality",
  style: "style",
  background: "background",
  moderation: "moderation",
  inputFidelity: "input_fidelity",
  seed: "seed",
  steps: "steps",
  guidance: "guidance_scale",
  negativePrompt: "negative_prompt",
  loraWeights: "lora_weights",
  outputFormat: "output_format",
  outputCompression: "output_compression",
  user: "user",
};

/** Says what a wish is called where callers write it. */
export function spellingOf(wish: keyof Wishes): string {
  return SPELLING[wish];
}

/** Fits `request` to `model`. Count, inputs and mask are not looked at: a plan leaves out models that lack them. */
export function fit(request: ImageRequest, model: Model): Fitted {
  const fitted: ImageRequest = { ...request, model: model.id, ...model.like && { like: model.like } };
  const notes: string[] = [];
  putStyleIntoWords(fitted, notes);
  fitSize(fitted, model, notes);
  fitQuality(fitted, model, notes);
  fitDelivery(fitted, model);
  leaveOut(fitted, model, notes);
  if (fitted.partialImages > (model.maxPartials ?? 0)) {
    if ((model.maxPartials ?? 0) === 0) notes.push(`partial_images: ${model.id} sends no previews`);
    fitted.partialImages = model.maxPartials ?? 0;
  }
  return { request: fitted, notes };
}

function putStyleIntoWords(request: ImageRequest, notes: string[]): void {
  const words: string[] = [];
  // No service knows these names by itself; what passes `style` on takes OpenAI's own two.
  if (request.style !== undefined && Object.hasOwn(STYLES, request.style)) {
    words.push(STYLES[request.style]!);
    notes.push(`style: ${request.style} was put into the prompt`);
    delete request.style;
  }
  for (const name of request.qualityEnhancers) {
    if (Object.hasOwn(ENHANCERS, name)) words.push(ENHANCERS[name]!);
  }
  if (request.qualityEnhancers.length > 0) notes.push("quality_enhancers: put into the prompt");
  if (words.length > 0) request.prompt = [request.prompt, ...words].filter(Boolean).join(", ");
}

function fitSize(request: ImageRequest, model: Model, notes: string[]): void {
  const rule = model.sizes;
  const asked = request.size ??
    (request.ratio === undefined ? parseSize(model.defaultSize ?? "") : undefined);
  if (!rule) {
    request.size = asked ??
      (request.ratio === undefined
        ? undefined
        : sizeOfRatio(request.ratio, { kind: "free", multipleOf: 16 }));
    return;
  }
  if (rule.kind === "fixed") {
    if (request.size || request.ratio) notes.push(`size: ${model.id} chooses it by itself`);
    request.size = request.ratio = undefined;
    return;
  }
  if (rule.kind === "ratios") {
    const ratio = asked ? asked.width / asked.height : request.ratio;
    if (ratio === undefined) return;
    const name = nearestRatio(ratio, rule.ratios);
    if (!isAlike(parseRatio(name)!, ratio)) notes.push(`size: the nearest shape ${name} was used`);
    request.ratio = parseRatio(name);
    return;
  }
  const area = parseSize(model.defaultSize ?? "");
  request.size = asked
    ? nearestSize(asked, rule)
    : request.ratio === undefined
    ? undefined
    : sizeOfRatio(request.ratio, rule, area && area.width * area.height);
  if (asked && request.size && sizeText(asked) !== sizeText(request.size)) {
    notes.push(`size: ${sizeText(asked)} is not offered by ${model.id}, ${sizeText(request.size)} was used`);
  }
  if (!asked && request.size && !isAlike(request.size.width / request.size.height, request.ratio!)) {
    notes.push(`size: ${sizeText(request.size)} is the nearest shape that ${model.id} offers`);
  }
}

function isAlike(ratio: number, wanted: number): boolean {
  return Math.abs(ratio / wanted - 1) <= 0.02;
}

/** OpenAI's older words for quality, and the newer ones that mean the same. */
const SYNONYMS: Record<string, string> = { standard: "medium", hd: "high" };

/** How far up a word for quality stands between a model's lowest and its highest. */
const QUALITY_WORDS: Record<string, number> = {
  low: 0,
  standard: 0.5,
  medium: 0.5,
  hd: 1,
  high: 1,
  xhigh: 1,
  max: 1,
};

function fitQuality(request: ImageRequest, model: Model, notes: string[]): void {
  const { quality } = request;
  if (quality === undefined || !model.wishes?.includes("quality")) return;
  const known = model.qualities;
  if (!known || quality === "auto" || known.includes(quality)) return;
  const place = Object.hasOwn(QUALITY_WORDS, quality) ? QUALITY_WORDS[quality] : undefined;
  if (place === undefined) {
    notes.push(`quality: ${quality} is not known to ${model.id}, its own was used`);
    delete request.quality;
    return;
  }
  const synonym = known.find((word) => word === SYNONYMS[quality]);
  request.quality = synonym ?? known[Math.floor(place * (known.length - 1))]!;
  notes.push(`quality: ${quality} became ${request.quality}`);
}

/** What a model can't be told about the form of its pictures is done to them afterwards. */
function fitDelivery(request: ImageRequest, { wishes = [] }: Model): void {
  const { outputFormat, outputCompression } = request;
  const quality = wishes.includes("outputCompression") ? undefined : outputCompression;
  if (outputFormat === undefined && quality === undefined) return;
  request.delivery = { format: outputFormat, quality };
  for (const wish of ["outputFormat", "outputCompression"] as const) {
    if (!wishes.includes(wish)) delete request[wish];
  }
}

function leaveOut(request: ImageRequest, model: Model, notes: string[]): void {
  for (const wish of Object.keys(SPELLING) as (keyof Wishes)[]) {
    if (request[wish] === undefined || model.wishes?.includes(wish)) continue;
    // `auto` asks for nothing, and an end user's id is nobody's loss.
    if (request[wish] !== "auto" && wish !== "user") {
      notes.push(`${SPELLING[wish]}: not offered by ${model.id}, left out`);
    }
    delete request[wish];
  }
}
