/**
 * Takes over the pictures of another folder, such as img-router's storage: each with what its sidecar tells, none
 * twice however often it is run. Nothing in that folder is trusted or changed.
 */
import { basename, dirname, join } from "node:path";
import type { Clock } from "../core/clock.ts";
import { isRecord } from "../core/record.ts";
import { blobName, isBlobName } from "../platform/blob_names.ts";
import { type LocalBlobs, readSidecar } from "../platform/blobs_local.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import type { PictureStore } from "../store/pictures.ts";
import { inspect, type Inspected, recordOf } from "./found_picture.ts";

/** Where the pictures go. */
export interface ImportOptions {
  clock: Clock;
  store: PictureStore;
  blobs: LocalBlobs;
  /** The folder of `blobs`. */
  folder: string;
  /** Whether what is imported is to be in the bucket too. */
  uploadWanted: () => boolean;
  /** Is told what went wrong with one file. */
  onError: (error: unknown, name: string) => void;
  /** Hears how far it is, after each file. */
  onProgress?: (soFar: ImportReport) => void;
  signal?: AbortSignal;
}

/** What an import did, in files. */
export interface ImportReport {
  imported: number;
  /** Their bytes were here already. */
  known: number;
  /** Files that can't be read or are no pictures. Sidecars, links and folders are not counted. */
  unreadable: number;
}

/** A file that is a picture. */
interface Source {
  path: string;
  inspected: Inspected;
  modified: Date;
  sidecar: unknown;
}

/**
 * Imports the pictures of a folder, without those of folders in it.
 * @throws Error if it is the folder that pictures are kept in, or can't be read. @throws the signal's reason
 */
export async function importFolder(path: string, options: ImportOptions): Promise<ImportReport> {
  await refuseOwn(path, options.folder);
  const report: ImportReport = { imported: 0, known: 0, unreadable: 0 };
  for await (const { name, isFile } of Deno.readDir(path)) {
    options.signal?.throwIfAborted();
    if (!isFile || name.startsWith(".") || /\.json$/i.test(name)) continue;
    try {
      report[await importFile(join(path, name), options)]++;
    } catch (error) {
      options.signal?.throwIfAborted();
      report.unreadable++;
      options.onError(error, name);
    }
    options.onProgress?.(report);
  }
  return report;
}

async function refuseOwn(path: string, folder: string): Promise<void> {
  const own = await Deno.realPath(folder).catch(() => folder);
  if (await Deno.realPath(path) !== own) return;
  throw new Error(
    `Cannot import ${path}: pictures are kept there already, and are listed after the next start`,
  );
}

async function importFile(path: string, options: ImportOptions): Promise<keyof ImportReport> {
  const { store, signal } = options;
  const source = await readSource(path, signal);
  if (!source) return "unreadable";
  if (await store.byHash(source.inspected.hash)) return "known";
  await store.add(await keep(source, options));
  return "imported";
}

async function readSource(path: string, signal?: AbortSignal): Promise<Source | undefined> {
  const file = await Deno.open(path);
  const { mtime } = await file.stat();
  const inspected = await inspect(file.readable, signal);
  return inspected && {
    path,
    inspected,
    modified: mtime ?? new Date(0),
    sidecar: await readSidecar(dirname(path), basename(path)),
  };
}

/** Stores a picture under its own name if that is safe and free, else under a new one. */
async function keep(source: Source, options: ImportOptions): Promise<PictureRecord> {
  const { store, blobs, clock, uploadWanted } = options;
  const { path, inspected, sidecar } = source;
  const describe = (name: string) =>
    recordOf({ ...source, name, now: clock.now(), uploadWanted: uploadWanted() });
  const own = basename(path);
  const record = describe(own);
  // What it says goes along as it was; where there is nothing, its time would be lost with the file's.
  const about = isRecord(sidecar) ? sidecar : { prompt: "", timestamp: record.time };
  if (isBlobName(own) && !await store.get(own)) {
    try {
      await blobs.adopt(path, own, about);
      return record;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      // An import that was cut off got as far as this.
      if (await hashOf(blobs, own) === inspected.hash) return record;
    }
  }
  const name = blobName({ time: new Date(record.time), prompt: record.prompt, type: inspected.type });
  await blobs.adopt(path, name, about);
  return describe(name);
}

async function hashOf(blobs: LocalBlobs, name: string): Promise<string | undefined> {
  const blob = await blobs.open(name);
  return blob && (await inspect(blob.bytes))?.hash;
}
