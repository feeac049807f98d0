/**
 * Brings pictures from the disk to the bucket. What is still to be done stands in the index of pictures and
 * nowhere else, so that neither an outage nor a restart loses a picture.
 */
import pMap from "p-map";
import type { Clock } from "../core/clock.ts";
import { growingPause } from "../core/pause.ts";
import type { TieredBlobs } from "../platform/blobs_tiered.ts";
import type { Blobs } from "../platform/ports.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import type { PictureStore } from "../store/pictures.ts";
import { sidecarOf } from "../store/sidecar.ts";

/** What uploads are made of. */
export interface UploadsOptions {
  clock: Clock;
  index: Pick<
    PictureStore,
    "get" | "pendingUploads" | "countPendingUploads" | "uploaded" | "movedFromDisk" | "setOnDisk"
  >;
  local: Blobs;
  /** Absent while pictures stay on the disk. */
  remote: () => Blobs | undefined;
  /** Knows which pictures share an object. */
  tiered: Pick<TieredBlobs, "share" | "removeUnused">;
  /** Whether files stay on the disk when the bucket has them. */
  keepsLocal: () => boolean;
  onError: (error: unknown, name?: string) => void;
}

/** How uploads stand. Times in ms since the epoch. */
export interface UploadState {
  pending: number;
  /** What went wrong last, until all is well again. */
  lastError?: string;
  lastErrorAt?: number;
  retryAt?: number;
}

const BATCH = 50;
const SIDE_BY_SIDE = 3;
const PAUSE = { first: 5_000, most: 10 * 60_000 };

/** The queue. It does nothing until it is woken. */
export class Uploads implements AsyncDisposable {
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;
  /** Rounds in a row in which something failed. */
  #failures = 0;
  /** Whether nothing at all got through in the last round: then new pictures wait for the next try too. */
  #isDown = false;
  #pause: { until: number; end: AbortController } | undefined;
  #lastError: { message: string; at: number } | undefined;

  constructor(private readonly options: UploadsOptions) {}

  /** Says that there may be something to upload. */
  wake(): void {
    if ((this.#isDown && this.#pause) || this.#closing.signal.aborted) return;
    this.#again = true;
    this.#running ??= this.#work();
  }

  /** The same without waiting for the next try: the settings have changed, or somebody asks for it. */
  retry(): void {
    this.#endPause();
    this.wake();
  }

  /** How it stands, for the panel. */
  async state(): Promise<UploadState> {
    return {
      pending: await this.options.index.countPendingUploads(),
      lastError: this.#lastError?.message,
      lastErrorAt: this.#lastError?.at,
      retryAt: this.#pause?.until,
    };
  }

  /** Resolves when all is uploaded, or waits for another try. */
  async settled(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Ends what runs; the next start takes it up again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#endPause();
    await this.settled();
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#closing.signal.aborted) {
      this.#again = false;
      this.#endPause();
      const { failed, succeeded } = await this.#round();
      this.#failures = failed ? this.#failures + 1 : 0;
      this.#isDown = failed && !succeeded;
      if (!failed) this.#lastError = undefined;
      else if (!this.#closing.signal.aborted) this.#rest();
    }
    this.#running = undefined;
  }

  /** Tries each pending picture once, or until the bucket proves to be out of reach. */
  async #round(): Promise<{ failed: boolean; succeeded: boolean }> {
    const failed = new Set<string>();
    let succeeded = false;
    let inARow = 0;
    const tryOne = async (picture: PictureRecord) => {
      const remote = this.options.remote();
      if (!remote || inARow >= SIDE_BY_SIDE || this.#closing.signal.aborted) return;
      try {
        await this.#upload(picture, remote);
        succeeded = true;
        inARow = 0;
      } catch (error) {
        inARow++;
        failed.add(picture.name);
        this.#tell(error, picture.name);
      }
    };
    try {
      while (this.options.remote() && inARow < SIDE_BY_SIDE && !this.#closing.signal.aborted) {
        const pending = await this.options.index.pendingUploads(BATCH + failed.size);
        const batch = differing(pending.filter(({ name }) => !failed.has(name)));
        if (batch.length === 0) break;
        await pMap(batch, tryOne, { concurrency: SIDE_BY_SIDE });
      }
      return { failed: failed.size > 0, succeeded };
    } catch (error) {
      this.#tell(error);
      return { failed: true, succeeded: false };
    }
  }

  async #upload(picture: PictureRecord, remote: Blobs): Promise<void> {
    const { index, local, tiered } = this.options;
    const { signal } = this.#closing;
    const { name } = picture;
    const shared = await tiered.share(picture, signal);
    if (shared === undefined) {
      const file = await local.open(name);
      if (!file) return await this.#giveUp(picture);
      await remote.put(name, file, await this.#sidecarOf(picture), signal);
      const stored = await remote.stat(name, signal);
      if (stored?.size !== file.size) {
        throw new Error(
          `Cannot store ${name}: the bucket took it, and has ${stored?.size ?? "no"} bytes of it`,
        );
      }
      await index.uploaded(name, name);
    }
    // Whoever removed the picture meanwhile could not know that the bucket would have it.
    if (!await index.get(name)) return await tiered.removeUnused(shared ?? name);
    if (!this.options.keepsLocal()) {
      await local.remove(name);
      await index.movedFromDisk(name);
    }
  }

  /** A picture whose file is gone is told once: it is pending again when its file is back. */
  async #giveUp({ name }: PictureRecord): Promise<void> {
    if (!await this.options.index.get(name)) return;
    await this.options.index.setOnDisk([name], false);
    this.options.onError(new Error(`Cannot upload ${name}: its file is gone from the disk`), name);
  }

  /** As it stands beside the file, where it may hold more than the index does: img-router wrote some. */
  async #sidecarOf(picture: PictureRecord): Promise<object> {
    const sidecar = await this.options.local.sidecar(picture.name);
    return typeof sidecar === "object" && sidecar !== null ? sidecar : sidecarOf(picture);
  }

  #tell(error: unknown, name?: string): void {
    if (this.#closing.signal.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    this.#lastError = { message, at: this.options.clock.now() };
    this.options.onError(error, name);
  }

  #rest(): void {
    const { clock } = this.options;
    const ms = growingPause(PAUSE, this.#failures);
    const end = new AbortController();
    this.#pause = { until: clock.now() + ms, end };
    clock.sleep(ms, end.signal).then(() => this.retry(), () => {});
  }

  #endPause(): void {
    this.#pause?.end.abort();
    this.#pause = undefined;
  }
}

/** Of pictures with equal bytes only the first: the others share its object when it is there. */
function differing(pictures: readonly PictureRecord[]): PictureRecord[] {
  return [...new Map(pictures.toReversed().map((picture) => [picture.hash, picture])).values()].toReversed();
}
