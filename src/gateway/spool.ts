/**
 * An image on its way to the disk, piece by piece, while it goes to the client as well. A disk that fails or
 * stalls holds up nobody: what it does not take stays in memory, as long as there is room.
 */
import { type Clock, endsWithin } from "../core/clock.ts";
import { buffers, Piece } from "../core/buffers.ts";
import { joined } from "../core/ascii.ts";
import type { Tap } from "../core/image_stream.ts";
import type { Draft } from "../platform/drafts.ts";

/** Memory for images that the disk did not take, for the whole process. */
export class Room {
  #used = 0;

  /** @param most in bytes */
  constructor(private readonly most: number) {}

  /** Takes room for `bytes`; false where there is none. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.most) return false;
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

/** How much may wait for the disk before whoever sends has to wait as well, in bytes. */
const MAX_QUEUED = 1024 * 1024;
/** Nobody waits longer than that for a disk, in ms; one that is slower is waited for no more until it has caught up. */
export const PATIENCE = 2000;

/** Takes an image from its stream. */
export class Spool implements Tap {
  readonly encoding = "bytes";
  /** Settles when it is all here: with nothing where the image broke off, or where there was no room for it. */
  readonly spooled: Promise<Spooled | undefined>;
  readonly #done = Promise.withResolvers<Spooled | undefined>();
  #draft?: Promise<Draft>;
  #writing: Promise<void> = Promise.resolve();
  #queued = 0;
  #size = 0;
  #isBehind = false;
  /** Set once the disk was left: all of the image, from its first byte. */
  #memory?: Uint8Array[];
  #isLost = false;

  constructor(private readonly options: SpoolOptions) {
    this.spooled = this.#done.promise;
  }

  write(given: Piece): Promise<void> | void {
    const piece = this.#isBehind ? this.#copied(given) : given;
    if (!piece) return;
    this.#size += piece.bytes.length;
    this.#queued += piece.bytes.length;
    this.#writing = this.#writing.then(() => this.#append(piece)).finally(() => {
      this.#queued -= piece.bytes.length;
      if (this.#queued === 0) this.#isBehind = false;
      piece.release();
    });
    const isMuch = this.#queued > MAX_QUEUED || buffers.isScarce;
    if (isMuch && !this.#isBehind) return this.#patiently(this.#writing);
  }

  async end(failure?: { error: unknown }): Promise<void> {
    const finished = this.#finish(failure);
    if (!this.#isBehind) await this.#patiently(finished);
  }

  async #finish(failure?: { error: unknown }): Promise<void> {
    await this.#writing;
    const draft = await this.#draft?.catch(() => undefined);
    if (failure || this.#isLost || (!draft && !this.#memory)) {
      await draft?.discard();
      this.#forget();
      this.#done.resolve(undefined);
    } else if (this.#memory) {
      await draft?.discard();
      this.#done.resolve({ size: this.#size, bytes: joined(this.#memory) });
    } else this.#done.resolve({ size: this.#size, draft: draft! });
  }

  async #append(piece: Piece): Promise<void> {
    if (this.#isLost) return;
    if (this.#memory) return this.#remember(piece.bytes);
    try {
      this.#draft ??= this.options.draft();
      await (await this.#draft).write(piece.bytes);
    } catch (error) {
      this.options.onError(error);
      await this.#leaveDisk(piece.bytes);
    }
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
    this.#memory!.push(bytes.slice());
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
    if (this.options.room.take(bytes)) return true;
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
    for (const part of this.#memory ?? []) this.options.room.give(part.length);
    this.#memory = undefined;
  }

  /** Waits for the disk, but not for longer than anybody should. */
  async #patiently(work: Promise<void>): Promise<void> {
    if (!await endsWithin(this.options.clock, PATIENCE, work)) this.#isBehind = true;
  }
}
