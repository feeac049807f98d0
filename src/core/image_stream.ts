/**
 * An image that is just arriving. It goes to everybody who wants it, client and store, piece by piece, in the
 * form each of them wants, and is never whole in memory unless somebody asks for that.
 */
import { joined } from "./ascii.ts";
import { Failed } from "./failure.ts";
import { Base64Decoder, Base64Encoder, withoutBlanks } from "./base64.ts";
import { Piece, type Pieces } from "./buffers.ts";
import { HEADER_BYTES, type ImageFacts, readImageFacts } from "./image_facts.ts";
import { turns } from "./turns.ts";

/** How bytes are written: as they are, or as base64 text. */
export type Encoding = "bytes" | "base64";

/** Somebody who wants the image. */
export interface Tap {
  readonly encoding: Encoding;
  /**
   * Takes the next piece and releases it when done. Resolves when there is room for more.
   * One that rejects gets nothing more; the others go on.
   */
  write(piece: Piece): Promise<void> | void;
  /** Hears that it is complete, or why it never will be. */
  end(failure?: { error: unknown }): Promise<void> | void;
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
  readonly #taps = new Set<Tap>();
  readonly #head: Piece[];
  readonly #arrived = Promise.withResolvers<void>();
  #running?: Promise<void>;
  #read = 0;
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
    return this.source.encoding === "base64" ? Math.floor(this.#read * 3 / 4) : this.#read;
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

  /** Settles when it has been read to its end, or never will be. */
  get arrived(): Promise<void> {
    return this.#arrived.promise;
  }

  /** Adds somebody who wants it. Has to be done before it runs. */
  tap(tap: Tap): void {
    if (this.#running) throw new Error("Cannot add a reader: the image is being read already");
    this.#taps.add(tap);
  }

  /**
   * Reads it to its end, for all taps. The slowest of them sets the pace.
   * @throws what reading throws, after all taps were told; and an error where no tap is left that wants it
   */
  run(): Promise<void> {
    if (!this.#running) {
      this.#running = this.#run();
      this.#running.then(this.#arrived.resolve, this.#arrived.reject);
    }
    return this.#running;
  }

  /** Gives it up unread. */
  cancel(reason?: unknown): void {
    if (this.#running) return;
    this.#arrived.reject(reason);
    this.#running = this.#arrived.promise;
    this.source.pieces.cancel(reason);
    for (const piece of this.#head.splice(0)) piece.release();
    for (const tap of this.#taps) void tap.end({ error: reason });
  }

  /** All of it, in memory. @throws what reading throws */
  async bytes(): Promise<Uint8Array> {
    const tap = new Collector();
    this.tap(tap);
    await this.run();
    return tap.collected();
  }

  async #run(): Promise<void> {
    const { source } = this;
    const convert = source.encoding === "base64" ? new Base64Decoder() : new Base64Encoder();
    try {
      for (;;) {
        const piece = this.#head.shift() ?? await this.#next();
        if (!piece) break;
        this.#read += piece.bytes.length;
        await this.#hand(piece, convert);
        if (this.#taps.size === 0) throw nobody();
      }
      await this.#handLast(convert);
    } catch (thrown) {
      const error = this.explain(thrown);
      source.pieces.cancel(error);
      for (const piece of this.#head.splice(0)) piece.release();
      await Promise.allSettled([...this.#taps].map((tap) => tap.end({ error })));
      throw error;
    }
    await Promise.allSettled([...this.#taps].map((tap) => tap.end()));
  }

  async #next(): Promise<Piece | undefined> {
    await turns.next();
    using _waiting = this.waiting?.();
    return await this.source.pieces.next();
  }

  /** Hands a piece to all taps, each in its form. @throws SyntaxError for what is not base64 */
  #hand(piece: Piece, convert: Base64Decoder | Base64Encoder): Promise<unknown> {
    if (convert instanceof Base64Encoder) {
      const texts = this.#isWanted("base64") ? convert.push(piece.bytes) : [];
      return Promise.all([this.#give(piece, "bytes"), ...texts.map((text) => this.#give(text, "base64"))]);
    }
    let parts: Piece[];
    try {
      // Even where nobody wants the bytes: readers put the text between quotes as it is.
      parts = convert.push(piece);
    } catch (error) {
      piece.release();
      throw error;
    }
    const text = convert.hadBlanks ? withoutBlanks(piece) : piece;
    return Promise.all([this.#give(text, "base64"), ...parts.map((part) => this.#give(part, "bytes"))]);
  }

  /** Hands out what was left over. @throws SyntaxError where base64 ends in the middle of a byte */
  async #handLast(convert: Base64Decoder | Base64Encoder): Promise<void> {
    const last = convert.end();
    if (!last) return;
    if (convert instanceof Base64Encoder) return void await this.#give(last, "base64");
    // Not everybody reads base64 that lacks its padding.
    const padding = new Piece(new TextEncoder().encode("=".repeat(3 - last.bytes.length)));
    await Promise.all([this.#give(padding, "base64"), this.#give(last, "bytes")]);
  }

  #isWanted(encoding: Encoding): boolean {
    return [...this.#taps].some((tap) => tap.encoding === encoding);
  }

  /** Gives a piece to all who want this form. */
  #give(piece: Piece, encoding: Encoding): Promise<unknown> {
    const writes: (Promise<void> | void)[] = [];
    for (const tap of this.#taps) {
      if (tap.encoding === encoding) writes.push(this.#write(tap, piece.retain()));
    }
    piece.release();
    return Promise.all(writes);
  }

  #write(tap: Tap, piece: Piece): Promise<void> | void {
    try {
      return tap.write(piece)?.catch(() => void this.#taps.delete(tap));
    } catch {
      this.#taps.delete(tap);
    }
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
