/** What holds for images in a bucket. */
import assert from "node:assert/strict";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { createS3Blobs } from "../src/platform/blobs_s3.ts";
import { blobName } from "../src/platform/blob_names.ts";
import { paint, paintPng } from "../src/testing/painting.ts";
import {
  bytesOf,
  clientOf,
  MIB,
  NAME,
  namesIn,
  newBucket,
  openNew,
  png,
  randomBytes,
  type Sentences,
  source,
  unfinished,
} from "./s3_kit.ts";

export const BUCKET: Sentences = {
  "what was put is there, with its sidecar, type, size and time": async (ceph) => {
    using blobs = await openNew(ceph);
    const sidecar = { prompt: "ein Fuchs 狐", seed: 7, params: { n: 1 } };
    await blobs.put(NAME, png, sidecar);
    const blob = await blobs.open(NAME);
    assert.deepEqual(await bytesOf(blob), png);
    assert.deepEqual([blob!.size, blob!.type], [png.length, "image/png"]);
    assert.ok(Math.abs(blob!.modified.getTime() - Date.now()) < 60_000);
    assert.deepEqual(await blobs.sidecar(NAME), sidecar);
    assert.equal((await blobs.stat(NAME))!.size, png.length);
  },

  "the type is that of the content, whatever the name says": async (ceph) => {
    using blobs = await openNew(ceph);
    await blobs.put(NAME, await paint({ width: 8, height: 8, format: "webp" }), {});
    assert.equal((await blobs.stat(NAME))!.type, "image/webp");
  },

  "putting again replaces image and sidecar": async (ceph) => {
    using blobs = await openNew(ceph);
    await blobs.put(NAME, png, { prompt: "a" });
    const other = paintPng({ width: 16, height: 16 });
    await blobs.put(NAME, other, { prompt: "b" });
    assert.deepEqual(await bytesOf(await blobs.open(NAME)), other);
    assert.deepEqual(await blobs.sidecar(NAME), { prompt: "b" });
  },

  "large images go in parts, from memory and from a stream, and come back as they were": async (ceph) => {
    using blobs = await openNew(ceph);
    const bytes = randomBytes(12 * MIB + 345);
    await blobs.put("memory.png", bytes, {});
    await blobs.put("stream.png", source(bytes), { prompt: "streamed" });
    for (const name of ["memory.png", "stream.png"]) {
      const blob = await blobs.open(name);
      assert.equal(blob!.size, bytes.length);
      assert.ok(Buffer.from(bytes).equals(await bytesOf(blob)), name);
    }
    assert.equal((await blobs.stat("stream.png"))!.type, "image/png");
    assert.deepEqual(await blobs.sidecar("stream.png"), { prompt: "streamed" });
  },

  "images of exactly one part, and of one byte more, come back as they were": async (ceph) => {
    using blobs = await openNew(ceph);
    for (const size of [5 * MIB, 5 * MIB + 1, 10 * MIB]) {
      const bytes = randomBytes(size);
      await blobs.put(NAME, source(bytes), {});
      assert.ok(Buffer.from(bytes).equals(await bytesOf(await blobs.open(NAME))), String(size));
    }
  },

  "a stream that ends too early or goes on too long is not stored": async (ceph) => {
    const settings = await newBucket(ceph);
    using blobs = createS3Blobs(settings);
    for (const size of [1000, 12 * MIB]) {
      for (const claimed of [size - 1, size + 1]) {
        await assert.rejects(blobs.put(NAME, source(randomBytes(size), claimed), {}), /must have \d+ bytes/);
      }
    }
    assert.equal(await blobs.stat(NAME), undefined);
    assert.deepEqual(await namesIn(blobs), []);
    assert.equal(await unfinished(settings), 0);
  },

  "a range gives its bytes, and what goes beyond the end stops there": async (ceph) => {
    using blobs = await openNew(ceph);
    const big = randomBytes(240_000);
    await blobs.put(NAME, big, {});
    const ranges = [[0, 0], [0, 99], [100, 199_999], [239_999, 239_999], [5, Infinity], [300_000, 300_001]];
    for (const [start, end] of ranges as [number, number][]) {
      const blob = await blobs.open(NAME, { start, end });
      assert.ok(Buffer.from(big.slice(start, end + 1)).equals(await bytesOf(blob)), `${start}-${end}`);
      assert.equal(blob!.size, big.length);
    }
  },

  "what is not there is undefined, and removing it is no error": async (ceph) => {
    using blobs = await openNew(ceph);
    assert.equal(await blobs.open(NAME), undefined);
    assert.equal(await blobs.open("../passwd.png"), undefined);
    assert.equal(await blobs.stat(NAME), undefined);
    assert.equal(await blobs.sidecar(NAME), undefined);
    assert.deepEqual(await namesIn(blobs), []);
    await blobs.remove(NAME);
    await blobs.remove();
  },

  "many are listed over several pages, and removed together": async (ceph) => {
    using blobs = await openNew(ceph);
    const names = Array.from({ length: 620 }, (_, i) => `picture ${String(i).padStart(4, "0")} & 狐+%2F.png`);
    await Promise.all(Array.from({ length: 16 }, async (_, lane) => {
      for (const name of names.filter((_, i) => i % 16 === lane)) {
        await blobs.put(name, png, { prompt: name });
      }
    }));
    assert.deepEqual(await namesIn(blobs), names);
    await blobs.remove(...names.slice(1));
    assert.deepEqual(await namesIn(blobs), names.slice(0, 1));
    assert.deepEqual(await blobs.sidecar(names[0]!), { prompt: names[0] });
    assert.equal(await blobs.sidecar(names[1]!), undefined);
  },

  "names in all scripts and with blanks are stored, listed, linked and removed": async (ceph) => {
    const settings = await newBucket(ceph);
    using blobs = createS3Blobs(settings);
    const prompts = [
      "a red fox",
      "ein Fuchs im Schnee",
      "雪の中の狐",
      "ثعلب أحمر",
      "κόκκινη αλεπού",
      "Лиса",
      "👩‍👩‍👧 fox",
      "'); drop table",
    ];
    const made = prompts.map((prompt) => blobName({ time: new Date(), prompt, type: "image/png" }));
    const names = [...made, "2026-01-31 23-59-58.07 z-image turbo (1) + 100% ü&=?#.png", "~!*'()$@,;.png"]
      .sort();
    for (const name of names) await blobs.put(name, png, { prompt: name });
    assert.deepEqual(await namesIn(blobs), names);
    for (const name of names) {
      assert.deepEqual(await bytesOf(await blobs.open(name)), png, name);
      assert.deepEqual(await blobs.sidecar(name), { prompt: name });
      const linked = await fetch(await blobs.presign(name, 60));
      assert.deepEqual(await linked.bytes(), png, name);
    }
    await blobs.remove(...names);
    assert.deepEqual(await namesIn(blobs), []);
  },

  "a prefix keeps one's own apart from what else is in the bucket": async (ceph) => {
    const settings = await newBucket(ceph);
    using whole = createS3Blobs(settings);
    using mine = createS3Blobs({ ...settings, prefix: "/images/of 狐/" });
    using others = createS3Blobs({ ...settings, prefix: "images/" });
    await mine.put("a.png", png, { prompt: "mine" });
    await others.put("b.png", png, {});
    await whole.put("c.png", png, {});
    assert.deepEqual([await namesIn(mine), await namesIn(others), await namesIn(whole)], [["a.png"], [
      "b.png",
    ], ["c.png"]]);
    assert.deepEqual(await bytesOf(await mine.open("a.png")), png);
    assert.deepEqual(await mine.sidecar("a.png"), { prompt: "mine" });
    await others.remove("a.png");
    assert.ok(await mine.stat("a.png"));
    assert.equal((await fetch(await mine.presign("a.png", 60))).status, 200);
  },

  "objects of img-router are read, listed and removed with both forms of sidecar": async (ceph) => {
    const settings = await newBucket(ceph);
    using blobs = createS3Blobs(settings);
    using client = clientOf(settings);
    const put = (Key: string, Body: Uint8Array | string) =>
      client.send(new PutObjectCommand({ Bucket: settings.bucket, Key, Body }));
    const old = "2026-01-31 23-59-58.07 z-image-turbo-a-cat-0.png";
    const older = "1769903998070_k3j2h1.jpg";
    for (const [image, sidecar] of [[old, `${old}.json`], [older, "1769903998070_k3j2h1.json"]] as const) {
      await put(image, png);
      await put(sidecar, JSON.stringify({ prompt: image }));
    }
    await put("notes.txt", "a stranger");
    assert.deepEqual(await namesIn(blobs), [older, old].sort());
    for (const name of [old, older]) {
      assert.deepEqual(await bytesOf(await blobs.open(name)), png);
      assert.deepEqual(await blobs.sidecar(name), { prompt: name });
      await blobs.remove(name);
      assert.equal(await blobs.sidecar(name), undefined);
    }
    assert.deepEqual(await namesIn(blobs), []);
  },
};
