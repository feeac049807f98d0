/**
 * Few images are read at a time, each to its end, rather than all of them a little: one that is being read holds
 * up to a megabyte in the platform's HTTP client, and gives it back when it is over.
 */
import { type Clock, systemClock } from "./clock.ts";

/** How many images are read at the same time, as long as they come. */
const LANES = 8;
/** Who got nothing on between so many looks, so many ms apart, needs a lane less than those who wait. */
const LOOKS = 3;
const LOOK_AFTER = 5;

/** The lanes, and the row before them. */
export class Lanes {
  readonly #inside = new Set<Lane>();
  readonly #waiting: { lane: Lane; enter: () => void }[] = [];
  #stop?: AbortController;

  constructor(private readonly clock: Clock, private readonly most = LANES) {}

  /** Opens the way for one image, which has to be disposed of in the end. */
  open(): Lane {
    return new Lane(this);
  }

  /** Whether it has its lane. */
  has(lane: Lane): boolean {
    return this.#inside.has(lane);
  }

  /** Resolves when it has its lane. @param first whether it goes before those who wait */
  enter(lane: Lane, first: boolean): Promise<void> | void {
    if (this.#inside.size < this.most) return void this.#inside.add(lane);
    return new Promise((enter) => {
      if (first) this.#waiting.unshift({ lane, enter });
      else this.#waiting.push({ lane, enter });
      if (!this.#stop) void this.#watch(this.#stop = new AbortController());
    });
  }

  /** Gives the lane of an image to the next one. */
  leave(lane: Lane): void {
    if (!this.#inside.delete(lane)) return;
    this.#letIn();
    if (this.#waiting.length === 0) this.#stop?.abort();
  }

  #letIn(): void {
    while (this.#waiting.length > 0 && this.#inside.size < this.most) {
      const { lane, enter } = this.#waiting.shift()!;
      this.#inside.add(lane);
      enter();
    }
  }

  /** Takes lanes from those who do not get on, as long as others wait. */
  async #watch({ signal }: AbortController): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.clock.sleep(LOOK_AFTER, signal).catch(() => {});
      if (this.#waiting.length === 0) break;
      for (const lane of this.#inside) if (lane.look() === "stuck") this.#inside.delete(lane);
      this.#letIn();
    }
    this.#stop = undefined;
  }
}

/** The way of one image. */
export class Lane implements Disposable {
  #looks = 0;
  #hasBegun = false;
  #onLost?: () => void;

  constructor(private readonly lanes: Lanes) {}

  /** Resolves when the next piece may be read; at once as long as it has its lane. */
  next(): Promise<void> | void {
    this.#looks = 0;
    if (this.lanes.has(this)) return;
    const hadBegun = this.#hasBegun;
    this.#hasBegun = true;
    return this.lanes.enter(this, hadBegun);
  }

  /** Waits for `work`; `false` if others got the lane meanwhile. */
  keptUntil(work: Promise<unknown>): Promise<boolean> {
    const lost = new Promise<boolean>((resolve) => this.#onLost = () => resolve(false));
    return Promise.race([work.then(() => true), lost]);
  }

  /** Sees whether it got on since it was looked at before. One that is stuck is to lose its lane. */
  look(): "stuck" | "going" {
    if (++this.#looks <= LOOKS) return "going";
    this.#onLost?.();
    return "stuck";
  }

  [Symbol.dispose](): void {
    this.lanes.leave(this);
  }
}

/** There is one HTTP client, and one set of lanes to it. */
export const lanes = new Lanes(systemClock);
