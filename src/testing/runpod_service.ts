/** RunPod, scripted: public endpoints, three workers of somebody's own, and jobs that are held open or asked for. */
import { ServiceWithFiles } from "./file_host.ts";
import { paint } from "./painting.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { Refusal } from "./reply.ts";
import {
  complaintAbout,
  RUNPOD_ENDPOINTS,
  workerComfyUi,
  workerOfOnesOwn,
  workerSdxl,
} from "./runpod_requests.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";

/** How a job goes on. */
export interface RunPodScript {
  /** What the submission and each question after it are told in turn; the last one for ever after. */
  states?: string[];
  /** What a job that failed says. */
  error?: unknown;
  /** Stands in for what the worker would give; a text `PAINTED` in it becomes the address of an image. */
  output?: unknown;
}

/** Endpoints of somebody's own, by what runs on them. */
export const OWN_ENDPOINTS = { plain: "pl41n0w0rk3r", sdxl: "sdxl0w0rk3r", comfyui: "c0mfy0w0rk3r" } as const;

interface Job extends RunPodScript {
  states: string[];
  id: string;
  key?: string;
  endpoint: string;
  input: Record<string, unknown>;
  asked: number;
  made?: unknown;
}

/** Starts a scripted RunPod. A prompt that contains "forbidden" makes a job that fails for its content. */
export function runPodService(): RunPodService {
  return new RunPodService();
}

/** A running RunPod; configure `url`, and read what arrived here and at `files`. */
export class RunPodService extends ServiceWithFiles {
  protected readonly keyPattern = /^rpa_[A-Za-z0-9]{20,}$/;
  readonly #jobs = new Map<string, Job>();
  #script: RunPodScript = {};
  #painted = 0;

  protected readonly routes: Record<string, Route> = {
    "POST /v2/:endpoint/run": {
      kind: "images",
      answer: async (call, { endpoint = "" }) => {
        const job = this.#submit(call, endpoint, "");
        const states = this.#script.states ?? ["IN_QUEUE", "IN_PROGRESS", lastStateOf(job)];
        job.states = states;
        return { json: await this.#tell(job) };
      },
    },
    "POST /v2/:endpoint/runsync": {
      kind: "images",
      answer: async (call, { endpoint = "" }) => {
        const wait = Number(call.query.get("wait") ?? 90_000);
        if (!(wait >= 1000 && wait <= 300_000)) throw runPodError(400, "wait must be 1000 to 300000");
        const json = await this.#tell(this.#submit(call, endpoint, "sync-"));
        return { json, empty: { ...json, status: "COMPLETED", output: { images: [] } } };
      },
    },
    "GET /v2/:endpoint/status/:id": {
      kind: "tasks",
      answer: async (call, params) => ({ json: await this.#tell(this.#find(call, params)) }),
    },
    "GET /v2/:endpoint/status-sync/:id": {
      kind: "tasks",
      answer: async (call, params) => ({ json: await this.#tell(this.#find(call, params)) }),
    },
    "POST /v2/:endpoint/cancel/:id": {
      kind: "tasks",
      answer: (call, params) => {
        const job = this.#find(call, params);
        job.states = ["CANCELLED"];
        return { json: { id: job.id, status: "CANCELLED" } };
      },
    },
    "GET /v2/:endpoint/health": {
      kind: "models",
      answer: () => ({
        json: {
          jobs: { completed: 1, failed: 0, inProgress: 0, inQueue: 0, retried: 0 },
          workers: { idle: 0, initializing: 0, ready: 0, running: 0, throttled: 0 },
        },
      }),
    },
  };

  get url(): string {
    return `${this.origin}/v2`;
  }

  /** How jobs go that are handed in from now on: by default those that are held open end at once, others after two questions. */
  scriptJobs(script: RunPodScript): void {
    this.#script = script;
  }

  /** From now on nothing is known of any job. */
  forget(): void {
    this.#jobs.clear();
  }

  protected makeKey(serial: number): string {
    return `rpa_${serial.toString(36).toUpperCase().padStart(40, "RUNPOD0KEY")}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "drained") return runPodError(402, "Insufficient balance");
    if (trouble.kind === "limited") {
      const headers: Record<string, string> = trouble.retryAfter === undefined
        ? {}
        : { "retry-after": `${trouble.retryAfter}` };
      return new Refusal(429, { error: "Too many requests" }, headers);
    }
    return new Refusal(401, undefined);
  }

  protected refuseCall(trouble: CallTrouble): Refusal {
    if (trouble === "unreadable body") return runPodError(400, "invalid JSON");
    return runPodError(404, "not found");
  }

  #submit({ key, json }: RecordedCall, endpoint: string, prefix: string): Job {
    const schema = this.#schemaOf(endpoint);
    const { input, webhook: _webhook, policy: _policy, s3Config: _s3, ...rest } = (json ?? {}) as Record<
      string,
      unknown
    >;
    if (typeof input !== "object" || input === null) throw runPodError(400, "input is required");
    if (Object.keys(rest).length > 0) throw runPodError(400, `unexpected field ${Object.keys(rest)[0]}`);
    const complaint = complaintAbout(schema, input);
    const id = `${prefix}c80ffee4-0000-4000-8000-${String(this.#jobs.size + 1).padStart(12, "0")}-u1`;
    if (complaint && endpoint in RUNPOD_ENDPOINTS) {
      throw new Refusal(400, { id, status: "FAILED", error: `Invalid parameter: ${complaint}` });
    }
    const job: Job = {
      ...this.#script,
      id,
      key,
      endpoint,
      input: input as Job["input"],
      asked: 0,
      states: [],
    };
    if (complaint) job.error ??= { error_message: complaint };
    if (/forbidden/i.test(JSON.stringify(input))) {
      job.error ??= "The request was rejected by the safety checker.";
    }
    job.states = this.#script.states ?? [lastStateOf(job)];
    this.#jobs.set(id, job);
    return job;
  }

  #schemaOf(endpoint: string) {
    if (Object.hasOwn(RUNPOD_ENDPOINTS, endpoint)) return RUNPOD_ENDPOINTS[endpoint]!.input;
    if (endpoint === OWN_ENDPOINTS.sdxl) return workerSdxl;
    if (endpoint === OWN_ENDPOINTS.comfyui) return workerComfyUi;
    if (endpoint === OWN_ENDPOINTS.plain) return workerOfOnesOwn;
    throw runPodError(404, "endpoint not found");
  }

  /** @throws Refusal for a job that isn't there, or is not of the account that asks. */
  #find({ key }: RecordedCall, { endpoint, id = "" }: Record<string, string | undefined>): Job {
    const job = this.#jobs.get(id);
    if (!job || job.key !== key || job.endpoint !== endpoint) throw runPodError(404, "job not found");
    return job;
  }

  async #tell(job: Job) {
    const status = job.states[Math.min(job.asked++, job.states.length - 1)]!;
    const known = { id: job.id, status };
    if (status === "IN_QUEUE") return known;
    const running = { ...known, delayTime: 17, workerId: "oqk7ao1uomckye" };
    if (status === "COMPLETED") return { ...running, executionTime: 3986, output: await this.#outputOf(job) };
    if (status === "FAILED") {
      return { ...running, executionTime: 30, ...job.error !== undefined && { error: textOf(job.error) } };
    }
    return running;
  }

  async #outputOf(job: Job): Promise<unknown> {
    if (job.output !== undefined) {
      return JSON.parse(JSON.stringify(job.output).replaceAll("PAINTED", await this.#paint(job, "address")));
    }
    return job.made ??= await this.#make(job);
  }

  async #make(job: Job): Promise<unknown> {
    const { endpoint, input } = job;
    if (endpoint === OWN_ENDPOINTS.sdxl) {
      const images = [];
      for (let made = 0; made < Number(input.num_images ?? 1); made++) {
        images.push(await this.#paint(job, "data URI"));
      }
      return { images, image_url: images[0], seed: input.seed ?? 4711 };
    }
    if (endpoint === OWN_ENDPOINTS.comfyui) {
      return {
        images: [{ filename: "ComfyUI_00001_.png", type: "base64", data: await this.#paint(job, "base64") }],
      };
    }
    if (endpoint === OWN_ENDPOINTS.plain) return { image: await this.#paint(job, "base64") };
    return { image_url: await this.#paint(job, "address"), cost: RUNPOD_ENDPOINTS[endpoint]!.cost };
  }

  async #paint({ input }: Job, form: "address" | "data URI" | "base64"): Promise<string> {
    const [w, h] = String(input.size ?? "").split("*").map(Number);
    const { width = w || 64, height = h || 64 } = input as { width?: number; height?: number };
    const bytes = await paint({ width, height, seed: ++this.#painted });
    if (form === "address") return this.files.put(bytes, "image/png", "");
    return form === "base64" ? bytes.toBase64() : `data:image/png;base64,${bytes.toBase64()}`;
  }
}

function lastStateOf({ error }: Job): string {
  return error === undefined ? "COMPLETED" : "FAILED";
}

/** Workers tell their errors as JSON in a text. */
function textOf(error: unknown): unknown {
  if (typeof error !== "object" || error === null || Array.isArray(error)) return error;
  return JSON.stringify({
    error_type: "<class 'ValueError'>",
    error_traceback: "Traceback (most recent call last): …",
    hostname: "oqk7ao1uomckye-64410f3d",
    worker_id: "oqk7ao1uomckye",
    runpod_version: "1.7.9",
    ...error,
  });
}

/** A refusal of the job API. */
export function runPodError(status: number, error: string): Refusal {
  return new Refusal(status, { error });
}
