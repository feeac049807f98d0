/**
 * Base64 from bytes to bytes. What the engine has for it takes and makes strings, which are quick to make, but are
 * megabytes of garbage for each image; so the two loops that see every byte are in WebAssembly.
 */
import { decode, memory, plainLength as plainLengthIn } from "./base64_kernel.wasm";

/** How much is copied into the memory of the kernel at a time, in bytes; a multiple of every group and block. */
const TEXT_BYTES = 48 * 1024;
const BYTES = TEXT_BYTES / 4 * 3;
/** Where in that memory text and bytes are, with a block of room behind each; before them it has its tables. */
const TEXT_AT = 1024;
const BYTES_AT = TEXT_AT + TEXT_BYTES + 1024;

const room = new Uint8Array(memory.buffer);

/** How many of these bytes are characters of base64, up to the first that is none: neither padding nor a blank is. */
export function plainLength(text: Uint8Array): number {
  for (let at = 0; at < text.length; at += TEXT_BYTES) {
    const part = text.subarray(at, at + TEXT_BYTES);
    room.set(part, TEXT_AT);
    const length = plainLengthIn(TEXT_AT, part.length);
    if (length < part.length) return at + length;
  }
  return text.length;
}

/**
 * Writes to `target` what plain characters stand for.
 * @param text whole groups of four, each of them a character of base64
 */
export function decodePlain(text: Uint8Array, target: Uint8Array): void {
  for (let at = 0, to = 0; at < text.length; at += TEXT_BYTES, to += BYTES) {
    const part = text.subarray(at, at + TEXT_BYTES);
    room.set(part, TEXT_AT);
    decode(TEXT_AT, part.length, BYTES_AT);
    target.set(room.subarray(BYTES_AT, BYTES_AT + part.length / 4 * 3), to);
  }
}
