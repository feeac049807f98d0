/** What the tests of stored pictures share: a folder with its index, on a clock that stands still. */
import { join } from "node:path";
import { createLocalBlobs } from "../platform/blobs_local.ts";
import { sqliteDialect } from "../platform/sqlite.ts";
import { openDatabase } from "../store/database.ts";
import { createPictureStore } from "../store/pictures.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { paintPng } from "../testing/painting.ts";
import { createHousekeeping, type HousekeepingOptions } from "./housekeeping.ts";

/** A folder of pictures, another folder beside it, and the index. */
export type PictureScene = Awaited<ReturnType<typeof pictureScene>>;

/** A small picture; each seed gives other bytes. */
export function paintSmall(seed: number): Uint8Array<ArrayBuffer> {
  return paintPng({ width: 8, height: 8, seed });
}

/** Makes a scene. @param options.root a folder to start in again; absent = one of its own, which vanishes */
export async function pictureScene(change: Partial<HousekeepingOptions> = {}, root?: string) {
  const path = root ?? await Deno.makeTempDir();
  const folder = join(path, "storage");
  const other = join(path, "other");
  const clock = new FakeClock(Date.now());
  const db = await openDatabase(sqliteDialect(":memory:"));
  const store = createPictureStore(db);
  const blobs = createLocalBlobs(folder);
  const errors: { error: unknown; name: string }[] = [];
  const options: HousekeepingOptions = {
    clock,
    store,
    blobs,
    folder,
    limits: () => ({}),
    uploadWanted: () => false,
    isPending: () => false,
    onError: (error, name) => void errors.push({ error, name }),
    ...change,
  };
  await Deno.mkdir(folder, { recursive: true });
  await Deno.mkdir(other, { recursive: true });
  return {
    path,
    folder,
    other,
    clock,
    db,
    store,
    blobs,
    errors,
    options,
    housekeeping: createHousekeeping(options),
    /** Names of all pictures in the index, sorted. */
    listed: async () => (await store.names(100_000)).map(({ name }) => name),
    /** Names of all files in the folder, sorted. */
    files: async () => (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(),
    async [Symbol.asyncDispose]() {
      await db.destroy();
      if (root === undefined) await Deno.remove(path, { recursive: true });
    },
  };
}
