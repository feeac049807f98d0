import assert from "node:assert/strict";
import fc from "fast-check";
import { PROVIDERS } from "../providers/registry.ts";
import type { Size } from "./request.ts";
import {
  nearestRatio,
  nearestSize,
  parseRatio,
  parseSize,
  sizeOfRatio,
  type SizeRule,
  sizeText,
} from "./size.ts";

const edge = fc.integer({ min: 1, max: 16384 });
const anySize = fc.tuple(edge, edge).map(([width, height]) => ({ width, height }));

/** The rules of all registered models, each once, by the name of a model that has it. */
const RULES = new Map(
  PROVIDERS.flatMap((provider) =>
    provider.models.flatMap((model) => model.sizes ? [[model.sizes, `${provider.name}/${model.id}`]] : [])
  ) as [SizeRule, string][],
);

/** Said anew here on purpose: what a rule allows, read from its documentation. */
function isAllowed({ width, height }: Size, rule: SizeRule): boolean {
  if (rule.kind === "listed") return rule.sizes.includes(`${width}x${height}`);
  if (rule.kind !== "free") return false;
  const { multipleOf = 1, edge = [1, 16384], pixels = [1, Infinity], maxRatio = Infinity } = rule;
  return [width, height].every((side) => side % multipleOf === 0 && side >= edge[0] && side <= edge[1]) &&
    width * height >= pixels[0] && width * height <= pixels[1] &&
    Math.max(width, height) <= maxRatio * Math.min(width, height) + 1e-6;
}

const leavesPixels = (rule: SizeRule) => rule.kind === "ratios" || rule.kind === "fixed";

for (const [rule, name] of RULES) {
  Deno.test(`any wish becomes a size that ${name} allows, and an allowed one stays`, () => {
    fc.assert(
      fc.property(anySize, (wanted) => {
        const given = nearestSize(wanted, rule);
        if (given === undefined) return assert.ok(leavesPixels(rule));
        assert.ok(isAllowed(given, rule), `${sizeText(wanted)} became ${sizeText(given)}`);
        if (isAllowed(wanted, rule)) assert.deepEqual(given, wanted);
      }),
      { numRuns: 2000 },
    );
  });

  Deno.test(`any shape becomes a size that ${name} allows`, () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        fc.option(fc.integer({ min: 1, max: 16384 ** 2 }), { nil: undefined }),
        (ratio, pixels) => {
          const given = sizeOfRatio(ratio, rule, pixels);
          assert.ok(
            given ? isAllowed(given, rule) : leavesPixels(rule),
            `${ratio}: ${given && sizeText(given)}`,
          );
        },
      ),
      { numRuns: 2000 },
    );
  });
}

Deno.test("a size beyond the longest edge keeps its shape", () => {
  const rule: SizeRule = { kind: "free", edge: [16, 4096] };
  assert.deepEqual(nearestSize({ width: 8192, height: 4096 }, rule), { width: 4096, height: 2048 });
  assert.deepEqual(nearestSize({ width: 4, height: 8 }, rule), { width: 16, height: 32 });
  const openAi: SizeRule = {
    kind: "free",
    multipleOf: 16,
    edge: [16, 3840],
    pixels: [655_360, 8_294_400],
    maxRatio: 3,
  };
  assert.deepEqual(nearestSize({ width: 12288, height: 4096 }, openAi), { width: 3840, height: 1280 });
});

Deno.test("a size outside the area is scaled into it", () => {
  const rule: SizeRule = { kind: "free", multipleOf: 16, pixels: [655_360, 8_294_400], maxRatio: 3 };
  const small = nearestSize({ width: 256, height: 256 }, rule)!;
  assert.ok(small.width === small.height && small.width >= 816 && small.width <= 832, sizeText(small));
  const large = nearestSize({ width: 8000, height: 4000 }, rule)!;
  assert.ok(Math.abs(large.width / large.height - 2) < 0.05, sizeText(large));
});

Deno.test("of listed sizes, shape matters more than area", () => {
  const rule: SizeRule = { kind: "listed", sizes: ["1024x1024", "1536x1024", "512x288"] };
  assert.deepEqual(nearestSize({ width: 1024, height: 576 }, rule), { width: 512, height: 288 });
  assert.deepEqual(nearestSize({ width: 900, height: 900 }, rule), { width: 1024, height: 1024 });
});

Deno.test("a shape without pixels becomes about a million of them", () => {
  const size = sizeOfRatio(16 / 9, { kind: "free", multipleOf: 16 })!;
  assert.ok(Math.abs(size.width * size.height / 1024 ** 2 - 1) < 0.05, sizeText(size));
  assert.ok(Math.abs(size.width / size.height - 16 / 9) < 0.05, sizeText(size));
});

Deno.test("recommended sizes stand for a shape and for what is not allowed, and leave alone what is", () => {
  const preferred = ["2048x2048", "2848x1600", "5504x3040"];
  const rule: SizeRule = { kind: "free", pixels: [3_686_400, 16_777_216], preferred };
  assert.deepEqual(nearestSize({ width: 1024, height: 1024 }, rule), { width: 2048, height: 2048 });
  assert.deepEqual(nearestSize({ width: 1792, height: 1024 }, rule), { width: 2848, height: 1600 });
  assert.deepEqual(nearestSize({ width: 2000, height: 2000 }, rule), { width: 2000, height: 2000 });
  assert.deepEqual(sizeOfRatio(16 / 9, rule), { width: 2848, height: 1600 });
  assert.deepEqual(sizeOfRatio(16 / 9, rule, 16_000_000), { width: 5504, height: 3040 });
  const other = sizeOfRatio(3, rule)!;
  assert.ok(Math.abs(other.width / other.height - 3) < 0.01, sizeText(other));
});

Deno.test("the nearest shape is measured alike in both directions", () => {
  const ratios = ["1:1", "16:9", "9:16", "4:3", "3:4"];
  assert.equal(nearestRatio(1920 / 1080, ratios), "16:9");
  assert.equal(nearestRatio(1080 / 1920, ratios), "9:16");
  assert.equal(nearestRatio(1.3, ratios), "4:3");
  assert.equal(nearestRatio(1 / 1.3, ratios), "3:4");
  assert.equal(nearestRatio(100, ratios), "16:9");
});

Deno.test("sizes are read in all the spellings that clients use", () => {
  for (const text of ["1024x768", "1024X768", "1024*768", "1024×768", " 1024 x 768 "]) {
    assert.deepEqual(parseSize(text), { width: 1024, height: 768 }, text);
  }
  for (
    const text of [
      "",
      "auto",
      "1024",
      "1024x",
      "x768",
      "0x768",
      "1024x0",
      "-1x5",
      "1e3x1",
      "123456x1",
      "1x2x3",
    ]
  ) {
    assert.equal(parseSize(text), undefined, text);
  }
});

Deno.test("ratios are read up to 100:1", () => {
  assert.equal(parseRatio("16:9"), 16 / 9);
  assert.equal(parseRatio(" 1.91 : 1 "), 1.91);
  for (const text of ["", "16/9", "0:1", "1:0", "0:0", "101:1", "1:101", "a:b", "16:9:4", "-1:2"]) {
    assert.equal(parseRatio(text), undefined, text);
  }
});

Deno.test("no text breaks the reading of sizes and ratios", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.stringMatching(/^[\d.x*×: ]{0,40}$/),
    fc.tuple(fc.integer(), fc.constantFrom("x", ":", "*", "×"), fc.integer()).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(hostile, (text) => {
      const size = parseSize(text);
      if (size) assert.ok(size.width > 0 && size.height > 0 && Number.isInteger(size.width * size.height));
      const ratio = parseRatio(text);
      if (ratio !== undefined) assert.ok(ratio >= 0.01 && ratio <= 100);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a size is written as it is read", () => {
  fc.assert(fc.property(edge, edge, (width, height) => {
    assert.deepEqual(parseSize(sizeText({ width, height })), { width, height });
  }));
});
