/** Replicate, scripted: predictions that are held open or asked for, uploads, results on another host. */
import { readImageFacts } from "../core/media.ts";
import { ServiceWithFiles } from "./file_host.ts";
import { paint } from "./painting.ts";
import type { RecordedCall } from "./recorded_call.ts";
import {
  notFound,
  problem,
  readOfficial,
  readVersioned,
  type ReplicateRequest,
} from "./replicate_requests.ts";
import type { Refusal, Reply } from "./reply.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";

/** How a prediction goes on. */
export interface PredictionScript {
  /** What the submission and each question after it are told in turn; the last one for ever after. */
  states?: string[];
  /** What a prediction that failed says. */
  error?: string | null;
  logs?: string;
  /** Stands in for the addresses of the images that were made. */
  output?: unknown;
}

interface Prediction extends Required<Omit<PredictionScript, "output">>, Pick<PredictionScript, "output"> {
  id: string;
  key?: string;
  request: ReplicateRequest;
  asked: number;
  addresses?: string | string[];
}

/** Starts a scripted Replicate. A prompt that contains "forbidden" makes an image that nobody gets to see. */
export function replicateService(): ReplicateService {
  return new ReplicateService();
}

const NSFW = "All generated images contained NSFW content. Try running it again with a different prompt.";

/** A running Replicate; configure `url`, and read what arrived here and at `files`. */
export class ReplicateService extends ServiceWithFiles {
  protected readonly keyPattern = /^r8_[A-Za-z0-9]{37}$/;
  readonly #predictions = new Map<string, Prediction>();
  /** Uploads by id, with the key that brought them. */
  readonly #uploads = new Map<string, { key?: string; file: File }>();
  #script: PredictionScript = {};
  #painted = 0;

  protected readonly routes: Record<string, Route> = {
    "POST /v1/predictions": {
      kind: "images",
      answer: (call) => this.#create(call, readVersioned(only(call))),
    },
    "POST /v1/models/:owner/:name/predictions": {
      kind: "images",
      answer: (call, { owner, name }) => this.#create(call, readOfficial(`${owner}/${name}`, only(call))),
    },
    "POST /v1/deployments/:owner/:name/predictions": {
      kind: "images",
      answer: (call, { owner, name }) => {
        if (owner !== "acme") throw notFound();
        return this.#create(call, readOfficial(`black-forest-labs/${name}`, only(call)));
      },
    },
    "GET /v1/predictions/:id": {
      kind: "tasks",
      answer: async (call, { id }) => ({ json: await this.#tell(this.#find(call, id)) }),
    },
    "POST /v1/predictions/:id/cancel": {
      kind: "tasks",
      answer: async (call, { id }) => {
        const prediction = this.#find(call, id);
        prediction.states = ["canceled"];
        return { json: await this.#tell(prediction) };
      },
    },
    "POST /v1/files": { kind: "tasks", answer: (call) => this.#upload(call) },
    "GET /v1/account": {
      kind: "models",
      answer: () => ({ json: { type: "user", username: "painter", name: "A Painter", github_url: "" } }),
    },
  };

  get url(): string {
    return `${this.origin}/v1`;
  }

  /** What was uploaded, in order. */
  get uploads(): File[] {
    return [...this.#uploads.values()].map(({ file }) => file);
  }

  /**
   * How predictions go that are made from now on: by default they end while the submission is held open, or
   * after two questions where it isn't.
   */
  scriptPredictions(script: PredictionScript): void {
    this.#script = script;
  }

  protected override get replyHeaders(): Record<string, string> {
    return { "ratelimit-remaining": "599", "ratelimit-reset": "1" };
  }

  protected makeKey(serial: number): string {
    return `r8_${serial.toString(36).padStart(37, "Replicate0")}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "drained") {
      const detail = "You have insufficient credit to run this model. Go to " +
        "https://replicate.com/account/billing#billing to purchase credit.";
      return problem(402, detail, "Insufficient credit");
    }
    if (trouble.kind === "limited") {
      const { retryAfter } = trouble;
      const reset = `Your rate limit resets in ~${retryAfter ?? 30}s.`;
      const headers: Record<string, string> = retryAfter === undefined
        ? {}
        : { "retry-after": `${retryAfter}` };
      return problem(429, `Request was throttled. ${reset}`, "Too many requests", headers);
    }
    const passed = trouble.kind === "missing" ? "an" : "a valid";
    return problem(401, `You did not pass ${passed} authentication token`, "Unauthenticated");
  }

  protected refuseCall(trouble: CallTrouble): Refusal {
    if (trouble === "unreadable body") {
      return problem(400, "The request body is not valid JSON.", "Bad request");
    }
    if (trouble === "wrong method") return problem(405, "Method not allowed.");
    return notFound();
  }

  async #create(call: RecordedCall, request: ReplicateRequest): Promise<Reply> {
    const wait = this.#waitOf(call);
    this.#checkFiles(call, request.input);
    const forbidden = /forbidden/i.test(String(request.input.prompt));
    const last = forbidden ? "failed" : "succeeded";
    const id = `s${(this.#predictions.size + 1).toString(36).padStart(25, "0")}`;
    const {
      states = wait === undefined ? ["starting", "processing", last] : [last],
      error = forbidden ? NSFW : null,
      logs = "",
      output,
    } = this.#script;
    const prediction = { id, key: call.key, request, asked: 0, states, error, logs, output };
    this.#predictions.set(id, prediction);
    const json = await this.#tell(prediction);
    const headers: Record<string, string> = wait === undefined
      ? {}
      : { "preference-applied": `wait=${wait}` };
    return {
      status: json.status === "processing" ? 202 : 201,
      json,
      headers,
      empty: { ...json, status: "succeeded", output: [] },
    };
  }

  #waitOf({ headers }: RecordedCall): number | undefined {
    const prefer = headers.get("prefer");
    if (prefer === null) return undefined;
    const [, seconds = "60"] = /^wait(?:=(\d+))?$/.exec(prefer) ?? [undefined, "0"];
    if (Number(seconds) >= 1 && Number(seconds) <= 60) return Number(seconds);
    throw problem(400, "The Prefer header must be wait or wait=1 to wait=60.", "Bad request");
  }

  /** An upload is there for the account that brought it. */
  #checkFiles({ key }: RecordedCall, input: Record<string, unknown>): void {
    const own = `${this.url}/files/`;
    const missing = Object.values(input).flat().find((value) =>
      typeof value === "string" && value.startsWith(own) &&
      this.#uploads.get(value.slice(own.length))?.key !== key
    );
    if (missing !== undefined) throw notFound();
  }

  /** @throws Refusal for a prediction that isn't there, or is not of the account that asks. */
  #find({ key }: RecordedCall, id = ""): Prediction {
    const prediction = this.#predictions.get(id);
    if (!prediction || prediction.key !== key) throw notFound();
    return prediction;
  }

  async #tell(prediction: Prediction) {
    const { id, request, states, error, logs } = prediction;
    const status = states[Math.min(prediction.asked++, states.length - 1)]!;
    const isGood = status === "succeeded";
    const isOver = !["queued", "starting", "processing"].includes(status);
    const address = `${this.url}/predictions/${id}`;
    const now = new Date().toISOString();
    return {
      id,
      model: request.model,
      version: "hidden",
      input: request.input,
      logs,
      output: !isGood
        ? null
        : prediction.output === undefined
        ? await this.#paint(prediction)
        : prediction.output,
      data_removed: false,
      error: status === "failed" ? error : null,
      status,
      created_at: now,
      started_at: status === "starting" ? null : now,
      completed_at: isOver ? now : null,
      urls: { get: address, cancel: `${address}/cancel`, web: `https://replicate.com/p/${id}` },
      metrics: isGood ? { predict_time: 1.25 } : {},
    };
  }

  async #paint(prediction: Prediction): Promise<string | string[]> {
    if (prediction.addresses) return prediction.addresses;
    const { input, output } = prediction.request;
    const count = output === "list" ? Number(input.num_outputs ?? 1) : 1;
    const format = input.output_format === "jpg" ? "jpeg" : input.output_format === "png" ? "png" : "webp";
    const { width = 64, height = 64 } = input as { width?: number; height?: number };
    const addresses: string[] = [];
    for (let made = 0; made < count; made++) {
      const bytes = await paint({ width, height, format, seed: ++this.#painted });
      addresses.push(this.files.put(bytes, `image/${format}`));
    }
    return prediction.addresses = output === "list" ? addresses : addresses[0]!;
  }

  async #upload({ key, form }: RecordedCall): Promise<Reply> {
    const file = form?.get("content");
    if (!(file instanceof File)) throw problem(400, "Missing content", "Bad request");
    if (!readImageFacts(await file.bytes())) {
      throw problem(422, "The content is not an image.", "Bad content");
    }
    const id = `upload${this.#uploads.size + 1}`;
    this.#uploads.set(id, { key, file });
    const hour = 60 * 60_000;
    return {
      status: 201,
      json: {
        id,
        name: file.name,
        content_type: file.type,
        size: file.size,
        etag: "0123456789abcdef",
        checksums: { sha256: "0".repeat(64), md5: "0".repeat(32) },
        metadata: {},
        created_at: new Date().toISOString(),
        expires_at: new Date(Date.now() + 24 * hour).toISOString(),
        urls: { get: `${this.url}/files/${id}` },
      },
    };
  }
}

function only({ json }: RecordedCall): unknown {
  if (json === undefined) throw problem(400, "The request body is not valid JSON.", "Bad request");
  return json;
}
