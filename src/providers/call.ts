/**
 * The only place that speaks to providers. A call carries the key to its provider's own host and nowhere
 * else, hears aborts, and turns a bad reply into a failure by the provider's table.
 */
import { createParser } from "eventsource-parser";
import type { z } from "@hono/zod-openapi";
import type { Clock } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import { Media, type OpenUrl } from "../core/media.ts";
import type { Call, Provider, ReadReply, Ticket } from "../core/provider.ts";
import { readFailure } from "./failure_reading.ts";

/** What a call needs to know. */
export interface CallOptions {
  provider: Provider;
  /** Without a slash at its end. */
  baseUrl: string;
  key: string;
  signal: AbortSignal;
  /** Opens results at foreign hosts, through the guard. */
  open: OpenUrl;
  clock: Clock;
  requestId: string;
  onPartial?: (media: Media, index: number) => void;
  onAccepted?: (ticket: Ticket) => void;
  /** Hears of the HTTP status of each reply, for the story of the attempt. */
  onStatus?: (status: number) => void;
}

const MAX_ERROR_BYTES = 64 * 1024;

/** Opens the line to a provider for one operation. */
export function openCall(options: CallOptions): Call {
  const { provider, baseUrl, key, signal, clock } = options;

  async function send<T>(
    method: string,
    path: string,
    read: ReadReply<T>,
    body?: BodyInit,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await fetch(`${baseUrl}/${path}`, {
      method,
      body,
      signal,
      // A redirect could carry the key to another host; a provider's API has no need of one.
      redirect: "manual",
      headers: {
        accept: "application/json",
        "user-agent": "ImgRouter",
        ...provider.keys.send(key),
        ...headers,
      },
    });
    options.onStatus?.(response.status);
    if (response.ok) return await read(response);
    const failure = readFailure(
      { status: response.status, headers: response.headers, body: await readStart(response) },
      provider.failures,
      clock.now(),
    );
    if (response.status >= 300 && response.status < 400) {
      failure.message =
        `redirected to another address, which is not followed; check the base URL of ${provider.name}`;
    }
    throw new Failed({ ...failure, message: withoutKey(failure.message, key) });
  }

  /** A bad address in a provider's reply is the provider's fault, not the caller's. */
  async function openResult(url: string, signal?: AbortSignal): Promise<Uint8Array> {
    try {
      return await options.open(url, signal);
    } catch (error) {
      signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      throw new Failed(
        { kind: "malformed_reply", message: `the result could not be fetched: ${reason}` },
        error,
      );
    }
  }

  return {
    signal,
    post: (path, body, read, headers) =>
      send("POST", path, read, JSON.stringify(body), { "content-type": "application/json", ...headers }),
    form: (path, form, read, headers) => send("POST", path, read, form, headers),
    get: (path, read, headers) => send("GET", path, read, undefined, headers),
    image: (url) => Media.fromUrl(url, openResult),
    partial: (media, index) => options.onPartial?.(media, index),
    accepted: (ticket) => options.onAccepted?.(ticket),
    sleep: (ms) => clock.sleep(ms, signal),
  };
}

/** Reads JSON of the shape that `schema` describes. @throws Failed `malformed_reply` */
export function json<S extends z.ZodType>(schema: S): ReadReply<z.infer<S>> {
  return async (response) => {
    const text = await response.text();
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      throw new Failed({
        kind: "malformed_reply",
        message: `expected JSON, got: ${text.slice(0, 120)}`,
        status: response.status,
      });
    }
    return parseReply(schema, body, response.status);
  };
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

/** Reads server-sent events, handing the data of each to `onData` as it comes. `[DONE]` ends silently. */
export function events(onData: (data: string, event: string | undefined) => void): ReadReply<void> {
  return async (response) => {
    const parser = createParser({
      onEvent: ({ data, event }) => {
        if (data !== "[DONE]") onData(data, event);
      },
    });
    const text = response.body!.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) parser.feed(chunk);
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
