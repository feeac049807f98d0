/** OpenAI's images API, scripted: as strict as the real one, for free and on this machine. */
import { incorrectKey, OPENAI_ERRORS, openAiError } from "./openai_errors.ts";
import {
  OPENAI_MODELS,
  type OpenAiRequest,
  readEditForm,
  readEditJson,
  readGeneration,
} from "./openai_requests.ts";
import { paint } from "./painting.ts";
import { Refusal, type Reply, type ServerEvent } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { type CallTrouble, type KeyTrouble, type Route, ScriptedService } from "./scripted_service.ts";

/** Starts a scripted OpenAI. A prompt that contains "forbidden" is blocked by moderation. */
export function openAiService(): OpenAiService {
  return new OpenAiService();
}

/** Tokens of one image of 1024x1024, by quality. */
const TOKENS: Record<string, number> = { low: 272, medium: 1056, high: 4160, xhigh: 6240, max: 8320 };

/** One painted image, in the words of a reply. */
interface Painted {
  b64_json: string;
  facts: { size: string; quality: string; background: string; output_format: string };
}

/** A running OpenAI; configure `url`, and read what arrived. */
export class OpenAiService extends ScriptedService {
  /** All pictures that were made, in order. */
  readonly painted: Uint8Array[] = [];
  /** Pictures are noise of about so many bytes, in whatever size that gives. */
  noiseBytes?: number;
  /** What a picture is said to have been made from, as older models told it. */
  revise?: (prompt: string) => string;
  /** What previews show. Default: the picture itself. */
  preview?: Uint8Array;
  /** How many pictures a reply holds beyond those that were asked for. */
  extra = 0;
  protected readonly keyPattern = /^sk-[A-Za-z0-9_-]{20,}$/;

  protected readonly routes: Record<string, Route> = {
    "POST /v1/images/generations": {
      kind: "images",
      answer: (call) => this.#answer(readGeneration(onlyJson(call)), "image_generation"),
    },
    "POST /v1/images/edits": {
      kind: "images",
      answer: async (call) =>
        this.#answer(call.form ? await readEditForm(call.form) : readEditJson(onlyJson(call)), "image_edit"),
    },
    "POST /v1/images/variations": {
      kind: "images",
      answer: () => {
        throw openAiError(404, "The endpoint /v1/images/variations has been retired. Use /v1/images/edits.");
      },
    },
    "GET /v1/models": {
      kind: "models",
      answer: () => ({ json: { object: "list", data: Object.keys(OPENAI_MODELS).map(modelEntry) } }),
    },
    "GET /v1/models/:id": {
      kind: "models",
      answer: (_call, { id = "" }) => {
        if (id in OPENAI_MODELS) return { json: modelEntry(id) };
        throw openAiError(404, `The model '${id}' does not exist`, {
          param: "model",
          code: "model_not_found",
        });
      },
    },
  };

  get url(): string {
    return `${this.origin}/v1`;
  }

  protected override get replyHeaders(): Record<string, string> {
    return {
      "openai-organization": "org-scripted",
      "openai-processing-ms": "1",
      "openai-version": "2020-10-01",
      "x-request-id": `req_${this.calls.length.toString().padStart(32, "0")}`,
    };
  }

  protected makeKey(serial: number): string {
    return `sk-proj-${serial.toString(36).padStart(40, "Abcd0123_-")}`;
  }

  protected refuseKey(trouble: KeyTrouble, { key = "" }: RecordedCall): Refusal {
    if (trouble.kind === "drained") return OPENAI_ERRORS.insufficient_quota;
    if (trouble.kind === "rejected") return incorrectKey(key);
    if (trouble.kind === "limited") {
      const { status, body } = OPENAI_ERRORS.rate_limit_exceeded;
      return new Refusal(
        status,
        body,
        trouble.retryAfter === undefined ? {} : { "retry-after": `${trouble.retryAfter}` },
      );
    }
    return openAiError(
      401,
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    );
  }

  protected refuseCall(trouble: CallTrouble, { method, path }: RecordedCall): Refusal {
    if (trouble === "unknown path") return openAiError(404, `Invalid URL (${method} ${path})`);
    if (trouble === "unreadable body") {
      return openAiError(400, "We could not parse the body of your request.");
    }
    const message =
      `Not allowed to ${method} on ${path}. (HINT: Perhaps you meant to use a different HTTP method?)`;
    return openAiError(405, message, { code: "method_not_supported" });
  }

  async #answer(request: OpenAiRequest, operation: "image_generation" | "image_edit"): Promise<Reply> {
    if (/forbidden/i.test(request.prompt)) throw OPENAI_ERRORS.moderation_blocked;
    const count = (request.n ?? 1) + this.extra;
    const images: Painted[] = [];
    for (let made = 0; made < count; made++) images.push(await this.#paint(request));
    if (request.stream) return { events: eventsOf(operation, request, images, this.preview) };
    const data = images.map(({ b64_json }) => ({ b64_json, revised_prompt: this.revise?.(request.prompt) }));
    return {
      json: { created: now(), ...images[0]!.facts, data, usage: usageOf(request, images[0]!, count) },
    };
  }

  async #paint(request: OpenAiRequest): Promise<Painted> {
    const size = request.size && request.size !== "auto" ? request.size : "1024x1024";
    const [width, height] = size.split("x").map(Number) as [number, number];
    const format = request.output_format ?? "png";
    const seed = this.painted.length + 1;
    const bytes = await paint({ width, height, format, seed, noiseBytes: this.noiseBytes });
    this.painted.push(bytes);
    const quality = request.quality && request.quality !== "auto" ? request.quality : "medium";
    const background = request.background === "transparent" ? "transparent" : "opaque";
    return { b64_json: bytes.toBase64(), facts: { size, quality, background, output_format: format } };
  }
}

/** For each image its previews, and then the image with what it cost. */
function eventsOf(
  operation: string,
  request: OpenAiRequest,
  images: Painted[],
  preview?: Uint8Array,
): ServerEvent[] {
  return images.flatMap(({ b64_json, facts }) => {
    const shared = { b64_json, created_at: now(), ...facts };
    const previews = Array.from({ length: request.partial_images ?? 0 }, (_, partial_image_index) => {
      const type = `${operation}.partial_image`;
      const shown = { ...shared, b64_json: preview?.toBase64() ?? b64_json };
      return { event: type, data: { type, ...shown, partial_image_index } };
    });
    const type = `${operation}.completed`;
    return [...previews, {
      event: type,
      data: { type, ...shared, usage: usageOf(request, { b64_json, facts }, 1) },
    }];
  });
}

function usageOf(request: OpenAiRequest, { facts }: Painted, count: number) {
  const [width, height] = facts.size.split("x").map(Number) as [number, number];
  const text = Math.ceil(request.prompt.length / 4);
  const seen = request.inputs * (request.input_fidelity === "high" ? 4483 : 323);
  const made = count * Math.round(TOKENS[facts.quality]! * width * height / 1024 ** 2);
  return {
    total_tokens: text + seen + made,
    input_tokens: text + seen,
    output_tokens: made,
    input_tokens_details: { text_tokens: text, image_tokens: seen },
    output_tokens_details: { image_tokens: made, text_tokens: 0 },
  };
}

function modelEntry(id: string) {
  return { id, object: "model", created: 1_745_517_030, owned_by: "system" };
}

function onlyJson(call: RecordedCall): unknown {
  if (call.json !== undefined) return call.json;
  const type = call.headers.get("content-type") ?? "";
  const message =
    `Unsupported content type: '${type}'. This API method only accepts 'application/json' requests, ` +
    `but you specified the header 'Content-Type: ${type}'. Please try again with a supported content type.`;
  throw openAiError(400, message, { code: "unsupported_content_type" });
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
