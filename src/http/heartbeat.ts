/** Signs of life on a connection while an image is made, so that nobody between us and the client hangs up. */
import type { Clock } from "../core/clock.ts";

/** Calls `beat` every `intervalMs` until disposed of. A beat that fails ends them. */
export function heartbeat(
  clock: Clock,
  intervalMs: number,
  beat: (count: number) => Promise<unknown>,
): Disposable {
  const stop = new AbortController();
  (async () => {
    for (let count = 1;; count++) {
      await clock.sleep(intervalMs, stop.signal);
      await beat(count);
    }
  })().catch(() => {});
  return { [Symbol.dispose]: () => stop.abort() };
}
