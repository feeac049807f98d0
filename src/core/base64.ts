/** Base64 in pieces: text that a piece leaves over waits for the next. */
import { asciiText } from "./ascii.ts";
import { decodePlain } from "./base64_kernel.ts";
import { buffers, Piece } from "./buffers.ts";

const PARTIAL = { lastChunkHandling: "stop-before-partial" } as const;
/** Blanks, as base64 knows them. */
const BLANKS = /[\t\n\f\r ]+/g;
/** A buffer with less room than that, in bytes, counts as full. */
const LEAST_ROOM = 3 * 1024;
/** What a group of four characters stands for. */
const GROUP_BYTES = 3;

/** Base64 text, as ASCII, to bytes. Blanks and line breaks between are passed over. */
export class Base64Decoder {
  /** Less than a group of four. */
  #rest = "";
  #isPadded = false;
  /** Whether there were blanks in the last piece of text. */
  hadBlanks = false;

  /** Decodes a piece, which it does not release. @throws SyntaxError for what is not base64 */
  push(piece: Piece): Piece[] {
    return this.#push(piece, new Output());
  }

  /** The same where nobody wants the bytes, but all want to know that it is base64. */
  check(piece: Piece): void {
    this.#push(piece, new Nowhere());
  }

  #push(piece: Piece, output: Output): Piece[] {
    this.hadBlanks = false;
    const { bytes } = piece;
    try {
      let at = 0;
      // A group that was begun earlier has to be put together.
      while (this.#rest !== "" && at < bytes.length) {
        const missing = 4 - this.#rest.length;
        this.#decode(this.#rest + asciiText(bytes.subarray(at, at + missing)), output);
        at += missing;
      }
      const plain = this.#isPadded ? 0 : Math.max(0, piece.plainLength - at);
      const whole = plain - plain % 4;
      output.decode(bytes.subarray(at, at + whole));
      this.#decode(asciiText(bytes.subarray(at + whole)), output);
      return output.finish();
    } catch (error) {
      for (const part of output.finish()) part.release();
      throw error;
    }
  }

  /** Text that may have anything in it. */
  #decode(text: string, output: Output): void {
    if (text === "") return;
    if (this.#isPadded && text.trim() !== "") throw new SyntaxError("base64 goes on after its padding");
    for (let isFull = true; isFull;) {
      const { read, written } = output.room().setFromBase64(text, PARTIAL);
      isFull = output.advance(written);
      this.hadBlanks ||= read !== Math.ceil(written / 3) * 4;
      this.#isPadded ||= written % 3 > 0;
      text = text.slice(read);
    }
    this.#rest = text.replace(BLANKS, "");
    this.hadBlanks ||= this.#rest.length !== text.length;
  }

  /** What an unpadded end left over. @throws SyntaxError for what is not base64 */
  end(): Piece | undefined {
    const last = Uint8Array.fromBase64(this.#rest);
    this.#rest = "";
    return last.length > 0 ? new Piece(last) : undefined;
  }
}

/** Lent buffers that are filled one after the other. */
class Output {
  readonly #parts: Piece[] = [];
  #target?: Uint8Array<ArrayBuffer>;
  #filled = 0;

  /** Where the next bytes go. */
  room(): Uint8Array {
    if (this.#target && this.#target.length - this.#filled < LEAST_ROOM) this.#finishOne();
    this.#target ??= new Uint8Array(buffers.take());
    return this.#target.subarray(this.#filled);
  }

  /** Counts bytes as written; tells whether more would not have fitted. */
  advance(bytes: number): boolean {
    this.#filled += bytes;
    return this.#target!.length - this.#filled < GROUP_BYTES;
  }

  /** Writes what plain text stands for, in whole groups of four. */
  decode(text: Uint8Array): void {
    for (let at = 0; at < text.length;) {
      const room = this.room();
      const part = text.subarray(at, at + Math.floor(room.length / GROUP_BYTES) * 4);
      decodePlain(part, room);
      this.advance(part.length / 4 * GROUP_BYTES);
      at += part.length;
    }
  }

  /** All that was written. */
  finish(): Piece[] {
    this.#finishOne();
    return this.#parts;
  }

  #finishOne(): void {
    if (this.#target) this.#parts.push(Piece.lent(this.#target.subarray(0, this.#filled)));
    this.#target = undefined;
    this.#filled = 0;
  }
}

/** Where bytes go that nobody wants: all to the same place. */
class Nowhere extends Output {
  static readonly #place = new Uint8Array(64 * 1024);

  override room(): Uint8Array {
    return Nowhere.#place;
  }

  override decode(): void {}

  override advance(bytes: number): boolean {
    return Nowhere.#place.length - bytes < GROUP_BYTES;
  }
}

/** The same text without any blanks. The piece is released. */
export function withoutBlanks(piece: Piece): Piece {
  const text = asciiText(piece.bytes).replace(BLANKS, "");
  piece.release();
  return new Piece(ascii.encode(text));
}

/** Bytes to base64 text, as ASCII. */
export class Base64Encoder {
  #rest: Uint8Array = new Uint8Array();

  push(bytes: Uint8Array): Piece[] {
    const parts: Piece[] = [];
    let at = 0;
    if (this.#rest.length > 0) {
      at = Math.min(3 - this.#rest.length, bytes.length);
      this.#rest = new Uint8Array([...this.#rest, ...bytes.subarray(0, at)]);
      if (this.#rest.length < 3) return parts;
      parts.push(new Piece(ascii.encode(this.#rest.toBase64())));
      this.#rest = new Uint8Array();
    }
    const whole = at + Math.floor((bytes.length - at) / 3) * 3;
    while (at < whole) {
      const buffer = buffers.take();
      const end = Math.min(whole, at + Math.floor(buffer.byteLength / 4) * 3);
      const target = new Uint8Array(buffer);
      const { written } = ascii.encodeInto(bytes.subarray(at, end).toBase64(), target);
      parts.push(Piece.lent(target.subarray(0, written)));
      at = end;
    }
    this.#rest = bytes.slice(whole);
    return parts;
  }

  /** The last group, with its padding. */
  end(): Piece | undefined {
    const last = this.#rest.length > 0 ? new Piece(ascii.encode(this.#rest.toBase64())) : undefined;
    this.#rest = new Uint8Array();
    return last;
  }
}

const ascii = new TextEncoder();
