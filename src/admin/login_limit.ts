/** Slows down whoever guesses passwords: so many attempts an address, and so many of all addresses together. */
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { type Clock, systemClock } from "../core/clock.ts";

/** Limits, within one window. */
export interface LoginLimitOptions {
  clock?: Clock;
  /** @default 10 */
  perAddress?: number;
  /** @default 100 */
  overall?: number;
  /** In ms. @default 15 minutes */
  windowMs?: number;
}

/** Counts attempts. */
export class LoginLimit {
  #window = -1;
  #limiters: { all: RateLimiterMemory; each: RateLimiterMemory } | undefined;

  constructor(private readonly options: LoginLimitOptions = {}) {}

  /** Counts an attempt before it is looked at. Gives how long to wait, in ms, if there were too many. */
  async attempt(address: string): Promise<number | undefined> {
    const { clock = systemClock, windowMs = 15 * 60_000 } = this.options;
    const { all, each } = this.#present();
    try {
      await each.consume(address);
      await all.consume("all");
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return windowMs - clock.now() % windowMs;
      throw refusal;
    }
  }

  /** Forgets the attempts of an address that knew the password. */
  async succeeded(address: string): Promise<void> {
    const { all, each } = this.#present();
    await each.delete(address);
    await all.reward("all");
  }

  /** A window's own counters: time is ours to tell, so the library is given none. */
  #present() {
    const { clock = systemClock, perAddress = 10, overall = 100, windowMs = 15 * 60_000 } = this.options;
    const window = Math.floor(clock.now() / windowMs);
    if (this.#limiters === undefined || window !== this.#window) {
      this.#window = window;
      this.#limiters = {
        all: new RateLimiterMemory({ points: overall, duration: 0 }),
        each: new RateLimiterMemory({ points: perAddress, duration: 0 }),
      };
    }
    return this.#limiters;
  }
}
