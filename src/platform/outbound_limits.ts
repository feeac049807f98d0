/** The time limits of one fetch: one for all of it, and a shorter one for whatever it waits for just now. */
import type { Clock } from "../core/clock.ts";
import { badUrl } from "./outbound_addresses.ts";

/** Counts one fetch's time. Disposing of it stops every timer. */
export class TimeLimits implements Disposable {
  /** Aborts with `Failed` when a limit is reached, or with the caller's reason. */
  readonly signal: AbortSignal;
  #ended = new AbortController();
  #total: Disposable;
  #phase: Disposable | undefined;
  /** Ms that are left for waiting, once only that counts. */
  #patience = Infinity;
  #waitingSince = 0;

  /** @param totalMs from the first lookup to the last byte, redirects included */
  constructor(private readonly clock: Clock, private readonly totalMs: number, caller?: AbortSignal) {
    this.signal = caller ? AbortSignal.any([this.#ended.signal, caller]) : this.#ended.signal;
    this.#total = this.#start(totalMs, "the transfer did not end");
  }

  /** Ends the fetch before its time. */
  end(reason: Error): void {
    this.#ended.abort(reason);
  }

  /** Begins to wait for something; the limit of what was waited for before is dropped. */
  enter(what: "connection" | "first byte" | "next bytes", ms: number): void {
    this.leave();
    this.#waitingSince = this.clock.now();
    this.#phase = this.#start(Math.min(ms, this.#patience), `there was no ${what}`);
  }

  /** From here on the total counts only while the source is waited for: a slow reader is not its fault. */
  countWaitsAlone(): void {
    this.#total[Symbol.dispose]();
    this.#patience = this.totalMs;
  }

  /** Waits for nothing any more, except for the reader. */
  leave(): void {
    if (!this.#phase) return;
    this.#phase[Symbol.dispose]();
    this.#phase = undefined;
    this.#patience = Math.max(1, this.#patience - (this.clock.now() - this.#waitingSince));
  }

  [Symbol.dispose](): void {
    this.leave();
    this.#total[Symbol.dispose]();
  }

  #start(ms: number, complaint: string): Disposable {
    const timer = this.clock.timeout(ms);
    timer.signal.addEventListener("abort", () => {
      this.end(badUrl(`Cannot fetch the address: ${complaint} within ${ms / 1000} s`));
    }, { once: true });
    return timer;
  }
}
