import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { Leash } from "./leash.ts";

function scene(ms = 1000) {
  const clock = new FakeClock();
  const client = new AbortController();
  return { clock, client, leash: new Leash(clock, ms, client.signal) };
}

Deno.test("a call ends when its time is over, and it is known that it was the time", async () => {
  const { clock, leash } = scene();
  await clock.pass(999);
  assert.deepEqual([leash.signal.aborted, leash.limit.aborted], [false, false]);
  await clock.pass(1);
  assert.deepEqual([leash.signal.aborted, leash.limit.aborted], [true, true]);
  assert.equal(leash.signal.reason.name, "TimeoutError");
});

Deno.test("a call ends when the client leaves, which is nobody's lack of time", () => {
  const { client, leash } = scene();
  client.abort("gone");
  assert.deepEqual([leash.signal.aborted, leash.signal.reason, leash.limit.aborted], [true, "gone", false]);
});

Deno.test("a call for a client who has left already has ended before it began", () => {
  assert.equal(new Leash(new FakeClock(), 1000, AbortSignal.abort()).signal.aborted, true);
});

Deno.test("a client who is forgotten may leave, and the time still counts", async () => {
  const { clock, client, leash } = scene();
  leash.forgetClient();
  client.abort();
  assert.equal(leash.signal.aborted, false);
  await clock.pass(1000);
  assert.equal(leash.signal.aborted, true);
});

Deno.test("once an image arrives only silence counts, each one for itself", async () => {
  const { clock, leash } = scene();
  for (let turn = 0; turn < 5; turn++) {
    using _waiting = leash.waiting();
    await clock.pass(59_999);
  }
  await clock.pass(10 * 60_000);
  assert.equal(leash.signal.aborted, false, "a slow reader is not the service's fault");
  using _waiting = leash.waiting();
  await clock.pass(60_000);
  assert.deepEqual([leash.signal.aborted, leash.limit.aborted], [true, true]);
});

Deno.test("a leash that is let go stops its clock and hears nobody", async () => {
  const { clock, client, leash } = scene();
  leash[Symbol.dispose]();
  client.abort();
  await clock.pass(1000);
  assert.deepEqual([leash.signal.aborted, leash.limit.aborted], [false, false]);
});
