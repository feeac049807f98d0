import assert from "node:assert/strict";
import { join } from "node:path";
import { Failed } from "../core/failure.ts";
import { paintPng } from "../testing/painting.ts";
import { createLocalBlobs } from "./blobs_local.ts";
import { createTieredBlobs } from "./blobs_tiered.ts";
import type { BlobReader, Blobs } from "./ports.ts";

const here = paintPng({ width: 8, height: 8, seed: 1 });
const there = paintPng({ width: 8, height: 8, seed: 2 });

/** Two folders, of which one plays the bucket, and an index of names and objects. */
async function scene(objects: Record<string, string>) {
  const root = await Deno.makeTempDir();
  const local = createLocalBlobs(join(root, "local"));
  const bucket = createLocalBlobs(join(root, "bucket"));
  const asked: string[] = [];
  const remote: Blobs = {
    ...bucket,
    open: (name, range) => {
      asked.push(name);
      return state.trouble ? Promise.reject(state.trouble) : bucket.open(name, range);
    },
  };
  const state: { hasBucket: boolean; trouble?: Error } = { hasBucket: true };
  const told: unknown[] = [];
  const index = {
    get: (name: string) => Promise.resolve(name in objects ? { object: objects[name] } : undefined),
    objectOf: () => Promise.resolve(Object.values(objects)[0]),
    sharers: (object: string) =>
      Promise.resolve(Object.values(objects).filter((other) => other === object).length),
    uploaded: (name: string, object: string) => {
      objects[name] = object;
      return Promise.resolve();
    },
  };
  const tiered = createTieredBlobs({
    local,
    remote: () => state.hasBucket ? remote : undefined,
    index,
    onError: (error) => void told.push(error),
  });
  return {
    local,
    bucket,
    tiered,
    asked,
    state,
    told,
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

async function read(blobs: BlobReader, name: string, range?: { start: number; end: number }) {
  const blob = await blobs.open(name, range);
  return blob && await new Response(blob.bytes).bytes();
}

Deno.test("what is on the disk is read from there, whatever the bucket has", async () => {
  await using it = await scene({ "a.png": "a.png" });
  await it.local.put("a.png", here, { prompt: "here" });
  await it.bucket.put("a.png", there, { prompt: "there" });
  assert.deepEqual(await read(it.tiered, "a.png"), here);
  assert.deepEqual(await it.tiered.sidecar("a.png"), { prompt: "here" });
  assert.deepEqual(it.asked, []);
});

Deno.test("what is in the bucket alone is read from the object that holds it, in parts too", async () => {
  await using it = await scene({ "a.png": "shared.png", "b.png": "shared.png" });
  await it.bucket.put("shared.png", there, {});
  for (const name of ["a.png", "b.png"]) {
    assert.deepEqual(await read(it.tiered, name), there);
    assert.deepEqual(await read(it.tiered, name, { start: 3, end: 9 }), there.slice(3, 10));
    assert.equal((await it.tiered.stat(name))!.size, there.length);
  }
});

Deno.test("names that the index does not know cost no request", async () => {
  await using it = await scene({ "a.png": "a.png" });
  await it.bucket.put("guessed.png", there, {});
  for (const name of ["guessed.png", "../a.png", "a.png/", ""]) {
    assert.equal(await read(it.tiered, name), undefined, name);
    assert.equal(await it.tiered.stat(name), undefined, name);
  }
  assert.deepEqual(it.asked, []);
});

Deno.test("a bucket out of reach is told in the log, and to whoever asks without its name", async () => {
  await using it = await scene({ "a.png": "a.png" });
  await it.bucket.put("a.png", there, {});
  it.state.trouble = new Error("nothing listens at http://bucket.internal");
  const error = await read(it.tiered, "a.png").catch((error) => error);
  assert.ok(error instanceof Failed);
  assert.deepEqual([error.failure.kind, error.failure.code], ["unreachable", "storage_unavailable"]);
  assert.doesNotMatch(error.message, /bucket.internal/);
  assert.deepEqual(it.told, [it.state.trouble]);
  it.state.trouble = undefined;
  assert.deepEqual(await read(it.tiered, "a.png"), there);
});

Deno.test("without a bucket there is what the disk has", async () => {
  await using it = await scene({ "a.png": "a.png", "b.png": "b.png" });
  it.state.hasBucket = false;
  await it.local.put("a.png", here, {});
  assert.deepEqual(await read(it.tiered, "a.png"), here);
  assert.equal(await read(it.tiered, "b.png"), undefined);
});

Deno.test("an object is shared where it has the same bytes, and removed once nobody needs it", async () => {
  const objects: Record<string, string> = { "a.png": "a.png" };
  await using it = await scene(objects);
  await it.bucket.put("a.png", there, {});
  const twin = { name: "b.png", hash: "h", bytes: there.length };
  assert.equal(await it.tiered.share({ ...twin, bytes: there.length + 1 }), undefined);
  assert.equal(await it.tiered.share(twin), "a.png");
  delete objects["a.png"];
  await it.tiered.removeUnused("a.png");
  assert.deepEqual(await read(it.tiered, "b.png"), there);
  delete objects["b.png"];
  await it.tiered.removeUnused("a.png");
  assert.equal(await it.bucket.stat("a.png"), undefined);
});
