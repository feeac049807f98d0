import assert from "node:assert/strict";
import fc from "fast-check";
import sharp from "sharp";
import { ImageStream } from "./image_stream.ts";
import { EXTENSIONS, type ImageType, Media, readImageFacts } from "./media.ts";
import { noise } from "../testing/pieces.ts";

const blank = () => sharp({ create: { width: 6, height: 4, channels: 3, background: "#369" } });
const picture = async (format: "png" | "jpeg" | "webp" | "gif" | "tiff" | "avif" = "png") =>
  new Uint8Array(await blank().toFormat(format).toBuffer());

const streamOf = async (bytes: Uint8Array) => (await ImageStream.of(bytes))!;

for (const format of ["png", "jpeg", "webp", "gif", "tiff", "avif"] as const) {
  Deno.test(`${format} is told by its content`, async () => {
    assert.deepEqual(readImageFacts(await picture(format)), { type: `image/${format}`, width: 6, height: 4 });
  });
}

Deno.test("the size is known without decoding, and of an address once it was read", async () => {
  const bytes = await picture();
  for (let length = bytes.length; length > bytes.length - 3; length--) {
    const part = bytes.subarray(0, length);
    assert.equal(Media.fromBytes(part).size, length);
    assert.equal(Media.fromBase64(part.toBase64()).size, length);
    assert.equal(Media.fromBase64(part.toBase64({ omitPadding: true })).size, length);
  }
  const remote = Media.fromUrl("https://images.test/a.png", () => streamOf(bytes));
  assert.equal(remote.size, undefined);
  await remote.bytes();
  assert.equal(remote.size, bytes.length);
});

Deno.test("bytes that are no image have no facts, whatever they are", () => {
  assert.equal(readImageFacts(new TextEncoder().encode("<!DOCTYPE html><title>Sorry</title>")), undefined);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    const facts = readImageFacts(bytes);
    if (facts) assert.ok(facts.width > 0 && facts.height > 0);
  }));
});

Deno.test("an image that is cut off still never throws", async () => {
  const whole = await picture("jpeg");
  for (let length = 0; length < whole.length; length += 7) {
    const facts = readImageFacts(whole.subarray(0, length));
    if (facts) assert.equal(facts.type, "image/jpeg");
  }
});

Deno.test("each type has an ending of its own", () => {
  const types = Object.keys(EXTENSIONS) as ImageType[];
  assert.equal(new Set(types.map((type) => EXTENSIONS[type])).size, types.length);
});

Deno.test("base64 and bytes turn into one another", async () => {
  const bytes = await picture();
  assert.deepEqual(await Media.fromBase64(bytes.toBase64()).bytes(), bytes);
  assert.equal(await Media.fromBytes(bytes).base64(), bytes.toBase64());
  assert.equal(await Media.fromBytes(bytes).dataUrl(), `data:image/png;base64,${bytes.toBase64()}`);
});

Deno.test("base64 with blanks in it, or without its padding, goes on as it should be", async () => {
  const bytes = await picture();
  for (const length of [bytes.length - 2, bytes.length - 1, bytes.length]) {
    const part = bytes.subarray(0, length);
    const text = part.toBase64();
    const bare = part.toBase64({ omitPadding: true });
    for (const odd of [bare, bare.replace(/.{76}/g, "$&\n"), bare.padEnd(text.length, "\n"), ` ${text}`]) {
      const media = Media.fromBase64(odd);
      await media.bytes();
      assert.equal(await media.base64(), text);
    }
  }
});

Deno.test("text that is not base64 is told when its bytes are wanted, not before", async () => {
  const media = Media.fromBase64("not base64!");
  await assert.rejects(media.bytes(), SyntaxError);
  await assert.rejects(media.facts(), SyntaxError);
});

Deno.test("an address is opened once, when its bytes are first wanted", async () => {
  const bytes = await picture();
  let opened = 0;
  const media = Media.fromUrl("https://results.example/1.png", () => {
    opened++;
    return streamOf(bytes);
  });
  assert.equal(media.url, "https://results.example/1.png");
  assert.equal(opened, 0);
  await Promise.all([media.bytes(), media.base64(), media.facts()]);
  await media.file("image");
  assert.equal(opened, 1);
});

Deno.test("an address that could not be opened is tried again the next time", async () => {
  const bytes = await picture();
  let opened = 0;
  const media = Media.fromUrl("https://results.example/1.png", () => {
    if (opened++ === 0) return Promise.reject(new Error("reset"));
    return streamOf(bytes);
  });
  await assert.rejects(media.bytes(), /reset/);
  assert.deepEqual(await media.bytes(), bytes);
});

Deno.test("only what came as an address has one", async () => {
  assert.equal(Media.fromBytes(await picture()).url, undefined);
  assert.equal(Media.fromBase64("aGk=").url, undefined);
});

Deno.test("a file has the type and the ending of its content", async () => {
  const file = await Media.fromBytes(await picture("webp")).file("input");
  assert.equal(file.name, "input.webp");
  assert.equal(file.type, "image/webp");
  assert.deepEqual(new Uint8Array(await file.arrayBuffer()), await picture("webp"));
});

Deno.test("base64 in parts is the same text, whatever form the image came in", async () => {
  const bytes = noise(600_001, 5);
  const text = bytes.toBase64();
  for (const media of [Media.fromBytes(bytes), Media.fromBase64(text)]) {
    const parts = await Array.fromAsync(media.base64Parts());
    assert.equal(parts.join(""), text);
    assert.ok(parts.length > 1 && parts.every((part) => part.length <= 256 * 1024));
  }
});
