/**
 * Small versions of stored pictures, made when first asked for and kept on disk, so that a gallery loads
 * kilobytes instead of megabytes. They are a cache: any of them may be lost, and is made again.
 */
import { join } from "node:path";
import { bulkhead } from "cockatiel";
import { writeAtomic } from "./atomic_file.ts";
import { isBlobName } from "./blob_names.ts";
import { convertImage } from "./convert.ts";

/** The widths there are, in pixels; each further one would be another copy of every picture. */
export const THUMBNAIL_WIDTHS = [96, 192, 320, 480, 640, 960, 1280] as const;

/** One of them. */
export type ThumbnailWidth = typeof THUMBNAIL_WIDTHS[number];

/** How thumbnails are kept. */
export interface ThumbnailOptions {
  /** Made by the first thumbnail. */
  folder: string;
  /** All of them together, in bytes; those that were not asked for the longest go first. */
  maxBytes?: number;
  /** How many are made at once: each holds a decoded picture in memory. */
  makers?: number;
  /** How many wait for that before callers are told to use the original. */
  queue?: number;
  /** Hears of what the disk refused; thumbnails are served all the same. */
  onError: (error: unknown) => void;
}

const SUFFIX = /\.\d+\.webp$/;
/** What is removed goes down to this share, so that not every new one has to remove another. */
const KEPT_SHARE = 0.9;

/** The width that serves a wish: the next larger one, else the largest. `undefined` for what is no width. */
export function thumbnailWidth(asked: string | undefined): ThumbnailWidth | undefined {
  const wish = /^\d{1,6}$/.test(asked ?? "") ? Number(asked) : 0;
  return wish > 0 ? THUMBNAIL_WIDTHS.find((width) => width >= wish) ?? THUMBNAIL_WIDTHS.at(-1)! : undefined;
}

/** Keeps thumbnails: webp, upright, the first frame of what moves, never wider than the original. */
export class Thumbnails implements AsyncDisposable {
  readonly #options: Required<ThumbnailOptions>;
  readonly #makers;
  /** Being made, by file. */
  readonly #making = new Map<string, Promise<Uint8Array | undefined>>();
  /** Bytes by file, the one that was used last at the end. */
  #kept?: Promise<Map<string, number>>;
  #bytes = 0;

  constructor(options: ThumbnailOptions) {
    this.#options = { maxBytes: 512 * 1024 * 1024, makers: 2, queue: 200, ...options };
    this.#makers = bulkhead(this.#options.makers, this.#options.queue);
  }

  /**
   * A thumbnail of a picture. Callers who ask for the same one at once share one making.
   * Gives `undefined` where there can be none, because the picture can't be decoded or too many wait: then the
   * original serves.
   * @param read gives the picture's bytes; called only where the thumbnail has to be made
   */
  async get(
    name: string,
    width: ThumbnailWidth,
    read: () => Promise<Uint8Array | undefined>,
  ): Promise<Uint8Array | undefined> {
    if (!isBlobName(name)) return undefined;
    const file = fileOf(name, width);
    const running = this.#making.get(file);
    if (running) return await running;
    const work = this.#find(file, width, read).finally(() => this.#making.delete(file));
    this.#making.set(file, work);
    return await work;
  }

  /** Removes all thumbnails of these pictures. */
  async remove(...names: string[]): Promise<void> {
    for (const name of names.filter(isBlobName)) {
      for (const width of THUMBNAIL_WIDTHS) {
        const file = fileOf(name, width);
        await this.#making.get(file);
        await this.#drop(file);
      }
    }
  }

  /** Resolves when nothing is being made any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#making.values());
  }

  async #find(
    file: string,
    width: ThumbnailWidth,
    read: () => Promise<Uint8Array | undefined>,
  ): Promise<Uint8Array | undefined> {
    const found = await this.#read(file);
    if (found) return found;
    const made = await this.#make(width, read);
    if (made) await this.#keep(file, made).catch(this.#options.onError);
    return made;
  }

  async #read(file: string): Promise<Uint8Array | undefined> {
    const kept = await this.#index();
    const size = kept.get(file);
    if (size === undefined) return undefined;
    try {
      const bytes = await Deno.readFile(join(this.#options.folder, file));
      kept.delete(file);
      kept.set(file, size);
      return bytes;
    } catch {
      // Somebody emptied the folder by hand.
      this.#forget(kept, file);
      return undefined;
    }
  }

  async #make(
    width: ThumbnailWidth,
    read: () => Promise<Uint8Array | undefined>,
  ): Promise<Uint8Array | undefined> {
    try {
      return await this.#makers.execute(async () => {
        const bytes = await read();
        return bytes && await convertImage(bytes, { type: "image/webp", maxWidth: width });
      });
    } catch {
      return undefined;
    }
  }

  async #keep(file: string, bytes: Uint8Array): Promise<void> {
    const { folder, maxBytes } = this.#options;
    const kept = await this.#index();
    await Deno.mkdir(folder, { recursive: true });
    await writeAtomic(join(folder, file), bytes);
    kept.set(file, bytes.length);
    this.#bytes += bytes.length;
    if (this.#bytes <= maxBytes) return;
    for (const oldest of [...kept.keys()]) {
      if (this.#bytes <= maxBytes * KEPT_SHARE || oldest === file) break;
      await this.#drop(oldest);
    }
  }

  async #drop(file: string): Promise<void> {
    this.#forget(await this.#index(), file);
    await Deno.remove(join(this.#options.folder, file)).catch((error) => {
      if (!isMissing(error)) this.#options.onError(error);
    });
  }

  #forget(kept: Map<string, number>, file: string): void {
    this.#bytes -= kept.get(file) ?? 0;
    kept.delete(file);
  }

  /** What is there, read once; by the time of its making, since nothing tells when it was last used. */
  #index(): Promise<Map<string, number>> {
    return this.#kept ??= this.#list().catch((error) => {
      this.#options.onError(error);
      return new Map();
    });
  }

  async #list(): Promise<Map<string, number>> {
    const { folder } = this.#options;
    const files: { name: string; size: number; made: number }[] = [];
    try {
      for await (const { name, isFile } of Deno.readDir(folder)) {
        if (!isFile || !SUFFIX.test(name)) continue;
        const { size, mtime } = await Deno.stat(join(folder, name));
        files.push({ name, size, made: mtime?.getTime() ?? 0 });
        this.#bytes += size;
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return new Map(files.sort((a, b) => a.made - b.made).map(({ name, size }) => [name, size]));
  }
}

function fileOf(name: string, width: number): string {
  return `${name}.${width}.webp`;
}

function isMissing(error: unknown): boolean {
  // A file where the folder should be holds no thumbnails either.
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}
