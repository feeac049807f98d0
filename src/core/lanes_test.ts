import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { type Lane, Lanes } from "./lanes.ts";

/** Two lanes, and images that want them. */
function scene() {
  const clock = new FakeClock();
  const lanes = new Lanes(clock, 2);
  const went: string[] = [];
  return {
    clock,
    went,
    open: () => lanes.open(),
    /** Asks for the next piece, and notes when it may be read. */
    async next(name: string, lane: Lane) {
      await lane.next();
      went.push(name);
    },
  };
}

Deno.test("as many images are read as there are lanes, and the others one after the other as those end", async () => {
  const { clock, went, open, next } = scene();
  const [a, b, c, d] = [open(), open(), open(), open()];
  assert.equal(a.next(), undefined, "at once");
  assert.equal(b.next(), undefined, "at once");
  const waiting = [next("c", c), next("d", d)];
  await clock.sleeping(5, 1);
  assert.deepEqual(went, []);
  b[Symbol.dispose]();
  await waiting[0];
  assert.deepEqual(went, ["c"]);
  a[Symbol.dispose]();
  await Promise.all(waiting);
  assert.deepEqual(went, ["c", "d"]);
  await clock.sleeping(5, 0);
});

Deno.test("an image that gets on keeps its lane, one that does not loses it to whoever waits", async () => {
  const { clock, went, open, next } = scene();
  const [going, stuck, waiting] = [open(), open(), open()];
  going.next();
  stuck.next();
  const entered = next("waiting", waiting);
  for (let look = 0; look < 3; look++) {
    await clock.pass(5);
    assert.equal(going.next(), undefined);
    assert.deepEqual(went, []);
  }
  await clock.pass(5);
  await entered;
  assert.equal(going.next(), undefined);
  const again = next("stuck", stuck);
  await clock.sleeping(5, 1);
  going[Symbol.dispose]();
  await again;
  assert.deepEqual(went, ["waiting", "stuck"]);
});

Deno.test("an image that was begun goes before those that were not", async () => {
  const { clock, went, open, next } = scene();
  const [slow, other, begun] = [open(), open(), open()];
  slow.next();
  other.next();
  const entered = next("begun", begun);
  await clock.pass(20);
  await entered;
  assert.equal(slow.next(), undefined, "both lost theirs, and one is left");
  const last = next("new", open());
  const first = next("other", other);
  begun[Symbol.dispose]();
  slow[Symbol.dispose]();
  await Promise.all([last, first]);
  assert.deepEqual(went.slice(1), ["other", "new"]);
});

Deno.test("nobody loses a lane that nobody else wants", async () => {
  const { clock, open } = scene();
  const lane = open();
  lane.next();
  await clock.pass(60_000);
  assert.equal(lane.next(), undefined);
});

Deno.test("whoever waits for something else hears that the lane is gone", async () => {
  const { clock, open, next } = scene();
  const [done, endless] = [open(), open()];
  done.next();
  endless.next();
  const never = new Promise<void>(() => {});
  const waits = [done.keptUntil(Promise.resolve()), endless.keptUntil(never)];
  assert.equal(await waits[0], true);
  const entered = next("other", open());
  await clock.pass(20);
  assert.equal(await waits[1], false);
  await entered;
});
