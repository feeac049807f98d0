import assert from "node:assert/strict";
import fc from "fast-check";
import { cutInto, noise, taken } from "../testing/pieces.ts";
import { joined } from "./ascii.ts";
import { Base64Decoder, Base64Encoder } from "./base64.ts";
import { buffers, Piece } from "./buffers.ts";

const ascii = (text: string) => new TextEncoder().encode(text);
const sizes = (most: number) => fc.array(fc.integer({ min: 1, max: most }), { minLength: 1, maxLength: 8 });
const blanks = fc.array(fc.tuple(fc.nat(400), fc.constantFrom(" ", "\n", "\r\n", "\t", "  \n")), {
  maxLength: 12,
});

/** What a decoder makes of a text that comes in these pieces. */
function decode(text: string, cut: readonly number[]): Uint8Array {
  const decoder = new Base64Decoder();
  const parts: Uint8Array[] = [];
  for (const piece of cutInto(ascii(text), cut)) parts.push(...decoder.push(new Piece(piece)).map(taken));
  const last = decoder.end();
  if (last) parts.push(taken(last));
  return joined(parts);
}

function encode(bytes: Uint8Array, cut: readonly number[]): string {
  const encoder = new Base64Encoder();
  const parts: Uint8Array[] = [];
  for (const piece of cutInto(bytes, cut)) parts.push(...encoder.push(piece).map(taken));
  const last = encoder.end();
  if (last) parts.push(taken(last));
  return new TextDecoder().decode(joined(parts));
}

/** The same, or the class of the error. */
function outcome(work: () => Uint8Array): Uint8Array | string {
  try {
    return work();
  } catch (error) {
    return (error as Error).name;
  }
}

function withBlanks(text: string, places: readonly (readonly [number, string])[]): string {
  return places.reduce((rest, [at, blank]) => rest.slice(0, at) + blank + rest.slice(at), text);
}

Deno.test("bytes come back from base64 in any pieces, blanks and missing padding or not", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.boolean(),
      blanks,
      sizes(60),
      (bytes, omitPadding, places, cut) => {
        const text = withBlanks(bytes.toBase64({ omitPadding }), places);
        assert.deepEqual(decode(text, cut), new Uint8Array(bytes));
        assert.equal(buffers.lent, 0);
      },
    ),
  );
});

Deno.test("a whole picture comes back, whatever the size of the pieces", () => {
  for (const length of [49_151, 196_608, 262_144, 1_000_001]) {
    const bytes = noise(length);
    for (const cut of [[length * 2], [1400, 8111], [65_536], [65_537, 3], [262_143]]) {
      assert.deepEqual(decode(bytes.toBase64(), cut), bytes, `${length} in pieces of ${cut}`);
      assert.equal(encode(bytes, cut), bytes.toBase64(), `${length} in pieces of ${cut}`);
    }
  }
  assert.equal(buffers.lent, 0);
});

Deno.test("what is not base64 is told as that, and nowhere else than in one piece", () => {
  const anything = fc.oneof(
    fc.string({ maxLength: 80, unit: fc.constantFrom(..."AbZ09+/== \n") }),
    fc.string({ maxLength: 80 }),
    fc.string({ maxLength: 20, unit: "binary" }),
  );
  fc.assert(
    fc.property(anything, sizes(9), (text, cut) => {
      const whole = outcome(() => Uint8Array.fromBase64(text));
      assert.deepEqual(outcome(() => decode(text, cut)), whole);
      assert.equal(buffers.lent, 0);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("garbage in the middle of a picture is told, and no memory is kept", () => {
  for (const garbage of ["!", "-", "=", '"', "\u{fc}"]) {
    const text = noise(500_000).toBase64();
    const spoilt = text.slice(0, 400_000) + garbage + text.slice(400_000);
    assert.throws(() => decode(spoilt, [300_000]), SyntaxError);
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("nothing may follow the padding, in whichever piece it comes", () => {
  for (const cut of [[100], [4, 4], [5, 1], [1]]) assert.throws(() => decode("AA==\nAAAA", cut), SyntaxError);
  for (const cut of [[100], [4, 4], [5, 1], [1]]) assert.deepEqual([...decode("AA==\n \n", cut)], [0]);
});

Deno.test("blanks without end are neither kept nor handed on", () => {
  const decoder = new Base64Decoder();
  const line = ascii("\n".repeat(200_000));
  decoder.push(new Piece(ascii("AA"))).forEach(taken);
  for (let turn = 0; turn < 200; turn++) {
    for (const piece of decoder.push(new Piece(line))) assert.equal(taken(piece).length, 0);
  }
  assert.deepEqual([...taken(decoder.end()!)], [0]);
});

Deno.test("a decoder gets on with small buffers, and keeps nothing back", () => {
  const held = Array.from({ length: 193 }, () => buffers.take());
  try {
    const [text, before] = [ascii(noise(600_000).toBase64()), buffers.lent];
    const decoder = new Base64Decoder();
    const parts = decoder.push(new Piece(text)).map(taken);
    assert.ok(joined(parts).length > 599_990, "all but the last group was handed on");
    assert.equal(decoder.end(), undefined);
    assert.deepEqual(joined(parts), noise(600_000));
    assert.equal(buffers.lent, before);
  } finally {
    for (const buffer of held) buffers.give(buffer);
  }
});

Deno.test("bytes in any pieces become the base64 of the whole", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), sizes(20), (bytes, cut) => {
    assert.equal(encode(bytes, cut), bytes.toBase64());
    assert.equal(buffers.lent, 0);
  }));
});
