/** Gitee AI, scripted: answers at once, edits as forms, and tasks that have to be asked for until they are done. */
import { ServiceWithFiles } from "./file_host.ts";
import { checkGiteePictures, readGiteeEdit, readGiteeGeneration, readGiteeTask } from "./gitee_requests.ts";
import { EDIT_MODELS, type GiteeRequest, TASK_MODELS, TEXT_MODELS } from "./gitee_requests.ts";
import { GITEE_ERRORS, giteeError } from "./gitee_errors.ts";
import { paint } from "./painting.ts";
import type { Refusal, Reply } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";

/** How a task goes on. */
export interface TaskScript {
  /** What each poll is told in turn; the last one for ever after. */
  states?: string[];
  /** In which form a finished task hands over its image: one of two, or whatever is made of both. */
  result?: "file_url" | "b64_json" | ((image: { url: string; b64_json: string }) => unknown);
  /** Replaces members of the reply to the submission; `undefined` leaves one out. */
  submitted?: Record<string, unknown>;
  /** What a failed task says. */
  error?: unknown;
}

interface Task extends Required<Omit<TaskScript, "submitted">> {
  id: string;
  key?: string;
  request: GiteeRequest;
  polls: number;
}

/** Starts a scripted Gitee AI. A prompt that contains "forbidden" is refused. */
export function giteeService(): GiteeService {
  return new GiteeService();
}

/** A running Gitee AI; configure `url`, and read what arrived here and at `files`. */
export class GiteeService extends ServiceWithFiles {
  protected readonly keyPattern = /^[A-Za-z0-9]{30,60}$/;
  readonly #tasks = new Map<string, Task>();
  #script: TaskScript = {};
  /** All pictures that were made, in order. */
  readonly painted: Uint8Array[] = [];
  /** Pictures are noise of about so many bytes, in whatever size that gives. */
  noiseBytes?: number;

  protected readonly routes: Record<string, Route> = {
    "POST /v1/images/generations": {
      kind: "images",
      answer: (call) => this.#images(readGiteeGeneration(call)),
    },
    "POST /v1/images/edits": {
      kind: "images",
      answer: async (call) => this.#images(await checkGiteePictures(readGiteeEdit(call))),
    },
    "POST /v1/async/images/edits": {
      kind: "images",
      answer: async (call) => this.#submit(call, await checkGiteePictures(readGiteeTask(call))),
    },
    "GET /v1/task/:id": { kind: "tasks", answer: (call, { id }) => this.#poll(this.#task(call, id)) },
    "GET /api/v1/task/:id": { kind: "tasks", answer: (call, { id }) => this.#poll(this.#task(call, id)) },
    "POST /api/v1/task/:id/cancel": {
      kind: "tasks",
      answer: (call, { id }) => {
        const task = this.#task(call, id);
        task.states = ["cancelled"];
        return this.#poll(task);
      },
    },
    "GET /v1/models": {
      kind: "models",
      answer: ({ query }) => ({ json: listModels(query.get("include_details") === "true") }),
    },
  };

  get url(): string {
    return `${this.origin}/v1`;
  }

  /** How tasks go that are submitted from now on: by default two polls in vain, then a `file_url`. */
  scriptTasks(script: TaskScript): void {
    this.#script = script;
  }

  protected makeKey(serial: number): string {
    return serial.toString(36).toUpperCase().padStart(40, "GITEE0TOKEN");
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "drained") return GITEE_ERRORS.free_limit;
    if (trouble.kind === "limited") {
      const headers: Record<string, string> = trouble.retryAfter === undefined
        ? {}
        : { "retry-after": `${trouble.retryAfter}` };
      return giteeError(429, "Too many requests, please try again later.", headers);
    }
    return GITEE_ERRORS.invalid_token;
  }

  protected refuseCall(trouble: CallTrouble, { path }: RecordedCall): Refusal {
    if (trouble === "wrong method") return giteeError(405, "Method Not Allowed");
    if (trouble === "unknown path") return giteeError(404, `Not Found: ${path}`);
    return giteeError(400, "The request body can not be parsed.");
  }

  async #images(request: GiteeRequest): Promise<Reply> {
    if (/forbidden/i.test(request.prompt)) throw GITEE_ERRORS.content;
    const bytes = await this.#paint(request);
    const image = request.response_format === "url"
      ? { url: this.files.put(bytes, "image/png") }
      : { b64_json: bytes.toBase64(), type: "image/png" };
    return { json: { created: Math.floor(Date.now() / 1000), data: [image] } };
  }

  #submit({ key }: RecordedCall, request: GiteeRequest): Reply {
    const id = `TASK${(this.#tasks.size + 1).toString(36).toUpperCase().padStart(28, "0")}`;
    const {
      states = ["waiting", "in_progress", "success"],
      result = "file_url",
      error = { code: "content_policy", message: "The task failed." },
    } = this.#script;
    this.#tasks.set(id, { id, key, request, polls: 0, states, result, error });
    const get = `${this.origin}/api/v1/task/${id}`;
    return {
      json: {
        task_id: id,
        status: "waiting",
        created_at: Date.now(),
        urls: { get, cancel: `${get}/cancel` },
        ...this.#script.submitted,
      },
      empty: { status: "waiting" },
    };
  }

  /** @throws Refusal for a task that isn't there, or is not of the key that asks. */
  #task({ key }: RecordedCall, id = ""): Task {
    const task = this.#tasks.get(id);
    if (task?.key !== key || !task) throw giteeError(404, `Task ${id} not found`);
    return task;
  }

  async #poll(task: Task): Promise<Reply> {
    const status = task.states[Math.min(task.polls++, task.states.length - 1)]!;
    const answer = { task_id: task.id, status };
    if (status.startsWith("fail")) return { json: { ...answer, output: { error: task.error }, price: null } };
    if (status !== "success") return { json: answer };
    const bytes = await this.#paint(task.request);
    const { result } = task;
    const image = { url: this.files.put(bytes, "image/png"), b64_json: bytes.toBase64() };
    const output = typeof result === "function"
      ? result(image)
      : result === "file_url"
      ? { file_url: image.url }
      : { b64_json: image.b64_json };
    return { json: { ...answer, output, price: 0.1 } };
  }

  async #paint({ width, height }: GiteeRequest): Promise<Uint8Array> {
    const seed = this.painted.length + 1;
    const bytes = await paint({ width, height, seed, noiseBytes: this.noiseBytes });
    this.painted.push(bytes);
    return bytes;
  }
}

/** All models by name; their operations are told only to who asks for details. */
function listModels(details: boolean) {
  const paths: Record<string, string[]> = {
    "/v1/images/generations": TEXT_MODELS,
    "/v1/images/edits": EDIT_MODELS,
    "/v1/async/images/edits": TASK_MODELS,
    "/v1/chat/completions": ["Qwen3-235B-A22B"],
  };
  const ids = new Set(Object.values(paths).flat());
  const operations = (id: string) =>
    Object.entries(paths).filter(([, models]) => models.includes(id)).map(([path]) => ({
      type: path.split("/").at(-1),
      path,
      price: 0.1,
      unit_tag: "次",
    }));
  return {
    object: "list",
    data: [...ids].map((id) => ({ id, object: "model", ...details && { operations: operations(id) } })),
  };
}
