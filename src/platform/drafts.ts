/** Images that are being written to the folder of images, ahead of their names: hidden files until then. */
import { join } from "node:path";
import { bulkhead } from "cockatiel";
import { assertBlobName } from "./blob_names.ts";

/** One image that is being written. */
export interface Draft {
  /** Appends bytes, which must stay as they are until it resolves. */
  write(bytes: Uint8Array): Promise<void> | void;
  /** What was written up to now. */
  read(): Promise<Uint8Array>;
  /** Reads it piece by piece, also when it has its name or is gone. */
  reader(): Promise<DraftReader>;
  /** Ends it and gives it its name. @throws TypeError for a name that is none */
  commit(name: string): Promise<void>;
  /** Ends it and removes it. Never throws. */
  discard(): Promise<void>;
}

/** Reads what has been written of a draft up to then. */
export interface DraftReader {
  /** Reads what is there from the byte `at` on, as much as fits; gives the number of bytes, 0 at the end. */
  read(into: Uint8Array, at: number): Promise<number>;
  close(): void;
}

/** Makes drafts in `folder`, which is made by the first one. */
export function createDrafts(folder: string): () => Promise<Draft> {
  const disk = new Disk();
  return async () => {
    const path = join(folder, `.${crypto.randomUUID()}.tmp`);
    const file = await create(path, folder, disk);
    let opening: Promise<unknown> = Promise.resolve();
    return {
      write: (bytes) => disk.run(() => writeAllSync(file, bytes), () => writeAll(file, bytes), bytes.length),
      read: () => Deno.readFile(path),
      reader() {
        const reader = openReader(path, disk);
        opening = Promise.allSettled([opening, reader]);
        return reader;
      },
      async commit(name) {
        assertBlobName(name);
        close(file);
        await opening;
        const target = join(folder, name);
        await disk.run(() => Deno.renameSync(path, target), () => Deno.rename(path, target));
      },
      async discard() {
        close(file);
        await opening;
        await Deno.remove(path).catch(() => {});
      },
    };
  };
}

/** From this size on, in bytes, work that takes longer than so many ms a byte is better handed to another thread. */
const LARGE = 64 * 1024;
const WORTH_IT = 0.6 / (1024 * 1024);
/** Where memory for it is at hand writing is quicker than that. Whether it is may change, and is looked at so often, in ms. */
const LOOK_AGAIN = 250;
/** Longest time in ms that the event loop may stand still for a disk. */
const QUICK = 20;
/** How long a disk that was slower is spoken to from other threads alone, in ms. */
const SLOW_FOR = 5_000;
/** How much of the event loop's time a quick disk may have, and how much of it at once, in ms. */
const SHARE = 1 / 2;
const AT_ONCE = 5;
/** Each thread that writes keeps memory of its own, and more of them make no disk quicker. */
const THREADS = 4;

/**
 * Where work for the disk is done. Writing some bytes into the system's memory takes microseconds, and handing
 * the work to another thread many times that; but neither a disk that is behind nor hundreds of such writes in a
 * row may hold up everything else.
 */
class Disk {
  readonly #threads = bulkhead(THREADS, Infinity);
  #slowUntil = 0;
  #slowForLargeUntil = 0;
  /** Time that was spent here, less what has been earned back since. */
  #spent = 0;
  #countedAt = 0;

  /** Does small work at once while there is time for it and the disk is quick, and all other work elsewhere. */
  run<T>(atOnce: () => T, elsewhere: () => Promise<T>, bytes = 0): T | Promise<T> {
    const startedAt = performance.now();
    this.#spent = Math.max(0, this.#spent - (startedAt - this.#countedAt) * SHARE);
    this.#countedAt = startedAt;
    const isQuick = startedAt >= (bytes < LARGE ? this.#slowUntil : this.#slowForLargeUntil);
    if (!isQuick || this.#spent >= AT_ONCE) return this.#threads.execute(elsewhere);
    try {
      return atOnce();
    } finally {
      const now = performance.now();
      const took = now - startedAt;
      this.#spent += took;
      if (took > QUICK) this.#slowUntil = this.#slowForLargeUntil = now + SLOW_FOR;
      else if (bytes >= LARGE && took > bytes * WORTH_IT) this.#slowForLargeUntil = now + LOOK_AGAIN;
    }
  }
}

function writeAllSync(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await file.write(rest));
}

async function create(path: string, folder: string, disk: Disk): Promise<Deno.FsFile> {
  const options = { write: true, createNew: true };
  const open = () => disk.run(() => Deno.openSync(path, options), () => Deno.open(path, options));
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.mkdir(folder, { recursive: true });
    return await open();
  }
}

async function openReader(path: string, disk: Disk): Promise<DraftReader> {
  const file = await disk.run(() => Deno.openSync(path), () => Deno.open(path));
  return {
    async read(into, at) {
      file.seekSync(at, Deno.SeekMode.Start);
      return await disk.run(() => file.readSync(into), () => file.read(into), into.length) ?? 0;
    },
    close: () => close(file),
  };
}

/** A commit that failed may be followed by a discard. */
function close(file: Deno.FsFile): void {
  try {
    file.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
