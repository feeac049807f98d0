/**
 * The one guard before every URL that a user or a provider's reply has named: it reaches public addresses and
 * what the operator has listed, follows redirects by hand, and gives up on what is too big or too slow.
 */
import type { Client, Dispatcher } from "undici";
import { type Clock, systemClock } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import { type Pieces, piecesOf } from "../core/buffers.ts";
import type { ImageFacts } from "../core/image_facts.ts";
import { ImageStream } from "../core/image_stream.ts";
import { badUrl, checkedAddresses, hostOf, type Resolve, systemResolve } from "./outbound_addresses.ts";
import { type ConnectTo, connectTo } from "./outbound_connection.ts";
import { TimeLimits } from "./outbound_limits.ts";

/** Reads foreign addresses. Every failure is `Failed` `invalid_request` with the code `invalid_image_url`. */
export interface Outbound {
  /**
   * The bytes of an image; its content decides that it is one, not what the server calls it.
   * @throws Failed for an SVG, for other content and for too many pixels, and all that `open` throws
   */
  fetchImage(url: string, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * The same as a stream, known to be an image by its start. Its time is counted only while bytes are waited for.
   * @throws Failed as `fetchImage`, and later from the stream
   */
  openImage(url: string, signal?: AbortSignal): Promise<ImageStream>;
  /**
   * Opens an address. The body must be read or cancelled; the time limits go on until it ends, and it fails
   * with `Failed` as well. Only a reply with status 200 is a success.
   * @throws Failed @throws the signal's reason
   */
  open(url: string, options?: OpenOptions): Promise<Opened>;
}

/** What may be asked of one opening. */
export interface OpenOptions {
  signal?: AbortSignal;
  /** Default: the guard's own limit. */
  maxBytes?: number;
  /** Media types that are welcome, such as `image/*`. Default: any. */
  accept?: readonly string[];
  /** Whether a slow reader uses up no time. Default false. */
  countsWaitsAlone?: boolean;
  /** Headers for this host alone, such as a key: redirects are refused then. */
  headers?: Readonly<Record<string, string>>;
}

/** A reply whose body is still to come. */
export interface Opened {
  /** The declared media type, lower-case and without parameters. */
  type?: string;
  body: ReadableStream<Uint8Array>;
  headers: Headers;
}

/** The cause of a failure, where a host answered, but not as hoped. */
export class UnexpectedStatus extends Error {
  constructor(readonly status: number) {
    super(`status ${status}`);
    this.name = "UnexpectedStatus";
  }
}

/** Settings of the guard. Times in ms. */
export interface OutboundOptions {
  /** Live setting: `host`, `host:port` or CIDR entries that may be reached although private. */
  allowHosts: () => readonly string[];
  maxBytes?: number;
  maxPixels?: number;
  maxRedirects?: number;
  /** From the first lookup to the last byte, redirects included. */
  timeoutMs?: number;
  /** Lookup, connection and TLS, of each hop. */
  connectMs?: number;
  /** From the request to the headers of the reply, of each hop. */
  firstByteMs?: number;
  /** Between two pieces of the body, while somebody waits for them. */
  idleMs?: number;
  resolve?: Resolve;
  connect?: ConnectTo;
  clock?: Clock;
}

const MEBIBYTE = 1024 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Makes the guard. Disposing of it ends what is under way. */
export function createOutbound({
  allowHosts,
  maxBytes = 64 * MEBIBYTE,
  maxPixels = 100_000_000,
  maxRedirects = 3,
  timeoutMs = 30_000,
  connectMs = 10_000,
  firstByteMs = 20_000,
  idleMs = 15_000,
  resolve = systemResolve,
  connect = connectTo,
  clock = systemClock,
}: OutboundOptions): Outbound & AsyncDisposable {
  /** What is under way. Not a signal for all of them: one that lives long keeps whatever was derived from it. */
  const running = new Map<Client, TimeLimits>();
  let isStopped = false;

  async function open(address: string, options: OpenOptions = {}): Promise<Opened> {
    const { signal, maxBytes: limit = maxBytes, accept = [], headers: own } = options;
    let url = parseTarget(address);
    const limits = new TimeLimits(clock, timeoutMs, signal);
    try {
      for (let hop = 0; hop <= maxRedirects; hop++) {
        using hold = new DisposableStack();
        const reply = await ask(url, accept, limits, hold, own);
        if (REDIRECTS.has(reply.statusCode) && own) {
          throw badUrl(`Cannot fetch from ${url.host}: it redirects to another address; name that one`);
        }
        if (REDIRECTS.has(reply.statusCode)) {
          url = follow(url, reply.headers.location);
          continue;
        }
        checkReply(url, reply, limit, accept);
        const headers = toHeaders(reply.headers);
        hold.use(limits);
        if (options.countsWaitsAlone) limits.countWaitsAlone();
        const body = cappedBody(url, reply.body, limit, limits, hold.move());
        return { type: typeOf(reply.headers), body, headers };
      }
      throw badUrl(`Cannot fetch from ${url.host}: more than ${maxRedirects} redirects`);
    } catch (error) {
      limits[Symbol.dispose]();
      throw explain(error, limits.signal, `Cannot fetch from ${url.host}: the host could not be reached`);
    }
  }

  /** One request over a connection of its own, so that no socket outlives the check of its address. */
  async function ask(
    url: URL,
    accept: readonly string[],
    limits: TimeLimits,
    hold: DisposableStack,
    own: OpenOptions["headers"] = {},
  ) {
    limits.enter("connection", connectMs);
    const addresses = await unlessAborted(checkedAddresses(url, allowHosts(), resolve), limits.signal);
    if (isStopped) throw stopped();
    const dial = connect(addresses, limits.signal);
    // Loaded when first needed: it takes some 15 MB, and many gateways never fetch a foreign address.
    const { Client } = await import("undici");
    const client = new Client(url.origin, {
      connect: (target, done) =>
        dial(target, (...made) => {
          limits.enter("first byte", firstByteMs);
          done(...made);
        }),
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    running.set(client, limits);
    const close = () => void client.destroy().finally(() => running.delete(client));
    hold.defer(close);
    const reply = await client.request({
      method: "GET",
      path: url.pathname + url.search,
      headers: {
        "user-agent": "ImgRouter",
        accept: accept.join(", ") || "*/*",
        "accept-encoding": "identity",
        ...own,
      },
      reset: true,
      signal: limits.signal,
    });
    limits.leave();
    // A reader that went silent never asks again, so the end of the time must close the connection by itself.
    limits.signal.addEventListener("abort", close, { once: true });
    // Read errors reach the reader through the iterator; without a listener they would end the process.
    reply.body.on("error", () => {});
    return reply;
  }

  function cappedBody(url: URL, source: Body, limit: number, limits: TimeLimits, hold: DisposableStack) {
    const pieces: AsyncIterator<Uint8Array> = source[Symbol.asyncIterator]();
    let total = 0;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          limits.enter("next bytes", idleMs);
          const { done, value } = await pieces.next();
          limits.leave();
          if (done) {
            hold.dispose();
            return controller.close();
          }
          total += value.length;
          if (total > limit) throw tooBig(url, limit);
          controller.enqueue(value);
        } catch (error) {
          const failure = explain(
            error,
            limits.signal,
            `Cannot fetch from ${url.host}: the transfer broke off`,
          );
          hold.dispose();
          controller.error(failure);
        }
      },
      cancel: () => hold.dispose(),
    }, { highWaterMark: 0 });
  }

  async function openImage(url: string, options: OpenOptions): Promise<ImageStream> {
    const { body, headers } = await open(url, options);
    const pieces = counted(piecesOf(body));
    const most = Number(headers.get("content-length")) || undefined;
    const stream = await ImageStream.open({ encoding: "bytes", pieces, most });
    if (!stream) {
      throw badUrl(`Cannot use what the URL gives: it is ${pieces.count === 0 ? "empty" : "not an image"}`);
    }
    try {
      checkImage(stream.facts, maxPixels);
    } catch (error) {
      stream.cancel(error);
      throw error;
    }
    return stream;
  }

  return {
    open,
    async fetchImage(url, signal) {
      return await (await openImage(url, { signal })).bytes();
    },
    openImage: (url, signal) => openImage(url, { signal, countsWaitsAlone: true }),
    async [Symbol.asyncDispose]() {
      isStopped = true;
      for (const limits of running.values()) limits.end(stopped());
      await Promise.all([...running.keys()].map((client) => client.destroy()));
    },
  };
}

type Reply = Dispatcher.ResponseData;
type Body = Reply["body"];

/** Reads a URL with the same parser that the connection uses. @throws Failed where it may not be fetched at all */
function parseTarget(text: string, base?: URL): URL {
  const url = URL.parse(text, base);
  if (!url) throw badUrl("Cannot fetch the address: it is not a valid URL");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw badUrl(`Cannot fetch the address: expected http:// or https://, got ${url.protocol.slice(0, 20)}`);
  }
  if (url.username || url.password) {
    throw badUrl("Cannot fetch the address: a user name or a password in a URL is not allowed");
  }
  const host = hostOf(url);
  if (host.split(".").includes("") || host.length > 253) {
    throw badUrl("Cannot fetch the address: the host name is not valid");
  }
  // The root's dot belongs neither into Host nor into SNI, RFC 6066 §3.
  if (url.hostname.endsWith(".")) url.hostname = host;
  return url;
}

function follow(from: URL, location: string | string[] | undefined): URL {
  if (typeof location !== "string") {
    throw badUrl(`Cannot fetch from ${from.host}: it redirects without saying where to`);
  }
  const to = parseTarget(location, from);
  if (from.protocol === "https:" && to.protocol === "http:") {
    throw badUrl(`Cannot fetch from ${from.host}: it redirects from https to http`);
  }
  return to;
}

function checkReply(url: URL, { statusCode, headers }: Reply, limit: number, accept: readonly string[]) {
  if (statusCode !== 200) {
    throw badUrl(
      `Cannot fetch from ${url.host}: expected status 200, got ${statusCode}`,
      new UnexpectedStatus(statusCode),
    );
  }
  const encoding = String(headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (encoding !== "identity" && encoding !== "") {
    throw badUrl(`Cannot fetch from ${url.host}: the reply is compressed although that was not asked for`);
  }
  if (Number(headers["content-length"] ?? 0) > limit) throw tooBig(url, limit);
  const type = typeOf(headers);
  const isWelcome = accept.length === 0 || type === undefined ||
    accept.some((wanted) =>
      wanted === type || (wanted.endsWith("/*") && type.startsWith(wanted.slice(0, -1)))
    );
  if (!isWelcome) {
    throw badUrl(`Cannot fetch from ${url.host}: expected ${accept.join(" or ")}, got ${type.slice(0, 80)}`);
  }
}

function checkImage({ type, width, height }: ImageFacts, maxPixels: number): void {
  if (type === "image/svg+xml") {
    throw badUrl("Cannot use what the URL gives: SVG is not accepted as input");
  }
  if (width * height > maxPixels) {
    throw badUrl(`Cannot use what the URL gives: ${width}x${height} is more than ${maxPixels} pixels`);
  }
}

function counted(pieces: Pieces): Pieces & { readonly count: number } {
  let count = 0;
  return {
    get count() {
      return count;
    },
    async next() {
      const piece = await pieces.next();
      if (piece) count++;
      return piece;
    },
    cancel: (reason) => pieces.cancel(reason),
  };
}

function stopped(): Failed {
  return new Failed({ kind: "cancelled", message: "the gateway is stopping" });
}

function tooBig(url: URL, limit: number): Failed {
  return badUrl(`Cannot fetch from ${url.host}: the reply is larger than ${limit} bytes`);
}

function typeOf(headers: Reply["headers"]): string | undefined {
  const [type] = [headers["content-type"]].flat();
  return type?.split(";", 1)[0]?.trim().toLowerCase() || undefined;
}

function toHeaders(raw: Reply["headers"]): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  return headers;
}

/** What is told of an error: an abort's own reason, a failure as it is, and `message` for all the rest. */
function explain(error: unknown, signal: AbortSignal, message: string): unknown {
  if (signal.aborted) return signal.reason;
  return error instanceof Failed ? error : badUrl(message, error);
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const stop = () => reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  return promise;
}
