import assert from "node:assert/strict";
import type { LogLevel } from "@logtape/logtape";
import type { LogEntry } from "./entry.ts";
import { LogRing } from "./ring.ts";

Deno.test("a ring keeps the newest entries in order", () => {
  const ring = filled(10, 4);
  assert.deepEqual(ids(ring.list()), [7, 8, 9, 10]);
  assert.deepEqual(ids(ring.list({ afterId: 8 })), [9, 10]);
  assert.equal(ring.nextId, 11);
});

Deno.test("a subscriber gets what is new", async () => {
  const ring = filled(3);
  const seen: number[] = [];
  using _ = ring.subscribe(({ id }) => void seen.push(id));
  push(ring, 2);
  await settled();
  push(ring, 1);
  await settled();
  assert.deepEqual(seen, [4, 5, 6]);
});

Deno.test("a subscriber that comes back goes on where it was", async () => {
  const ring = filled(10, 4);
  const seen: number[] = [];
  using _ = ring.subscribe(({ id }) => void seen.push(id), { afterId: 8 });
  await settled();
  push(ring, 1);
  await settled();
  assert.deepEqual(seen, [9, 10, 11]);
});

Deno.test("a subscriber with an id from before a restart gets what is new", async () => {
  const ring = filled(2);
  const seen: number[] = [];
  using _ = ring.subscribe(({ id }) => void seen.push(id), { afterId: 5000 });
  push(ring, 1);
  await settled();
  assert.deepEqual(seen, [3]);
});

Deno.test("a subscriber gets only the levels it wants", async () => {
  const ring = new LogRing();
  const seen: LogLevel[] = [];
  using _ = ring.subscribe(({ level }) => void seen.push(level), { level: "warning" });
  for (const level of ["debug", "warning", "info", "error"] as const) push(ring, 1, level);
  await settled();
  assert.deepEqual(seen, ["warning", "error"]);
  assert.equal(ring.list({ level: "warning" }).length, 2);
});

Deno.test("a slow subscriber misses entries instead of collecting them", async () => {
  const ring = new LogRing(4);
  const seen: number[] = [];
  const first = Promise.withResolvers<void>();
  using _ = ring.subscribe(({ id }) => {
    seen.push(id);
    return id === 1 ? first.promise : undefined;
  });
  push(ring, 1);
  await settled();
  push(ring, 1000);
  first.resolve();
  await settled();
  assert.deepEqual(seen, [1, 998, 999, 1000, 1001]);
});

Deno.test("a subscription that ended, or failed, gets nothing more and disturbs nobody", async () => {
  const ring = new LogRing();
  const seen: number[] = [];
  const ended = ring.subscribe(({ id }) => void seen.push(id));
  let calls = 0;
  using _ = ring.subscribe(() => {
    calls++;
    throw new Error("gone");
  });
  push(ring, 1);
  await settled();
  ended[Symbol.dispose]();
  push(ring, 2);
  await settled();
  assert.deepEqual([seen, calls], [[1], 1]);
});

function filled(count: number, capacity?: number): LogRing {
  const ring = new LogRing(capacity);
  push(ring, count);
  return ring;
}

function push(ring: LogRing, count: number, level: LogLevel = "info") {
  for (let i = 0; i < count; i++) {
    ring.push({ id: ring.nextId, time: 0, level, module: "x", message: "x", fields: {}, told: [] });
  }
}

function ids(entries: LogEntry[]): number[] {
  return entries.map(({ id }) => id);
}

async function settled() {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
