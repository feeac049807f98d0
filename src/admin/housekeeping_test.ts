import assert from "node:assert/strict";
import { createTieredBlobs } from "../platform/blobs_tiered.ts";
import { inspect, recordOf } from "./found_picture.ts";
import { createHousekeeping, type Limits } from "./housekeeping.ts";
import { paintSmall, type PictureScene, pictureScene } from "./pictures_test_kit.ts";

const DAY = 24 * 60 * 60_000;

Deno.test("pictures older than the limit go, file, sidecar and row", async () => {
  await using scene = await pictureScene({ limits: () => ({ retentionDays: 2.5 }) });
  for (const days of [1, 2, 3, 4]) await keep(scene, `${days}.png`, { days });
  assert.equal(await scene.housekeeping.retain(), 2);
  assert.deepEqual(await scene.listed(), ["1.png", "2.png"]);
  assert.deepEqual(await scene.files(), ["1.png", "1.png.json", "2.png", "2.png.json"]);
  assert.equal(await scene.housekeeping.retain(), 0);
});

Deno.test("of too many pictures the oldest go, and no more than have to", async () => {
  let limits: Limits = {};
  await using scene = await pictureScene({ limits: () => limits });
  for (let i = 0; i < 250; i++) await keep(scene, `${i}.png`, { days: 250 - i });
  const { bytes } = (await scene.store.get("0.png"))!;
  const oldest = async () => (await scene.store.oldest(1))[0]?.name;
  assert.equal(await scene.housekeeping.retain(), 0, "there is no limit yet");
  limits = { maxCount: 30 };
  assert.equal(await scene.housekeeping.retain(), 220);
  assert.equal(await oldest(), "220.png");
  limits = { maxCount: 30, maxBytes: 20 * bytes + 1 };
  assert.equal(await scene.housekeeping.retain(), 10);
  assert.equal(await oldest(), "230.png");
  limits = { retentionDays: 5.5, maxCount: 3 };
  assert.equal(await scene.housekeeping.retain(), 17);
  assert.deepEqual(await scene.listed(), ["247.png", "248.png", "249.png"]);
});

Deno.test("an object in the bucket goes with the last picture that shares it", async () => {
  await using scene = await sceneWithBucket();
  for (const name of ["a.png", "b.png", "c.png"]) {
    await keep(scene, name, { object: name === "c.png" ? name : "a.png" });
  }
  await scene.housekeeping.remove(["a.png"]);
  assert.deepEqual(scene.removed, []);
  await scene.housekeeping.remove(["b.png", "c.png"]);
  assert.deepEqual(scene.removed.sort(), ["a.png", "c.png"]);
  assert.deepEqual(await scene.listed(), []);
});

Deno.test("several pictures that share an object and go together take it with them", async () => {
  await using scene = await sceneWithBucket();
  const names = Array.from({ length: 20 }, (_, i) => `${i}.png`);
  for (const name of names) await keep(scene, name, { object: "shared.png" });
  assert.equal((await scene.housekeeping.remove(names)).length, 20);
  assert.ok(scene.removed.includes("shared.png"));
});

Deno.test("a picture that the bucket does not let go of stays known, and goes the next time", async () => {
  await using scene = await sceneWithBucket();
  await keep(scene, "a.png", { days: 3, object: "a.png" });
  scene.isDown = true;
  assert.equal(await scene.housekeeping.retain(), 0);
  assert.deepEqual(scene.errors.map(({ name }) => name), ["a.png"]);
  const { onDisk, object } = (await scene.store.get("a.png"))!;
  assert.deepEqual([onDisk, object], [false, "a.png"]);
  scene.isDown = false;
  assert.equal(await scene.housekeeping.retain(), 1);
  assert.deepEqual(scene.removed, ["a.png"]);
});

Deno.test("a picture whose file can't be removed stays listed, and does not hold up the others", async () => {
  await using scene = await pictureScene();
  await using stuck = await pictureScene({
    store: scene.store,
    limits: () => ({ maxCount: 1 }),
    blobs: {
      ...scene.blobs,
      remove: async (name) => {
        if (name === "a.png") throw new Error("the disk is read-only");
        await scene.blobs.remove(name);
      },
    },
  });
  for (const [days, name] of [[3, "a.png"], [2, "b.png"], [1, "c.png"]] as const) {
    await keep(scene, name, { days });
  }
  assert.equal(await stuck.housekeeping.retain(), 1);
  assert.deepEqual(await scene.listed(), ["a.png", "c.png"]);
  assert.ok(stuck.errors.every(({ name }) => name === "a.png"));
});

Deno.test("thumbnails go with their pictures", async () => {
  const removed: string[] = [];
  await using scene = await pictureScene({
    thumbnails: { remove: (name) => Promise.resolve(void removed.push(name)) },
  });
  await keep(scene, "a.png");
  await keep(scene, "b.png");
  const gone = await scene.housekeeping.remove(["a.png", "stranger.png", "../b.png"]);
  assert.deepEqual(gone.map(({ name }) => name), ["a.png"]);
  assert.ok(removed.includes("a.png") && !removed.includes("b.png"));
  assert.deepEqual(await scene.files(), ["b.png", "b.png.json"]);
});

Deno.test("a second name of the same bytes outlives the first", async () => {
  await using scene = await pictureScene();
  await keep(scene, "a.png");
  await scene.blobs.link("a.png", "b.png", {});
  await scene.housekeeping.repair();
  await scene.housekeeping.remove(["a.png"]);
  assert.deepEqual(await scene.listed(), ["b.png"]);
  assert.deepEqual(await new Response((await scene.blobs.open("b.png"))!.bytes).bytes(), paintSmall(1));
});

Deno.test("housekeeping stops when it is told to, and is settled then", async () => {
  await using scene = await pictureScene({ limits: () => ({ maxCount: 1 }) });
  for (const name of ["a.png", "b.png"]) await keep(scene, name);
  const retained = scene.housekeeping.retain(AbortSignal.abort());
  await assert.rejects(retained, { name: "AbortError" });
  await scene.housekeeping.settled();
  assert.deepEqual(await scene.listed(), ["a.png", "b.png"]);
  assert.equal(await scene.housekeeping.retain(), 1, "one that failed does not hold up the next");
});

/** Stores a picture that was made some days ago. */
async function keep(
  { blobs, store, clock }: PictureScene,
  name: string,
  { days = 0, object }: { days?: number; object?: string } = {},
): Promise<void> {
  await blobs.put(name, paintSmall(1), {});
  const inspected = (await inspect(new Blob([paintSmall(1)]).stream()))!;
  const modified = new Date(clock.now() - days * DAY);
  const found = { name, inspected, sidecar: undefined, modified, now: clock.now(), uploadWanted: false };
  await store.add({ ...recordOf(found), object });
}

/** A scene with a bucket that knows nothing but what was removed from it. */
async function sceneWithBucket() {
  const plain = await pictureScene();
  const scene = { ...plain, removed: [] as string[], isDown: false };
  const bucket = {
    ...scene.blobs,
    remove: (...names: string[]) =>
      scene.isDown
        ? Promise.reject(new Error("it does not answer"))
        : Promise.resolve(void scene.removed.push(...names)),
  };
  const objects = createTieredBlobs({ local: scene.blobs, remote: () => bucket, index: scene.store });
  const limits = () => ({ retentionDays: 1 });
  return Object.assign(scene, { housekeeping: createHousekeeping({ ...scene.options, objects, limits }) });
}
