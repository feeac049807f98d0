/**
 * The last entries of the log, for the live view. Subscribers hold a place in it and nothing else: one that
 * is slow misses entries instead of having them pile up.
 */
import { compareLogLevel, type LogLevel } from "@logtape/logtape";
import type { LogEntry } from "./entry.ts";

/** Is given one entry at a time; the next one comes when its promise has resolved. */
export type LogListener = (entry: LogEntry) => void | Promise<void>;

/** Where a subscription starts, and what it leaves out. */
export interface Subscription {
  /** Entries after this one that are still there come first. Default: only what comes from now on. */
  afterId?: number;
  /** The lowest level that is wanted. Default: all. */
  level?: LogLevel;
}

/** The last entries, oldest first. */
export class LogRing {
  readonly #entries: LogEntry[] = [];
  readonly #waiting = new Set<() => void>();
  #lastId = 0;
  #start = 0;

  constructor(private readonly capacity = 1000) {}

  /** The id that the next entry gets. */
  get nextId(): number {
    return this.#lastId + 1;
  }

  /** Keeps an entry, in place of the oldest one if there is no room. */
  push(entry: LogEntry): void {
    this.#lastId = entry.id;
    if (this.#entries.length < this.capacity) {
      this.#entries.push(entry);
    } else {
      this.#entries[this.#start] = entry;
      this.#start = (this.#start + 1) % this.capacity;
    }
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** The entries after `afterId` that are still there, oldest first. */
  list({ afterId = 0, level = "trace" }: Subscription = {}): LogEntry[] {
    const inOrder = [...this.#entries.slice(this.#start), ...this.#entries.slice(0, this.#start)];
    return inOrder.filter((entry) => entry.id > afterId && compareLogLevel(entry.level, level) >= 0);
  }

  /** Gives entries to `listener` until the subscription is disposed of, or the listener fails. */
  subscribe(
    listener: LogListener,
    { afterId = this.#lastId, level = "trace" }: Subscription = {},
  ): Disposable {
    const ended = Promise.withResolvers<void>();
    let active = true;
    const end = () => {
      active = false;
      ended.resolve();
    };
    const deliver = async () => {
      // An id from before a restart would wait for entries that may never come.
      let place = Math.min(afterId, this.#lastId);
      while (active) {
        const entry = this.#after(place);
        if (!entry) {
          await this.#next(ended.promise);
          continue;
        }
        place = entry.id;
        if (compareLogLevel(entry.level, level) >= 0) await listener(entry);
      }
    };
    deliver().catch(end);
    return { [Symbol.dispose]: end };
  }

  /** The oldest entry after a place; ids rise by one, so that its position can be reckoned. */
  #after(place: number): LogEntry | undefined {
    if (place >= this.#lastId) return undefined;
    const oldest = this.#lastId - this.#entries.length + 1;
    const offset = Math.max(place + 1 - oldest, 0);
    return this.#entries[(this.#start + offset) % this.#entries.length];
  }

  async #next(ended: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    await Promise.race([promise, ended]);
    this.#waiting.delete(resolve);
  }
}
