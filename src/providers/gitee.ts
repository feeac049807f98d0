/** Gitee AI (Moli Ark): open models behind OpenAI's dialect, with extras as flat fields. */
import { defineProvider, type FailureRow, type Model } from "../core/provider.ts";
import type { SizeRule } from "../core/size.ts";
import { bearer } from "./bearer.ts";
import { openAiDialect } from "./openai_dialect.ts";

const Z_IMAGE: SizeRule = {
  kind: "listed",
  sizes: [
    ...["512x512", "1024x1024", "1024x768", "768x1024", "1024x576", "576x1024", "1024x640", "640x1024"],
    ...["2048x2048", "2048x1536", "1536x2048", "2048x1152", "1152x2048", "2048x1280", "1280x2048"],
  ],
};
const OPEN: SizeRule = { kind: "free", multipleOf: 16, edge: [256, 2048] };

const WISHES = ["seed", "steps", "guidance", "negativePrompt", "loraWeights", "user"] as const;

const text = (id: string, more: Partial<Model<"generate">> = {}): Model<"generate"> => ({
  id,
  tasks: ["generate"],
  sizes: OPEN,
  wishes: WISHES,
  timeoutMs: 180_000,
  rating: 60,
  ...more,
});
const edit = (id: string, more: Partial<Model<"edit" | "blend">> = {}): Model<"edit" | "blend"> => ({
  id,
  tasks: ["edit", "blend"],
  maxInputs: 5,
  mask: true,
  sizes: OPEN,
  wishes: WISHES,
  timeoutMs: 180_000,
  rating: 60,
  ...more,
});
const both = (id: string): Model<"generate" | "edit" | "blend"> => ({
  ...edit(id),
  tasks: ["generate", "edit", "blend"],
});

/** Used-up allowances arrive as 400, so the words are read before the status. */
const failures: FailureRow[] = [
  {
    kind: "out_of_credit",
    text: /free API access limit|no resources|not (been )?(bought|purchased|authori[sz]ed)|资源|额度|余额/i,
  },
  { kind: "model_not_found", text: /service not found|服务不存在/i },
  { kind: "refused", text: /sensitive|moderation|content policy|违规|敏感/i },
  { kind: "key_rejected", status: 401 },
];

export const gitee = defineProvider({
  name: "Gitee",
  env: "GITEE",
  baseUrl: "https://ai.gitee.com/v1",
  keys: {
    pattern: /^[A-Za-z0-9]{30,60}$/,
    sample: "A1B2C3D4".repeat(5),
    help: "https://ai.gitee.com/dashboard/settings/tokens",
    send: bearer,
  },
  defaults: { generate: "z-image-turbo", edit: "Qwen-Image-Edit", blend: "Qwen-Image-Edit" },
  models: [
    text("z-image-turbo", { sizes: Z_IMAGE, rating: 72 }),
    text("Qwen-Image", { rating: 75 }),
    text("Qwen-Image-2512", { rating: 80 }),
    text("flux-1-schnell"),
    text("FLUX_1-Krea-dev", { rating: 68 }),
    text("LongCat-Image", { rating: 66 }),
    text("HiDream-I1-Full", { rating: 70 }),
    text("HunyuanDiT-v1.2-Diffusers-Distilled", { rating: 45 }),
    text("CogView4_6B", { rating: 58 }),
    text("stable-diffusion-3-medium", { rating: 45 }),
    text("stable-diffusion-3.5-large-turbo", { rating: 55 }),
    text("stable-diffusion-xl-base-1.0", { rating: 40 }),
    both("FLUX.1-dev"),
    both("FLUX.2-dev"),
    both("Kolors"),
    edit("Qwen-Image-Edit", { rating: 75 }),
    edit("HiDream-E1-Full"),
    edit("FLUX.1-Kontext-dev", { rating: 68 }),
    edit("HelloMeme", { rating: 40 }),
    edit("OmniConsistency", { rating: 45 }),
    edit("InstantCharacter", { rating: 45 }),
    edit("DreamO", { rating: 45 }),
    edit("LongCat-Image-Edit", { rating: 66 }),
    edit("AnimeSharp", { rating: 40 }),
  ],
  operations: openAiDialect({
    failures,
    sendsCount: false,
    imagePart: () => "image",
    responseFormat: () => "b64_json",
    fields: {
      seed: "seed",
      steps: "num_inference_steps",
      guidance: "guidance_scale",
      negativePrompt: "negative_prompt",
      loraWeights: "lora_weights",
      user: "user",
    },
  }),
  failures,
});
