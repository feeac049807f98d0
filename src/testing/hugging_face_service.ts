/** Hugging Face, scripted: the hub that says who serves a model, the router with those behind it, and a Space. */
import { readImageFacts } from "../core/media.ts";
import type { Size } from "../core/request.ts";
import { ServiceWithFiles } from "./file_host.ts";
import { GradioApp } from "./gradio_app.ts";
import { readRouted, type RoutedRequest } from "./hugging_face_requests.ts";
import { paint } from "./painting.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { Refusal, type Reply } from "./reply.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";

/** How the jobs of a service behind the router go on. */
export interface RouterJobScript {
  /** What each question is told in turn; the last one for ever after. */
  states?: string[];
  /** What a job that failed says. */
  error?: string;
  /** Answers the question for the result with this, as fal does where a job failed. */
  refusal?: Refusal;
  /** Whether the picture is one that nobody may see. */
  isUnsafe?: boolean;
}

interface RouterJob extends RouterJobScript {
  request: RoutedRequest;
  key?: string;
  asked: number;
}

/** A row of the hub's list of who serves a model. */
export interface HubMapping {
  providerId: string;
  status: "live" | "staging";
  task: string;
  adapter?: string;
  adapterWeightsPath?: string;
}

const generate = (providerId: string): HubMapping => ({ providerId, status: "live", task: "text-to-image" });
const edit = (providerId: string): HubMapping => ({ providerId, status: "live", task: "image-to-image" });

const MAPPINGS: Record<string, Record<string, HubMapping>> = {
  "black-forest-labs/FLUX.1-dev": {
    "fal-ai": generate("fal-ai/flux/dev"),
    replicate: generate("black-forest-labs/flux-dev"),
    wavespeed: generate("wavespeed-ai/flux-dev"),
    nebius: generate("black-forest-labs/flux-dev"),
  },
  "black-forest-labs/FLUX.1-schnell": {
    nscale: generate("black-forest-labs/FLUX.1-schnell"),
    together: { ...generate("black-forest-labs/FLUX.1-schnell"), status: "staging" },
  },
  "black-forest-labs/FLUX.1-Kontext-dev": { together: edit("black-forest-labs/FLUX.1-kontext-dev") },
  "black-forest-labs/FLUX.2-dev": {
    nscale: generate("black-forest-labs/FLUX.2-dev"),
    together: edit("black-forest-labs/FLUX.2-dev"),
    wavespeed: edit("wavespeed-ai/flux-2-dev/edit"),
  },
  "black-forest-labs/FLUX.2-klein-9B": {
    "fal-ai": edit("fal-ai/flux-2/klein/9b/edit"),
    replicate: edit("black-forest-labs/flux-2-klein-9b"),
  },
  "stabilityai/stable-diffusion-3-medium-diffusers": {
    "hf-inference": generate("stabilityai/stable-diffusion-3-medium-diffusers"),
  },
  "timbrooks/instruct-pix2pix": { "hf-inference": edit("timbrooks/instruct-pix2pix") },
  "zai-org/GLM-Image": { "zai-org": generate("glm-image") },
  "painter/strokes-lora": {
    "fal-ai": { ...generate("fal-ai/lora"), adapter: "lora", adapterWeightsPath: "strokes.safetensors" },
  },
};

/** Starts a scripted Hugging Face. A prompt that contains "forbidden" is refused by whoever serves it. */
export function huggingFaceService(): HuggingFaceService {
  return new HuggingFaceService();
}

/** A running Hugging Face; configure `url`, and read what arrived here and at `files`. */
export class HuggingFaceService extends ServiceWithFiles {
  /** A Space at the provider's own host. */
  readonly space = new GradioApp(() => this.origin);
  /** Who serves which model; tests may change it. */
  readonly mappings: Record<string, Record<string, HubMapping> | (HubMapping & { provider: string })[]> =
    structuredClone(MAPPINGS);
  protected readonly keyPattern = /^hf_[A-Za-z0-9]{20,}$/;
  readonly #jobs: RouterJob[] = [];
  /** Jobs that were taken back. */
  readonly cancelled: string[] = [];
  #script: RouterJobScript = {};
  #painted = 0;

  protected readonly routes: Record<string, Route> = {
    ...this.space.routes,
    "GET /api/models/:owner/:name": {
      kind: "models",
      answer: (call, params) => this.#whoServes(call, params),
    },
    "POST /hf-inference/models/:owner/:name": this.#serve((call, { owner, name }) => {
      this.#demand("hf-inference", `${owner}/${name}`);
      return this.#inference(readRouted("hf-inference", call));
    }),
    "POST /fal-ai/:id(.*)": this.#serve((call, { id }) => {
      this.#demand("fal-ai", id);
      return this.#fal(call);
    }),
    "GET /fal-ai/fal-ai/queued/requests/:id/status": this.#question((call, id) => {
      demandQueue(call);
      return { json: { status: this.#next(this.#job(call, id), ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]) } };
    }),
    "GET /fal-ai/fal-ai/queued/requests/:id": this.#question(async (call, id) => {
      demandQueue(call);
      const job = this.#job(call, id);
      if (/forbidden/i.test(job.request.prompt)) throw FAL_CONTENT;
      if (job.refusal) throw job.refusal;
      const url = await this.#put(job.request.size);
      const has_nsfw_concepts = [job.isUnsafe ?? false];
      return { json: { images: [{ url, content_type: "image/png" }], seed: 7, has_nsfw_concepts } };
    }),
    "PUT /fal-ai/fal-ai/queued/requests/:id/cancel": this.#question((call, id) => {
      demandQueue(call);
      this.#job(call, id);
      this.cancelled.push(id);
      return { status: 202, json: { status: "CANCELLATION_REQUESTED" } };
    }),
    "POST /together/v1/images/generations": this.#serve((call) => this.#inline(call, "together")),
    "POST /nscale/v1/images/generations": this.#serve((call) => this.#inline(call, "nscale")),
    "POST /replicate/v1/models/:owner/:name/predictions": this.#serve((call, { owner, name }) => {
      this.#demand("replicate", `${owner}/${name}`);
      return this.#predict(call);
    }),
    "POST /replicate/v1/predictions": this.#serve((call) => this.#predict(call)),
    "GET /replicate/v1/predictions/:id": this.#question((call, id) =>
      this.#prediction(this.#job(call, id), id)
    ),
    "POST /wavespeed/api/v3/:id(.*)": this.#serve((call, { id }) => {
      this.#demand("wavespeed", id);
      const request = readRouted("wavespeed", call);
      const job = this.#take(call, request);
      return { json: { code: 200, message: "success", data: { ...this.#wave(job), status: "created" } } };
    }),
    "GET /wavespeed/api/v3/predictions/:id/result": this.#question(async (call, id) => {
      const job = this.#job(call, id);
      const isRefused = /forbidden/i.test(job.request.prompt);
      const status = this.#next(job, isRefused ? ["failed"] : ["processing", "completed"]);
      const outputs = status === "completed" && !job.isUnsafe ? [await this.#put(job.request.size)] : [];
      const error = isRefused ? "content flagged as potentially inappropriate" : job.error ?? "";
      const data = { ...this.#wave(id), status, outputs, error, has_nsfw_contents: [job.isUnsafe ?? false] };
      return { json: { code: 200, message: "success", data } };
    }),
    "POST /zai-org/api/paas/v4/async/images/generations": this.#serve((call) => {
      demandZaiHeaders(call);
      const request = readRouted("zai-org", call);
      this.#demand("zai-org", request.model);
      if (/forbidden/i.test(request.prompt)) {
        throw new Refusal(400, { error: { code: "1301", message: ZAI_CONTENT } });
      }
      const id = this.#take(call, request);
      return { json: { id, request_id: `r-${id}`, task_status: "PROCESSING", model: request.model } };
    }),
    "GET /zai-org/api/paas/v4/async-result/:id": this.#question(async (call, id) => {
      demandZaiHeaders(call);
      const job = this.#job(call, id);
      const task_status = this.#next(job, ["PROCESSING", "SUCCESS"]);
      const image_result = task_status === "SUCCESS"
        ? [{ url: await this.#put(job.request.size) }]
        : undefined;
      return { json: { id, task_status, image_result } };
    }),
  };

  get url(): string {
    return this.origin;
  }

  /** How jobs go that are submitted from now on; by default they wait a while, and succeed. */
  scriptJobs(script: RouterJobScript): void {
    this.#script = script;
  }

  protected makeKey(serial: number): string {
    return `hf_${serial.toString(36).padStart(34, "HuggingFace0")}`;
  }

  protected refuseKey(trouble: KeyTrouble, { path }: RecordedCall): Refusal {
    if (trouble.kind === "drained") return new Refusal(402, { error: CREDITS });
    if (trouble.kind === "limited") {
      const { retryAfter = 300 } = trouble;
      const headers: Record<string, string> = {
        "ratelimit": `"api";r=0;t=${retryAfter}`,
        "ratelimit-policy": `"fixed window";"api";q=1000;w=300`,
        "retry-after": `${retryAfter}`,
      };
      return new Refusal(429, { error: "Too Many Requests" }, headers);
    }
    if (path.startsWith("/gradio_api") || path === "/config") return new Refusal(401, "<html>401</html>");
    return new Refusal(401, { error: "Invalid username or password." });
  }

  protected refuseCall(trouble: CallTrouble): Refusal {
    if (trouble === "unreadable body") return new Refusal(400, { error: "Invalid JSON" });
    return new Refusal(404, { error: "Not Found" });
  }

  /** An operation of a service behind the router. */
  #serve(answer: Route["answer"]): Route {
    return { kind: "images", answer };
  }

  #question(answer: (call: RecordedCall, id: string) => Reply | Promise<Reply>): Route {
    return { kind: "tasks", answer: (call, { id }) => answer(call, id ?? "") };
  }

  #whoServes({ query }: RecordedCall, { owner, name }: Record<string, string | undefined>): Reply {
    const mapping = this.mappings[`${owner}/${name}`];
    if (!mapping) throw new Refusal(404, { error: "Repository not found" });
    const asked = query.getAll("expand[]").includes("inferenceProviderMapping");
    return { json: { id: `${owner}/${name}`, ...asked && { inferenceProviderMapping: mapping } } };
  }

  /** The router knows models by their ids at the service alone. @throws Refusal */
  #demand(service: string, id = ""): void {
    const isKnown = Object.values(this.mappings).some((rows) =>
      Array.isArray(rows)
        ? rows.some(({ provider, providerId }) => provider === service && providerId === id)
        : rows[service]?.providerId === id
    );
    if (!isKnown) throw new Refusal(400, { error: `Model not supported by provider ${service}` });
  }

  async #inference(request: RoutedRequest): Promise<Reply> {
    if (/forbidden/i.test(request.prompt)) throw new Refusal(400, { error: "NSFW content was detected" });
    if (request.pictures.some((picture) => !readImageFacts(bytesOf(picture)))) {
      throw new Refusal(400, { error: "inputs: cannot identify image file" });
    }
    const bytes = new Uint8Array(await paint({ ...request.size ?? PLAIN, seed: ++this.#painted }));
    return { file: { bytes, type: "image/png" } };
  }

  #fal(call: RecordedCall): Reply {
    demandQueue(call);
    const request_id = this.#take(call, readRouted("fal-ai", call));
    // Another path than the one that was asked, at a host that the token must not go to.
    const response_url = `https://queue.fal.run/fal-ai/queued/requests/${request_id}`;
    return {
      json: {
        request_id,
        status: "IN_QUEUE",
        response_url,
        status_url: `${response_url}/status`,
        cancel_url: `${response_url}/cancel`,
        queue_position: 0,
      },
    };
  }

  async #inline(call: RecordedCall, service: "together" | "nscale"): Promise<Reply> {
    const request = readRouted(service, call);
    this.#demand(service, request.model);
    if (/forbidden/i.test(request.prompt)) {
      throw new Refusal(422, {
        error: { message: "NSFW content detected in prompt", type: "invalid_request_error" },
      });
    }
    const bytes = await paint({ ...request.size ?? PLAIN, seed: ++this.#painted });
    return { json: { id: "img", model: request.model, data: [{ index: 0, b64_json: bytes.toBase64() }] } };
  }

  #predict(call: RecordedCall): Promise<Reply> {
    if (call.headers.get("prefer") !== "wait") {
      throw new Refusal(400, { detail: "The router waits: Prefer: wait" });
    }
    const id = this.#take(call, readRouted("replicate", call));
    return this.#prediction(this.#job(call, id), id);
  }

  async #prediction(job: RouterJob, id: string): Promise<Reply> {
    const isRefused = /forbidden/i.test(job.request.prompt);
    const status = this.#next(job, isRefused ? ["failed"] : ["succeeded"]);
    const output = status === "succeeded" ? [await this.#put(job.request.size)] : null;
    const error = isRefused ? "NSFW content detected. Try a different prompt." : job.error ?? null;
    return { status: 201, json: { id, status, output, error: status === "failed" ? error : null } };
  }

  #wave(id: string) {
    return { id, urls: { get: `https://api.wavespeed.ai/api/v3/predictions/${id}/result` } };
  }

  #take({ key }: RecordedCall, request: RoutedRequest): string {
    this.#jobs.push({ ...this.#script, request, key, asked: 0 });
    return `job-${this.#jobs.length}`;
  }

  /** @throws Refusal for a job that isn't there, or is not of the account that asks. */
  #job({ key }: RecordedCall, id: string): RouterJob {
    const job = this.#jobs[Number(id.slice(4)) - 1];
    if (!job || job.key !== key) throw new Refusal(404, { detail: "Request not found" });
    return job;
  }

  #next(job: RouterJob, usual: string[]): string {
    const states = job.states ?? usual;
    return states[Math.min(job.asked++, states.length - 1)]!;
  }

  async #put(size: Size = PLAIN): Promise<string> {
    return this.files.put(await paint({ ...size, seed: ++this.#painted }), "image/png");
  }
}

const PLAIN: Size = { width: 1024, height: 1024 };
const CREDITS = "You have exceeded your monthly included credits for Inference Providers. " +
  "Subscribe to PRO to get 20x more monthly included credits.";
const ZAI_CONTENT = "The request was rejected by content policy: it may contain unsafe content.";
const FAL_CONTENT = new Refusal(422, {
  detail: [{
    loc: ["body", "prompt"],
    msg: "The content could not be processed because it contained material flagged by a content checker.",
    type: "content_policy_violation",
  }],
});

function demandQueue({ query }: RecordedCall): void {
  if (query.get("_subdomain") !== "queue") throw new Refusal(400, { error: "Missing _subdomain=queue" });
}

function demandZaiHeaders({ headers }: RecordedCall): void {
  if (headers.get("x-source-channel") !== "hugging_face") {
    throw new Refusal(400, { error: "Unknown channel" });
  }
}

function bytesOf(picture: string): Uint8Array {
  return Uint8Array.fromBase64(picture.slice(picture.indexOf(",") + 1));
}
