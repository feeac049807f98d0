/**
 * An image on its way to the disk, piece by piece, while it goes to the client as well. A disk that fails or
 * stalls holds up nobody: what it does not take stays in memory, as long as there is room.
 */
import { type Clock, endsWithin } from "../core/clock.ts";
import { buffers, Piece, type Pieces } from "../core/buffers.ts";
import { joined } from "../core/ascii.ts";
import type { Keeper } from "../core/image_stream.ts";
import type { Draft, DraftReader } from "../platform/drafts.ts";

/** Memory for images that the disk did not take, for the whole process. */
export class Room {
  #used = 0;

  /** @param most in bytes */
  constructor(private readonly most: number) {}

  /** Takes room for `bytes`; false where there is none. @param needed takes it all the same */
  take(bytes: number, needed = false): boolean {
    if (this.#used + bytes > this.most && !needed) return false;
    this.#used += bytes;
    return true;
  }

  /** Gives it back. */
  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** What a spool depends on. */
export interface SpoolOptions {
  clock: Clock;
  room: Room;
  /** Begins a file. */
  draft: () => Promise<Draft>;
  /** Hears why the disk was left. */
  onError: (error: unknown) => void;
}

/** What came of an image: a file that awaits its name, or bytes that no disk took yet, with the room they fill. */
export type Spooled = { size: number } & ({ draft: Draft } | { bytes: Uint8Array });

/** How much may wait for the disk before whoever sends has to wait as well, in bytes; less where memory is scarce. */
const MAX_QUEUED = { ample: 1024 * 1024, scarce: 64 * 1024 };
/** Nobody waits longer than that for a disk, in ms; one that is slower is waited for no more until it has caught up. */
export const PATIENCE = 2000;
/** Who takes longer than that for a piece is a slow client, in ms. */
const SLOW = 100;
/** A disk that takes longer than that to give back what it has will not, in ms. */
const LONGEST_READ = 60_000;

/** Takes an image from its stream, and reads it to those who can't keep up. */
export class Spool implements Keeper {
  readonly encoding = "bytes";
  /** Settles when it is all here: with nothing where the image broke off, or where there was no room for it. */
  readonly spooled: Promise<Spooled | undefined>;
  readonly #done = Promise.withResolvers<Spooled | undefined>();
  #draft?: Promise<Draft>;
  #writing: Promise<void> = Promise.resolve();
  /** What the disk has not taken yet. */
  readonly #queue: Piece[] = [];
  #queued = 0;
  #size = 0;
  #isBehind = false;
  /** Set once the disk was left: all of the image, from its first byte. */
  #memory?: Piece[];
  #isLost = false;
  #ending?: { failure?: { error: unknown } };
  /** Those who have read all that is here. */
  readonly #waiting: (() => void)[] = [];
  /** How many read it now. */
  #readers = 0;
  /** Whether a piece of it is nowhere. */
  #hasGap = false;

  constructor(private readonly options: SpoolOptions) {
    this.spooled = this.#done.promise;
  }

  write(given: Piece): Promise<void> | void {
    const piece = this.#isBehind ? this.#copied(given) : given;
    if (!piece) return void (this.#hasGap = true);
    this.#queue.push(piece);
    this.#size += piece.bytes.length;
    this.#queued += piece.bytes.length;
    this.#tell();
    this.#writing = this.#writing.then(() => this.#append(piece)).finally(() => {
      this.#queue.shift();
      this.#queued -= piece.bytes.length;
      if (this.#queued === 0) this.#isBehind = false;
      piece.release();
    });
    const isMuch = this.#queued > MAX_QUEUED[buffers.isScarce ? "scarce" : "ample"];
    if (isMuch && !this.#isBehind) return this.#patiently(this.#writing);
  }

  async end(failure?: { error: unknown }): Promise<void> {
    this.#ending = { failure };
    this.#tell();
    const finished = this.#finish();
    if (!this.#isBehind) await this.#patiently(finished);
  }

  /** Waits for a client, but not for long where each of them holds memory that others could use. */
  async waitFor(taken: Promise<unknown>): Promise<boolean> {
    if (buffers.isScarce) return await endsWithin(this.options.clock, SLOW, taken);
    await taken;
    return true;
  }

  async from(start: number): Promise<Pieces | undefined> {
    const reader = await this.#openReader();
    if (!reader) return undefined;
    this.#readers++;
    let at = start;
    let isOpen = true;
    const close = () => {
      if (isOpen) this.#readers--;
      isOpen = false;
      reader.close();
    };
    return {
      next: async () => {
        while (at >= this.#size && !this.#ending) {
          await new Promise<void>((resolve) => this.#waiting.push(resolve));
        }
        if (this.#ending?.failure) throw this.#ending.failure.error;
        if (this.#hasGap) throw gone();
        if (at >= this.#size) return void close();
        const piece = this.#inMemory(at) ?? await this.#read(reader, at);
        at += piece.bytes.length;
        return piece;
      },
      cancel: close,
    };
  }

  async #finish(): Promise<void> {
    await this.#writing;
    const draft = await this.#draft?.catch(() => undefined);
    if (this.#ending?.failure || this.#isLost || (!draft && !this.#memory)) {
      await draft?.discard();
      this.#forget();
      this.#done.resolve(undefined);
    } else if (this.#memory) {
      await draft?.discard();
      this.#done.resolve({ size: this.#size, bytes: joined(this.#memory.map(({ bytes }) => bytes)) });
    } else this.#done.resolve({ size: this.#size, draft: draft! });
  }

  async #append(piece: Piece): Promise<void> {
    if (this.#isLost) return;
    if (this.#memory) return this.#remember(piece.bytes);
    try {
      const draft = await this.#openDraft();
      await draft.write(piece.bytes);
    } catch (error) {
      this.options.onError(error);
      await this.#leaveDisk(piece.bytes);
    }
  }

  #openDraft(): Promise<Draft> {
    return this.#draft ??= this.options.draft();
  }

  /** Takes back what the disk has, and goes on in memory. */
  async #leaveDisk(last: Uint8Array): Promise<void> {
    const draft = await this.#draft?.catch(() => undefined);
    this.#memory = [];
    try {
      // Of the piece that failed a part may have been written.
      const whole = this.#size - this.#queued;
      const before = (await draft?.read() ?? new Uint8Array()).subarray(0, whole);
      if (before.length < whole) {
        throw new Error(`of ${whole} bytes that were written ${before.length} are there`);
      }
      this.#remember(before);
      this.#remember(last);
    } catch (error) {
      this.options.onError(error);
      this.#lose();
    }
  }

  #remember(bytes: Uint8Array): void {
    if (this.#isLost || !this.#takeRoom(bytes.length)) return;
    this.#memory!.push(new Piece(bytes.slice()));
  }

  /** The same piece in memory that is counted here, since nobody knows how long it has to wait. */
  #copied(piece: Piece): Piece | undefined {
    const { bytes } = piece;
    const copy = !this.#isLost && this.#takeRoom(bytes.length)
      ? new Piece(bytes.slice(), () => this.options.room.give(bytes.length))
      : undefined;
    piece.release();
    return copy;
  }

  #takeRoom(bytes: number): boolean {
    // Whoever reads it here has nowhere else to go.
    if (this.options.room.take(bytes, this.#readers > 0)) return true;
    this.options.onError(
      new Error("there is no room left in memory for pictures that the disk does not take"),
    );
    this.#lose();
    return false;
  }

  #lose(): void {
    this.#forget();
    this.#isLost = true;
  }

  #forget(): void {
    for (const { bytes } of this.#memory ?? []) this.options.room.give(bytes.length);
    this.#memory = undefined;
  }

  #tell(): void {
    for (const goOn of this.#waiting.splice(0)) goOn();
  }

  /** The piece with this byte, from there on, where it is not on disk. */
  #inMemory(at: number): Piece | undefined {
    const written = this.#size - this.#queued;
    if (at >= written) return partAt(this.#queue, at - written);
    return this.#memory && partAt(this.#memory, at);
  }

  /** Gives nothing where the disk was left, or leaves one waiting. */
  async #openReader(): Promise<DraftReader | undefined> {
    if (this.#memory || this.#isLost) return undefined;
    const opening = this.#openDraft().then((draft) => draft.reader());
    try {
      if (await endsWithin(this.options.clock, PATIENCE, opening)) return await opening;
      opening.then((reader) => reader.close(), () => {});
    } catch (error) {
      this.options.onError(error);
    }
  }

  /** Reads what the disk has from `at` on. @throws Error if it has nothing, or does not answer */
  async #read(reader: DraftReader, at: number): Promise<Piece> {
    const buffer = buffers.take();
    const room = new Uint8Array(buffer, 0, Math.min(buffer.byteLength, this.#size - this.#queued - at));
    try {
      const reading = reader.read(room, at);
      const length = await endsWithin(this.options.clock, LONGEST_READ, reading) ? await reading : 0;
      if (length > 0) return Piece.lent(room.subarray(0, length));
      throw gone();
    } catch (error) {
      buffers.forget(buffer.byteLength);
      throw error;
    }
  }

  /** Waits for the disk, but not for longer than anybody should. */
  async #patiently(work: Promise<void>): Promise<void> {
    if (!await endsWithin(this.options.clock, PATIENCE, work)) this.#isBehind = true;
  }
}

function gone(): Error {
  return new Error("Cannot read the picture again: the disk does not give it back");
}

/** The piece with this byte, from there on. */
function partAt(pieces: readonly Piece[], at: number): Piece | undefined {
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.bytes.length;
    if (at < end) return piece.retain().part(at - start);
    start = end;
  }
}
