/**
 * What has changed, told to open panels so that they read it again. An event that says the same as an earlier
 * one takes its place: however busy the gateway is, a slow reader finds each change once, and nothing piles up.
 */
import type { Clock } from "../core/clock.ts";

/** What an event is about. `sessions`: one ended. */
export type LiveType =
  | "settings"
  | "keys"
  | "health"
  | "stats"
  | "pictures"
  | "jobs"
  | "clients"
  | "sessions";

/** Something changed; further members say what, and never hold a secret. */
export type LiveEvent = { type: LiveType } & { readonly [member: string]: unknown };

/** What a reader has not seen yet. */
export interface LiveNews {
  /** Each with the place behind it. */
  events: { position: number; event: LiveEvent }[];
  /** Whether events were forgotten that the reader never saw, so that everything is to be read again. */
  missed: boolean;
}

const CAPACITY = 500;

/** The one feed of a process. */
export class LiveFeed {
  /** By what they say, in the order of their last time. */
  readonly #events = new Map<string, { position: number; event: LiveEvent }>();
  readonly #waiting = new Set<() => void>();
  #last = 0;
  #forgotten = 0;
  /** Names this process: positions of another one mean nothing here. */
  readonly epoch: string;

  readonly #capacity: number;

  /** @param options.capacity how many different events are kept */
  constructor({ clock, capacity = CAPACITY }: { clock: Clock; capacity?: number }) {
    this.epoch = clock.now().toString(36);
    this.#capacity = capacity;
  }

  /** The place behind the last event. */
  get position(): number {
    return this.#last;
  }

  /** Tells everybody; returns at once. */
  publish(event: LiveEvent): void {
    const said = JSON.stringify(event);
    this.#events.delete(said);
    this.#events.set(said, { position: ++this.#last, event });
    if (this.#events.size > this.#capacity) {
      const [oldest, { position }] = this.#events.entries().next().value!;
      this.#events.delete(oldest);
      this.#forgotten = position;
    }
    for (const wake of this.#waiting) wake();
  }

  /** What came after `position`, oldest first. */
  since(position: number): LiveNews {
    const events = [...this.#events.values()].filter((entry) => entry.position > position);
    return { events, missed: position < this.#forgotten };
  }

  /** Calls `wake` at each event until disposed of; it must be quick and must not throw. */
  subscribe(wake: () => void): Disposable {
    this.#waiting.add(wake);
    return { [Symbol.dispose]: () => void this.#waiting.delete(wake) };
  }
}
