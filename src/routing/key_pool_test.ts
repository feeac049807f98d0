import assert from "node:assert/strict";
import fc from "fast-check";
import { CONSEQUENCES, type Failure, type FailureKind } from "../core/failure.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { type KeyLimits, KeyPool, type PoolKey, type Shortage } from "./key_pool.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const key = (id: string, state: Partial<PoolKey> = {}): PoolKey => ({
  id,
  name: `key ${id}`,
  models: [],
  enabled: true,
  modelRests: {},
  strikes: 0,
  successes: 0,
  failures: 0,
  ...state,
});

interface Setting {
  pool: KeyPool;
  clock: FakeClock;
  changed: PoolKey[];
}

function setting(keys: (string | PoolKey)[], limits: KeyLimits = { maxConcurrent: 10 }): Setting {
  const clock = new FakeClock();
  const changed: PoolKey[] = [];
  const pool = new KeyPool({ clock, limits: () => limits, onChange: (key) => void changed.push(key) });
  pool.set(keys.map((entry) => typeof entry === "string" ? key(entry) : entry));
  return { pool, clock, changed };
}

/** The id of the key that is given, or the kind of the shortage. */
function taken(pool: KeyPool, model = "painter", except?: ReadonlySet<string>): string {
  const given = pool.take(model, except);
  return "kind" in given ? given.kind : given.id;
}

function shortage(pool: KeyPool, model = "painter"): Shortage {
  const given = pool.take(model);
  assert.ok("kind" in given, `a key was given: ${"kind" in given || given.id}`);
  return given;
}

function failure(kind: FailureKind, more: Partial<Failure> = {}): Failure {
  return { kind, message: "what the provider said", ...more };
}

/** How long the key is stopped for `model` from now, in ms. */
function pauseOf({ pool, clock }: Setting, id: string, model = "painter"): number {
  const { rest, modelRests } = pool.keys.find((key) => key.id === id)!;
  return Math.max(0, Math.max(rest?.until ?? 0, modelRests[model]?.until ?? 0) - clock.now());
}

const resting = (pool: KeyPool, now: number) =>
  pool.keys.filter(({ rest, modelRests }) =>
    [rest, ...Object.values(modelRests)].some((rest) => rest && rest.until > now)
  );

/** Takes a key, lets a call with it fail, and gives it back. */
function fail({ pool }: Setting, told: Failure, model = "painter") {
  const given = pool.take(model);
  assert.ok(!("kind" in given), "no key was there to fail");
  const verdict = pool.settle(given.id, model, told);
  pool.give(given.id);
  return verdict;
}

Deno.test("keys rotate: the least recently used is next", () => {
  const { pool } = setting(["a", "b", "c"]);
  assert.deepEqual(Array.from({ length: 7 }, () => taken(pool)), ["a", "b", "c", "a", "b", "c", "a"]);
});

Deno.test("a pool begins with the key that was used longest ago before the restart", () => {
  const { pool } = setting([
    key("a", { lastUsedAt: 30 }),
    key("b", { lastUsedAt: 10 }),
    key("c", { lastUsedAt: 20 }),
  ]);
  assert.deepEqual([taken(pool), taken(pool), taken(pool)], ["b", "c", "a"]);
});

Deno.test("each key has slots of its own, and gives them back", () => {
  const { pool } = setting(["a", "b"], { maxConcurrent: 2 });
  assert.deepEqual(Array.from({ length: 4 }, () => taken(pool)), ["a", "b", "a", "b"]);
  assert.deepEqual(shortage(pool), { kind: "busy", freeAt: undefined });
  pool.give("a");
  assert.equal(taken(pool), "a");
  assert.equal(taken(pool), "busy");
});

Deno.test("a slot given back twice counts once", () => {
  const { pool } = setting(["a"], { maxConcurrent: 1 });
  pool.give("a");
  pool.give("a");
  assert.equal(taken(pool), "a");
  assert.equal(taken(pool), "busy");
  pool.give("gone");
});

Deno.test("a key makes no more requests a minute than it may, and tells when it may again", async () => {
  const { pool, clock } = setting(["a"], { maxConcurrent: 10, requestsPerMinute: 2 });
  const start = clock.now();
  assert.equal(taken(pool), "a");
  await clock.pass(20 * SECOND);
  assert.equal(taken(pool), "a");
  assert.deepEqual(shortage(pool), { kind: "busy", freeAt: start + MINUTE });
  pool.give("a");
  pool.give("a");
  assert.equal(taken(pool), "busy");
  await clock.pass(40 * SECOND);
  assert.equal(taken(pool), "a");
});

Deno.test("a key makes no more requests a day than it may", async () => {
  const { pool, clock } = setting(["a"], { maxConcurrent: 10, requestsPerDay: 1 });
  const start = clock.now();
  assert.equal(taken(pool), "a");
  pool.give("a");
  await clock.pass(DAY - 1);
  assert.deepEqual(shortage(pool), { kind: "busy", freeAt: start + DAY });
  await clock.pass(1);
  assert.equal(taken(pool), "a");
});

Deno.test("of several keys at their limit, the first to be free is told", async () => {
  const { pool, clock } = setting(["a", "b"], { maxConcurrent: 10, requestsPerMinute: 1 });
  const start = clock.now();
  taken(pool);
  await clock.pass(10 * SECOND);
  taken(pool);
  assert.deepEqual(shortage(pool), { kind: "busy", freeAt: start + MINUTE });
});

Deno.test("where one key is busy and another rests, the end of the rest is told", () => {
  const all = setting(["a", "b"], { maxConcurrent: 1 });
  fail(all, failure("rate_limited", { retryAfterMs: 7000 }));
  assert.equal(taken(all.pool), "b");
  assert.deepEqual(shortage(all.pool), { kind: "busy", freeAt: all.clock.now() + 7000 });
});

Deno.test("keys that were tried are not given again", () => {
  const { pool } = setting(["a", "b"]);
  assert.equal(taken(pool, "painter", new Set(["a"])), "b");
  assert.equal(taken(pool, "painter", new Set(["a", "b"])), "none");
});

Deno.test("a key that is switched off, or is for other models, is never given", () => {
  const { pool } = setting([key("off", { enabled: false }), key("other", { models: ["sketcher"] })]);
  assert.equal(taken(pool), "none");
  assert.equal(taken(pool, "sketcher"), "other");
  assert.ok(pool.has() && pool.has("sketcher") && !pool.has("painter"));
});

Deno.test("a pool has a model even while all its keys rest", () => {
  const all = setting(["a"]);
  fail(all, failure("rate_limited"));
  assert.ok(all.pool.has("painter"));
  assert.ok(!setting([]).pool.has());
});

Deno.test("slots count what may be used now, up to what is wanted", async () => {
  const all = setting(["a", "b", key("off", { enabled: false })], { maxConcurrent: 3 });
  assert.equal(all.pool.slots("painter", 100), 6);
  assert.equal(all.pool.slots("painter", 4), 4);
  fail(all, failure("rate_limited", { retryAfterMs: 1000 }));
  assert.equal(all.pool.slots("painter", 100), 3);
  await all.clock.pass(1000);
  assert.equal(all.pool.slots("painter", 100), 6);
});

Deno.test("a limit of rate rests the key for that model alone", async () => {
  const all = setting(["a"]);
  fail(all, failure("rate_limited"));
  assert.equal(taken(all.pool), "resting");
  assert.equal(taken(all.pool, "sketcher"), "a");
  await all.clock.pass(5 * SECOND);
  assert.equal(taken(all.pool), "a");
});

Deno.test("an allowance of some models leaves the key to the others, and comes back when the service says", async () => {
  const all = setting(["a"]);
  fail(all, failure("out_of_credit", { modelOnly: true, retryAfterMs: 90 * MINUTE }));
  assert.equal(taken(all.pool), "resting");
  assert.equal(taken(all.pool, "sketcher"), "a");
  await all.clock.pass(90 * MINUTE);
  assert.equal(taken(all.pool), "a");
});

Deno.test("an account without credit rests as long as it usually does, whatever short wait is told with it", () => {
  const all = setting(["a"]);
  fail(all, failure("out_of_credit", { retryAfterMs: 20 * SECOND }));
  const { kind, until } = shortage(all.pool) as { kind: string; until: number };
  assert.deepEqual([kind, until], ["resting", all.clock.now() + HOUR]);
});

Deno.test("retry-after is honoured to the millisecond", async () => {
  const all = setting(["a"]);
  fail(all, failure("rate_limited", { retryAfterMs: 37_123 }));
  const { clock, pool } = all;
  assert.deepEqual(shortage(pool), {
    kind: "resting",
    until: clock.now() + 37_123,
    reason: "rate_limited: what the provider said",
  });
  await clock.pass(37_122);
  assert.equal(taken(pool), "resting");
  await clock.pass(1);
  assert.equal(taken(pool), "a");
});

Deno.test("no reply can send a key away for ever", () => {
  for (const retryAfterMs of [Infinity, 1e15]) {
    const all = setting(["a"]);
    fail(all, failure("rate_limited", { retryAfterMs }));
    assert.equal(pauseOf(all, "a"), DAY);
  }
});

const PAUSES: { kind: FailureKind; pauses: number[]; most: number }[] = [
  { kind: "rate_limited", pauses: [5 * SECOND, 10 * SECOND, 20 * SECOND], most: 10 * MINUTE },
  { kind: "not_permitted", pauses: [5 * SECOND, 10 * SECOND, 20 * SECOND], most: 10 * MINUTE },
  { kind: "out_of_credit", pauses: [HOUR, 2 * HOUR, 4 * HOUR], most: DAY },
  { kind: "key_rejected", pauses: [10 * MINUTE, 20 * MINUTE, 40 * MINUTE], most: DAY },
];
for (const { kind, pauses, most } of PAUSES) {
  Deno.test(`${kind} stops a key for a pause that grows with every repetition, and always ends`, async () => {
    const all = setting(["a"]);
    const seen: number[] = [];
    for (let count = 0; count < 15; count++) {
      fail(all, failure(kind));
      seen.push(pauseOf(all, "a"));
      await all.clock.pass(seen.at(-1)!);
    }
    assert.deepEqual(seen.slice(0, pauses.length), pauses);
    assert.equal(Math.max(...seen), most);
    assert.equal(taken(all.pool), "a");
  });
}

for (const kind of ["out_of_credit", "key_rejected"] as const) {
  Deno.test(`${kind} stops a key for all models and tells why`, () => {
    const all = setting(["a", "b"]);
    fail(all, failure(kind));
    for (const model of ["painter", "sketcher"]) {
      assert.equal(taken(all.pool, model, new Set(["b"])), "resting");
    }
    assert.equal(taken(all.pool), "b");
    const [stopped] = resting(all.pool, all.clock.now());
    assert.equal(stopped!.id, "a");
    assert.equal(stopped!.rest!.reason, `${kind}: what the provider said`);
    assert.equal(stopped!.lastError, "what the provider said");
    assert.equal(stopped!.failures, 1);
  });
}

Deno.test("calls that fail side by side are one strike, not many", () => {
  const all = setting(["a"]);
  const { pool } = all;
  for (let count = 0; count < 8; count++) assert.equal(taken(pool), "a");
  for (let count = 0; count < 8; count++) pool.settle("a", "painter", failure("rate_limited"));
  assert.equal(pauseOf(all, "a"), 5 * SECOND);
  assert.equal(pool.keys[0]!.strikes, 1);
  assert.equal(pool.keys[0]!.failures, 8);
});

Deno.test("a success ends the stops of its model and the growing of pauses", async () => {
  const all = setting(["a"]);
  const { pool, clock } = all;
  fail(all, failure("rate_limited"), "sketcher");
  fail(all, failure("rate_limited"));
  await clock.pass(10 * SECOND);
  taken(pool);
  pool.settle("a", "painter");
  const [state] = pool.keys;
  assert.equal(state!.strikes, 0);
  assert.equal(state!.successes, 1);
  assert.deepEqual(Object.keys(state!.modelRests), ["sketcher"]);
  fail(all, failure("rate_limited"));
  assert.equal(pauseOf(all, "a"), 5 * SECOND);
});

const HARMLESS = (Object.keys(CONSEQUENCES) as FailureKind[]).filter((kind) =>
  CONSEQUENCES[kind].key === "keep"
);
for (const kind of HARMLESS) {
  Deno.test(`${kind} never touches a key`, () => {
    const all = setting(["a", "b"]);
    const before = structuredClone(all.pool.keys.map(({ lastUsedAt: _used, ...state }) => state));
    for (let count = 0; count < 10; count++) {
      assert.deepEqual(fail(all, failure(kind, { retryAfterMs: 5000 })), {});
    }
    const after = all.pool.keys.map(({ lastUsedAt: _used, ...state }) => state);
    assert.deepEqual(after.sort((a, b) => a.id < b.id ? -1 : 1), before);
    assert.deepEqual(all.changed, []);
  });
}

const ALIKE: FailureKind[] = ["key_rejected", "out_of_credit", "rate_limited", "not_permitted"];
for (const kind of ALIKE) {
  for (const [size, proof] of [[3, 3], [4, 4], [8, 7], [16, 12], [100, 12]] as const) {
    Deno.test(`when ${proof} of ${size} keys fail alike with ${kind}, the route is blamed and all are let off`, () => {
      const all = setting(Array.from({ length: size }, (_, index) => `key-${index}`));
      for (let count = 1; count < proof; count++) {
        assert.deepEqual(fail(all, failure(kind)), {});
        assert.equal(resting(all.pool, all.clock.now()).length, count);
      }
      assert.equal(
        fail(all, failure(kind)).routeIsToBlame,
        `${proof} keys failed alike: ${kind}: what the provider said`,
      );
      assert.deepEqual(resting(all.pool, all.clock.now()), []);
      assert.deepEqual(all.pool.keys.filter(({ strikes }) => strikes > 0), []);
      assert.equal(all.changed.at(-1)!.strikes, 0, "and whoever keeps the states hears of it");
    });
  }
}

Deno.test("a few dead keys among good ones are retired, and the route is not blamed", () => {
  const all = setting(["dead-1", "good", "dead-2", "fine"]);
  const { pool, clock } = all;
  for (let count = 0; count < 8; count++) {
    const given = pool.take("painter");
    assert.ok(!("kind" in given));
    const isDead = given.id.startsWith("dead");
    assert.deepEqual(pool.settle(given.id, "painter", isDead ? failure("key_rejected") : undefined), {});
    pool.give(given.id);
  }
  assert.deepEqual(resting(pool, clock.now()).map(({ id }) => id).sort(), ["dead-1", "dead-2"]);
});

Deno.test("failures of different kinds don't add up to a verdict on the route", () => {
  const all = setting(["a", "b", "c", "d"]);
  const kinds: FailureKind[] = ["key_rejected", "out_of_credit", "key_rejected", "out_of_credit"];
  for (const kind of kinds) assert.deepEqual(fail(all, failure(kind)), {});
});

Deno.test("a key that fails twice is one piece of evidence", () => {
  const all = setting(["a", "b", "c"]);
  for (let count = 0; count < 6; count++) {
    const id = count % 2 ? "a" : "b";
    assert.deepEqual(all.pool.settle(id, "painter", failure("key_rejected")), {});
  }
});

Deno.test("only the keys that are for a model count when its route is suspected", () => {
  const others = Array.from({ length: 20 }, (_, index) => key(`other-${index}`, { models: ["sketcher"] }));
  for (const kind of ALIKE) {
    const all = setting([...others, ...["a", "b", "c"].map((id) => key(id, { models: ["painter"] }))]);
    assert.deepEqual(fail(all, failure(kind)), {});
    assert.deepEqual(fail(all, failure(kind)), {});
    assert.match(fail(all, failure(kind)).routeIsToBlame!, /^3 keys failed alike/);
  }
});

Deno.test("a model that is limited for all keys is suspected although another model works", () => {
  const all = setting(["a", "b", "c"]);
  for (let count = 0; count < 2; count++) {
    assert.deepEqual(fail(all, failure("rate_limited")), {});
    const given = all.pool.take("sketcher");
    assert.ok(!("kind" in given));
    all.pool.settle(given.id, "sketcher");
    all.pool.give(given.id);
  }
  assert.ok(fail(all, failure("rate_limited")).routeIsToBlame);
});

Deno.test("a stop from before stays when a key is let off", () => {
  const until = new FakeClock().now() + HOUR;
  const before = { sketcher: { until, reason: "rate_limited: slow down" } };
  const all = setting([key("a", { modelRests: before, strikes: 2 }), "b", "c"]);
  for (let count = 0; count < 3; count++) fail(all, failure("rate_limited"));
  const freed = all.pool.keys.find(({ id }) => id === "a")!;
  assert.deepEqual([freed.modelRests, freed.strikes], [before, 2]);
});

Deno.test("failures alike never leave a pool of three or more without a key", () => {
  const kinds = fc.constantFrom(...ALIKE);
  fc.assert(fc.property(fc.integer({ min: 3, max: 30 }), kinds, (size, kind) => {
    const all = setting(Array.from({ length: size }, (_, index) => `key-${index}`));
    for (let count = 0; count < 3 * size; count++) {
      assert.notEqual(taken(all.pool), "resting");
      fail(all, failure(kind));
    }
  }));
});

Deno.test("what has ended is not kept: stops of models that are never asked for again", async () => {
  const all = setting(["a"]);
  for (let count = 0; count < 50; count++) {
    fail(all, failure("rate_limited"), `made-up-${count}`);
    await all.clock.pass(10 * MINUTE);
  }
  assert.equal(Object.keys(all.pool.keys[0]!.modelRests).length, 1);
});

Deno.test("a key can be revived by hand", () => {
  const all = setting(["a"]);
  fail(all, failure("rate_limited"), "sketcher");
  fail(all, failure("out_of_credit"));
  all.pool.revive("a");
  assert.equal(taken(all.pool), "a");
  assert.equal(taken(all.pool, "sketcher"), "a");
  const [state] = all.pool.keys;
  assert.deepEqual([state!.rest, state!.modelRests, state!.strikes, state!.lastError], [
    undefined,
    {},
    0,
    undefined,
  ]);
});

Deno.test("each lasting change of a key is told as it is made", () => {
  const all = setting(["a"]);
  fail(all, failure("out_of_credit"));
  all.pool.revive("a");
  taken(all.pool);
  all.pool.settle("a", "painter");
  assert.deepEqual(all.changed.map(({ failures, successes, rest }) => [failures, successes, Boolean(rest)]), [
    [1, 0, true],
    [1, 0, false],
    [1, 1, false],
  ]);
});

Deno.test("a stop is kept over a restart", async () => {
  const before = setting(["a"]);
  fail(before, failure("key_rejected"));
  const { pool, clock } = setting(before.pool.keys);
  assert.equal(taken(pool), "resting");
  await clock.pass(10 * MINUTE);
  assert.equal(taken(pool), "a");
});

Deno.test("what is not there is no trouble: keys that were removed while a call ran", () => {
  const { pool } = setting(["a"]);
  assert.equal(taken(pool), "a");
  pool.set([]);
  assert.deepEqual(pool.settle("a", "painter", failure("key_rejected")), {});
  pool.give("a");
  pool.revive("a");
  assert.deepEqual(pool.keys, []);
});

Deno.test("set() keeps running calls, and takes what changed", () => {
  const { pool } = setting(["a"], { maxConcurrent: 1 });
  assert.equal(taken(pool), "a");
  pool.set([key("a", { name: "renamed" }), key("b")]);
  assert.equal(taken(pool), "b");
  assert.equal(taken(pool), "busy");
  pool.give("a");
  assert.equal(taken(pool), "a");
  assert.equal(pool.keys.find(({ id }) => id === "a")!.name, "renamed");
});

Deno.test("set() keeps counts of requests a minute and a day", () => {
  for (const limit of [{ requestsPerMinute: 1 }, { requestsPerDay: 1 }]) {
    const { pool } = setting(["a"], { maxConcurrent: 10, ...limit });
    assert.equal(taken(pool), "a");
    pool.set([key("a")]);
    assert.equal(taken(pool), "busy");
  }
});

Deno.test("set() keeps the order of use, also of uses that were never stored", async () => {
  const { pool, clock } = setting(["a", "b", "c"]);
  assert.deepEqual([taken(pool), taken(pool)], ["a", "b"]);
  pool.set([key("a"), key("b"), key("c")]);
  assert.deepEqual([taken(pool), taken(pool), taken(pool)], ["c", "a", "b"]);
  await clock.pass(1);
  taken(pool);
  pool.set([key("b", { lastUsedAt: 1 }), key("c"), key("a")]);
  assert.equal(pool.keys.find(({ id }) => id === "c")!.lastUsedAt, clock.now());
  assert.deepEqual([taken(pool), taken(pool)], ["a", "b"]);
});

Deno.test("a key is never given beyond its slots, whatever happens in whatever order", () => {
  const step = fc.oneof(
    fc.constant({ do: "take" as const }),
    fc.record({ do: fc.constant("give" as const), which: fc.nat(50) }),
    fc.record({
      do: fc.constant("settle" as const),
      which: fc.nat(50),
      kind: fc.constantFrom(undefined, ...(Object.keys(CONSEQUENCES) as FailureKind[])),
    }),
    fc.constant({ do: "set" as const }),
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 100 }),
      fc.integer({ min: 1, max: 3 }),
      (steps, maxConcurrent) => {
        const { pool } = setting(["a", "b", "c", "d"], { maxConcurrent });
        const held: string[] = [];
        for (const now of steps) {
          if (now.do === "take") {
            const given = pool.take("painter");
            if (!("kind" in given)) held.push(given.id);
          } else if (now.do === "give" && held.length > 0) {
            pool.give(held.splice(now.which % held.length, 1)[0]!);
          } else if (now.do === "settle" && held.length > 0) {
            pool.settle(held[now.which % held.length]!, "painter", now.kind && failure(now.kind));
          } else if (now.do === "set") {
            pool.set(pool.keys);
          }
          for (const id of ["a", "b", "c", "d"]) {
            assert.ok(held.filter((one) => one === id).length <= maxConcurrent);
          }
        }
        assert.equal(pool.keys.length, 4);
      },
    ),
  );
});

Deno.test("a check that a service rejected retires the key, and a good one takes back no more than that", () => {
  const at = setting(["a", "b"]);
  at.pool.checked("a", failure("key_rejected"));
  assert.equal(pauseOf(at, "a"), 10 * MINUTE);
  assert.deepEqual([at.pool.get("a")?.successes, at.pool.get("a")?.failures], [0, 1]);
  at.pool.checked("a");
  assert.equal(pauseOf(at, "a"), 0);
  at.pool.checked("b", failure("out_of_credit"));
  at.pool.checked("b");
  // To be known is not to be able to pay.
  assert.equal(pauseOf(at, "b"), HOUR);
});

Deno.test("a check that tells nothing of the key leaves it alone", () => {
  const kinds = Object.keys(CONSEQUENCES) as FailureKind[];
  for (const kind of kinds.filter((kind) => !["key_rejected", "out_of_credit"].includes(kind))) {
    const at = setting(["a"]);
    at.pool.checked("a", failure(kind));
    at.pool.checked("gone", failure("key_rejected"));
    assert.deepEqual(at.changed, [], kind);
  }
});

Deno.test("a key that is put to rest by hand says so, and comes back by itself or when it is called", () => {
  const at = setting(["a"]);
  at.pool.rest("a", HOUR, "by hand");
  const since = at.clock.now();
  assert.deepEqual(at.pool.get("a")?.rest, { since, until: since + HOUR, reason: "by hand" });
  assert.equal(taken(at.pool), "resting");
  at.pool.revive("a");
  assert.equal(taken(at.pool), "a");
  assert.equal(at.pool.inFlight("a"), 1);
});
