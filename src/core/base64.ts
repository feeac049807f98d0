/** Base64 in pieces, by the engine's own decoder and encoder; text that a piece leaves over waits for the next. */
import { Buffer } from "node:buffer";
import { buffers, Piece } from "./buffers.ts";

/** Base64 text, as ASCII, to bytes. Blanks and line breaks between are passed over. */
export class Base64Decoder {
  #rest = "";

  /** @throws SyntaxError for what is not base64 */
  push(text: Uint8Array): Piece[] {
    const parts: Piece[] = [];
    for (let at = 0; at < text.length;) {
      const buffer = buffers.take();
      const room = buffer.byteLength / 3 * 4 - this.#rest.length - 4;
      const end = Math.min(text.length, at + Math.floor(room));
      const part = latin1(text.subarray(at, end));
      const whole = this.#rest === "" ? part : this.#rest + part;
      at = end;
      const target = new Uint8Array(buffer);
      try {
        const { read, written } = target.setFromBase64(whole, { lastChunkHandling: "stop-before-partial" });
        this.#rest = whole.slice(read);
        parts.push(Piece.lent(target.subarray(0, written)));
      } catch (error) {
        buffers.give(buffer);
        for (const done of parts) done.release();
        throw error;
      }
    }
    return parts;
  }

  /** What an unpadded end left over. @throws SyntaxError for what is not base64 */
  end(): Piece | undefined {
    const last = Uint8Array.fromBase64(this.#rest);
    this.#rest = "";
    return last.length > 0 ? new Piece(last) : undefined;
  }
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

/** The fastest way from ASCII to a string. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
