import assert from "node:assert/strict";
import { sqliteDialect } from "../platform/sqlite.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { type Database, openDatabase } from "./database.ts";
import { createHistory } from "./history.ts";
import { createStats } from "./stats.ts";
import { type EndedRequest, HOUR, MINUTE, type Span } from "./stats_tally.ts";

const NOON = Date.UTC(2026, 5, 1, 12);
const ALL = { from: 0, to: NOON + 1000 * HOUR };

Deno.test("requests are summed by minute, provider and model", async () => {
  await using store = await open();
  store.stats.request(request({ costUsd: 0.04, bytes: 1000 }));
  store.stats.request(request({ images: 2, bytes: 500 }));
  store.stats.request(request({ time: NOON + MINUTE, provider: "Doubao" }));
  const steps = await store.stats.steps(ALL, MINUTE, MINUTE);
  assert.deepEqual(steps, [
    {
      time: NOON,
      provider: "Gitee",
      model: "flux",
      requests: 2,
      failures: 0,
      images: 3,
      unpricedImages: 2,
      costUsd: 0.04,
      bytes: 1500,
      calls: 0,
      failedCalls: 0,
    },
    {
      time: NOON + MINUTE,
      provider: "Doubao",
      model: "flux",
      requests: 1,
      failures: 0,
      images: 1,
      unpricedImages: 1,
      costUsd: 0,
      bytes: 0,
      calls: 0,
      failedCalls: 0,
    },
  ]);
});

Deno.test("what is counted later is added to what is written", async () => {
  await using store = await open();
  for (let i = 0; i < 3; i++) {
    store.stats.request(request());
    store.stats.request(request({ outcome: "refused", images: 0 }));
    await store.stats.flush();
  }
  const { requests, failures, images } = await store.stats.sum(ALL, HOUR);
  assert.deepEqual({ requests, failures, images }, { requests: 6, failures: 3, images: 3 });
  const counts = await store.stats.countsByRoute(ALL, HOUR);
  assert.deepEqual(counts.filter(({ kind }) => kind === "failure"), [
    { provider: "Gitee", model: "flux", kind: "failure", what: "refused", count: 3 },
  ]);
});

Deno.test("calls count for the provider that was asked, and skipped routes do not", async () => {
  await using store = await open();
  const call = { time: NOON, provider: "Gitee", model: "flux" };
  store.stats.call({ ...call, outcome: "rate_limited" });
  store.stats.call({ ...call, outcome: "skipped" });
  store.stats.call({ ...call, outcome: "ok" });
  const { requests, calls, failedCalls } = await store.stats.sum(ALL, MINUTE);
  assert.deepEqual({ requests, calls, failedCalls }, { requests: 0, calls: 2, failedCalls: 1 });
});

Deno.test("steps gather several buckets", async () => {
  await using store = await open();
  for (let minute = 0; minute < 30; minute++) store.stats.request(request({ time: NOON + minute * MINUTE }));
  const steps = await store.stats.steps(ALL, MINUTE, 15 * MINUTE);
  assert.deepEqual(steps.map(({ time, requests }) => [(time - NOON) / MINUTE, requests]), [[0, 15], [
    15,
    15,
  ]]);
  const times = await store.stats.countsByStep(ALL, MINUTE, 15 * MINUTE, "time");
  assert.deepEqual(times.map(({ count }) => count), [15, 15]);
});

Deno.test("the last minute reaches into the one before", async () => {
  await using store = await open();
  for (let i = 0; i < 8; i++) store.stats.request(request({ time: NOON + i }));
  store.stats.request(request({ time: NOON + MINUTE, images: 4 }));
  assert.deepEqual(await store.stats.lastMinute(NOON + MINUTE + 15_000), { requests: 7, images: 10 });
});

Deno.test("cost is that of the day and the month, in UTC", async () => {
  await using store = await open();
  store.stats.request(request({ time: Date.UTC(2026, 4, 31, 23, 59), costUsd: 100 }));
  store.stats.request(request({ time: Date.UTC(2026, 5, 1, 0, 0), costUsd: 10 }));
  store.stats.request(request({ time: Date.UTC(2026, 5, 2, 0, 0), costUsd: 1 }));
  const { today, month } = await store.stats.cost(Date.UTC(2026, 5, 2, 12));
  assert.deepEqual([today.costUsd, month.costUsd], [1, 11]);
});

Deno.test("counts are written together after a while, and when the statistics are closed", async () => {
  const clock = new FakeClock(NOON);
  await using store = await open({ clock });
  store.stats.request(request());
  assert.equal(await written(store.db), 0);
  await clock.pass(1000);
  await store.stats.flush();
  assert.equal(await written(store.db), 3);
  store.stats.request(request({ provider: "Doubao" }));
  await store.stats[Symbol.asyncDispose]();
  assert.equal(await written(store.db), 6);
});

Deno.test("a broken database loses no count, and is tried again", async () => {
  const errors: Error[] = [];
  await using store = await open({ onError: (error) => errors.push(error) });
  await store.db.schema.alterTable("stats_counts").renameTo("hidden").execute();
  store.stats.request(request());
  await store.stats.flush();
  assert.match(errors[0]!.message, /Cannot write statistics/);
  assert.equal(await written(store.db), 0);
  store.stats.request(request());
  await store.db.schema.alterTable("hidden").renameTo("stats_counts").execute();
  assert.equal((await store.stats.sum(ALL, HOUR)).requests, 2);
});

Deno.test("while nothing can be written the oldest buckets are dropped", async () => {
  const errors: Error[] = [];
  await using store = await open({ onError: (error) => errors.push(error), maxWaiting: 4 });
  await store.db.schema.alterTable("stats").renameTo("hidden").execute();
  for (let hour = 0; hour < 5; hour++) store.stats.request(request({ time: NOON + hour * HOUR }));
  await store.stats.flush();
  assert.match(errors.at(-1)!.message, /Dropped 7 buckets/);
  await store.db.schema.alterTable("hidden").renameTo("stats").execute();
  assert.deepEqual((await store.stats.steps(ALL, HOUR, HOUR)).map(({ time }) => time), [
    NOON + 3 * HOUR,
    NOON + 4 * HOUR,
  ]);
});

Deno.test("minutes are kept for two days and hours for 400", async () => {
  await using store = await open();
  const day = 24 * HOUR;
  for (const age of [1, 3, 399, 402]) store.stats.request(request({ time: NOON - age * day }));
  await store.stats.flush();
  await store.stats.prune(NOON);
  const kept = async (span: Span) =>
    (await store.stats.steps(ALL, span, span)).map(({ time }) => Math.ceil((NOON - time) / day)).sort();
  assert.deepEqual(await kept(MINUTE), [1]);
  assert.deepEqual(await kept(HOUR), [1, 3, 399]);
});

Deno.test("a history from before is counted once", async () => {
  const clock = new FakeClock(NOON);
  await using store = await open({ clock });
  await using history = createHistory(store.db, { clock, onError: fail });
  for (let i = 0; i < 2500; i++) {
    history.record({
      ...{ id: `r${i}`, time: NOON - i * HOUR / 10, task: "generate", model: "auto", client: "chat" },
      ...{ provider: "Gitee", usedModel: i % 2 ? "flux" : "made up", status: 200, outcome: "ok", images: 1 },
      ...{ durationMs: 900, costUsd: 0.5, prompt: "a cat", notes: [] },
    }, [{ provider: "Gitee", model: "flux", outcome: "ok", startedMs: 0, durationMs: 900 }]);
  }
  await history.flush();
  const modelOf = (_provider: string, model: string) => model === "flux" ? model : "other";
  assert.equal(await store.stats.backfill({ modelOf }), 2500);
  assert.equal(await store.stats.backfill({ modelOf }), 0);
  const { requests, calls, costUsd } = await store.stats.sum(ALL, HOUR);
  assert.deepEqual({ requests, calls, costUsd }, { requests: 2500, calls: 2500, costUsd: 1250 });
  const models = new Set((await store.stats.steps(ALL, HOUR, HOUR)).map(({ model }) => model));
  assert.deepEqual([...models].sort(), ["flux", "other"]);
  const oldest = Math.min(...(await store.stats.steps(ALL, MINUTE, MINUTE)).map(({ time }) => time));
  assert.ok(oldest >= NOON - 48 * HOUR);
});

Deno.test("every question walks the key instead of the table", async () => {
  await using store = await open();
  const plan = await store.db.selectFrom("stats").select("requests")
    .where("span", "=", HOUR).where("start_at", ">=", 1).where("start_at", "<", 2).explain();
  assert.match(JSON.stringify(plan), /"SeekGE"/);
});

function request(change: Partial<EndedRequest> = {}): EndedRequest {
  return {
    time: NOON,
    provider: "Gitee",
    model: "flux",
    outcome: "ok",
    images: 1,
    durationMs: 900,
    ...change,
  };
}

async function open(options: Partial<Parameters<typeof createStats>[1]> = {}) {
  const db = await openDatabase(sqliteDialect(":memory:"));
  const stats = createStats(db, { onError: fail, clock: new FakeClock(NOON), ...options });
  return {
    db,
    stats,
    async [Symbol.asyncDispose]() {
      await stats[Symbol.asyncDispose]();
      await db.destroy();
    },
  };
}

async function written(db: Database): Promise<number> {
  return (await db.selectFrom("stats").select("span").execute()).length;
}

function fail(error: Error): never {
  throw error;
}
