import assert from "node:assert/strict";
import { Failed } from "../core/failure.ts";
import { readImageFacts } from "../core/media.ts";
import { paint, paintPng } from "../testing/painting.ts";
import { convertImage } from "./convert.ts";

for (const type of ["image/png", "image/jpeg", "image/webp"] as const) {
  Deno.test(`an image becomes ${type} of the same size`, async () => {
    const converted = await convertImage(paintPng({ width: 60, height: 40 }), { type });
    assert.deepEqual(readImageFacts(converted), { type, width: 60, height: 40 });
  });
}

Deno.test("what is clear becomes white where the target has no transparency", async () => {
  const { default: sharp } = await import("sharp");
  const clear = await sharp({ create: { width: 4, height: 4, channels: 4, background: "#00000000" } }).png()
    .toBuffer();
  const jpeg = await convertImage(clear, { type: "image/jpeg" });
  const [red] = await sharp(jpeg).raw().toBuffer();
  assert.ok(red! > 250);
});

Deno.test("a photograph that lies on its side is put upright", async () => {
  const { default: sharp } = await import("sharp");
  const lying = await sharp(paintPng({ width: 60, height: 40 })).jpeg().withMetadata({ orientation: 6 })
    .toBuffer();
  const upright = await convertImage(lying, { type: "image/png" });
  assert.deepEqual(readImageFacts(upright), { type: "image/png", width: 40, height: 60 });
});

Deno.test("limits hold for a photograph as it stands upright", async () => {
  const { default: sharp } = await import("sharp");
  const lying = await sharp(paintPng({ width: 400, height: 100 })).jpeg().withMetadata({ orientation: 6 })
    .toBuffer();
  for (const limit of [{ maxEdge: 200 }, { maxWidth: 50 }]) {
    const smaller = await convertImage(lying, { type: "image/png", ...limit });
    assert.deepEqual(readImageFacts(smaller), { type: "image/png", width: 50, height: 200 });
  }
});

Deno.test("an image is made smaller in its shape, never larger", async () => {
  const png = paintPng({ width: 300, height: 100 });
  const smaller = await convertImage(png, { type: "image/png", maxPixels: 7500 });
  assert.deepEqual(readImageFacts(smaller), { type: "image/png", width: 150, height: 50 });
  const same = await convertImage(png, { type: "image/png", maxPixels: 1e9, maxEdge: 5000 });
  assert.deepEqual(readImageFacts(same), { type: "image/png", width: 300, height: 100 });
});

Deno.test("bytes that only look like an image are the caller's fault, told without a word of the decoder's", async () => {
  const broken = (await paint({ width: 64, height: 64 })).subarray(0, 60);
  const error = await convertImage(broken, { type: "image/jpeg" }).then(
    () => assert.fail("it was decoded"),
    (e) => e,
  );
  assert.ok(error instanceof Failed);
  assert.deepEqual([error.failure.kind, error.failure.code], ["invalid_request", "invalid_image"]);
  assert.equal(error.failure.message, "The image could not be decoded");
});
