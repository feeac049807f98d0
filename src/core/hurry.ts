/** Pauses that somebody who waits for what comes after them can do without. */
import type { Clock } from "./clock.ts";

/** Whether anybody is in a hurry. */
export class Hurry {
  #waiting = 0;
  #cut = new AbortController();

  constructor(private readonly clock: Clock) {}

  /** Whether somebody waits now. */
  get isOn(): boolean {
    return this.#waiting > 0;
  }

  /** Does `work`, without which somebody can't go on; cuts the pause short that lasts, and leaves out those that would follow. */
  async during(work: () => Promise<unknown> | undefined): Promise<void> {
    this.#waiting++;
    this.#cut.abort();
    this.#cut = new AbortController();
    try {
      await work();
    } finally {
      this.#waiting--;
    }
  }

  /** Pauses for `ms`, unless somebody is in a hurry. Never throws. */
  async pause(ms: number): Promise<void> {
    if (!this.isOn) await this.clock.sleep(ms, this.#cut.signal).catch(() => {});
  }
}
