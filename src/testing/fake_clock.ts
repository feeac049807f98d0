/** Time that tests move by hand. */
import type { Clock } from "../core/clock.ts";

interface Timer {
  at: number;
  ms: number;
  fire: () => void;
}

/** How long a test waits for something to begin, in ms of real time. */
const PATIENCE = 10_000;

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  #now: number;
  #timers = new Set<Timer>();

  /** @param start ms since the epoch. */
  constructor(start = Date.UTC(2026, 5, 1, 12)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stop = () => {
        this.#timers.delete(timer);
        reject(signal!.reason);
      };
      const timer = this.#add(ms, () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      });
      signal?.addEventListener("abort", stop, { once: true });
    });
  }

  timeout(ms: number): { signal: AbortSignal } & Disposable {
    const controller = new AbortController();
    const timer = this.#add(
      ms,
      () => controller.abort(new DOMException("The time limit was reached", "TimeoutError")),
    );
    return { signal: controller.signal, [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Lets `ms` pass, waking all who wait in the order of their times. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#now = next.at;
      this.#timers.delete(next);
      next.fire();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /**
   * Waits until somebody sleeps for `least` to `most` ms, then lets just that time pass. Gives the ms slept.
   * @throws Error if nobody does within some seconds of real time
   */
  async passSleep(least: number, most = least): Promise<number> {
    const limit = performance.now() + PATIENCE;
    for (;;) {
      if (performance.now() > limit) throw new Error(`Nobody slept for ${least} to ${most} ms`);
      const timer = [...this.#timers].find(({ ms }) => ms >= least && ms <= most);
      if (timer) {
        await this.pass(timer.at - this.#now);
        return timer.ms;
      }
      await settle();
    }
  }

  /**
   * Waits until exactly `count` sleepers of `ms` are there; no time passes.
   * @throws Error if they are not within some seconds of real time
   */
  async sleeping(ms: number, count: number): Promise<void> {
    const limit = performance.now() + PATIENCE;
    while ([...this.#timers].filter((timer) => timer.ms === ms).length !== count) {
      if (performance.now() > limit) throw new Error(`Not ${count} sleep for ${ms} ms`);
      await settle();
    }
  }

  #add(ms: number, fire: () => void): Timer {
    const timer = { at: this.#now + ms, ms, fire };
    this.#timers.add(timer);
    return timer;
  }
}

/** Lets whatever can go on without time go on: promises, and sockets of this machine. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
