import assert from "node:assert/strict";
import sharp from "sharp";
import { readImageFacts } from "../core/media.ts";
import { paint, paintPng } from "./painting.ts";

for (const format of ["png", "jpeg", "webp", "gif"] as const) {
  Deno.test(`paint() makes a ${format} that decodes, of any size, each seed another one`, async () => {
    const seen = new Set<string>();
    for (
      const [seed, [width, height]] of ([[64, 64], [1, 1], [37, 15], [250, 333], [64, 64]] as const).entries()
    ) {
      const bytes = await paint({ width, height, format, seed });
      assert.deepEqual(readImageFacts(bytes), { type: `image/${format}`, width, height });
      const { info } = await sharp(bytes, { failOn: "warning" }).raw().toBuffer({ resolveWithObject: true });
      assert.deepEqual([info.width, info.height], [width, height]);
      seen.add(bytes.toBase64());
    }
    assert.equal(seen.size, 5);
  });
}

Deno.test("paintPng() makes a see-through picture when asked for a mask", async () => {
  const mask = paintPng({ width: 20, height: 10, transparent: true });
  const { data, info } = await sharp(mask).raw().toBuffer({ resolveWithObject: true });
  assert.equal(info.channels, 4);
  assert.equal(data[3], 0);
});
