/**
 * Apps of one's own on Modal. What such an app takes and gives is its author's choice, so the address has to be
 * configured, and one of three ways to speak with it is chosen by the model's name:
 * - `modal-openai`: OpenAI's images dialect under `/v1`; any other model name is sent along in it
 * - `modal-json`: one address that takes a JSON object
 * - `modal-raw`: one address that takes words in its query and answers with a picture
 *
 * A name of one's own has one of them by `like` in the settings: `"Modal": {"models": {"my-flux": {"like":
 * "modal-json"}}}`; one request has it by `provider_params: {"contract": "openai" | "json" | "raw"}`. All other
 * `provider_params` are merged into what is sent. Answers are read by what they are, whichever way was chosen.
 *
 * Models are not asked for, since every question wakes a container that is billed by the second.
 */
import { z } from "@hono/zod-openapi";
import { Failed } from "../core/failure.ts";
import { Media } from "../core/media.ts";
import {
  type Call,
  type CallInit,
  defineProvider,
  type FailureRow,
  type Made,
  type MadeImage,
  type Model,
  type ReadReply,
  type Ticket,
} from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { bearer } from "./bearer.ts";
import { json, parseReply } from "./call.ts";
import { readFailure } from "./failure_reading.ts";
import { job, type JobState } from "./job.ts";
import { type Dialect, fieldsOf, formOf } from "./openai_dialect.ts";
import { imageAt } from "./result_address.ts";

const app = {
  tasks: ["generate", "edit", "blend"],
  maxInputs: 16,
  mask: true,
  wishes: ["seed", "steps", "guidance", "negativePrompt"],
  keyless: true,
  // A container may have to be started first.
  timeoutMs: 600_000,
} as const satisfies Omit<Model, "id">;

/** What Modal itself says begins with its name; all else is the app's own. */
const failures: FailureRow[] = [
  { kind: "out_of_credit", text: /^modal-http: workspace \S+ is disabled/ },
  { kind: "timed_out", text: /^modal-http: .*timed out/ },
  { kind: "malformed_reply", text: /^modal-http: bad redirect method/ },
  { kind: "refused", code: /moderation|content_policy|safety|nsfw/i },
  { kind: "key_rejected", status: 403 },
  { kind: "key_rejected", status: 407 },
];

const run = job({ submit, check, listens: true });

export const modal = defineProvider({
  name: "Modal",
  env: "MODAL",
  keys: {
    pattern: /^wk-[^\s:]+:ws-[^\s:]+$/,
    sample: "wk-A1b2C3d4E5f6G7h8I9j0K1:ws-L2m3N4o5P6q7R8s9T0u1V2",
    help: "https://modal.com/settings/proxy-auth-tokens",
    send: sendKey,
  },
  defaults: { generate: "modal-openai", edit: "modal-openai", blend: "modal-openai" },
  unlisted: { pattern: /./, like: "*" },
  models: [
    { ...app, id: "modal-openai" },
    { ...app, id: "modal-json" },
    { ...app, id: "modal-raw", tasks: ["generate"], mask: false, wishes: ["seed"], sizes: { kind: "fixed" } },
    { ...app, id: "*" },
  ],
  operations: { generate: run, edit: run },
  failures,
});

/** A proxy token is a pair in headers of its own: https://modal.com/docs/guide/webhook-proxy-auth */
function sendKey(key: string): Record<string, string> {
  const [id = "", secret] = key.split(":");
  return id.startsWith("wk-") && secret ? { "modal-key": id, "modal-secret": secret } : bearer(key);
}

/** The ways to speak with an app. */
const CONTRACTS = { openai: sendOpenAi, json: sendJson, raw: sendRaw };

function submit(request: ImageRequest, call: Call): Promise<Ticket | Made> {
  const { contract, ...providerParams } = request.providerParams;
  const named = contract ??
    [request.model, request.like].map((id) => /^modal-(\w+)$/.exec(id ?? "")?.[1]).find(Boolean) ?? "openai";
  if (typeof named !== "string" || !Object.hasOwn(CONTRACTS, named)) {
    throw invalid("provider_params.contract", `expected ${Object.keys(CONTRACTS).join(", ")}`);
  }
  return CONTRACTS[named as keyof typeof CONTRACTS]({ ...request, providerParams }, call);
}

/** A call is held for 150 s, then sent on to where its result will be: https://modal.com/docs/guide/webhook-timeouts */
const HELD: CallInit = { accepts: [303], headers: { accept: "application/json, image/*" } };

const DIALECT: Dialect = {
  responseFormat: () => "b64_json",
  fields: {
    seed: "seed",
    steps: "num_inference_steps",
    guidance: "guidance_scale",
    negativePrompt: "negative_prompt",
  },
};

async function sendOpenAi(request: ImageRequest, call: Call): Promise<Ticket | Made> {
  const folder = call.baseUrl.endsWith("/v1") ? "images" : "v1/images";
  const isNamed = modal.models.every(({ id }) => id !== request.model);
  if (request.task === "generate") {
    const model = isNamed ? request.model : undefined;
    const body = { ...fieldsOf(request, DIALECT), model, ...request.providerParams };
    return call.post(`${folder}/generations`, body, submitted(call), HELD);
  }
  const form = await formOf(request, call, DIALECT);
  if (!isNamed && request.providerParams.model === undefined) form.delete("model");
  return call.form(`${folder}/edits`, form, submitted(call), HELD);
}

async function sendJson(request: ImageRequest, call: Call): Promise<Ticket | Made> {
  const images = await Promise.all(request.inputs.map((input) => input.dataUrl(call.signal)));
  const body = {
    prompt: request.prompt,
    negative_prompt: request.negativePrompt,
    width: request.size?.width,
    height: request.size?.height,
    num_images: request.n,
    seed: request.seed,
    steps: request.steps,
    guidance: request.guidance,
    images: images.length > 0 ? images : undefined,
    mask: await request.mask?.dataUrl(call.signal),
    ...request.providerParams,
  };
  return call.post("", body, submitted(call), HELD);
}

async function sendRaw(request: ImageRequest, call: Call): Promise<Ticket | Made> {
  if (request.inputs.length > 0) throw invalid("image", "this app takes words alone");
  const { method = "GET", ...params } = request.providerParams;
  const address = new URL(call.baseUrl);
  for (const [name, value] of Object.entries({ prompt: request.prompt, seed: request.seed, ...params })) {
    if (value === undefined) continue;
    address.searchParams.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return await call.send(method === "POST" ? "POST" : "GET", address.href, undefined, submitted(call), HELD);
}

function invalid(param: string, expected: string): Failed {
  return new Failed({
    kind: "invalid_request",
    param,
    code: "invalid_value",
    message: `Invalid '${param}': ${expected}`,
  });
}

/** A result, where it will be (303), or the id of a call that the app began by itself (202). */
function submitted(call: Call): ReadReply<Ticket | Made> {
  return async (response) => {
    if (response.status === 303) return await nextAddress(response);
    if (response.status !== 202) return await madeOf(response, call);
    const { call_id, result_url } = await json(Spawned)(response);
    const address = result_url ?? (call_id && `${call.baseUrl}/result/${encodeURIComponent(call_id)}`);
    const url = address ? URL.parse(address, response.url)?.href : undefined;
    if (url) return { id: call_id ?? url, url };
    throw new Failed({ kind: "malformed_reply", message: "taken on, but not said where the result will be" });
  };
}

/** As many as browsers follow: almost an hour. */
const MOST_HOPS = 20;

async function check({ url = "" }: Ticket, call: Call): Promise<JobState> {
  let address = url;
  for (let hop = 0; hop < MOST_HOPS; hop++) {
    const said = await call.get(address, async (response): Promise<JobState | Ticket> => {
      if (response.status === 303) return await nextAddress(response);
      if (response.status === 202) {
        await response.body?.cancel();
        return { state: "pending" };
      }
      if (response.status === 404) throw await goneOf(response, call);
      return { state: "done", made: await madeOf(response, call) };
    }, { ...HELD, accepts: [303, 404] });
    if ("state" in said) return said;
    address = said.url ?? address;
  }
  throw new Failed({ kind: "overloaded", message: `no result after ${MOST_HOPS} redirects` });
}

/** The address at which the result of a call is waited for, with GET and no body (RFC 9110, 15.4.4). */
async function nextAddress(response: Response): Promise<Ticket> {
  await response.body?.cancel();
  const location = response.headers.get("location");
  const url = location === null ? null : URL.parse(location, response.url);
  if (!url) {
    throw new Failed({
      kind: "malformed_reply",
      message: "redirected, but not to an address",
      status: response.status,
    });
  }
  return { id: url.searchParams.get("__modal_function_call_id") ?? url.href, url: url.href };
}

/** A result can be read once; a 404 in the app's own words is its answer. */
async function goneOf(response: Response, call: Call): Promise<Failed> {
  const body = await response.text();
  const { status, headers } = response;
  if (!body.startsWith("modal-http:") && body !== "") {
    return new Failed(readFailure({ status, headers, body }, failures, call.now()));
  }
  return new Failed({ kind: "empty_reply", message: `the result is gone: ${body || "HTTP 404"}` });
}

async function madeOf(response: Response, call: Call): Promise<Made> {
  const type = response.headers.get("content-type") ?? "";
  if (/^(image\/|application\/octet-stream)/.test(type)) {
    return { images: [{ media: Media.fromBytes(await response.bytes()) }] };
  }
  const body = await json(z.unknown())(response);
  const { error, data, images, image, output } = parseReply(Reply, body);
  const items = [data, images, image, output].map((member) => [member ?? []].flat()).find((list) =>
    list.length > 0
  );
  if (!items && error) {
    throw new Failed(readFailure({ status: response.status, body: JSON.stringify(body) }, failures));
  }
  return { images: (items ?? []).flatMap((item) => imageOf(item, call, response.url)) };
}

function imageOf(item: z.infer<typeof Item>, call: Call, base: string): MadeImage[] {
  if (typeof item === "string") return [{ media: mediaOf(item, call) }];
  const seed = item.seed ?? undefined;
  if (item.b64_json) return [{ media: mediaOf(item.b64_json, call), seed }];
  if (!item.url) return [];
  const isInline = item.url.startsWith("data:");
  return [{ media: isInline ? mediaOf(item.url, call) : imageAt(item.url, call, base), seed }];
}

/** An address, a data URI or base64. */
function mediaOf(text: string, call: Call): Media {
  if (/^https?:\/\//i.test(text)) return imageAt(text, call);
  return Media.fromBase64(text.startsWith("data:") ? text.slice(text.indexOf(",") + 1) : text);
}

const Spawned = z.object({ call_id: z.string().nullish(), result_url: z.string().nullish() });

const Item = z.union([
  z.string(),
  z.object({
    b64_json: z.string().nullish(),
    url: z.string().nullish(),
    seed: z.number().nullish().catch(undefined),
  }),
]);

const Images = z.union([Item, z.array(Item)]).nullish();

const Reply = z.object({
  data: Images,
  images: Images,
  image: Images,
  output: Images,
  error: z.unknown().optional(),
});
