/** fal, scripted: a queue that takes anything, models that refuse in the place of the result, results on another host. */
import { z } from "zod";
import { readImageFacts } from "../core/media.ts";
import type { Size } from "../core/request.ts";
import { ServiceWithFiles } from "./file_host.ts";
import { paint } from "./painting.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { Refusal, type Reply } from "./reply.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";
import { type Complaint, strictly } from "./strict_body.ts";

/** How a job goes on. */
export interface QueueScript {
  /** What each question is told in turn; the last one for ever after. */
  states?: string[];
  /** Takes the place of the result, once a job is completed. */
  refusal?: Refusal;
  /** How often the result is said to be still in progress, although the job is completed. Default 0. */
  early?: number;
  /** Replaces members of the result; `undefined` leaves one out. */
  result?: Record<string, unknown>;
  /** Replaces members of the reply to the submission. */
  submitted?: Record<string, unknown>;
  /** Replaces members of what each question is told. */
  told?: Record<string, unknown>;
}

interface Job extends QueueScript {
  id: string;
  key?: string;
  app: string;
  model: string;
  json: unknown;
  asked: number;
  early: number;
}

/** Starts a scripted fal. A prompt that contains "forbidden" is taken on, and refused by the model. */
export function falService(): FalService {
  return new FalService();
}

/** A running fal; configure `url`, and read what arrived here and at `files`. */
export class FalService extends ServiceWithFiles {
  protected readonly keyPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9a-f]{32}$/;
  readonly #jobs = new Map<string, Job>();
  #script: QueueScript = {};
  #painted = 0;

  protected readonly routes: Record<string, Route> = {
    // Only owner and app are in these, not the rest of a model's path.
    "GET /:owner/:app/requests/:id/status": {
      kind: "tasks",
      answer: (call, { owner, app, id }) => this.#ask(this.#find(call, `${owner}/${app}`, id)),
    },
    "GET /:owner/:app/requests/:id": {
      kind: "tasks",
      answer: (call, { owner, app, id }) => this.#give(this.#find(call, `${owner}/${app}`, id)),
    },
    "PUT /:owner/:app/requests/:id/cancel": {
      kind: "tasks",
      answer: (call, { owner, app, id }) => this.#cancel(this.#find(call, `${owner}/${app}`, id)),
    },
    "POST /:model+": { kind: "images", answer: (call, { model = "" }) => this.#submit(call, model) },
  };

  get url(): string {
    return this.origin;
  }

  /** How jobs go that are submitted from now on: by default two questions in vain, then a picture. */
  scriptJobs(script: QueueScript): void {
    this.#script = script;
  }

  protected override get replyHeaders(): Record<string, string> {
    return { "x-fal-request-id": "00000000-0000-4000-8000-00000000fa10" };
  }

  protected override keyOf({ headers }: RecordedCall): string | undefined {
    return headers.get("authorization")?.match(/^Key (\S+)$/)?.[1];
  }

  protected makeKey(serial: number): string {
    const digits = serial.toString(16);
    return `00000000-0000-4000-8000-${digits.padStart(12, "0")}:${digits.padStart(32, "a")}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "missing") return new Refusal(401, { detail: "Authentication is required" });
    if (trouble.kind === "rejected") {
      return new Refusal(401, { detail: "No user found for Key ID and Secret" });
    }
    if (trouble.kind === "drained") return EXHAUSTED;
    const headers: Record<string, string> = trouble.retryAfter === undefined
      ? {}
      : { "retry-after": `${trouble.retryAfter}` };
    return new Refusal(429, { detail: "Too many concurrent requests" }, headers);
  }

  protected refuseCall(trouble: CallTrouble): Refusal {
    if (trouble === "unknown path") return new Refusal(404, { detail: "Not Found" });
    if (trouble === "wrong method") return new Refusal(405, { detail: "Method Not Allowed" });
    return requestError(400, "bad_request", "The request body is not valid JSON");
  }

  /** The queue looks at nothing but the name; the model finds fault with its input when the job runs. */
  #submit({ key, json }: RecordedCall, model: string): Reply {
    if (!Object.hasOwn(MODELS, model)) {
      throw new Refusal(404, { detail: `Application "${model.split("/")[1] ?? model}" not found` });
    }
    if (json === undefined) throw this.refuseCall("unreadable body");
    const id = `00000000-0000-4000-8000-${(this.#jobs.size + 1).toString(16).padStart(12, "0")}`;
    const app = model.split("/").slice(0, 2).join("/");
    const job = { early: 0, ...this.#script, id, key, app, model, json, asked: 0 };
    this.#jobs.set(id, job);
    const queued = { ...this.#named(job), status: "IN_QUEUE", queue_position: 0 };
    return { json: { ...queued, ...job.submitted }, empty: { ...queued, request_id: null } };
  }

  #named({ app, id }: Job) {
    const address = `${this.origin}/${app}/requests/${id}`;
    return {
      request_id: id,
      response_url: address,
      status_url: `${address}/status`,
      cancel_url: `${address}/cancel`,
    };
  }

  /** @throws Refusal for a job that isn't there, or is not of the account that asks. */
  #find({ key }: RecordedCall, app: string, id = ""): Job {
    const job = this.#jobs.get(id);
    if (!job || job.key !== key || job.app !== app) {
      throw new Refusal(404, { detail: "Request not found", status: "NOT_FOUND" });
    }
    return job;
  }

  #ask(job: Job): Reply {
    const status = stateOf(job);
    job.asked++;
    return {
      status: status === "COMPLETED" ? 200 : 202,
      json: {
        ...this.#named(job),
        status,
        logs: null,
        ...status === "COMPLETED" ? { metrics: { inference_time: 1.25 } } : { queue_position: 0 },
        ...job.told,
      },
    };
  }

  async #give(job: Job): Promise<Reply> {
    if (job.asked === 0 || stateOf(job, job.asked - 1) !== "COMPLETED" || job.early-- > 0) {
      throw new Refusal(400, { detail: "Request is still in progress" });
    }
    if (job.refusal) throw job.refusal;
    const input = readInput(job.model, job.json);
    const images = [];
    for (let made = 0; made < input.count; made++) {
      const { width, height, format } = input;
      const bytes = await paint({ width, height, format, seed: ++this.#painted });
      const url = this.files.put(bytes, `image/${format}`);
      images.push({ url, width, height, content_type: `image/${format}` });
    }
    return {
      json: {
        images,
        timings: { inference: 1.25 },
        seed: input.seed ?? 4242,
        has_nsfw_concepts: images.map(() => false),
        prompt: input.prompt,
        ...job.result,
      },
    };
  }

  #cancel(job: Job): Reply {
    if (stateOf(job) === "COMPLETED") throw new Refusal(400, { status: "ALREADY_COMPLETED" });
    job.states = ["COMPLETED"];
    job.refusal = requestError(499, "client_cancelled", "Request was cancelled");
    return { status: 202, json: { status: "CANCELLATION_REQUESTED" } };
  }
}

function stateOf({ states = ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"], asked }: Job, turn = asked): string {
  return states[Math.min(turn, states.length - 1)]!;
}

/** What an account without money is told. */
export const EXHAUSTED = new Refusal(403, {
  detail: "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.",
});

/** A refusal by the queue itself. */
export function requestError(status: number, error_type: string, detail: string): Refusal {
  return new Refusal(status, { detail, error_type }, { "x-fal-error-type": error_type });
}

/** A refusal by a model. */
export function modelError(status: number, type: string, loc: string[], msg: string): Refusal {
  const url = `https://docs.fal.ai/errors/#${type}`;
  return new Refusal(status, { detail: [{ loc, msg, type, url }] }, { "x-fal-retryable": "false" });
}

const side = z.int().min(256).max(2048).multipleOf(16);
const imageSize = z.union([
  z.enum(["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]),
  z.strictObject({ width: side, height: side }),
]);

/** A picture as a `data:` URL, or an address. */
const picture = z.string().transform((text, context): Size | undefined => {
  if (/^https?:/.test(text)) return undefined;
  const [, base64] = /^data:image\/\w+;base64,([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
  const facts = base64 ? readImageFacts(Uint8Array.fromBase64(base64)) : undefined;
  if (!facts) {
    context.addIssue("Failed to load the image");
    return z.NEVER;
  }
  return { width: facts.width, height: facts.height };
});

const common = {
  prompt: z.string().min(1),
  num_images: z.int().min(1).max(4).optional(),
  output_format: z.enum(["jpeg", "png"]).optional(),
  sync_mode: z.boolean().optional(),
};
const proOptions = {
  ...common,
  seed: z.int().optional(),
  safety_tolerance: z.enum(["1", "2", "3", "4", "5", "6"]).optional(),
};
const fluxOptions = (mostSteps = 50) => ({
  ...common,
  seed: z.int().optional(),
  num_inference_steps: z.int().min(1).max(mostSteps).optional(),
  guidance_scale: z.number().min(1).max(20).optional(),
  enable_safety_checker: z.boolean().optional(),
  acceleration: z.enum(["none", "regular", "high"]).optional(),
});
const aspect_ratio = z.string().regex(/^\d+:\d+$/).optional();
const strength = z.number().min(0.01).max(1).optional();
const banana = { ...common, aspect_ratio };
const kontext = z.strictObject({ ...proOptions, aspect_ratio, image_url: picture });

const MODELS: Record<string, z.ZodType> = {
  "fal-ai/flux/schnell": z.strictObject({ ...fluxOptions(12), image_size: imageSize.optional() }),
  "fal-ai/flux/dev": z.strictObject({ ...fluxOptions(), image_size: imageSize.optional() }),
  "fal-ai/flux/dev/image-to-image": z.strictObject({ ...fluxOptions(), image_url: picture, strength }),
  "fal-ai/flux-pro/v1.1": z.strictObject({ ...proOptions, image_size: imageSize.optional() }),
  "fal-ai/flux-pro/v1.1-ultra": z.strictObject({ ...proOptions, aspect_ratio }),
  "fal-ai/flux-pro/kontext": kontext,
  "fal-ai/flux-pro/kontext/max": kontext,
  "fal-ai/flux-2": z.strictObject({ ...fluxOptions(), image_size: imageSize.optional() }),
  "fal-ai/flux-2/edit": z.strictObject({
    ...fluxOptions(),
    image_size: imageSize.optional(),
    image_urls: z.array(picture).min(1).max(4),
  }),
  "fal-ai/flux-2-pro": z.strictObject({
    ...proOptions,
    num_images: z.undefined().optional(),
    image_size: imageSize.optional(),
  }),
  "fal-ai/flux-general/inpainting": z.strictObject({
    ...fluxOptions(),
    image_url: picture,
    mask_url: picture,
    strength,
  }),
  "fal-ai/qwen-image": z.strictObject({ ...fluxOptions(), image_size: imageSize.optional() }),
  "fal-ai/nano-banana": z.strictObject(banana),
  "fal-ai/nano-banana/edit": z.strictObject({ ...banana, image_urls: z.array(picture).min(1).max(3) }),
  // A model of somebody's own, with the commonest of inputs.
  "somebody/painter": z.strictObject({
    prompt: common.prompt,
    image_url: picture.optional(),
    style: z.string().optional(),
  }),
};

interface Input extends Size {
  prompt: string;
  count: number;
  format: "jpeg" | "png";
  seed?: number;
}

interface Read {
  prompt: string;
  num_images?: number;
  output_format?: Input["format"];
  seed?: number;
  image_size?: string | Size;
  aspect_ratio?: string;
  image_url?: Size;
  mask_url?: Size;
}

/** Reads the input of a model as the model does. @throws Refusal */
function readInput(model: string, json: unknown): Input {
  const body = strictly(MODELS[model]!, json, refuse) as Read;
  const { image_url: image, mask_url: mask, aspect_ratio, image_size } = body;
  if (image && mask && (mask.width !== image.width || mask.height !== image.height)) {
    throw modelError(422, "value_error", ["body", "mask_url"], "Mask and image must have the same size");
  }
  if (/forbidden/i.test(body.prompt)) {
    const msg =
      "The content could not be processed because it contained material flagged by a content checker.";
    throw modelError(422, "content_policy_violation", ["body", "prompt"], msg);
  }
  const [wide = 1, high = 1] = aspect_ratio?.split(":").map(Number) ?? [];
  const size = typeof image_size === "object"
    ? image_size
    : aspect_ratio
    ? { width: Math.round(1024 * Math.sqrt(wide / high)), height: Math.round(1024 * Math.sqrt(high / wide)) }
    : image ?? { width: 1024, height: 768 };
  return {
    ...size,
    prompt: body.prompt,
    count: body.num_images ?? 1,
    format: body.output_format ?? "jpeg",
    seed: body.seed,
  };
}

function refuse({ kind, param, issue }: Complaint): Refusal {
  const loc = ["body", ...param.split(".")];
  if (kind === "missing") return modelError(422, "missing", loc, "Field required");
  if (kind === "unknown") return modelError(422, "extra_forbidden", loc, "Extra inputs are not permitted");
  return modelError(422, "value_error", loc, issue.message);
}
