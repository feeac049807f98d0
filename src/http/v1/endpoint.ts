/** The way every image endpoint goes: body → fields → caller → plan → run; only the reply differs. */
import { Buffer } from "node:buffer";
import type { ImageRequest, Rewriting } from "../../core/request.ts";
import { Failed } from "../../core/failure.ts";
import { turns } from "../../core/turns.ts";
import type { Caller } from "../../gateway/caller.ts";
import { CascadeFailed } from "../../gateway/cascade.ts";
import type { Circumstances, Result } from "../../gateway/story.ts";
import type { Step } from "../../routing/plan.ts";
import { isAdmin } from "../admin_access.ts";
import { callerOf, identify } from "../auth.ts";
import type { Edge, EdgeContext } from "../edge.ts";
import { errorReply } from "../errors.ts";
import { ownPicture } from "../links.ts";
import { type Part, writtenBody } from "../written_body.ts";
import { type Body, readBody } from "./body.ts";
import { filled, whole } from "./filled_text.ts";
import type { InputOptions } from "./inputs.ts";

/** A request that was understood, with everything to run it. */
export interface Prepared {
  request: ImageRequest;
  caller: Caller;
  steps: readonly Step[];
}

/** Used where a client wants a picture changed and gives no words. */
export const NEUTRAL_PROMPT = "A variation of this image: same subject and style, with small differences";

const OFF = /^\s*(off|false|no|0)\s*$/i;
const ON = /^\s*(on|true|yes|1)\s*$/i;

/**
 * Reads the body of a caller whose key was looked at first, unless it is known already who asks: nobody else's
 * is worth the memory. @throws HttpFault
 */
export async function readKnown(c: EdgeContext, edge: Edge): Promise<Body> {
  await turns.next();
  if (!c.get("identity")) c.set("identity", await identify(c.req.raw.headers, edge.auth));
  return await readBody(c.req.raw, edge.settings().maxBodySize);
}

/** Settles the caller and plans, so that whatever is wrong is told with its proper status. @throws Failed, HttpFault */
export function prepare(c: EdgeContext, edge: Edge, request: ImageRequest): Prepared {
  const asked = {
    ...request,
    provider: c.req.header("x-provider")?.trim() || request.provider,
    rewriting: rewritingOf(request, c.req.header("x-prompt-optimizer")),
  };
  const caller = callerOf(c.get("identity")!, { provider: asked.provider, model: asked.model }, edge.auth);
  c.set("mode", caller.mode);
  return { request: asked, caller, steps: planned(c, edge, asked, caller) };
}

/** Where nobody is set up to ask, and none was named, the last resort is asked, if there is one. */
function planned(c: EdgeContext, edge: Edge, request: ImageRequest, caller: Caller): Step[] {
  const lastResort = c.get("lastResort");
  try {
    return edge.gateway.plan(request, caller);
  } catch (error) {
    const isOpen = !request.provider && /^(auto)?$/i.test(request.model);
    if (!lastResort || !isOpen || !(error instanceof Failed && error.failure.code === "no_provider")) {
      throw error;
    }
    return edge.gateway.plan({ ...request, provider: lastResort }, caller);
  }
}

/** Our own words stay as they are; otherwise the body says what becomes of the prompt, then the header. */
function rewritingOf({ prompt, rewriting }: ImageRequest, header = ""): Rewriting | undefined {
  if (prompt === NEUTRAL_PROMPT || (!rewriting && OFF.test(header))) {
    return { translate: false, expand: false };
  }
  return rewriting ?? (ON.test(header) ? { translate: true, expand: true } : undefined);
}

/** Runs what was prepared. */
export function run(
  c: EdgeContext,
  edge: Edge,
  { request, caller, steps }: Prepared,
  options: Pick<Circumstances, "wantsBytes" | "mayStream" | "onPartial" | "onProgress">,
): Promise<Result> {
  const { signal } = c.req.raw;
  return edge.gateway.run(request, steps, caller, { requestId: c.get("requestId"), signal, ...options });
}

/** How inputs of this request are read. */
export function inputOptions(c: EdgeContext, edge: Edge): InputOptions {
  const bases = [c.get("base"), new URL(c.req.url).origin];
  return {
    open: edge.open,
    ownName: (url) => ownPicture(url, bases),
    refuseOwn: async (url, name) => {
      const query = new URL(url, c.get("base")).searchParams;
      const verdict = edge.links.check(name, {
        expires: query.get("expires"),
        signature: query.get("signature"),
      });
      if (typeof verdict === "object" || verdict === "open") return undefined;
      if (await isAdmin(c, edge.sessions)) return undefined;
      return verdict === "expired" ? "this link has expired" : "a link to a picture has to be signed here";
    },
    openOwn: async (name) => {
      const pending = edge.pictures.pending(name);
      if (pending) return pending.bytes;
      const blob = await edge.blobs()?.open(name);
      return blob && await new Response(blob.bytes).bytes();
    },
  };
}

/** Builds links to stored pictures as this caller sees us. */
export function linkTo(c: EdgeContext, edge: Edge): (name: string) => string {
  return (name) => edge.links.to(c.get("base"), name);
}

/** Headers that tell how a result came about. */
export function resultHeaders(result: Result): Record<string, string> {
  const { provider, model, attempts, costUsd, notes } = result;
  return {
    "x-imgrouter-provider": provider,
    "x-imgrouter-model": headerText(model),
    "x-imgrouter-attempts": String(attempts),
    ...costUsd !== undefined && { "x-imgrouter-cost-usd": String(Number(costUsd.toFixed(6))) },
    ...notes.length > 0 && { "x-imgrouter-notes": headerText(notes.join("; ")) },
  };
}

/** No layer should spend time on compressing base64. */
const JSON_HEADERS = { "content-type": "application/json", "cache-control": "no-store, no-transform" };
const EVENT_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/**
 * A JSON reply of what `make` gives, in the words of `build`. Its images are written as they arrive. Where
 * connections have to be kept alive it is blanks until it is there: its status is 200 from the first of them on,
 * so that a failure is told in the body alone.
 */
export async function jsonReply(
  c: EdgeContext,
  edge: Edge,
  make: () => Promise<Result>,
  build: (result: Result) => string,
): Promise<Response> {
  if (edge.settings().keepAlive) {
    return liveReply(edge, {}, {
      beat: () => " ",
      work: async () => filled(await make(), build),
      fail: (error) => JSON.stringify(errorReply(error, c.get("mode")).body),
    });
  }
  const result = await make();
  const text = filled(result, build);
  const headers = resultHeaders(result);
  return text.isLarge
    ? writtenReply(text, headers, text.most)
    : textReply("json", await whole(text), headers);
}

/** A reply that is known as it is. */
export function textReply(
  kind: "json" | "events",
  text: string,
  headers: Record<string, string> = {},
): Response {
  const own = kind === "json" ? {} : EVENT_HEADERS;
  // The server reads no body that is written: for others it waits until they have told that they ended.
  return writtenReply([text], { ...own, ...headers }, Buffer.byteLength(text));
}

/**
 * A reply that is written while its images arrive, JSON unless its headers say otherwise.
 * @param length in bytes, if it is known not to be exceeded
 */
export function writtenReply(
  parts: AsyncIterable<Part> | Iterable<Part>,
  headers: Record<string, string>,
  length?: number,
): Response {
  return new Response(writtenBody(parts, length), {
    headers: {
      ...JSON_HEADERS,
      ...headers,
      ...length !== undefined && { "content-length": String(length) },
    },
  });
}

/** A comment that tells how far the work is; readers that don't know of it pass it over. */
export function progressComment(share: number): string {
  return `: progress ${Math.round(share * 100)}%\n\n`;
}

/** What is said at a time. */
type Saying = string | AsyncIterable<Part>;

/** A reply that begins before anybody knows what it will say. */
interface Live {
  /** Said at once. */
  first?: string;
  /** A sign of life, so that nobody between us and the client hangs up. */
  beat: (count: number) => string;
  /** Begins at once, may say something meanwhile, and gives the last word. What fails in that breaks the reply off. */
  work: (say: (saying: Saying) => void) => Promise<Saying>;
  /** The last word where the work failed. */
  fail: (error: unknown) => string;
}

/** A stream of events that is buffered nowhere on its way. */
export function eventStream(edge: Edge, live: Live): Response {
  return liveReply(edge, EVENT_HEADERS, live);
}

function liveReply(edge: Edge, headers: Record<string, string>, { first, beat, work, fail }: Live): Response {
  const { clock } = edge;
  const { interval } = edge.settings().heartbeat;
  const sayings: Saying[] = first === undefined ? [] : [first];
  let isOver = false;
  let wake = () => {};
  const say = (saying: Saying) => {
    if (isOver) return;
    sayings.push(saying);
    wake();
  };
  void work(say).catch(fail).then((last) => {
    say(last);
    isOver = true;
  });
  async function* parts(): AsyncGenerator<Part> {
    let beatAt = clock.now() + interval;
    for (let beats = 0; !isOver || sayings.length > 0;) {
      const saying = sayings.shift();
      if (typeof saying === "string") yield saying;
      else if (saying) yield* saying;
      else {
        const silence = new AbortController();
        wake = () => silence.abort();
        const isSilent = await clock.sleep(Math.max(0, beatAt - clock.now()), silence.signal)
          .then(() => true, () => false);
        if (!isSilent) continue;
        beatAt = clock.now() + interval;
        yield beat(++beats);
      }
    }
  }
  return writtenReply(parts(), headers);
}

/** How many calls an error came after, for its headers. */
export function attemptsOf(error: unknown): Record<string, string> {
  return error instanceof CascadeFailed ? { "x-imgrouter-attempts": String(error.attempts.length) } : {};
}

/** Headers hold printable ASCII alone, and not much of it. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 2000);
}
