/**
 * RunPod: its public endpoints by their slugs, and endpoints of the user's own as `endpoint:ID`.
 *
 * What runs on an endpoint of one's own is told by `provider_params: {"mapping": …}`, or for good by `like` in the
 * settings: `"RunPod": {"models": {"endpoint:ID": {"like": "worker-sdxl:*"}}}`.
 * - `plain` (like `endpoint:*`, what is taken where nobody says more): prompt, negative_prompt, width, height, seed,
 *   num_inference_steps, guidance_scale, image or images, mask
 * - `sdxl` (like `worker-sdxl:*`): the inputs of runpod-workers/worker-sdxl
 * - `comfyui` (like `worker-comfyui:*`): a graph in `provider_params.workflow`, see `runpod_comfyui.ts`
 *
 * All other `provider_params` are merged into the worker's input. A slug that is not listed here can be added in the
 * settings with `like` one that is.
 */
import { z } from "@hono/zod-openapi";
import { Failed, type FailureKind } from "../core/failure.ts";
import type { Media } from "../core/media.ts";
import { type Call, defineProvider, type FailureRow, type Made, type Ticket } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { bearer } from "./bearer.ts";
import { json } from "./call.ts";
import { readFailure } from "./failure_reading.ts";
import { job, type JobState, readState, type StateTable } from "./job.ts";
import { inputsOf } from "./model_input.ts";
import { comfyUiInput } from "./runpod_comfyui.ts";
import { OWN, RUNPOD_MODELS, wireOf } from "./runpod_models.ts";
import { errorOf, imagesOf, numberIn } from "./runpod_output.ts";

/** Complaints about inputs first: they name inputs such as `enable_safety_checker`. */
const failures: FailureRow[] = [
  {
    kind: "invalid_request",
    text:
      /is a required input|should be .{1,80} type, not|not a valid input option|does not meet the constraints/i,
  },
  { kind: "invalid_request", text: /^invalid (parameter|input)/i },
  { kind: "out_of_credit", text: /(insufficient|not enough) (balance|credits?|funds)/i },
  {
    kind: "refused",
    text:
      /nsfw|safety|moderat|sensitive|content[ _-]?(policy|filter|violat|warning)|(prohibited|inappropriate) content/i,
  },
];

const run = job({ submit, check, cancel });

export const runPod = defineProvider({
  name: "RunPod",
  env: "RUNPOD",
  baseUrl: "https://api.runpod.ai/v2",
  keys: {
    pattern: /^rpa_\S+$/,
    sample: "rpa_" + "A1B2C3D4".repeat(5),
    help: "https://www.console.runpod.io/user/settings",
    send: bearer,
  },
  defaults: {
    generate: "z-image-turbo",
    edit: "qwen-image-edit-2511",
    blend: "qwen-image-edit-2511",
  },
  unlisted: { pattern: /^endpoint:[\w-]+$/, like: OWN.plain },
  models: RUNPOD_MODELS,
  operations: { generate: run, edit: run },
  failures,
});

/** How long a submission to a public endpoint is held open for the result, in ms; the id comes with the reply only. */
const HELD = 10_000;

async function submit(request: ImageRequest, call: Call): Promise<Ticket | Made> {
  const endpoint = request.model.replace(/^endpoint:/, "");
  const isPublic = !isOwn(request);
  const input = await (isPublic ? publicInput(request, call) : ownInput(request, call));
  // An endpoint of one's own may have to start a machine first: minutes, for which nothing is held open.
  const path = isPublic ? `${endpoint}/runsync?wait=${HELD}` : `${endpoint}/run`;
  const state = await call.post(path, { input }, json(Job));
  const said = stateOf(state, call);
  if (said.state === "done") return said.made;
  return { id: state.id, url: `${call.baseUrl}/${endpoint}/status/${state.id}` };
}

function check({ url = "" }: Ticket, call: Call): Promise<JobState> {
  return call.get(url, async (response): Promise<JobState> => {
    // Results are kept for minutes only.
    if (response.status === 404) {
      await response.body?.cancel();
      return { state: "unknown", message: "the job is not known any more" };
    }
    return stateOf(await json(Job)(response), call);
  }, { accepts: [404] });
}

function cancel({ url = "" }: Ticket, call: Call): Promise<unknown> {
  return call.post(url.replace(/\/status\/(?=[^/]*$)/, "/cancel/"), {}, json(z.unknown()));
}

function isOwn({ model, like }: ImageRequest): boolean {
  return model.startsWith("endpoint:") || Boolean(like?.endsWith("*"));
}

async function publicInput(request: ImageRequest, call: Call): Promise<Record<string, unknown>> {
  const wire = wireOf(request.model) ?? wireOf(request.like ?? "") ?? {};
  const input = await inputsOf(
    request,
    wire,
    call,
    async (media) => await call.publish(media) ?? await media.dataUrl(call.signal),
  );
  return { ...input, ...request.providerParams };
}

async function ownInput(request: ImageRequest, call: Call): Promise<Record<string, unknown>> {
  const { mapping, workflow, ...params } = request.providerParams;
  const kind = mappingOf(mapping, request.like);
  if (kind === OWN.comfyui) return { ...await comfyUiInput(request, workflow, call.signal), ...params };
  const send = kind === OWN.sdxl ? needsUrl : (media: Media) => media.url ?? media.dataUrl(call.signal);
  const input = await inputsOf(request, wireOf(kind)!, call, (media) => send(media, call));
  return { ...input, ...workflow !== undefined && { workflow }, ...params };
}

/** What runs on an endpoint: as the request says, else as the settings do. */
function mappingOf(mapping: unknown, like = ""): string {
  if (mapping === undefined) return wireOf(like) && like.endsWith("*") ? like : OWN.plain;
  if (typeof mapping === "string" && Object.hasOwn(OWN, mapping)) return OWN[mapping as keyof typeof OWN];
  throw new Failed({
    kind: "invalid_request",
    param: "provider_params.mapping",
    code: "invalid_value",
    message: `Invalid 'provider_params.mapping': expected ${Object.keys(OWN).join(", ")}`,
  });
}

/** worker-sdxl fetches its input by itself and takes nothing else. */
async function needsUrl(media: Media, call: Call): Promise<string> {
  const url = await call.publish(media);
  if (url !== undefined) return url;
  throw new Failed({
    kind: "invalid_request",
    param: "image",
    code: "invalid_image",
    message:
      "This worker takes images by their address only: send a URL, or set PUBLIC_BASE_URL or an image bed",
  });
}

const STATES: StateTable<
  "IN_QUEUE" | "IN_PROGRESS" | "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED" | "TIMED_OUT"
> = {
  IN_QUEUE: "pending",
  IN_PROGRESS: "pending",
  RUNNING: "pending",
  COMPLETED: "done",
  FAILED: "empty_reply",
  // By somebody at the service's own pages.
  CANCELLED: "timed_out",
  TIMED_OUT: "timed_out",
};

function stateOf({ status, output, error }: z.infer<typeof Job>, call: Call): JobState {
  const state = readState(STATES, status);
  if (state === "pending") return { state };
  if (state !== "done") throw failed(state, errorOf(error, output) ?? `the job ended as ${status}`);
  const images = imagesOf(output, call).map((media) => ({ media }));
  const complaint = errorOf(error, output);
  if (images.length === 0 && complaint) throw failed("empty_reply", complaint);
  const seed = images.length === 1 ? numberIn(output, "seed") : undefined;
  return {
    state,
    made: { images: images.map((image) => ({ ...image, seed })), costUsd: numberIn(output, "cost") },
  };
}

/** What a job says when it ends without an image, in words only. */
function failed(kind: FailureKind, error: string): Failed {
  const failure = readFailure({ status: 200, body: JSON.stringify({ message: error }) }, [...failures, {
    kind,
  }]);
  // "width should be <class 'int'> type, not <class 'str'>."
  const param = /^(?:Unexpected input\. )?(\w+) (?:is|should be|does not meet) /.exec(error)?.[1];
  return new Failed({
    ...failure,
    status: undefined,
    param: failure.kind === "invalid_request" ? param : undefined,
  });
}

const Job = z.object({
  id: z.string(),
  status: z.string(),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
});
