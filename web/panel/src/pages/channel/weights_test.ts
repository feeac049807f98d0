import assert from "node:assert/strict";
import fc from "fast-check";
import { type Weighed, weightsAfterMove } from "./weights.ts";

const order = (...weights: number[]): Weighed[] =>
  weights.map((weight, index) => ({ name: "abcdef"[index]!, weight }));

Deno.test("what comes first is heavier than all", () => {
  assert.deepEqual(weightsAfterMove(order(10, 30, 20), "a"), { a: 40 });
});

Deno.test("between two neighbours with room nobody else changes", () => {
  assert.deepEqual(weightsAfterMove(order(30, 5, 20), "b"), { b: 25 });
  assert.deepEqual(weightsAfterMove(order(30, 20, 25), "c"), { c: 10 });
});

Deno.test("between equals those above are lifted together and stay equal", () => {
  assert.deepEqual(weightsAfterMove(order(10, 10, 10, 10), "c"), { c: 15, a: 20, b: 20 });
});

Deno.test("whatever is moved where, the order is what was asked for and equals stay equal", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 6 }),
    fc.nat(5),
    fc.nat(5),
    (weights, from, to) => {
      const sorted = order(...weights.sort((a, b) => b - a));
      const item = sorted[from % sorted.length]!;
      const moved = sorted.filter((one) => one !== item).toSpliced(to % sorted.length, 0, item);
      const after = weightsAfterMove(moved, item.name);
      const weightOf = ({ name, weight }: Weighed) => after[name] ?? weight;
      moved.slice(1).forEach((one, index) => {
        const before = moved[index]!;
        if (one === item || before === item) assert.ok(weightOf(before) > weightOf(one));
        else assert.equal(Math.sign(weightOf(before) - weightOf(one)), Math.sign(before.weight - one.weight));
        assert.ok(weightOf(one) > 0);
      });
    },
  ));
});
