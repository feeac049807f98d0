/** Time for tests that are not about time: whoever sleeps wakes at once, and the hands of the clock jump on. */
import type { Clock } from "../core/clock.ts";

/** Sleeps longer than this are chores of the day, which no test waits for. */
const CHORES = 10 * 60_000;

/** A clock on which waiting costs nothing. Its limits never end anything. */
export class RushingClock implements Clock {
  #now = Date.UTC(2026, 5, 1, 12);

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stop = () => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      const timer = ms < CHORES
        ? setTimeout(() => {
          signal?.removeEventListener("abort", stop);
          this.#now += ms;
          resolve();
        }, 1)
        : undefined;
      signal?.addEventListener("abort", stop, { once: true });
    });
  }

  timeout(): { signal: AbortSignal } & Disposable {
    return { signal: new AbortController().signal, [Symbol.dispose]: () => {} };
  }
}
