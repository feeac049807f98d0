/** Midjourney paints four pictures at once, as the quarters of one; whoever wants single ones has to cut. */
import { Failed } from "../core/failure.ts";
import { Media } from "../core/media.ts";

/** A decoder is never shown more than this. */
const MAX_PIXELS = 100_000_000;

/**
 * One quarter of a grid, as lossless as the grid's own format allows.
 * @param place 1–4, row by row. @throws Failed `malformed_reply` where the grid can't be decoded
 */
export async function cutQuarter(grid: Media, place: number, signal?: AbortSignal): Promise<Media> {
  const bytes = await grid.bytes(signal);
  // Loaded when first needed: the library takes a tenth of a second.
  const { default: sharp } = await import("sharp");
  signal?.throwIfAborted();
  try {
    const image = sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: "error" });
    const { format, width: whole, height: tall } = await image.metadata();
    const [width, height] = [whole >> 1, tall >> 1];
    const [left, top] = [(place - 1) % 2 * (whole - width), (place - 1 >> 1) * (tall - height)];
    image.extract({ left, top, width, height });
    if (format === "jpeg") image.jpeg({ quality: 95 });
    else if (format === "webp") image.webp({ quality: 95 });
    else image.png();
    return Media.fromBytes(new Uint8Array(await image.toBuffer()));
  } catch (error) {
    throw new Failed({ kind: "malformed_reply", message: "the grid could not be decoded" }, error);
  }
}
