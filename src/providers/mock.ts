/** A provider that needs no account: it paints real pictures on this machine, and fails on demand. */
import { Failed, type FailureKind } from "../core/failure.ts";
import { Media } from "../core/media.ts";
import { type Call, defineProvider, type Made } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { paint } from "./mock/painter.ts";

/** Words in a prompt that make it fail, so that a person can see what their client does then. */
const FAILURES: Record<string, FailureKind> = {
  "[refuse]": "refused",
  "[fail]": "overloaded",
  "[limit]": "rate_limited",
  "[dead key]": "key_rejected",
  "[no credit]": "out_of_credit",
  "[empty]": "empty_reply",
  "[garbage]": "malformed_reply",
};

export const mock = defineProvider({
  name: "Mock",
  baseUrl: "mock:",
  keyless: true,
  weight: 0,
  keys: { pattern: /^mock-\S+$/, sample: "mock-demo", send: () => ({}) },
  models: [{
    id: "mock-painter",
    tasks: ["generate", "edit", "blend", "variation"],
    maxImages: 4,
    maxInputs: 16,
    mask: true,
    maxPartials: 3,
    sizes: { kind: "free", edge: [16, 4096] },
    defaultSize: "1024x1024",
    wishes: ["seed", "outputFormat", "outputCompression", "background", "user"],
    prices: { images: [{ usd: 0 }] },
    rating: 0,
  }],
  operations: { generate: make, edit: make, variation: make },
});

async function make(request: ImageRequest, call: Call): Promise<Made> {
  const prompt = request.prompt.toLowerCase();
  const slow = /\[slow (\d{1,3})s?\]/.exec(prompt);
  if (slow) await call.sleep(Number(slow[1]) * 1000);
  for (const [word, kind] of Object.entries(FAILURES)) {
    if (prompt.includes(word)) throw new Failed({ kind, message: `the prompt asked for it with ${word}` });
  }
  const inputs = await Promise.all(request.inputs.map((input) => input.bytes(call.signal)));
  const first = request.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
  const { width, height } = request.size ?? { width: 1024, height: 1024 };
  const painting = {
    prompt: request.prompt,
    title: TITLES[request.task](inputs.length),
    inputs,
    format: request.outputFormat,
    quality: request.outputCompression,
    transparent: request.background === "transparent",
  };
  for (let index = 0; index < request.partialImages; index++) {
    const share = (index + 1) / (request.partialImages + 1);
    const preview = {
      ...painting,
      seed: first,
      width: Math.ceil(width * share),
      height: Math.ceil(height * share),
    };
    call.partial(Media.fromBytes(await paint(preview, call.signal)), index);
  }
  const seeds = Array.from({ length: request.n ?? 1 }, (_, index) => first + index);
  const pictures = await Promise.all(
    seeds.map((seed) => paint({ ...painting, seed, width, height }, call.signal)),
  );
  return { images: pictures.map((bytes, index) => ({ media: Media.fromBytes(bytes), seed: seeds[index] })) };
}

const TITLES: Record<ImageRequest["task"], (inputs: number) => string | undefined> = {
  generate: () => undefined,
  edit: (inputs) => inputs > 1 ? `Edit of ${inputs} images` : "Edit",
  blend: (inputs) => `Blend of ${inputs} images`,
  variation: () => "Variation",
};
