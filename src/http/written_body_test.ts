import assert from "node:assert/strict";
import { buffers } from "../core/buffers.ts";
import { ImageStream } from "../core/image_stream.ts";
import { Media } from "../core/media.ts";
import { paintNoise } from "../testing/painting.ts";
import { cutInto, scriptedPieces } from "../testing/pieces.ts";
import { isWritten, type Part, writtenBody } from "./written_body.ts";

const picture = paintNoise({ bytes: 300_000 });
const base64 = picture.toBase64();

async function* inOrder(...parts: Part[]): AsyncGenerator<Part> {
  yield* parts;
}

/** A picture that is just arriving. */
async function arriving(cut: number[], failure?: Error) {
  const source = scriptedPieces(cutInto(picture, cut), failure);
  const stream = (await ImageStream.open({ encoding: "bytes", pieces: source }))!;
  return { source, stream, media: Media.fromStream(stream) };
}

function text(body: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>).text();
}

Deno.test("words and images come in their order, each in its form", async () => {
  for (const cut of [[300_000], [7, 100_000], [1000, 1, 2]]) {
    const { media } = await arriving(cut);
    const body = writtenBody(inOrder('{"狐":"', { media, encoding: "base64" }, '","b":"', {
      media: Media.fromBytes(picture),
      encoding: "base64",
    }, '"}'));
    assert.ok(isWritten(body));
    assert.equal(await text(body), `{"狐":"${base64}","b":"${base64}"}`);
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("bytes go out as they are, whether the image is here or arrives", async () => {
  for (const media of [Media.fromBytes(picture), (await arriving([1000, 5])).media]) {
    const body = writtenBody(inOrder({ media, encoding: "bytes" }));
    assert.deepEqual(await new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>).bytes(), picture);
  }
});

Deno.test("a promised length is filled up with blanks, and never exceeded unseen", async () => {
  const parts = () => inOrder('{"a":"', { media: Media.fromBytes(picture), encoding: "base64" }, '"}');
  const length = base64.length + 8;
  assert.equal(await text(writtenBody(parts(), length)), `{"a":"${base64}"}`);
  assert.equal(await text(writtenBody(parts(), length + 3)), `{"a":"${base64}"}   `);
  await assert.rejects(text(writtenBody(parts(), length - 1)), /promised/);
});

Deno.test("an image that breaks off breaks the body off", async () => {
  const { media } = await arriving([50_000], new Error("connection reset"));
  await assert.rejects(
    text(writtenBody(inOrder("[", { media, encoding: "base64" }, "]"))),
    /connection reset/,
  );
  assert.equal(buffers.lent, 0);
});

Deno.test("a reader who leaves ends the image, unless somebody else wants it", async () => {
  for (const isWanted of [false, true]) {
    const { media, stream, source } = await arriving([10_000]);
    const parts: Uint8Array[] = [];
    if (isWanted) {
      stream.tap({
        encoding: "bytes",
        write: (piece) => {
          parts.push(piece.bytes.slice());
          piece.release();
        },
        end: () => {},
      });
    }
    const reader = writtenBody(inOrder("[", { media, encoding: "base64" }, "]")).getReader();
    for (let turn = 0; turn < 4; turn++) await reader.read();
    await reader.cancel();
    if (isWanted) await stream.arrived;
    else await assert.rejects(stream.arrived, /nobody wants/);
    assert.equal(source.cancelled.length, isWanted ? 0 : 1);
    if (isWanted) assert.deepEqual(await new Blob(parts as BlobPart[]).bytes(), picture);
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("a reader who leaves during the last words does no harm", async () => {
  const reader = writtenBody(inOrder("a", "b")).getReader();
  await reader.read();
  await reader.read();
  await reader.cancel();
  await new Promise((resolve) => setTimeout(resolve, 0));
});

Deno.test("what nobody reads is not begun", async () => {
  const { media, stream } = await arriving([10_000]);
  const body = writtenBody(inOrder({ media, encoding: "bytes" }));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(stream.isRunning, false);
  await body.cancel();
  stream.cancel();
});

Deno.test("other bodies are not of this sort", () => {
  assert.equal(isWritten(null), false);
  assert.equal(isWritten(new Response("text").body), false);
});
