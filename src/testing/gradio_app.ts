/**
 * A Gradio app as the Spaces run it, scripted: what it says of itself, uploads, the two-step call and the queue
 * that its own clients use. It belongs to no host of its own, so that any service can carry it.
 */
import { readImageFacts } from "../core/media.ts";
import { paint } from "./painting.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { Refusal, type Reply, type ServerEvent } from "./reply.ts";
import type { Route } from "./scripted_service.ts";

/** An argument of a function. */
export interface AppParameter {
  name: string;
  component: "Textbox" | "Slider" | "Number" | "Checkbox" | "Image" | "Gallery" | "Dropdown";
  default?: unknown;
}

/** A function of an app. */
export interface AppFunction {
  name: string;
  /** Its number; the queue calls it by that. */
  id: number;
  parameters: AppParameter[];
  /** Kinds of what it gives; default: an image and its seed. */
  returns?: string[];
}

/** How calls go from now on. */
export interface AppScript {
  /** The events that every call is told, instead of those of its success. */
  events?: ServerEvent[];
  /** What a call gives, instead of an image and its seed. @param url of an image that was painted for it */
  outputs?: (url: string, path: string) => unknown[];
  /** Sent in pieces of so many bytes. */
  pieceBytes?: number;
  /** Answers every call of a function with this. */
  refusal?: Refusal;
}

const text = (name: string): AppParameter => ({ name, component: "Textbox" });
const slider = (name: string, value: number): AppParameter => ({ name, component: "Slider", default: value });
const box = (name: string, value: boolean): AppParameter => ({ name, component: "Checkbox", default: value });

/** The functions of the Spaces that make and edit with the Z-Image and Qwen models. */
export const MAKE: AppFunction = {
  name: "generate_image",
  id: 2,
  parameters: [
    text("prompt"),
    slider("height", 1024),
    slider("width", 1024),
    slider("num_inference_steps", 9),
    slider("seed", 42),
    box("randomize_seed", true),
  ],
};

/** The same for edits. */
export const EDIT: AppFunction = {
  name: "infer",
  id: 0,
  parameters: [
    { name: "images", component: "Gallery" },
    text("prompt"),
    slider("seed", 0),
    box("randomize_seed", true),
    slider("true_guidance_scale", 1),
    slider("num_inference_steps", 4),
    slider("height", 1024),
    slider("width", 1024),
    box("rewrite_prompt", false),
  ],
};

/** A running app; put its `routes` into a service. */
export class GradioApp {
  /** What was uploaded, by the path it got. */
  readonly uploads = new Map<string, File>();
  /** The arguments of every call, in order. */
  readonly asked: { fn: string; data: unknown[] }[] = [];
  /** Calls that were taken back. */
  readonly cancelled: unknown[] = [];
  readonly #events = new Map<string, ServerEvent[]>();
  readonly #sessions = new Map<string, { id: string; events: ServerEvent[] }[]>();
  readonly #files = new Map<string, Uint8Array<ArrayBuffer>>();
  #script: AppScript = {};
  #made = 0;

  /**
   * @param origin where the service is that carries it.
   * @param options.functions of the app. @param options.prefix between host and path; empty before Gradio 5.
   */
  constructor(
    private readonly origin: () => string,
    private readonly options: { functions?: AppFunction[]; prefix?: string } = {},
  ) {}

  get #functions(): AppFunction[] {
    return this.options.functions ?? [EDIT, MAKE];
  }

  get #prefix(): string {
    return this.options.prefix ?? "/gradio_api";
  }

  /** How calls go from now on. */
  script(script: AppScript): void {
    this.#script = script;
  }

  /** Its operations, for the table of a service. */
  get routes(): Record<string, Route> {
    const prefix = this.#prefix;
    return {
      "GET /config": { kind: "models", answer: () => ({ json: this.#config() }) },
      [`GET ${prefix}/info`]: { kind: "models", answer: () => ({ json: this.#info() }) },
      [`POST ${prefix}/upload`]: { kind: "tasks", answer: (call) => this.#upload(call) },
      [`POST ${prefix}/call/:fn`]: {
        kind: "tasks",
        answer: async (call, { fn }) => ({ json: { event_id: await this.#call(call, fn) } }),
      },
      [`GET ${prefix}/call/:fn/:id`]: { kind: "images", answer: (_call, { id }) => this.#tell(id) },
      [`POST ${prefix}/cancel`]: { kind: "tasks", answer: (call) => this.#cancel(call) },
      [`POST ${prefix}/queue/join`]: { kind: "tasks", answer: (call) => this.#join(call) },
      [`GET ${prefix}/queue/data`]: { kind: "images", answer: (call) => this.#stream(call) },
      [`GET ${prefix}/file=:path(.*)`]: {
        kind: "tasks",
        answer: (_call, { path }) => {
          const bytes = this.#files.get(decodeURIComponent(path ?? ""));
          if (!bytes) throw new Refusal(404, { detail: "File not found" });
          return { file: { bytes, type: "image/png" } };
        },
      },
    };
  }

  #config() {
    const parts = this.#functions.map(({ id, name, parameters }) => ({
      inputs: parameters.map(({ component }, index) => ({
        id: 100 * (id + 1) + index,
        type: component.toLowerCase(),
        props: {},
      })),
      outputs: ["image", "number"].map((type, index) => ({
        id: 100 * (id + 1) + 50 + index,
        type,
        props: {},
      })),
      id,
      name,
    }));
    return {
      version: "5.49.1",
      api_prefix: this.#prefix,
      protocol: "sse_v3",
      root: this.origin(),
      enable_queue: true,
      connect_heartbeat: false,
      components: parts.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]),
      dependencies: parts.map(({ id, name, inputs, outputs }) => ({
        id,
        api_name: name,
        api_visibility: "public",
        queue: true,
        targets: [],
        inputs: inputs.map((input) => input.id),
        outputs: outputs.map((output) => output.id),
        types: { generator: false, cancel: false },
      })),
    };
  }

  #info() {
    const types: Record<string, string> = { Textbox: "string", Dropdown: "string", Checkbox: "boolean" };
    const endpoints = this.#functions.map((
      { name, parameters, returns = ["Image", "Number"] },
    ) => [`/${name}`, {
      parameters: parameters.map(({ name, component, default: value }) => ({
        label: name,
        parameter_name: name,
        parameter_has_default: value !== undefined,
        parameter_default: value ?? null,
        type: { type: types[component] ?? (component === "Gallery" ? "array" : "number") },
        component,
        example_input: null,
      })),
      returns: returns.map((component) => ({ label: component, type: {}, component })),
      api_visibility: "public",
    }]);
    return { named_endpoints: Object.fromEntries(endpoints), unnamed_endpoints: {} };
  }

  async #upload({ form }: RecordedCall): Promise<Reply> {
    const files = form?.getAll("files") ?? [];
    if (files.length === 0 || [...form!.keys()].some((name) => name !== "files")) {
      throw new Refusal(400, { detail: "Invalid multipart request" });
    }
    const paths: string[] = [];
    for (const file of files) {
      if (!(file instanceof File) || !readImageFacts(await file.bytes())) {
        throw new Refusal(400, { detail: "Invalid multipart request" });
      }
      const path = `/tmp/gradio/${"ab".repeat(32)}/${this.uploads.size}-${file.name}`;
      this.uploads.set(path, file);
      paths.push(path);
    }
    return { json: paths };
  }

  async #call({ json }: RecordedCall, fn: string | undefined): Promise<string> {
    // The look-up's error is not mapped to anything.
    const found = this.#functions.find(({ name }) => name === fn);
    if (!found) throw new Refusal(500, "Internal Server Error");
    const body = json as { data?: unknown; session_hash?: unknown };
    const strangers = Object.keys(body).filter((name) => name !== "data" && name !== "session_hash");
    if (!Array.isArray(body.data) || strangers.length > 0) {
      throw new Refusal(422, { detail: [{ loc: ["body", "data"], msg: "Field required", type: "missing" }] });
    }
    const { id, events } = await this.#start(found, body.data);
    this.#events.set(id, events);
    return id;
  }

  async #start(fn: AppFunction, data: unknown[]): Promise<{ id: string; events: ServerEvent[] }> {
    if (this.#script.refusal) throw this.#script.refusal;
    this.asked.push({ fn: fn.name, data });
    const complaint = this.#complaintAbout(fn, data);
    if (complaint) {
      throw new Refusal(422, { detail: [{ loc: ["body", "data"], msg: complaint, type: "value_error" }] });
    }
    const id = (++this.#made).toString(16).padStart(32, "0");
    return { id, events: this.#script.events ?? await this.#success(fn, data) };
  }

  async #success(fn: AppFunction, data: unknown[]): Promise<ServerEvent[]> {
    const value = (name: string) => data[fn.parameters.findIndex((parameter) => parameter.name === name)];
    if (/forbidden/i.test(String(value("prompt")))) {
      const error = "NSFW content detected. Please change your prompt.";
      return [{ event: "error", data: { error, visible: true, duration: 10, title: "Error" } }];
    }
    const path = `/tmp/gradio/${this.#made}/image ${this.#made}.png`;
    const size = { width: Number(value("width") ?? 512), height: Number(value("height") ?? 512) };
    this.#files.set(path, new Uint8Array(await paint({ ...size, seed: this.#made })));
    const url = `${this.origin()}${this.#prefix}/file=${path}`;
    const file = {
      path,
      url,
      size: null,
      orig_name: "image.png",
      mime_type: null,
      is_stream: false,
      meta: { _type: "gradio.FileData" },
    };
    const seed = value("randomize_seed") === true ? 1_234_567 : value("seed");
    const outputs = this.#script.outputs?.(url, path) ?? [file, seed];
    return [
      { event: "heartbeat", data: null },
      { event: "generating", data: outputs },
      { event: "complete", data: outputs },
    ];
  }

  #complaintAbout({ parameters }: AppFunction, data: unknown[]): string | undefined {
    if (data.length !== parameters.length) return `needed: ${parameters.length}, got: ${data.length}`;
    const types: Record<string, string> = {
      Textbox: "string",
      Checkbox: "boolean",
      Slider: "number",
      Number: "number",
    };
    for (const [index, { name, component, default: value }] of parameters.entries()) {
      const given = data[index];
      if (
        component === "Gallery" && !(Array.isArray(given) && given.every((item) => this.#isFile(item?.image)))
      ) {
        return `${name} is no gallery`;
      }
      if (component === "Image" && given !== null && !this.#isFile(given)) return `${name} is no image`;
      const type = types[component];
      if (type && typeof given !== type && !(given === null && value === null)) {
        return `${name} is no ${type}`;
      }
    }
    return undefined;
  }

  /** Whether it is a file that was uploaded; without `meta` Gradio doesn't know it for one. */
  #isFile(value: unknown): boolean {
    const file = value as { path?: string; meta?: { _type?: string } } | null | undefined;
    return file?.meta?._type === "gradio.FileData" && this.uploads.has(file.path ?? "");
  }

  #tell(id = ""): Reply {
    const events = this.#events.get(id);
    this.#events.delete(id);
    const unknown: ServerEvent[] = [{ event: "error", data: JSON.stringify("404: Event not found.") }];
    return { events: events ?? unknown, pieceBytes: this.#script.pieceBytes };
  }

  #cancel({ json }: RecordedCall): Reply {
    const { session_hash, fn_index, event_id } = json as Record<string, unknown>;
    if (typeof session_hash !== "string" || typeof fn_index !== "number" || typeof event_id !== "string") {
      throw new Refusal(422, { detail: [{ loc: ["body"], msg: "Field required", type: "missing" }] });
    }
    this.cancelled.push(json);
    return { json: { success: true } };
  }

  async #join({ json }: RecordedCall): Promise<Reply> {
    const { data, fn_index, session_hash } = json as {
      data: unknown[];
      fn_index: number;
      session_hash: string;
    };
    const fn = this.#functions.find(({ id }) => id === fn_index);
    if (!fn) throw new Refusal(400, { detail: "Session hash not found." });
    const started = await this.#start(fn, data);
    this.#sessions.set(session_hash, [...this.#sessions.get(session_hash) ?? [], started]);
    return { json: { event_id: started.id } };
  }

  #stream({ query }: RecordedCall): Reply {
    const session = query.get("session_hash") ?? "";
    const started = this.#sessions.get(session) ?? [];
    this.#sessions.delete(session);
    const told = started.flatMap(({ id, events }) => {
      const last = events.at(-1)!;
      const output = last.event === "complete" ? { data: last.data } : last.data;
      return [
        { msg: "estimation", event_id: id, rank: 0, queue_size: 1, rank_eta: 1 },
        { msg: "process_starts", event_id: id, eta: 1 },
        { msg: "heartbeat" },
        { msg: "process_completed", event_id: id, success: last.event === "complete", output },
      ];
    });
    return { events: [...told, { msg: "close_stream", event_id: null }].map((data) => ({ data })) };
  }
}
