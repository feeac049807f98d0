/** Requests of the playground while they run: previews, progress and pictures as they arrive, and what they took. */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { api, ApiError, apiFetch, call } from "../../api.ts";
import { listen } from "../../live.ts";
import { session } from "../../session_state.ts";
import type { ImagesRequest } from "./draft.ts";
import { readEventLines } from "./event_stream.ts";
import { texts } from "./texts.ts";

/** A picture that arrived. */
export interface Made {
  /** A data URI. */
  src: string;
  /** Its link, where it is stored. */
  url?: string;
  revisedPrompt?: string;
}

type Facts = Awaited<ReturnType<typeof readFacts>>;

/** One request. Times in ms since the epoch. */
export interface Run {
  model: string;
  prompt: string;
  state: "running" | "done" | "failed" | "cancelled";
  startedAt: number;
  endedAt?: number;
  /** From 0 to 1, where the provider tells. */
  progress?: number;
  preview?: string;
  pictures: readonly Made[];
  error?: Error;
  /** What the history says of it. */
  facts?: Facts;
}

/** A request that was started. */
export interface Started {
  run: ReadonlySignal<Run>;
  cancel: () => void;
}

/** The last requests: one, or two that are compared. */
export const runs = signal<readonly Started[]>([]);

effect(() => {
  if (session.value !== "out") return;
  for (const { cancel } of runs.peek()) cancel();
  runs.value = [];
});

/** Starts requests side by side, in place of those before. */
export function start(requests: readonly { model: string; request: ImagesRequest }[]): void {
  for (const { cancel } of runs.peek()) cancel();
  runs.value = requests.map(({ model, request }) => startOne(model, request));
}

function startOne(model: string, request: ImagesRequest): Started {
  const abort = new AbortController();
  const { signal: aborted } = abort;
  const prompt = String(request.fields.prompt ?? "");
  const run = signal<Run>({ model, prompt, state: "running", startedAt: Date.now(), pictures: [] });
  const note = (changes: Partial<Run>) => run.value = { ...run.value, ...changes };
  const end = (state: Run["state"], error?: Error) =>
    note({ state, error, endedAt: Date.now(), preview: undefined });
  void send(request, aborted, note, () => run.peek())
    .then(() => end("done"), (error) => {
      if (aborted.aborted) end("cancelled");
      else end("failed", error instanceof ApiError ? error : new Error(texts().broken));
    });
  return { run, cancel: () => abort.abort() };
}

/** @throws ApiError as the gateway tells it; anything else where the connection broke off */
async function send(
  { endpoint, fields, inputs, mask }: ImagesRequest,
  aborted: AbortSignal,
  note: (changes: Partial<Run>) => void,
  current: () => Run,
): Promise<void> {
  const body = {
    ...fields,
    ...inputs.length > 0 && { image: inputs.map(({ src }) => src) },
    ...mask && { mask: mask.src },
    stream: true,
  };
  const response = await apiFetch(`/api/playground/images/${endpoint}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: aborted,
  });
  const id = response.headers.get("x-request-id") ?? "";
  let failure: ApiError | undefined;
  for await (const { name, value } of readEventLines(response.body!)) {
    const [, percent] = name === "" && /^progress (\d+)/.exec(value) || [];
    if (percent !== undefined) note({ progress: Number(percent) / 100 });
    if (name !== "data" || value === "[DONE]") continue;
    const { type, b64_json, output_format, url, revised_prompt, error } = JSON.parse(value);
    if (error) failure = new ApiError(error.message, { status: 200, ...error });
    const src = `data:image/${output_format};base64,${b64_json}`;
    if (type?.endsWith(".partial_image")) note({ preview: src });
    if (type?.endsWith(".completed")) {
      note({ pictures: [...current().pictures, { src, url, revisedPrompt: revised_prompt }] });
    }
  }
  void readLater(id, aborted, note, () => current().pictures.filter(({ url }) => url).length);
  if (failure) throw failure;
  if (current().pictures.length === 0) throw new Error("The stream ended before its picture");
}

function readFacts(id: string, signal: AbortSignal) {
  return call(api.requests[":id"].$get({ param: { id } }, { init: { signal } }));
}

/** What the history says, at once and again until it names all pictures: they are stored a moment later. */
async function readLater(
  id: string,
  aborted: AbortSignal,
  note: (changes: Partial<Run>) => void,
  expected: () => number,
): Promise<void> {
  for (const pause of [0, 500, 2000, 5000, 15_000]) {
    await somethingKept(pause, aborted);
    if (aborted.aborted) return;
    const facts = await readFacts(id, aborted).catch(() => undefined);
    if (facts) note({ facts });
    if (facts && facts.pictures.length >= expected()) return;
  }
}

/** Waits until a picture is stored, at most `ms`. */
function somethingKept(ms: number, aborted: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      stop();
      aborted.removeEventListener("abort", go);
      resolve();
    };
    const timer = setTimeout(go, ms);
    const stop = listen(["pictures"], go);
    aborted.addEventListener("abort", go);
  });
}
