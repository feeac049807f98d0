/**
 * Pictures of noise: real PNG files of any length that nothing can make smaller, so that neither a cache nor
 * a compressing layer flatters anybody.
 */
import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Signature, header, the frames of all chunks, and the word that begins the filler. */
const OVERHEAD = 8 + 25 + 12 + 12 + 12 + 8;
const FILLER = "Comment\0";

/** A PNG of exactly `length` bytes (200 or more): a square of noise, and a comment as long as what is missing. */
export function noisePng(length: number): Uint8Array<ArrayBuffer> {
  const room = length - OVERHEAD;
  // Noise grows by a few bytes when it is packed.
  const side = Math.floor(Math.sqrt(room * 0.98 / 3) - 1);
  const pixels = randomBytes((side * 3 + 1) * side);
  for (let row = 0; row < side; row++) pixels[row * (side * 3 + 1)] = 0;
  const packed = deflateSync(pixels, { level: 0 });
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, side);
  header.setUint32(4, side);
  header.setUint8(8, 8); // bits a channel
  header.setUint8(9, 2); // red, green, blue
  const png = join(
    new Uint8Array(SIGNATURE),
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("tEXt", new TextEncoder().encode(FILLER.padEnd(FILLER.length + room - packed.length, "."))),
    chunk("IDAT", packed),
    chunk("IEND", new Uint8Array()),
  );
  if (png.length !== length) throw new RangeError(`Cannot make a PNG of ${length} bytes: made ${png.length}`);
  return png;
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const named = join(new TextEncoder().encode(type), data);
  const frame = new DataView(new ArrayBuffer(8));
  frame.setUint32(0, data.length);
  frame.setUint32(4, crc32(named));
  return join(new Uint8Array(frame.buffer, 0, 4), named, new Uint8Array(frame.buffer, 4));
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
