/** Google's Gemini image models: one operation, in which references are just further parts of what is said. */
import { z } from "@hono/zod-openapi";
import { Failed, type Failure } from "../core/failure.ts";
import { Media } from "../core/media.ts";
import {
  type Call,
  defineProvider,
  type DiscoveredModel,
  type FailureRow,
  type Made,
  type Model,
  type ReplyOf,
  type Usage,
} from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { parseSize, type SizeRule, sizeText } from "../core/size.ts";
import { isRecord } from "../core/record.ts";
import { json } from "./call.ts";
import { whiteMask } from "./mask.ts";

/** Pixels that each shape has in Gemini 2.5, which knows but one resolution. */
const SHAPES_OF_2 = {
  "1:1": "1024x1024",
  "16:9": "1344x768",
  "9:16": "768x1344",
  "3:2": "1248x832",
  "2:3": "832x1248",
  "4:3": "1184x864",
  "3:4": "864x1184",
  "5:4": "1152x896",
  "4:5": "896x1152",
  "21:9": "1536x672",
};
/** The same for Gemini 3 at 1K; its other resolutions are multiples of these. */
const SHAPES_OF_3 = {
  "1:1": "1024x1024",
  "16:9": "1376x768",
  "9:16": "768x1376",
  "3:2": "1264x848",
  "2:3": "848x1264",
  "4:3": "1200x896",
  "3:4": "896x1200",
  "5:4": "1152x928",
  "4:5": "928x1152",
  "21:9": "1584x672",
};
const LONG_SHAPES = { "1:4": "512x2048", "4:1": "2048x512", "1:8": "384x3072", "8:1": "3072x384" };

/** Each resolution as a multiple of 1K. */
const SCALES = { "512": 0.5, "1K": 1, "2K": 2, "4K": 4 };
type Resolution = keyof typeof SCALES;

/** What is said of a size on the wire, by its pixels. */
const IMAGE_CONFIGS = new Map<string, { aspectRatio: string; imageSize?: Resolution }>();

/** The sizes that come of shapes and resolutions. */
function sizes(shapes: Record<string, string>, resolutions: Resolution[]): SizeRule {
  const listed = resolutions.flatMap((imageSize) =>
    Object.entries(shapes).map(([aspectRatio, at1K]) => {
      const { width, height } = parseSize(at1K)!;
      const scale = SCALES[imageSize];
      const size = sizeText({ width: width * scale, height: height * scale });
      // 1K is what all models make by themselves, and some refuse to be told.
      IMAGE_CONFIGS.set(size, { aspectRatio, imageSize: imageSize === "1K" ? undefined : imageSize });
      return size;
    })
  );
  return { kind: "listed", sizes: listed };
}

const family = {
  tasks: ["generate", "edit", "blend"],
  maxInputs: 14,
  mask: true,
  wishes: ["seed", "moderation"],
  // A whole request may have 20 MB, and base64 makes four bytes of three.
  inputs: { types: ["image/png", "image/jpeg", "image/webp", "image/heic"], maxBytes: 14_900_000 },
  timeoutMs: 180_000,
} as const satisfies Omit<Model, "id">;

const FLASH_SIZES = sizes({ ...SHAPES_OF_3, ...LONG_SHAPES }, ["512", "1K", "2K", "4K"]);

/** Above the pixels of any shape at 512, 1K and 2K. */
const [UP_TO_512, UP_TO_1K, UP_TO_2K] = [300_000, 1_200_000, 4_800_000];

const failures: FailureRow[] = [
  { kind: "key_rejected", code: /^API_KEY_INVALID$/ },
  { kind: "key_rejected", text: /api key (not valid|not found|expired|was reported)|unregistered callers/i },
  { kind: "not_permitted", status: 400, code: /^FAILED_PRECONDITION$/ },
  { kind: "out_of_credit", status: 402 },
  // A day's allowance, or one of zero: a project without billing has none for image models.
  { kind: "out_of_credit", status: 429, code: /PerDay|FreeTier:0\b/ },
  { kind: "out_of_credit", status: 429, text: /limit: 0\b/ },
];

export const gemini = defineProvider({
  name: "Gemini",
  env: "GEMINI",
  baseUrl: "https://generativelanguage.googleapis.com/v1beta",
  keys: {
    pattern: /^AIza\S+$/,
    sample: "AIza" + "SyD3mo_".repeat(5),
    help: "https://aistudio.google.com/apikey",
    send: (key) => ({ "x-goog-api-key": key }),
  },
  defaults: {
    generate: "gemini-3.1-flash-image",
    edit: "gemini-3.1-flash-image",
    blend: "gemini-3.1-flash-image",
  },
  // Imagen was shut down on 2026-08-17; the others are earlier names.
  successors: {
    "imagen-3.0-generate-002": "gemini-3.1-flash-image",
    "imagen-4.0-generate-001": "gemini-3.1-flash-image",
    "imagen-4.0-ultra-generate-001": "gemini-3-pro-image",
    "imagen-4.0-fast-generate-001": "gemini-2.5-flash-image",
    "gemini-2.5-flash-image-preview": "gemini-2.5-flash-image",
    "gemini-3-pro-image-preview": "gemini-3-pro-image",
    "nano-banana-pro-preview": "gemini-3-pro-image",
    "gemini-3.1-flash-image-preview": "gemini-3.1-flash-image",
  },
  unlisted: { pattern: /^gemini-[\w.-]*(image|banana)[\w.-]*$/, like: "gemini-3.1-flash-image" },
  models: [
    {
      ...family,
      id: "gemini-3.1-flash-image",
      sizes: FLASH_SIZES,
      rating: 91,
      prices: {
        tokens: { textIn: 0.5, imageIn: 0.5, imageOut: 60 },
        images: [{ maxPixels: UP_TO_512, usd: 0.045 }, { maxPixels: UP_TO_1K, usd: 0.067 }],
      },
    },
    {
      ...family,
      id: "gemini-3-pro-image",
      sizes: sizes(SHAPES_OF_3, ["1K", "2K", "4K"]),
      rating: 94,
      prices: {
        tokens: { textIn: 2, imageIn: 2, imageOut: 120 },
        images: [{ maxPixels: UP_TO_2K, usd: 0.134 }, { usd: 0.24 }],
      },
    },
    { ...family, id: "gemini-nano-banana-2.1", sizes: FLASH_SIZES, rating: 92 },
    {
      ...family,
      id: "gemini-3.1-flash-lite-image",
      tasks: ["generate", "edit"],
      maxInputs: 1,
      sizes: sizes(SHAPES_OF_3, ["1K"]),
      rating: 78,
      prices: { images: [{ usd: 0.034 }] },
    },
    {
      ...family,
      id: "gemini-2.5-flash-image",
      maxInputs: 3,
      sizes: sizes(SHAPES_OF_2, ["1K"]),
      rating: 84,
      prices: { tokens: { textIn: 0.3, imageIn: 0.3, imageOut: 30 }, images: [{ usd: 0.039 }] },
    },
  ],
  operations: { generate: make, edit: make },
  failures,
  listModels,
});

/** https://ai.google.dev/gemini-api/docs/image-generation */
async function make(request: ImageRequest, call: Call): Promise<Made> {
  const body = merged({
    contents: [{ role: "user", parts: await partsOf(request, call) }],
    generationConfig: {
      responseModalities: ["IMAGE"],
      imageConfig: request.size && IMAGE_CONFIGS.get(sizeText(request.size)),
      seed: request.seed,
    },
    safetySettings: request.moderation === "low" ? LENIENT : undefined,
  }, request.providerParams);
  const reply = await call.post(at(call, `models/${request.model}:generateContent`), body, json(Reply));
  const images = (reply.candidates ?? []).flatMap((candidate) => candidate.content?.parts ?? [])
    // Thoughts hold drafts of the picture.
    .flatMap(({ thought, inlineData }) => thought || !inlineData ? [] : [inlineData.data]);
  if (images.length === 0) throw new Failed(whyNone(reply));
  return {
    images: images.map((data) => ({ media: Media.fromBase64(data), seed: request.seed })),
    usage: usageOf(reply.usageMetadata),
  };
}

/** OpenAI's `moderation: low` in Google's words. */
const LENIENT = ["HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT"].map((name) => ({
  category: `HARM_CATEGORY_${name}`,
  threshold: "BLOCK_ONLY_HIGH",
}));

const ABOUT_THE_MASK =
  "The last image is a mask of the first one: change only what is white in the mask, and keep everything else exactly as it is.";

async function partsOf(request: ImageRequest, call: Call): Promise<unknown[]> {
  const pictures = [...request.inputs];
  let text = request.prompt;
  if (request.mask) {
    pictures.push(await whiteMask(request.mask, call.signal));
    text = `${text}\n\n${ABOUT_THE_MASK}`;
    call.note("mask: Gemini has no masks, so it was sent as an image that tells where to edit");
  }
  const inline = pictures.map(async (picture) => ({
    inlineData: {
      mimeType: (await picture.facts(call.signal))?.type,
      data: await picture.base64(call.signal),
    },
  }));
  return [{ text }, ...await Promise.all(inline)];
}

/** Params replace member by member, so that a wish inside `generationConfig` leaves the rest of it as it is. */
function merged(body: Record<string, unknown>, params: Record<string, unknown>): Record<string, unknown> {
  const all = { ...body };
  for (const [name, value] of Object.entries(params)) {
    const known = all[name];
    all[name] = isRecord(known) && isRecord(value) ? merged(known, value) : value;
  }
  return all;
}

/** Ends of a candidate that are a refusal; all others only mean that there is no image. */
const REFUSALS = new Set([
  "SAFETY",
  "IMAGE_SAFETY",
  "IMAGE_PROHIBITED_CONTENT",
  "PROHIBITED_CONTENT",
  "BLOCKLIST",
  "SPII",
  "RECITATION",
  "IMAGE_RECITATION",
]);

/** Safety speaks with status 200: in the feedback to the prompt, or in how the candidate ended. */
function whyNone({ promptFeedback, candidates }: ReplyOf<typeof Reply>): Failure {
  const blocked = promptFeedback?.blockReason;
  if (blocked) {
    const why = promptFeedback.blockReasonMessage ?? blocked;
    return { kind: "refused", code: blocked, message: `the prompt was blocked: ${why}` };
  }
  const candidate = candidates?.[0];
  const reason = candidate?.finishReason ?? "no candidate";
  const words = candidate?.content?.parts?.find(({ text, thought }) => text && !thought)?.text;
  const why = [reason, candidate?.finishMessage ?? words?.slice(0, 300)].filter(Boolean).join(": ");
  return REFUSALS.has(reason)
    ? { kind: "refused", code: reason, message: `the picture was blocked: ${why}` }
    : { kind: "empty_reply", message: `ended without an image: ${why}` };
}

function usageOf(usage: ReplyOf<typeof UsageReply> | undefined): Usage | undefined {
  if (usage?.candidatesTokenCount === undefined) return undefined;
  const { promptTokenCount = 0, promptTokensDetails, candidatesTokenCount, candidatesTokensDetails } = usage;
  const images = (details: typeof promptTokensDetails) =>
    details?.find(({ modality }) => modality === "IMAGE")?.tokenCount;
  const inputImageTokens = images(promptTokensDetails) ?? 0;
  return {
    inputImageTokens,
    inputTextTokens: Math.max(0, promptTokenCount - inputImageTokens),
    // Words beside the picture have a price of their own, and hardly any.
    outputTokens: images(candidatesTokensDetails) ?? candidatesTokenCount,
  };
}

async function listModels(call: Call): Promise<DiscoveredModel[]> {
  const { models } = await call.get(at(call, "models?pageSize=1000"), json(ModelList));
  return models
    .filter(({ supportedGenerationMethods }) => supportedGenerationMethods?.includes("generateContent"))
    .map(({ name }) => ({ id: name.replace(/^models\//, "") }))
    .filter(({ id }) => /image|banana/.test(id));
}

/** Base addresses are often configured without the version. */
function at(call: Call, path: string): string {
  return /\/v\d\w*$/.test(call.baseUrl) ? path : `v1beta/${path}`;
}

const Tokens = z.array(z.object({ modality: z.string(), tokenCount: z.number().default(0) })).optional();

const UsageReply = z.object({
  promptTokenCount: z.number().optional(),
  promptTokensDetails: Tokens,
  candidatesTokenCount: z.number().optional(),
  candidatesTokensDetails: Tokens,
});

const Part = z.object({
  text: z.string().optional(),
  thought: z.boolean().optional(),
  inlineData: z.object({ data: z.string() }).optional(),
});

const Reply = z.object({
  candidates: z.array(z.object({
    content: z.object({ parts: z.array(Part).optional() }).optional(),
    finishReason: z.string().optional(),
    finishMessage: z.string().optional(),
  })).optional(),
  promptFeedback: z.object({
    blockReason: z.string().optional(),
    blockReasonMessage: z.string().optional(),
  }).optional(),
  usageMetadata: UsageReply.optional().catch(undefined),
});

const ModelList = z.object({
  models: z.array(z.object({
    name: z.string(),
    supportedGenerationMethods: z.array(z.string()).optional(),
  })),
});
