/** What the rest asks of a place to keep things in; which driver stands behind it, only the app knows. */
import type { ImageType } from "../core/media.ts";

/** What is known of a stored image without reading all of it. */
export interface BlobFacts {
  /** By content; by the ending of its name where the content does not tell. */
  type: ImageType;
  /** In bytes. */
  size: number;
  modified: Date;
}

/** A stored image, open. `bytes` must be read to its end or cancelled. */
export interface OpenBlob extends BlobFacts {
  bytes: ReadableStream<Uint8Array>;
}

/** A part of an image, in bytes; `end` is the last one that belongs to it, as in HTTP's `Range`. */
export interface BlobRange {
  start: number;
  end: number;
}

/**
 * Images by name, each with a JSON sidecar that says what made it. Names are those that `isBlobName` accepts;
 * under any other one there is nothing to be found, so a name from a URL may be asked for as it is.
 */
export interface Blobs {
  /** Stores an image, then its sidecar; what is there is replaced. @throws TypeError for a name that is none */
  put(name: string, bytes: Uint8Array, sidecar: object): Promise<void>;
  /** Facts for headers (ETag, Last-Modified, Content-Type, Range), without opening a stream. */
  stat(name: string): Promise<BlobFacts | undefined>;
  /** Opens an image, or a part of it; a range that goes beyond the end stops there. `size` is always that of all. */
  open(name: string, range?: BlobRange): Promise<OpenBlob | undefined>;
  /** The sidecar as it was stored, unchecked; `undefined` where there is none that is JSON. */
  sidecar(name: string): Promise<unknown>;
  /** Removes an image and its sidecar; one that is not there is no error. */
  remove(name: string): Promise<void>;
  /** All images, in no order; strangers among the files are passed over. */
  list(): AsyncIterable<{ name: string; size: number; modified: Date }>;
}
