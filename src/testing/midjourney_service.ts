/** A proxy before Midjourney, scripted: tasks that give grids of four, and what can be done with them further. */
import sharp from "sharp";
import type { Size } from "../core/request.ts";
import { ServiceWithFiles } from "./file_host.ts";
import {
  type MidjourneyDialect,
  midjourneyError,
  readMidjourney,
  shapeIn,
  submitted,
} from "./midjourney_requests.ts";
import { Refusal, type Reply } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";

/** How a task goes on. */
export interface TaskScript {
  /** What each question is told in turn, with the progress after a blank; the last one for ever after. */
  states?: string[];
  failReason?: string;
  /** Code with which submissions are taken on. Default 1. */
  code?: 1 | 21 | 22;
  /** Whether a task waits for a dialog to be confirmed first. */
  asks?: boolean;
  /** Whether a finished grid can be upscaled. Default true. */
  upscales?: boolean;
  /** Whether the four pictures are also told apart from each other. */
  apart?: boolean;
  /** Whether a task under way shows a preview. */
  previews?: boolean;
  /** Replaces members of a task. */
  task?: Record<string, unknown>;
}

interface Task extends TaskScript {
  id: string;
  action: string;
  prompt: string;
  size: Size;
  serial: number;
  /** Place of the one picture it is about; absent for a grid. */
  place?: number;
  asked: number;
  isConfirmed: boolean;
  image?: Promise<string>;
}

const GRID_ACTIONS = ["IMAGINE", "BLEND", "EDIT"];

/** Starts a scripted proxy. A prompt that contains "forbidden" has a banned word. */
export function midjourneyService(options: { dialect?: MidjourneyDialect; secret?: boolean } = {}) {
  return new MidjourneyService(options);
}

/** A running proxy; configure `url`, and read what arrived here and at `files`. */
export class MidjourneyService extends ServiceWithFiles {
  protected readonly keyPattern?: RegExp;
  readonly #dialect: MidjourneyDialect;
  readonly #tasks = new Map<string, Task>();
  readonly #pictures = new Map<string, Uint8Array<ArrayBuffer>>();
  #script: TaskScript = {};

  protected readonly routes: Record<string, Route> = {
    ...this.#submission("imagine", (json) => this.#imagine(json)),
    ...this.#submission("blend", (json) => this.#blend(json)),
    ...this.#submission("change", (json) => this.#change(json), ["nov", "relay"]),
    ...this.#submission("action", (json) => this.#action(json), ["trueai", "relay"]),
    ...this.#submission("modal", (json) => this.#modal(json), ["trueai", "relay"]),
    ...this.#submission("edits", (json) => this.#edits(json), ["trueai", "relay"]),
    "GET {/:mode}?/mj/task/:id/fetch": { kind: "tasks", answer: (_call, { id = "" }) => this.#fetch(id) },
    "POST {/:mode}?/mj/task/:id/cancel": {
      kind: "tasks",
      answer: (call, { id = "" }) => this.#cancel(call, id),
    },
    "GET {/:mode}?/mj/image/:id": { kind: "tasks", answer: (_call, { id = "" }) => this.#picture(id) },
  };

  constructor({ dialect = "nov", secret = true }: { dialect?: MidjourneyDialect; secret?: boolean }) {
    super();
    this.#dialect = dialect;
    this.keyPattern = secret ? /^\S{1,256}$/ : undefined;
  }

  get url(): string {
    return `${this.origin}/mj`;
  }

  /** How tasks go that are submitted from now on: by default three questions in vain, then a picture. */
  scriptTasks(script: TaskScript): void {
    this.#script = script;
  }

  /** Forgets all tasks. */
  forget(): void {
    this.#tasks.clear();
  }

  protected override keyOf({ headers, key }: RecordedCall): string | undefined {
    return headers.get("mj-api-secret") ?? (this.#dialect === "relay" ? key : undefined);
  }

  protected makeKey(serial: number): string {
    return `mj-${serial.toString(36).padStart(20, "secret-")}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "drained") return midjourneyError("relay", 4, { description: "quota_not_enough" });
    if (trouble.kind === "limited") {
      const { retryAfter } = trouble;
      return new Refusal(429, undefined, retryAfter === undefined ? {} : { "retry-after": `${retryAfter}` });
    }
    if (this.#dialect === "nov") return new Refusal(401, undefined);
    if (this.#dialect === "trueai") {
      return new Refusal(401, "Authorization header missing.", { "content-type": "text/plain" });
    }
    return new Refusal(401, { error: { message: "无效的令牌", type: "new_api_error", code: "" } });
  }

  protected refuseCall(trouble: CallTrouble): Refusal {
    if (trouble === "unreadable body") return new Refusal(400, { status: 400, error: "Bad Request" });
    const status = trouble === "unknown path" ? 404 : 405;
    return new Refusal(status, { timestamp: "2026-11-21T00:00:00.000+00:00", status, error: "Not Found" });
  }

  #submission(
    name: string,
    answer: (json: unknown) => Reply | Promise<Reply>,
    dialects: MidjourneyDialect[] = ["nov", "trueai", "relay"],
  ): Record<string, Route> {
    return {
      [`POST {/:mode}?/mj/submit/${name}`]: {
        kind: "images",
        answer: ({ json }) => {
          if (!dialects.includes(this.#dialect)) throw this.refuseCall("unknown path");
          return answer(json);
        },
      },
    };
  }

  #imagine(json: unknown): Reply {
    const { prompt } = readMidjourney("imagine", json, this.#dialect);
    return this.#take("IMAGINE", prompt, shapeIn(prompt));
  }

  #blend(json: unknown): Reply {
    const { dimensions = "SQUARE" } = readMidjourney("blend", json, this.#dialect);
    return this.#take("BLEND", "", { PORTRAIT: 2 / 3, SQUARE: 1, LANDSCAPE: 3 / 2 }[dimensions]);
  }

  #edits(json: unknown): Reply {
    const { prompt } = readMidjourney("edits", json, this.#dialect);
    return this.#take("EDIT", prompt, shapeIn(prompt));
  }

  #change(json: unknown): Reply {
    const { taskId, action, index } = readMidjourney("change", json, this.#dialect);
    if (action !== "UPSCALE" || index === undefined) throw midjourneyError(this.#dialect, 4);
    return this.#upscale(this.#grid(taskId), index);
  }

  #action(json: unknown): Reply {
    const { taskId, customId } = readMidjourney("action", json, this.#dialect);
    const grid = this.#grid(taskId);
    if (!buttonsOf(grid).some((button) => button.customId === customId)) {
      throw midjourneyError(this.#dialect, 4);
    }
    return this.#upscale(grid, Number(customId.split("::")[3]));
  }

  #modal(json: unknown): Reply {
    const { taskId } = readMidjourney("modal", json, this.#dialect);
    const task = this.#tasks.get(taskId);
    if (!task) throw midjourneyError(this.#dialect, 3);
    task.isConfirmed = true;
    return { json: submitted(1, { result: taskId }) };
  }

  #grid(id: string): Task {
    const grid = this.#tasks.get(id);
    if (!grid || !GRID_ACTIONS.includes(grid.action) || stateOf(grid)[0] !== "SUCCESS") {
      throw midjourneyError(this.#dialect, 3, { description: "关联任务不存在或已失效" });
    }
    return grid;
  }

  #upscale({ prompt, size, serial }: Task, place: number): Reply {
    const known = [...this.#tasks.values()].find((task) => task.serial === serial && task.place === place);
    if (known) {
      const properties = { status: "SUCCESS", imageUrl: null };
      return { json: submitted(21, { result: known.id, properties }) };
    }
    return this.#keep({ action: "UPSCALE", prompt, size, serial, place });
  }

  #take(action: string, prompt: string, shape: number): Reply {
    if (/forbidden/i.test(prompt)) {
      throw midjourneyError(this.#dialect, 24, { properties: { promptEn: prompt, bannedWord: "forbidden" } });
    }
    const size = { width: Math.round(256 * Math.sqrt(shape)), height: Math.round(256 / Math.sqrt(shape)) };
    return this.#keep({ action, prompt, size, serial: this.#tasks.size + 1 });
  }

  #keep(task: Pick<Task, "action" | "prompt" | "size" | "serial" | "place">): Reply {
    const id = `${1_732_180_123_000 + this.#tasks.size}${"456"}`;
    this.#tasks.set(id, { ...this.#script, ...task, id, asked: 0, isConfirmed: false });
    const { code = 1 } = this.#script;
    const properties = code === 22 ? { numberOfQueues: 1, discordInstanceId: "1118138338562560102" } : {};
    return {
      json: submitted(code, { result: id, properties }),
      // Taken on, but nobody tells under which id.
      empty: submitted(code),
    };
  }

  async #fetch(id: string): Promise<Reply> {
    const task = this.#tasks.get(id);
    if (!task) return this.#unknown();
    if (task.asks && !task.isConfirmed) return { json: this.#describe(task, "MODAL", "0%") };
    const [status, progress] = stateOf(task);
    task.asked++;
    if (status === "SUCCESS") {
      task.image ??= this.#store(task, await paintGrid(task.size, task.serial, task.place));
      const apart = task.apart && task.place === undefined
        ? await Promise.all(
          [1, 2, 3, 4].map(async (place) => ({
            url: await this.#store(task, await paintGrid(task.size, task.serial, place)),
            thumbnail: "",
          })),
        )
        : undefined;
      return { json: this.#describe(task, status, "100%", await task.image, apart) };
    }
    const preview = task.previews && progress
      ? await this.#store(task, await paintGrid({ width: 32 + task.asked * 2, height: 32 }, task.serial))
      : null;
    return { json: this.#describe(task, status, progress, preview) };
  }

  #describe(
    task: Task,
    status: string,
    progress: string,
    imageUrl: string | null = null,
    imageUrls?: unknown,
  ): Record<string, unknown> {
    const { id, action, prompt } = task;
    const isOver = ["SUCCESS", "FAILURE", "CANCEL"].includes(status);
    const described = {
      id,
      action,
      status,
      prompt,
      promptEn: prompt,
      description: `/imagine ${prompt}`,
      state: null,
      submitTime: 1_732_180_123_456,
      startTime: 1_732_180_124_000,
      finishTime: isOver ? 1_732_180_160_000 : null,
      progress,
      imageUrl,
      failReason: status === "FAILURE" ? task.failReason ?? "[Invalid parameter] Invalid value" : null,
      properties: { finalPrompt: `${prompt} --v 7` },
    };
    if (this.#dialect === "nov") return { ...described, ...task.task };
    const buttons = status === "SUCCESS" && task.place === undefined ? buttonsOf(task) : [];
    return { ...described, buttons, imageUrls, ...task.task };
  }

  #unknown(): Reply {
    if (this.#dialect === "nov") return {};
    if (this.#dialect === "trueai") return { status: 204 };
    throw new Refusal(400, { description: "task_no_found ", type: "upstream_error", code: 4 });
  }

  #cancel(_call: RecordedCall, id: string): Reply {
    const task = this.#tasks.get(id);
    if (this.#dialect === "nov" || !task) throw this.refuseCall("unknown path");
    task.states = ["CANCEL"];
    task.asked = 0;
    return { json: submitted(1, { result: id }) };
  }

  #store(task: Task, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    if (this.#dialect !== "relay") {
      return Promise.resolve(this.files.put(bytes, "image/png", "ex=6740&is=673f&hm=0123456789abcdef"));
    }
    const name = `${task.id}-${this.#pictures.size}`;
    this.#pictures.set(name, bytes);
    return Promise.resolve(`${this.origin}/mj/image/${name}`);
  }

  #picture(id: string): Reply {
    const bytes = this.#pictures.get(id);
    if (!bytes) throw this.refuseCall("unknown path");
    return { file: { bytes, type: "image/png" } };
  }
}

function stateOf({ states, asked }: Task): [status: string, progress: string] {
  const said = states ?? ["SUBMITTED 0%", "IN_PROGRESS 20%", "IN_PROGRESS 60%", "SUCCESS"];
  const [status = "", progress = ""] = said[Math.min(asked, said.length - 1)]!.split(" ");
  return [status, progress];
}

function buttonsOf({ serial, upscales = true }: Task): { customId: string; label: string }[] {
  const hash = `00000000-0000-4000-8000-${serial.toString().padStart(12, "0")}`;
  const button = (customId: string, label: string) => ({ customId, emoji: "", label, type: 2, style: 2 });
  const places = [1, 2, 3, 4];
  return [
    ...upscales ? places.map((place) => button(`MJ::JOB::upsample::${place}::${hash}`, `U${place}`)) : [],
    button(`MJ::JOB::reroll::0::${hash}::SOLO`, ""),
    ...places.map((place) => button(`MJ::JOB::variation::${place}::${hash}`, `V${place}`)),
  ];
}

/** The grey of each of a grid's pictures: another one for every place, in every grid. */
export function toneOf(serial: number, place: number): number {
  return (serial * 4 + place) * 5 % 256;
}

/** A grid of four plain pictures, or one of them as large as all. */
async function paintGrid(
  { width, height }: Size,
  serial: number,
  place?: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const quarter = 1 + (x < width / 2 ? 0 : 1) + (y < height / 2 ? 0 : 2);
      pixels[y * width + x] = toneOf(serial, place ?? quarter);
    }
  }
  const image = sharp(pixels, { raw: { width, height, channels: 1 } });
  return new Uint8Array(await image.toColourspace("b-w").png().toBuffer());
}
