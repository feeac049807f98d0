/**
 * What was made, kept beside the reply and never in its way: a picture can be fetched under its name from
 * the moment it has one, from memory until it is on disk.
 */
import type { Clock } from "../core/clock.ts";
import type { ImageFacts, Media } from "../core/media.ts";
import { growingPause } from "../core/pause.ts";
import { blobName } from "../platform/blob_names.ts";
import type { Blobs } from "../platform/ports.ts";
import type { Shot } from "./attempt.ts";

/** What made a picture, written beside it. Members that img-router knew keep their names. */
export interface About {
  prompt: string;
  revisedPrompt?: string;
  model: string;
  provider: string;
  task: string;
  seed?: number;
  size?: string;
  requestId: string;
  client: string;
  costUsd?: number;
}

/** A picture that is still on its way to the disk. */
export interface Pending {
  bytes: Uint8Array;
  facts: ImageFacts;
}

const LENT_FOR = 10 * 60_000;
const AGAIN_AFTER = { first: 5_000, most: 10 * 60_000 };
/** Some two hours in all. */
const MAX_TRIES = 20;
const MAX_UNWRITTEN = 256 * 1024 * 1024;

/** Keeps pictures. */
export class Pictures {
  #pending = new Map<string, Pending>();
  #writes = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  /** Bytes of pictures that the disk did not take yet. */
  #unwritten = 0;

  /** @param options.blobs absent where nothing is stored. */
  constructor(
    private readonly options: {
      clock: Clock;
      blobs: () => Blobs | undefined;
      onError: (error: unknown, name: string) => void;
    },
  ) {}

  /** Whether pictures are stored at all. */
  get stores(): boolean {
    return this.options.blobs() !== undefined;
  }

  /**
   * Starts to store an image that was looked at, and gives its name at once.
   * Gives nothing where nothing is stored, or where the image stayed at its provider's address.
   */
  async keep(shot: Shot, about: About): Promise<string | undefined> {
    const blobs = this.options.blobs();
    const { facts } = shot;
    if (!blobs || !facts) return undefined;
    const time = this.options.clock.now();
    const name = blobName({ time: new Date(time), prompt: about.prompt, type: facts.type });
    const bytes = await shot.media.bytes();
    this.#pending.set(name, { bytes, facts });
    const { prompt, model, seed, ...params } = about;
    const sidecar = {
      prompt,
      model,
      seed,
      params,
      timestamp: time,
      width: facts.width,
      height: facts.height,
      type: facts.type,
    };
    const put = () => blobs.put(name, bytes, sidecar);
    const write = put()
      .then(() => void this.#pending.delete(name), (error) => {
        this.options.onError(error, name);
        void this.#tryAgain(name, bytes.length, put);
      })
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
    return name;
  }

  /** Keeps a picture that could not be written in memory, while there is room, until the disk takes it. */
  async #tryAgain(name: string, size: number, put: () => Promise<void>): Promise<void> {
    if (this.#unwritten + size <= MAX_UNWRITTEN) {
      this.#unwritten += size;
      await this.#untilWritten(name, put);
      this.#unwritten -= size;
    }
    this.#pending.delete(name);
  }

  async #untilWritten(name: string, put: () => Promise<void>): Promise<void> {
    for (let turn = 1; turn <= MAX_TRIES; turn++) {
      try {
        await this.options.clock.sleep(growingPause(AGAIN_AFTER, turn), this.#closing.signal);
        return await put();
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.options.onError(error, name);
      }
    }
  }

  /** Serves an input for some minutes under a name that nobody can guess, for a provider to fetch. */
  async lend(media: Media, signal: AbortSignal): Promise<string | undefined> {
    const facts = await media.facts(signal);
    if (!facts) return undefined;
    const { clock } = this.options;
    const name = blobName({ time: new Date(clock.now()), prompt: "input", type: facts.type });
    this.#pending.set(name, { bytes: await media.bytes(signal), facts });
    clock.sleep(LENT_FOR, this.#closing.signal).catch(() => {}).finally(() => this.#pending.delete(name));
    return name;
  }

  /** Ends what is lent. */
  [Symbol.dispose](): void {
    this.#closing.abort();
  }

  /** A picture that is still on its way to the disk, or lent. */
  pending(name: string): Pending | undefined {
    return this.#pending.get(name);
  }

  /** Resolves when all that was begun is written, or has failed for the first time. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }
}
