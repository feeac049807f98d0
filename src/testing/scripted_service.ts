/**
 * The other side of the wire, as a real server on a free port of 127.0.0.1. A service built on this one refuses
 * whatever the real one refuses; tests script its faults, hold its replies and read what arrived.
 */
import { systemClock } from "../core/clock.ts";
import { record, type RecordedCall } from "./recorded_call.ts";
import { type Fault, type Frame, halves, Refusal, type Reply, spoil } from "./reply.ts";

/** What a service has against a key. */
export type KeyTrouble =
  | { kind: "missing" }
  | { kind: "rejected" }
  | { kind: "drained" }
  | { kind: "limited"; retryAfter?: number };

/** What makes a call unanswerable before an operation has looked at it. */
export type CallTrouble = "unknown path" | "wrong method" | "unreadable body";

/** What a path is about, for those who script faults. */
export type RouteKind = "images" | "tasks" | "models";

/** One operation of a service. */
export interface Route {
  kind: RouteKind;
  /** @throws Refusal where the real service refuses. */
  answer(call: RecordedCall, params: Record<string, string | undefined>): Reply | Promise<Reply>;
}

/** Holds replies back until it is released. */
export interface Gate extends Disposable {
  /** How many calls stand before it now. */
  readonly waiting: number;
  /** Lets all of them pass, and all who come after them. */
  release(): void;
}

interface HeldGate extends Gate {
  point: "reply" | "middle" | "last event";
  waiting: number;
  opened: Promise<void>;
}

/** What all scripted services can do. Closing one breaks off whatever it still holds. */
export abstract class ScriptedService implements AsyncDisposable {
  /** Everything that arrived and could be read, in order. */
  readonly calls: RecordedCall[] = [];
  /** What is wrong with which key; a well-formed key that isn't here is a good one. */
  readonly keys = new Map<string, KeyTrouble>();
  /** Tears bodies into pieces of so many bytes, as networks do, where a reply says nothing of it. */
  pieceBytes?: number;
  /** How many callers left before they had their whole answer. */
  aborted = 0;

  /** What a key looks like; absent where the service asks for none. */
  protected abstract readonly keyPattern?: RegExp;
  /** The operations, by `METHOD /path`, where `:name` stands for one part of a path. */
  protected abstract readonly routes: Record<string, Route>;

  /** The address to configure, without a slash at its end. */
  abstract get url(): string;

  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #closing = new AbortController();
  readonly #faults: { fault: Fault; times: number; on: RouteKind }[] = [];
  readonly #patterns: Record<string, URLPattern> = {};
  readonly #watchers = new Set<() => void>();
  #gate?: HeldGate;
  #serial = 0;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#serve(request),
    );
  }

  /** Scheme, host and port. */
  get origin(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** The calls that asked for images. */
  get imageCalls(): RecordedCall[] {
    return this.calls.filter((call) => this.#find(call)?.route.kind === "images");
  }

  /** The newest call. @throws Error if there was none. */
  get lastCall(): RecordedCall {
    const call = this.calls.at(-1);
    if (!call) throw new Error("Cannot give the last call: nothing has arrived");
    return call;
  }

  /** A key that the service knows; each time another one. */
  newKey(): string {
    return this.makeKey(++this.#serial);
  }

  /** The calls that showed `key`. */
  callsWith(key: string): RecordedCall[] {
    return this.calls.filter((call) => call.key === key);
  }

  /** From now on `key` is unknown to the service. */
  reject(key: string): void {
    this.keys.set(key, { kind: "rejected" });
  }

  /** From now on `key` has nothing left to pay with. */
  drain(key: string): void {
    this.keys.set(key, { kind: "drained" });
  }

  /** From now on `key` is over its rate. `retryAfter` in seconds, where the service is to tell one. */
  limit(key: string, { retryAfter }: { retryAfter?: number } = {}): void {
    this.keys.set(key, { kind: "limited", retryAfter });
  }

  /** From now on `key` is good again. */
  restore(key: string): void {
    this.keys.delete(key);
  }

  /** Spoils the answers to the next `times` good calls of a kind. Faults form a queue. */
  fail(fault: Fault, times = 1, on: RouteKind = "images"): void {
    this.#faults.push({ fault, times, on });
  }

  /** Holds back the answers to image calls, their second half, or only the last event of those that stream. */
  hold(point: HeldGate["point"] = "reply"): Gate {
    this.#gate?.release();
    const { promise, resolve } = Promise.withResolvers<void>();
    const gate: HeldGate = {
      point,
      waiting: 0,
      opened: promise,
      release: () => {
        if (this.#gate === gate) this.#gate = undefined;
        resolve();
      },
      [Symbol.dispose]: () => gate.release(),
    };
    return this.#gate = gate;
  }

  /**
   * Waits until something has come to pass here: a call arrived, a caller left, a gate has its crowd.
   * @throws TimeoutError if it hasn't after `limitMs`.
   */
  async until(condition: () => boolean, { limitMs = 5_000 }: { limitMs?: number } = {}): Promise<void> {
    if (condition()) return;
    using limit = systemClock.timeout(limitMs);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const watch = () => condition() && resolve();
    limit.signal.addEventListener("abort", () => reject(limit.signal.reason), { once: true });
    this.#watchers.add(watch);
    try {
      await promise;
    } finally {
      this.#watchers.delete(watch);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#server.shutdown();
  }

  /** A well-formed key; the same one for the same number. */
  protected abstract makeKey(serial: number): string;
  /** The service's words for a key that it doesn't serve. */
  protected abstract refuseKey(trouble: KeyTrouble, call: RecordedCall): Refusal;
  /** The service's words for a call that it can't make sense of. */
  protected abstract refuseCall(trouble: CallTrouble, call: RecordedCall): Refusal;

  /** The key that a call shows. */
  protected keyOf(call: RecordedCall): string | undefined {
    return call.key;
  }

  /** Headers that every reply carries. */
  protected get replyHeaders(): Record<string, string> {
    return {};
  }

  async #serve(request: Request): Promise<Response> {
    request.signal.addEventListener("abort", () => {
      if (this.#closing.signal.aborted) return;
      this.aborted++;
      this.#changed();
    }, { once: true });
    const left = AbortSignal.any([request.signal, this.#closing.signal]);
    const { call, readable } = await record(request).catch(() => ({ call: undefined, readable: false }));
    if (!call) return new Response(null, { status: 499 });
    call.key = this.keyOf(call);
    this.calls.push(call);
    this.#changed();

    const match = this.#find(call);
    const reply = await this.#answer(call, readable, match);
    const good = reply.status === undefined || reply.status < 400;
    const fault = good && match ? this.#nextFault(match.route.kind) : undefined;
    const gate = match?.route.kind === "images" && good ? this.#gate : undefined;
    if (gate?.point === "reply") await this.#pass(gate, left);
    if (fault === "hang") await aborted(left);
    if (left.aborted) return new Response(null, { status: 499 });

    const spoilt = spoil({ pieceBytes: this.pieceBytes, ...reply }, fault);
    call.status = spoilt.status;
    this.#changed();
    const headers = { "content-type": spoilt.type, ...this.replyHeaders, ...spoilt.headers };
    const frames = gate?.point === "middle" ? halves(spoilt.frames) : spoilt.frames;
    const heldAt = gate?.point === "middle"
      ? frames.length >> 1
      : gate?.point === "last event" && reply.events
      ? frames.length - 1
      : undefined;
    const hold = gate && heldAt !== undefined
      ? { at: heldAt, pass: () => this.#pass(gate, left) }
      : undefined;
    const body = spoilt.status === 204 ? null : stream(frames, spoilt.breaksOff, hold, left);
    return new Response(body, { status: spoilt.status, headers });
  }

  async #answer(call: RecordedCall, readable: boolean, match: Match | undefined): Promise<Reply> {
    try {
      this.#checkKey(call);
      if (!match) throw this.refuseCall(this.#knowsPath(call) ? "wrong method" : "unknown path", call);
      if (!readable) throw this.refuseCall("unreadable body", call);
      return await match.route.answer(call, match.params);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: error.status, headers: error.headers, json: error.body };
    }
  }

  #checkKey(call: RecordedCall): void {
    if (!this.keyPattern) return;
    if (!call.key) throw this.refuseKey({ kind: "missing" }, call);
    const trouble = this.keyPattern.test(call.key) ? this.keys.get(call.key) : { kind: "rejected" as const };
    if (trouble) throw this.refuseKey(trouble, call);
  }

  #find(call: RecordedCall): Match | undefined {
    for (const [name, route] of Object.entries(this.routes)) {
      const [method, pathname = ""] = name.split(" ");
      const pattern = this.#patterns[pathname] ??= new URLPattern({ pathname });
      const found = pattern.exec({ pathname: call.path });
      if (found && method === call.method) return { route, params: found.pathname.groups };
    }
    return undefined;
  }

  #knowsPath(call: RecordedCall): boolean {
    return ["GET", "POST"].some((method) => this.#find({ ...call, method }));
  }

  #nextFault(kind: RouteKind): Fault | undefined {
    const next = this.#faults.find(({ on }) => on === kind);
    if (next && --next.times === 0) this.#faults.splice(this.#faults.indexOf(next), 1);
    return next?.fault;
  }

  async #pass(gate: HeldGate, left: AbortSignal): Promise<void> {
    gate.waiting++;
    this.#changed();
    await Promise.race([gate.opened, aborted(left)]);
    gate.waiting--;
    this.#changed();
  }

  #changed(): void {
    for (const watch of [...this.#watchers]) watch();
  }
}

interface Match {
  route: Route;
  params: Record<string, string | undefined>;
}

/** Sends the frames one by one; before the one at `hold.at` it waits until it may pass. */
function stream(
  frames: Frame[],
  breaksOff: boolean,
  hold: { at: number; pass: () => Promise<void> } | undefined,
  left: AbortSignal,
): ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> {
  if (frames.length === 1 && !breaksOff && !hold) return frames[0]!;
  let next = 0;
  return new ReadableStream({
    async pull(controller) {
      if (next === hold?.at) await hold.pass();
      const frame = frames[next++];
      if (frame && !left.aborted) return controller.enqueue(frame);
      if (breaksOff || left.aborted) {
        return controller.error("the scripted service breaks the connection off");
      }
      controller.close();
    },
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** An address on this machine where nobody listens. */
export function closedPort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `http://127.0.0.1:${listener.addr.port}`;
}
