import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import sharp from "sharp";
import { Failed } from "../../core/failure.ts";
import { readImageFacts } from "../../core/media.ts";
import { loadFont } from "./font.ts";
import { paint, type Painting } from "./painter.ts";

const RED = "#ff0000";
const GREEN = "#00ff00";
const BLUE = "#0000ff";
const PINK = "#ff00ff";

function painting(changes: Partial<Painting> = {}): Painting {
  return { width: 256, height: 256, prompt: "A lighthouse at dusk", seed: 1, ...changes };
}

function flat(background: string, width = 60, height = 60) {
  return sharp({ create: { width, height, channels: 3, background } });
}

/** Red, green, blue and alpha of each pixel. */
async function pixelsOf(picture: Uint8Array): Promise<number[][]> {
  const raw = await sharp(picture).ensureAlpha().raw().toBuffer();
  return Array.from({ length: raw.length / 4 }, (_, i) => [...raw.subarray(4 * i, 4 * i + 4)]);
}

/** The share of pixels, 0–1, that have nearly this colour. */
async function shareOf(colour: string, picture: Uint8Array): Promise<number> {
  const wanted = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const pixels = await pixelsOf(picture);
  return pixels.filter((pixel) => wanted.every((part, i) => Math.abs(part - pixel[i]!) < 24)).length /
    pixels.length;
}

/** How far two pictures of one size lie apart on average, 0–255. */
async function distance(one: Uint8Array, other: Uint8Array): Promise<number> {
  const [a, b] = await Promise.all([one, other].map((picture) => sharp(picture).raw().toBuffer()));
  return a!.reduce((sum, value, i) => sum + Math.abs(value - b![i]!), 0) / a!.length;
}

async function refusal(refused: Partial<Painting>) {
  const thrown = await paint(painting(refused)).then(() => undefined, (error: unknown) => error);
  assert(thrown instanceof Failed, "the painting was to be refused");
  return thrown.failure;
}

for (
  const [width, height] of [[16, 16], [64, 64], [1536, 640], [16, 8192], [8192, 16], [1023, 17]] as const
) {
  for (const format of ["png", "jpeg", "webp"] as const) {
    Deno.test(`paint() gives a ${format} of exactly ${width}x${height}`, async () => {
      const picture = await paint(
        painting({ width, height, format, title: "Edit", inputs: [await flat(RED).png().toBuffer()] }),
      );
      assert.deepEqual(readImageFacts(picture), { type: `image/${format}`, width, height });
    });
  }
}

Deno.test("paint() gives the same bytes for the same painting", async () => {
  assert.deepEqual(await paint(painting()), await paint(painting()));
});

Deno.test("paint() gives a visibly other picture for another seed or prompt", async () => {
  const first = await paint(painting());
  assert(await distance(first, await paint(painting({ seed: 2 }))) > 10);
  assert(await distance(first, await paint(painting({ prompt: "A lighthouse at dawn" }))) > 10);
});

Deno.test("paint() writes more ink the longer the prompt is, until the label is full", async () => {
  const ink = async (prompt: string) => await shareOf("#26262e", await paint(painting({ prompt, seed: 3 })));
  const [none, word, sentence] = [
    await ink(""),
    await ink("海边"),
    await ink("黄昏时分海边的灯塔，水彩画，柔和的光线"),
  ];
  assert(none < word && word < sentence, `${none} < ${word} < ${sentence}`);
  assert(await ink("灯塔".repeat(10_000)) < 0.2);
});

Deno.test("paint() leaves the corners clear when asked, where the format can do so", async () => {
  const corner = async (format: Painting["format"]) =>
    (await pixelsOf(await paint(painting({ transparent: true, format }))))[0]!;
  assert.equal((await corner("png"))[3], 0);
  assert.equal((await corner("webp"))[3], 0);
  assert.equal((await corner("jpeg"))[3], 255);
});

Deno.test("paint() makes a smaller file at a lower quality", async () => {
  const sizeAt = async (quality: number) => (await paint(painting({ format: "jpeg", quality }))).length;
  assert(await sizeAt(0) < await sizeAt(60));
  assert(await sizeAt(60) < await sizeAt(100));
});

Deno.test("paint() shows each of its inputs, whichever of the four formats they have", async () => {
  const inputs = [
    await flat(RED).jpeg().toBuffer(),
    await flat(GREEN).webp().toBuffer(),
    await flat(BLUE).gif().toBuffer(),
    await flat(PINK).png().toBuffer(),
  ];
  const picture = await paint(painting({ inputs, title: "Blend of 4 images" }));
  for (const colour of [RED, GREEN, BLUE, PINK]) assert(await shareOf(colour, picture) > 0.05, colour);
});

Deno.test("paint() takes sixteen inputs into the smallest and the narrowest picture", async () => {
  const inputs = Array<Uint8Array>(16).fill(await flat(RED, 200, 20).png().toBuffer());
  for (const [width, height] of [[16, 16], [16, 2000], [2000, 16]] as const) {
    const facts = readImageFacts(await paint(painting({ width, height, inputs })));
    assert.deepEqual(facts, { type: "image/png", width, height });
  }
});

Deno.test("paint() shows a photograph upright", async () => {
  const lying = flat(RED, 60, 60).extend({ right: 60, background: BLUE }).jpeg().withMetadata({
    orientation: 6,
  });
  const picture = await paint(painting({ inputs: [await lying.toBuffer()] }));
  const colours = (await pixelsOf(picture)).map(([red = 0, green, blue = 0]) => green! < 24 ? red - blue : 0);
  const firstRed = colours.findIndex((lead) => lead > 200);
  const lastRed = colours.findLastIndex((lead) => lead > 200);
  const firstBlue = colours.findIndex((lead) => lead < -200);
  assert(firstRed >= 0 && lastRed < firstBlue, "red was to be above blue");
});

Deno.test("paint() refuses an input that it can't decode, and names it", async () => {
  const sound = await flat(RED).png().toBuffer();
  const noise = sharp({
    create: {
      width: 300,
      height: 300,
      channels: 3,
      background: RED,
      noise: { type: "gaussian", mean: 128, sigma: 60 },
    },
  });
  const whole = await noise.png().toBuffer();
  const broken = {
    text: new TextEncoder().encode("not an image"),
    nothing: new Uint8Array(),
    half: whole.subarray(0, whole.length / 2),
    svg: new TextEncoder().encode(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`),
  };
  for (const [name, input] of Object.entries(broken)) {
    const failure = await refusal({ inputs: [sound, input] });
    assert.equal(failure.kind, "invalid_request", name);
    assert.equal(failure.param, "image", name);
    assert.match(
      failure.message,
      /^Cannot read input image 2: it must be a sound PNG, JPEG, WebP or GIF/,
      name,
    );
  }
});

Deno.test("paint() refuses a small file that claims to be a huge picture", async () => {
  const bomb = Buffer.from(await flat(RED).png().toBuffer());
  bomb.writeUInt32BE(60_000, 16);
  bomb.writeUInt32BE(60_000, 20);
  assert.equal((await refusal({ inputs: [bomb] })).param, "image");
});

Deno.test("paint() refuses sizes out of its range", async () => {
  for (const size of [{ width: 15 }, { height: 8193 }, { width: 100.5 }, { height: NaN }]) {
    assert.equal((await refusal(size)).param, "size");
  }
});

Deno.test("paint() stops with the signal's reason", async () => {
  const reason = new Error("the client left");
  await assert.rejects(paint(painting(), AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const running = paint(painting({ width: 2048, height: 2048 }), controller.signal);
  controller.abort(reason);
  await assert.rejects(running, reason);
});

Deno.test("paint() takes any text as prompt and title", async () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme", maxLength: 300 }));
  await fc.assert(
    fc.asyncProperty(text, text, fc.integer({ min: 16, max: 300 }), async (prompt, title, width) => {
      const facts = readImageFacts(await paint(painting({ prompt, title, width, height: 120 })));
      assert.deepEqual(facts, { type: "image/png", width, height: 120 });
    }),
    { numRuns: 40 },
  );
});

Deno.test("Font.set() keeps within the width and the lines it is given", async () => {
  const font = await loadFont();
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 200 }),
      fc.integer({ min: 32, max: 400 }),
      fc.integer({ min: 1, max: 5 }),
      (text, width, maxLines) => {
        const lines = font.set(text, width, maxLines);
        assert(lines.length <= maxLines);
        for (const line of lines) assert(line.width <= width);
      },
    ),
  );
});

Deno.test("Font.set() breaks between words and between ideographs, but not before a full stop", async () => {
  const font = await loadFont();
  const widths = (text: string, columns: number) =>
    font.set(text, columns * 8, 9).map((line) => line.width / 8);
  assert.deepEqual(widths("the quick\nbrown  fox", 10), [9, 9]);
  assert.deepEqual(widths("一二三四五六", 8), [8, 4]);
  assert.deepEqual(widths("一二三四。", 8), [6, 4]);
  assert.deepEqual(widths("unbreakable", 8), [8, 3]);
});

Deno.test("Font.set() draws Hebrew from right to left", async () => {
  const font = await loadFont();
  const path = (text: string) => font.set(text, 100, 1)[0]!.path;
  assert.equal(path("אב"), path("ב") + path("א").replace("M0 0", "M8 0"));
});

Deno.test("Font.set() draws one box for what it has no glyph for, however it is joined", async () => {
  const font = await loadFont();
  assert.deepEqual(font.set("👩‍👩‍👧", 100, 1), font.set("🦊", 100, 1));
  assert.equal(font.set("🦊", 100, 1)[0]!.width, 16);
});

Deno.test("Font.set() finds the first and the last glyph of the font, and none beyond", async () => {
  const font = await loadFont();
  const unknown = font.set("\u{1F98A}", 100, 1);
  for (const known of ["!", "中", "\uFFFD"]) assert.notDeepEqual(font.set(known, 100, 1), unknown);
  assert.deepEqual(font.set("\uE000", 100, 1), unknown);
});
