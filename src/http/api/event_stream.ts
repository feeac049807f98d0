/**
 * Server-sent events: what is new is gathered when the reader can take it, so that a slow one costs no memory
 * and one that is stuck is let go. https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import type { Clock } from "../../core/clock.ts";

/** One message. */
export interface Message {
  /** What a reader gives as `Last-Event-ID` to go on from here. */
  id?: string;
  data: unknown;
}

/** What a stream depends on. */
export interface EventStreamOptions {
  clock: Clock;
  /** Ends the stream: the reader left, or the gateway stops. */
  signal: AbortSignal;
  /** Whether the reader may still read; asked before anything is sent, and at each heartbeat. */
  mayRead: () => Promise<boolean>;
  /** What is new since the last call. */
  take: () => Message[];
  /** Calls `wake` when there may be something new, until disposed of. */
  subscribe: (wake: () => void) => Disposable;
}

const HEARTBEAT_MS = 15_000;
/** Events are gathered for so long, lest a busy gateway writes to each panel all the time. */
const GATHER_MS = 200;
/** How long a reader may take nothing, while something waits, before it is let go. */
const STUCK_MS = 30_000;
/** When a reader comes back after the connection was lost. */
const RETRY_MS = 2000;

/** The reply that streams them. */
export function eventStream(options: EventStreamOptions): Response {
  const left = new AbortController();
  const signal = AbortSignal.any([options.signal, left.signal]);
  let wantsMore = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string) => controller.enqueue(new TextEncoder().encode(text));
      const taken = () =>
        new Promise<void>((resolve) => {
          wantsMore = resolve;
          if ((controller.desiredSize ?? 0) > 0) resolve();
        });
      run({ ...options, signal }, send, taken).catch(() => {}).finally(() => {
        if (!left.signal.aborted) controller.close();
      });
    },
    pull: () => wantsMore(),
    cancel: () => left.abort(),
  });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      // nginx would hold events back until they fill a buffer.
      "x-accel-buffering": "no",
    },
  });
}

/** @param taken resolves when the reader has taken what was sent */
async function run(
  { clock, signal, mayRead, take, subscribe }: EventStreamOptions,
  send: (text: string) => void,
  taken: () => Promise<void>,
): Promise<void> {
  let news = Promise.withResolvers<void>();
  using _subscription = subscribe(() => news.resolve());
  send(`retry: ${RETRY_MS}\n\n`);
  while (!signal.aborted) {
    if (!await within(STUCK_MS, taken())) return;
    if (!await mayRead()) return;
    news = Promise.withResolvers();
    const messages = take();
    if (messages.length > 0) {
      send(messages.map(write).join(""));
      await clock.sleep(GATHER_MS, signal);
    }
    if (!await within(HEARTBEAT_MS, news.promise)) send(": \n\n");
  }

  /** Whether `event` came before `ms` had passed. @throws the signal's reason */
  async function within(ms: number, event: Promise<void>): Promise<boolean> {
    const came = new AbortController();
    event.then(() => came.abort());
    return await clock.sleep(ms, AbortSignal.any([signal, came.signal])).then(() => false, () => {
      signal.throwIfAborted();
      return true;
    });
  }
}

function write({ id, data }: Message): string {
  return `${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
