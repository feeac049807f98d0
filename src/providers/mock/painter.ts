/**
 * Paints real pictures with no service anywhere: a pattern that belongs to the prompt and the seed, and a
 * label that tells what was asked. The whole picture is written as one SVG, which sharp turns into pixels on
 * threads of its own, so that even a large one does not hold up other requests.
 */
import type { Buffer } from "node:buffer";
import type { Sharp } from "sharp";
import type { Dice } from "../../core/clock.ts";
import { Failed } from "../../core/failure.ts";
import { readImageFacts } from "../../core/media.ts";
import { loadFont } from "./font.ts";
import { type Label, layOutLabel } from "./label.ts";
import { drawPattern } from "./pattern.ts";
import { type Box, PAPER, rounded, shadow, type Size } from "./svg.ts";

/** What to paint. Equal paintings give equal bytes. */
export interface Painting {
  /** Pixels, 16–8192. */
  width: number;
  /** Pixels, 16–8192. */
  height: number;
  prompt: string;
  seed: number;
  /** A line above the prompt, such as "Edit of 2 images". */
  title?: string;
  /** PNG, JPEG, WebP or GIF images, shown as prints upon the pattern. */
  inputs?: Uint8Array[];
  /** @default "png" */
  format?: "png" | "jpeg" | "webp";
  /** 0–100, for jpeg and webp. @default 90 */
  quality?: number;
  /** Leaves the corners clear, where the format can do so. @default false */
  transparent?: boolean;
}

/** An input, decoded, made small enough to be shown, and where it hangs. */
interface Print extends Box {
  pixels: Buffer;
}

const SIDES = { min: 16, max: 8192 };
/** Larger inputs are refused unread: a few bytes can claim to be a picture that fills the memory. */
const MAX_INPUT_PIXELS = 40_000_000;
const MAX_PRINT_SIDE = 1600;
const INPUT_TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/**
 * Paints a picture of exactly the size asked for, and gives its file. An abort is noticed between the steps,
 * of which the longest takes some 400 ms at 4096x4096.
 * @throws Failed `invalid_request` if the size is out of range or an input can't be decoded.
 */
export async function paint(painting: Painting, signal?: AbortSignal): Promise<Uint8Array> {
  checkSize(painting);
  signal?.throwIfAborted();
  const [font, dice] = await Promise.all([loadFont(), diceOf(painting)]);
  const label = layOutLabel(painting, font);
  const prints: Print[] = [];
  for (const [index, place] of placePrints(painting, label).entries()) {
    signal?.throwIfAborted();
    prints.push(await developPrint(painting.inputs![index]!, index, place));
  }
  signal?.throwIfAborted();

  const { width, height, transparent = false, format = "png" } = painting;
  const clear = transparent && format !== "jpeg";
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `${drawPattern(painting, dice, clear)}${prints.map(drawFrame).join("")}${label.svg}</svg>`;
  const { default: sharp } = await import("sharp");
  const picture = sharp(new TextEncoder().encode(svg)).composite(
    prints.map(({ pixels, x, y, width, height }) => (
      { input: pixels, raw: { width, height, channels: 4 }, left: x, top: y }
    )),
  );
  const { data } = await encode(clear ? picture : picture.removeAlpha(), painting).toUint8Array();
  signal?.throwIfAborted();
  return data;
}

function checkSize({ width, height }: Size) {
  for (const side of [width, height]) {
    if (Number.isInteger(side) && side >= SIDES.min && side <= SIDES.max) continue;
    const message = `Cannot paint ${width}x${height}: each side must be ${SIDES.min}–${SIDES.max} pixels`;
    throw new Failed({ kind: "invalid_request", message, param: "size" });
  }
}

function encode(picture: Sharp, { format = "png", quality = 90, width, height }: Painting): Sharp {
  const options = { quality: Math.min(100, Math.max(1, Math.round(quality))) };
  if (format === "jpeg") return picture.jpeg(options);
  if (format === "webp") return picture.webp({ ...options, effort: 2 });
  // Flat colours pack well at any level; a high one only costs time on a large picture.
  return picture.png({ compressionLevel: width * height > 4_000_000 ? 3 : 6 });
}

/** Chance that is the same for the same prompt and seed: sfc32, sown with their hash. */
async function diceOf({ prompt, seed }: Painting): Promise<Dice> {
  const text = new TextEncoder().encode(`${seed}\n${prompt}`);
  const hash = new DataView(await crypto.subtle.digest("SHA-256", text));
  let [a, b, c, d] = [hash.getInt32(0), hash.getInt32(4), hash.getInt32(8), hash.getInt32(12)];
  return () => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
}

/** A place for each input, in the grid that lets a square print be largest. */
function placePrints({ width, height, inputs = [] }: Painting, { margin, box }: Label): Box[] {
  const wall = { width: width - margin, height: (box?.y ?? height) - margin };
  const count = inputs.length;
  const sides = inputs.map((_, i) =>
    Math.min(wall.width / (i + 1), wall.height / Math.ceil(count / (i + 1)))
  );
  const columns = sides.indexOf(Math.max(...sides)) + 1;
  const rows = Math.ceil(count / columns);
  return inputs.map((_, i) => {
    const row = Math.floor(i / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const cell = { width: wall.width / inRow, height: wall.height / rows };
    return {
      x: margin + (i % columns) * cell.width,
      y: margin + row * cell.height,
      width: cell.width - margin,
      height: cell.height - margin,
    };
  });
}

/** Decodes an input, upright and no larger than its place, and hangs it in the middle of that. */
async function developPrint(input: Uint8Array, index: number, box: Box): Promise<Print> {
  const { default: sharp } = await import("sharp");
  const edge = edgeOf(box);
  const limit = (side: number) => Math.max(1, Math.min(MAX_PRINT_SIDE, Math.floor(side - 2 * edge)));
  try {
    // By content, and first: what is not one of these must not reach a decoder for it.
    if (!INPUT_TYPES.includes(readImageFacts(input)?.type ?? "")) throw new Error("unknown format");
    const { data, info } = await sharp(input, { limitInputPixels: MAX_INPUT_PIXELS, failOn: "error" })
      .autoOrient()
      .resize(limit(box.width), limit(box.height), { fit: "inside" })
      .toColourspace("srgb")
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const x = Math.round(box.x + (box.width - width) / 2);
    const y = Math.round(box.y + (box.height - height) / 2);
    return { pixels: data, width, height, x, y };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    const message = `Cannot read input image ${index + 1}: it must be a sound PNG, JPEG, WebP or GIF ` +
      `of at most ${MAX_INPUT_PIXELS / 1e6} megapixels (${reason})`;
    throw new Failed({ kind: "invalid_request", message, param: "image" }, error);
  }
}

/** The white border of a print. */
function edgeOf({ width, height }: Size): number {
  return Math.max(1, Math.round(Math.min(width, height) * 0.03));
}

function drawFrame(print: Print): string {
  const edge = edgeOf(print);
  const { x, y, width, height } = print;
  const frame = { x: x - edge, y: y - edge, width: width + 2 * edge, height: height + 2 * edge };
  return shadow(frame, edge / 2, edge * 0.6) + rounded(frame, edge / 2, PAPER, 1);
}
