import assert from "node:assert/strict";
import { createLocalBlobs } from "./blobs_local.ts";
import type { BlobSource } from "./ports.ts";

const NAME = "20261121-025958-a-fox-0123456789abcdefghi.png";

async function store() {
  const folder = await Deno.makeTempDir();
  return {
    blobs: createLocalBlobs(folder),
    files: async () => (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** An image in pieces of 64 kB, and whether its stream was let go. */
function source(bytes: Uint8Array, size = bytes.length): BlobSource & { isCancelled: () => boolean } {
  let at = 0;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at += 65_536));
    },
    cancel: () => void (cancelled = true),
  });
  return { type: "image/png", size, bytes: stream, isCancelled: () => cancelled };
}

Deno.test("a stream is stored as it is", async () => {
  await using it = await store();
  const bytes = new Uint8Array(1_000_000).map((_, i) => i * 7);
  await it.blobs.put(NAME, source(bytes), { prompt: "a" });
  assert.deepEqual(await new Response((await it.blobs.open(NAME))!.bytes).bytes(), bytes);
  assert.deepEqual(await it.blobs.sidecar(NAME), { prompt: "a" });
});

Deno.test("a stream that has more or fewer bytes than it claims leaves nothing behind", async () => {
  await using it = await store();
  const bytes = new Uint8Array(1_000_000);
  await assert.rejects(
    it.blobs.put(NAME, source(bytes, 1_000_001), {}),
    /must have 1000001 bytes, and has 1000000$/,
  );
  const long = source(bytes, 999);
  await assert.rejects(it.blobs.put(NAME, long, {}), /must have 999 bytes, and has \d+ or more$/);
  assert.ok(long.isCancelled());
  assert.deepEqual(await it.files(), []);
});

Deno.test("a stream under a name that is none is let go", async () => {
  await using it = await store();
  const image = source(new Uint8Array(1_000_000));
  await assert.rejects(it.blobs.put("../x.png", image, {}), TypeError);
  assert.ok(image.isCancelled());
});
