import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { EXTENSIONS, type ImageType } from "../core/media.ts";
import { blobName, isBlobName, typeByName } from "./blob_names.ts";

const time = new Date("2026-11-21T02:59:58.123Z");
const name = (prompt: string, type: ImageType = "image/png") =>
  blobName({ time, prompt, type, random: () => new Uint8Array(12).fill(255) });
const slug = (prompt: string) => /^20261121-025958-(.*)-[0-9a-z]{19}\.png$/u.exec(name(prompt))?.[1];

Deno.test("a name tells time, prompt and type", () => {
  assert.match(name("A red fox, in the snow!"), /^20261121-025958-a-red-fox-in-the-snow-[0-9a-z]{19}\.png$/);
  assert.match(name("a", "image/jpeg"), /\.jpg$/);
});

Deno.test("prompts of any script stay readable", () => {
  for (
    const [prompt, expected] of [
      ["一只在雪地里的红狐狸", "一只在雪地里的红狐狸"],
      ["雪の中の狐、浮世絵", "雪の中の狐-浮世絵"],
      ["눈 속의 여우", "눈-속의-여우"],
      ["لوحة ثعلب", "لوحة-ثعلب"],
      ["लोमड़ी बर्फ में", "लोमड़ी-बर्फ-में".normalize("NFC")],
      ["Füchse & Öl", "füchse-öl"],
      ["cafe\u0301", "café"],
      ["3 Katzen, 2½ Hunde", "3-katzen-2½-hunde"],
    ] as const
  ) assert.equal(slug(prompt), expected);
});

Deno.test("a prompt of which nothing is left is called image", () => {
  for (
    const prompt of [
      "",
      " ",
      "...",
      "../../..",
      "🦊🦊",
      "\u0301\u0302",
      "\u202e\u200b",
      "\ud800",
      "\u3164\u3164",
    ]
  ) {
    assert.equal(slug(prompt), "image", JSON.stringify(prompt));
  }
});

Deno.test("a long prompt is cut at 40 characters and 120 bytes", () => {
  assert.equal(slug("a".repeat(5000)), "a".repeat(40));
  assert.equal(slug("狐".repeat(5000)), "狐".repeat(40));
  assert.equal(slug("𠜎".repeat(5000)), "𠜎".repeat(30));
  assert.equal(slug(`${"a".repeat(39)} b`), "a".repeat(39));
});

Deno.test("a name has at least 16 characters that nobody can guess", () => {
  const names = new Set(
    Array.from({ length: 1000 }, () => blobName({ time, prompt: "a", type: "image/png" })),
  );
  assert.equal(names.size, 1000);
  for (const one of names) assert.match(one, /^20261121-025958-a-[0-9a-z]{19}\.png$/);
});

Deno.test("the random part has one length, whatever the bytes are", () => {
  const lengths = [0, 1, 255].map((value) =>
    blobName({ time, prompt: "a", type: "image/png", random: () => new Uint8Array(12).fill(value) }).length
  );
  assert.equal(new Set(lengths).size, 1);
});

Deno.test("every type has an ending that is read back as that type", () => {
  for (const type of Object.keys(EXTENSIONS) as ImageType[]) {
    assert.equal(typeByName(name("a", type)), type);
    assert.ok(isBlobName(name("a", type)));
  }
});

Deno.test("names of img-router's images are accepted", () => {
  for (
    const old of [
      "2026-01-31 23-59-58.07 z-image-turbo-a-cat-0.png",
      "2026-01-31 23-59-58.07 z-image-turbo----------0.png",
      "1769903998070_k3j2h1.jpg",
      "1769903998070_k3j2h1.JPEG",
      "1769903998070_k3j2h1.webp",
    ]
  ) assert.ok(isBlobName(old), old);
});

Deno.test("names that are none, or that lead elsewhere, are not accepted", () => {
  for (
    const bad of [
      ...[
        "",
        ".",
        "..",
        "a",
        "a.",
        "png",
        ".png",
        ".a.png",
        "..png",
        "../a.png",
        "a/../b.png",
        "a/b.png",
        "/a.png",
      ],
      ...[
        "a\\b.png",
        "..\\a.png",
        "C:a.png",
        "a.png:stream.png",
        "a\0.png",
        "a\n.png",
        "a\r\nx: y.png",
        "a\x7f.png",
      ],
      ...["a\u202egnp.png", "a\u200b.png", "\ud800.png", "a\u2028.png", "a.json", "a.png.json", "a.PNG.JSON"],
      ...["a.html", "a.png.tmp", ".a.png.1234.tmp", "a.png ", "a.png/", "a.png%00", `${"a".repeat(197)}.png`],
      ...[`${"狐".repeat(66)}.png`],
    ]
  ) assert.equal(isBlobName(bad), false, JSON.stringify(bad));
  assert.ok(isBlobName(`${"a".repeat(196)}.png`));
});

Deno.test("a hostile prompt never makes a name that leaves the folder, collides, or changes on its way through a URL", () => {
  const nasty = fc.constantFrom(
    ...[
      "../",
      "..\\",
      "/etc/passwd",
      "\0",
      "\r\n",
      "%2e%2e%2f",
      "?",
      "#",
      "a.json",
      ".png",
      ":",
      "CON",
      "~",
      "|",
      "`$(x)`",
    ],
    ...[
      "\u202e",
      "\u200d",
      "\u0301",
      "\ufeff",
      "\ud83d",
      "狐",
      "🦊",
      "ǆ",
      "İ",
      "ﷺ",
      "ß",
      "\u115f",
      "\u034f",
      "-",
      " ",
      "'",
      '"',
    ],
  );
  const prompt = fc.oneof(
    fc.array(nasty, { maxLength: 60 }).map((parts) => parts.join("")),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.string({ unit: "grapheme", maxLength: 200 }),
    fc.array(fc.nat(0xffff), { maxLength: 100 }).map((units) => String.fromCharCode(...units)),
  );
  const folder = resolve("/data/storage");
  const seen = new Set<string>();
  fc.assert(
    fc.property(prompt, fc.constantFrom(...Object.keys(EXTENSIONS) as ImageType[]), (text, type) => {
      const made = blobName({ time, prompt: text, type });
      assert.ok(isBlobName(made), made);
      assert.equal(resolve(join(folder, made)), `${folder}/${made}`);
      assert.equal(made, made.normalize("NFC"));
      assert.ok(!seen.has(made));
      seen.add(made);
      const url = new URL(`https://host/storage/${encodeURIComponent(made)}?w=200`);
      assert.equal(decodeURIComponent(url.pathname.split("/").at(-1)!), made);
      assert.equal(url.pathname.split("/").length, 3);
    }),
    { numRuns: 10_000 },
  );
});
