/**
 * What is done to a picture once nobody waits for it: its sidecar, the hash of its content, one file for equal
 * bytes, all of it flushed to the disk. What is still to be done stands in the index, as rows without a hash.
 */
import type { Clock } from "../core/clock.ts";
import { Hurry } from "../core/hurry.ts";
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
  /** For how long no request has been served, in ms; requests go first. */
  idleFor: () => number;
  /** Hears that pictures have their hashes. */
  onFiled: () => void;
  onError: (error: unknown, name?: string) => void;
}

const BATCH = 50;
/** So many that fail are the disk's fault, and the rest is left for later. */
const MAX_FAILED = 100;
/** So long a silence is more than the pause between one request and the next, in ms. */
const QUIET = 250;
/** A picture waits no longer than this for it, in ms. */
const PATIENCE = 30_000;
const AGAIN_AFTER = { first: 5_000, most: 10 * 60_000 };

/** Files pictures, one after the other. It does nothing until it is woken. */
export class Filing implements AsyncDisposable {
  readonly #closing = new AbortController();
  #running?: Promise<void>;
  #again = false;
  readonly #hurry: Hurry;
  /** Those that could not be filed, until they are tried again. */
  readonly #failed = new Set<string>();
  /** How often in a row there were some. */
  #failures = 0;
  #retry?: Promise<void>;

  constructor(private readonly options: FilingOptions) {
    this.#hurry = new Hurry(options.clock);
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

  /** Files all pictures of now without waiting for silence. Resolves when they are, or wait for another try. */
  async settled(): Promise<void> {
    await this.#hurry.during(() => this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#hurry.during(() => this.#running);
  }

  async #work(): Promise<void> {
    const { index, onFiled, onError } = this.options;
    const failed = this.#failed;
    this.#again = false;
    while (failed.size < MAX_FAILED) {
      const unfiled = await index.unfiled(BATCH + failed.size);
      const pictures = unfiled.filter(({ name }) => !failed.has(name));
      if (pictures.length === 0) break;
      for (const picture of pictures) {
        await this.#quiet(picture.time);
        this.#closing.signal.throwIfAborted();
        try {
          await this.#file(picture);
        } catch (error) {
          failed.add(picture.name);
          onError(error, picture.name);
        }
      }
      if (pictures.some(({ name }) => !failed.has(name))) onFiled();
    }
    if (failed.size === 0) this.#failures = 0;
    else this.#retry ??= this.#tryAgain();
  }

  async #tryAgain(): Promise<void> {
    const pause = growingPause(AGAIN_AFTER, ++this.#failures);
    try {
      await this.options.clock.sleep(pause, this.#closing.signal);
    } catch {
      return;
    }
    this.#retry = undefined;
    this.#failed.clear();
    this.wake();
  }

  /** Resolves when there is silence, or a picture of `time` has waited long enough for it. */
  async #quiet(time: number): Promise<void> {
    const { clock, idleFor } = this.options;
    while (!this.#hurry.isOn) {
      const wait = Math.min(QUIET - idleFor(), time + PATIENCE - clock.now());
      if (wait <= 0) return;
      await this.#hurry.pause(wait);
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
