/** Bytes as they come over a network, for tests: in pieces of any size, in memory that has to be given back. */
import { buffers, Piece, type Pieces } from "../core/buffers.ts";

/** Bytes that can't be guessed; the same ones for the same seed. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = Math.imul(seed + 1, 2_654_435_761) || 1;
  for (let at = 0; at < length; at++) {
    // Marsaglia's xorshift of 32 bits.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}

/** The same bytes in parts of these sizes, over and over again until there is nothing left. */
export function cutInto(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? bytes.length);
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

/** A source of pieces, and what became of it. */
export interface ScriptedPieces extends Pieces {
  /** How many pieces were asked for. */
  readonly asked: number;
  /** With what it was ended early. */
  readonly cancelled: unknown[];
}

/** Gives these parts one after the other, each in a lent buffer. @param failure is thrown after the last one */
export function scriptedPieces(parts: readonly Uint8Array[], failure?: unknown): ScriptedPieces {
  const rest = parts.flatMap((part) => cutInto(part, [128 * 1024]));
  const cancelled: unknown[] = [];
  let asked = 0;
  return {
    cancelled,
    get asked() {
      return asked;
    },
    async next() {
      asked++;
      await Promise.resolve();
      const part = cancelled.length > 0 ? undefined : rest.shift();
      if (part) {
        const buffer = buffers.take();
        const held = part.subarray(0, buffer.byteLength);
        if (held.length < part.length) rest.unshift(part.subarray(held.length));
        new Uint8Array(buffer).set(held);
        // Held however little it is, so that no use of it can be forgotten unseen.
        return new Piece(new Uint8Array(buffer, 0, held.length), () => buffers.give(buffer));
      }
      if (failure !== undefined && cancelled.length === 0) throw failure;
    },
    cancel: (reason) => void cancelled.push(reason),
  };
}

/**
 * A body of bytes, as a reply of `fetch` has one, of these parts.
 * @param failure is thrown after the last one @param onCancel hears that it was given up, and why
 */
export function bodyOf(
  parts: readonly Uint8Array[],
  { failure, onCancel }: { failure?: Error; onCancel?: (reason: unknown) => void } = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const rest = parts.map((part) => new Uint8Array(part));
  return new ReadableStream({
    type: "bytes",
    pull(controller: ReadableByteStreamController) {
      const part = rest.shift();
      if (part) return controller.enqueue(part);
      if (failure) return controller.error(failure);
      controller.close();
      // A read that waits for the end has to be answered as well.
      controller.byobRequest?.respond(0);
    },
    cancel: onCancel,
  });
}

/** The bytes of a piece, copied; the piece is released. */
export function taken(piece: Piece): Uint8Array {
  const bytes = piece.bytes.slice();
  piece.release();
  return bytes;
}
