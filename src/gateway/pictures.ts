/**
 * Pictures that were made are kept without anybody waiting for it: a reply can name a picture from the moment
 * it has one, from memory until it is on disk.
 */
import { type Clock, endsWithin } from "../core/clock.ts";
import { Hurry } from "../core/hurry.ts";
import type { ImageFacts, Media } from "../core/media.ts";
import { growingPause } from "../core/pause.ts";
import { blobName } from "../platform/blob_names.ts";
import type { Draft } from "../platform/drafts.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import type { Shot } from "./attempt.ts";
import { PATIENCE, Room, Spool } from "./spool.ts";

/** What made a picture. */
export interface About {
  prompt: string;
  revisedPrompt?: string;
  model: string;
  provider: string;
  task: string;
  seed?: number;
  requestId: string;
  client: string;
  costUsd?: number;
  /** What to run it again with. */
  request?: Record<string, unknown>;
}

/** A picture that is still on its way to the disk. */
export interface Pending {
  bytes: Uint8Array;
  facts: ImageFacts;
}

/** Where pictures are kept. */
export interface Shelf {
  /** Begins a file. */
  draft: () => Promise<Draft>;
  /** Notes pictures in the index. */
  note: (records: PictureRecord[]) => Promise<unknown>;
  /** Whether they are to be brought to a bucket. */
  uploadWanted: boolean;
}

/** What keeping depends on. */
export interface PicturesOptions {
  clock: Clock;
  /** Absent where nothing is stored. */
  shelf: () => Shelf | undefined;
  /** Hears of pictures that are on disk and in the index now. */
  onKept?: (records: readonly PictureRecord[]) => void;
  /** Hears what the disk or the index has against a picture; `name` may not be known yet. */
  onError: (error: unknown, name: string) => void;
}

const LENT_FOR = 10 * 60_000;
const AGAIN_AFTER = { first: 5_000, most: 10 * 60_000 };
/** Some two hours in all. */
const MAX_TRIES = 20;
const MAX_UNWRITTEN = 256 * 1024 * 1024;
const ROWS_AT_ONCE = 200;
/** In ms. */
const NOTE_AFTER = 50;

/** Keeps pictures. */
export class Pictures {
  #pending = new Map<string, Pending>();
  #work = new Set<Promise<void>>();
  #rows: PictureRecord[] = [];
  /** Names of those that are in the folder or nearly so, and not in the index. */
  readonly #unnoted = new Set<string>();
  #noting: Promise<void> = Promise.resolve();
  readonly #hurry: Hurry;
  readonly #closing = new AbortController();
  readonly #room = new Room(MAX_UNWRITTEN);

  constructor(private readonly options: PicturesOptions) {
    this.#hurry = new Hurry(options.clock);
  }

  /** Whether pictures are stored at all. */
  get stores(): boolean {
    return this.options.shelf() !== undefined;
  }

  /** A way to the disk for a picture that is just arriving. Where nothing is stored any more it leads nowhere. */
  spool(): Spool {
    return new Spool({
      clock: this.options.clock,
      room: this.#room,
      draft: () => this.options.shelf()?.draft() ?? Promise.reject(new Error("nothing is stored any more")),
      onError: (error) => this.options.onError(error, "a picture that is arriving"),
    });
  }

  /**
   * Starts to store an image that was looked at, and gives its name at once.
   * Gives nothing where nothing is stored, or where the image stayed at its provider's address.
   * @param last what is known of it besides once all of it has arrived
   */
  async keep(shot: Shot, about: About, last?: Promise<Partial<About>>): Promise<string | undefined> {
    const { facts, spool, media } = shot;
    if (!facts || !spool && !this.stores) return undefined;
    const time = this.options.clock.now();
    const name = blobName({ time: new Date(time), prompt: about.prompt, type: facts.type });
    if (spool) {
      const kept = this.#keepSpooled(spool, recordOf(name, time, facts, 0, about), last);
      this.#follow(kept);
      // Whoever is told the name of a picture that is here may ask for it at once.
      if (!last) await endsWithin(this.options.clock, PATIENCE, kept.catch(() => {}));
      return this.stores ? name : undefined;
    }
    const bytes = await media.bytes();
    this.#pending.set(name, { bytes, facts });
    this.#follow(this.#keepBytes(bytes, recordOf(name, time, facts, bytes.length, about)));
    return name;
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

  /** Whether a picture will be in folder and index by itself, whichever of them it is in now. */
  isOnItsWay(name: string): boolean {
    return this.#pending.has(name) || this.#unnoted.has(name);
  }

  /** Resolves when all that was begun is written and noted, or has failed for the first time. */
  async settled(): Promise<void> {
    await Promise.all(this.#work);
    await this.#hurry.during(() => this.#noting);
  }

  #follow(work: Promise<void>): void {
    const ended = work.catch((error) => this.options.onError(error, "a picture")).finally(() =>
      this.#work.delete(ended)
    );
    this.#work.add(ended);
  }

  async #keepSpooled(spool: Spool, early: PictureRecord, last?: Promise<Partial<About>>): Promise<void> {
    const spooled = await spool.spooled;
    if (!spooled) return;
    // A picture that has arrived is kept, whatever became of the reply around it.
    const record = { ...early, ...await last?.catch(() => ({})), bytes: spooled.size };
    const { name, type, width, height } = record;
    const bytes = "draft" in spooled ? await this.#commit(spooled.draft, record) : spooled.bytes;
    if (!bytes) return;
    this.#pending.set(name, { bytes, facts: { type, width, height } });
    void this.#tryAgain(bytes, record).finally(() => this.#room.give(bytes.length));
  }

  /** Gives a file its name. Gives back its bytes, with room for them, where the disk refuses that. */
  async #commit(draft: Draft, record: PictureRecord): Promise<Uint8Array | undefined> {
    if (!this.stores) return void await draft.discard();
    try {
      this.#unnoted.add(record.name);
      await draft.commit(record.name);
      this.#note(record);
    } catch (error) {
      this.#unnoted.delete(record.name);
      this.options.onError(error, record.name);
      const bytes = await draft.read().catch(() => undefined);
      await draft.discard();
      if (bytes?.length === record.bytes && this.#room.take(bytes.length)) return bytes;
    }
  }

  async #keepBytes(bytes: Uint8Array, record: PictureRecord): Promise<void> {
    try {
      await this.#write(bytes, record);
    } catch (error) {
      this.options.onError(error, record.name);
      if (!this.#room.take(bytes.length)) return void this.#pending.delete(record.name);
      void this.#tryAgain(bytes, record).finally(() => this.#room.give(bytes.length));
    }
  }

  async #write(bytes: Uint8Array, record: PictureRecord): Promise<void> {
    const shelf = this.options.shelf();
    if (shelf) {
      const draft = await shelf.draft();
      try {
        await draft.write(bytes);
        await draft.commit(record.name);
      } catch (error) {
        await draft.discard();
        throw error;
      }
      this.#unnoted.add(record.name);
      this.#note(record);
    }
    this.#pending.delete(record.name);
  }

  /** Keeps a picture that could not be written in memory until the disk takes it. */
  async #tryAgain(bytes: Uint8Array, record: PictureRecord): Promise<void> {
    for (let turn = 1; turn <= MAX_TRIES; turn++) {
      try {
        await this.options.clock.sleep(growingPause(AGAIN_AFTER, turn), this.#closing.signal);
        return await this.#write(bytes, record);
      } catch (error) {
        if (this.#closing.signal.aborted) break;
        this.options.onError(error, record.name);
      }
    }
    this.#pending.delete(record.name);
  }

  /** Notes a picture in the index, together with those that come while the ones before are being noted. */
  #note(record: PictureRecord): void {
    this.#rows.push({ ...record, uploadWanted: this.options.shelf()?.uploadWanted ?? false });
    if (this.#rows.length === 1) this.#noting = this.#noting.then(() => this.#noteSoon());
  }

  /** One statement for all pictures of a moment costs hardly more than one for each. */
  async #noteSoon(): Promise<void> {
    await this.#hurry.pause(NOTE_AFTER);
    await this.#noteAll();
  }

  async #noteAll(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
      const batch = rows.slice(at, at + ROWS_AT_ONCE);
      try {
        await this.options.shelf()?.note(batch);
        this.options.onKept?.(batch);
      } catch (error) {
        // The files are there, and the next look at the folder finds them.
        for (const { name } of batch) this.options.onError(error, name);
      }
      for (const { name } of batch) this.#unnoted.delete(name);
    }
  }
}

function recordOf(name: string, time: number, facts: ImageFacts, bytes: number, about: About): PictureRecord {
  // The hash is made when there is time.
  return { name, time, ...facts, bytes, ...about, hash: "", onDisk: true, uploadWanted: false };
}
