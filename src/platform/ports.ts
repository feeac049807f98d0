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

/** An image to be stored that is not in memory, such as an `OpenBlob`. */
export type BlobSource = Pick<OpenBlob, "type" | "size" | "bytes">;

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
  /**
   * Stores an image, then its sidecar; what is there is replaced. A stream is read to its end or cancelled, and
   * one that does not have the size it claims is not stored.
   * @throws TypeError for a name that is none
   */
  put(name: string, image: Uint8Array | BlobSource, sidecar: object, signal?: AbortSignal): Promise<void>;
  /** Facts for headers (ETag, Last-Modified, Content-Type, Range), without opening a stream. */
  stat(name: string, signal?: AbortSignal): Promise<BlobFacts | undefined>;
  /** Opens an image, or a part of it; a range that goes beyond the end stops there. `size` is always that of all. */
  open(name: string, range?: BlobRange, signal?: AbortSignal): Promise<OpenBlob | undefined>;
  /** The sidecar as it was stored, unchecked; `undefined` where there is none that is JSON. */
  sidecar(name: string, signal?: AbortSignal): Promise<unknown>;
  /** Removes images and their sidecars; one that is not there is no error. */
  remove(...names: string[]): Promise<void>;
  /** All images, in no order; strangers among the files are passed over. */
  list(signal?: AbortSignal): AsyncIterable<{ name: string; size: number; modified: Date }>;
}

/** Images that are only read. */
export type BlobReader = Pick<Blobs, "stat" | "open" | "sidecar">;

/** What a try of a bucket showed. */
export type BucketCheck =
  /** It took `ms`; `note` tells what the operator should know all the same. */
  | { ok: true; ms: number; note?: string }
  /** A sentence. */
  | { ok: false; reason: string };

/** Images in a bucket, which others can be sent to. Disposing of it ends the calls that still run. */
export interface BucketBlobs extends Blobs, Disposable {
  /** The address at which anybody can read an image; `undefined` where the bucket is not public. */
  publicUrl(name: string): string | undefined;
  /** An address at which an image can be read without a key for some seconds, a week at most. */
  presign(name: string, seconds: number): Promise<string>;
  /** Writes, reads and removes an object, to see whether the settings are right. */
  check(signal?: AbortSignal): Promise<BucketCheck>;
}
