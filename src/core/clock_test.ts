import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { endsWithin, systemClock } from "./clock.ts";

Deno.test("the clock tells the time of day in ms", () => {
  const before = Date.now();
  const now = systemClock.now();
  assert.ok(now >= before && now <= Date.now());
});

Deno.test("a sleep ends after its time", async () => {
  await systemClock.sleep(0);
  await systemClock.sleep(0, new AbortController().signal);
});

Deno.test("a sleep that is broken off rejects with the reason, before or while it lasts, and leaves no timer", async () => {
  const reason = new Error("left");
  await assert.rejects(systemClock.sleep(60_000, AbortSignal.abort(reason)), reason);
  const caller = new AbortController();
  const sleep = systemClock.sleep(60_000, caller.signal);
  caller.abort(reason);
  await assert.rejects(sleep, reason);
});

Deno.test("a time limit aborts with a TimeoutError", async () => {
  using limit = systemClock.timeout(0);
  const { promise, resolve } = Promise.withResolvers<void>();
  limit.signal.addEventListener("abort", () => resolve());
  await promise;
  assert.equal(limit.signal.reason.name, "TimeoutError");
});

Deno.test("a time limit that is disposed of leaves no timer and never aborts", () => {
  const limit = systemClock.timeout(60_000);
  limit[Symbol.dispose]();
  assert.equal(limit.signal.aborted, false);
});

Deno.test("work that ends in time is told as that, and its failure is passed on", async () => {
  const clock = new FakeClock();
  assert.equal(await endsWithin(clock, 1000, Promise.resolve("done")), true);
  await assert.rejects(endsWithin(clock, 1000, Promise.reject(new Error("broken"))), /broken/);
  await clock.sleeping(1000, 0);
});

Deno.test("work that takes longer is not waited for", async () => {
  const clock = new FakeClock();
  const ended = endsWithin(clock, 1000, new Promise(() => {}));
  await clock.pass(1000);
  assert.equal(await ended, false);
});
