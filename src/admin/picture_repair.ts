/**
 * Makes the index say what the folder holds: pictures that came by hand, from img-router, or before a crash are
 * noted, those that went are forgotten. It may run at any time, beside everything else.
 */
import { join } from "node:path";
import { setImmediate as othersFirst } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { isBlobName } from "../platform/blob_names.ts";
import type { Blobs } from "../platform/ports.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import type { PictureStore } from "../store/pictures.ts";
import { inspect, recordOf } from "./found_picture.ts";

/** What a repair works on. */
export interface RepairOptions {
  clock: Clock;
  store: PictureStore;
  blobs: Pick<Blobs, "open" | "sidecar">;
  /** The folder of `blobs`. */
  folder: string;
  /** Whether what is found is to be in the bucket too. */
  uploadWanted: () => boolean;
  /** Whether a picture is still on its way to the folder. */
  isPending: (name: string) => boolean;
  /** Is told what went wrong with one file. */
  onError: (error: unknown, name: string) => void;
}

/** What a repair did, in pictures. */
export interface RepairReport {
  /** Noted. */
  added: number;
  /** Forgotten. */
  removed: number;
  /** Said to be in the folder and not there, or the other way round. */
  corrected: number;
  /** Files with the name of an image that can't be read or are none; they stay, unlisted. */
  unreadable: number;
}

/** How much a repair looks at. */
export interface RepairRun {
  signal?: AbortSignal;
  /** Hears how far it is, now and then. */
  onProgress?: (soFar: RepairReport & { files: number }) => void;
  /**
   * Looks at every file and every row, and forgets all pictures where the folder is empty. Otherwise nothing is done
   * where as many files are there as are known, and an empty folder counts as one that is not mounted.
   */
  thorough?: boolean;
}

const BATCH = 200;
/** Hashing a picture takes milliseconds, so that these are noted every second or so. */
const ADD_BATCH = 50;
/** How old a half-written file must be, in ms, for nobody to be writing it any more. */
const STALE = 60 * 60_000;
const HALF_WRITTEN = /^\.(.+\.)?[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.tmp$/;

/** Repairs. @throws the signal's reason; what was repaired by then stays so */
export async function repairPictures(
  options: RepairOptions,
  { signal, onProgress, thorough = false }: RepairRun = {},
): Promise<RepairReport> {
  const report: RepairReport = { added: 0, removed: 0, corrected: 0, unreadable: 0 };
  if (!thorough) {
    const there = await countFiles(options, signal);
    const { onDisk } = await options.store.totals(signal);
    if (there === onDisk) return report;
    if (there === 0) {
      const found = new Error(`Found no picture of ${onDisk}: is the folder mounted? Nothing was forgotten`);
      options.onError(found, options.folder);
      return report;
    }
  }
  let files = 0;
  for await (const names of batches(fileNames(options), BATCH)) {
    signal?.throwIfAborted();
    files += names.length;
    await noteFiles(options, names, report, signal);
    onProgress?.({ ...report, files });
    await othersFirst();
  }
  await lookAfterRows(options, report, signal);
  return report;
}

async function countFiles(options: RepairOptions, signal?: AbortSignal): Promise<number> {
  let count = 0;
  for await (const _ of fileNames(options)) {
    if (++count % BATCH === 0) signal?.throwIfAborted();
  }
  return count;
}

/** Names of images in the folder. Half-written files that nobody finishes are removed on the way. */
async function* fileNames({ folder, clock, onError }: RepairOptions): AsyncGenerator<string> {
  try {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (isFile && isBlobName(name)) yield name;
      else if (isFile && HALF_WRITTEN.test(name)) await removeIfStale(join(folder, name), clock, onError);
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function removeIfStale(path: string, clock: Clock, onError: RepairOptions["onError"]): Promise<void> {
  try {
    const { mtime } = await Deno.lstat(path);
    if (mtime && mtime.getTime() < clock.now() - STALE) await Deno.remove(path);
  } catch (error) {
    if (!isMissing(error)) onError(error, path);
  }
}

/** Notes those of these files of which the index does not know. */
async function noteFiles(
  options: RepairOptions,
  names: string[],
  report: RepairReport,
  signal?: AbortSignal,
): Promise<void> {
  const { store, isPending } = options;
  const known = await store.onDisk(names);
  for (const name of names) {
    // Looked at again: a file that was just moved to the bucket is gone by now.
    if (known.get(name) === false && await isThere(options, name)) {
      report.corrected += await store.setOnDisk([name], true);
    }
  }
  const strangers = names.filter((name) => !known.has(name) && !isPending(name));
  for await (const records of batches(readFiles(options, strangers, report, signal), ADD_BATCH)) {
    report.added += await store.addMissing(records);
  }
}

async function* readFiles(
  options: RepairOptions,
  names: string[],
  report: RepairReport,
  signal?: AbortSignal,
): AsyncGenerator<PictureRecord> {
  for (const name of names) {
    signal?.throwIfAborted();
    try {
      const record = await readFile(options, name, signal);
      if (record) yield record;
      else report.unreadable++;
    } catch (error) {
      signal?.throwIfAborted();
      report.unreadable++;
      options.onError(error, name);
    }
  }
}

async function readFile(
  { blobs, clock, uploadWanted }: RepairOptions,
  name: string,
  signal?: AbortSignal,
): Promise<PictureRecord | undefined> {
  const blob = await blobs.open(name);
  const inspected = blob && await inspect(blob.bytes, signal);
  return inspected && recordOf({
    name,
    inspected,
    sidecar: await blobs.sidecar(name),
    modified: blob.modified,
    now: clock.now(),
    uploadWanted: uploadWanted(),
  });
}

/** Forgets pictures whose file is gone and that are not in the bucket either. */
async function lookAfterRows(
  options: RepairOptions,
  report: RepairReport,
  signal?: AbortSignal,
): Promise<void> {
  const { store, isPending } = options;
  let after: string | undefined;
  while (true) {
    signal?.throwIfAborted();
    const rows = await store.names(BATCH, after);
    const lost: string[] = [];
    for (const { name, onDisk, object } of rows) {
      if (!onDisk && object !== undefined) continue;
      // In this order: what is no longer on its way has arrived.
      if (isPending(name) || await isThere(options, name)) continue;
      if (object === undefined) lost.push(name);
      else report.corrected += await store.setOnDisk([name], false);
    }
    report.removed += (await store.remove(lost)).length;
    after = rows.at(-1)?.name;
    if (rows.length < BATCH) return;
    await othersFirst();
  }
}

async function isThere({ folder }: RepairOptions, name: string): Promise<boolean> {
  try {
    return (await Deno.lstat(join(folder, name))).isFile;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

async function* batches<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
