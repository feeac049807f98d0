/**
 * The health of routes: a breaker that stops asking one that keeps failing, until a trial call succeeds,
 * and the recent time to an image.
 */
import { growingPause } from "../core/pause.ts";

/** Failures in a row after which a route is left alone. */
const THRESHOLD = 5;
const PAUSE = { first: 15_000, most: 10 * 60_000 };
/** Share of the newest time in the running mean. */
const NEWEST = 0.3;

/** What is known of one route. Times in ms since the epoch. */
export interface RouteState {
  failuresInRow: number;
  /** Set while it is left alone. */
  closedUntil?: number;
  /** Why it is left alone, fit for the log and the panel. */
  reason?: string;
  /** Running mean of the time to an image, in ms. */
  latencyMs?: number;
}

/** Remembers how each route has fared. Routes are named by any string, such as `OpenAI/gpt-image-2`. */
export class Health {
  #routes = new Map<string, RouteState & { trips: number; trial?: boolean }>();

  /** @param options.onChange hears of each route that was closed, or opened again. */
  constructor(private readonly options: { onChange?: (route: string) => void } = {}) {}

  /** Whether `route` may be asked at `now`. One caller at a time gets through to try a route that was left alone. */
  allows(route: string, now: number): boolean {
    const state = this.#routes.get(route);
    if (state?.closedUntil === undefined) return true;
    return now >= state.closedUntil && !state.trial;
  }

  /** Tells that `route` is about to be asked; makes the call of a closed route its trial. */
  asked(route: string): void {
    const state = this.#routes.get(route);
    if (state?.closedUntil !== undefined) state.trial = true;
  }

  /** Tells that `route` gave images after `latencyMs`. */
  success(route: string, latencyMs: number): void {
    const { latencyMs: before, closedUntil } = this.state(route);
    this.#routes.set(route, {
      failuresInRow: 0,
      trips: 0,
      latencyMs: before === undefined ? latencyMs : before + NEWEST * (latencyMs - before),
    });
    if (closedUntil !== undefined) this.options.onChange?.(route);
  }

  /** Tells that `route` failed by its own fault. */
  failure(route: string, now: number, reason: string): void {
    const state = this.#state(route);
    state.failuresInRow++;
    // Calls that were under way when it was closed tell nothing new, and must not make the pause grow.
    if (state.closedUntil !== undefined && !state.trial) return;
    if (state.trial || state.failuresInRow >= THRESHOLD) this.trip(route, now, reason);
  }

  /** Leaves `route` alone for `ms`, or for a pause that grows with every repetition. */
  trip(route: string, now: number, reason: string, ms?: number): void {
    const state = this.#state(route);
    state.trips++;
    state.trial = false;
    state.closedUntil = now + (ms ?? growingPause(PAUSE, state.trips));
    state.reason = reason;
    this.options.onChange?.(route);
  }

  /** Tells that a trial ended without a verdict, such as a caller who left or a bad request. */
  undecided(route: string): void {
    const state = this.#routes.get(route);
    if (state) state.trial = false;
  }

  /** What is known of `route`. */
  state(route: string): Readonly<RouteState> {
    return this.#routes.get(route) ?? { failuresInRow: 0 };
  }

  /** The routes that are left alone, with when they will be tried again. */
  closed(): { route: string; until: number; reason: string }[] {
    return [...this.#routes].flatMap(([route, { closedUntil, reason = "" }]) =>
      closedUntil === undefined ? [] : { route, until: closedUntil, reason }
    );
  }

  #state(route: string) {
    const state = this.#routes.get(route) ?? { failuresInRow: 0, trips: 0 };
    this.#routes.set(route, state);
    return state;
  }
}
