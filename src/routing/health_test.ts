import assert from "node:assert/strict";
import { Health } from "./health.ts";

const ROUTE = "Studio/painter";
const START = Date.UTC(2026, 5, 1, 12);
const FIRST_PAUSE = 15_000;

/** A route that was left alone at `START` after failures in a row. */
function closed(health = new Health(), now = START): Health {
  for (let count = 0; count < 5; count++) health.failure(ROUTE, now, "overloaded: busy");
  return health;
}

/** Asks a route that is due for its trial and lets that fail; gives the pause that follows. */
function failTrial(health: Health): number {
  const due = health.state(ROUTE).closedUntil!;
  assert.ok(!health.allows(ROUTE, due - 1));
  assert.ok(health.allows(ROUTE, due));
  health.asked(ROUTE);
  health.failure(ROUTE, due, "overloaded: still busy");
  return health.state(ROUTE).closedUntil! - due;
}

Deno.test("a route that nobody knows is open", () => {
  const health = new Health();
  assert.ok(health.allows(ROUTE, START));
  assert.deepEqual(health.state(ROUTE), { failuresInRow: 0 });
});

Deno.test("a route is left alone after five failures in a row, and says why and until when", () => {
  const health = new Health();
  for (let count = 1; count < 5; count++) {
    health.failure(ROUTE, START, "overloaded: busy");
    assert.ok(health.allows(ROUTE, START), `after ${count}`);
  }
  health.failure(ROUTE, START, "timed_out: no answer");
  assert.ok(!health.allows(ROUTE, START));
  const { closedUntil, reason, failuresInRow } = health.state(ROUTE);
  assert.deepEqual({ closedUntil, reason, failuresInRow }, {
    closedUntil: START + FIRST_PAUSE,
    reason: "timed_out: no answer",
    failuresInRow: 5,
  });
});

Deno.test("a success between begins the count anew", () => {
  const health = new Health();
  for (let count = 0; count < 20; count++) {
    health.failure(ROUTE, START, "overloaded: busy");
    if (count % 4 === 3) health.success(ROUTE, 1000);
  }
  assert.ok(health.allows(ROUTE, START));
});

Deno.test("failures of one route leave others alone", () => {
  assert.ok(closed().allows("Studio/sketcher", START));
});

Deno.test("after its pause a route lets a single trial through", () => {
  const health = closed();
  assert.ok(!health.allows(ROUTE, START + FIRST_PAUSE - 1));
  assert.ok(health.allows(ROUTE, START + FIRST_PAUSE));
  health.asked(ROUTE);
  assert.ok(!health.allows(ROUTE, START + FIRST_PAUSE));
  assert.ok(!health.allows(ROUTE, START + 10 * FIRST_PAUSE));
});

Deno.test("a trial that succeeds opens the route for all", () => {
  const health = closed();
  health.asked(ROUTE);
  health.success(ROUTE, 1200);
  assert.ok(health.allows(ROUTE, START));
  assert.deepEqual(health.state(ROUTE).closedUntil, undefined);
  assert.deepEqual(health.state(ROUTE).failuresInRow, 0);
});

Deno.test("each trial that fails doubles the pause, up to ten minutes", () => {
  const health = closed();
  const pauses = Array.from({ length: 8 }, () => failTrial(health));
  assert.deepEqual(pauses, [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000, 600_000]);
});

Deno.test("the pause begins anew once a route has worked", () => {
  const health = closed();
  failTrial(health);
  health.asked(ROUTE);
  health.success(ROUTE, 1000);
  closed(health);
  assert.equal(health.state(ROUTE).closedUntil, START + FIRST_PAUSE);
});

Deno.test("calls that were under way when a route was closed don't make its pause grow", () => {
  const health = closed();
  for (let count = 0; count < 20; count++) health.failure(ROUTE, START + 10, "overloaded: busy");
  assert.equal(health.state(ROUTE).closedUntil, START + FIRST_PAUSE);
  assert.equal(failTrial(health), 30_000);
});

Deno.test("a trial without a verdict lets the next one through", () => {
  const health = closed();
  health.asked(ROUTE);
  health.undecided(ROUTE);
  assert.ok(health.allows(ROUTE, START + FIRST_PAUSE));
});

Deno.test("asking an open route makes no trial of it", () => {
  const health = new Health();
  health.failure(ROUTE, START, "overloaded: busy");
  health.asked(ROUTE);
  assert.ok(health.allows(ROUTE, START));
  health.failure(ROUTE, START, "overloaded: busy");
  assert.ok(health.allows(ROUTE, START));
});

Deno.test("a route can be left alone at once, for as long as its provider asks", () => {
  const health = new Health();
  health.trip(ROUTE, START, "12 keys failed alike", 7000);
  assert.ok(!health.allows(ROUTE, START + 6999));
  assert.ok(health.allows(ROUTE, START + 7000));
  assert.equal(health.state(ROUTE).reason, "12 keys failed alike");
});

Deno.test("leaving alone without a time given grows with every repetition", () => {
  const health = new Health();
  health.trip(ROUTE, START, "keys failed alike");
  assert.equal(health.state(ROUTE).closedUntil, START + 15_000);
  health.trip(ROUTE, START, "keys failed alike");
  assert.equal(health.state(ROUTE).closedUntil, START + 30_000);
});

Deno.test("the time to an image is a mean that follows the newest", () => {
  const health = new Health();
  health.success(ROUTE, 1000);
  assert.equal(health.state(ROUTE).latencyMs, 1000);
  health.success(ROUTE, 2000);
  assert.equal(health.state(ROUTE).latencyMs, 1300);
  for (let count = 0; count < 30; count++) health.success(ROUTE, 5000);
  assert.ok(Math.abs(health.state(ROUTE).latencyMs! - 5000) < 1);
});

Deno.test("failures leave the time to an image as it was", () => {
  const health = new Health();
  health.success(ROUTE, 1000);
  health.failure(ROUTE, START, "overloaded: busy");
  assert.equal(health.state(ROUTE).latencyMs, 1000);
});

Deno.test("whoever watches hears when a route is closed and when it is open again, and not of every call", () => {
  const told: string[] = [];
  const health = new Health({ onChange: (route) => told.push(route) });
  health.success(ROUTE, 100);
  closed(health);
  assert.deepEqual(told, [ROUTE]);
  assert.deepEqual(health.closed(), [{
    route: ROUTE,
    until: START + FIRST_PAUSE,
    reason: "overloaded: busy",
  }]);
  health.asked(ROUTE);
  health.success(ROUTE, 100);
  assert.deepEqual(told, [ROUTE, ROUTE]);
  assert.deepEqual(health.closed(), []);
});
