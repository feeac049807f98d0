import assert from "node:assert/strict";
import { type Lane, Lanes } from "./lanes.ts";

/** Two lanes, images that want them, and an event loop that turns when it is told to. */
function scene() {
  const looks: (() => void)[] = [];
  const lanes = new Lanes((look) => looks.push(look), 2);
  const went: string[] = [];
  return {
    went,
    looks,
    open: () => lanes.open(),
    turn(times = 1) {
      for (let count = 0; count < times; count++) for (const look of looks.splice(0)) look();
    },
    /** Asks for the next piece, and notes when it may be read. */
    async next(name: string, lane: Lane) {
      await lane.next();
      went.push(name);
    },
  };
}

Deno.test("as many images are read as there are lanes, and the others one after the other as those end", async () => {
  const { went, open, next, looks, turn } = scene();
  const [a, b, c, d] = [open(), open(), open(), open()];
  assert.equal(a.next(), undefined, "at once");
  assert.equal(b.next(), undefined, "at once");
  assert.equal(looks.length, 0);
  const waiting = [next("c", c), next("d", d)];
  assert.equal(looks.length, 1);
  assert.deepEqual(went, []);
  b[Symbol.dispose]();
  await waiting[0];
  assert.deepEqual(went, ["c"]);
  a[Symbol.dispose]();
  await Promise.all(waiting);
  assert.deepEqual(went, ["c", "d"]);
  turn();
  assert.equal(looks.length, 0, "nobody waits any more");
});

Deno.test("an image that gets on keeps its lane, one that does not loses it to whoever waits", async () => {
  const { went, open, next, turn } = scene();
  const [going, stuck, waiting] = [open(), open(), open()];
  going.next();
  stuck.next();
  const entered = next("waiting", waiting);
  for (let count = 0; count < 4; count++) {
    turn();
    assert.equal(going.next(), undefined);
    await Promise.resolve();
    assert.deepEqual(went, []);
  }
  turn();
  await entered;
  assert.equal(going.next(), undefined);
  const again = next("stuck", stuck);
  going[Symbol.dispose]();
  await again;
  assert.deepEqual(went, ["waiting", "stuck"]);
});

Deno.test("an image that was begun goes before those that were not", async () => {
  const { went, open, next, turn } = scene();
  const [slow, other, begun] = [open(), open(), open()];
  slow.next();
  other.next();
  const entered = next("begun", begun);
  turn(5);
  await entered;
  assert.equal(slow.next(), undefined, "both lost theirs, and one is left");
  const last = next("new", open());
  const first = next("other", other);
  begun[Symbol.dispose]();
  slow[Symbol.dispose]();
  await Promise.all([last, first]);
  assert.deepEqual(went.slice(1), ["other", "new"]);
});

Deno.test("nobody loses a lane that nobody else wants", () => {
  const { open, turn } = scene();
  const lane = open();
  lane.next();
  turn(100);
  assert.equal(lane.next(), undefined);
});
