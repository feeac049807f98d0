/**
 * An image that is just arriving. It goes to everybody who wants it, client and store, piece by piece, in the
 * form each of them wants, and is never whole in memory unless somebody asks for that.
 */
import { joined } from "./ascii.ts";
import { Failed } from "./failure.ts";
import { Base64Decoder, Base64Encoder, withoutBlanks } from "./base64.ts";
import { Piece, type Pieces } from "./buffers.ts";
import { HEADER_BYTES, type ImageFacts, readImageFacts } from "./image_facts.ts";
import { type Encoding, ImageReader, type Tap } from "./image_reader.ts";
import { lanes } from "./lanes.ts";
import { turns } from "./turns.ts";

/** Somebody who keeps the image, and so can serve those who are too slow to be waited for. */
export interface Keeper extends Tap {
  /** Waits until somebody has taken what they were given; `false` if they are not worth being waited for. */
  waitFor(taken: Promise<unknown>): Promise<boolean>;
  /**
   * The image from the byte `start` on, what is still to come included; the pieces fail where it breaks off.
   * Gives nothing where that can't be promised.
   */
  from(start: number): Promise<Pieces | undefined>;
}

/** What an image stream is made from. */
export interface ImageSource {
  pieces: Pieces;
  encoding: Encoding;
  /** Its length in this encoding can't be more than that, in bytes; absent = nobody knows. */
  most?: number;
}

/** One image, to be read once. */
export class ImageStream {
  readonly #readers = new Set<ImageReader>();
  /** Those who were too slow to be waited for, each with the rest of the image for them. */
  readonly #late = new Map<Pieces, Promise<void>>();
  readonly #head: Piece[];
  readonly #arrived = Promise.withResolvers<void>();
  readonly #lane = lanes.open();
  #keeper?: Keeper;
  #running?: Promise<void>;
  #taken = 0;
  /** Is held while the source is waited for, such as a limit on its silence. */
  waiting?: () => Disposable;
  /** Words what reading throws for whoever reads. */
  explain: (error: unknown) => unknown = (error) => error;

  private constructor(private readonly source: ImageSource, readonly facts: ImageFacts, head: Piece[]) {
    this.#head = head;
    this.#arrived.promise.catch(() => {});
  }

  /**
   * Reads as much of a source as is needed to know what it is.
   * Gives nothing where it is not an image. @throws SyntaxError for text that is not base64, and what reading throws
   */
  static async open(source: ImageSource): Promise<ImageStream | undefined> {
    const head: Piece[] = [];
    try {
      const facts = await sniff(source, head);
      if (facts) return new ImageStream(source, facts, head);
      source.pieces.cancel();
    } catch (error) {
      source.pieces.cancel(error);
      for (const piece of head) piece.release();
      throw error;
    }
    for (const piece of head) piece.release();
    return undefined;
  }

  /** An image whose bytes are at hand. Gives nothing where they are not one. */
  static of(bytes: Uint8Array): Promise<ImageStream | undefined> {
    return ImageStream.open({ encoding: "bytes", pieces: once(bytes) });
  }

  /** How many bytes of the image have been read up to now; base64 is counted by its length. */
  get size(): number {
    return this.source.encoding === "base64" ? Math.floor(this.#taken * 3 / 4) : this.#taken;
  }

  /** How long it can be at most when it is written as base64; absent = nobody knows. */
  get mostBase64(): number | undefined {
    const { most, encoding } = this.source;
    return most !== undefined && encoding === "bytes" ? Math.ceil(most / 3) * 4 : most;
  }

  /** Whether it is being read already. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Settles when it has been read to its end, or never will be; some may not have taken all of it by then. */
  get arrived(): Promise<void> {
    return this.#arrived.promise;
  }

  /** Adds somebody who wants it. Has to be done before it runs. */
  tap(tap: Tap): void {
    if (this.#running) throw new Error("Cannot add a reader: the image is being read already");
    this.#readers.add(new ImageReader(tap));
  }

  /** Adds somebody who keeps it. Has to be done before it runs. */
  keep(keeper: Keeper): void {
    this.tap(keeper);
    this.#keeper = keeper;
  }

  /**
   * Reads it to its end, and resolves when all taps have it. The slowest of them sets the pace, unless somebody
   * keeps it for them.
   * @throws what reading throws, after all taps were told; and an error where no tap is left that wants it
   */
  run(): Promise<void> {
    return this.#running ??= this.#run();
  }

  /** Gives it up unread. */
  cancel(reason?: unknown): void {
    if (this.#running) return;
    this.#arrived.reject(reason);
    this.#running = this.#arrived.promise;
    this.source.pieces.cancel(reason);
    for (const piece of this.#head.splice(0)) piece.release();
    for (const { tap } of this.#readers) void tap.end({ error: reason });
  }

  /** All of it, in memory. @throws what reading throws */
  async bytes(): Promise<Uint8Array> {
    const tap = new Collector();
    this.tap(tap);
    await this.run();
    return tap.collected();
  }

  async #run(): Promise<void> {
    try {
      await this.#read();
    } catch (thrown) {
      const error = this.explain(thrown);
      this.source.pieces.cancel(error);
      for (const piece of this.#head.splice(0)) piece.release();
      for (const rest of this.#late.keys()) rest.cancel(error);
      await this.#end({ error });
      this.#arrived.reject(error);
      throw error;
    }
    await this.#end();
    this.#arrived.resolve();
    await Promise.all(this.#late.values());
  }

  async #read(): Promise<void> {
    const convert = this.source.encoding === "base64" ? new Base64Decoder() : new Base64Encoder();
    // From here on only silence is limited, and waiting for a lane is none.
    this.waiting?.()[Symbol.dispose]();
    using _lane = this.#lane;
    for (;;) {
      const piece = this.#head.shift() ?? await this.#next();
      if (!piece) break;
      this.#taken += piece.bytes.length;
      await this.#hand(piece, convert);
      if (this.#readers.size === 0) throw nobody();
    }
    await this.#handLast(convert);
  }

  async #end(failure?: { error: unknown }): Promise<void> {
    await Promise.allSettled([...this.#readers].map(({ tap }) => tap.end(failure)));
  }

  async #next(): Promise<Piece | undefined> {
    await this.#lane.next();
    await turns.next();
    using _waiting = this.waiting?.();
    return await this.source.pieces.next();
  }

  /** Hands a piece to all taps, each in its form. @throws SyntaxError for what is not base64 */
  #hand(piece: Piece, convert: Base64Decoder | Base64Encoder): Promise<unknown> {
    if (convert instanceof Base64Encoder) {
      const texts = this.#isWanted("base64") ? convert.push(piece.bytes) : [];
      return this.#give({ bytes: [piece], base64: texts });
    }
    let parts: Piece[] = [];
    try {
      if (this.#isWanted("bytes")) parts = convert.push(piece);
      // Readers put the text between quotes as it is.
      else convert.check(piece);
    } catch (error) {
      piece.release();
      throw error;
    }
    return this.#give({ bytes: parts, base64: [convert.hadBlanks ? withoutBlanks(piece) : piece] });
  }

  /** Hands out what was left over. @throws SyntaxError where base64 ends in the middle of a byte */
  async #handLast(convert: Base64Decoder | Base64Encoder): Promise<void> {
    const last = convert.end();
    if (!last) return;
    if (convert instanceof Base64Encoder) return void await this.#give({ bytes: [], base64: [last] });
    // Not everybody reads base64 that lacks its padding.
    const padding = new Piece(new TextEncoder().encode("=".repeat(3 - last.bytes.length)));
    await this.#give({ bytes: [last], base64: [padding] });
  }

  #isWanted(encoding: Encoding): boolean {
    return [...this.#readers].some(({ tap }) => tap.encoding === encoding);
  }

  /** Gives the same pieces to all, each in their form, and waits until they may have more. */
  #give(pieces: Record<Encoding, readonly Piece[]>): Promise<unknown> {
    const waits: Promise<void>[] = [];
    for (const reader of this.#readers) {
      const taken = reader.give(pieces[reader.tap.encoding]);
      if (taken) waits.push(this.#waitFor(reader, taken));
      else if (reader.hasLeft) this.#readers.delete(reader);
    }
    for (const piece of [...pieces.bytes, ...pieces.base64]) piece.release();
    return Promise.all(waits);
  }

  async #waitFor(reader: ImageReader, taken: Promise<void>): Promise<void> {
    const keeper = this.#keeper;
    if (keeper && reader.tap !== keeper && !await keeper.waitFor(taken)) {
      const rest = await keeper.from(reader.next);
      if (rest) return this.#leaveBehind(reader, taken, rest);
    }
    await taken;
    if (reader.hasLeft) this.#readers.delete(reader);
  }

  #leaveBehind(reader: ImageReader, taken: Promise<void>, rest: Pieces): void {
    this.#readers.delete(reader);
    const given = taken.then(() => reader.giveRest(rest));
    given.catch(() => {});
    this.#late.set(rest, given);
  }
}

function nobody(): Failed {
  return new Failed({ kind: "cancelled", message: "nobody wants the image any more" });
}

/** Most images tell what they are in so many bytes of what is sent. */
const FIRST_LOOK = 4096;

/** Reads pieces into `head` until they tell what the image is. */
async function sniff(
  { pieces, encoding }: ImageSource,
  head: Piece[],
): Promise<ImageFacts | undefined> {
  const decoder = new Base64Decoder();
  let seen: Uint8Array = new Uint8Array();
  while (seen.length < HEADER_BYTES) {
    const piece = await pieces.next();
    if (!piece) return undefined;
    head.push(piece);
    const looks = head.length === 1 ? [0, FIRST_LOOK] : [0];
    for (const [index, start] of looks.entries()) {
      const part = piece.bytes.subarray(start, looks[index + 1]);
      seen = joined([seen, encoding === "bytes" ? part : decoded(decoder, part)]);
      const facts = readImageFacts(seen);
      if (facts) return facts;
    }
  }
}

function decoded(decoder: Base64Decoder, text: Uint8Array): Uint8Array {
  const parts = decoder.push(new Piece(text));
  const bytes = joined(parts.map((part) => part.bytes));
  for (const part of parts) part.release();
  return bytes;
}

function once(bytes: Uint8Array): Pieces {
  let rest: Uint8Array | undefined = bytes;
  return {
    next() {
      const piece = rest && rest.length > 0 ? new Piece(rest) : undefined;
      rest = undefined;
      return Promise.resolve(piece);
    },
    cancel: () => void (rest = undefined),
  };
}

class Collector implements Tap {
  readonly encoding = "bytes";
  readonly #parts: Uint8Array[] = [];

  write(piece: Piece): void {
    this.#parts.push(piece.bytes.slice());
    piece.release();
  }

  end(): void {}

  collected(): Uint8Array {
    return joined(this.#parts);
  }
}
