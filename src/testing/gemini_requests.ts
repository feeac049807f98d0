/** What `generateContent` of the Gemini API takes: the fields, and what each image model knows. */
import { z } from "zod";
import { readImageFacts } from "../core/media.ts";
import type { Size } from "../core/request.ts";
import { GEMINI_ERRORS, geminiError, modelNotFound, rpc } from "./gemini_errors.ts";
import type { Refusal } from "./reply.ts";
import { type Complaint, strictly } from "./strict_body.ts";

interface GeminiModel {
  shapes: Record<string, Size>;
  /** What `imageSize` may say; the model has no such field where there is none. */
  resolutions?: string[];
  /** Input images. */
  references: number;
  grounds?: boolean;
}

const shapes = (text: string): Record<string, Size> =>
  Object.fromEntries(
    text.split(" ").map((entry) => {
      const [ratio = "", width, height] = entry.split("=").flatMap((part) => part.split("x"));
      return [ratio, { width: Number(width), height: Number(height) }];
    }),
  );

const OF_2 = shapes(
  "1:1=1024x1024 16:9=1344x768 9:16=768x1344 3:2=1248x832 2:3=832x1248 4:3=1184x864 3:4=864x1184 " +
    "5:4=1152x896 4:5=896x1152 21:9=1536x672",
);
const OF_3 = shapes(
  "1:1=1024x1024 16:9=1376x768 9:16=768x1376 3:2=1264x848 2:3=848x1264 4:3=1200x896 3:4=896x1200 " +
    "5:4=1152x928 4:5=928x1152 21:9=1584x672",
);
const LONG = shapes("1:4=512x2048 4:1=2048x512 1:8=384x3072 8:1=3072x384");
const FLASH: GeminiModel = {
  shapes: { ...OF_3, ...LONG },
  resolutions: ["512", "1K", "2K", "4K"],
  references: 14,
  grounds: true,
};

/** The image models that answer. */
export const GEMINI_MODELS: Record<string, GeminiModel> = {
  "gemini-2.5-flash-image": { shapes: OF_2, references: 3 },
  "gemini-3-pro-image": { shapes: OF_3, resolutions: ["1K", "2K", "4K"], references: 14, grounds: true },
  "gemini-3.1-flash-image": FLASH,
  "gemini-3.1-flash-lite-image": { shapes: OF_3, resolutions: ["1K"], references: 3 },
  "gemini-nano-banana-2.1": FLASH,
};

const SCALES: Record<string, number> = { "512": 0.5, "1K": 1, "2K": 2, "4K": 4 };
const MAX_BYTES = 20 * 1024 * 1024;

const part = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({
    inlineData: z.strictObject({
      mimeType: z.enum(["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"]),
      data: z.base64(),
    }),
    thoughtSignature: z.string().optional(),
  }),
  z.strictObject({ fileData: z.strictObject({ mimeType: z.string().optional(), fileUri: z.string() }) }),
]);

const categories = ["HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY"];
const thresholds = ["BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"];

const body = z.strictObject({
  contents: z.array(z.strictObject({
    role: z.enum(["user", "model"]).optional(),
    parts: z.array(part).min(1),
  })).min(1),
  generationConfig: z.strictObject({
    responseModalities: z.array(z.enum(["TEXT", "IMAGE"])).min(1).optional(),
    imageConfig: z.strictObject({ aspectRatio: z.string().optional(), imageSize: z.string().optional() })
      .optional(),
    seed: z.int().min(-2147483648).max(2147483647).optional(),
    temperature: z.number().min(0).max(2).optional(),
    topP: z.number().optional(),
    topK: z.number().optional(),
    candidateCount: z.literal(1).optional(),
    thinkingConfig: z.strictObject({
      includeThoughts: z.boolean().optional(),
      thinkingLevel: z.string().optional(),
    }).optional(),
  }).optional(),
  safetySettings: z.array(z.strictObject({
    category: z.enum(categories.map((name) => `HARM_CATEGORY_${name}`)),
    threshold: z.enum(thresholds),
  })).optional(),
  systemInstruction: z.unknown().optional(),
  tools: z.array(z.strictObject({ googleSearch: z.strictObject({}) })).optional(),
});

/** A request that has passed all checks. */
export interface GeminiRequest extends Size {
  model: string;
  prompt: string;
  inputs: number;
  wantsImage: boolean;
  /** Whether drafts are wanted before the picture. */
  includeThoughts: boolean;
}

/** Reads a call for content. @throws Refusal */
export function readGeminiRequest(id: string, json: unknown): GeminiRequest {
  const model = GEMINI_MODELS[id];
  if (!model) throw modelNotFound(id);
  if (JSON.stringify(json).length > MAX_BYTES) throw GEMINI_ERRORS.too_large;
  const { contents, generationConfig = {}, tools } = strictly(body, json, refuse);
  const parts = contents.flatMap((content) => content.parts);
  const pictures = parts.flatMap((part) => "inlineData" in part ? [part.inlineData] : []);
  const sizes = pictures.map(({ mimeType, data }) => {
    const facts = readImageFacts(Uint8Array.fromBase64(data));
    if (facts?.type !== mimeType) throw invalid("Unable to process input image");
    return facts;
  });
  // The mask of an edit that is put into words is one image more.
  if (sizes.length > model.references + 1) throw invalid(`Too many images: at most ${model.references}`);
  if (tools && !model.grounds) throw invalid("Search Grounding is not supported.");
  const { imageConfig = {}, thinkingConfig } = generationConfig;
  return {
    model: id,
    prompt: parts.flatMap((part) => "text" in part ? [part.text] : []).join("\n"),
    inputs: sizes.length,
    wantsImage: generationConfig.responseModalities?.includes("IMAGE") ?? true,
    includeThoughts: thinkingConfig?.includeThoughts ?? false,
    ...sizeOf(model, imageConfig, sizes[0]),
  };
}

function sizeOf(
  { shapes, resolutions }: GeminiModel,
  { aspectRatio, imageSize }: { aspectRatio?: string; imageSize?: string },
  input: Size | undefined,
): Size {
  if (aspectRatio !== undefined && !shapes[aspectRatio]) throw GEMINI_ERRORS.aspect_ratio;
  if (imageSize !== undefined && !resolutions?.includes(imageSize)) {
    throw invalid(`Image size ${imageSize} is not supported for this model`);
  }
  const { width, height } = shapes[aspectRatio ?? (input ? nearest(shapes, input) : "1:1")]!;
  const scale = SCALES[imageSize ?? "1K"]!;
  return { width: width * scale, height: height * scale };
}

function nearest(shapes: Record<string, Size>, input: Size): string {
  const shape = (size: Size) => Math.log(size.width / size.height);
  const distance = (ratio: string) => Math.abs(shape(shapes[ratio]!) - shape(input));
  return Object.keys(shapes).reduce((best, ratio) => distance(ratio) < distance(best) ? ratio : best);
}

function invalid(message: string): Refusal {
  return geminiError(400, "INVALID_ARGUMENT", message);
}

function refuse({ kind, param, issue }: Complaint): Refusal {
  const field = snakeCase(param);
  const at = field.slice(0, Math.max(0, field.lastIndexOf(".")));
  const name = param.slice(param.lastIndexOf(".") + 1);
  const message = kind === "unknown"
    ? `Invalid JSON payload received. Unknown name "${name}"${at && ` at '${at}'`}: Cannot find field.`
    : `Invalid value at '${field}': ${issue.message}`;
  return geminiError(400, "INVALID_ARGUMENT", message, [
    rpc("BadRequest", { fieldViolations: [{ field: at || field, description: message }] }),
  ]);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
