/**
 * An image on its way through the gateway. It stays in the form in which it arrived, a URL, base64 text, bytes
 * or a stream of them, until somebody needs another one, and is converted at most once.
 */
import { EXTENSIONS, type ImageFacts, readImageFacts } from "./image_facts.ts";
import type { ImageStream } from "./image_stream.ts";

export { EXTENSIONS, type ImageFacts, type ImageType, readImageFacts } from "./image_facts.ts";

/** Opens a URL that names an image; supplied by whoever knows which guard applies to it. */
export type OpenUrl = (url: string, signal?: AbortSignal) => Promise<ImageStream>;

type Source =
  | { url: string; open: OpenUrl }
  | { base64: string }
  | { bytes: Uint8Array }
  | { stream: ImageStream };

/** How much base64 text is handed out at a time, and how many bytes that is; whole groups of both. */
const TEXT_PART = 256 * 1024;
const BYTES_PART = TEXT_PART / 4 * 3;

/** One image, in whichever form it came. */
export class Media {
  #bytes?: Promise<Uint8Array>;
  #base64?: string;
  #size?: number;

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

  /** An image that is just arriving. It is read by whoever runs the stream, or as soon as its bytes are wanted. */
  static fromStream(stream: ImageStream): Media {
    return new Media({ stream });
  }

  /** The address it came from, if it came as one. */
  get url(): string | undefined {
    return "url" in this.source ? this.source.url : undefined;
  }

  /** The stream that it arrives by, as long as nobody asked for its bytes. */
  get stream(): ImageStream | undefined {
    return "stream" in this.source && this.#bytes === undefined ? this.source.stream : undefined;
  }

  /** How many bytes it has, as far as that is known without reading or decoding it; while it arrives, up to now. */
  get size(): number | undefined {
    if (this.#base64 !== undefined) {
      const padding = /=*$/.exec(this.#base64.slice(-2))![0].length;
      return Math.floor((this.#base64.length - padding) * 3 / 4);
    }
    if ("bytes" in this.source) return this.source.bytes.length;
    return this.#size ?? (this.stream?.isRunning ? this.stream.size : undefined);
  }

  /** Opens the address it came as. @throws Failed if it can't be read @throws TypeError if it came otherwise */
  open(signal?: AbortSignal): Promise<ImageStream> {
    if ("url" in this.source) return this.source.open(this.source.url, signal);
    throw new TypeError("Cannot open an image that came without an address");
  }

  /**
   * Its bytes; read or decoded once, then kept.
   * @throws SyntaxError if base64 text is not base64. @throws Failed if a URL can't be read.
   */
  bytes(signal?: AbortSignal): Promise<Uint8Array> {
    this.#bytes ??= this.#load(signal).then((bytes) => {
      this.#size = bytes.length;
      return bytes;
    }, (error) => {
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

  /** The same, a part at a time, so that it need not be made, or copied, as a whole. */
  async *base64Parts(signal?: AbortSignal): AsyncGenerator<string> {
    const text = this.#base64;
    if (text !== undefined) {
      for (let at = 0; at < text.length; at += TEXT_PART) yield text.slice(at, at + TEXT_PART);
    } else {
      const bytes = await this.bytes(signal);
      for (let at = 0; at < bytes.length; at += BYTES_PART) {
        yield bytes.subarray(at, at + BYTES_PART).toBase64();
      }
    }
  }

  /** Type and size by content. @throws Failed if it can't be read, or is not an image. */
  async facts(signal?: AbortSignal): Promise<ImageFacts | undefined> {
    return this.stream?.facts ?? readImageFacts(await this.bytes(signal));
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
    if ("url" in this.source) return await (await this.open(signal)).bytes();
    if ("stream" in this.source) return await this.source.stream.bytes();
    const text = this.#base64!;
    const bytes = Uint8Array.fromBase64(text);
    // Not everybody reads base64 that is broken into lines or lacks its padding.
    const isPadded = bytes.length % 3 === 0 || text.endsWith("=");
    if (!isPadded || text.length !== Math.ceil(bytes.length / 3) * 4) this.#base64 = bytes.toBase64();
    return bytes;
  }
}
