/**
 * Pictures for tests: real files of any asked size that cost next to nothing to make. PNG and JPEG are written
 * by hand, because an encoder needs tens of milliseconds for a large one and these need one or two.
 */
import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import type { Size } from "../core/request.ts";

/** What is to be painted: one plain tone, chosen by `seed`, so that different seeds give different bytes. */
export interface Painting extends Size {
  format?: "png" | "jpeg" | "webp" | "gif";
  seed?: number;
  /** Quality of a webp, 0–100. */
  quality?: number;
  /** Noise instead, which is about so many bytes long as a PNG, and as large as that gives. */
  noiseBytes?: number;
}

/** Paints a picture. The same words give the same bytes. */
export async function paint(
  { format = "png", quality = 80, noiseBytes, ...rest }: Painting,
): Promise<Uint8Array> {
  const noise = noiseBytes === undefined ? undefined : paintNoise({ bytes: noiseBytes, seed: rest.seed });
  if (format === "png") return noise ?? paintPng(rest);
  if (format === "jpeg" && !noise) return paintJpeg(rest);
  return new Uint8Array(await sharp(noise ?? paintPng(rest)).toFormat(format, { quality }).toBuffer());
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Paints a PNG of one colour; `transparent` makes all of it see-through, as in a mask that frees everything. */
export function paintPng(
  { width, height, seed = 0, transparent = false }: Size & { seed?: number; transparent?: boolean },
): Uint8Array<ArrayBuffer> {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 1); // one bit a pixel
  header.setUint8(9, 3); // an index into the palette
  const colour = [(seed * 67 + 40) & 255, (seed * 151 + 90) & 255, (seed >> 8) & 255];
  return join(
    new Uint8Array(PNG_SIGNATURE),
    pngChunk("IHDR", new Uint8Array(header.buffer)),
    pngChunk("PLTE", new Uint8Array(colour)),
    ...(transparent ? [pngChunk("tRNS", new Uint8Array([0]))] : []),
    pngChunk("IDAT", deflateSync(new Uint8Array((Math.ceil(width / 8) + 1) * height), { level: 1 })),
    pngChunk("IEND", new Uint8Array()),
  );
}

/** Three bytes a pixel, and one before each line of them. */
const NOISE_WIDTH = 512;
const NOISE_LINE = 1 + 3 * NOISE_WIDTH;

/**
 * Paints a PNG of noise that can't be compressed and isn't: of `bytes` bytes, or a line more. It takes milliseconds
 * a megabyte, and different seeds give different bytes.
 */
export function paintNoise({ bytes, seed = 0 }: { bytes: number; seed?: number }): Uint8Array<ArrayBuffer> {
  const height = Math.ceil(bytes / NOISE_LINE);
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, NOISE_WIDTH);
  header.setUint32(4, height);
  header.setUint8(8, 8); // eight bits a channel
  header.setUint8(9, 2); // red, green and blue
  const noise = new Uint32Array(Math.ceil(height * NOISE_LINE / 4));
  let state = Math.imul(seed + 1, 2_654_435_761) || 1;
  for (let at = 0; at < noise.length; at++) {
    // Marsaglia's xorshift of 32 bits.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    noise[at] = state;
  }
  const lines = new Uint8Array(noise.buffer, 0, height * NOISE_LINE);
  for (let line = 0; line < height; line++) lines[line * NOISE_LINE] = 0;
  return join(
    new Uint8Array(PNG_SIGNATURE),
    pngChunk("IHDR", new Uint8Array(header.buffer)),
    pngChunk("IDAT", deflateSync(lines, { level: 0 })),
    pngChunk("IEND", new Uint8Array()),
  );
}

function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const named = join(new TextEncoder().encode(type), data);
  const frame = new DataView(new ArrayBuffer(8));
  frame.setUint32(0, data.length);
  frame.setUint32(4, crc32(named));
  return join(new Uint8Array(frame.buffer, 0, 4), named, new Uint8Array(frame.buffer, 4));
}

/**
 * A baseline grey JPEG (ITU T.81): the first block says its tone, every other one "as before" in two bits.
 * The two Huffman tables hold only the codes that this needs.
 */
function paintJpeg({ width, height, seed = 0 }: Painting): Uint8Array {
  const tone = 64 + ((seed * 37) % 63); // always seven bits long
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
  const scan = new Uint8Array(Math.ceil((10 + (blocks - 1) * 2) / 8));
  scan[0] = 0b10000000 | (tone >> 1);
  scan[1] = (tone & 1) << 7;
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  return join(
    new Uint8Array([0xff, 0xd8]),
    segment(0xfe, [...new TextEncoder().encode(`painting ${seed}`)]),
    segment(0xdb, [0, ...Array<number>(64).fill(8)]),
    segment(0xc0, [8, ...size, 1, 1, 0x11, 0]),
    segment(0xc4, [0x00, 1, 1, ...Array<number>(14).fill(0), 0, 7]),
    segment(0xc4, [0x10, 1, ...Array<number>(15).fill(0), 0]),
    segment(0xda, [1, 1, 0, 0, 63, 0]),
    scan,
    new Uint8Array([0xff, 0xd9]),
  );
}

function segment(marker: number, data: number[]): Uint8Array {
  const length = data.length + 2;
  return new Uint8Array([0xff, marker, length >> 8, length & 255, ...data]);
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
