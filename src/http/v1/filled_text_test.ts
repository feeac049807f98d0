import assert from "node:assert/strict";
import fc from "fast-check";
import { ImageStream } from "../../core/image_stream.ts";
import { Media } from "../../core/media.ts";
import { paintNoise } from "../../testing/painting.ts";
import { cutInto, scriptedPieces } from "../../testing/pieces.ts";
import { writtenBody } from "../written_body.ts";
import { base64At, filled, type FilledText, whole } from "./filled_text.ts";

const large = paintNoise({ bytes: 300_000 });
const small = paintNoise({ bytes: 3_000 });
const of = (...all: Uint8Array[]) => ({ pictures: all.map((bytes) => ({ media: Media.fromBytes(bytes) })) });

async function written(text: FilledText): Promise<string> {
  const body = writtenBody(text, text.most) as ReadableStream<Uint8Array<ArrayBuffer>>;
  return await new Response(body).text();
}

Deno.test("pictures stand where their marks were, in any order, in JSON and in words", async () => {
  const build = () => `狐 ${JSON.stringify({ b: `x${base64At(1)}`, a: base64At(0) })}`;
  const expected = `狐 ${JSON.stringify({ b: `x${large.toBase64()}`, a: small.toBase64() })}`;
  const text = filled(of(small, large), build);
  assert.equal(text.isLarge, true);
  assert.equal(text.most, new TextEncoder().encode(expected).length);
  assert.equal(await written(text), expected);
  assert.equal(await whole(filled(of(small, large), build)), expected);
});

Deno.test("only pictures that are in it make a text large", async () => {
  assert.equal(filled(of(small), () => base64At(0)).isLarge, false);
  const text = filled(of(large), () => "a link");
  assert.deepEqual([text.isLarge, text.most], [false, 6]);
  assert.equal(await whole(text), "a link");
});

Deno.test("what is told behind a picture that arrives is in the rest of its text", async () => {
  interface Told {
    pictures: { media: Media }[];
    words: string;
    arrived?: Promise<Told>;
  }
  const stream = (await ImageStream.open({
    encoding: "bytes",
    pieces: scriptedPieces(cutInto(large, [50_000, 7])),
    most: large.length,
  }))!;
  const pictures = [{ media: Media.fromStream(stream) }];
  const arrived = stream.arrived.then((): Told => ({ pictures, words: "known at last" }));
  const text = filled<Told>(
    { pictures, words: "not known", arrived },
    ({ words }) => JSON.stringify({ b64_json: base64At(0), words }),
  );
  assert.equal(text.isLarge, true);
  assert.deepEqual(JSON.parse(await written(text)), { b64_json: large.toBase64(), words: "known at last" });
});

Deno.test("property: nobody's words are taken for a mark", async () => {
  const words = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(base64At(0).slice(36), "0!", "$&"));
  await fc.assert(fc.asyncProperty(words, words, async (before, behind) => {
    const text = filled(of(small), () => JSON.stringify([before, base64At(0), behind]));
    assert.deepEqual(JSON.parse(await whole(text)), [before, small.toBase64(), behind]);
  }));
});
