/** Pollinations, scripted: OpenAI's dialect, images by address, a list of models and a store for inputs. */
import { readImageFacts } from "../core/media.ts";
import { ServiceWithFiles } from "./file_host.ts";
import { paint } from "./painting.ts";
import { badField, POLLINATIONS_ERRORS, pollinationsError } from "./pollinations_errors.ts";
import {
  POLLINATIONS_MODELS,
  type PollinationsRequest,
  readPollinationsAddress,
  readPollinationsEdit,
  readPollinationsGeneration,
} from "./pollinations_requests.ts";
import type { Refusal, Reply } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";

/** Starts a scripted Pollinations. A prompt that contains "forbidden" is refused. */
export function pollinationsService(): PollinationsService {
  return new PollinationsService();
}

/** A running Pollinations; configure `url`, and read what arrived here and at `files`. */
export class PollinationsService extends ServiceWithFiles {
  /** Adds to what a reply says of an image. */
  revises: (prompt: string) => string = (prompt) => prompt;
  /** Pictures are noise, in whatever size that gives; as a PNG it would have about so many bytes. */
  noiseBytes?: number;
  protected readonly keyPattern = /^(pk_[A-Za-z0-9]{16}|sk_[A-Za-z0-9]{32})$/;
  #drawn = 0;

  protected readonly routes: Record<string, Route> = {
    "POST /v1/images/generations": {
      kind: "images",
      answer: (call) => this.#answer(readPollinationsGeneration(call)),
    },
    "POST /v1/images/edits": {
      kind: "images",
      answer: async (call) => this.#answer(await readPollinationsEdit(call)),
    },
    "GET /image/models": { kind: "models", answer: () => ({ json: listModels() }) },
    "GET /v1/models": {
      kind: "models",
      answer: () => ({
        json: {
          object: "list",
          data: Object.keys(POLLINATIONS_MODELS).map((id) => ({ id, object: "model" })),
        },
      }),
    },
    "GET /image/:prompt": {
      kind: "images",
      answer: async (call, { prompt = "" }) => {
        const request = readPollinationsAddress(call, decodeURIComponent(prompt));
        return { file: { bytes: new Uint8Array(await this.#paint(request)), type: "image/jpeg" } };
      },
    },
    "POST /upload": { kind: "tasks", answer: (call) => this.#upload(call) },
  };

  get url(): string {
    return this.origin;
  }

  protected override keyOf({ key, headers, query }: RecordedCall): string | undefined {
    return key ?? headers.get("x-api-key") ?? query.get("key") ?? undefined;
  }

  protected makeKey(serial: number): string {
    return `sk_${serial.toString(36).padStart(32, "Pollen0")}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "drained") return POLLINATIONS_ERRORS.insufficient_balance;
    if (trouble.kind === "limited") {
      const { retryAfter } = trouble;
      const headers: Record<string, string> = retryAfter === undefined
        ? {}
        : { "retry-after": `${retryAfter}` };
      return pollinationsError(429, "RATE_LIMITED", "Too many requests", {}, headers);
    }
    return POLLINATIONS_ERRORS.unauthorized;
  }

  protected refuseCall(trouble: CallTrouble): Refusal {
    if (trouble === "wrong method") return pollinationsError(405, "METHOD_NOT_ALLOWED", "Method not allowed");
    if (trouble === "unknown path") return POLLINATIONS_ERRORS.not_found;
    return badField("body", "The body is not valid JSON");
  }

  async #answer(request: PollinationsRequest): Promise<Reply> {
    if (/forbidden/i.test(request.prompt)) throw POLLINATIONS_ERRORS.content_policy;
    const isVector = request.model.endsWith("-vector");
    const bytes = isVector ? draw(request) : await this.#paint(request);
    const type = isVector ? "image/svg+xml" : "image/jpeg";
    const image = request.response_format === "url"
      ? { url: this.files.put(bytes, type) }
      : { b64_json: bytes.toBase64() };
    const usage = { input_tokens: 0, output_tokens: 1, total_tokens: 1, input_tokens_details: {} };
    const revised_prompt = this.revises(request.prompt);
    const data = [{ ...image, revised_prompt, ...isVector && { media_type: type } }];
    return { json: { created: Math.floor(Date.now() / 1000), data, usage } };
  }

  /** The same request gives the same image, unless it leaves the seed to the service. */
  async #paint(request: PollinationsRequest): Promise<Uint8Array> {
    const [width = 1024, height = 1024] = request.size?.split("x").map(Number) ?? [];
    const drawn = request.seed === undefined || request.seed === -1 ? ++this.#drawn : 0;
    const words = JSON.stringify([request.prompt, request.model, request.references, request.seed, drawn]);
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(words));
    const seed = new DataView(hash).getUint16(0);
    return await paint({ width, height, format: "jpeg", seed, noiseBytes: this.noiseBytes });
  }

  async #upload({ form }: RecordedCall): Promise<Reply> {
    const file = form?.get("file");
    if (!(file instanceof File)) throw badField("file", "Required");
    const bytes = await file.bytes();
    if (!readImageFacts(bytes)) throw POLLINATIONS_ERRORS.image_type;
    const url = this.files.put(bytes, file.type);
    return { json: { id: "0123456789abcdef", url, contentType: file.type, size: bytes.length } };
  }
}

function draw({ size = "1024x1024" }: PollinationsRequest): Uint8Array {
  const [width, height] = size.split("x");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"></svg>`;
  return new TextEncoder().encode(svg);
}

function listModels() {
  const images = Object.entries(POLLINATIONS_MODELS).map(([name, { most, aliases = [], pricing }]) => ({
    name,
    aliases,
    description: "paints",
    pricing,
    input_modalities: most > 0 ? ["text", "image"] : ["text"],
    output_modalities: ["image"],
  }));
  const video = { completionVideoSeconds: 0.05 };
  return [...images, {
    name: "veo",
    pricing: video,
    input_modalities: ["text"],
    output_modalities: ["video"],
  }];
}
