import assert from "node:assert/strict";
import fc from "fast-check";
import { growingPause, jitteredPause } from "./pause.ts";

const growth = { first: 1000, most: 60_000 };

Deno.test("a pause doubles from its first up to its most", () => {
  const pauses = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((count) => growingPause(growth, count));
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

Deno.test("a count that ran away, or never began, gives a pause within its bounds", () => {
  for (const count of [-1, 0, 1e9, Infinity]) {
    const pause = growingPause(growth, count);
    assert.ok(pause >= growth.first && pause <= growth.most, String(pause));
  }
});

Deno.test("chance takes up to half of a pause away, and adds nothing", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 30 }),
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    (count, roll) => {
      const whole = growingPause(growth, count);
      const pause = jitteredPause(growth, count, () => roll);
      assert.ok(pause >= Math.floor(whole / 2) && pause <= whole, `${pause} of ${whole}`);
    },
  ));
  assert.equal(jitteredPause(growth, 2, () => 0), 1000);
  assert.equal(jitteredPause(growth, 2, () => 0.5), 1500);
});
