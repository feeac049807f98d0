import assert from "node:assert/strict";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { LogEntry } from "../src/log/entry.ts";
import { LogRing } from "../src/log/ring.ts";
import { adminOf, asAdmin, type TestAdmin } from "../src/testing/admin.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway } from "../src/testing/gateway.ts";
import { startScene } from "./drill_scene.ts";

Deno.test("the live view says that it is connected, and tells a change of settings", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  await using live = await listen(admin, "/api/live");
  assert.deepEqual(await live.next(), { type: "connected" });
  await gateway.app.settings.update({ routing: { maxRetries: 1 } });
  const { type, revision } = await live.next();
  assert.deepEqual([type, revision], ["settings", gateway.app.settings.revision]);
});

Deno.test("the live view tells what happens to keys, requests and pictures", async () => {
  await using scene = await startScene({ openaiKeys: 2 });
  const admin = await adminOf(scene.gateway);
  await using live = await listen(admin, "/api/live");
  await live.next();
  scene.openai.reject(scene.secrets["openai-1"]!);
  await (await scene.ask()).arrayBuffer();
  await scene.gateway.stored();
  await scene.clock.passSleep(200);
  const told = new Set<string>();
  while (told.size < 3) told.add(JSON.stringify(await live.next()));
  assert.deepEqual([...told].sort(), [
    '{"type":"keys","provider":"OpenAI"}',
    '{"type":"pictures"}',
    '{"type":"stats"}',
  ]);
});

Deno.test("a reader that comes back hears what it missed, and nothing twice", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  let id: string;
  {
    await using live = await listen(admin, "/api/live");
    await live.next();
    await gateway.app.settings.update({ routing: { maxRetries: 1 } });
    await live.next();
    id = live.lastId;
  }
  await gateway.app.settings.update({ routing: { maxRetries: 2 } });
  await using again = await listen(admin, "/api/live", { "last-event-id": id });
  assert.equal((await again.next()).type, "connected");
  assert.equal((await again.next()).revision, gateway.app.settings.revision);
});

Deno.test("a reader with an id of another process is told to read everything again", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  await using live = await listen(admin, "/api/live", { "last-event-id": "other-12-3" });
  assert.equal((await live.next()).type, "connected");
  assert.equal((await live.next()).type, "reset");
});

Deno.test("the live view carries the log for who wants it, from the level that is wanted", async () => {
  const ring = new LogRing();
  await using gateway = await startGateway({ ring });
  const admin = await adminOf(gateway);
  await using live = await listen(admin, "/api/live?log=warn");
  await live.next();
  ring.push(entry(ring, { level: "info", message: "too quiet" }));
  ring.push(entry(ring, { level: "error", message: "loud", requestId: "req_1" }));
  const { type, message, requestId } = await live.next();
  assert.deepEqual({ type, message, requestId }, { type: "log", message: "loud", requestId: "req_1" });
});

Deno.test("an idle stream beats every 15 seconds", async () => {
  const clock = new FakeClock();
  await using gateway = await startGateway({ clock });
  const admin = await adminOf(gateway);
  await using live = await listen(admin, "/api/live");
  await live.next();
  await clock.passSleep(200);
  for (let beat = 1; beat <= 3; beat++) {
    await clock.passSleep(15_000);
    await live.comments(beat);
  }
});

Deno.test("events that come fast are gathered", async () => {
  const clock = new FakeClock();
  await using gateway = await startGateway({ clock });
  const admin = await adminOf(gateway);
  await using live = await listen(admin, "/api/live");
  await live.next();
  for (let n = 1; n <= 3; n++) await gateway.app.settings.update({ routing: { maxRetries: n } });
  await clock.passSleep(200);
  assert.equal((await live.next()).type, "settings");
  assert.equal((await live.next()).type, "settings");
  assert.equal((await live.next()).revision, gateway.app.settings.revision);
});

Deno.test("a stream ends when its session does", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  await using live = await listen(admin, "/api/live");
  await live.next();
  assert.equal((await admin.fetch("/api/auth/logout", { method: "POST" })).status, 204);
  await live.end();
});

Deno.test("a stream ends when its token runs out", async () => {
  const clock = new FakeClock();
  await using gateway = await startGateway({ clock });
  const admin = await adminOf(gateway);
  const expiresAt = new Date(clock.now() + 20_000).toISOString();
  const { token } = await (await admin.send("/api/auth/tokens", { name: "watcher", expiresAt })).json();
  await using live = await listen(asAdmin(gateway, ""), "/api/live", { authorization: `Bearer ${token}` });
  await live.next();
  await clock.passSleep(200);
  await clock.passSleep(15_000);
  await live.comments(1);
  await clock.passSleep(15_000);
  await live.end();
});

Deno.test("open streams do not hold the stop", async () => {
  const gateway = await startGateway();
  const admin = await adminOf(gateway);
  await using live = await listen(admin, "/api/live");
  await using log = await listen(admin, "/api/logs/stream");
  await live.next();
  await log.next();
  await gateway.stop();
  await live.end();
  await log.end();
  await Deno.remove(gateway.dataDir, { recursive: true });
});

Deno.test("img-router's log stream: connected, what was, then what comes", async () => {
  const ring = new LogRing();
  for (let n = 1; n <= 150; n++) ring.push(entry(ring, { message: `entry ${n}` }));
  await using gateway = await startGateway({ ring });
  const admin = await adminOf(gateway);
  await using log = await listen(admin, "/api/logs/stream?level=INFO");
  assert.deepEqual(await log.next(), { type: "connected", level: "INFO" });
  const first = await log.next();
  assert.deepEqual([first.type, first.message, first.level], ["log", "entry 51", "INFO"]);
  assert.match(String(first.timestamp), /^\d\d:\d\d:\d\d\.\d\d$/);
  for (let n = 52; n <= 150; n++) assert.equal((await log.next()).message, `entry ${n}`);
  ring.push(entry(ring, { level: "debug", message: "not wanted" }));
  ring.push(entry(ring, { message: "fresh" }));
  assert.equal((await log.next()).message, "fresh");
});

Deno.test("img-router's log stream goes on behind the last event that was seen", async () => {
  const ring = new LogRing();
  await using gateway = await startGateway({ ring });
  const admin = await adminOf(gateway);
  ring.push(entry(ring, { message: "seen" }));
  let id: string;
  {
    await using log = await listen(admin, "/api/logs/stream");
    await log.next();
    await log.next();
    id = log.lastId;
  }
  ring.push(entry(ring, { message: "missed" }));
  await using again = await listen(admin, "/api/logs/stream", { "last-event-id": id });
  await again.next();
  assert.equal((await again.next()).message, "missed");
});

Deno.test("the log is read in pages, newest first, and searched", async () => {
  const ring = new LogRing();
  for (let n = 1; n <= 25; n++) {
    const requestId = n % 5 === 0 ? "req_five" : undefined;
    ring.push(entry(ring, { message: `entry ${n}`, requestId, level: n === 7 ? "error" : "info" }));
  }
  await using gateway = await startGateway({ ring });
  const admin = await adminOf(gateway);
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const { data, next } = await page(admin, `limit=10${after ? `&after=${after}` : ""}`);
    seen.push(...data.map(({ message }) => message));
    after = next;
  } while (after);
  assert.deepEqual(seen, Array.from({ length: 25 }, (_, index) => `entry ${25 - index}`));
  const found = async (query: string) => (await page(admin, query)).data.map(({ message }) => message);
  assert.deepEqual(await found("requestId=req_five&limit=2"), ["entry 25", "entry 20"]);
  assert.deepEqual(await found("level=error"), ["entry 7"]);
  assert.deepEqual(await found("q=ENTRY%2013"), ["entry 13"]);
});

Deno.test("a level that is none, and an `after` that is none, are refused by name", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  const refusals: Record<string, string> = {
    "/api/logs?level=loud": "level",
    "/api/logs/stream?level=loud": "level",
    "/api/live?log=loud": "log",
    "/api/logs?after=yesterday": "after",
  };
  for (const [path, param] of Object.entries(refusals)) {
    const reply = await admin.fetch(path);
    assert.equal(reply.status, 400, path);
    assert.equal((await reply.json()).error.param, param);
  }
});

Deno.test("nobody without a session hears anything", async () => {
  await using gateway = await startGateway();
  for (const path of ["/api/live", "/api/logs/stream", "/api/logs"]) {
    const reply = await fetch(`${gateway.url}${path}`);
    assert.equal(reply.status, 401, path);
    await reply.body?.cancel();
  }
});

/** Reads a stream of events. */
async function listen(admin: TestAdmin, path: string, headers: Record<string, string> = {}) {
  const left = new AbortController();
  const reply = await admin.fetch(path, { headers, signal: left.signal });
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get("content-type")!, /^text\/event-stream/);
  const reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader();
  const messages: EventSourceMessage[] = [];
  let comments = 0;
  let lastId = "";
  const parser = createParser({ onEvent: (event) => messages.push(event), onComment: () => comments++ });
  async function read(): Promise<boolean> {
    const { value, done } = await reader.read();
    if (value) parser.feed(value);
    return !done;
  }
  return {
    get lastId() {
      return lastId;
    },
    /** The next event's data. */
    async next(): Promise<Record<string, unknown>> {
      while (messages.length === 0) assert.ok(await read(), "the stream ended");
      const { id, data } = messages.shift()!;
      lastId = id ?? lastId;
      return JSON.parse(data);
    },
    /** Waits for so many heartbeats in all. */
    async comments(count: number): Promise<void> {
      while (comments < count) assert.ok(await read(), "the stream ended");
      assert.equal(comments, count);
    },
    /** Waits for the end. */
    async end(): Promise<void> {
      while (await read());
    },
    async [Symbol.asyncDispose](): Promise<void> {
      left.abort();
      await reader.cancel().catch(() => {});
    },
  };
}

async function page(
  admin: TestAdmin,
  query: string,
): Promise<{ data: { message: string }[]; next?: string }> {
  const reply = await admin.fetch(`/api/logs?${query}`);
  assert.equal(reply.status, 200);
  return await reply.json();
}

function entry(ring: LogRing, change: Partial<LogEntry>): LogEntry {
  return {
    id: ring.nextId,
    time: Date.UTC(2026, 5, 1, 12),
    level: "info",
    module: "test",
    message: "",
    fields: {},
    told: [],
    ...change,
  };
}
