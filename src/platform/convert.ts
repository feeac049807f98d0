/**
 * Conversion of images. sharp, because it is the fastest that is maintained, works on threads of its own so
 * that the event loop never waits, and comes as one prebuilt npm package without an install script.
 */
import { Failed } from "../core/failure.ts";
import type { ImageType } from "../core/media.ts";

/** A decoder is never shown more than this, so that a small file can't unfold into all memory. */
const MAX_PIXELS = 100_000_000;
const FORMATS = {
  "image/png": "png",
  "image/jpeg": "jpeg",
  "image/webp": "webp",
  "image/gif": "gif",
  "image/tiff": "tiff",
  "image/avif": "avif",
} as const;

/** What an image is to become. */
export interface Conversion {
  type: ImageType;
  /** Made smaller, in its shape, until it has no more pixels than these. */
  maxPixels?: number;
  /** Longest side in pixels. */
  maxEdge?: number;
  /** In pixels, of the upright image. */
  maxWidth?: number;
  /** 1–100, for jpeg, webp and avif. */
  quality?: number;
}

/**
 * Converts an image, upright by its EXIF orientation and without its metadata.
 * @throws Failed `invalid_request` where it can't be decoded
 */
export async function convertImage(
  bytes: Uint8Array,
  to: Conversion,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const format = FORMATS[to.type as keyof typeof FORMATS] ?? "png";
  // Loaded when first needed: the library takes a tenth of a second.
  const { default: sharp } = await import("sharp");
  signal?.throwIfAborted();
  try {
    const image = sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: "error" }).autoOrient();
    // Limits are for the upright image; the plain members are those of the image as it lies in the file.
    const { width, height } = (await image.metadata()).autoOrient;
    const shrink = Math.min(
      1,
      Math.sqrt((to.maxPixels ?? Infinity) / (width * height)),
      (to.maxEdge ?? Infinity) / Math.max(width, height),
      (to.maxWidth ?? Infinity) / width,
    );
    if (shrink < 1) image.resize({ width: Math.max(1, Math.floor(width * shrink)) });
    // Where the target has no transparency, white is what people expect behind it.
    if (format === "jpeg") image.flatten({ background: "#ffffff" });
    return new Uint8Array(await image.toFormat(format, { quality: to.quality }).toBuffer());
  } catch (error) {
    throw new Failed({
      kind: "invalid_request",
      code: "invalid_image",
      message: "The image could not be decoded",
    }, error);
  }
}
