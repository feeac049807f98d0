/**
 * Replicate: a prediction by any of its models. `owner/name` asks for an official model, `owner/name:VERSION`
 * or a bare version for any other, `deployments/owner/name` for a deployment of one's own.
 */
import { z } from "@hono/zod-openapi";
import { Failed, type FailureKind } from "../core/failure.ts";
import { Media } from "../core/media.ts";
import {
  type Call,
  defineProvider,
  type FailureRow,
  type Made,
  type MadeImage,
  type Ticket,
} from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { bearer } from "./bearer.ts";
import { json, parseReply } from "./call.ts";
import { readFailure } from "./failure_reading.ts";
import { job, type JobState, readState, type StateTable } from "./job.ts";
import { whiteMask } from "./mask.ts";
import { inputsOf } from "./model_input.ts";
import { REPLICATE_MODELS, versionOf, wireOf } from "./replicate_models.ts";

/** 422 speaks of inputs such as `safety_tolerance`, so it is read before the words of moderation. */
const failures: FailureRow[] = [
  { kind: "model_not_found", status: 422, text: /specified version|version is required|property model/i },
  { kind: "invalid_request", status: 422 },
  { kind: "refused", text: /nsfw|sensitive|flagged|safety|moderat|\(E005\)/i },
  { kind: "overloaded", text: /\(E6716\)|queue is full/i },
];

const predict = job({ submit, check, cancel, pace: { first: 500, most: 3000 } });

export const replicate = defineProvider({
  name: "Replicate",
  env: "REPLICATE",
  baseUrl: "https://api.replicate.com/v1",
  keys: {
    pattern: /^r8_\S+$/,
    sample: "r8_" + "A1b2C3d4".repeat(4) + "E5f6G",
    help: "https://replicate.com/account/api-tokens",
    send: bearer,
  },
  defaults: {
    generate: "black-forest-labs/flux-schnell",
    edit: "black-forest-labs/flux-kontext-pro",
    blend: "black-forest-labs/flux-2-pro",
    variation: "black-forest-labs/flux-1.1-pro",
  },
  // Others name their models in the same way, so such an id leads here only if Replicate was chosen.
  unlisted: { pattern: /^((deployments\/)?\w[\w.-]*\/\w[\w.-]*(:[0-9a-f]{64})?|[0-9a-f]{64})$/, like: "*" },
  models: REPLICATE_MODELS,
  operations: { generate: predict, edit: predict },
  failures,
  checkKey: (call) => call.get("account", json(Account)),
});

/**
 * How long the submission itself is held open for the result, in s; up to 60 would be possible. The id comes
 * with the reply, so a client who leaves before it can't be made up for by taking the job back.
 */
const HELD = 10;

/** Larger inputs are uploaded, in bytes: https://replicate.com/docs/topics/predictions/input-files */
const MAX_DATA_URL = 256 * 1024;

async function submit(request: ImageRequest, call: Call): Promise<Ticket | Made> {
  const { path, version } = addressOf(request.model);
  const mask = request.mask && await whiteMask(request.mask, call.signal);
  const input = await inputsOf({ ...request, mask }, wireOf(request), call, (media) => toInput(media, call));
  const prediction = await call.post(
    path,
    { input: { ...input, ...request.providerParams }, version },
    json(Prediction),
    {
      headers: { prefer: `wait=${HELD}` },
    },
  );
  const said = stateOf(prediction, call);
  return said.state === "done" ? said.made : { id: prediction.id };
}

/** Asked under the configured address rather than at `urls.get`, so that a relay before Replicate stays in between. */
function check({ id }: Ticket, call: Call): Promise<JobState> {
  return call.get(`predictions/${encodeURIComponent(id)}`, async (response): Promise<JobState> => {
    if (response.status === 404) {
      await response.body?.cancel();
      return { state: "unknown", message: "the prediction is not known any more" };
    }
    return stateOf(await json(Prediction)(response), call);
  }, { accepts: [404] });
}

function cancel({ id }: Ticket, call: Call): Promise<unknown> {
  return call.post(`predictions/${encodeURIComponent(id)}/cancel`, undefined, json(Prediction));
}

function addressOf(model: string): { path: string; version?: string } {
  const [name = "", version = versionOf(name)] = model.includes("/") ? model.split(":") : ["", model];
  if (version) return { path: "predictions", version };
  return { path: name.startsWith("deployments/") ? `${name}/predictions` : `models/${name}/predictions` };
}

async function toInput(media: Media, call: Call): Promise<string> {
  if (media.url) return media.url;
  const bytes = await media.bytes(call.signal);
  if (bytes.length <= MAX_DATA_URL) return media.dataUrl(call.signal);
  const form = new FormData();
  form.append("content", await media.file("input", call.signal));
  return (await call.form("files", form, json(Uploaded))).urls.get;
}

const STATES: StateTable<
  "queued" | "starting" | "processing" | "succeeded" | "failed" | "canceled" | "aborted"
> = {
  queued: "pending",
  starting: "pending",
  processing: "pending",
  succeeded: "done",
  failed: "empty_reply",
  // By a deadline, or by somebody at the service's own pages.
  canceled: "timed_out",
  aborted: "timed_out",
};

function stateOf({ status, output, error, logs }: z.infer<typeof Prediction>, call: Call): JobState {
  const state = readState(STATES, status);
  if (state === "pending") return { state, share: shareOf(logs) };
  if (state !== "done") throw failed(state, error || `the prediction was ${status}`);
  return { state, made: { images: imagesOf(parseReply(Output, output), call) } };
}

/** What a prediction says when it ends without an image, in words only. */
function failed(kind: FailureKind, error: string): Failed {
  const failure = readFailure({ status: 200, body: JSON.stringify({ message: error }) }, [...failures, {
    kind,
  }]);
  return new Failed({ ...failure, status: undefined });
}

function imagesOf(output: z.infer<typeof Output>, call: Call): MadeImage[] {
  return [output ?? []].flat().map((url) => ({
    media: url.startsWith("data:") ? Media.fromBase64(url.slice(url.indexOf(",") + 1)) : call.image(url),
  }));
}

/** Models print a bar as they go: ` 36%|███▌      | 10/28 [00:02<00:04]`. */
function shareOf(logs: string | null | undefined): number | undefined {
  const percent = logs?.match(/\d{1,3}(?=%\|)/g)?.at(-1);
  return percent === undefined ? undefined : Math.min(1, Number(percent) / 100);
}

const Prediction = z.object({
  id: z.string(),
  status: z.string(),
  output: z.unknown().optional(),
  error: z.string().nullish().catch(undefined),
  logs: z.string().nullish().catch(undefined),
});

const Output = z.union([z.string(), z.array(z.string())]).nullish();

const Uploaded = z.object({ urls: z.object({ get: z.string() }) });

const Account = z.object({ type: z.string() });
