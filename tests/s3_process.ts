/** A process that has a bucket and next to no permissions; `SETTINGS` names the bucket. */
import { createS3Blobs } from "../src/platform/blobs_s3.ts";

using blobs = createS3Blobs(JSON.parse(Deno.env.get("SETTINGS")!));
const bytes = new Uint8Array(6 * 1024 * 1024).fill(7);
await blobs.put("a.png", bytes, { prompt: "a" });
const blob = await blobs.open("a.png", { start: 1, end: 1000 });
const read = await new Response(blob!.bytes).bytes();
const { status } = await fetch(await blobs.presign("a.png", 60), { headers: { range: "bytes=0-0" } });
const checked = await blobs.check();
await blobs.remove("a.png");
const names = await Array.fromAsync(blobs.list());
const isWell = read.length === 1000 && read.every((byte) => byte === 7) && status === 206 && checked.ok;
console.log(isWell && names.length === 0 ? "all is there" : "something is missing", status, checked);
