/** Time as an argument, so that tests move it instead of waiting for it. */

/** The passing of time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A signal that aborts with a `TimeoutError` after `ms`; disposing of it stops its timer. */
  timeout(ms: number): { signal: AbortSignal } & Disposable;
}

/** A source of chance: a number from 0 up to, not including, 1. */
export type Dice = () => number;

/** The longest that a timer of the platform can count, almost 25 days; anything beyond would end at once. */
const LONGEST = 2 ** 31 - 1;

/** The time of day. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const timer = setTimeout(done, Math.min(ms, LONGEST));
      function done() {
        signal?.removeEventListener("abort", stop);
        resolve();
      }
      function stop() {
        clearTimeout(timer);
        reject(signal!.reason);
      }
      signal?.addEventListener("abort", stop, { once: true });
    }),
  timeout: (ms) => {
    const controller = new AbortController();
    const timer = setTimeout(
      () => controller.abort(new DOMException("The time limit was reached", "TimeoutError")),
      Math.min(ms, LONGEST),
    );
    return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** Waits for `work`, but for no longer than `ms`. Tells whether it has ended by then. @throws what it throws by then */
export async function endsWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  using limit = clock.timeout(ms);
  const late = Promise.withResolvers<false>();
  limit.signal.addEventListener("abort", () => late.resolve(false), { once: true });
  return await Promise.race([work.then(() => true), late.promise]);
}
