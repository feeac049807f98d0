/** Base64 in pieces, by the engine's own decoder and encoder; text that a piece leaves over waits for the next. */
import { asciiText, WINDOW_BYTES } from "./ascii.ts";
import { buffers, Piece } from "./buffers.ts";

const PARTIAL = { lastChunkHandling: "stop-before-partial" } as const;
/** Blanks, as base64 knows them. */
const BLANKS = /[\t\n\f\r ]+/g;
/** A buffer with less room than that, in bytes, counts as full. */
const LEAST_ROOM = 3 * 1024;

/** Base64 text, as ASCII, to bytes. Blanks and line breaks between are passed over. */
export class Base64Decoder {
  /** Less than a group of four. */
  #rest = "";
  #isPadded = false;
  /** Whether there were blanks in the last piece of text. */
  hadBlanks = false;

  /** @throws SyntaxError for what is not base64 */
  push(text: Uint8Array): Piece[] {
    const parts: Piece[] = [];
    this.hadBlanks = false;
    let target: Uint8Array<ArrayBuffer> | undefined;
    let filled = 0;
    const finish = () => {
      if (target) parts.push(Piece.lent(target.subarray(0, filled)));
      target = undefined;
    };
    try {
      for (let at = 0; at < text.length;) {
        if (target && target.length - filled < LEAST_ROOM) finish();
        if (!target) {
          target = new Uint8Array(buffers.take());
          filled = 0;
        }
        const room = Math.floor((target.length - filled) / 3) * 4 - this.#rest.length;
        const end = at + Math.min(WINDOW_BYTES, room);
        const whole = this.#rest + asciiText(text.subarray(at, end));
        at = end;
        if (this.#isPadded && whole.trim() !== "") throw new SyntaxError("base64 goes on after its padding");
        const { read, written } = target.subarray(filled).setFromBase64(whole, PARTIAL);
        this.#rest = read === whole.length ? "" : whole.slice(read).replace(BLANKS, "");
        this.hadBlanks ||= whole.length - this.#rest.length !== Math.ceil(written / 3) * 4;
        this.#isPadded ||= written % 3 > 0;
        filled += written;
      }
      finish();
      return parts;
    } catch (error) {
      finish();
      for (const part of parts) part.release();
      throw error;
    }
  }

  /** What an unpadded end left over. @throws SyntaxError for what is not base64 */
  end(): Piece | undefined {
    const last = Uint8Array.fromBase64(this.#rest);
    this.#rest = "";
    return last.length > 0 ? new Piece(last) : undefined;
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
