/** What the first bytes of an image tell, by content alone: nobody's word for it is taken. */
import { imageSize } from "image-size";

/** Types that we recognise by content. */
export type ImageType =
  | "image/png"
  | "image/jpeg"
  | "image/webp"
  | "image/gif"
  | "image/bmp"
  | "image/tiff"
  | "image/avif"
  | "image/heic"
  | "image/svg+xml";

/** What the first bytes of an image tell. Sizes in pixels, before any rotation by EXIF. */
export interface ImageFacts {
  type: ImageType;
  width: number;
  height: number;
}

const TYPES: Record<string, ImageType> = {
  png: "image/png",
  jpg: "image/jpeg",
  webp: "image/webp",
  gif: "image/gif",
  bmp: "image/bmp",
  tiff: "image/tiff",
  avif: "image/avif",
  heif: "image/heic",
  heic: "image/heic",
  svg: "image/svg+xml",
};

/** File extension of each type, without the dot. */
export const EXTENSIONS: Record<ImageType, string> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/webp": "webp",
  "image/gif": "gif",
  "image/bmp": "bmp",
  "image/tiff": "tiff",
  "image/avif": "avif",
  "image/heic": "heic",
  "image/svg+xml": "svg",
};

/** Where the size must be found: a longer search in a file made for it takes seconds. */
export const HEADER_BYTES = 2 * 1024 * 1024;

/**
 * Reads type and size from an image's header, by content alone.
 * Gives `undefined` where the bytes are not an image.
 */
export function readImageFacts(bytes: Uint8Array): ImageFacts | undefined {
  try {
    const { type, width, height } = imageSize(bytes.subarray(0, HEADER_BYTES));
    const known = TYPES[type ?? ""];
    return known && width > 0 && height > 0 ? { type: known, width, height } : undefined;
  } catch {
    return undefined;
  }
}
