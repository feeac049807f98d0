/** A reseller's relay, such as new-api: OpenAI's images API with models of all sorts behind it, scripted. */
import { z } from "zod";
import { readImageFacts } from "../core/media.ts";
import { ServiceWithFiles } from "./file_host.ts";
import { paint } from "./painting.ts";
import { Refusal, type Reply } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";
import { type Complaint, readForm, strictly } from "./strict_body.ts";

/** What a scripted relay offers, and how. */
export interface NewApiOptions {
  models?: string[];
  /** In which form images come: as `response_format` asks (a URL where it says nothing), or always the same. */
  answers?: "as asked" | "url" | "b64_json";
}

/** How a relay goes on that answers with a task instead of an image. */
export interface TaskScript {
  /** What the submission is told. */
  submitted: (task: { id: string; origin: string }) => unknown;
  /** What each question is told in turn, made of the image that will come; the last one for ever after. */
  polled?: ((image: { url: string; b64_json: string; id: string }) => unknown)[];
  /** Where questions are answered; anywhere else the task is not known. Default `/v1/tasks`. */
  at?: string;
}

interface Task {
  script: TaskScript;
  image: { url: string; b64_json: string; id: string };
  asked: number;
}

/** Starts a scripted relay. A prompt that contains "forbidden" is blocked by what is behind it. */
export function newApiService(options: NewApiOptions = {}): NewApiService {
  return new NewApiService(options);
}

// Loose, because a relay hands on the fields that it doesn't know.
const fields = {
  model: z.string().min(1),
  prompt: z.string().min(1),
  n: z.int().min(1).max(10).nullish(),
  size: z.string().regex(/^(auto|\d+x\d+)$/).nullish(),
  quality: z.string().nullish(),
  response_format: z.enum(["url", "b64_json"]).nullish(),
};
const generation = z.looseObject(fields);
const file = z.instanceof(File);
const edit = z.looseObject({
  ...fields,
  image: z.union([file, z.array(file)]).optional(),
  mask: file.optional(),
});

/** A running relay; configure `url`, and read what arrived here and at `files`. */
export class NewApiService extends ServiceWithFiles {
  /** All pictures that were made, in order. */
  readonly painted: Uint8Array[] = [];
  /** Pictures are noise of about so many bytes, in whatever size that gives. */
  noiseBytes?: number;
  protected readonly keyPattern = /^sk-[A-Za-z0-9]{48}$/;
  readonly #models: string[];
  readonly #answers: NonNullable<NewApiOptions["answers"]>;
  readonly #tasks = new Map<string, Task>();
  #script?: TaskScript;

  constructor(
    { models = ["gpt-image-2", "flux-1.1-pro", "seedream-4.5"], answers = "as asked" }: NewApiOptions,
  ) {
    super();
    this.#models = models;
    this.#answers = answers;
  }

  protected readonly routes: Record<string, Route> = {
    "POST /v1/images/generations": {
      kind: "images",
      answer: (call) => this.#images(strictly(generation, call.json ?? {}, refuse)),
    },
    "POST /v1/images/edits": { kind: "images", answer: (call) => this.#edit(call) },
    "GET /v1/tasks/:id": { kind: "tasks", answer: (call, { id }) => this.#poll(call, id) },
    "GET /v1/images/generations/:id": { kind: "tasks", answer: (call, { id }) => this.#poll(call, id) },
    "GET /v1/queue/:id/state": { kind: "tasks", answer: (call, { id }) => this.#poll(call, id) },
    "GET /v1/models": {
      kind: "models",
      answer: () => ({
        json: {
          object: "list",
          success: true,
          data: this.#models.map((id) => ({
            id,
            object: "model",
            created: 1_626_777_600,
            owned_by: "custom",
          })),
        },
      }),
    },
  };

  get url(): string {
    return `${this.origin}/v1`;
  }

  /** From now on requests are answered with tasks. */
  scriptTasks(script: TaskScript): void {
    this.#script = script;
  }

  protected makeKey(serial: number): string {
    return `sk-${serial.toString(36).padStart(48, "NewApiToken0")}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "drained") {
      return newApiError(
        403,
        "User quota is not enough, remaining quota: ＄0.000000",
        "insufficient_user_quota",
      );
    }
    if (trouble.kind === "limited") {
      const { status, body } = newApiError(429, "You have reached the request limit");
      return new Refusal(
        status,
        body,
        trouble.retryAfter === undefined ? {} : { "retry-after": `${trouble.retryAfter}` },
      );
    }
    return newApiError(401, "Invalid token");
  }

  protected refuseCall(trouble: CallTrouble, { method, path }: RecordedCall): Refusal {
    if (trouble === "unreadable body") return newApiError(400, "Invalid request, invalid JSON request body");
    return new Refusal(404, {
      error: {
        message: `Invalid URL (${method} ${path})`,
        type: "invalid_request_error",
        param: "",
        code: "",
      },
    });
  }

  async #edit({ form }: RecordedCall): Promise<Reply> {
    if (!form) throw newApiError(400, "Invalid request, failed to parse multipart form");
    const body = readForm(form, { numbers: ["n"], booleans: ["stream"] });
    const { image = body["image[]"], ...request } = strictly(edit, body, refuse);
    const pictures = z.array(file).min(1).safeParse([image].flat());
    if (!pictures.success) throw newApiError(400, "image is required");
    for (const picture of pictures.data) {
      if (!readImageFacts(await picture.bytes())) throw newApiError(400, "image is not a valid image");
    }
    return this.#images(request);
  }

  async #images(request: z.output<typeof generation>): Promise<Reply> {
    if (!this.#models.includes(request.model)) {
      const message = `No available channel for model ${request.model} under group default (distributor)`;
      throw newApiError(503, message, "model_not_found");
    }
    if (/forbidden/i.test(request.prompt)) {
      throw new Refusal(400, {
        error: {
          message:
            "Your request was rejected by the safety system. (request id: 2026112100000000000000000000)",
          type: "image_generation_user_error",
          param: "",
          code: "moderation_blocked",
        },
      });
    }
    if (this.#script) return this.#submit(request, this.#script);
    const data = [];
    for (let made = 0; made < (request.n ?? 1); made++) data.push(await this.#paint(request));
    return { json: { created: Math.floor(Date.now() / 1000), data } };
  }

  async #submit(request: z.output<typeof generation>, script: TaskScript): Promise<Reply> {
    const id = `task-${this.#tasks.size + 1}`;
    const { url = "" } = await this.#paint({ ...request, response_format: "url" });
    const { b64_json = "" } = await this.#paint({ ...request, response_format: "b64_json" });
    this.#tasks.set(id, { script, image: { url, b64_json, id }, asked: 0 });
    return { json: script.submitted({ id, origin: this.origin }) };
  }

  /** @throws Refusal where the task is not known */
  #poll({ path }: RecordedCall, id = ""): Reply {
    const task = this.#tasks.get(id);
    const { at = "/v1/tasks", polled = [] } = task?.script ?? {};
    if (!task || !path.startsWith(`${at}/`)) throw newApiError(404, "task not found");
    return { json: polled[Math.min(task.asked++, polled.length - 1)]?.(task.image) };
  }

  async #paint({ size, response_format }: z.output<typeof generation>) {
    const [width = 1024, height = 1024] = size && size !== "auto" ? size.split("x").map(Number) : [];
    const seed = this.painted.length + 1;
    const bytes = await paint({ width, height, seed, noiseBytes: this.noiseBytes });
    this.painted.push(bytes);
    const form = this.#answers === "as asked" ? response_format ?? "url" : this.#answers;
    return form === "url" ? { url: this.files.put(bytes, "image/png") } : { b64_json: bytes.toBase64() };
  }
}

/** A refusal in the relay's own shape; what comes from behind it keeps its type. */
export function newApiError(status: number, message: string, code = ""): Refusal {
  const told = `${message} (request id: 2026112100000000000000000000)`;
  return new Refusal(status, { error: { message: told, type: "new_api_error", code } });
}

function refuse({ param, issue }: Complaint): Refusal {
  return newApiError(400, `Invalid request, field ${param}: ${issue.message}`, "invalid_request");
}
