import assert from "node:assert/strict";
import fc from "fast-check";
import { sql } from "kysely";
import type { Clock } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import { sqliteDialect } from "../platform/sqlite.ts";
import { type Database, openDatabase } from "./database.ts";
import { createHistory, type HistoryOptions } from "./history.ts";
import type { AttemptRecord, RequestRecord } from "./history_record.ts";

const ATTEMPT: AttemptRecord = {
  provider: "Gitee",
  model: "flux",
  keyName: undefined,
  outcome: "ok",
  status: 200,
  startedMs: 3,
  durationMs: 900,
  message: undefined,
  costUsd: undefined,
};

Deno.test("a request is kept whole, with its attempts in order", async () => {
  await using store = await open();
  const written = request({
    error: "it rained",
    costUsd: 0.04,
    usedModel: "flux-1",
    notes: ["size changed"],
  });
  const attempts = [
    { ...ATTEMPT, keyName: "spare", message: "no", outcome: "overloaded", status: 503 },
    ATTEMPT,
  ];
  store.history.record(written, attempts);
  await store.history.flush();
  assert.deepEqual(await store.history.get("req_1"), { ...written, attempts });
  assert.equal(await store.history.get("req_2"), undefined);
});

Deno.test("only the beginning of a long prompt is kept, and no half character", async () => {
  await using store = await open();
  store.history.record(request({ prompt: "x".repeat(1999) + "🌧".repeat(10) }), []);
  await store.history.flush();
  const kept = await store.history.get("req_1");
  assert.equal(kept?.prompt.length, 2000);
  assert.ok(kept?.prompt.isWellFormed());
});

Deno.test("records wait for company and are then written together", async () => {
  const clock = manualClock();
  await using store = await open({ clock, flushMs: 1000 });
  store.history.record(request({ id: "a" }), []);
  store.history.record(request({ id: "b" }), []);
  assert.equal((await store.history.list()).data.length, 0);
  await clock.pass(1000);
  await store.history.flush();
  assert.equal((await store.history.list()).data.length, 2);
});

Deno.test("many records are written without waiting for the time", async () => {
  await using store = await open({ clock: manualClock(), flushSize: 3 });
  for (const id of ["a", "b", "c"]) store.history.record(request({ id }), [ATTEMPT]);
  await settled();
  assert.equal((await store.history.list()).data.length, 3);
});

Deno.test("what still waits is written when the history is closed", async () => {
  const db = await openDatabase(sqliteDialect(":memory:"));
  {
    await using history = createHistory(db, { clock: manualClock(), onError: fail });
    history.record(request(), []);
  }
  await using reader = createHistory(db, { clock: manualClock(), onError: fail });
  assert.equal((await reader.list()).data.length, 1);
  await db.destroy();
});

Deno.test("a flood drops the oldest records and tells how many", async () => {
  const errors: Error[] = [];
  await using store = await open({
    clock: manualClock(),
    maxQueued: 10,
    onError: (error) => errors.push(error),
  });
  for (let i = 0; i < 25; i++) store.history.record(request({ id: `r${i}`, time: i }), []);
  await store.history.flush();
  const { data } = await store.history.list();
  assert.deepEqual([data.length, data[0]?.id, data.at(-1)?.id], [10, "r24", "r15"]);
  assert.match(errors[0]!.message, /Dropped 15 requests/);
});

Deno.test("a broken database costs history, not requests, and is tried again", async () => {
  const errors: Error[] = [];
  const clock = manualClock();
  await using store = await open({ clock, onError: (error) => errors.push(error) });
  await store.db.schema.alterTable("attempts").renameTo("hidden").execute();
  store.history.record(request(), [ATTEMPT]);
  await store.history.flush();
  assert.match(errors[0]!.message, /Cannot write 1 requests/);
  await store.db.schema.alterTable("hidden").renameTo("attempts").execute();
  await clock.pass(1000);
  await store.history.flush();
  assert.equal((await store.history.get("req_1"))?.attempts.length, 1);
});

Deno.test("a batch that never can be written is given up, so that later ones are", async () => {
  const errors: Error[] = [];
  await using store = await open({ clock: manualClock(), onError: (error) => errors.push(error) });
  store.history.record(request({ id: "bad", durationMs: NaN }), []);
  for (let i = 0; i < 3; i++) await store.history.flush();
  store.history.record(request({ id: "good" }), []);
  await store.history.flush();
  assert.deepEqual((await store.history.list()).data.map(({ id }) => id), ["good"]);
  assert.match(errors.at(-1)!.message, /Gave up 1 requests/);
});

Deno.test("a caller who repeats a request id hides nothing", async () => {
  await using store = await open();
  store.history.record(request({ prompt: "first" }), [ATTEMPT]);
  store.history.record(request({ prompt: "second" }), [ATTEMPT]);
  await store.history.flush();
  store.history.record(request({ prompt: "third" }), [ATTEMPT]);
  await store.history.flush();
  assert.equal((await store.history.get("req_1"))?.prompt, "first");
  assert.equal((await store.history.list({ q: "req_1~" })).data.length, 2);
});

Deno.test("paging shows every request once, newest first, also those of one moment", async () => {
  await using store = await open();
  for (let i = 0; i < 57; i++) store.history.record(request({ id: `r${i}`, time: Math.floor(i / 10) }), []);
  await store.history.flush();
  const seen: RequestRecord[] = [];
  let after: string | undefined;
  do {
    const page = await store.history.list({ limit: 10, after });
    seen.push(...page.data);
    after = page.next;
  } while (after);
  assert.equal(new Set(seen.map(({ id }) => id)).size, 57);
  assert.deepEqual(seen.map(({ time }) => time), seen.map(({ time }) => time).toSorted((a, b) => b - a));
});

Deno.test("each filter finds what it names", async () => {
  await using store = await open();
  store.history.record(
    request({ id: "a", time: 10, provider: "Gitee", model: "auto", usedModel: "flux" }),
    [],
  );
  store.history.record(request({ id: "b", time: 20, model: "flux", client: "shop", status: 429 }), []);
  store.history.record(request({ id: "c", time: 30, model: "flux", usedModel: "flux", status: 503 }), []);
  await store.history.flush();
  const ids = async (filter: Parameters<typeof store.history.list>[0]) =>
    (await store.history.list(filter)).data.map(({ id }) => id).join("");
  assert.equal(await ids({ provider: "Gitee" }), "a");
  assert.equal(await ids({ model: "flux" }), "cba");
  assert.equal(await ids({ model: "auto" }), "a");
  assert.equal(await ids({ client: "shop" }), "b");
  assert.equal(await ids({ status: 503 }), "c");
  assert.equal(await ids({ status: { from: 400, to: 599 } }), "cb");
  assert.equal(await ids({ from: 20, to: 30 }), "b");
  assert.equal(await ids({ failed: true }), "");
  assert.equal(await ids({ model: "flux", status: 200, q: "CAT" }), "a");
  assert.equal(await ids({ q: "" }), "cba");
});

Deno.test("the latest failures are found without walking the requests between them", async () => {
  await using store = await open();
  for (let i = 0; i < 1000; i++) {
    store.history.record(request({ id: `r${i}`, time: i, outcome: i % 400 ? "ok" : "refused" }), []);
  }
  await store.history.flush();
  const { data } = await store.history.list({ failed: true });
  assert.deepEqual(data.map(({ id }) => id), ["r800", "r400", "r0"]);
  assert.equal((await store.history.list({ failed: false, limit: 2 })).data[0]?.id, "r999");
  const { rows } = await sql<{ detail: string }>`explain query plan
    select * from requests where outcome <> 'ok' order by time desc, id desc limit 10`.execute(store.db);
  assert.match(rows.map(({ detail }) => detail).join(), /USING INDEX requests_failed/);
});

Deno.test("the attempts of a page of requests come in order, by request", async () => {
  await using store = await open();
  store.history.record(request({ id: "a" }), [{ ...ATTEMPT, outcome: "overloaded" }, ATTEMPT]);
  store.history.record(request({ id: "b" }), []);
  await store.history.flush();
  const attempts = await store.history.attemptsOf(["a", "b"]);
  assert.deepEqual(attempts.get("a")?.map(({ outcome }) => outcome), ["overloaded", "ok"]);
  assert.deepEqual(attempts.get("b"), []);
});

Deno.test("a search takes its text as it is: wildcards and quotes mean themselves", async () => {
  await using store = await open();
  const prompts = ["100% wool", "1000 wool", "a_b", "axb", "it's !", "C:\\new", "Ärger"];
  prompts.forEach((prompt, i) => store.history.record(request({ id: `r${i}`, prompt }), []));
  await store.history.flush();
  const found = async (q: string) =>
    (await store.history.list({ q })).data.map(({ prompt }) => prompt).sort();
  assert.deepEqual(await found("100%"), ["100% wool"]);
  assert.deepEqual(await found("a_b"), ["a_b"]);
  assert.deepEqual(await found("'s !"), ["it's !"]);
  assert.deepEqual(await found("C:\\NEW"), ["C:\\new"]);
  assert.deepEqual(await found("WOOL"), ["100% wool", "1000 wool"]);
});

Deno.test("a search finds a prompt by any part of it", async () => {
  await using store = await open();
  const text = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 60 });
  let count = 0;
  await fc.assert(fc.asyncProperty(text, fc.nat(), fc.nat(), async (prompt, a, b) => {
    const id = `p${count++}`;
    store.history.record(request({ id, prompt, client: id }), []);
    await store.history.flush();
    const start = a % prompt.length;
    const q = prompt.slice(start, start + 1 + b % 20);
    assert.equal((await store.history.list({ q, client: id })).data[0]?.prompt, prompt);
  }));
});

Deno.test("a search goes on over thousands of rows until it finds, or the caller leaves", async () => {
  await using store = await open();
  for (let i = 0; i < 3500; i++) {
    store.history.record(request({ id: `r${i}`, time: i, prompt: `cat ${i}.` }), []);
  }
  await store.history.flush();
  assert.deepEqual((await store.history.list({ q: "cat 3." })).data.map(({ id }) => id), ["r3"]);
  assert.equal((await store.history.list({ q: "cat", limit: 500 })).data.length, 500);
  await assert.rejects(store.history.list({ q: "dog", signal: AbortSignal.abort() }), { name: "AbortError" });
});

Deno.test("a cursor that is none is the caller's fault", async () => {
  await using store = await open();
  await fc.assert(fc.asyncProperty(fc.string(), async (after) => {
    await assert.rejects(
      store.history.list({ after }),
      (error) =>
        error instanceof Failed && error.failure.kind === "invalid_request" &&
        error.failure.param === "after",
    );
  }));
});

Deno.test("forgetting removes old requests with their attempts and leaves newer ones", async () => {
  await using store = await open();
  for (let i = 0; i < 1300; i++) store.history.record(request({ id: `r${i}`, time: i }), [ATTEMPT, ATTEMPT]);
  await store.history.flush();
  assert.equal(await store.history.prune(1200), 1200);
  assert.equal((await store.history.list({ limit: 500 })).data.length, 100);
  const { attempts } = await store.db.selectFrom("attempts").select((eb) => eb.fn.countAll().as("attempts"))
    .executeTakeFirstOrThrow();
  assert.equal(attempts, 200);
});

Deno.test("every listing walks an index instead of sorting the table", async () => {
  await using store = await open();
  const sorted: string[] = [];
  for (const column of ["provider", "model", "used_model", "client", "status"] as const) {
    const plan = await store.db.selectFrom("requests").selectAll().where(column, "=", "x")
      .orderBy("time", "desc").orderBy("id", "desc").limit(50).explain(undefined, sql`query plan`);
    if (JSON.stringify(plan).includes("TEMP B-TREE")) sorted.push(column);
  }
  assert.deepEqual(sorted, []);
});

function request(change: Partial<RequestRecord> = {}): RequestRecord {
  return {
    id: "req_1",
    time: 1_790_000_000_000,
    task: "generate",
    model: "auto",
    provider: undefined,
    usedModel: undefined,
    client: "chat",
    status: 200,
    outcome: "ok",
    error: undefined,
    images: 1,
    durationMs: 1234,
    costUsd: undefined,
    prompt: "a cat in the rain",
    notes: [],
    ...change,
  };
}

async function open(options: Partial<HistoryOptions> = {}) {
  const db: Database = await openDatabase(sqliteDialect(":memory:"));
  const history = createHistory(db, { onError: fail, clock: manualClock(), ...options });
  return {
    db,
    history,
    async [Symbol.asyncDispose]() {
      await history[Symbol.asyncDispose]();
      await db.destroy();
    },
  };
}

function fail(error: Error): never {
  throw error;
}

/** Lets everything run that waits for nothing but its turn. */
async function settled() {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

function manualClock(): Clock & { pass(ms: number): Promise<void> } {
  let now = 0;
  const sleepers: { at: number; wake: () => void }[] = [];
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
        sleepers.push({ at: now + ms, wake: resolve });
      }),
    timeout: () => ({ signal: new AbortController().signal, [Symbol.dispose]() {} }),
    async pass(ms) {
      now += ms;
      for (const sleeper of sleepers) if (sleeper.at <= now) sleeper.wake();
      await settled();
    },
  };
}
