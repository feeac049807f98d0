/**
 * Hugging Face, by its two doors: the inference router, where a token pays one of several services for a model of
 * the hub, and Spaces, the apps of its community, which work without a token and cost nothing.
 */
import { defineProvider, type Model, type Operation, type ServedModels } from "../../core/provider.ts";
import type { SizeRule } from "../../core/size.ts";
import { bearer } from "../bearer.ts";
import { FAILURES } from "./failures.ts";
import { createRouter, ROUTER_URL } from "./router.ts";
import { createSpaces } from "./spaces.ts";

const OPEN: SizeRule = { kind: "free", multipleOf: 16, edge: [256, 2048] };

type Row = Model<"generate" | "edit" | "blend">;

/** A model of the hub; who serves it is found out when it is asked for. */
const routed = (id: string, tasks: Row["tasks"], more: Partial<Row> = {}): Row => ({
  id,
  tasks,
  maxInputs: tasks.includes("blend") ? 4 : 1,
  inputs: { types: ["image/png", "image/jpeg", "image/webp"] },
  sizes: OPEN,
  wishes: ["seed", "steps", "guidance", "negativePrompt", "loraWeights"],
  timeoutMs: 180_000,
  rating: 60,
  ...more,
});

/** A model that is served by Spaces. */
const inSpace = (id: string, hosts: readonly string[], more: Partial<Row> = {}): Row => ({
  id,
  tasks: ["generate"],
  hosts: hosts.map((host) => `https://${host}.hf.space`),
  keyless: true,
  inputs: { types: ["image/png", "image/jpeg", "image/webp"] },
  sizes: OPEN,
  wishes: ["seed", "steps", "guidance", "negativePrompt"],
  // Callers stand in line before the Space's processors.
  timeoutMs: 300_000,
  prices: { images: [{ usd: 0 }] },
  rating: 60,
  ...more,
});

const ALL: Row["tasks"] = ["generate", "edit", "blend"];
const EDITS: Row["tasks"] = ["edit", "blend"];
const Z_IMAGE_TURBO: Partial<Row> = { defaultSize: "1024x1024", wishes: ["seed", "steps"], rating: 72 };

const spaces: Row[] = [
  inSpace("z-image-turbo", ["mrfakename-z-image-turbo", "luca115-z-image-turbo"], Z_IMAGE_TURBO),
  inSpace("z-image", ["mrfakename-z-image"], { defaultSize: "1024x1024", rating: 74 }),
  inSpace("z-image-portrait", ["linoyts-z-image-portrait", "prokofyev8-z-image-portrait"], Z_IMAGE_TURBO),
  inSpace("flux-1-schnell", ["black-forest-labs-flux-1-schnell"], {
    defaultSize: "1024x1024",
    wishes: ["seed", "steps"],
  }),
  inSpace("Qwen-Image-Edit-2511", ["linoyts-qwen-image-edit-2511-fast", "lenml-qwen-image-edit-2511-fast"], {
    tasks: EDITS,
    maxInputs: 3,
    wishes: ["seed", "steps", "guidance"],
    rating: 78,
  }),
];

const askRouter = createRouter();
const askSpaces = createSpaces();

/** A model with addresses of its own is in Spaces; all others are the router's. */
const make: Operation = (request, call) => (call.hosts.length > 0 ? askSpaces : askRouter)(request, call);

export const huggingFace = defineProvider({
  name: "HuggingFace",
  env: "HUGGINGFACE",
  baseUrl: ROUTER_URL,
  ownHosts: ["huggingface.co", "router.huggingface.co", "*.hf.space"],
  keys: {
    pattern: /^hf_\S+$/,
    sample: "hf_" + "AbCdEfGhIjKlMnOpQ".repeat(2),
    help: "https://huggingface.co/settings/tokens",
    send: bearer,
  },
  defaults: { generate: "z-image-turbo", edit: "Qwen-Image-Edit-2511", blend: "Qwen-Image-Edit-2511" },
  // Any model of the hub; `:fal-ai` after it names who is to serve it.
  unlisted: { pattern: /^\w[\w.-]*\/\w[\w.-]*(:[a-z][a-z0-9-]*)?$/, like: "black-forest-labs/FLUX.2-dev" },
  models: [
    ...spaces,
    routed("black-forest-labs/FLUX.1-dev", ["generate"], { rating: 66 }),
    routed("black-forest-labs/FLUX.1-schnell", ["generate"]),
    routed("black-forest-labs/FLUX.1-Kontext-dev", ["edit"], { rating: 68 }),
    routed("black-forest-labs/FLUX.2-dev", ALL, { rating: 80 }),
    routed("black-forest-labs/FLUX.2-klein-9B", ALL, { rating: 74 }),
    routed("Qwen/Qwen-Image", ["generate"], { rating: 75 }),
    routed("Qwen/Qwen-Image-Edit", EDITS, { rating: 75 }),
    routed("stabilityai/stable-diffusion-3-medium-diffusers", ["generate"], { rating: 45 }),
  ],
  operations: { generate: make, edit: make },
  failures: FAILURES,
  configured: ({ hfModelMap }) => Object.entries(hfModelMap).flatMap(mapped),
});

/** A row of `hfModelMap`. Of a model that nothing is known of, its name tells whether it edits. */
function mapped([id, entry]: [string, ServedModels["hfModelMap"][string]]): Model[] {
  const hosts = [entry?.main, entry?.backup].filter((host) => typeof host === "string" && host !== "");
  if (hosts.length === 0) return [];
  const known = spaces.find((row) => row.id.toLowerCase() === id.toLowerCase());
  const edits = { tasks: EDITS, maxInputs: 3 };
  const row = known ?? inSpace(id, [], /edit|kontext|img2img/i.test(id) ? edits : {});
  return [{ ...row, hosts: hosts as string[] }];
}
