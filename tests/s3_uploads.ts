/** What holds for pictures on their way to a bucket. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Uploads } from "../src/admin/uploads.ts";
import { createLocalBlobs } from "../src/platform/blobs_local.ts";
import { createS3Blobs } from "../src/platform/blobs_s3.ts";
import { createTieredBlobs } from "../src/platform/blobs_tiered.ts";
import type { OpenBlob } from "../src/platform/ports.ts";
import type { S3Settings } from "../src/platform/s3_address.ts";
import { sqliteDialect } from "../src/platform/sqlite.ts";
import { openDatabase } from "../src/store/database.ts";
import { createPictureStore } from "../src/store/pictures.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { bytesOf, newBucket, randomBytes, type Sentences } from "./s3_kit.ts";

/** A gallery as it is after a start, over what is in `folder`. */
async function startGallery(
  folder: string,
  settings: S3Settings,
  { clockOffset, onRead = () => {} }: { clockOffset?: number; onRead?: (bytes: number) => void } = {},
) {
  await using stack = new AsyncDisposableStack();
  const clock = new FakeClock();
  const db = await openDatabase(sqliteDialect(join(folder, "gallery.db")));
  stack.defer(() => db.destroy());
  const index = createPictureStore(db);
  const local = createLocalBlobs(join(folder, "storage"));
  const bucket = stack.use(createS3Blobs(settings, { clockOffset }));
  const remote = () => bucket;
  const tiered = createTieredBlobs({ local, remote, index });
  const errors: string[] = [];
  const uploads = stack.use(
    new Uploads({
      clock,
      index,
      local: { ...local, open: async (...args) => watched(await local.open(...args), onRead) },
      remote,
      tiered,
      keepsLocal: () => false,
      onError: (error) => void errors.push(String(error)),
    }),
  );
  const resources = stack.move();
  return {
    clock,
    index,
    local,
    bucket,
    tiered,
    uploads,
    errors,
    /** Keeps a picture as the gateway does. */
    keep: async (name: string, bytes: Uint8Array) => {
      await local.put(name, bytes, { prompt: name });
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice())).toHex();
      const words = { prompt: name, model: "m", provider: "Mock", task: "generate", client: "relay" };
      await index.add({
        ...words,
        name,
        hash,
        time: clock.now(),
        type: "image/png",
        bytes: bytes.length,
        width: 8,
        height: 8,
        requestId: "req_1",
        onDisk: true,
        uploadWanted: true,
      });
      uploads.wake();
    },
    files: async () => (await Array.fromAsync(local.list())).map(({ name }) => name),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function watched(blob: OpenBlob | undefined, onRead: (bytes: number) => void): OpenBlob | undefined {
  let count = 0;
  const counting = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      onRead(count += chunk.length);
      controller.enqueue(chunk);
    },
  });
  return blob && { ...blob, bytes: blob.bytes.pipeThrough(counting) };
}

async function scene() {
  const folder = await Deno.makeTempDir();
  return { folder, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

export const UPLOADS: Sentences = {
  "pictures made before, during and after an outage are all in the bucket, with the same bytes": async (
    ceph,
  ) => {
    await using it = await scene();
    await using gallery = await startGallery(it.folder, await newBucket(ceph));
    const made = new Map<string, Uint8Array>();
    const keep = async (name: string, size: number) => {
      const bytes = randomBytes(size);
      made.set(name, bytes);
      await gallery.keep(name, bytes);
    };
    for (let i = 0; i < 8; i++) await keep(`before ${i}.png`, 1_500_000);
    await ceph.stopGateway();
    try {
      for (let i = 0; i < 8; i++) await keep(`狐 during ${i}.png`, i === 3 ? 9 * 1024 * 1024 : 300_000);
      await gallery.uploads.settled();
      const { pending, lastError, retryAt } = await gallery.uploads.state();
      assert.ok(pending >= 8 && retryAt! > gallery.clock.now(), `${pending} pending, next try at ${retryAt}`);
      assert.match(
        lastError!,
        /^Cannot store .* in the bucket .*: (nothing listens at|the connection broke off)/,
      );
      for (const [name, bytes] of made) {
        if (!name.includes("during")) continue;
        assert.ok(Buffer.from(bytes).equals(await bytesOf(await gallery.local.open(name))), name);
      }
    } finally {
      await ceph.startGateway();
    }
    await keep("after.png", 1000);
    await gallery.clock.passSleep(5_000, 600_000);
    await gallery.uploads.settled();
    assert.deepEqual(await gallery.uploads.state(), {
      pending: 0,
      lastError: undefined,
      lastErrorAt: undefined,
      retryAt: undefined,
    });
    assert.deepEqual(await gallery.files(), []);
    for (const [name, bytes] of made) {
      assert.ok(Buffer.from(bytes).equals(await bytesOf(await gallery.bucket.open(name))), name);
      assert.deepEqual(await gallery.bucket.sidecar(name), { prompt: name });
    }
  },

  "pictures that were pending at a stop go up after the next start": async (ceph) => {
    await using it = await scene();
    const settings = await newBucket(ceph);
    const bytes = randomBytes(7 * 1024 * 1024);
    await ceph.stopGateway();
    try {
      await using first = await startGallery(it.folder, settings);
      for (const name of ["a.png", "b.png"]) await first.keep(name, bytes);
      await first.keep("c.png", bytes.slice(0, 1000));
    } finally {
      await ceph.startGateway();
    }
    await using second = await startGallery(it.folder, settings);
    assert.equal((await second.uploads.state()).pending, 3);
    second.uploads.wake();
    await second.uploads.settled();
    assert.deepEqual(second.errors, []);
    assert.deepEqual(await second.files(), []);
    const names = (await Array.fromAsync(second.bucket.list())).map(({ name }) => name).sort();
    assert.deepEqual(names, ["a.png", "c.png"]);
    for (const name of ["a.png", "b.png"]) {
      assert.ok(Buffer.from(bytes).equals(await bytesOf(await second.tiered.open(name))), name);
    }
    const part = await second.tiered.open("b.png", { start: 100, end: 199 });
    assert.deepEqual(await bytesOf(part), bytes.slice(100, 200));
  },

  "a stop in the middle of an upload loses nothing": async (ceph) => {
    await using it = await scene();
    const settings = await newBucket(ceph);
    const bytes = randomBytes(40 * 1024 * 1024);
    {
      const halfway = Promise.withResolvers<void>();
      const onRead = (count: number) => count > bytes.length / 2 && halfway.resolve();
      await using first = await startGallery(it.folder, settings, { onRead });
      await first.keep("a.png", bytes);
      await halfway.promise;
    }
    await using second = await startGallery(it.folder, settings);
    assert.equal((await second.uploads.state()).pending, 1);
    assert.deepEqual(await second.files(), ["a.png"]);
    second.uploads.wake();
    await second.uploads.settled();
    assert.ok(Buffer.from(bytes).equals(await bytesOf(await second.tiered.open("a.png"))));
  },

  "wrong credentials keep pictures on the disk until they are put right": async (ceph) => {
    await using it = await scene();
    const settings = await newBucket(ceph);
    {
      await using wrong = await startGallery(it.folder, { ...settings, secretKey: "wrong" });
      await wrong.keep("a.png", randomBytes(1000));
      await wrong.uploads.settled();
      assert.match(
        (await wrong.uploads.state()).lastError!,
        /the credentials are refused \(SignatureDoesNotMatch\)/,
      );
      assert.deepEqual(await wrong.files(), ["a.png"]);
    }
    await using right = await startGallery(it.folder, settings);
    right.uploads.wake();
    await right.uploads.settled();
    assert.equal((await right.bucket.stat("a.png"))!.size, 1000);
  },

  "a clock that is wrong delays an upload, and loses nothing": async (ceph) => {
    await using it = await scene();
    const options = { clockOffset: -3_600_000 };
    await using gallery = await startGallery(it.folder, await newBucket(ceph), options);
    const bytes = randomBytes(1000);
    await gallery.keep("a.png", bytes);
    await gallery.uploads.settled();
    assert.match(gallery.errors.join(), /clock is 60 minutes behind the server's \(RequestTimeTooSkewed\)/);
    await gallery.clock.passSleep(5_000);
    await gallery.uploads.settled();
    assert.deepEqual(await bytesOf(await gallery.bucket.open("a.png")), bytes);
  },
};
