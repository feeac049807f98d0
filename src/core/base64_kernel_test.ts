import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { decodePlain, plainLength } from "./base64_kernel.ts";
import { assembleKernel, KERNEL } from "./base64_kernel_build.ts";

const ascii = (text: string) => new TextEncoder().encode(text);
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** A text that takes the kernel several turns, and its last one with a part of a block. */
const LONG = ALPHABET.repeat(2000) + "abcd";

Deno.test("the kernel is what its text says", async () => {
  deepEqual(await Deno.readFile(KERNEL), await assembleKernel());
});

Deno.test("of all bytes those of the alphabet are plain, and no other, wherever they stand", () => {
  for (let byte = 0; byte < 256; byte++) {
    for (const place of [0, 1, 15, 16, 17, 39]) {
      const text = new Uint8Array(40).fill("A".charCodeAt(0));
      text[place] = byte;
      const isPlain = ALPHABET.includes(String.fromCharCode(byte));
      equal(plainLength(text), isPlain ? 40 : place, `byte ${byte} at ${place}`);
    }
  }
});

Deno.test("the first stranger ends what is plain, however long the text is", () => {
  const plain = ascii(LONG);
  equal(plainLength(plain), plain.length);
  equal(plainLength(new Uint8Array()), 0);
  fc.assert(fc.property(
    fc.nat(plain.length),
    fc.constantFrom(...'"\\=\n -_\u007f'),
    (place, stranger) => {
      const text = ascii(LONG.slice(0, place) + stranger + LONG.slice(place));
      equal(plainLength(text), place);
    },
  ));
});

Deno.test("what was seen before has no part in what is seen now", () => {
  plainLength(ascii('"'.repeat(64)));
  for (let length = 0; length <= 48; length++) equal(plainLength(ascii("A".repeat(length))), length);
});

Deno.test("plain text gives the bytes that the engine's own decoder gives", () => {
  const check = (text: string) => {
    const bytes = Uint8Array.fromBase64(text);
    const target = new Uint8Array(bytes.length + 1).fill(0xee);
    decodePlain(ascii(text), target);
    deepEqual(target, new Uint8Array([...bytes, 0xee]));
  };
  check(LONG);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
    check(bytes.subarray(0, bytes.length - bytes.length % 3).toBase64());
  }));
});
