import assert from "node:assert/strict";
import { adminOf } from "../src/testing/admin.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { type Scene, startScene } from "./drill_scene.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

Deno.test("a picture shows in the figures of its provider and model at once", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  await paint(gateway, "a red fox");
  const stats = await (await admin.fetch("/api/stats?range=hour")).json();
  assert.equal(stats.times.length, 60);
  const { summary } = stats.total;
  assert.deepEqual([summary.requests, summary.images, summary.successRate], [1, 1, 1]);
  assert.ok(summary.p50Ms > 0);
  assert.deepEqual(stats.byProvider.map(({ provider }: { provider: string }) => provider), ["Mock"]);
  assert.deepEqual(stats.byModel.map(({ model }: { model: string }) => model), ["mock-painter"]);
  assert.deepEqual([stats.live.requestsPerMinute, stats.live.imagesPerMinute, stats.live.inFlight], [
    1,
    1,
    0,
  ]);
});

Deno.test("every range has steps of one length, and what happened in the right one", async () => {
  const clock = new FakeClock(Date.UTC(2026, 5, 20, 12, 0, 30));
  await using gateway = await startGateway({ clock });
  const admin = await adminOf(gateway);
  await paint(gateway, "now");
  await clock.pass(20 * MINUTE);
  await paint(gateway, "20 minutes later");
  for (const range of ["hour", "day", "week", "month"]) {
    const { times, stepMs, total, from, to } = await (await admin.fetch(`/api/stats?range=${range}`)).json();
    assert.equal(Date.parse(to) - Date.parse(from), times.length * stepMs, range);
    assert.equal(total.requests.length, times.length);
    assert.equal(total.requests.reduce((sum: number, count: number) => sum + count, 0), 2, range);
    assert.equal(Date.parse(times[1]) - Date.parse(times[0]), stepMs);
  }
  const hour = await (await admin.fetch("/api/stats?range=hour")).json();
  assert.deepEqual([hour.total.requests.at(-1), hour.total.requests.at(-21)], [1, 1]);
  assert.equal(hour.total.p50Ms.at(-2), null);
});

Deno.test("figures go on after a restart", async () => {
  const first = await startGateway();
  try {
    await paint(first, "before");
    await first.stop();
    await using second = await startGateway({ dataDir: first.dataDir });
    const admin = await adminOf(second);
    await paint(second, "after");
    const { total } = await (await admin.fetch("/api/stats?range=hour")).json();
    assert.equal(total.summary.requests, 2);
  } finally {
    await Deno.remove(first.dataDir, { recursive: true });
  }
});

Deno.test("a failure is told by its kind, and the failing calls of a delivered request by theirs", async () => {
  await using scene = await startScene({ openaiKeys: 1 });
  const admin = await adminOf(scene.gateway);
  scene.openai.reject(scene.secrets["openai-1"]!);
  await asked(scene);
  const { total, byProvider } = await (await admin.fetch("/api/stats?range=hour")).json();
  assert.deepEqual([total.summary.requests, total.summary.failures], [1, 0]);
  assert.deepEqual(total.summary.callFailureKinds, { key_rejected: 1 });
  const openai = byProvider.find(({ provider }: { provider: string }) => provider === "OpenAI");
  assert.deepEqual([openai.summary.calls, openai.summary.callSuccessRate], [1, 0]);
});

Deno.test("the overview tells which key is ill, why, and when it comes back", async () => {
  await using scene = await startScene({ openaiKeys: 1 });
  const admin = await adminOf(scene.gateway);
  scene.openai.reject(scene.secrets["openai-1"]!);
  await asked(scene);
  const overview = await (await admin.fetch("/api/overview")).json();
  const [key] = overview.illKeys;
  assert.deepEqual([key.provider, key.name], ["OpenAI", "openai-1"]);
  assert.match(key.reason, /^key_rejected/);
  assert.equal(Date.parse(key.backAt), scene.clock.now() + 10 * MINUTE);
  const openai = overview.providers.find(({ provider }: { provider: string }) => provider === "OpenAI");
  assert.deepEqual(openai.keys, { total: 1, disabled: 0, resting: 1 });
  assert.equal(openai.state, "resting");
  assert.equal(openai.backAt, key.backAt);
  await scene.clock.pass(10 * MINUTE);
  assert.deepEqual((await (await admin.fetch("/api/overview")).json()).illKeys, []);
});

Deno.test("the overview lists the last failures, newest first, and how storage stands", async () => {
  const clock = new FakeClock();
  await using gateway = await startGateway({ clock });
  const admin = await adminOf(gateway);
  await paint(gateway, "a picture of [refuse]");
  await clock.pass(5000);
  await paint(gateway, "a picture of [garbage]");
  await paint(gateway, "a picture");
  const overview = await (await admin.fetch("/api/overview")).json();
  assert.deepEqual(
    overview.recentFailures.map(({ outcome }: { outcome: string }) => outcome),
    ["malformed_reply", "refused"],
  );
  assert.equal(overview.storage.target, "disk");
  assert.equal(overview.storage.pendingUploads, 0);
  assert.deepEqual(overview.modes, { relay: true, backend: false });
  assert.deepEqual([overview.lastHour.requests, overview.lastHour.failures], [3, 2]);
});

Deno.test("the overview shows no secret", async () => {
  await using scene = await startScene({ openaiKeys: 2 });
  const admin = await adminOf(scene.gateway);
  scene.openai.reject(scene.secrets["openai-1"]!);
  await asked(scene);
  for (const path of ["/api/overview", "/api/stats", "/api/dashboard/stats"]) {
    const text = await (await admin.fetch(path)).text();
    for (const secret of Object.values(scene.secrets)) assert.ok(!text.includes(secret), path);
  }
});

Deno.test("cost is that of today and this month", async () => {
  const clock = new FakeClock(Date.UTC(2026, 5, 1, 23));
  const file = { providers: { Mock: { models: { "mock-painter": { usdPerImage: 0.5 } } } } };
  await using gateway = await startGateway({ clock, file });
  const admin = await adminOf(gateway);
  await paint(gateway, "today");
  await clock.pass(2 * HOUR);
  await paint(gateway, "tomorrow");
  const { cost } = await (await admin.fetch("/api/stats")).json();
  assert.deepEqual([cost.todayUsd, cost.monthUsd], [0.5, 1]);
});

Deno.test("img-router's counts of keys are there under its names", async () => {
  await using scene = await startScene({ openaiKeys: 3 });
  const admin = await adminOf(scene.gateway);
  scene.openai.reject(scene.secrets["openai-1"]!);
  await asked(scene);
  const { stats } = await (await admin.fetch("/api/dashboard/stats")).json();
  assert.deepEqual(stats.OpenAI, {
    total: 3,
    valid: 2,
    invalid: 1,
    unused: 1,
    totalCalls: 2,
    totalSuccess: 1,
    successRate: 0.5,
  });
});

Deno.test("a range that there is not is refused by its name", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  const reply = await admin.fetch("/api/stats?range=century");
  assert.equal(reply.status, 400);
  assert.equal((await reply.json()).error.param, "range");
});

async function asked(scene: Scene): Promise<void> {
  const reply = await scene.ask();
  assert.equal(reply.status, 200, await reply.text());
}

async function paint(gateway: TestGateway, prompt: string): Promise<void> {
  const reply = await gateway.post("/v1/images/generations", { prompt, size: "64x64" });
  await reply.body?.cancel();
}
