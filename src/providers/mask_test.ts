import assert from "node:assert/strict";
import sharp from "sharp";
import { Failed } from "../core/failure.ts";
import { Media } from "../core/media.ts";
import { whiteMask } from "./mask.ts";

/** A row of pixels, each as red, green, blue and alpha. */
async function row(...pixels: [number, number, number, number][]): Promise<Media> {
  const raw = { width: pixels.length, height: 1, channels: 4 } as const;
  return Media.fromBytes(
    new Uint8Array(await sharp(new Uint8Array(pixels.flat()), { raw }).png().toBuffer()),
  );
}

async function greys(mask: Media): Promise<number[]> {
  return [...await sharp(await mask.bytes()).toColourspace("b-w").raw().toBuffer()];
}

Deno.test("a mask becomes white where it was see-through, whatever its colours", async () => {
  const mask = await row([255, 255, 255, 255], [255, 0, 0, 0], [0, 0, 0, 0], [9, 9, 9, 55]);
  assert.deepEqual(await greys(await whiteMask(mask)), [0, 255, 255, 200]);
});

Deno.test("a mask without transparency stays black and white as it is", async () => {
  const mask = await row([255, 255, 255, 255], [0, 0, 0, 255]);
  assert.deepEqual(await greys(await whiteMask(mask)), [255, 0]);
  const jpeg = await sharp({ create: { width: 1, height: 1, channels: 3, background: "#fff" } }).jpeg()
    .toBuffer();
  assert.deepEqual(await greys(await whiteMask(Media.fromBytes(new Uint8Array(jpeg)))), [255]);
});

Deno.test("a mask that is no picture is the caller's fault", async () => {
  await assert.rejects(
    whiteMask(Media.fromBytes(new TextEncoder().encode("a mask"))),
    (error: unknown) =>
      error instanceof Failed && error.failure.kind === "invalid_request" && error.failure.param === "mask",
  );
});
