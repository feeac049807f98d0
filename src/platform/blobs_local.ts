/** Images in a folder of the local disk: each a plain file under its name, with `<name>.json` beside it. */
import { join } from "node:path";
import { readImageFacts } from "../core/media.ts";
import { writeAtomic } from "./atomic_file.ts";
import { isBlobName, typeByName } from "./blob_names.ts";
import type { BlobFacts, BlobRange, Blobs, OpenBlob } from "./ports.ts";

/** How much of a file is looked at to tell its type. */
const HEADER_BYTES = 64 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** Makes the store. @param folder is made by the first image */
export function createLocalBlobs(folder: string): Blobs {
  const pathOf = (name: string) => join(folder, name);

  async function put(name: string, bytes: Uint8Array, sidecar: object): Promise<void> {
    if (!isBlobName(name)) {
      throw new TypeError(`Cannot store an image: ${JSON.stringify(name)} is not a name for one`);
    }
    await Deno.mkdir(folder, { recursive: true });
    await refuseLink(pathOf(name));
    await refuseLink(sidecarPath(pathOf(name)));
    // The sidecar comes last: only what has one is in the gallery. Where it cannot be written the image stays,
    // because somebody paid for it.
    await writeAtomic(pathOf(name), bytes);
    await writeAtomic(sidecarPath(pathOf(name)), JSON.stringify(sidecar));
  }

  async function stat(name: string): Promise<BlobFacts | undefined> {
    using file = await openFile(name);
    return file && await factsOf(file, name);
  }

  async function open(name: string, range?: BlobRange): Promise<OpenBlob | undefined> {
    const file = await openFile(name);
    if (!file) return undefined;
    try {
      const facts = await factsOf(file, name);
      const start = range?.start ?? 0;
      const end = Math.min(range?.end ?? Infinity, facts.size - 1);
      await file.seek(start, Deno.SeekMode.Start);
      return { ...facts, bytes: read(file, Math.max(0, end - start + 1)) };
    } catch (error) {
      file.close();
      throw error;
    }
  }

  async function openFile(name: string): Promise<Deno.FsFile | undefined> {
    if (!isBlobName(name)) return undefined;
    // A link could lead out of the folder, and a pipe would never answer.
    const info = await unlessMissing(Deno.lstat(pathOf(name)));
    return info?.isFile ? await unlessMissing(Deno.open(pathOf(name))) : undefined;
  }

  async function sidecar(name: string): Promise<unknown> {
    if (!isBlobName(name)) return undefined;
    for (const path of [sidecarPath(pathOf(name)), oldSidecarPath(pathOf(name))]) {
      const info = await unlessMissing(Deno.lstat(path));
      const text = info?.isFile ? await unlessMissing(Deno.readTextFile(path)) : undefined;
      if (text !== undefined) return parse(text);
    }
  }

  async function remove(name: string): Promise<void> {
    if (!isBlobName(name)) return;
    // In the opposite order of `put`: what has lost its sidecar is no longer in the gallery.
    await removeFile(sidecarPath(pathOf(name)));
    await removeFile(oldSidecarPath(pathOf(name)));
    await removeFile(pathOf(name));
  }

  async function* list() {
    for (const name of await namesIn(folder)) {
      const info = await unlessMissing(Deno.lstat(pathOf(name)));
      if (info?.isFile) yield { name, size: info.size, modified: info.mtime ?? new Date(0) };
    }
  }

  return { put, stat, open, sidecar, remove, list };
}

function sidecarPath(path: string): string {
  return `${path}.json`;
}

/** img-router once named them without the image's ending. */
function oldSidecarPath(path: string): string {
  return path.replace(/\.[^.]+$/, ".json");
}

async function factsOf(file: Deno.FsFile, name: string): Promise<BlobFacts> {
  const { size, mtime } = await file.stat();
  const header = new Uint8Array(Math.min(size, HEADER_BYTES));
  const length = await file.read(header) ?? 0;
  const type = readImageFacts(header.subarray(0, length))?.type ?? typeByName(name)!;
  return { type, size, modified: mtime ?? new Date(0) };
}

/** The next `length` bytes of a file, which is closed after them. */
function read(file: Deno.FsFile, length: number): ReadableStream<Uint8Array> {
  let left = length;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const chunk = new Uint8Array(Math.min(CHUNK_BYTES, left));
        const count = left > 0 ? await file.read(chunk) : null;
        if (count) {
          left -= count;
          return controller.enqueue(chunk.subarray(0, count));
        }
        file.close();
        if (left > 0) controller.error(new Error("Cannot read an image: the file became shorter"));
        else controller.close();
      } catch (error) {
        file.close();
        controller.error(error);
      }
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await unlessMissing(Array.fromAsync(Deno.readDir(folder)));
  return (entries ?? []).filter(({ name, isFile }) => isFile && isBlobName(name)).map(({ name }) => name);
}

async function refuseLink(path: string): Promise<void> {
  const info = await unlessMissing(Deno.lstat(path));
  if (info?.isSymlink) throw new TypeError(`Cannot store an image: ${path} is a link, which is not followed`);
}

async function removeFile(path: string): Promise<void> {
  await unlessMissing(Deno.remove(path));
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    // A file where the folder should be holds no images either.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
