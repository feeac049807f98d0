/** Images in a folder of the local disk: each a plain file under its name, with `<name>.json` beside it. */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { readImageFacts } from "../core/media.ts";
import { linkOrCopy } from "./adopt_file.ts";
import { writeAtomic } from "./atomic_file.ts";
import { assertBlobName, isBlobName, oldSidecarName, sidecarName, typeByName } from "./blob_names.ts";
import { measured } from "./measured.ts";
import type { BlobFacts, BlobRange, Blobs, BlobSource, OpenBlob } from "./ports.ts";

/** How much of a file is looked at to tell its type. */
const HEADER_BYTES = 64 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** A sidecar is some lines of text; whatever is larger was not written for an image. */
const MAX_SIDECAR_BYTES = 1024 * 1024;

/** Images in a folder, where equal bytes may have several names. */
export interface LocalBlobs extends Blobs {
  /**
   * Stores an image that is there already under a second name, with a sidecar of its own, keeping its bytes once.
   * @throws Deno.errors.AlreadyExists if there is one of that name. @throws Deno.errors.NotFound if there is no `from`
   */
  link(from: string, name: string, sidecar: object): Promise<void>;
  /** Stores the image that the file at `path` holds, without copying it where that can be. @throws as `link()` does */
  adopt(path: string, name: string, sidecar: object): Promise<void>;
  /** SHA-256 of an image in hex, made in small steps; `undefined` where there is none. */
  hash(name: string): Promise<string | undefined>;
  /**
   * Makes sure that an image outlives a power cut, with its sidecar.
   * @param twin another image of the very same bytes, whose file it is to share
   */
  file(name: string, sidecar: object, twin?: string): Promise<void>;
}

/** Makes the store. @param folder is made by the first image */
export function createLocalBlobs(folder: string): LocalBlobs {
  const pathOf = (name: string) => join(folder, name);

  async function put(name: string, image: Uint8Array | BlobSource, sidecar: object): Promise<void> {
    const data = image instanceof Uint8Array ? image : measured(image);
    try {
      assertBlobName(name);
      await Deno.mkdir(folder, { recursive: true });
      await refuseLink(pathOf(name));
      await refuseLink(pathOf(sidecarName(name)));
      // The sidecar comes last: only what has one is in the gallery. Where it cannot be written the image stays,
      // because somebody paid for it.
      await writeAtomic(pathOf(name), data);
      await writeAtomic(pathOf(sidecarName(name)), JSON.stringify(sidecar));
    } finally {
      if (data instanceof ReadableStream) await data.cancel().catch(() => {});
    }
  }

  async function adopt(path: string, name: string, sidecar: object): Promise<void> {
    assertBlobName(name);
    await Deno.mkdir(folder, { recursive: true });
    await refuseLink(path);
    await refuseLink(pathOf(sidecarName(name)));
    await linkOrCopy(path, pathOf(name));
    await writeAtomic(pathOf(sidecarName(name)), JSON.stringify(sidecar));
  }

  async function hash(name: string): Promise<string | undefined> {
    if (!isBlobName(name)) return undefined;
    using file = await openFile(name);
    if (!file) return undefined;
    const hash = createHash("sha256");
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let length = await file.read(buffer); length !== null; length = await file.read(buffer)) {
      hash.update(buffer.subarray(0, length));
    }
    return hash.digest("hex");
  }

  async function file(name: string, sidecar: object, twin?: string): Promise<void> {
    assertBlobName(name);
    if (twin !== undefined && twin !== name) await shareFile(pathOf(twin), pathOf(name));
    else {
      using image = await Deno.open(pathOf(name), { read: true });
      await image.syncData();
    }
    // What the sidecar says is in the index as well, so it need not wait for the disk.
    await Deno.writeTextFile(pathOf(sidecarName(name)), JSON.stringify(sidecar));
  }

  async function link(from: string, name: string, sidecar: object): Promise<void> {
    if (!isBlobName(from)) {
      throw new Deno.errors.NotFound(`Cannot link: no image is called ${JSON.stringify(from)}`);
    }
    await adopt(pathOf(from), name, sidecar);
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
    return isBlobName(name) ? await readSidecar(folder, name) : undefined;
  }

  async function remove(...names: string[]): Promise<void> {
    for (const name of names.filter(isBlobName)) {
      // In the opposite order of `put`: what has lost its sidecar is no longer in the gallery.
      for (const file of [sidecarName(name), oldSidecarName(name), name]) await removeFile(pathOf(file));
    }
  }

  async function* list() {
    for (const name of await namesIn(folder)) {
      const info = await unlessMissing(Deno.lstat(pathOf(name)));
      if (info?.isFile) yield { name, size: info.size, modified: info.mtime ?? new Date(0) };
    }
  }

  return { put, adopt, link, hash, file, stat, open, sidecar, remove, list };
}

/** Puts a link to `from` in the place of `path`. Where the file system has no links both stay as they are. */
async function shareFile(from: string, path: string): Promise<void> {
  const link = join(dirname(path), `.${crypto.randomUUID()}.tmp`);
  try {
    await Deno.link(from, link);
  } catch {
    return;
  }
  // A rename onto another name of the same file does nothing, and leaves both.
  await Deno.rename(link, path);
  await unlessMissing(Deno.remove(link));
}

/** What the sidecar of a file says, unchecked; `undefined` where there is none that is JSON. Links are not followed. */
export async function readSidecar(folder: string, name: string): Promise<unknown> {
  for (const path of [sidecarName(name), oldSidecarName(name)].map((file) => join(folder, file))) {
    const info = await unlessMissing(Deno.lstat(path));
    const isRead = info?.isFile && info.size <= MAX_SIDECAR_BYTES;
    const text = isRead ? await unlessMissing(Deno.readTextFile(path)) : undefined;
    if (text !== undefined) return parse(text);
  }
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
