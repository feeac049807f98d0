/**
 * The only place that speaks to providers. A call carries the key to its provider's own host and nowhere
 * else, hears aborts, and turns a bad reply into a failure by the provider's table.
 */
import { createParser } from "eventsource-parser";
import type { z } from "@hono/zod-openapi";
import type { Clock, Dice } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import { piecesOf } from "../core/buffers.ts";
import { ImageStream } from "../core/image_stream.ts";
import { Media, type OpenUrl } from "../core/media.ts";
import { jitteredPause } from "../core/pause.ts";
import type { Call, CallInit, Provider, ReadReply, Ticket } from "../core/provider.ts";
import { readFailure } from "./failure_reading.ts";

/** What a call needs to know. */
export interface CallOptions {
  provider: Provider;
  /** Without a slash at its end. */
  baseUrl: string;
  /** Empty = none. */
  key: string;
  /** Addresses of the model's row. */
  hosts?: readonly string[];
  signal: AbortSignal;
  /** Opens results at foreign hosts, through the guard. */
  open: OpenUrl;
  /** Whether an image may be handed on before its reply has ended. Default false. */
  mayStream?: boolean;
  clock: Clock;
  dice: Dice;
  /** Gives an input an address that the provider can fetch, where there is a way to. */
  publish?: (media: Media, signal: AbortSignal) => Promise<string | undefined>;
  onPartial?: (media: Media, index: number) => void;
  onProgress?: (share: number) => void;
  onAccepted?: (ticket: Ticket) => void;
  onNote?: (text: string) => void;
  /** Hears of the HTTP status of each reply, for the story of the attempt. */
  onStatus?: (status: number) => void;
}

const MAX_ERROR_BYTES = 64 * 1024;
/** Limit of a last word after the client left, in ms. */
const AFTERWARDS_LIMIT = 5000;

/** Opens the line to a provider for one operation. */
export function openCall(options: CallOptions): Call {
  const { provider, baseUrl, key, signal, clock, hosts = [] } = options;

  async function request(
    method: string,
    path: string,
    init: CallInit & { body?: BodyInit },
  ): Promise<Response> {
    const { address, isOwn } = addressOf(path, baseUrl, provider, init.mayBeForeign);
    const response = await fetch(address, {
      method,
      body: init.body,
      signal,
      // A redirect could carry the key to another host; where a service redirects, its adapter follows by itself.
      redirect: "manual",
      headers: {
        accept: "application/json",
        "user-agent": "ImgRouter",
        ...key && isOwn ? provider.keys.send(key) : {},
        ...init.headers,
      },
    });
    // Deno forgets a reply whose body alone is held, and the signal does not end that body any more.
    signal.addEventListener("abort", () => void response.body, { once: true });
    options.onStatus?.(response.status);
    if (response.ok || init.accepts?.includes(response.status)) return response;
    const body = await readStart(response);
    const failure = readFailure(
      { status: response.status, headers: response.headers, body },
      provider.failures,
      clock.now(),
    );
    if (response.status >= 300 && response.status < 400) {
      failure.message =
        `redirected to another address, which is not followed; check the base URL of ${provider.name}`;
    }
    throw new Failed({ ...failure, message: withoutKey(failure.message, key) });
  }

  const send: Call["send"] = async (method, path, body, read, init = {}) =>
    await read(
      await request(method, path, {
        ...init,
        body: body === undefined ? undefined : JSON.stringify(body),
        headers: { ...body === undefined ? {} : { "content-type": "application/json" }, ...init.headers },
      }),
    );

  /** A bad address in a provider's reply is the provider's fault, not the caller's. */
  async function openResult(url: string, signal?: AbortSignal): Promise<ImageStream> {
    const told = (error: unknown) => {
      if (signal?.aborted) return signal.reason;
      if (error instanceof Failed && error.failure.kind === "cancelled") return error;
      const reason = error instanceof Error ? error.message : String(error);
      return new Failed(
        { kind: "malformed_reply", message: `the result could not be fetched: ${reason}` },
        error,
      );
    };
    try {
      const stream = await options.open(url, signal);
      stream.explain = told;
      return stream;
    } catch (error) {
      throw told(error);
    }
  }

  return {
    signal,
    key,
    baseUrl,
    mayStream: options.mayStream ?? false,
    hosts: hosts.map((host) => host.replace(/\/+$/, "")),
    now: () => clock.now(),
    send,
    post: (path, body, read, init) => send("POST", path, body, read, init),
    form: async (path, form, read, init = {}) =>
      await read(await request("POST", path, { ...init, body: form })),
    get: (path, read, init) => send("GET", path, undefined, read, init),
    image: (url) => Media.fromUrl(url, openResult),
    ownImage: (url, init) =>
      Media.fromUrl(
        url,
        async () => imageOf(await request("GET", url, { headers: { accept: "image/*" }, ...init })),
      ),
    publish: (media) =>
      media.url === undefined
        ? options.publish?.(media, signal) ?? Promise.resolve(undefined)
        : Promise.resolve(media.url),
    partial: (media, index) => options.onPartial?.(media, index),
    progress: (share) => options.onProgress?.(share),
    accepted: (ticket) => options.onAccepted?.(ticket),
    note: (text) => options.onNote?.(text),
    pause: (turn, growth) => clock.sleep(jitteredPause(growth, turn, options.dice), signal),
    sleep: (ms) => clock.sleep(ms, signal),
    afterwards: () => openCall({ ...options, signal: AbortSignal.timeout(AFTERWARDS_LIMIT) }),
  };
}

/** @throws Failed `malformed_reply` where a reply is not an image */
async function imageOf({ body }: Response): Promise<ImageStream> {
  const stream = body && await ImageStream.open({ encoding: "bytes", pieces: piecesOf(body) });
  if (stream) return stream;
  throw new Failed({ kind: "malformed_reply", message: "what came is not an image" });
}

/**
 * Resolves a path; a whole address must be at one of the provider's own hosts, unless it may be foreign.
 * @throws Failed `malformed_reply`
 */
function addressOf(
  path: string,
  baseUrl: string,
  provider: Provider,
  mayBeForeign = false,
): { address: string; isOwn: boolean } {
  if (!/^https?:/i.test(path)) return { address: path === "" ? baseUrl : `${baseUrl}/${path}`, isOwn: true };
  const { host, hostname, protocol } = new URL(path);
  const base = new URL(baseUrl);
  const isOwn = (host === base.host && protocol === base.protocol) ||
    (protocol === "https:" &&
      provider.ownHosts?.some((own) =>
        own.startsWith("*.") ? hostname.endsWith(own.slice(1)) : hostname === own
      ));
  if (isOwn || mayBeForeign) return { address: path, isOwn: isOwn === true };
  throw new Failed({
    kind: "malformed_reply",
    message: `named an address at ${hostname}, which is not its own; the key is not sent there`,
  });
}

/** Reads JSON of the shape that `schema` describes. @throws Failed `malformed_reply` */
export function json<S extends z.ZodType>(schema: S): ReadReply<z.infer<S>> {
  return async (response) => {
    const { status } = response;
    return parseReply(schema, parseJson(await response.text(), status), status);
  };
}

/** Parses what a provider sent. @throws Failed `malformed_reply` where it is not JSON */
export function parseJson(text: string, status?: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failed({
      kind: "malformed_reply",
      message: `expected JSON, got: ${text.slice(0, 120)}`,
      status,
    });
  }
}

/** Checks what a provider sent. @throws Failed `malformed_reply`, naming the first member that is off */
export function parseReply<S extends z.ZodType>(schema: S, body: unknown, status?: number): z.infer<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Failed({
    kind: "malformed_reply",
    message: `unexpected reply: ${issue?.path.join(".") || "body"}: ${issue?.message}`,
    status,
  });
}

/**
 * Reads server-sent events, handing the data of each to `onData` as it comes, until that gives `true` or there
 * are no more. `[DONE]` ends silently.
 */
export function events(
  onData: (data: string, event: string | undefined) => boolean | void,
): ReadReply<void> {
  return async (response) => {
    let isEnough = false;
    const parser = createParser({
      onEvent: ({ data, event }) => {
        if (data !== "[DONE]" && !isEnough) isEnough = onData(data, event) === true;
      },
    });
    const text = response.body!.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) {
      parser.feed(chunk);
      if (isEnough) break;
    }
  };
}

/** The start of a body: an error that is longer tells nothing more. */
async function readStart(response: Response): Promise<string> {
  let text = "";
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return text;
  try {
    while (text.length < MAX_ERROR_BYTES) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += value;
    }
    return text;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function withoutKey(message: string, key: string): string {
  return key ? message.replaceAll(key, "[key]") : message;
}
