import assert from "node:assert/strict";
import fc from "fast-check";
import { addTimes, classBound, quantileMs, timeClass } from "./time_histogram.ts";

Deno.test("a percentile out of classes is within a fifth of the true one", () => {
  const times = fc.array(fc.double({ min: 20, max: 1_000_000, noNaN: true }), {
    minLength: 1,
    maxLength: 300,
  });
  fc.assert(fc.property(times, fc.constantFrom(0.5, 0.95), (all, quantile) => {
    const sorted = all.toSorted((a, b) => a - b);
    const exact = sorted[Math.ceil(quantile * all.length) - 1]!;
    const told = quantileMs(count(all), quantile)!;
    assert.ok(told >= exact / 1.2 && told <= exact * 1.2, `${told} instead of ${exact}`);
  }));
});

Deno.test("counts of two minutes give the percentile of both together", () => {
  const first = count([100, 110, 120]);
  const second = count([5000, 5100, 5200, 5300, 5400, 5500, 5600]);
  addTimes(first, second);
  assert.ok(quantileMs(first, 0.2)! < 200);
  assert.ok(quantileMs(first, 0.5)! > 4000);
});

Deno.test("no times have no percentile, and odd ones have a class", () => {
  assert.equal(quantileMs(new Map(), 0.5), undefined);
  assert.deepEqual([0, -5, NaN, 10].map(timeClass), [0, 0, 0, 0]);
  assert.equal(timeClass(Infinity), timeClass(1e12));
});

Deno.test("a bound belongs to its own class", () => {
  for (let index = 0; index < 72; index++) {
    assert.equal(timeClass(classBound(index) * 0.999), index);
    assert.equal(timeClass(classBound(index) * 1.001), index + 1);
  }
});

function count(times: number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const time of times) counts.set(timeClass(time), (counts.get(timeClass(time)) ?? 0) + 1);
  return counts;
}
