/**
 * Midjourney by a proxy that somebody runs for it: novicezk's or trueai's midjourney-proxy, or a relay such as new-api.
 * Midjourney has no API of its own and its terms forbid such use, so the address has to be configured, and the
 * provider's weight is 0: it is asked only if somebody names it or gives it a weight.
 *
 * Every task gives a grid of four. `provider_params: {"grid": …}` says what is made of it:
 * - `quarter`, the default: as many single pictures as are wanted, cut out of it, from `index` (1–4) on
 * - `upscale`: the same, each by a further task of Midjourney's, where the proxy offers one
 * - `whole`: the grid as it is
 *
 * Parameters stand in the prompt (`--stylize 300 --chaos 20 --sref …`); what the prompt says itself is not said again.
 * All other `provider_params` are merged into the task, such as `botType` and `accountFilter` of trueai's proxy.
 */
import { z } from "@hono/zod-openapi";
import { Failed, type FailureKind } from "../core/failure.ts";
import {
  type Call,
  defineProvider,
  type FailureRow,
  type Made,
  type MadeImage,
  type Model,
  type ReadReply,
  type Ticket,
} from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { json } from "./call.ts";
import { readFailure } from "./failure_reading.ts";
import { job, type JobState, readState, type StateTable } from "./job.ts";
import { cutQuarter } from "./midjourney_grid.ts";
import { RATIOS, wordsOf } from "./midjourney_prompt.ts";
import { imageAt } from "./result_address.ts";

const painter = {
  tasks: ["generate", "edit", "blend"],
  maxImages: 4,
  maxInputs: 5,
  maxPartials: 3,
  inputs: { types: ["image/png", "image/jpeg", "image/webp"] },
  sizes: { kind: "ratios", ratios: RATIOS },
  wishes: ["seed", "negativePrompt", "style"],
  keyless: true,
  timeoutMs: 300_000,
  rating: 88,
} as const satisfies Omit<Model, "id">;

/** Codes of replies, and words of reasons that are free texts: https://github.com/novicezk/midjourney-proxy */
const failures: FailureRow[] = [
  { kind: "refused", code: /^24$/ },
  { kind: "refused", text: /banned|moderat|policy|sensitive|敏感|违规|违禁/i },
  { kind: "out_of_credit", text: /quota_not_enough|subscription|credits|fast hours|额度|余额/i },
  { kind: "rate_limited", code: /^(23|30)$/ },
  { kind: "rate_limited", text: /queue (is )?full|队列已满/i },
  { kind: "overloaded", code: /^(3|5|9)$/ },
  { kind: "invalid_request", code: /^4$/ },
  { kind: "invalid_request", text: /invalid (parameter|link)/i },
  { kind: "timed_out", text: /任务超时|timed out/i },
  { kind: "key_rejected", status: 403 },
];

export const midjourney = defineProvider({
  name: "Midjourney",
  env: "MIDJOURNEY",
  weight: 0,
  // The secret is any text, so only one that says so itself is recognised.
  keys: {
    pattern: /^mj-\S+$/,
    sample: "mj-a-secret-of-ones-own",
    help: "https://github.com/trueai-org/midjourney-proxy",
    send: (key) => ({ "mj-api-secret": key }),
  },
  defaults: { generate: "midjourney", edit: "midjourney", blend: "midjourney" },
  unlisted: { pattern: /^midjourney-(v|niji-)\d(\.\d)?$/, like: "midjourney" },
  models: [
    { ...painter, id: "midjourney" },
    { ...painter, id: "midjourney-v7" },
    { ...painter, id: "midjourney-niji", rating: 80 },
    // Joins images by themselves, without words.
    {
      ...painter,
      id: "midjourney-blend",
      tasks: ["blend"],
      sizes: { kind: "ratios", ratios: ["2:3", "1:1", "3:2"] },
      wishes: [],
    },
  ],
  operations: { generate: make, edit: make },
  imagesPerCall: ({ providerParams }) => providerParams.grid === "whole" ? 1 : undefined,
  failures,
});

async function make(request: ImageRequest, call: Call): Promise<Made> {
  const { grid, index, ...params } = request.providerParams;
  const choice = choiceOf({ grid, index });
  const words = wordsOf(request);
  const ways = await waysOf(request, words, call);
  const id = await submit(ways.map(([path, body]) => [path, { ...body, ...params }]), call);
  if (id === undefined) {
    const message = "there is no proxy at the base URL; expected is an address such as http://host:8080/mj";
    throw new Failed({ kind: "unreachable", message, status: 404 });
  }
  const task = await finish(id, words, request, call);
  const revisedPrompt = task.properties?.finalPrompt ?? undefined;
  const images = await picturesOf(task, choice, words, request, call);
  return { images: images.map((image) => ({ ...image, revisedPrompt })) };
}

/** A path of the proxy, and what is sent there. */
type Way = [path: string, body: Record<string, unknown>];

/** The ways to hand a request in; each is tried where the proxy does not have the one before. */
async function waysOf(request: ImageRequest, prompt: string, call: Call): Promise<Way[]> {
  const images = await Promise.all(request.inputs.map((input) => input.dataUrl(call.signal)));
  if (request.model === "midjourney-blend") {
    call.note("prompt: midjourney-blend joins images without words");
    return [["submit/blend", { base64Array: images, dimensions: dimensionsOf(request.ratio) }]];
  }
  const imagine: Way = ["submit/imagine", {
    prompt,
    base64Array: images.length > 0 ? images : undefined,
  }];
  return request.task === "edit" && images.length === 1
    ? [["submit/edits", { prompt, image: images[0] }], imagine]
    : [imagine];
}

function dimensionsOf(ratio = 1): string {
  return ratio < 1 ? "PORTRAIT" : ratio > 1 ? "LANDSCAPE" : "SQUARE";
}

/**
 * Hands a task in by the first way that the proxy has. Gives its id, or nothing where it has none of them.
 * @throws Failed
 */
async function submit(ways: Way[], call: Call): Promise<string | undefined> {
  for (const [path, body] of ways) {
    const id = await call.post(at(call, path), body, readSubmitted, { accepts: [404] });
    if (id === undefined) continue;
    if (path !== ways[0]![0]) call.note("edit: this proxy has no editor, the image was used as a reference");
    return id;
  }
  return undefined;
}

/** Where only the host was configured, its usual folder is taken. */
function at({ baseUrl }: Call, path: string): string {
  return new URL(baseUrl).pathname === "/" ? `mj/${path}` : path;
}

/** Taken on, known already, queued: in all three cases the task can be asked for. */
const TAKEN = [1, 21, 22];

/** Business is told by codes, all of them with status 200; 404 is a path that the proxy does not have. */
const readSubmitted: ReadReply<string | undefined> = async (response) => {
  if (response.status === 404) {
    await response.body?.cancel();
    return undefined;
  }
  const said = await json(Submitted)(response);
  if (TAKEN.includes(said.code) && said.result) return String(said.result);
  const { code, description, properties } = said;
  const message = [description ?? "", properties?.bannedWord].filter(Boolean).join(": ");
  const failure = readFailure({ status: 200, body: JSON.stringify({ code, message }) }, failures);
  throw new Failed({ ...failure, status: undefined });
};

const STATES: StateTable<
  "NOT_START" | "SUBMITTED" | "IN_PROGRESS" | "MODAL" | "SUCCESS" | "FAILURE" | "CANCEL"
> = {
  NOT_START: "pending",
  SUBMITTED: "pending",
  IN_PROGRESS: "pending",
  // Waits for somebody to confirm a dialog.
  MODAL: "pending",
  SUCCESS: "done",
  FAILURE: "empty_reply",
  // By somebody at the proxy's own pages.
  CANCEL: "timed_out",
};

/** Waits for a task to end well. @throws Failed */
async function finish(id: string, words: string, request: ImageRequest, call: Call): Promise<Task> {
  let finished: Task | undefined;
  let isConfirmed = false;
  const previews: string[] = [];
  const check = async (): Promise<JobState> => {
    const path = at(call, `task/${encodeURIComponent(id)}/fetch`);
    const task = await call.get(path, readTask, { accepts: [400] });
    if (!task) return { state: "unknown", message: "the task is not known any more" };
    const state = readState(STATES, task.status ?? "");
    if (state === "done") {
      finished = task;
      return { state, made: { images: [] } };
    }
    if (state !== "pending") throw failed(state, task);
    if (task.status === "MODAL" && !isConfirmed) {
      await call.post(at(call, "submit/modal"), { taskId: id, prompt: words }, readSubmitted);
      isConfirmed = true;
    }
    await preview(task, previews, request, call);
    const percent = /^\d{1,3}(?=%)/.exec(task.progress ?? "")?.[0];
    return { state, share: percent === undefined ? undefined : Math.min(1, Number(percent) / 100) };
  };
  await job({ submit: () => Promise.resolve({ id }), check, cancel, pace: { first: 2000, most: 3000 } })(
    request,
    call,
  );
  return finished!;
}

/** What can't be taken back, for want of the path, is left to end by itself. */
function cancel({ id }: Ticket, call: Call): Promise<unknown> {
  return call.post(at(call, `task/${encodeURIComponent(id)}/cancel`), {}, (response) => response.text());
}

function failed(kind: FailureKind, { failReason, status }: Task): Failed {
  const reason = failReason || `the task ended as ${status}`;
  const failure = readFailure({ status: 200, body: reason }, [...failures, { kind }]);
  return new Failed({ ...failure, status: undefined });
}

/** A task under way may show how far its grid is. One that can't be had is none. */
async function preview(task: Task, given: string[], request: ImageRequest, call: Call): Promise<void> {
  const { imageUrl } = task;
  if (!imageUrl || given.includes(imageUrl) || given.length >= request.partialImages) return;
  const media = imageAt(imageUrl, call);
  if (!await media.facts(call.signal).catch(() => undefined)) return;
  call.partial(media, given.length);
  given.push(imageUrl);
}

/** An id that is not known is told as nothing (novicezk), 204 (trueai) or 400 (relays). */
const readTask: ReadReply<Task | undefined> = async (response) => {
  const { status, headers } = response;
  const body = (await response.text()).trim();
  if (status === 400 && !body.includes("task_no_found")) {
    throw new Failed(readFailure({ status, headers, body }, failures));
  }
  if (status === 400 || body === "" || body === "null") return undefined;
  return await json(Task)(new Response(body));
};

type Choice = z.output<typeof Choice>;

/** @throws Failed `invalid_request` */
function choiceOf(params: { grid: unknown; index: unknown }): Choice {
  const read = Choice.safeParse(params);
  if (read.success) return read.data;
  const name = String(read.error.issues[0]?.path[0]);
  throw new Failed({
    kind: "invalid_request",
    param: `provider_params.${name}`,
    code: "invalid_value",
    message: `Invalid 'provider_params.${name}': expected ${
      name === "grid" ? "whole, quarter or upscale" : "a place from 1 to 4"
    }`,
  });
}

async function picturesOf(
  task: Task,
  { grid, index }: Choice,
  words: string,
  request: ImageRequest,
  call: Call,
): Promise<MadeImage[]> {
  if (!task.imageUrl) return [];
  const whole = imageAt(task.imageUrl, call);
  if (grid === "whole") return [{ media: whole }];
  // Some accounts give the four apart from each other already.
  const single = task.imageUrls?.map(({ url }) => imageAt(url, call)) ?? [];
  const places = Array.from(
    { length: Math.min(4, request.n ?? 1) },
    (_, offset) => (index + offset - 1) % 4 + 1,
  );
  return await Promise.all(places.map(async (place) => {
    const upscaled = grid === "upscale" ? await upscale(task, place, words, request, call) : undefined;
    const apart = single.length > 1 ? single[place - 1] : undefined;
    return { media: upscaled ?? apart ?? await cutQuarter(whole, place, call.signal) };
  }));
}

/** One picture of a grid, made larger; nothing where that is not offered. */
async function upscale(task: Task, place: number, words: string, request: ImageRequest, call: Call) {
  const { id, buttons } = task;
  const customId = buttons?.map((button) => button.customId ?? "").find((id) =>
    id.startsWith(`MJ::JOB::upsample::${place}::`)
  );
  const ways: Way[] = customId
    ? [["submit/action", { taskId: id, customId }]]
    : buttons?.length
    ? []
    : [["submit/change", { taskId: id, action: "UPSCALE", index: place }]];
  const larger = await submit(ways, call);
  const imageUrl = larger && (await finish(larger, words, { ...request, partialImages: 0 }, call)).imageUrl;
  if (imageUrl) return imageAt(imageUrl, call);
  call.note("grid: there is no upscale of this picture, it was cut out of the grid");
  return undefined;
}

const Choice = z.object({
  grid: z.enum(["whole", "quarter", "upscale"]).default("quarter"),
  index: z.int().min(1).max(4).default(1),
});

const Submitted = z.object({
  code: z.number(),
  description: z.string().nullish(),
  result: z.union([z.string(), z.number()]).nullish().catch(undefined),
  properties: z.object({ bannedWord: z.string().nullish() }).nullish().catch(undefined),
});

const Task = z.object({
  id: z.union([z.string(), z.number()]),
  status: z.string().nullish(),
  progress: z.string().nullish(),
  failReason: z.string().nullish(),
  imageUrl: z.string().nullish(),
  imageUrls: z.array(z.object({ url: z.string() })).nullish().catch(undefined),
  buttons: z.array(z.object({ customId: z.string().nullish() })).nullish().catch(undefined),
  properties: z.object({ finalPrompt: z.string().nullish() }).nullish().catch(undefined),
});
type Task = z.infer<typeof Task>;
