import assert from "node:assert/strict";
import { join } from "node:path";
import type { LocalBlobs } from "../platform/blobs_local.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import { Filing, type FilingOptions } from "./filing.ts";
import { paintSmall, type PictureScene, pictureScene } from "./pictures_test_kit.ts";

const sha256 = async (bytes: Uint8Array<ArrayBuffer>) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();

/** Puts a picture where a request leaves it: in the folder and in the index, without hash and sidecar. */
async function leave(scene: PictureScene, name: string, seed = 1, more: Partial<PictureRecord> = {}) {
  const bytes = paintSmall(seed);
  await Deno.writeFile(join(scene.folder, name), bytes);
  await scene.store.addMissing([{
    name,
    time: scene.clock.now(),
    type: "image/png",
    bytes: bytes.length,
    width: 8,
    height: 8,
    hash: "",
    prompt: `prompt of ${name}`,
    model: "flux",
    provider: "Mock",
    task: "generate",
    client: "relay",
    requestId: "request-1",
    costUsd: 0.25,
    onDisk: true,
    uploadWanted: false,
    ...more,
  }]);
}

/** Filing over a scene, and what it told. */
function filingOf(scene: PictureScene, change: Partial<FilingOptions> = {}) {
  const told = { filed: 0, errors: [] as (string | undefined)[] };
  const filing = new Filing({
    clock: scene.clock,
    index: scene.store,
    local: scene.blobs,
    idleFor: () => Infinity,
    onFiled: () => told.filed++,
    onError: (_error, name) => told.errors.push(name),
    ...change,
  });
  return Object.assign(filing, { told });
}

async function inodes(scene: PictureScene, ...names: string[]) {
  return new Set(
    await Promise.all(names.map(async (name) => (await Deno.stat(join(scene.folder, name))).ino)),
  );
}

async function unfiled(scene: PictureScene): Promise<string[]> {
  return (await scene.store.unfiled(1000)).map(({ name }) => name);
}

/** The folder, but without luck as long as these names are in it. */
function failing(blobs: LocalBlobs, names: Set<string>): Pick<LocalBlobs, "file" | "hash"> {
  return {
    hash: (name) => names.has(name) ? Promise.reject(new Error("input/output error")) : blobs.hash(name),
    file: (...args) => blobs.file(...args),
  };
}

Deno.test("a picture gets its hash in the index, and beside it what made it", async () => {
  await using scene = await pictureScene();
  await leave(scene, "a.png", 1, {
    seed: 7,
    revisedPrompt: "a better prompt",
    request: { prompt: "x", n: 1 },
  });
  await using filing = filingOf(scene);
  filing.wake();
  await filing.settled();
  const { hash, time } = (await scene.store.get("a.png"))!;
  assert.equal(hash, await sha256(paintSmall(1)));
  assert.deepEqual(await scene.blobs.sidecar("a.png"), {
    prompt: "prompt of a.png",
    model: "flux",
    seed: 7,
    params: {
      task: "generate",
      provider: "Mock",
      requestId: "request-1",
      client: "relay",
      revisedPrompt: "a better prompt",
      costUsd: 0.25,
    },
    timestamp: time,
    type: "image/png",
    width: 8,
    height: 8,
    request: { prompt: "x", n: 1 },
  });
  assert.deepEqual(filing.told, { filed: 1, errors: [] });
});

Deno.test("equal bytes become one file under several names, and others stay apart", async () => {
  await using scene = await pictureScene();
  for (const [name, seed] of [["a.png", 1], ["b.png", 2], ["c.png", 1], ["d.png", 1]] as const) {
    await leave(scene, name, seed);
  }
  await using filing = filingOf(scene);
  filing.wake();
  await filing.settled();
  assert.equal((await inodes(scene, "a.png", "c.png", "d.png")).size, 1);
  assert.equal((await inodes(scene, "a.png", "b.png")).size, 2);
  for (const name of ["a.png", "c.png"]) {
    assert.deepEqual(await Deno.readFile(join(scene.folder, name)), paintSmall(1));
    assert.equal((await scene.blobs.sidecar(name) as { prompt: string }).prompt, `prompt of ${name}`);
  }
  assert.deepEqual(
    await scene.files(),
    ["a.png", "b.png", "c.png", "d.png"].flatMap((name) => [name, `${name}.json`]),
  );
});

Deno.test("a twin that is in the bucket alone is nobody's file", async () => {
  await using scene = await pictureScene();
  await leave(scene, "old.png", 1, { hash: await sha256(paintSmall(1)), onDisk: false, object: "old.png" });
  await leave(scene, "new.png", 1);
  await using filing = filingOf(scene);
  filing.wake();
  await filing.settled();
  assert.equal((await inodes(scene, "old.png", "new.png")).size, 2);
  assert.deepEqual([await unfiled(scene), filing.told.errors], [[], []]);
});

Deno.test("nothing is done before somebody says that there are pictures", async () => {
  await using scene = await pictureScene();
  await leave(scene, "a.png");
  await using filing = filingOf(scene);
  await filing.settled();
  assert.deepEqual(await unfiled(scene), ["a.png"]);
});

Deno.test("pictures that come while others are filed are filed as well", async () => {
  await using scene = await pictureScene();
  await leave(scene, "a.png");
  let isFirst = true;
  await using filing = filingOf(scene, {
    local: {
      ...scene.blobs,
      hash: async (name) => {
        if (isFirst) {
          isFirst = false;
          await leave(scene, "b.png", 2);
          filing.wake();
        }
        return await scene.blobs.hash(name);
      },
    },
  });
  filing.wake();
  await filing.settled();
  assert.deepEqual(await unfiled(scene), []);
});

Deno.test("what was left undone when the gateway stopped is done after its next start", async () => {
  await using scene = await pictureScene();
  for (let index = 0; index < 130; index++) await leave(scene, `${index}.png`, index % 7);
  const hashed = Promise.withResolvers<void>();
  let count = 0;
  const first = filingOf(scene, {
    local: {
      ...scene.blobs,
      hash: (name) => {
        if (++count === 60) hashed.resolve();
        return scene.blobs.hash(name);
      },
    },
  });
  first.wake();
  await hashed.promise;
  await first[Symbol.asyncDispose]();
  first.wake();
  const left = await unfiled(scene);
  assert.ok(left.length > 0 && left.length < 130, `${left.length} are left`);
  assert.deepEqual(first.told.errors, [], "to be stopped is no error");
  await using second = filingOf(scene);
  second.wake();
  await second.settled();
  assert.deepEqual(await unfiled(scene), []);
  const names = Array.from({ length: 130 }, (_, index) => `${index}.png`);
  assert.equal((await inodes(scene, ...names)).size, 7);
});

Deno.test("requests go first: a picture waits until there have been none for a while", async () => {
  await using scene = await pictureScene();
  await leave(scene, "a.png");
  let servedUntil = Infinity;
  const { clock } = scene;
  const filed = Promise.withResolvers<void>();
  await using filing = filingOf(scene, {
    idleFor: () => Math.max(0, clock.now() - servedUntil),
    onFiled: filed.resolve,
  });
  filing.wake();
  for (let turn = 0; turn < 3; turn++) await clock.passSleep(250);
  servedUntil = clock.now() + 100;
  await clock.passSleep(250);
  assert.deepEqual(await unfiled(scene), ["a.png"], "others may follow at once");
  await clock.passSleep(100);
  await filed.promise;
  assert.deepEqual(await unfiled(scene), []);
});

Deno.test("a gateway that is never at rest has its pictures filed after half a minute", async () => {
  await using scene = await pictureScene();
  const { clock } = scene;
  await leave(scene, "a.png");
  const filed = Promise.withResolvers<void>();
  await using filing = filingOf(scene, { idleFor: () => 0, onFiled: filed.resolve });
  filing.wake();
  for (let turn = 0; turn < 119; turn++) await clock.passSleep(250);
  await clock.sleeping(250, 1);
  assert.deepEqual(await unfiled(scene), ["a.png"]);
  await clock.pass(250);
  await filed.promise;
  assert.deepEqual(await unfiled(scene), []);
});

Deno.test("whoever waits for pictures to be filed waits for no silence", async () => {
  await using scene = await pictureScene();
  await leave(scene, "a.png");
  await using filing = filingOf(scene, { idleFor: () => 0 });
  filing.wake();
  await scene.clock.sleeping(250, 1);
  await filing.settled();
  assert.deepEqual(await unfiled(scene), []);
});

Deno.test("a gateway that stops waits for no silence, and files nothing more", async () => {
  await using scene = await pictureScene();
  await leave(scene, "a.png");
  const filing = filingOf(scene, { idleFor: () => 0 });
  filing.wake();
  await scene.clock.sleeping(250, 1);
  await filing[Symbol.asyncDispose]();
  assert.deepEqual(filing.told, { filed: 0, errors: [] });
});

Deno.test("a picture whose file is gone is noted as that, and not asked for again", async () => {
  await using scene = await pictureScene();
  await leave(scene, "a.png");
  await leave(scene, "b.png");
  await Deno.remove(join(scene.folder, "a.png"));
  await using filing = filingOf(scene);
  filing.wake();
  await filing.settled();
  assert.equal((await scene.store.get("a.png"))!.onDisk, false);
  assert.deepEqual(await unfiled(scene), []);
  assert.deepEqual(filing.told.errors, []);
});

Deno.test("a disk that fails is tried again, after pauses that grow", async () => {
  await using scene = await pictureScene();
  await leave(scene, "a.png");
  const broken = new Set(["a.png"]);
  await using filing = filingOf(scene, { local: failing(scene.blobs, broken) });
  filing.wake();
  await filing.settled();
  for (const pause of [5_000, 10_000, 20_000, 40_000]) {
    assert.equal(await scene.clock.passSleep(pause), pause);
  }
  await filing.settled();
  assert.deepEqual(filing.told.errors, Array(5).fill("a.png"));
  broken.clear();
  await scene.clock.passSleep(80_000);
  await filing.settled();
  assert.deepEqual(await unfiled(scene), []);
  broken.add("b.png");
  await leave(scene, "b.png");
  filing.wake();
  await filing.settled();
  await scene.clock.sleeping(5_000, 1);
});

Deno.test("one bad file keeps no other waiting, and is not tried again for each of them", async () => {
  await using scene = await pictureScene();
  for (let index = 0; index < 60; index++) await leave(scene, `bad${index}.png`, 1);
  const bad = new Set(await unfiled(scene));
  await leave(scene, "good.png", 2);
  await using filing = filingOf(scene, { local: failing(scene.blobs, bad) });
  filing.wake();
  await filing.settled();
  assert.ok(!(await unfiled(scene)).includes("good.png"));
  assert.equal(filing.told.errors.length, 60);
  await leave(scene, "later.png", 3);
  filing.wake();
  await filing.settled();
  assert.deepEqual(new Set(await unfiled(scene)), bad);
  assert.equal(filing.told.errors.length, 60);
  bad.clear();
  await scene.clock.passSleep(5_000);
  await filing.settled();
  assert.deepEqual(await unfiled(scene), []);
});

Deno.test("a disk that takes nothing is left alone after some tries, until it is asked again", async () => {
  await using scene = await pictureScene();
  for (let index = 0; index < 300; index++) await leave(scene, `${index}.png`, 1);
  const bad = new Set(await scene.listed());
  await using filing = filingOf(scene, { local: failing(scene.blobs, bad) });
  filing.wake();
  await filing.settled();
  const tried = filing.told.errors.length;
  assert.ok(tried >= 100 && tried < 200, `${tried} were tried`);
  filing.wake();
  await filing.settled();
  assert.equal(filing.told.errors.length, tried);
  bad.clear();
  await scene.clock.passSleep(5_000);
  await filing.settled();
  assert.deepEqual(await unfiled(scene), []);
});

Deno.test("a sidecar that can't be written is tried again, and the picture is not filed before", async () => {
  await using scene = await pictureScene();
  await leave(scene, "a.png");
  await Deno.mkdir(join(scene.folder, "a.png.json"));
  await using filing = filingOf(scene);
  filing.wake();
  await filing.settled();
  assert.deepEqual([await unfiled(scene), filing.told.errors], [["a.png"], ["a.png"]]);
  await Deno.remove(join(scene.folder, "a.png.json"));
  await scene.clock.passSleep(5_000);
  await filing.settled();
  assert.equal((await scene.blobs.sidecar("a.png") as { prompt: string }).prompt, "prompt of a.png");
  assert.deepEqual([await unfiled(scene), filing.told.filed], [[], 1]);
});

Deno.test("an index that does not answer is told, and asked again with the next picture", async () => {
  await using scene = await pictureScene();
  await leave(scene, "a.png");
  let isDown = true;
  await using filing = filingOf(scene, {
    index: {
      ...scene.store,
      unfiled: (limit) =>
        isDown ? Promise.reject(new Error("the database is locked")) : scene.store.unfiled(limit),
    },
  });
  filing.wake();
  await filing.settled();
  assert.deepEqual(filing.told.errors, [undefined]);
  isDown = false;
  filing.wake();
  await filing.settled();
  assert.deepEqual(await unfiled(scene), []);
});
