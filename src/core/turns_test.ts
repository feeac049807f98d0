import assert from "node:assert/strict";
import { Turns } from "./turns.ts";

/** Lets `count` go on at once, and tells in which turn of the event loop each did. */
async function turnsOf(count: number): Promise<number[]> {
  const turns = new Turns();
  let turn = 0;
  let isOver = false;
  const tick = () => {
    turn++;
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  const wentOn: number[] = [];
  await Promise.all(Array.from({ length: count }, async () => {
    await turns.next();
    wentOn.push(turn);
  }));
  isOver = true;
  return wentOn;
}

Deno.test("a few go on at once, without waiting for anything", async () => {
  assert.deepEqual(await turnsOf(8), Array(8).fill(0));
  const turns = new Turns();
  assert.equal(turns.next(), undefined);
});

Deno.test("of many who come at once a few go on in each turn of the event loop, in their order", async () => {
  const wentOn = await turnsOf(100);
  assert.equal(wentOn.length, 100);
  for (const turn of new Set(wentOn)) {
    assert.ok(wentOn.filter((other) => other === turn).length <= 8, `too many in turn ${turn}`);
  }
  assert.deepEqual(wentOn, wentOn.toSorted((a, b) => a - b));
});

Deno.test("after a rush the next one goes on at once", async () => {
  const turns = new Turns();
  await Promise.all(Array.from({ length: 20 }, () => turns.next()));
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(turns.next(), undefined);
});
