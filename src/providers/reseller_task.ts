/**
 * Resellers that answer OpenAI's images dialect with a task instead of an image. No two do it alike, so it is
 * told by what all have in common, an id with a state, and asked for at the address they name, or where most
 * have it.
 */
import { z } from "@hono/zod-openapi";
import { Failed } from "../core/failure.ts";
import type { Call, FailureRow, Made, MadeImage, Ticket } from "../core/provider.ts";
import { json } from "./call.ts";
import { readFailure } from "./failure_reading.ts";
import type { JobState } from "./job.ts";
import { at, type Dialect, mediaOf } from "./openai_dialect.ts";

type Json = Record<string, unknown>;

/** What a dialect needs to know of tasks. @param failures the table by which a failed task's words are read */
export function resellerTasks(failures: readonly FailureRow[]): Dialect["tasks"] {
  return {
    read(body, call): Ticket | Made | undefined {
      const task = taskIn(body);
      if (!task) return undefined;
      const said = stateOf(body, call, failures);
      // A state that speaks of the submission as a success comes without an image.
      if (said.state === "done" && said.made.images.length > 0) return said.made;
      return { id: idOf(task)!, url: addressOf(task, call) };
    },
    check: (ticket, call) => check(ticket, call, failures),
  };
}

const IDS = ["task_id", "taskId", "job_id", "jobId"];
const STATES = ["task_status", "status", "state"];
const ADDRESSES = ["status_url", "polling_url", "poll_url", "query_url", "fetch_url", "get_url"];
/** Where images are, from the outside in; the first place that holds any counts. */
const PLACES = [
  ...["data", "result", "results", "output", "outputs", "images", "image"],
  ...["image_urls", "image_url", "urls", "url"],
];

/** The part of a reply that tells of a task: the reply itself, its `data`, or the first of that. */
function taskIn(body: unknown): Json | undefined {
  return partsOf(body).find((part) => idOf(part) !== undefined);
}

function partsOf(body: unknown): Json[] {
  if (!isRecord(body)) return [];
  return [body, ...[body.data].flat(), body.task].filter(isRecord);
}

/** An `id` alone may be that of anything; with a state beside it, it is that of a task. */
function idOf(part: Json): string | undefined {
  const names = STATES.some((name) => typeof part[name] === "string") ? [...IDS, "id"] : IDS;
  const id = names.map((name) => part[name]).find((id) => typeof id === "string" || typeof id === "number");
  return id === undefined || id === "" ? undefined : String(id);
}

function addressOf(task: Json, call: Call): string | undefined {
  const named = [...ADDRESSES.map((name) => task[name]), isRecord(task.urls) ? task.urls.get : undefined];
  const address = named.find((address) => typeof address === "string" && address !== "");
  return address === undefined ? undefined : URL.parse(address as string, call.baseUrl)?.href;
}

async function check(ticket: Ticket, call: Call, failures: readonly FailureRow[]): Promise<JobState> {
  const id = encodeURIComponent(ticket.id);
  for (
    const path of ticket.url ? [ticket.url] : [at(call, `tasks/${id}`), at(call, `images/generations/${id}`)]
  ) {
    const said = await call.get(path, async (response) => {
      if (response.status !== 404) return stateOf(await json(z.unknown())(response), call, failures);
      await response.body?.cancel();
    }, { accepts: [404] });
    if (said) return said;
  }
  return {
    state: "unknown",
    message: `answered with the task ${ticket.id} instead of an image, and does not know of it when asked`,
  };
}

/** @throws Failed where the task failed */
function stateOf(body: unknown, call: Call, failures: readonly FailureRow[]): JobState {
  const parts = [taskIn(body) ?? {}, ...partsOf(body)];
  const word = valueIn(parts, STATES, "string") ?? "";
  if (/fail|error|cancel|reject|expire|timeout|block/i.test(word)) {
    throw failed(parts, `the task ended as ${word}`, failures);
  }
  const images = imagesIn(body, call);
  const isDone = word ? /succe|complete|finish|done|ready/i.test(word) : images.length > 0;
  if (isDone) return { state: "done", made: { images } };
  return { state: "pending", share: shareOf(valueIn(parts, ["progress"])) };
}

function failed(parts: Json[], fallback: string, failures: readonly FailureRow[]): Failed {
  const error = valueIn(parts, ["error"]);
  const words = valueIn(parts, ["fail_reason", "failure_reason", "reason", "message"], "string");
  const message = words || (typeof error === "string" ? error : fallback);
  const body = JSON.stringify({ error, message });
  const failure = readFailure({ status: 200, body }, [...failures, { kind: "empty_reply" }]);
  // Without a status: it is the task that failed, not the question.
  return new Failed({ ...failure, status: undefined });
}

function imagesIn(value: unknown, call: Call): MadeImage[] {
  if (Array.isArray(value)) return value.flatMap((one) => imagesIn(one, call));
  if (typeof value === "string") {
    return /^(https?:\/\/|data:image\/)/i.test(value) ? [{ media: mediaOf(value, call) }] : [];
  }
  if (!isRecord(value)) return [];
  if (typeof value.b64_json === "string" && value.b64_json) return [{ media: mediaOf(value.b64_json, call) }];
  for (const place of PLACES) {
    const images = imagesIn(value[place], call);
    if (images.length > 0) return images;
  }
  return [];
}

/** The first value of one of `names`, in the order of the parts. */
function valueIn(parts: Json[], names: string[], type: "string"): string | undefined;
function valueIn(parts: Json[], names: string[]): unknown;
function valueIn(parts: Json[], names: string[], type?: "string"): unknown {
  const values = parts.flatMap((part) => names.map((name) => part[name]));
  return values.find((value) => value !== undefined && value !== null && (!type || typeof value === type));
}

/** `36`, `0.36`, `"36%"`: a number above one is a percentage. */
function shareOf(progress: unknown): number | undefined {
  const number = typeof progress === "string" ? parseFloat(progress) : progress;
  if (typeof number !== "number" || !(number >= 0)) return undefined;
  return Math.min(1, number > 1 || typeof progress === "string" ? number / 100 : number);
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
