import assert from "node:assert/strict";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { type Scene, startScene } from "./drill_scene.ts";

Deno.test("a picture counts as a request, an attempt and an image, with its time and cost", async () => {
  const file = { providers: { Mock: { models: { "mock-painter": { usdPerImage: 0.25 } } } } };
  await using gateway = await startGateway({ file });
  await paint(gateway, { prompt: "a fox", n: 2 });
  const metrics = await scrape(gateway);
  const route = { provider: "Mock", model: "mock-painter" };
  assert.equal(metrics.get("imgrouter_requests_total", { ...route, task: "generate", outcome: "ok" }), 1);
  assert.equal(metrics.get("imgrouter_attempts_total", { ...route, outcome: "ok" }), 1);
  assert.equal(metrics.get("imgrouter_images_total", route), 2);
  assert.equal(metrics.get("imgrouter_cost_usd_total", route), 0.5);
  assert.equal(metrics.get("imgrouter_time_to_image_seconds_count", route), 1);
  assert.ok(metrics.get("imgrouter_image_bytes_total", { provider: "Mock" })! > 100);
});

Deno.test("an image without a known price is counted as such, and not as free", async () => {
  const file = { providers: { Mock: { models: { "plain-painter": { tasks: ["generate"] } } } } };
  await using gateway = await startGateway({ file });
  await paint(gateway, { prompt: "a fox", model: "plain-painter" });
  const metrics = await scrape(gateway);
  const route = { provider: "Mock", model: "plain-painter" };
  assert.equal(metrics.get("imgrouter_unpriced_images_total", route), 1);
  assert.equal(metrics.get("imgrouter_cost_usd_total", route), undefined);
});

Deno.test("failures are counted by their kind", async () => {
  await using gateway = await startGateway();
  await paint(gateway, { prompt: "please [refuse]" });
  const metrics = await scrape(gateway);
  const route = { provider: "Mock", model: "mock-painter" };
  assert.equal(
    metrics.get("imgrouter_requests_total", { ...route, task: "generate", outcome: "refused" }),
    1,
  );
  assert.equal(metrics.get("imgrouter_attempts_total", { ...route, outcome: "refused" }), 1);
});

Deno.test("keys are counted by provider and state", async () => {
  await using scene = await startScene({ openaiKeys: 3 });
  scene.openai.reject(scene.secrets["openai-1"]!);
  await asked(scene);
  const metrics = await scrape(scene.gateway);
  const keys = (state: string) => metrics.get("imgrouter_keys", { provider: "OpenAI", state });
  assert.deepEqual([keys("usable"), keys("resting"), keys("disabled")], [2, 1, 0]);
});

Deno.test("what is going on now is looked up", async () => {
  await using gateway = await startGateway();
  await paint(gateway, { prompt: "a fox" });
  await gateway.stored();
  const metrics = await scrape(gateway);
  assert.equal(metrics.get("imgrouter_requests_in_flight"), 0);
  assert.equal(metrics.get("imgrouter_stored_pictures"), 1);
  assert.equal(metrics.get("imgrouter_uploads_pending"), 0);
  assert.ok(metrics.get("imgrouter_stored_bytes")! > 100);
  assert.ok(metrics.get("process_resident_memory_bytes")! > 10_000_000);
  assert.ok(metrics.get("imgrouter_event_loop_lag_seconds")! >= 0);
  assert.ok(metrics.lines.some((line) => line.startsWith("imgrouter_build_info{version=")));
});

Deno.test("models that callers make up do not become labels", async () => {
  await using scene = await startScene({ giteeSettings: { enabled: false } });
  for (let n = 0; n < 20; n++) {
    const reply = await scene.relay({ model: `gpt-image-made-up-${n}`, provider: "OpenAI" });
    await reply.body?.cancel();
  }
  const { lines } = await scrape(scene.gateway);
  assert.ok(!lines.some((line) => line.includes("made-up")));
  const models = new Set(lines.flatMap((line) => /model="([^"]*)"/.exec(line)?.[1] ?? []));
  assert.deepEqual([...models], ["other"]);
});

Deno.test("no secret is in the metrics", async () => {
  await using scene = await startScene({ openaiKeys: 2 });
  scene.openai.reject(scene.secrets["openai-1"]!);
  await asked(scene, { prompt: "a prompt that is private" });
  const text = (await scrape(scene.gateway)).lines.join("\n");
  for (const secret of [...Object.values(scene.secrets), scene.relayKey, "a prompt that is private"]) {
    assert.ok(!text.includes(secret));
  }
});

Deno.test("with a token set, metrics ask for it", async () => {
  await using gateway = await startGateway({ env: { METRICS_TOKEN: "the-scraper" } });
  const status = async (headers: Record<string, string>) => {
    const reply = await fetch(`${gateway.url}/metrics`, { headers });
    await reply.body?.cancel();
    return reply.status;
  };
  assert.equal(await status({}), 401);
  assert.equal(await status({ authorization: "Bearer the-scrapes" }), 401);
  assert.equal(await status({ authorization: "Bearer the-scraper" }), 200);
});

Deno.test("metrics can be switched off", async () => {
  await using gateway = await startGateway({ file: { system: { metrics: false } } });
  const reply = await fetch(`${gateway.url}/metrics`);
  await reply.body?.cancel();
  assert.equal(reply.status, 404);
});

async function paint(gateway: TestGateway, body: object): Promise<void> {
  const reply = await gateway.post("/v1/images/generations", { size: "64x64", ...body });
  await reply.arrayBuffer();
}

async function asked(scene: Scene, body: Record<string, unknown> = {}): Promise<void> {
  const reply = await scene.ask(body);
  assert.equal(reply.status, 200, await reply.text());
}

/** Asks for the metrics as Prometheus does. */
async function scrape(gateway: TestGateway) {
  const reply = await fetch(`${gateway.url}/metrics`);
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  const lines = (await reply.text()).split("\n").filter((line) => line && !line.startsWith("#"));
  return {
    lines,
    get(name: string, labels: Record<string, string> = {}): number | undefined {
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      const line = lines.find((line) =>
        (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) &&
        wanted.every((label) => line.includes(label))
      );
      return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1));
    },
  };
}
