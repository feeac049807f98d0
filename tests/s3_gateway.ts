/** What holds for a gateway whose pictures go to a bucket. */
import assert from "node:assert/strict";
import { createS3Blobs } from "../src/platform/blobs_s3.ts";
import type { S3Settings } from "../src/platform/s3_address.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { bytesOf, newBucket, publish, type Sentences } from "./s3_kit.ts";

function envOf(settings: S3Settings, target: string): Record<string, string> {
  return {
    STORAGE: target,
    S3_ENDPOINT: settings.endpoint,
    S3_BUCKET: settings.bucket,
    S3_ACCESS_KEY: settings.accessKey,
    S3_SECRET_KEY: settings.secretKey,
    S3_PATH_STYLE: "true",
    ...settings.publicUrl !== undefined && { S3_PUBLIC_URL: settings.publicUrl },
  };
}

/** Makes a picture; gives its path. */
async function paint(gateway: TestGateway, prompt: string): Promise<string> {
  const reply = await gateway.post("/v1/images/generations", { prompt, size: "64x64" });
  assert.equal(reply.status, 200);
  return new URL((await reply.json()).data[0].url).pathname;
}

async function fetchFrom(gateway: TestGateway, path: string, init?: RequestInit): Promise<Uint8Array> {
  const reply = await fetch(`${gateway.url}${path}`, init);
  assert.equal(reply.status, init ? 206 : 200, `${path}: ${reply.status}`);
  assert.equal(reply.headers.get("content-type"), "image/png");
  return await reply.bytes();
}

/** Waits until nothing more can be uploaded now. */
async function uploaded(gateway: TestGateway): Promise<void> {
  await gateway.app.settled();
  gateway.app.uploads.retry();
  await gateway.app.uploads.settled();
}

const nameOf = (path: string) => decodeURIComponent(path.replace("/storage/", ""));

export const GATEWAY: Sentences = {
  "a link works before its picture is in the bucket, when it is there alone, and after a restart": async (
    ceph,
  ) => {
    const settings = await newBucket(ceph);
    const env = envOf(settings, "s3");
    await using gateway = await startGateway({ env });
    await ceph.stopGateway();
    let path: string;
    let bytes: Uint8Array;
    try {
      path = await paint(gateway, "ein Fuchs 狐 im Schnee");
      bytes = await fetchFrom(gateway, path);
      await uploaded(gateway);
      assert.equal((await gateway.app.uploads.state()).pending, 1);
      assert.deepEqual(await gateway.stored(), [nameOf(path)]);
      assert.deepEqual(await fetchFrom(gateway, path), bytes);
    } finally {
      await ceph.startGateway();
    }
    await uploaded(gateway);
    assert.deepEqual(await gateway.app.uploads.state(), {
      pending: 0,
      lastError: undefined,
      lastErrorAt: undefined,
      retryAt: undefined,
    });
    assert.deepEqual(await gateway.stored(), []);
    assert.deepEqual(await fetchFrom(gateway, path), bytes);
    const part = await fetchFrom(gateway, path, { headers: { range: "bytes=5-24" } });
    assert.deepEqual(part, bytes.slice(5, 25));
    const missing = await fetch(`${gateway.url}/storage/nobody.png`);
    await missing.body?.cancel();
    assert.equal(missing.status, 404);
    await gateway.stop();
    await using again = await startGateway({ env, dataDir: gateway.dataDir });
    assert.deepEqual(await fetchFrom(again, path), bytes);
    using bucket = createS3Blobs(settings);
    const sidecar = await bucket.sidecar(nameOf(path));
    assert.equal((sidecar as { prompt: string }).prompt, "ein Fuchs 狐 im Schnee");
  },

  "while the bucket is out of reach its pictures are a 503 that says nothing of it, and are back with it":
    async (ceph) => {
      const settings = await newBucket(ceph);
      await using gateway = await startGateway({ env: envOf(settings, "s3") });
      const path = await paint(gateway, "a cat");
      await uploaded(gateway);
      const bytes = await fetchFrom(gateway, path);
      await ceph.stopGateway();
      try {
        const reply = await fetch(`${gateway.url}${path}`);
        const told = await reply.text();
        assert.equal(reply.status, 503);
        assert.ok(reply.headers.has("retry-after"));
        assert.equal(JSON.parse(told).error.code, "storage_unavailable");
        assert.ok(!told.includes(settings.bucket) && !told.includes("127.0.0.1"), told);
      } finally {
        await ceph.startGateway();
      }
      assert.deepEqual(await fetchFrom(gateway, path), bytes);
    },

  "what was pending when the gateway stopped is uploaded after its next start": async (ceph) => {
    const settings = await newBucket(ceph);
    const env = envOf(settings, "s3");
    await using gateway = await startGateway({ env });
    await ceph.stopGateway();
    const paths: string[] = [];
    const bytes: Uint8Array[] = [];
    try {
      for (const prompt of ["a cat", "a dog"]) {
        paths.push(await paint(gateway, prompt));
        bytes.push(await fetchFrom(gateway, paths.at(-1)!));
      }
      await gateway.stop();
    } finally {
      await ceph.startGateway();
    }
    await using again = await startGateway({ env, dataDir: gateway.dataDir });
    await uploaded(again);
    assert.deepEqual(await again.stored(), []);
    using bucket = createS3Blobs(settings);
    for (const [i, path] of paths.entries()) {
      assert.deepEqual(await bytesOf(await bucket.open(nameOf(path))), bytes[i]);
    }
  },

  "with both, pictures are on the disk and in the bucket, and gone from both when they are removed": async (
    ceph,
  ) => {
    const settings = await newBucket(ceph);
    await using gateway = await startGateway({ env: envOf(settings, "both") });
    const path = await paint(gateway, "a cat");
    await uploaded(gateway);
    using bucket = createS3Blobs(settings);
    assert.deepEqual(await gateway.stored(), [nameOf(path)]);
    assert.deepEqual(await bytesOf(await bucket.open(nameOf(path))), await fetchFrom(gateway, path));
    await gateway.app.housekeeping.remove([nameOf(path)]);
    assert.deepEqual(await gateway.stored(), []);
    assert.equal(await bucket.stat(nameOf(path)), undefined);
    assert.equal(await bucket.sidecar(nameOf(path)), undefined);
  },

  "a bucket that is set while the gateway runs gets what is made then, and is read after it is left": async (
    ceph,
  ) => {
    const settings = await newBucket(ceph);
    await using gateway = await startGateway();
    const before = await paint(gateway, "a cat");
    const { endpoint, bucket: name, accessKey, secretKey } = settings;
    const s3 = { endpoint, bucket: name, accessKey, secretKey, pathStyle: true };
    await gateway.app.settings.update({ storage: { target: "s3", s3 } });
    const after = await paint(gateway, "a dog");
    await uploaded(gateway);
    assert.deepEqual(await gateway.stored(), [nameOf(before)]);
    const bytes = await fetchFrom(gateway, after);
    await gateway.app.settings.update({ storage: { target: "disk" } });
    assert.deepEqual(await fetchFrom(gateway, after), bytes);
    const last = await paint(gateway, "a bird");
    await uploaded(gateway);
    assert.deepEqual(await gateway.stored(), [nameOf(before), nameOf(last)].sort());
  },

  "links lead to the public address of the bucket, if they are to, once the picture is there": async (
    ceph,
  ) => {
    const settings = await newBucket(ceph);
    const publicUrl = `${ceph.endpoint}/${settings.bucket}/`;
    await publish(settings);
    await using gateway = await startGateway({
      env: envOf({ ...settings, publicUrl }, "s3"),
      file: { storage: { urls: "public" } },
    });
    const path = await paint(gateway, "雪の中の狐");
    await uploaded(gateway);
    const reply = await fetch(`${gateway.url}${path}`, { redirect: "manual" });
    await reply.body?.cancel();
    assert.equal(reply.status, 302);
    assert.equal(reply.headers.get("location"), `${publicUrl}${encodeURIComponent(nameOf(path))}`);
    const there = await fetch(`${gateway.url}${path}`);
    assert.equal(there.headers.get("content-type"), "image/png");
    using bucket = createS3Blobs(settings);
    assert.deepEqual(await there.bytes(), await bytesOf(await bucket.open(nameOf(path))));
  },
};
