import assert from "node:assert/strict";
import sharp from "sharp";
import { readImageFacts } from "../core/media.ts";
import { paint, paintNoise, paintPng } from "./painting.ts";

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

Deno.test("paintNoise() makes a PNG of the wanted size that decodes, each seed another one", async () => {
  for (const bytes of [1000, 300_000]) {
    const noise = paintNoise({ bytes, seed: 1 });
    assert.ok(noise.length >= bytes && noise.length < bytes + 2000, `${noise.length} bytes`);
    const { info } = await sharp(noise, { failOn: "warning" }).raw().toBuffer({ resolveWithObject: true });
    assert.deepEqual(readImageFacts(noise), { type: "image/png", width: info.width, height: info.height });
    assert.ok((await sharp(noise).png({ compressionLevel: 9 }).toBuffer()).length > bytes * 0.9);
    assert.notDeepEqual(paintNoise({ bytes, seed: 2 }), noise);
  }
});
