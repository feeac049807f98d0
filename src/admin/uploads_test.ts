import assert from "node:assert/strict";
import { join } from "node:path";
import { createLocalBlobs } from "../platform/blobs_local.ts";
import { createTieredBlobs } from "../platform/blobs_tiered.ts";
import type { Blobs } from "../platform/ports.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import { paintSmall, pictureScene } from "./pictures_test_kit.ts";
import { Uploads } from "./uploads.ts";

const FIRST_PAUSE = 5_000;

/** A gallery and a bucket, which is a folder too, and can be made to fail. */
async function scene({ keepsLocal = false, wrapLocal = (blobs: Blobs) => blobs } = {}) {
  const pictures = await pictureScene();
  const bucket = createLocalBlobs(join(pictures.path, "bucket"));
  const local = wrapLocal(pictures.blobs);
  const trouble: { error?: Error; refuses?: string; configured: boolean } = { configured: true };
  const puts: string[] = [];
  const remote: Blobs = {
    ...bucket,
    put: async (name, image, sidecar) => {
      if (trouble.error || name === trouble.refuses) {
        if (!(image instanceof Uint8Array)) await image.bytes.cancel();
        throw trouble.error ?? new Error(`too large: ${name}`);
      }
      puts.push(name);
      await bucket.put(name, image, sidecar);
    },
  };
  const { clock, store: index, errors } = pictures;
  const tiered = createTieredBlobs({ local, remote: () => remote, index });
  const start = () =>
    new Uploads({
      clock,
      index,
      local,
      remote: () => trouble.configured ? remote : undefined,
      tiered,
      keepsLocal: () => keepsLocal,
      onError: (error, name = "") => void errors.push({ error, name }),
    });
  const uploads = start();
  return {
    ...pictures,
    bucket,
    tiered,
    trouble,
    puts,
    start,
    uploads,
    /** Keeps a picture as the gateway does. */
    keep: async (name: string, bytes: Uint8Array = paintSmall(name.length * 7 + name.charCodeAt(0))) => {
      await pictures.blobs.put(name, bytes, { prompt: name });
      await index.add(await record(name, bytes, clock.now()));
      return bytes;
    },
    inBucket: async () => (await Array.fromAsync(bucket.list())).map(({ name }) => name).sort(),
    onDisk: async () => (await Array.fromAsync(pictures.blobs.list())).map(({ name }) => name).sort(),
    async [Symbol.asyncDispose]() {
      await uploads[Symbol.asyncDispose]();
      await pictures[Symbol.asyncDispose]();
    },
  };
}

async function record(name: string, bytes: Uint8Array, time: number): Promise<PictureRecord> {
  const digest = await crypto.subtle.digest("SHA-256", bytes.slice());
  return {
    name,
    time,
    type: "image/png",
    bytes: bytes.length,
    width: 8,
    height: 8,
    hash: new Uint8Array(digest).toHex(),
    prompt: name,
    model: "painter",
    provider: "Mock",
    task: "generate",
    client: "relay",
    requestId: "req_1",
    onDisk: true,
    uploadWanted: true,
  };
}

const read = async (blobs: Pick<Blobs, "open">, name: string) =>
  await new Response((await blobs.open(name))!.bytes).bytes();

Deno.test("a picture goes to the bucket with its sidecar, and its file away", async () => {
  await using it = await scene();
  const bytes = await it.keep("a.png");
  it.uploads.wake();
  await it.uploads.settled();
  assert.deepEqual(await it.inBucket(), ["a.png"]);
  assert.deepEqual(await read(it.bucket, "a.png"), bytes);
  assert.deepEqual(await it.bucket.sidecar("a.png"), { prompt: "a.png" });
  assert.deepEqual(await it.files(), []);
  const { onDisk, object } = (await it.store.get("a.png"))!;
  assert.deepEqual([onDisk, object], [false, "a.png"]);
  assert.deepEqual(await read(it.tiered, "a.png"), bytes);
  assert.deepEqual(await it.tiered.sidecar("a.png"), { prompt: "a.png" });
  assert.equal((await it.tiered.stat("a.png"))!.size, bytes.length);
});

Deno.test("where the disk keeps pictures too, the file stays", async () => {
  await using it = await scene({ keepsLocal: true });
  await it.keep("a.png");
  it.uploads.wake();
  await it.uploads.settled();
  assert.deepEqual([await it.inBucket(), await it.onDisk()], [["a.png"], ["a.png"]]);
  assert.equal((await it.store.get("a.png"))!.onDisk, true);
});

Deno.test("equal bytes are uploaded once, also those that come later", async () => {
  await using it = await scene();
  const bytes = paintSmall(1);
  for (const name of ["a.png", "b.png", "c.png"]) await it.keep(name, bytes);
  it.uploads.wake();
  await it.uploads.settled();
  await it.keep("later.png", bytes);
  it.uploads.wake();
  await it.uploads.settled();
  assert.equal(it.puts.length, 1);
  for (const name of ["a.png", "b.png", "c.png", "later.png"]) {
    assert.deepEqual(await read(it.tiered, name), bytes);
  }
  assert.deepEqual(await it.onDisk(), []);
});

Deno.test("an object that is gone from the bucket is not shared", async () => {
  await using it = await scene();
  const bytes = await it.keep("a.png", paintSmall(1));
  it.uploads.wake();
  await it.uploads.settled();
  await it.bucket.remove("a.png");
  await it.keep("b.png", bytes);
  it.uploads.wake();
  await it.uploads.settled();
  assert.deepEqual(await read(it.tiered, "b.png"), bytes);
});

Deno.test("a shared object goes with the last picture that it holds", async () => {
  await using it = await scene();
  const bytes = paintSmall(1);
  for (const name of ["a.png", "b.png"]) await it.keep(name, bytes);
  it.uploads.wake();
  await it.uploads.settled();
  await it.store.remove(["a.png"]);
  await it.tiered.removeUnused("a.png");
  assert.deepEqual(await read(it.tiered, "b.png"), bytes);
  await it.store.remove(["b.png"]);
  await it.tiered.removeUnused("a.png");
  assert.deepEqual(await it.inBucket(), []);
});

Deno.test("after an outage all is uploaded, with pauses that grow in between", async () => {
  await using it = await scene();
  it.trouble.error = new Error("nothing listens");
  const names = Array.from({ length: 70 }, (_, i) => `${String(i).padStart(2, "0")}.png`);
  for (const name of names) await it.keep(name, paintSmall(Number(name.slice(0, 2))));
  it.uploads.wake();
  await it.uploads.settled();
  const tries = it.errors.length;
  assert.ok(tries >= 1 && tries <= 5, `${tries} tries`);
  const state = await it.uploads.state();
  assert.deepEqual(state, {
    pending: 70,
    lastError: "nothing listens",
    lastErrorAt: it.clock.now(),
    retryAt: it.clock.now() + FIRST_PAUSE,
  });
  // A new picture does not disturb the pause.
  it.uploads.wake();
  await it.uploads.settled();
  assert.equal(it.errors.length, tries);
  for (const pause of [1, 2, 4].map((factor) => factor * FIRST_PAUSE)) {
    assert.equal((await it.uploads.state()).retryAt, it.clock.now() + pause);
    await it.clock.passSleep(pause);
    await it.uploads.settled();
  }
  assert.equal((await it.onDisk()).length, 70);
  it.trouble.error = undefined;
  await it.clock.passSleep(8 * FIRST_PAUSE);
  await it.uploads.settled();
  assert.deepEqual(await it.inBucket(), names);
  assert.deepEqual(await it.onDisk(), []);
  assert.deepEqual(await it.uploads.state(), {
    pending: 0,
    lastError: undefined,
    lastErrorAt: undefined,
    retryAt: undefined,
  });
});

Deno.test("who asks for another try does not wait for the end of the pause", async () => {
  await using it = await scene();
  it.trouble.error = new Error("wrong key");
  await it.keep("a.png");
  it.uploads.wake();
  await it.uploads.settled();
  it.trouble.error = undefined;
  it.uploads.retry();
  await it.uploads.settled();
  assert.deepEqual(await it.inBucket(), ["a.png"]);
});

Deno.test("a picture that the bucket refuses holds up no other, and is tried again", async () => {
  await using it = await scene();
  it.trouble.refuses = "a.png";
  for (const name of ["a.png", "b.png", "c.png"]) await it.keep(name);
  it.uploads.wake();
  await it.uploads.settled();
  assert.deepEqual(await it.inBucket(), ["b.png", "c.png"]);
  await it.keep("d.png");
  it.uploads.wake();
  await it.uploads.settled();
  assert.deepEqual(await it.inBucket(), ["b.png", "c.png", "d.png"]);
  assert.equal((await it.uploads.state()).lastError, "too large: a.png");
  it.trouble.refuses = undefined;
  await it.clock.passSleep(2 * FIRST_PAUSE);
  await it.uploads.settled();
  assert.deepEqual(await it.inBucket(), ["a.png", "b.png", "c.png", "d.png"]);
  assert.deepEqual(await it.onDisk(), []);
});

Deno.test("what was pending at a stop is uploaded after the next start", async () => {
  await using it = await scene();
  it.trouble.error = new Error("nothing listens");
  await it.keep("a.png");
  it.uploads.wake();
  await it.uploads[Symbol.asyncDispose]();
  it.trouble.error = undefined;
  it.uploads.retry();
  await it.uploads.settled();
  assert.deepEqual(await it.inBucket(), []);
  await using next = it.start();
  next.wake();
  await next.settled();
  assert.deepEqual(await it.inBucket(), ["a.png"]);
});

Deno.test("a picture whose file is gone is told once, and pending again when it is back", async () => {
  await using it = await scene();
  const bytes = await it.keep("a.png");
  await it.blobs.remove("a.png");
  for (let turn = 0; turn < 3; turn++) {
    it.uploads.wake();
    await it.uploads.settled();
  }
  assert.equal(it.errors.length, 1);
  assert.match(String(it.errors[0]!.error), /Cannot upload a.png: its file is gone from the disk/);
  assert.equal((await it.uploads.state()).pending, 0);
  await it.blobs.put("a.png", bytes, {});
  await it.store.setOnDisk(["a.png"], true);
  it.uploads.wake();
  await it.uploads.settled();
  assert.deepEqual(await it.inBucket(), ["a.png"]);
});

Deno.test("a picture that is removed while it is on its way leaves nothing in the bucket", async () => {
  const names: string[] = [];
  let remove = (_: string) => Promise.resolve();
  await using it = await scene({
    wrapLocal: (blobs) => ({
      ...blobs,
      open: async (name, range) => {
        const blob = await blobs.open(name, range);
        names.push(name);
        await remove(name);
        return blob;
      },
    }),
  });
  remove = async (name) => {
    await it.blobs.remove(name);
    await it.store.remove([name]);
  };
  await it.keep("a.png");
  it.uploads.wake();
  await it.uploads.settled();
  assert.deepEqual(names, ["a.png"]);
  assert.deepEqual(await it.inBucket(), []);
  assert.deepEqual(it.errors, []);
});

Deno.test("a bucket that took a picture and does not have it keeps the file where it is", async () => {
  await using it = await scene();
  const stat = it.bucket.stat;
  let forgets = true;
  const forgetful: Blobs = {
    ...it.bucket,
    stat: (name) => forgets ? Promise.resolve(undefined) : stat(name),
  };
  await using uploads = new Uploads({
    clock: it.clock,
    index: it.store,
    local: it.blobs,
    remote: () => forgetful,
    tiered: it.tiered,
    keepsLocal: () => false,
    onError: (error, name = "") => void it.errors.push({ error, name }),
  });
  await it.keep("a.png");
  uploads.wake();
  await uploads.settled();
  assert.deepEqual(await it.onDisk(), ["a.png"]);
  assert.match(String(it.errors[0]?.error), /the bucket took it, and has no bytes of it/);
  forgets = false;
  uploads.retry();
  await uploads.settled();
  assert.deepEqual(await it.onDisk(), []);
});

Deno.test("few files are open at a time, however many wait", async () => {
  let openNow = 0;
  let most = 0;
  await using it = await scene({
    wrapLocal: (blobs) => ({
      ...blobs,
      open: async (name, range) => {
        const blob = await blobs.open(name, range);
        if (!blob) return undefined;
        most = Math.max(most, ++openNow);
        const closing = new TransformStream<Uint8Array, Uint8Array>({ flush: () => void openNow-- });
        return { ...blob, bytes: blob.bytes.pipeThrough(closing) };
      },
    }),
  });
  for (let i = 0; i < 60; i++) await it.keep(`${i}.png`, paintSmall(i));
  it.uploads.wake();
  await it.uploads.settled();
  assert.equal((await it.inBucket()).length, 60);
  assert.ok(most > 1 && most <= 3, `${most} at a time`);
});

Deno.test("nothing is done while there is no bucket, and what came meanwhile is not forgotten", async () => {
  await using it = await scene();
  it.trouble.configured = false;
  await it.keep("a.png");
  it.uploads.wake();
  await it.uploads.settled();
  assert.deepEqual([await it.inBucket(), it.errors], [[], []]);
  it.trouble.configured = true;
  it.uploads.retry();
  await it.uploads.settled();
  assert.deepEqual(await it.inBucket(), ["a.png"]);
});
