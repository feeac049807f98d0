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

  /** @param ms the limit @param client aborts when the client leaves */
  constructor(private readonly clock: Clock, ms: number, private readonly client: AbortSignal) {
    this.#leave = () => this.#stop.abort(client.reason);
    if (client.aborted) this.#leave();
    client.addEventListener("abort", this.#leave, { once: true });
    this.#limit = this.#start(ms);
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
    this.#limit[Symbol.dispose]();
    return this.#limit = this.#start(LONGEST_SILENCE);
  }

  [Symbol.dispose](): void {
    this.forgetClient();
    this.#limit[Symbol.dispose]();
  }

  #start(ms: number): ReturnType<Clock["timeout"]> {
    const limit = this.clock.timeout(ms);
    limit.signal.addEventListener("abort", () => {
      this.#isLate = true;
      this.#stop.abort(limit.signal.reason);
    }, { once: true });
    return limit;
  }
}
