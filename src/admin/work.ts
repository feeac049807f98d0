/** Work that takes minutes and that an admin started: one at a time, with progress to look at. */
import type { Clock } from "../core/clock.ts";

/** How it stands. Times in ms since the epoch. */
export interface WorkState {
  state: "running" | "done" | "failed";
  startedAt: number;
  endedAt?: number;
  /** What was done so far, counted. */
  counts: Readonly<Record<string, number>>;
  /** Why it failed. */
  error?: string;
}

/** One kind of work. */
export class Work {
  #state?: WorkState;

  /** @param options.onChange hears when it begins, gets on and ends */
  constructor(private readonly options: { clock: Clock; onChange: (state: WorkState) => void }) {}

  /** How it stands, or stood at its end; absent before it was first done. */
  get state(): WorkState | undefined {
    return this.#state;
  }

  /**
   * Starts it, unless it runs; gives whether it did.
   * @param run tells its counts as they grow, and gives them at its end
   */
  start<C extends { [name in keyof C]: number }>(
    run: (onProgress: (counts: C) => void) => Promise<C>,
  ): boolean {
    if (this.#state?.state === "running") return false;
    const { clock } = this.options;
    const started: WorkState = { state: "running", startedAt: clock.now(), counts: {} };
    const note = (change: Partial<WorkState>) => {
      this.#state = { ...started, counts: this.#state?.counts ?? {}, ...change };
      this.options.onChange(this.#state);
    };
    note({ counts: {} });
    run((counts) => note({ counts: copy(counts) })).then(
      (counts) => note({ state: "done", endedAt: clock.now(), counts: copy(counts) }),
      (error) => {
        const reason = error instanceof Error ? error.message : String(error);
        note({ state: "failed", endedAt: clock.now(), error: reason });
      },
    );
    return true;
  }
}

function copy<C extends { [name in keyof C]: number }>(counts: C): Record<string, number> {
  return Object.fromEntries(Object.entries<number>(counts));
}
