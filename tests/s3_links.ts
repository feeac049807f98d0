/** What holds for addresses at which others read a bucket. */
import assert from "node:assert/strict";
import { createS3Blobs } from "../src/platform/blobs_s3.ts";
import { NAME, newBucket, openNew, png, publish, type Sentences } from "./s3_kit.ts";

export const LINKS: Sentences = {
  "a signed link works until it expires, and for nothing but its image": async (ceph) => {
    using blobs = await openNew(ceph);
    await blobs.put(NAME, png, {});
    await blobs.put("other.png", png, {});
    const link = await blobs.presign(NAME, 2);
    const reply = await fetch(link);
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get("content-type"), "image/png");
    assert.match(reply.headers.get("cache-control") ?? "", /immutable/);
    assert.deepEqual(await reply.bytes(), png);
    const altered = [
      link.replace(NAME, "other.png"),
      link.replace("X-Amz-Expires=2", "X-Amz-Expires=2000"),
      link.replace(/X-Amz-Signature=../, "X-Amz-Signature=00"),
      link.split("?")[0]!,
    ];
    for (const url of altered) {
      const refused = await fetch(url);
      await refused.body?.cancel();
      assert.equal(refused.status, 403, url);
    }
    const put = await fetch(link, { method: "PUT", body: "mine now" });
    await put.body?.cancel();
    assert.equal(put.status, 403);
    // The server goes by its own clock, which nobody can move.
    let status = 200;
    for (const end = Date.now() + 10_000; status === 200 && Date.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      const later = await fetch(link);
      await later.body?.cancel();
      status = later.status;
    }
    assert.equal(status, 403);
  },

  "a public address is that of the image, where anybody may read the bucket": async (ceph) => {
    const settings = { ...await newBucket(ceph), prefix: "of 狐/" };
    const publicUrl = `${ceph.endpoint}/${settings.bucket}/`;
    using blobs = createS3Blobs({ ...settings, publicUrl });
    using own = createS3Blobs(settings);
    const name = "2026-01-31 23-59-58.07 z-image (1) + 100% ü&=?#.png";
    await blobs.put(name, png, {});
    const closed = await fetch(blobs.publicUrl(name)!);
    await closed.body?.cancel();
    assert.equal(closed.status, 403);
    await publish(settings);
    const reply = await fetch(blobs.publicUrl(name)!);
    assert.deepEqual(await reply.bytes(), png);
    assert.equal(reply.headers.get("content-type"), "image/png");
    assert.equal(own.publicUrl(name), undefined);
  },

  "a link is never signed for longer than a week": async (ceph) => {
    using blobs = await openNew(ceph);
    const link = new URL(await blobs.presign(NAME, 1e9));
    assert.equal(link.searchParams.get("X-Amz-Expires"), "604800");
  },
};
