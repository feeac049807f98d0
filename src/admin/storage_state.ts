/** How the storage of pictures fares: how much there is, what waits for the bucket, and what went wrong lately. */
import type { Clock } from "../core/clock.ts";
import type { PictureStore, PictureTotals } from "../store/pictures.ts";

/** Something that could not be stored. */
export interface StorageFailure {
  /** In ms since the epoch. */
  time: number;
  /** What could not be done, such as `store a.png`. */
  what: string;
  reason: string;
}

/** What the panel shows of it. */
export interface StorageReport {
  pictures: number;
  bytes: number;
  pendingUploads: number;
  /** The last ones, newest first. */
  failures: StorageFailure[];
}

/** Adding up a large gallery takes time, so totals may be this old, in ms. */
const TOTALS_AGE = 30_000;
const FAILURES = 5;
/** What failed before, in ms, is history. */
const FAILURE_AGE = 24 * 60 * 60_000;

/** Remembers failures, and totals for a while. */
export class StorageState {
  #failures: StorageFailure[] = [];
  #totals?: { at: number; value: Promise<PictureTotals> };

  constructor(private readonly options: { clock: Clock; store: PictureStore }) {}

  /** Notes a failure. */
  failed(what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#failures = [{ time: this.options.clock.now(), what, reason }, ...this.#failures].slice(0, FAILURES);
  }

  /** How much is stored; up to half a minute old. */
  totals(): Promise<PictureTotals> {
    const now = this.options.clock.now();
    if (!this.#totals || now - this.#totals.at >= TOTALS_AGE) {
      const value = this.options.store.totals();
      this.#totals = { at: now, value };
      value.catch(() => this.#totals = undefined);
    }
    return this.#totals.value;
  }

  /** What the panel shows. */
  async report(): Promise<StorageReport> {
    const { count, bytes } = await this.totals();
    const since = this.options.clock.now() - FAILURE_AGE;
    return {
      pictures: count,
      bytes,
      pendingUploads: await this.options.store.countPendingUploads(),
      failures: this.#failures.filter(({ time }) => time > since),
    };
  }
}
