/**
 * What is done to a picture once nobody waits for it: its sidecar, the hash of its content, one file for equal
 * bytes, all of it flushed to the disk. What is still to be done stands in the index, as rows without a hash.
 */
import type { Clock } from "../core/clock.ts";
import { growingPause } from "../core/pause.ts";
import type { LocalBlobs } from "../platform/blobs_local.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import type { PictureStore } from "../store/pictures.ts";
import { sidecarOf } from "../store/sidecar.ts";

/** What filing depends on. */
export interface FilingOptions {
  clock: Clock;
  index: Pick<PictureStore, "unfiled" | "filed" | "byHash" | "setOnDisk">;
  local: Pick<LocalBlobs, "file" | "hash">;
  /** Whether requests are being served, which go first. */
  isBusy: () => boolean;
  /** Resolves when those that are being served now have ended. */
  served: () => Promise<void>;
  /** Hears that pictures have their hashes. */
  onFiled: () => void;
  onError: (error: unknown, name?: string) => void;
}

const BATCH = 50;
/** A picture waits no longer than this for a quiet moment, in ms. */
const PATIENCE = 30_000;
const AGAIN_AFTER = { first: 5_000, most: 10 * 60_000 };

/** Files pictures, one after the other. It does nothing until it is woken. */
export class Filing implements AsyncDisposable {
  readonly #closing = new AbortController();
  readonly #closed: Promise<void>;
  #running?: Promise<void>;
  #again = false;

  constructor(private readonly options: FilingOptions) {
    const closed = Promise.withResolvers<void>();
    this.#closing.signal.addEventListener("abort", () => closed.resolve(), { once: true });
    this.#closed = closed.promise;
  }

  /** Says that there are new pictures. */
  wake(): void {
    if (this.#closing.signal.aborted) return;
    this.#again = true;
    this.#running ??= this.#work().catch((error) => {
      if (!this.#closing.signal.aborted) this.options.onError(error);
    }).finally(() => {
      this.#running = undefined;
      if (this.#again) this.wake();
    });
  }

  /** Resolves when all pictures of now are filed, or wait for another try. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #work(): Promise<void> {
    const { clock, index, onFiled, onError } = this.options;
    for (let failures = 0;;) {
      this.#again = false;
      const pictures = await index.unfiled(BATCH);
      if (pictures.length === 0) return;
      let filed = 0;
      for (const picture of pictures) {
        await this.#quiet(picture.time);
        this.#closing.signal.throwIfAborted();
        try {
          await this.#file(picture);
          filed++;
        } catch (error) {
          onError(error, picture.name);
        }
      }
      if (filed > 0) onFiled();
      failures = filed > 0 ? 0 : failures + 1;
      if (failures > 0) await clock.sleep(growingPause(AGAIN_AFTER, failures), this.#closing.signal);
    }
  }

  /** Resolves when nobody is being served, or a picture of `time` has waited long enough. */
  async #quiet(time: number): Promise<void> {
    const { clock, isBusy, served } = this.options;
    while (isBusy()) {
      const patience = time + PATIENCE - clock.now();
      if (patience <= 0 || this.#closing.signal.aborted) return;
      using limit = clock.timeout(patience);
      const over = Promise.withResolvers<void>();
      limit.signal.addEventListener("abort", () => over.resolve(), { once: true });
      await Promise.race([served(), over.promise, this.#closed]);
    }
  }

  async #file(picture: PictureRecord): Promise<void> {
    const { index, local } = this.options;
    const { name } = picture;
    const hash = await local.hash(name);
    if (hash === undefined) return void await index.setOnDisk([name], false);
    const twin = await index.byHash(hash);
    await local.file(name, sidecarOf(picture), twin?.onDisk ? twin.name : undefined);
    await index.filed(name, hash);
  }
}
