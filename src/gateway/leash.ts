/** What ends a call from outside: the client who leaves, and the limit of its time. */
import type { Clock } from "../core/clock.ts";

/** A service that went silent in the middle of an image is given up after so many ms. */
const LONGEST_SILENCE = 60_000;

/** Joins both in one signal; disposing of it stops the timer. */
export class Leash implements Disposable {
  readonly #stop = new AbortController();
  readonly #leave: () => void;
  #limit: ReturnType<Clock["timeout"]>;
  #isLate = false;
  /** One timer serves all waits, of which an image has dozens: it looks at how long the last one has taken. */
  #isListening = false;
  #waitingSince?: number;
  readonly #heard = { [Symbol.dispose]: () => void (this.#waitingSince = undefined) };

  /** @param ms the limit @param client aborts when the client leaves */
  constructor(private readonly clock: Clock, ms: number, private readonly client: AbortSignal) {
    this.#leave = () => this.#stop.abort(client.reason);
    if (client.aborted) this.#leave();
    client.addEventListener("abort", this.#leave, { once: true });
    this.#limit = this.#start(ms, (reason) => this.#end(reason));
  }

  /** Aborts with the first of both. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whether it was the time that ended. */
  get limit(): { readonly aborted: boolean } {
    return { aborted: this.#isLate };
  }

  /** From here on the client may leave without ending the call. */
  forgetClient(): void {
    this.client.removeEventListener("abort", this.#leave);
  }

  /** From here on only the service's silence counts: the first wait ends the limit of the whole. */
  waiting(): Disposable {
    this.#waitingSince = this.clock.now();
    if (!this.#isListening) this.#listen(LONGEST_SILENCE);
    return this.#heard;
  }

  [Symbol.dispose](): void {
    this.forgetClient();
    this.#limit[Symbol.dispose]();
  }

  #listen(ms: number): void {
    this.#limit[Symbol.dispose]();
    this.#isListening = true;
    this.#limit = this.#start(ms, (reason) => {
      this.#isListening = false;
      if (this.#waitingSince === undefined) return;
      const left = this.#waitingSince + LONGEST_SILENCE - this.clock.now();
      if (left > 0) this.#listen(left);
      else this.#end(reason);
    });
  }

  #end(reason: unknown): void {
    this.#isLate = true;
    this.#stop.abort(reason);
  }

  #start(ms: number, onOver: (reason: unknown) => void): ReturnType<Clock["timeout"]> {
    const limit = this.clock.timeout(ms);
    limit.signal.addEventListener("abort", () => onOver(limit.signal.reason), { once: true });
    return limit;
  }
}
