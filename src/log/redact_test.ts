import assert from "node:assert/strict";
import fc from "fast-check";
import { redactRecord } from "./redact.ts";
import { namesSecret, redactText } from "./redact_text.ts";

const UUID = "0c6f3f0e-7a11-4a6f-9b0e-2f0c9f2e0d55";

Deno.test("keys of every shape are masked in a text, and the words around them stay", () => {
  const keys = [
    "sk-proj-abcDEF123456_78",
    "sk-newapi-1234567890",
    "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "r8_1234567890abcdef",
    "rpa_ABCDEFGH12345678",
    "bfl_0123456789abcdef",
    "pk_abcdefgh1234",
    "sk_abcdefgh1234",
    `ark-${UUID}`,
    `ms-${UUID}`,
    `ir-${"Ab1_".repeat(10)}xyz`,
    "ABCDEFGHIJ0123456789KLMNOPQRSTUVWXYZ4567",
  ];
  for (const key of keys) {
    const safe = redactText(`the key ${key} was refused`);
    assert.match(safe, /^the key .{0,12}…\[redacted\] was refused$/);
    assert.ok(!safe.includes(key.slice(-8)), safe);
  }
});

Deno.test("a key is masked after whatever stands before it", () => {
  const key = "sk-abcdef1234567890";
  for (
    const before of ["", " ", "(", "'", '"', "=", ":", "/", "%3A", "%20", "key ", "openai:", "\n", "值", "_"]
  ) {
    assert.ok(!redactText(`${before}${key}`).includes("1234567890"), before);
  }
});

Deno.test("what authorises is masked in headers, JSON and URLs", () => {
  const texts = [
    `Authorization: Bearer ${UUID}`,
    `authorization: Key ${UUID}:secretpart1`,
    `{"authorization":"Token ${UUID}"}`,
    `{"apiKey":"${UUID}","n":1}`,
    `{\\"api_key\\": \\"${UUID}\\"}`,
    `{"keys": ["${UUID}"]}`,
    `password = "open ${UUID} sesame"`,
    `X-API-Key: ${UUID}`,
    `cookie: a=1; session=${UUID}`,
    `https://h.example/x?a=1&key=${UUID}&b=2`,
    `url: https://h.example/x?token=${UUID}`,
    `https://user:${UUID}@h.example/x`,
    `https://b.s3.example/o?X-Amz-Credential=${UUID}&X-Amz-Signature=${UUID}`,
    `https://b.tos.example/o?X-Tos-Signature=${UUID}&X-Tos-Security-Token=${UUID}`,
    `https://c.example/o?se=2026&sig=${UUID}`,
    `a bearer ${UUID} came`,
  ];
  for (const text of texts) assert.ok(!redactText(text).includes(UUID.slice(-12)), redactText(text));
  assert.equal(
    redactText(`https://h.example/x?a=1&key=${UUID}&b=2`),
    "https://h.example/x?a=1&key=[redacted]&b=2",
  );
  assert.equal(redactText(`{"apiKey":"${UUID}","n":1}`), `{"apiKey":"[redacted]","n":1}`);
});

Deno.test("ordinary words, ids, checksums, models and previews stay readable", () => {
  const texts = [
    "no usable key: all are resting until 2026-11-21T02:50:00.000Z",
    "black-forest-labs/FLUX.1-schnell took 1234 ms, task-12345678 and risk-12345678",
    `request ${UUID} of model gpt-image-1 used max_tokens=4096`,
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736",
    "keyName=spare keyPreview=sk-a…wxyz",
    "https://h.example/path/to/image.png?size=1024x1024",
  ];
  for (const text of texts) assert.equal(redactText(text), text);
});

Deno.test("redacting twice changes nothing more", () => {
  const text = `key=${UUID} Bearer ${UUID} sk-abcdef1234567890 "token":"${UUID}" https://u:p@h`;
  assert.equal(redactText(redactText(text)), redactText(text));
});

Deno.test("images become their type and size", () => {
  const png = "iVBORw0KGgo" + "A".repeat(1989);
  assert.equal(redactText(`before data:image/png;base64,${png} after`), "before [png 1.5 kB] after");
  assert.equal(redactText(`{"b64_json":"${png}"}`), `{"b64_json":"[png 1.5 kB]"}`);
  assert.equal(redactText("x " + "/9j/" + "B".repeat(396)), "x [jpeg 300 B]");
  assert.equal(redactText("data:image/webp;base64,UklGRg=="), "[webp 6 B]");
  assert.match(redactText(`data:image/png;base64,${"A".repeat(2_000_000)}`), /^\[png 1\.5 MB\]$/);
});

Deno.test("a text of five megabytes costs no more than its beginning", () => {
  const word = "key=" + "a1-".repeat(30) + " ";
  const hostile = ["A", "data:", "key=", "a=", "eyJ", "Bearer ", "://", '\\"', word, "authorization: "];
  for (const part of hostile) {
    const text = part.repeat(Math.ceil(5e6 / part.length));
    const { result, characters } = countingRegexWork(() =>
      redactRecord([text], { text, nested: [{ text }] })
    );
    assert.ok(characters < 1_000_000, `${part}: ${characters}`);
    assert.ok(JSON.stringify(result).length < 50_000);
  }
});

Deno.test("a secret that the cut would halve is dropped whole", () => {
  for (let length = 8170; length < 8200; length++) {
    const safe = redactText(" ".repeat(length) + "sk-" + "Q7".repeat(20) + " and more".repeat(10));
    assert.ok(!safe.includes("Q7"), String(length));
  }
});

Deno.test("a record of many and deep members stays small", () => {
  const deep = { text: "x ".repeat(9000) };
  const wide = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`n${i}`, { a: { b: { c: [deep, deep, deep] } } }]),
  );
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const { fields } = redactRecord(["x"], { wide, circle, list: Array.from({ length: 10_000 }, () => "y") });
  assert.ok(JSON.stringify(fields).length < 100_000);
  assert.deepEqual(fields.circle, { self: "[circular]" });
});

Deno.test("values of other kinds are told in a few words", () => {
  const { fields } = redactRecord(["x"], {
    bytes: new Uint8Array(1_400_000),
    blob: new Blob(["four"]),
    when: new Date(0),
    url: new URL("https://u:p@h.example/?key=abcdefgh1"),
    headers: new Headers({ authorization: "Bearer abcdefgh", accept: "a/b" }),
    map: new Map([["token", "abcdefgh"], ["n", "1"]]),
    pair: ["X-Api-Key", "abcdefgh"],
    big: 5n,
    not: NaN,
    broken: {
      get value() {
        throw new Error("no");
      },
    },
  });
  assert.deepEqual(fields, {
    bytes: "[bytes 1.4 MB]",
    blob: "[blob 4 B]",
    when: "1970-01-01T00:00:00.000Z",
    url: "https://[redacted]@h.example/?key=[redacted]",
    headers: { accept: "a/b", authorization: "[redacted]" },
    map: { token: "[redacted]", n: "1" },
    pair: ["X-Api-Key", "[redacted]"],
    big: "5",
    not: "NaN",
    broken: { value: "[unreadable]" },
  });
});

Deno.test("a name tells whether its field holds a secret", () => {
  const secret = [
    "key",
    "apiKey",
    "API_KEY",
    "x-api-key",
    "Authorization",
    "accessToken",
    "password",
    "X-Tos-Signature",
    "sig",
  ];
  const harmless = [
    "keyName",
    "keyId",
    "key_preview",
    "tokenCount",
    "model",
    "author",
    "message",
    "signal",
    "keyword",
  ];
  assert.deepEqual(secret.filter((name) => !namesSecret(name)), []);
  assert.deepEqual(harmless.filter(namesSecret), []);
});

Deno.test("the value of a secret field is hidden wherever else the record shows it", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme", minLength: 6, maxLength: 60 }), (secret) => {
    fc.pre(secret.trim().length >= 6 && !"[redacted] before after where here password".includes(secret));
    const message = ["before ", secret, ` after ${secret}`];
    const { fields, ...told } = redactRecord(message, { password: secret, where: [{ here: `>${secret}<` }] });
    const shown = [told.message, ...Object.values(fields).map((value) => JSON.stringify(value))].join("\n");
    assert.ok(!shown.includes(secret) && !shown.includes(JSON.stringify(secret).slice(1, -1)), shown);
  }));
});

/** Counts the characters that regular expressions were given to search through, which bounds the work. */
function countingRegexWork<T>(action: () => T): { result: T; characters: number } {
  const { [Symbol.replace]: replace, [Symbol.matchAll]: matchAll } = RegExp.prototype;
  let characters = 0;
  RegExp.prototype[Symbol.replace] = function (this: RegExp, text: string, ...rest: [never]) {
    characters += text.length;
    return replace.call(this, text, ...rest);
  };
  RegExp.prototype[Symbol.matchAll] = function (this: RegExp, text: string) {
    characters += text.length;
    return matchAll.call(this, text);
  };
  try {
    return { result: action(), characters };
  } finally {
    RegExp.prototype[Symbol.replace] = replace;
    RegExp.prototype[Symbol.matchAll] = matchAll;
  }
}
