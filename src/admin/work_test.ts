import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { Work, type WorkState } from "./work.ts";

Deno.test("work tells how it stands, from its beginning to its end", async () => {
  const clock = new FakeClock(1000);
  const seen: WorkState["state"][] = [];
  const work = new Work({ clock, onChange: ({ state }) => seen.push(state) });
  assert.equal(work.state, undefined);
  const go = Promise.withResolvers<void>();
  const started = work.start(async (onProgress: (counts: { done: number }) => void) => {
    onProgress({ done: 1 });
    await go.promise;
    return { done: 2 };
  });
  assert.equal(started, true);
  assert.deepEqual(work.state, { state: "running", startedAt: 1000, counts: { done: 1 } });
  await clock.pass(500);
  go.resolve();
  await clock.pass(0);
  assert.deepEqual(work.state, { state: "done", startedAt: 1000, endedAt: 1500, counts: { done: 2 } });
  assert.deepEqual(seen, ["running", "running", "done"]);
});

Deno.test("there is one at a time, and another one after it", async () => {
  const clock = new FakeClock();
  const work = new Work({ clock, onChange: () => {} });
  const go = Promise.withResolvers<Record<string, number>>();
  assert.equal(work.start(() => go.promise), true);
  assert.equal(work.start(() => Promise.resolve({})), false);
  go.reject(new Error("the disk is full"));
  await clock.pass(0);
  assert.equal(work.state?.state, "failed");
  assert.equal(work.state?.error, "the disk is full");
  assert.equal(work.start(() => Promise.resolve({})), true);
});
