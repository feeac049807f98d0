import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { Hurry } from "./hurry.ts";

Deno.test("a pause lasts its time where nobody is in a hurry", async () => {
  const clock = new FakeClock();
  let isOver = false;
  const pause = new Hurry(clock).pause(1000).then(() => isOver = true);
  await clock.pass(999);
  assert.equal(isOver, false);
  await clock.pass(1);
  await pause;
});

Deno.test("whoever is in a hurry cuts the pause short and leaves out the next, until their work is done", async () => {
  const clock = new FakeClock();
  const hurry = new Hurry(clock);
  const work = Promise.withResolvers<void>();
  const pause = hurry.pause(1000);
  const during = hurry.during(() => work.promise);
  await pause;
  await hurry.pause(1000);
  assert.equal(hurry.isOn, true);
  work.resolve();
  await during;
  assert.equal(hurry.isOn, false);
  void hurry.pause(1000);
  await clock.sleeping(1000, 1);
});

Deno.test("work that fails ends the hurry as well", async () => {
  const hurry = new Hurry(new FakeClock());
  await assert.rejects(hurry.during(() => Promise.reject(new Error("broken"))), /broken/);
  assert.equal(hurry.isOn, false);
});
