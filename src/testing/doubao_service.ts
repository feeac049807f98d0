/** Doubao Seedream on Volcengine Ark, scripted: one operation for everything, and results on another host. */
import { type DoubaoCode, doubaoError, doubaoFault } from "./doubao_errors.ts";
import { type DoubaoRequest, readDoubaoRequest } from "./doubao_requests.ts";
import { ServiceWithFiles } from "./file_host.ts";
import { paint } from "./painting.ts";
import type { Refusal, Reply, ServerEvent } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";

/** What a scripted Doubao knows. */
export interface DoubaoOptions {
  /** Model id by endpoint id (`ep-…`). */
  endpoints?: Record<string, string>;
}

/** Starts a scripted Doubao. A prompt that contains "forbidden" is refused for its words. */
export function doubaoService(options: DoubaoOptions = {}): DoubaoService {
  return new DoubaoService(options);
}

type Item = Record<string, unknown> & { error?: { code: string; message: string } };

/** A running Doubao; configure `url`, and read what arrived here and at `files`. */
export class DoubaoService extends ServiceWithFiles {
  protected readonly keyPattern =
    /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|ark-[A-Za-z0-9_-]{16,})$/;
  readonly #endpoints: Record<string, string>;
  #painted = 0;
  #spoilt: Record<number, DoubaoCode> = {};

  constructor({ endpoints = { "ep-20260101000000-abcde": "doubao-seedream-4-5-251128" } }: DoubaoOptions) {
    super();
    this.#endpoints = endpoints;
  }

  protected readonly routes: Record<string, Route> = {
    "POST /api/v3/images/generations": { kind: "images", answer: (call) => this.#answer(call) },
  };

  get url(): string {
    return `${this.origin}/api/v3`;
  }

  /**
   * In the next good call the images at these places (from 0) fail with these codes. An `InternalServiceError`
   * ends the group; if no image is left, the whole answer is an error, with status 200.
   */
  spoil(images: Record<number, DoubaoCode>): void {
    this.#spoilt = images;
  }

  protected override get replyHeaders(): Record<string, string> {
    return { "x-request-id": `0217650000${this.calls.length.toString(16).padStart(36, "0")}` };
  }

  protected makeKey(serial: number): string {
    return `00000000-0000-4000-8000-${serial.toString(16).padStart(12, "0")}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "drained") return doubaoError("AccountOverdueError");
    if (trouble.kind === "limited") {
      return doubaoError("ModelAccountIpmRateLimitExceeded", { retryAfter: trouble.retryAfter });
    }
    return doubaoError("AuthenticationError");
  }

  protected refuseCall(trouble: CallTrouble): Refusal {
    if (trouble !== "unreadable body") return doubaoError("NotFound");
    return doubaoError("InvalidParameter", { message: "The request body is not valid JSON" });
  }

  async #answer(call: RecordedCall): Promise<Reply> {
    if (call.json === undefined) throw this.refuseCall("unreadable body");
    const request = readDoubaoRequest(call.json, this.#endpoints);
    if (/forbidden/i.test(request.prompt)) throw doubaoError("InputTextSensitiveContentDetected");
    const items = await this.#make(request);
    const made = items.filter(({ error }) => !error);
    const tokens = Math.round(made.length * request.pixels.width * request.pixels.height / 256);
    const summary = {
      model: request.model,
      created: Math.floor(Date.now() / 1000),
      usage: { generated_images: made.length, output_tokens: tokens, total_tokens: tokens },
      ...(made.length === 0 ? { error: items[0]!.error } : {}),
    };
    if (request.stream) return { events: eventsOf(items, summary) };
    return { json: made.length === 0 ? summary : { ...summary, data: items } };
  }

  async #make(request: DoubaoRequest): Promise<Item[]> {
    const spoilt = this.#spoilt;
    this.#spoilt = {};
    const items: Item[] = [];
    for (let index = 0; index < request.count; index++) {
      const code = spoilt[index];
      items.push(code ? { error: doubaoFault(code) } : await this.#paint(request));
      if (code === "InternalServiceError") break;
    }
    return items;
  }

  async #paint(request: DoubaoRequest): Promise<Item> {
    const format = request.output_format ?? "jpeg";
    const bytes = await paint({ ...request.pixels, format, seed: ++this.#painted });
    const image = request.response_format === "b64_json" ? { b64_json: bytes.toBase64() } : {
      url: this.files.put(bytes, `image/${format}`, "X-Tos-Expires=86400&X-Tos-Signature=0123456789abcdef"),
    };
    const size = `${request.pixels.width}x${request.pixels.height}`;
    return { ...image, size, ...(request.tellsFormat ? { output_format: format } : {}) };
  }
}

function eventsOf(items: Item[], summary: { model: string; created: number; usage: unknown }): ServerEvent[] {
  const { model, created } = summary;
  const events = items.map((item, image_index): ServerEvent => {
    const type = `image_generation.${item.error ? "partial_failed" : "partial_succeeded"}`;
    return { event: type, data: { type, model, created, image_index, ...item } };
  });
  const type = "image_generation.completed";
  return [...events, { event: type, data: { type, ...summary } }, { data: "[DONE]" }];
}
