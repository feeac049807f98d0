/**
 * Memory that images pass through. Fresh buffers cost more than the copying into them, so they are used again;
 * the budget holds for the whole process, however many clients read slowly.
 */

import { plainLength } from "./base64_kernel.ts";

/** Sizes in bytes. */
export interface BuffersOptions {
  /** How much is lent in large buffers; beyond it everybody gets on with small ones. */
  budget: number;
  large: number;
  small: number;
  /** Free memory of each size that is kept for the next who asks. */
  spare: number;
}

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

/** A pool of buffers of two sizes. */
export class Buffers {
  readonly #free: { [size: number]: ArrayBuffer[] };
  #lent = 0;

  constructor(
    private readonly options: BuffersOptions = {
      budget: 8 * MEBIBYTE,
      // As much as the HTTP client reads at a time; of a smaller one each reading would leave a rest for another.
      large: 408 * KIBIBYTE,
      small: 32 * KIBIBYTE,
      spare: 8 * MEBIBYTE,
    },
  ) {
    this.#free = { [options.large]: [], [options.small]: [] };
  }

  /** Bytes that are in use now. */
  get lent(): number {
    return this.#lent;
  }

  /** Whether the budget is used up, so that nobody should hold more than they have to. */
  get isScarce(): boolean {
    return this.#lent >= this.options.budget;
  }

  /** A buffer with anything in it; to be given back. Never waits. */
  take(): ArrayBuffer {
    const size = this.isScarce ? this.options.small : this.options.large;
    this.#lent += size;
    return this.#free[size]!.pop() ?? new ArrayBuffer(size);
  }

  /** Counts a buffer of `size` bytes as gone: a read that failed keeps it. */
  forget(size: number): void {
    this.#lent -= size;
  }

  /** Takes a buffer back; nobody may look into it afterwards. */
  give(buffer: ArrayBuffer): void {
    const { byteLength } = buffer;
    this.#lent -= byteLength;
    const free = this.#free[byteLength]!;
    if ((free.length + 1) * byteLength <= this.options.spare) free.push(buffer);
  }
}

/** Of a buffer that is filled less than that the bytes are copied, so that the rest of it is of use to others. */
const WORTH_HOLDING = 1 / 4;

/** The one pool of this process. */
export const buffers = new Buffers();

/** Some bytes on their way. Whoever is handed one releases it when they are done with it. */
export class Piece {
  #uses = 1;
  #plainLength?: number;

  /** @param bytes may lie in memory that is lent @param onReleased is called after the last use */
  constructor(readonly bytes: Uint8Array, private readonly onReleased?: () => void) {}

  /** A piece in a lent buffer, which is given back after its last use; at once where little of it is used. */
  static lent(bytes: Uint8Array<ArrayBuffer>): Piece {
    const { buffer } = bytes;
    if (bytes.length >= buffer.byteLength * WORTH_HOLDING) {
      return new Piece(bytes, () => buffers.give(buffer));
    }
    const copy = new Piece(bytes.slice());
    buffers.give(buffer);
    return copy;
  }

  /** How many of its bytes are characters of base64, up to the first that is none. Looked at once. */
  get plainLength(): number {
    return this.#plainLength ??= plainLength(this.bytes);
  }

  /** Announces one more user. */
  retain(): this {
    this.#uses++;
    return this;
  }

  /** Ends one use. */
  release(): void {
    if (--this.#uses === 0) this.onReleased?.();
  }

  /** A part of it in the same memory; it takes over this use. */
  part(start: number, end?: number): Piece {
    return new Piece(this.bytes.subarray(start, end), () => this.release());
  }
}

/** Where pieces come from, one after the other. */
export interface Pieces {
  /** The next one, or nothing at the end. */
  next(): Promise<Piece | undefined>;
  /** Ends it early. */
  cancel(reason?: unknown): void;
}

/** The pieces of a body, read into lent buffers where it allows that. */
export function piecesOf(body: ReadableStream<Uint8Array>): Pieces {
  const byob = byobReader(body);
  if (byob) {
    return {
      async next() {
        const buffer = buffers.take();
        const size = buffer.byteLength;
        const { value } = await byob.read(new Uint8Array(buffer)).catch((error) => {
          buffers.forget(size);
          throw error;
        });
        if (value && value.length > 0) return Piece.lent(value);
        if (value) buffers.give(value.buffer);
        else buffers.forget(size);
        return undefined;
      },
      cancel: (reason) => void byob.cancel(reason).catch(() => {}),
    };
  }
  const reader = body.getReader();
  return {
    next: async () => {
      const { value } = await reader.read();
      return value && new Piece(value);
    },
    cancel: (reason) => void reader.cancel(reason).catch(() => {}),
  };
}

/** Only streams of bytes can be read into a buffer of one's own. */
function byobReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: "byob" });
  } catch (error) {
    if (error instanceof TypeError && !body.locked) return undefined;
    throw error;
  }
}
