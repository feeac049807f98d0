import assert from "node:assert/strict";
import { bodyOf, cutInto, noise, taken } from "../testing/pieces.ts";
import { joined } from "./ascii.ts";
import { Buffers, buffers, Piece, type Pieces, piecesOf } from "./buffers.ts";

async function all(pieces: Pieces): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let piece = await pieces.next(); piece; piece = await pieces.next()) parts.push(taken(piece));
  return joined(parts);
}

Deno.test("a buffer that was given back is lent again", () => {
  const pool = new Buffers({ budget: 1000, large: 100, small: 10, spare: 200 });
  const first = pool.take();
  assert.equal(first.byteLength, 100);
  pool.give(first);
  assert.equal(pool.take(), first);
  assert.equal(pool.lent, 100);
});

Deno.test("beyond the budget buffers are small, and large again once others are back", () => {
  const pool = new Buffers({ budget: 200, large: 100, small: 10, spare: 200 });
  const taken = [pool.take(), pool.take(), pool.take()];
  assert.deepEqual(taken.map(({ byteLength }) => byteLength), [100, 100, 10]);
  assert.equal(pool.lent, 210);
  for (const buffer of taken) pool.give(buffer);
  assert.equal(pool.lent, 0);
  assert.equal(pool.take().byteLength, 100);
});

Deno.test("no more buffers are kept than are worth it", () => {
  const pool = new Buffers({ budget: 1000, large: 100, small: 10, spare: 100 });
  const [one, two] = [pool.take(), pool.take()];
  pool.give(one);
  pool.give(two);
  assert.equal(pool.take(), one);
  assert.notEqual(pool.take(), two);
});

Deno.test("a piece is given back after its last use, and not before", () => {
  const piece = Piece.lent(new Uint8Array(buffers.take()));
  const { lent } = buffers;
  const part = piece.retain().part(3, 5);
  assert.equal(part.bytes.length, 2);
  piece.release();
  assert.equal(buffers.lent, lent);
  part.release();
  assert.equal(buffers.lent, 0);
});

Deno.test("a piece that is small beside its buffer does not hold it", () => {
  const target = new Uint8Array(buffers.take());
  target.set([1, 2, 3]);
  const piece = Piece.lent(target.subarray(0, 3));
  assert.equal(buffers.lent, 0);
  new Uint8Array(buffers.take()).fill(9);
  assert.deepEqual([...piece.bytes], [1, 2, 3]);
  piece.release();
  buffers.forget(buffers.lent);
});

/** A body that is not one of bytes, as writers of streams make them. */
function chunksOf(
  parts: readonly Uint8Array[],
  { failure, onCancel }: Parameters<typeof bodyOf>[1] = {},
): ReadableStream<Uint8Array> {
  const rest = [...parts];
  return new ReadableStream({
    pull(controller) {
      const part = rest.shift();
      if (part) controller.enqueue(part);
      else if (failure) controller.error(failure);
      else controller.close();
    },
    cancel: onCancel,
  });
}

for (const [what, body] of [["bytes", bodyOf], ["chunks", chunksOf]] as const) {
  Deno.test(`a body of ${what} comes whole, and all of its memory is given back`, async () => {
    const bytes = noise(900_000);
    assert.deepEqual(await all(piecesOf(body(cutInto(bytes, [70_001, 300_000, 1])))), bytes);
    assert.equal(buffers.lent, 0);
  });

  Deno.test(`a body of ${what} that fails keeps nothing that was lent`, async () => {
    const broken = piecesOf(body([noise(100_000)], { failure: new Error("broken off") }));
    await assert.rejects(all(broken), /broken off/);
    assert.equal(buffers.lent, 0);
  });

  Deno.test(`a body of ${what} that is given up keeps nothing that was lent`, async () => {
    const heard = Promise.withResolvers<unknown>();
    const pieces = piecesOf(body([noise(100_000), noise(100_000)], { onCancel: heard.resolve }));
    (await pieces.next())!.release();
    pieces.cancel("enough");
    assert.equal(await heard.promise, "enough");
    assert.equal(await pieces.next(), undefined);
    assert.equal(buffers.lent, 0);
  });
}

Deno.test("a body that is given up while it is waited for keeps nothing that was lent", async () => {
  const heard = Promise.withResolvers<unknown>();
  const pieces = piecesOf(new ReadableStream({ type: "bytes", cancel: heard.resolve }));
  const next = pieces.next();
  pieces.cancel("enough");
  assert.equal(await heard.promise, "enough");
  assert.equal(await next, undefined);
  assert.equal(buffers.lent, 0);
});

Deno.test("a body that somebody else reads is refused", () => {
  const body = new ReadableStream<Uint8Array>();
  body.getReader();
  assert.throws(() => piecesOf(body), TypeError);
});
