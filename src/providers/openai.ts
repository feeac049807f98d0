/** OpenAI's GPT image models. */
import type { FailureRow, Model } from "../core/provider.ts";
import { defineProvider } from "../core/provider.ts";
import type { SizeRule } from "../core/size.ts";
import { bearer } from "./bearer.ts";
import { listOpenAiModels, openAiDialect } from "./openai_dialect.ts";

/** Edges of 16, up to 3840 × 2160 in area, no shape beyond 3:1. */
const FREE: SizeRule = {
  kind: "free",
  multipleOf: 16,
  edge: [16, 3840],
  pixels: [655_360, 8_294_400],
  maxRatio: 3,
};
const THREE: SizeRule = { kind: "listed", sizes: ["1024x1024", "1536x1024", "1024x1536"] };

const IMAGE_MODEL = /^(chatgpt|gpt)-image-/;

const WISHES = ["quality", "background", "outputFormat", "outputCompression", "user"] as const;

/** The moderation level belongs to generations; edits take it too where they are of the same model. */
const family = {
  tasks: ["generate", "edit", "blend"],
  maxImages: 10,
  maxInputs: 16,
  mask: true,
  inputs: { types: ["image/png", "image/jpeg", "image/webp"], maxBytes: 50_000_000 },
  maxPartials: 3,
  timeoutMs: 240_000,
  wishes: [...WISHES, "moderation"],
  qualities: ["low", "medium", "high"],
} as const satisfies Omit<Model, "id">;

const TOKENS = { textIn: 5, imageIn: 8, imageOut: 30 };

const failures: FailureRow[] = [
  { kind: "refused", code: /moderation_blocked|content_policy|safety/ },
  { kind: "out_of_credit", code: /quota|credit|spend_limit|usage_limit|billing/ },
  { kind: "out_of_credit", text: /billing hard limit|exceeded your current quota/i },
  { kind: "overloaded", code: /slow_down|overloaded/ },
  { kind: "not_permitted", status: 403 },
  { kind: "key_rejected", status: 401 },
  { kind: "model_not_found", code: /model_not_found/ },
];

export const openAi = defineProvider({
  name: "OpenAI",
  env: "OPENAI",
  baseUrl: "https://api.openai.com/v1",
  keys: {
    // Project keys hold underscores and dashes (sk-proj-…, sk-svcacct-…); sk_… and sk-newapi-… are others.
    pattern: /^sk-[\w-]+$/,
    sample: "sk-proj-" + "a1B2".repeat(12),
    help: "https://platform.openai.com/api-keys",
    send: bearer,
  },
  defaults: { generate: "gpt-image-2", edit: "gpt-image-2", blend: "gpt-image-2" },
  // Shut down on 2026-05-12 (DALL·E) and 2026-10-23; many clients have these names built in.
  successors: { "dall-e-2": "gpt-image-2", "dall-e-3": "gpt-image-2", "gpt-image-1": "gpt-image-2" },
  unlisted: { pattern: IMAGE_MODEL, like: "gpt-image-2" },
  models: [
    {
      ...family,
      id: "gpt-image-2",
      sizes: FREE,
      rating: 92,
      prices: {
        tokens: TOKENS,
        images: [
          { quality: "low", square: true, usd: 0.006 },
          { quality: "low", usd: 0.005 },
          { quality: "medium", square: true, usd: 0.053 },
          { quality: "medium", usd: 0.041 },
          { quality: "high", square: true, usd: 0.211 },
          { quality: "high", usd: 0.165 },
        ],
      },
    },
    ...["gpt-image-2.6-sunburst", "gpt-image-2.6-flare", "gpt-image-2.5-sunburst", "gpt-image-2.5-flare"].map(
      (id) => ({
        ...family,
        id,
        sizes: FREE,
        rating: 95,
        qualities: ["low", "medium", "high", "xhigh", "max"],
        prices: { tokens: TOKENS },
      }),
    ),
    {
      ...family,
      id: "gpt-image-1.5",
      sizes: THREE,
      rating: 88,
      wishes: [...family.wishes, "inputFidelity"],
      prices: {
        tokens: { textIn: 5, imageIn: 8, imageOut: 32 },
        images: [
          { quality: "low", square: true, usd: 0.009 },
          { quality: "low", usd: 0.013 },
          { quality: "medium", square: true, usd: 0.034 },
          { quality: "medium", usd: 0.05 },
          { quality: "high", square: true, usd: 0.133 },
          { quality: "high", usd: 0.2 },
        ],
      },
    },
    {
      ...family,
      id: "gpt-image-1-mini",
      sizes: THREE,
      rating: 75,
      prices: { tokens: { textIn: 2, imageIn: 2.5, imageOut: 8 } },
    },
    { ...family, id: "chatgpt-image-latest", sizes: THREE, rating: 88 },
  ],
  operations: openAiDialect({
    streams: true,
    failures,
    fields: {
      quality: "quality",
      background: "background",
      moderation: "moderation",
      inputFidelity: "input_fidelity",
      outputFormat: "output_format",
      outputCompression: "output_compression",
      user: "user",
    },
  }),
  failures,
  listModels: async (call) => (await listOpenAiModels(call)).filter(({ id }) => IMAGE_MODEL.test(id)),
});
