/** ModelScope, scripted: one address that takes jobs of all sorts, and tells of them to who names their type. */
import { ServiceWithFiles } from "./file_host.ts";
import { MODEL_SCOPE_ERRORS, modelScopeError } from "./model_scope_errors.ts";
import { MODEL_SCOPE_MODELS, type ModelScopeRequest, readModelScopeRequest } from "./model_scope_requests.ts";
import { paint } from "./painting.ts";
import { Refusal, type Reply } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";

/** How a task goes on. */
export interface TaskScript {
  /** What each question is told in turn; the last one for ever after. */
  states?: string[];
  /** What a failed task says. */
  errors?: unknown;
  /** Replaces members of the reply to the submission; `undefined` leaves one out. */
  submitted?: Record<string, unknown>;
  /** Makes of the image's address what a finished task says of it. Default: `{output_images: [url]}`. */
  result?: (url: string) => Record<string, unknown>;
}

interface Task extends Required<Omit<TaskScript, "submitted">> {
  id: string;
  key?: string;
  request: ModelScopeRequest;
  asked: number;
}

/** Starts a scripted ModelScope. A prompt that contains "forbidden" is refused. */
export function modelScopeService(): ModelScopeService {
  return new ModelScopeService();
}

/** A running ModelScope; configure `url`, and read what arrived here and at `files`. */
export class ModelScopeService extends ServiceWithFiles {
  /** Whether replies tell what is left of the day. */
  tellsQuota = true;
  protected readonly keyPattern = /^ms-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  readonly #tasks = new Map<string, Task>();
  #script: TaskScript = {};
  #painted = 0;

  protected readonly routes: Record<string, Route> = {
    "POST /v1/images/generations": { kind: "images", answer: (call) => this.#submit(call) },
    "GET /v1/tasks/:id": { kind: "tasks", answer: (call, { id }) => this.#ask(this.#task(call, id)) },
    "GET /v1/models": {
      kind: "models",
      answer: () => ({
        json: {
          object: "list",
          data: ["Qwen/Qwen3-235B-A22B", ...MODEL_SCOPE_MODELS.keys()].map((id) => ({ id, object: "model" })),
        },
      }),
    },
  };

  get url(): string {
    return `${this.origin}/v1`;
  }

  /** How tasks go that are submitted from now on: by default two questions in vain, then a picture. */
  scriptTasks(script: TaskScript): void {
    this.#script = script;
  }

  protected override get replyHeaders(): Record<string, string> {
    if (!this.tellsQuota) return {};
    const left = Math.max(0, 2000 - this.calls.length);
    return {
      "modelscope-ratelimit-requests-limit": "2000",
      "modelscope-ratelimit-requests-remaining": `${left}`,
      "modelscope-ratelimit-model-requests-limit": "500",
      "modelscope-ratelimit-model-requests-remaining": `${Math.max(0, left - 1500)}`,
    };
  }

  protected makeKey(serial: number): string {
    return `ms-00000000-0000-4000-8000-${serial.toString(16).padStart(12, "0")}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "drained") return MODEL_SCOPE_ERRORS.insufficient_quota;
    if (trouble.kind === "limited") {
      const { status, body } = MODEL_SCOPE_ERRORS.limit_requests;
      const { retryAfter } = trouble;
      return new Refusal(status, body, retryAfter === undefined ? {} : { "retry-after": `${retryAfter}` });
    }
    return MODEL_SCOPE_ERRORS.invalid_token;
  }

  protected refuseCall(trouble: CallTrouble, { path }: RecordedCall): Refusal {
    if (trouble === "wrong method") return modelScopeError(405, "Method Not Allowed");
    if (trouble === "unknown path") return modelScopeError(404, `Not Found: ${path}`);
    return modelScopeError(400, "The request body is not valid JSON");
  }

  #submit(call: RecordedCall): Reply {
    // What happens without the header is not documented; whoever forgets it is to notice.
    if (call.headers.get("x-modelscope-async-mode") !== "true") {
      throw modelScopeError(400, "X-ModelScope-Async-Mode: true is required");
    }
    const request = readModelScopeRequest(call);
    if (/forbidden/i.test(request.prompt)) throw MODEL_SCOPE_ERRORS.inspection;
    const id = `${4_000_000 + this.#tasks.size}`;
    const {
      states = ["PENDING", "PROCESSING", "SUCCEED"],
      errors = { message: "the task failed" },
      result = (url) => ({ output_images: [url] }),
      submitted,
    } = this.#script;
    this.#tasks.set(id, { id, key: call.key, request, states, errors, result, asked: 0 });
    return {
      // The state is that of the submission.
      json: { task_id: id, task_status: "SUCCEED", request_id: requestId(this.calls.length), ...submitted },
      empty: { task_status: "SUCCEED", request_id: requestId(this.calls.length), output_images: [] },
    };
  }

  /** @throws Refusal for a task that isn't there, is another key's, or is asked for as another type. */
  #task({ key, headers }: RecordedCall, id = ""): Task {
    const task = this.#tasks.get(id);
    const isImage = headers.get("x-modelscope-task-type") === "image_generation";
    if (!task || task.key !== key || !isImage) throw modelScopeError(404, `task ${id} not found`);
    return task;
  }

  async #ask(task: Task): Promise<Reply> {
    const task_status = task.states[Math.min(task.asked++, task.states.length - 1)]!;
    const { prompt, size } = task.request;
    const answer = {
      input: { prompt, size },
      outputs: {},
      request_id: requestId(this.calls.length),
      task_id: "",
      task_status,
    };
    if (task_status === "FAILED") return { json: { ...answer, errors: task.errors } };
    if (!task_status.startsWith("SUCCE")) return { json: answer };
    const [width = 1024, height = 1024] = size?.split("x").map(Number) ?? [];
    const bytes = await paint({ width, height, seed: ++this.#painted });
    const url = this.files.put(bytes, "image/png", "Expires=1795219200&Signature=0123456789abcdef");
    return { json: { ...answer, ...task.result(url), time_taken: 8123.4 } };
  }
}

function requestId(serial: number): string {
  return `00000000-0000-4000-9000-${serial.toString(16).padStart(12, "0")}`;
}
