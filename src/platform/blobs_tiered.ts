/**
 * Images wherever they are: in the folder, or in the bucket once they went there. Equal images share an object,
 * so only the index knows which one holds an image, and whether it is still needed.
 */
import { bulkhead } from "cockatiel";
import { Failed } from "../core/failure.ts";
import { isBlobName } from "./blob_names.ts";
import type { BlobReader, Blobs } from "./ports.ts";

/** What is asked of the index of images. */
export interface ObjectIndex {
  /** The object that holds the image of this name. */
  get(name: string): Promise<{ object?: string } | undefined>;
  /** The object that holds an image with these bytes. @param hash SHA-256 in hex */
  objectOf(hash: string): Promise<string | undefined>;
  /** How many images an object holds. */
  sharers(object: string): Promise<number>;
  /** Notes which object holds an image. */
  uploaded(name: string, object: string): Promise<void>;
}

/** Reads images of both places, and keeps order among the objects that several images share. */
export interface TieredBlobs extends BlobReader {
  /** Lets an object that is there hold this image too, if it has the same bytes. Gives the object's name. */
  share(
    image: { name: string; hash: string; bytes: number },
    signal?: AbortSignal,
  ): Promise<string | undefined>;
  /** Removes an object, unless the index knows an image that it holds. */
  removeUnused(object: string): Promise<void>;
}

/** What reading from two places depends on. */
export interface TieredOptions {
  local: BlobReader;
  /** Absent where no bucket is configured. */
  remote: () => Blobs | undefined;
  index: ObjectIndex;
  /** Hears why the bucket did not give an image. */
  onError?: (error: unknown, name: string) => void;
}

/** Makes the reader. What it reads throws `Failed` (`unreachable`) while the bucket can't be reached. */
export function createTieredBlobs({ local, remote, index, onError }: TieredOptions): TieredBlobs {
  // An object must not be removed between the moments when it is found for an image and noted for it.
  const oneAtATime = bulkhead(1, Infinity);

  async function inBucket<T>(
    name: string,
    read: (bucket: Blobs, object: string) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    const bucket = remote();
    if (!bucket || !isBlobName(name)) return undefined;
    const object = (await index.get(name))?.object;
    if (object === undefined) return undefined;
    try {
      return await read(bucket, object);
    } catch (error) {
      signal?.throwIfAborted();
      onError?.(error, name);
      // Whoever asks for a picture needs no key, and is told nothing of the bucket.
      const message = "The storage that holds this picture can't be reached just now; try again in a while";
      throw new Failed({ kind: "unreachable", message, code: "storage_unavailable" });
    }
  }

  const share: TieredBlobs["share"] = ({ name, hash, bytes }, signal) =>
    oneAtATime.execute(async () => {
      const object = await index.objectOf(hash);
      if (object === undefined) return undefined;
      const facts = await remote()?.stat(object, signal);
      if (facts?.size !== bytes) return undefined;
      await index.uploaded(name, object);
      return object;
    });

  const removeUnused = (object: string) =>
    oneAtATime.execute(async () => {
      if (await index.sharers(object) === 0) await remote()?.remove(object);
    });

  return {
    stat: async (name, signal) =>
      await local.stat(name) ?? await inBucket(name, (bucket, object) => bucket.stat(object, signal), signal),
    open: async (name, range, signal) =>
      await local.open(name, range) ??
        await inBucket(name, (bucket, object) => bucket.open(object, range, signal), signal),
    sidecar: async (name, signal) =>
      await local.sidecar(name) ?? await inBucket(name, (bucket) => bucket.sidecar(name, signal), signal),
    share,
    removeUnused,
  };
}
