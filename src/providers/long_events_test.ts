import assert from "node:assert/strict";
import { buffers } from "../core/buffers.ts";
import { bodyOf, cutInto, noise, taken } from "../testing/pieces.ts";
import { dataIn, readLongEvents } from "./long_events.ts";

const large = noise(150_000).toBase64();
const preview = JSON.stringify({ type: "preview", b64: noise(120_000, 2).toBase64() });
const final = JSON.stringify({ type: "final", b64: large, cost: 7 });
const note = JSON.stringify({ words: 'two\n\nlines, a "quote" and a \\' });
const CUTS = [[1_000_000], [70_000, 1, 2], [1000, 3]];

function replyOf(text: string, cut: number[], options?: Parameters<typeof bodyOf>[1]): Response {
  return new Response(bodyOf(cutInto(new TextEncoder().encode(text), cut), options));
}

/** Reads a stream in which the final event is wanted. */
async function read(response: Response) {
  const data: string[] = [];
  const whole = (one: string, long = "") => data.push(one.replace('"b64":""', `"b64":"${long}"`));
  const long = await readLongEvents(response, whole, (head) => /"final"/.test(head));
  if (!long) return { data };
  let text = "";
  for (let piece = await long.pieces.next(); piece; piece = await long.pieces.next()) {
    text += new TextDecoder().decode(taken(piece));
  }
  return { data, text, rest: dataIn(long.head + await long.tail) };
}

for (const newline of ["\n", "\r\n"]) {
  Deno.test(`events come one by one, the wanted one in pieces, the rest behind it, ${JSON.stringify(newline)}`, async () => {
    const text = [
      `: hello`,
      `event: note${newline}data: ${note}`,
      `event: preview${newline}data: ${preview}`,
      `data: ${final}`,
      `data: ${note}`,
      `data: [DONE]`,
      "",
    ].join(newline + newline);
    for (const cut of CUTS) {
      const { data, text: image, rest } = await read(replyOf(text, cut));
      assert.deepEqual(data, [note, preview]);
      assert.equal(image, large);
      assert.deepEqual(rest, [final.replace(large, ""), note]);
      assert.equal(buffers.lent, 0);
    }
  });
}

Deno.test("a stream without what is wanted is handed on as it comes", async () => {
  for (const cut of CUTS) {
    assert.deepEqual(await read(replyOf(`data: ${preview}\n\ndata: ${note}\n\ndata: [DONE]\n\n`, cut)), {
      data: [preview, note],
    });
  }
  assert.deepEqual(await read(replyOf("", [1])), { data: [] });
  assert.equal(buffers.lent, 0);
});

Deno.test("an event is handed on before the next one has come", async () => {
  const gate = Promise.withResolvers<void>();
  const heard = Promise.withResolvers<string>();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode(`data: ${note}\n\n`));
      await gate.promise;
      controller.close();
    },
  });
  const reading = readLongEvents(new Response(body as BodyInit), heard.resolve, () => false);
  assert.equal(await heard.promise, note);
  gate.resolve();
  assert.equal(await reading, undefined);
});

Deno.test("a stream that breaks off in the wanted text fails there, whether it ends or is reset", async () => {
  for (const failure of [undefined, new Error("connection reset")]) {
    const half = `data: ${note}\n\ndata: ${final.slice(0, 140_000)}`;
    await assert.rejects(read(replyOf(half, [50_000], { failure })), /broke off|connection reset/);
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("a reader who throws at an event ends the stream", async () => {
  let cancelled = 0;
  const response = replyOf(`data: ${note}\n\ndata: ${final}\n\n`, [300], { onCancel: () => cancelled++ });
  const told = new Error("refused");
  await assert.rejects(
    readLongEvents(response, () => {
      throw told;
    }, () => true),
    told,
  );
  assert.equal(cancelled, 1);
  assert.equal(buffers.lent, 0);
});
