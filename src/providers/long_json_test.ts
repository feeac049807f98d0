import assert from "node:assert/strict";
import fc from "fast-check";
import { joined } from "../core/ascii.ts";
import { buffers, type Pieces } from "../core/buffers.ts";
import { Failed } from "../core/failure.ts";
import { bodyOf, cutInto, noise, taken } from "../testing/pieces.ts";
import { type LongReply, readLongJson, type ShortReply, wholeText, withoutDataPrefix } from "./long_json.ts";

const LONG = 64 * 1024;
const utf8 = (text: string) => new TextEncoder().encode(text);
/** Of an image, with all characters that base64 has. */
const IMAGE = noise(150_001).toBase64();

/** A reply whose body comes in these parts, and what became of it. */
function replyOf(parts: readonly Uint8Array[], failure?: Error, headers: Record<string, string> = {}) {
  const cancelled: unknown[] = [];
  const body = bodyOf(parts, { failure, onCancel: (reason) => cancelled.push(reason) });
  return { response: new Response(body, { headers }), cancelled };
}

function read(json: string, cut: readonly number[] = [30_000], failure?: Error) {
  return readLongJson(replyOf(cutInto(utf8(json), cut), failure).response);
}

async function readLong(json: string, cut?: readonly number[], failure?: Error): Promise<LongReply> {
  const reply = await read(json, cut, failure);
  assert.ok("pieces" in reply, "expected a long text");
  return reply;
}

async function textOf(pieces: Pieces): Promise<string> {
  const parts: Uint8Array[] = [];
  for (let piece = await pieces.next(); piece; piece = await pieces.next()) parts.push(taken(piece));
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(joined(parts));
}

/** The reply as JSON, read as its reader would: the text by itself, and what stands around it. */
async function valueOf(reply: ShortReply | LongReply): Promise<unknown> {
  if ("text" in reply) return JSON.parse(reply.text);
  const text = await textOf(reply.pieces);
  return JSON.parse(reply.head + JSON.stringify(text).slice(1, -1) + await reply.tail);
}

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1000, max: 90_000 })), {
  minLength: 1,
  maxLength: 4,
}).filter((cut) => cut.reduce((sum, size) => sum + size, 0) / cut.length > 500);

/** Long texts of which each begins differently, so that what is cut is cut everywhere. */
const long = fc.tuple(
  fc.constantFrom("A/b+9", "\\", '"', "\n\t", 'a\\/"', "狐狸", "🦊", "\u2028é", "\ufeff"),
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.nat(30),
).map(([word, start, more]) => start + word.repeat(Math.ceil((LONG + 2) / word.length) + more));

/** What writers of JSON do to characters that could stand as they are. */
const STYLES: Record<string, (json: string) => string> = {
  plain: (json) => json,
  "slashes escaped": (json) => json.replaceAll("/", "\\/"),
  "ASCII alone": (json) =>
    json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  "plus signs escaped": (json) =>
    json.replace(/"(?:[^"\\]|\\.)*"/g, (text) => text.replaceAll("+", "\\u002B")),
};
const short = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)));
const documents = fc.tuple(short, long, short, fc.option(long), fc.string({ maxLength: 12 })).chain(
  ([before, text, after, second, name]) =>
    fc.constantFrom<unknown>(
      text,
      [text],
      [before, text, after, second],
      { before, [`n${name}`]: text, after, second },
      { data: [{ before, b64_json: text, revised_prompt: after }, { b64_json: second }], usage: after },
      { [text]: before, second },
      [[before, { a: { b: [text] } }], after],
    ),
);
const anyJson = fc.tuple(documents, fc.constantFrom(...Object.keys(STYLES)), fc.constantFrom(undefined, 2))
  .map(
    ([value, style, indent]) => STYLES[style]!(JSON.stringify(value, undefined, indent)),
  );

Deno.test("any reply with a long text in it is read as JSON.parse() reads it, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(anyJson, sizes, async (json, cut) => {
      const reply = await read(json, cut);
      assert.ok("pieces" in reply);
      assert.deepEqual(await valueOf(reply), JSON.parse(json));
      assert.equal(buffers.lent, 0);
      assert.deepEqual(JSON.parse(await wholeText(await readLong(json, cut))), JSON.parse(json));
      assert.equal(buffers.lent, 0);
    }),
    { numRuns: 150 },
  );
});

Deno.test("a reply without a long text is given as it is", async () => {
  await fc.assert(fc.asyncProperty(short, sizes, async (value, cut) => {
    const json = JSON.stringify(value);
    assert.deepEqual(await read(json, cut), { text: json });
    assert.equal(buffers.lent, 0);
  }));
  const many = JSON.stringify(Array.from({ length: 40 }, () => "x".repeat(LONG - 1)));
  assert.deepEqual(await read(many), { text: many });
  assert.deepEqual(await readLongJson(new Response(null)), { text: "" });
  assert.deepEqual(await read("<html>no JSON at all"), { text: "<html>no JSON at all" });
});

Deno.test("a text begins to be handed out long before the reply has ended", async () => {
  const parts = cutInto(utf8(`{"data":[{"b64_json":"${IMAGE}"}]}`), [40_000]);
  const reply = await readLongJson(replyOf(parts.slice(0, 2), new Error("reset")).response);
  assert.ok("pieces" in reply);
  assert.equal(reply.head, '{"data":[{"b64_json":"');
  const seen = [await reply.pieces.next(), await reply.pieces.next()].map((piece) => taken(piece!));
  assert.ok(new TextDecoder().decode(joined(seen)) === IMAGE.slice(0, 80_000 - reply.head.length));
  await assert.rejects(reply.pieces.next(), /reset/);
  reply.pieces.cancel();
  assert.equal(buffers.lent, 0);
});

for (const [what, text] of [["plain", IMAGE], ["with a prefix", `data:image/png;base64,${IMAGE}`]] as const) {
  for (const style of Object.keys(STYLES)) {
    Deno.test(`base64 that is ${what} comes as bare base64, ${style}`, async () => {
      const json = STYLES[style]!(JSON.stringify({ data: [{ b64_json: text }] }));
      for (const cut of [[1400], [65_537, 1], [500_000], [80_000, 3, 7]]) {
        const { pieces, tail } = await readLong(json, cut);
        assert.equal(await textOf(withoutDataPrefix(pieces)), IMAGE);
        assert.equal(await tail, '"}]}');
        assert.equal(buffers.lent, 0);
      }
    });
  }
}

Deno.test("an escape is understood wherever it is cut", async () => {
  const start = "A".repeat(LONG + 10);
  for (
    const end of [
      "\\/b",
      "\\u002bc",
      "\\\\",
      "\\\\\\/",
      '\\"d',
      "\\ud83e\\udd8ae",
      "狐f",
      "\\\\u0041",
      "\\n\\ud83e",
    ]
  ) {
    const json = `["${start}${end}","x\\/y"]`;
    const from = 2 + start.length;
    const bytes = utf8(json);
    for (let at = from - 1; at <= bytes.length; at++) {
      const parts = [bytes.subarray(0, at), bytes.subarray(at, at + 1), bytes.subarray(at + 1)];
      const reply = await readLongJson(replyOf(parts.filter((part) => part.length > 0)).response);
      const wanted = JSON.parse(json).map((text: string) => text.toWellFormed());
      assert.deepEqual(await valueOf(reply), wanted, `${end} at ${at - from}`);
      assert.equal(buffers.lent, 0);
    }
  }
});

Deno.test("an escape that JSON does not know is told, not guessed", async () => {
  for (const escape of ["\\x", "\\u12g4", "\\U0041", "\\u1"]) {
    const { pieces } = await readLong(`["${"A".repeat(LONG + 1)}${escape}AA"]`, [50_000, 5]);
    const malformed = (error: unknown) => error instanceof Failed && error.failure.kind === "malformed_reply";
    await assert.rejects(textOf(pieces), malformed, escape);
    pieces.cancel();
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("quotes and backslashes in earlier texts don't hide where the long one begins", async () => {
  const earlier = ['"', "\\", '\\"', '\\\\"', 'b64_json":"', "\\".repeat(999), '","b64_json":"'];
  const json = JSON.stringify({ earlier, 'a"\\': earlier, data: [{ b64_json: IMAGE }], after: earlier });
  for (const cut of [[7, 3000], [100, 100, 60_000]]) {
    const reply = await readLong(json, cut);
    assert.match(reply.head, /"data":\[\{"b64_json":"$/);
    assert.deepEqual(await valueOf(reply), JSON.parse(json));
  }
});

Deno.test("a second long text is part of what follows the first", async () => {
  const json = JSON.stringify({ data: [{ b64_json: IMAGE }, { b64_json: IMAGE, revised_prompt: "狐狸" }] });
  const reply = await readLong(json);
  assert.equal(await textOf(reply.pieces), IMAGE);
  assert.deepEqual(JSON.parse(reply.head + await reply.tail), {
    data: [{ b64_json: "" }, { b64_json: IMAGE, revised_prompt: "狐狸" }],
  });
});

Deno.test("a reply that breaks off in the text fails there, whether it ends or is reset", async () => {
  const json = `{"data":[{"b64_json":"${IMAGE}"}]}`;
  for (const failure of [undefined, new Error("connection reset")]) {
    for (const length of [LONG + 100, 100_000, json.length - 5]) {
      const { pieces, tail } = await readLong(json.slice(0, length), [30_000], failure);
      await assert.rejects(textOf(pieces), failure ?? /broke off in the middle of an image/);
      pieces.cancel(failure);
      await assert.rejects(tail);
      assert.equal(buffers.lent, 0);
    }
  }
});

Deno.test("a reply that breaks off right after the text, or in what follows, has given all of the text", async () => {
  const json = `{"data":[{"b64_json":"${IMAGE}","revised_prompt":"a fox"}],"usage":{}}`;
  const end = json.indexOf('","revised') + 1;
  for (const length of [end, end + 1, json.length - 3]) {
    const ended = await readLong(json.slice(0, length), [30_000]);
    assert.equal(await textOf(ended.pieces), IMAGE);
    assert.equal(await ended.tail, json.slice(end - 1, length));
    const reset = await readLong(json.slice(0, length), [30_000], new Error("connection reset"));
    assert.equal(await textOf(reset.pieces), IMAGE);
    await assert.rejects(reset.tail, /connection reset/);
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("a reply that is cut short anywhere never passes for a whole one", async () => {
  await fc.assert(
    fc.asyncProperty(anyJson, sizes, fc.double({ min: 0, max: 1, noNaN: true }), async (json, cut, share) => {
      // A bare text or a number that is cut could be another one; no reply is of that sort.
      const whole = utf8(`{"reply":${json}}`);
      const parts = cutInto(whole.subarray(0, Math.floor(share * whole.length)), cut);
      const value = readLongJson(replyOf(parts).response).then(async (reply) =>
        JSON.parse("text" in reply ? reply.text : await wholeText(reply))
      );
      if (share === 1) await value;
      else await assert.rejects(value, (error) => error instanceof SyntaxError || error instanceof Failed);
      assert.equal(buffers.lent, 0);
    }),
    { numRuns: 100 },
  );
});

Deno.test("a text whose closing quote is the first byte of a piece leaves nothing behind", async () => {
  const head = utf8('["');
  const text = utf8("A".repeat(LONG + 1));
  for (const rest of ['"]', '",1,2]']) {
    const tail = joined([utf8(rest), utf8(" ".repeat(100_000))]);
    const reply = await readLongJson(replyOf([joined([head, text]), tail]).response);
    assert.ok("pieces" in reply);
    assert.equal((await textOf(reply.pieces)).length, LONG + 1);
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("a text that is given up ends the reply, and what would have followed is never known", async () => {
  const parts = cutInto(utf8(`["${IMAGE}"]`), [70_000]);
  for (const reads of [0, 1, 2]) {
    const { response, cancelled } = replyOf(parts);
    const reply = await readLongJson(response);
    assert.ok("pieces" in reply);
    for (let turn = 0; turn < reads; turn++) (await reply.pieces.next())!.release();
    reply.pieces.cancel("enough");
    await assert.rejects(reply.tail);
    assert.equal(await reply.pieces.next(), undefined);
    assert.deepEqual(cancelled, ["enough"]);
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("a reply says how much is still to come, unless it is packed", async () => {
  const json = `["${IMAGE}"]`;
  const length = { "content-length": String(json.length) };
  const parts = cutInto(utf8(json), [70_000]);
  for (
    const [headers, most] of [[length, json.length - 2], [{}, undefined], [{
      ...length,
      "content-encoding": "gzip",
    }, undefined]] as const
  ) {
    const reply = await readLongJson(replyOf(parts, undefined, headers as Record<string, string>).response);
    assert.ok("pieces" in reply);
    assert.equal(reply.most, most);
    reply.pieces.cancel();
  }
});
