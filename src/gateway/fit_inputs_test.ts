import assert from "node:assert/strict";
import { Failed } from "../core/failure.ts";
import { ImageStream } from "../core/image_stream.ts";
import { Media, readImageFacts } from "../core/media.ts";
import type { InputLimits } from "../core/provider.ts";
import { convertImage } from "../platform/convert.ts";
import { imageRequest } from "../testing/image_request.ts";
import { paint, paintPng } from "../testing/painting.ts";
import { createFitInputs } from "./fit_inputs.ts";

const fitInputs = createFitInputs(convertImage);

async function fit(bytes: Uint8Array, limits: InputLimits) {
  const notes: string[] = [];
  const request = imageRequest({ task: "edit", inputs: [Media.fromBytes(bytes)] });
  const fitted = await fitInputs(request, limits, new AbortController().signal, (note) => notes.push(note));
  const sent = await fitted.inputs[0]!.bytes();
  return { sent, facts: readImageFacts(sent), notes };
}

async function refused(bytes: Uint8Array, limits: InputLimits) {
  const error = await fit(bytes, limits).then(() => assert.fail("it was taken"), (error) => error);
  assert.ok(error instanceof Failed);
  return error.failure;
}

Deno.test("an input that its model takes is sent as it came, byte for byte", async () => {
  const png = paintPng({ width: 64, height: 48 });
  const { sent, notes } = await fit(png, { types: ["image/png"], maxPixels: 5000, edge: [16, 64] });
  assert.equal(sent, png);
  assert.deepEqual(notes, []);
});

Deno.test("a type that a model doesn't take is converted to the first it takes, and told", async () => {
  const webp = await paint({ width: 64, height: 48, format: "webp" });
  const { facts, notes } = await fit(webp, { types: ["image/png", "image/jpeg"] });
  assert.deepEqual(facts, { type: "image/png", width: 64, height: 48 });
  assert.deepEqual(notes, ["image: webp of 64x48 was sent as png"]);
});

Deno.test("an input with too many pixels or too long a side is made smaller in its own shape", async () => {
  const png = paintPng({ width: 400, height: 200 });
  assert.deepEqual((await fit(png, { maxPixels: 20_000 })).facts, {
    type: "image/png",
    width: 200,
    height: 100,
  });
  assert.deepEqual((await fit(png, { edge: [1, 100] })).facts, { type: "image/png", width: 100, height: 50 });
});

Deno.test("an input that is too small, or can't be made light enough, is the caller's 400", async () => {
  const png = paintPng({ width: 40, height: 200 });
  const small = await refused(png, { edge: [64, 4096] });
  assert.deepEqual([small.kind, small.param], ["invalid_request", "image"]);
  assert.match(small.message, /64 pixels or more, and it is 40x200/);
  const heavy = await refused(png, { maxBytes: 10 });
  assert.deepEqual([heavy.kind, heavy.param], ["invalid_request", "image"]);
});

Deno.test("each of several inputs is named by its place", async () => {
  const [good, bad] = [paintPng({ width: 64, height: 64 }), paintPng({ width: 8, height: 64 })];
  const request = imageRequest({ task: "blend", inputs: [good, bad].map((bytes) => Media.fromBytes(bytes)) });
  const fitting = fitInputs(request, { edge: [16, 4096] }, new AbortController().signal, () => {});
  const error = await fitting.then(() => assert.fail("it was taken"), (error) => error);
  assert.equal(error.failure.param, "image[1]");
});

Deno.test("an address is left unread where the model fetches it by itself, and read where it doesn't", async () => {
  let opened = 0;
  const png = paintPng({ width: 64, height: 64 });
  const media = () =>
    Media.fromUrl("https://pictures.example/a.png", () => {
      opened++;
      return ImageStream.of(png).then((stream) => stream!);
    });
  const run = (limits: InputLimits) =>
    fitInputs(
      imageRequest({ task: "edit", inputs: [media()] }),
      limits,
      new AbortController().signal,
      () => {},
    );
  assert.equal((await run({ takesUrls: true })).inputs[0]!.url, "https://pictures.example/a.png");
  assert.equal(opened, 0);
  await run({});
  assert.equal(opened, 1);
});
