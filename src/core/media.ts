/**
 * An image on its way through the gateway. It stays in the form in which it arrived, a URL, base64 text or
 * bytes, until somebody needs another one, and is converted at most once.
 */
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

/** Opens a URL and gives its bytes; supplied by whoever knows which guard applies to it. */
export type OpenUrl = (url: string, signal?: AbortSignal) => Promise<Uint8Array>;

type Source = { url: string; open: OpenUrl } | { base64: string } | { bytes: Uint8Array };

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
const HEADER_BYTES = 2 * 1024 * 1024;

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

/** One image, in whichever form it came. */
export class Media {
  #bytes?: Promise<Uint8Array>;
  #base64?: string;

  private constructor(private readonly source: Source) {
    if ("base64" in source) this.#base64 = source.base64;
    if ("bytes" in source) this.#bytes = Promise.resolve(source.bytes);
  }

  /** An image whose bytes are at hand. */
  static fromBytes(bytes: Uint8Array): Media {
    return new Media({ bytes });
  }

  /** An image as base64 text, without a `data:` prefix. The text is not checked before it is needed. */
  static fromBase64(base64: string): Media {
    return new Media({ base64 });
  }

  /** An image at an http(s) address, read through `open` when its bytes are wanted. */
  static fromUrl(url: string, open: OpenUrl): Media {
    return new Media({ url, open });
  }

  /** The address it came from, if it came as one. */
  get url(): string | undefined {
    return "url" in this.source ? this.source.url : undefined;
  }

  /**
   * Its bytes; read or decoded once, then kept.
   * @throws SyntaxError if base64 text is not base64. @throws Failed if a URL can't be read.
   */
  bytes(signal?: AbortSignal): Promise<Uint8Array> {
    this.#bytes ??= this.#load(signal).catch((error) => {
      this.#bytes = undefined;
      throw error;
    });
    return this.#bytes;
  }

  /** Its bytes as base64 text, without a `data:` prefix. */
  async base64(signal?: AbortSignal): Promise<string> {
    this.#base64 ??= (await this.bytes(signal)).toBase64();
    return this.#base64;
  }

  /** Type and size by content. @throws Failed if it can't be read, or is not an image. */
  async facts(signal?: AbortSignal): Promise<ImageFacts | undefined> {
    return readImageFacts(await this.bytes(signal));
  }

  /** A `data:` URL of it, with its true type. */
  async dataUrl(signal?: AbortSignal): Promise<string> {
    const type = (await this.facts(signal))?.type ?? "application/octet-stream";
    return `data:${type};base64,${await this.base64(signal)}`;
  }

  /** Its bytes as a file for a multipart form, with the right type and ending. */
  async file(name: string, signal?: AbortSignal): Promise<File> {
    const bytes = await this.bytes(signal);
    const type = readImageFacts(bytes)?.type ?? "image/png";
    return new File([bytes as Uint8Array<ArrayBuffer>], `${name}.${EXTENSIONS[type]}`, { type });
  }

  // An `async` body, so that a synchronous throw of the decoder becomes a rejection like any other.
  async #load(signal?: AbortSignal): Promise<Uint8Array> {
    if ("url" in this.source) return await this.source.open(this.source.url, signal);
    return Uint8Array.fromBase64(this.#base64!);
  }
}
