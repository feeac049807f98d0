import assert from "node:assert/strict";
import { buffers } from "../core/buffers.ts";
import { Failed } from "../core/failure.ts";
import type { Made } from "../core/provider.ts";
import { paintNoise, paintPng } from "../testing/painting.ts";
import { bodyOf, cutInto } from "../testing/pieces.ts";
import { providerCall } from "../testing/provider_call.ts";
import { newApi } from "./new_api.ts";
import { readImages } from "./openai_dialect.ts";

const large = paintNoise({ bytes: 200_000 });
const small = paintPng({ width: 8, height: 8 });

/** Reads a reply that comes in pieces, as it is read for a caller who takes images while they arrive. */
function read(reply: unknown, { mayStream = true } = {}): Promise<Made> {
  const call = providerCall({ provider: newApi, baseUrl: "http://service.test", mayStream });
  const text = typeof reply === "string" ? reply : JSON.stringify(reply);
  const body = bodyOf(cutInto(new TextEncoder().encode(text), [40_000, 1]));
  return readImages(call)(new Response(body));
}

/** All images of a reply with what is told of them, whichever way they come. */
async function told(made: Made) {
  const images = await Promise.all(
    made.images.map(async ({ media, ...about }) => ({ bytes: await media.bytes(), ...about })),
  );
  const rest = await made.rest;
  const more = await Promise.all(
    (rest?.images ?? []).map(async ({ media, ...about }) => ({ bytes: await media.bytes(), ...about })),
  );
  const [first, ...others] = images;
  return { images: [{ ...first, ...rest?.first }, ...others, ...more], usage: rest?.usage ?? made.usage };
}

const usage = { input_tokens: 5, output_tokens: 7, total_tokens: 12 };

for (
  const [what, data] of [
    ["alone", [{ b64_json: large.toBase64(), revised_prompt: "狐狸" }]],
    ["with others behind it", [{ b64_json: large.toBase64() }, {
      b64_json: large.toBase64(),
      revised_prompt: "two",
    }]],
    ["with a prefix", [{ b64_json: `data:image/png;base64,${large.toBase64()}` }]],
    ["with its words before it", [{ revised_prompt: 'a "fox"', b64_json: large.toBase64() }]],
  ] as const
) {
  Deno.test(`a large image ${what} is told as it would be of a reply that is read whole`, async () => {
    const streamed = await read({ created: 1, data, usage });
    assert.ok(streamed.images[0]!.media.stream, "it is handed on while it arrives");
    assert.deepEqual(
      await told(streamed),
      await told(await read({ created: 1, data, usage }, { mayStream: false })),
    );
    assert.equal(buffers.lent, 0);
  });
}

Deno.test("small images before the large one are among those that came besides", async () => {
  const made = await read({
    data: [
      { b64_json: small.toBase64(), revised_prompt: "small" },
      { b64_json: large.toBase64(), revised_prompt: "large" },
      { b64_json: small.toBase64(), revised_prompt: "last" },
    ],
    usage,
  });
  const { images } = await told(made);
  assert.deepEqual(images.map(({ revisedPrompt }) => revisedPrompt), ["large", "small", "last"]);
  assert.deepEqual(images.map(({ bytes }) => bytes), [large, small, small]);
});

Deno.test("a long text that is no image is read like any other", async () => {
  const words = 'a fox \\ "in" the snow 狐狸 '.repeat(5000);
  const made = await read({ data: [{ revised_prompt: words, b64_json: small.toBase64() }], usage });
  assert.deepEqual((await told(made)).images, [{ bytes: small, revisedPrompt: words }]);
  const failed = (error: unknown) => error instanceof Failed && error.failure.message.includes("a fox");
  await assert.rejects(read({ error: { message: words, code: "moderation" } }), failed);
  assert.equal(buffers.lent, 0);
});

Deno.test("a long base64 that is no image counts as none", async () => {
  const page = new TextEncoder().encode("<!DOCTYPE html><title>Sorry</title>".repeat(100_000));
  assert.deepEqual(await read({ data: [{ b64_json: page.toBase64() }] }), { images: [] });
  await assert.rejects(read({ data: [{ b64_json: "no base64 at all! ".repeat(10_000) }] }), SyntaxError);
  assert.equal(buffers.lent, 0);
});

Deno.test("what stands behind an image and is no JSON costs the image nothing", async () => {
  const made = await read(`{"data":[{"b64_json":"${large.toBase64()}"}],"usage":`);
  assert.deepEqual(await made.images[0]!.media.bytes(), large);
  await assert.rejects(made.rest!, Failed);
});
