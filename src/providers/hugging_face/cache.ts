/** What was looked up and seldom changes: kept for a while, and never more than a fixed number of things. */

/** Bounds of a cache. */
export interface CacheLimits {
  /** Things kept; the oldest goes first. */
  most?: number;
  /** How long a thing is believed, in ms. */
  maxAgeMs?: number;
}

/** Remembers what was found, by name. */
export class Cache<T> {
  readonly #things = new Map<string, { thing: T; until: number }>();
  readonly #most: number;
  readonly #maxAgeMs: number;

  constructor({ most = 500, maxAgeMs = 10 * 60_000 }: CacheLimits = {}) {
    this.#most = most;
    this.#maxAgeMs = maxAgeMs;
  }

  /** What is kept as `name`, else what `find` gives. @param now ms since the epoch */
  async get(name: string, now: number, find: () => Promise<T>): Promise<T> {
    const kept = this.#things.get(name);
    if (kept && kept.until > now) return kept.thing;
    const thing = await find();
    this.#things.delete(name);
    this.#things.set(name, { thing, until: now + this.#maxAgeMs });
    const [oldest] = this.#things.keys();
    if (this.#things.size > this.#most) this.#things.delete(oldest!);
    return thing;
  }

  /** Forgets what turned out to be wrong. */
  forget(name: string): void {
    this.#things.delete(name);
  }
}
