/** Black Forest Labs, scripted: endpoints that take jobs, a region that alone knows them, results on another host. */
import { type FluxRequest, readFluxRequest } from "./black_forest_labs_requests.ts";
import { ServiceWithFiles } from "./file_host.ts";
import { paint } from "./painting.ts";
import { Refusal, type Reply } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";

/** How a job goes on. */
export interface JobScript {
  /** What each question is told in turn; the last one for ever after. */
  states?: string[];
  /** What a job that was refused or failed says besides. */
  details?: unknown;
  /** Cost in credits, told when the job is taken on. */
  cost?: number | null;
  /** Replaces members of the reply to the submission; `undefined` leaves one out. */
  submitted?: Record<string, unknown>;
  /** Replaces members of `result`. */
  result?: Record<string, unknown>;
  /** HTTP status with which a job that is not found is told. Default 200. */
  notFoundStatus?: number;
}

interface Job extends JobScript {
  id: string;
  key?: string;
  request: FluxRequest;
  asked: number;
  sample?: string;
}

/** Starts a scripted Black Forest Labs. A prompt that contains "forbidden" is taken on and then moderated. */
export function blackForestLabsService(): BlackForestLabsService {
  return new BlackForestLabsService();
}

/** A running Black Forest Labs; configure `url`, and read what arrived here and at `files`. */
export class BlackForestLabsService extends ServiceWithFiles {
  protected readonly keyPattern = /^(bfl_[A-Za-z0-9_-]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
  readonly #jobs = new Map<string, Job>();
  #script: JobScript = {};

  protected readonly routes: Record<string, Route> = {
    "GET /v1/credits": { kind: "models", answer: () => ({ json: { credits: 1234.5 } }) },
    // Jobs are known to the region that took them, and nowhere else.
    "GET /v1/get_result": { kind: "tasks", answer: () => notFound("", this.#script) },
    "GET /eu/v1/get_result": { kind: "tasks", answer: (call) => this.#ask(call) },
    "POST /v1/:endpoint+": {
      kind: "images",
      answer: (call, { endpoint = "" }) => this.#submit(call, endpoint),
    },
  };

  get url(): string {
    return `${this.origin}/v1`;
  }

  /** How jobs go that are submitted from now on: by default two questions in vain, then a picture. */
  scriptJobs(script: JobScript): void {
    this.#script = script;
  }

  protected override keyOf({ headers }: RecordedCall): string | undefined {
    return headers.get("x-key") ?? undefined;
  }

  protected makeKey(serial: number): string {
    return `bfl_${serial.toString(36).padStart(32, "Ab0_-")}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "missing") return new Refusal(403, { detail: "Not authenticated" });
    if (trouble.kind === "rejected") {
      return new Refusal(403, { detail: "Not authenticated - Invalid Authentication" });
    }
    if (trouble.kind === "drained") {
      return new Refusal(402, { detail: "Insufficient credits. 1 credit = $0.01 USD." });
    }
    return new Refusal(429, { detail: "Too many active tasks. Please wait for some of them to finish." });
  }

  protected refuseCall(trouble: CallTrouble): Refusal {
    if (trouble === "unknown path") return new Refusal(404, { detail: "Not Found" });
    if (trouble === "wrong method") return new Refusal(405, { detail: "Method Not Allowed" });
    return new Refusal(400, { detail: "There was an error parsing the body" });
  }

  #submit({ key, json }: RecordedCall, endpoint: string): Reply {
    const request = readFluxRequest(endpoint, json ?? {}, this.#jobs.size + 1);
    if (!request) throw this.refuseCall("unknown path");
    const id = `00000000-0000-4000-8000-${(this.#jobs.size + 1).toString(16).padStart(12, "0")}`;
    const script = /forbidden/i.test(request.prompt)
      ? {
        states: ["Pending", "Request Moderated"],
        details: { "Moderation Reasons": ["Derivative Works Filter"] },
      }
      : this.#script;
    this.#jobs.set(id, { ...script, id, key, request, asked: 0 });
    const megapixels = request.width * request.height / 1e6;
    return {
      empty: { id: null },
      json: {
        id,
        polling_url: `${this.origin}/eu/v1/get_result?id=${id}`,
        cost: script.cost === undefined ? 3 : script.cost,
        input_mp: 0,
        output_mp: Math.round(megapixels * 100) / 100,
        ...script.submitted,
      },
    };
  }

  async #ask({ key, query }: RecordedCall): Promise<Reply> {
    const job = this.#jobs.get(query.get("id") ?? "");
    if (!job || job.key !== key) return notFound(query.get("id"), this.#script);
    const { states = ["Pending", "Pending", "Ready"], details = null } = job;
    const status = states[Math.min(job.asked++, states.length - 1)]!;
    if (status === "Task not found") return notFound(job.id, job);
    const answer = { id: job.id, status, result: null, progress: null, details, preview: null };
    if (status === "Pending") {
      return { json: { ...answer, details: null, progress: job.asked / states.length } };
    }
    if (status !== "Ready") return { json: answer };
    const { prompt, seed } = job.request;
    job.sample ??= await this.#paint(job.request);
    const result = {
      sample: job.sample,
      prompt,
      seed,
      start_time: 1763.1,
      end_time: 1767.9,
      duration: 4.8,
      ...job.result,
    };
    return { json: { ...answer, result, details: null } };
  }

  async #paint({ width, height, format, seed }: FluxRequest): Promise<string> {
    const bytes = await paint({ width, height, format, seed });
    return this.files.put(bytes, `image/${format}`, "se=2026-11-21T00%3A10%3A00Z&sig=0123456789abcdef");
  }
}

function notFound(id: string | null, { notFoundStatus: status = 200 }: JobScript): Reply {
  return {
    status,
    json: { id, status: "Task not found", result: null, progress: null, details: null, preview: null },
  };
}
