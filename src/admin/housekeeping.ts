/**
 * Housekeeping of stored pictures: what is too old or too much goes, wherever parts of it are; folder and index are
 * kept in step. Everybody who removes pictures does it here, because bytes may be shared.
 */
import pMap from "p-map";
import type { TieredBlobs } from "../platform/blobs_tiered.ts";
import type { Blobs } from "../platform/ports.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import { type RepairOptions, repairPictures, type RepairReport, type RepairRun } from "./picture_repair.ts";

/** How many pictures are kept. */
export interface Limits {
  retentionDays?: number;
  maxBytes?: number;
  maxCount?: number;
}

/** What housekeeping works on. */
export interface HousekeepingOptions extends RepairOptions {
  /** The folder alone. */
  blobs: Blobs;
  limits: () => Limits;
  /** Objects of the bucket, which pictures may share. */
  objects?: Pick<TieredBlobs, "removeUnused">;
  thumbnails?: { remove(name: string): Promise<void> };
}

/** Housekeeping. */
export type Housekeeping = ReturnType<typeof createHousekeeping>;

const DAY = 24 * 60 * 60_000;
/** How many pictures go at a time. */
const BATCH = 100;
const CONCURRENCY = 8;

/** Makes it. */
export function createHousekeeping(options: HousekeepingOptions) {
  const { clock, store, blobs, limits, objects, thumbnails, onError } = options;
  let last: Promise<unknown> = Promise.resolve();

  /** Removes one picture; gives what was known of it, or nothing if some of it could not be removed. */
  async function removeOne(name: string): Promise<PictureRecord | undefined> {
    try {
      await blobs.remove(name);
      const [record] = await store.remove([name]);
      if (record?.object !== undefined) await letGo(record, record.object);
      await thumbnails?.remove(name);
      return record;
    } catch (error) {
      onError(error, name);
    }
  }

  /** Removes an object if no other picture needs it. Where that fails the picture is noted again, to be tried later. */
  async function letGo(record: PictureRecord, object: string): Promise<void> {
    try {
      await objects?.removeUnused(object);
    } catch (error) {
      await store.add({ ...record, onDisk: false });
      throw error;
    }
  }

  /**
   * Removes pictures with all that belongs to them, and gives those that are gone. What went wrong with another is
   * told to `onError`. @throws the signal's reason
   */
  async function remove(names: readonly string[], signal?: AbortSignal): Promise<PictureRecord[]> {
    const removed = await pMap(names, removeOne, { concurrency: CONCURRENCY, signal });
    return removed.filter((record) => record !== undefined);
  }

  /** Removes the oldest ones, a batch at a time, as long as `choose` finds some among them. */
  async function removeOldest(
    choose: (oldest: PictureRecord[]) => PictureRecord[],
    { before, onRemoved, signal }: {
      before?: number;
      onRemoved?: (record: PictureRecord) => void;
      signal?: AbortSignal;
    },
  ): Promise<number> {
    let count = 0;
    while (true) {
      signal?.throwIfAborted();
      const chosen = choose(await store.oldest(BATCH, before));
      const removed = await remove(chosen.map(({ name }) => name), signal);
      removed.forEach((record) => onRemoved?.(record));
      count += removed.length;
      // Where nothing could be removed, the next turn would find the same ones again.
      if (removed.length === 0) return count;
    }
  }

  async function retain(signal?: AbortSignal): Promise<number> {
    const { retentionDays, maxBytes = Infinity, maxCount = Infinity } = limits();
    let count = 0;
    if (retentionDays !== undefined) {
      const before = clock.now() - retentionDays * DAY;
      count += await removeOldest((oldest) => oldest, { before, signal });
    }
    if (maxBytes === Infinity && maxCount === Infinity) return count;
    const left = await store.totals(signal);
    count += await removeOldest((oldest) => excessOf(oldest, left, { maxBytes, maxCount }), {
      onRemoved: ({ bytes }) => {
        left.count--;
        left.bytes -= bytes;
      },
      signal,
    });
    return count;
  }

  /** One after the other: each goes through all pictures, and is in no hurry. */
  function alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  }

  return {
    remove,

    /** Removes what is older or more than the limits allow, oldest first; gives how many. @throws the signal's reason */
    retain: (signal?: AbortSignal): Promise<number> => alone(() => retain(signal)),

    /** Makes the index say what the folder holds. @throws the signal's reason */
    repair: (run?: RepairRun): Promise<RepairReport> => alone(() => repairPictures(options, run)),

    /** Resolves when all of this that was begun has ended. */
    settled: async (): Promise<void> => void await last,
  };
}

/** As many of the oldest pictures as there are too many of. */
function excessOf(
  oldest: PictureRecord[],
  { count, bytes }: { count: number; bytes: number },
  { maxCount, maxBytes }: Required<Pick<Limits, "maxBytes" | "maxCount">>,
): PictureRecord[] {
  const excess: PictureRecord[] = [];
  for (const record of oldest) {
    if (count <= maxCount && bytes <= maxBytes) break;
    excess.push(record);
    count--;
    bytes -= record.bytes;
  }
  return excess;
}
