/**
 * Shares out the turns of the event loop. Hundreds of requests that come at once, or of pieces that are there at
 * once, take their fraction of a millisecond each; others, be it a health check, shall not have to wait for all.
 */

/** How many go on before others have their turn. */
const AT_ONCE = 8;

/** A row of those who want to go on. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #gone = 0;
  #isOver = true;

  /** Resolves when one more may go on; at once unless many have done so just now. */
  next(): Promise<void> | void {
    if (this.#isOver) this.#begin();
    if (this.#gone === AT_ONCE) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#gone++;
  }

  #begin(): void {
    this.#isOver = false;
    const next = this.#waiting.splice(0, AT_ONCE);
    this.#gone = next.length;
    for (const resolve of next) resolve();
    setImmediate(() => {
      if (this.#waiting.length > 0) this.#begin();
      else this.#isOver = true;
    });
  }
}

/** There is one event loop, and one row before it. */
export const turns = new Turns();
