/**
 * Where images come faster than they can be dealt with, few are read at a time, each to its end, rather than all
 * of them a little: one that is being read holds up to a megabyte in the platform's HTTP client, and gives it back
 * when it is over. Those that come slowly are in nobody's way.
 */

/** How many images are read at the same time, as long as they come. */
const LANES = 8;
/** Who got nothing in so many turns of the event loop needs a lane less than those who wait. */
const PATIENCE = 4;

interface Waiting {
  lane: Lane;
  enter: () => void;
}

/** The lanes, and the rows before them. */
export class Lanes {
  readonly #inside = new Set<Lane>();
  /** Those that were begun go first. */
  readonly #waiting = { begun: [] as Waiting[], fresh: [] as Waiting[] };
  #isWatching = false;

  /** @param nextTurn calls back in the next turn of the event loop */
  constructor(private readonly nextTurn: (look: () => void) => void, private readonly most = LANES) {}

  /** Opens the way for one image, which has to be disposed of in the end. */
  open(): Lane {
    return new Lane(this);
  }

  /** Whether it has its lane. */
  has(lane: Lane): boolean {
    return this.#inside.has(lane);
  }

  /** Resolves when it has its lane. */
  enter(lane: Lane, row: "begun" | "fresh"): Promise<void> | void {
    if (this.#inside.size < this.most) return void this.#inside.add(lane);
    return new Promise((enter) => {
      this.#waiting[row].push({ lane, enter });
      this.#watch();
    });
  }

  /** Gives the lane of an image to the next one. */
  leave(lane: Lane): void {
    if (this.#inside.delete(lane)) this.#letIn();
  }

  #letIn(): void {
    const { begun, fresh } = this.#waiting;
    while (this.#inside.size < this.most) {
      const next = begun.shift() ?? fresh.shift();
      if (!next) break;
      this.#inside.add(next.lane);
      next.enter();
    }
  }

  /** Takes lanes from those who do not get on, as long as others wait. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.nextTurn(() => {
      this.#isWatching = false;
      for (const lane of this.#inside) if (++lane.turns > PATIENCE) this.#inside.delete(lane);
      this.#letIn();
      const { begun, fresh } = this.#waiting;
      if (begun.length + fresh.length > 0) this.#watch();
    });
  }
}

/** The way of one image. */
export class Lane implements Disposable {
  /** In how many turns of the event loop it has got nothing while others waited. */
  turns = 0;
  #hasBegun = false;

  constructor(private readonly lanes: Lanes) {}

  /** Resolves when the next piece may be read; at once as long as it has its lane. */
  next(): Promise<void> | void {
    this.turns = 0;
    if (this.lanes.has(this)) return;
    const row = this.#hasBegun ? "begun" : "fresh";
    this.#hasBegun = true;
    return this.lanes.enter(this, row);
  }

  [Symbol.dispose](): void {
    this.lanes.leave(this);
  }
}

/** There is one HTTP client, and one set of lanes to it. */
export const lanes = new Lanes(setImmediate);
