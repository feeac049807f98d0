/** The way every image endpoint goes: body → fields → caller → plan → run; only the reply differs. */
import { stream } from "hono/streaming";
import type { ImageRequest } from "../../core/request.ts";
import type { Caller } from "../../gateway/caller.ts";
import { CascadeFailed } from "../../gateway/cascade.ts";
import type { Circumstances, Result } from "../../gateway/handle.ts";
import type { Step } from "../../routing/plan.ts";
import { callerOf, identify } from "../auth.ts";
import type { Edge, EdgeContext } from "../edge.ts";
import { errorReply } from "../errors.ts";
import { heartbeat } from "../heartbeat.ts";
import { ownPicture } from "../links.ts";
import { type Body, readBody } from "./body.ts";
import type { InputOptions } from "./inputs.ts";

/** A request that was understood, with everything to run it. */
export interface Prepared {
  request: ImageRequest;
  caller: Caller;
  steps: readonly Step[];
}

/** Used where a client wants a picture changed and gives no words. */
export const NEUTRAL_PROMPT = "A variation of this image: same subject and style, with small differences";

/** Reads the body of a caller whose key was looked at first: nobody else's is worth the memory. @throws HttpFault */
export async function readKnown(c: EdgeContext, edge: Edge): Promise<Body> {
  c.set("identity", await identify(c.req.raw.headers, edge.auth));
  return await readBody(c.req.raw, edge.settings().maxBodySize);
}

/** Settles the caller and plans, so that whatever is wrong is told with its proper status. @throws Failed, HttpFault */
export function prepare(c: EdgeContext, edge: Edge, request: ImageRequest): Prepared {
  const asked = { ...request, provider: c.req.header("x-provider")?.trim() || request.provider };
  const caller = callerOf(c.get("identity"), { provider: asked.provider, model: asked.model }, edge.auth);
  c.set("mode", caller.mode);
  return { request: asked, caller, steps: edge.gateway.plan(asked, caller) };
}

/** Runs what was prepared. */
export function run(
  c: EdgeContext,
  edge: Edge,
  { request, caller, steps }: Prepared,
  options: Pick<Circumstances, "wantsBytes" | "onPartial" | "onProgress">,
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
    openOwn: async (name) => {
      const pending = edge.pictures.pending(name);
      if (pending) return pending.bytes;
      const blob = await edge.blobs()?.open(name);
      return blob && await new Response(blob.bytes).bytes();
    },
  };
}

/** Builds links to stored pictures as this caller sees us. */
export function linkTo(c: EdgeContext): (name: string) => string {
  return (name) => `${c.get("base")}/storage/${encodeURIComponent(name)}`;
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

/** A JSON reply with images; no layer should spend time on compressing base64. */
export function jsonReply(body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    headers: { "content-type": "application/json", "cache-control": "no-store, no-transform", ...headers },
  });
}

/**
 * A JSON reply that sends blanks until it is there. Its status is 200 from the first blank on, so that a
 * failure is told in the body alone.
 */
export function paddedReply(c: EdgeContext, edge: Edge, make: () => Promise<string>): Response {
  c.header("content-type", "application/json");
  c.header("cache-control", "no-store, no-transform");
  return stream(c, async (out) => {
    using _beats = heartbeat(edge.clock, edge.settings().heartbeat.interval, () => out.write(" "));
    const text = await make().catch((error) => JSON.stringify(errorReply(error, c.get("mode")).body));
    await out.write(text);
  });
}

/** A comment that tells how far the work is; readers that don't know of it pass it over. */
export function progressComment(share: number): string {
  return `: progress ${Math.round(share * 100)}%\n\n`;
}

/** What a stream is written with. */
export interface EventStream {
  write(text: string): Promise<unknown>;
}

/** A stream of events that begins at once, beats while it waits, and is buffered nowhere on its way. */
export function eventStream(
  c: EdgeContext,
  edge: Edge,
  { beat, write }: { beat: (count: number) => string; write: (out: EventStream) => Promise<void> },
): Response {
  c.header("content-type", "text/event-stream; charset=utf-8");
  c.header("cache-control", "no-cache, no-transform");
  c.header("x-accel-buffering", "no");
  return stream(c, async (out) => {
    using _beats = heartbeat(
      edge.clock,
      edge.settings().heartbeat.interval,
      (count) => out.write(beat(count)),
    );
    await write(out);
  });
}

/** How many calls an error came after, for its headers. */
export function attemptsOf(error: unknown): Record<string, string> {
  return error instanceof CascadeFailed ? { "x-imgrouter-attempts": String(error.attempts.length) } : {};
}

/** Headers hold printable ASCII alone, and not much of it. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 2000);
}
