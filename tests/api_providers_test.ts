/** Providers over the admin API: shown, set up, tried without buying, and who would be asked. */
import assert from "node:assert/strict";
import { type AdminScene, startAdmin, type TestAdmin } from "../src/testing/admin.ts";
import type { GatewayOptions } from "../src/testing/gateway.ts";
import { giteeService } from "../src/testing/gitee_service.ts";
import { openAiService } from "../src/testing/openai_service.ts";
import { runPodService } from "../src/testing/runpod_service.ts";
import { closedPort } from "../src/testing/scripted_service.ts";

const OPENAI = "sk-proj-" + "c3D4".repeat(12);
const GITEE = "E5F6G7H8".repeat(5);

/** Services that are asked for their models where they have a key. */
const NOWHERE = { OPENAI_BASE_URL: `${closedPort()}/v1`, GITEE_BASE_URL: `${closedPort()}/v1` };

interface Model {
  id: string;
  tasks: string[];
  parameters: { name: string; kind: string; options?: string[] }[];
  priceUsd?: number;
}
interface Provider {
  name: string;
  enabled: boolean;
  baseUrl?: string;
  models: Model[];
  tasks: Record<string, { weight: number; model?: string; usedModel?: string; modelMap: string }>;
  limits: { maxConcurrent: number };
  keys: { total: number; ready: number };
  fixed: { path: string; variable: string }[];
  closed?: { until: string; reason?: string };
}
interface Preview {
  strategy: string;
  steps: {
    provider: string;
    model: string;
    share: number;
    priceUsd?: number;
    notes: string[];
    skipped?: string;
    keys: { ready: number; total: number };
  }[];
  leftOut: { provider: string; reason: string }[];
  error?: { message: string; code?: string };
}

function stage(options: GatewayOptions = {}): Promise<AdminScene> {
  return startAdmin({
    ...options,
    env: { GATEWAY_API_KEYS: "client-key", RETRY_DELAY: "0", ...NOWHERE, ...options.env },
  });
}

async function ok<T>(reply: Promise<Response>): Promise<T> {
  const response = await reply;
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

const patch = (on: TestAdmin, name: string, body: object, headers: Record<string, string> = {}) =>
  on.send(`/api/providers/${name}`, body, { method: "PATCH", headers });
const preview = (on: TestAdmin, body: object) => ok<Preview>(on.send("/api/routing/preview", body));
const namesOf = ({ steps }: Preview) => steps.map(({ provider, model }) => `${provider}/${model}`);

Deno.test("providers are told with their models, what each can be asked, prices, limits and keys", async () => {
  await using on = await stage({
    env: { OPENAI_API_KEY: OPENAI, GITEE_BASE_URL: "https://gitee.example/v1" },
  });
  const { data } = await ok<{ data: Provider[] }>(on.fetch("/api/providers"));
  assert.equal(data.length, 15);
  const openai = data.find(({ name }) => name === "OpenAI")!;
  assert.deepEqual([openai.enabled, openai.baseUrl, openai.keys.total, openai.keys.ready], [
    true,
    NOWHERE.OPENAI_BASE_URL,
    1,
    1,
  ]);
  assert.equal(openai.tasks.text!.usedModel, "gpt-image-2");
  const model = openai.models.find(({ id }) => id === "gpt-image-2")!;
  assert.deepEqual(model.tasks, ["generate", "edit", "blend"]);
  assert.equal(model.priceUsd, 0.053);
  const quality = model.parameters.find(({ name }) => name === "quality");
  assert.deepEqual(quality, { name: "quality", kind: "choice", options: ["auto", "low", "medium", "high"] });
  assert.deepEqual(
    model.parameters.map(({ name }) => name),
    [
      ...["n", "quality", "style", "background", "moderation", "output_format", "output_compression"],
      ...["quality_enhancers", "partial_images"],
    ],
  );
  const gitee = data.find(({ name }) => name === "Gitee")!;
  assert.deepEqual(gitee.fixed, [{ path: "baseUrl", variable: "GITEE_BASE_URL" }]);
  assert.ok(!JSON.stringify(data).includes(OPENAI));
});

Deno.test("what is set up for a provider decides who is asked next", async () => {
  await using openai = openAiService();
  await using gitee = giteeService();
  await using on = await stage({
    env: {
      OPENAI_BASE_URL: openai.url,
      GITEE_BASE_URL: gitee.url,
      OPENAI_API_KEY: openai.newKey(),
      GITEE_API_KEY: gitee.newKey(),
    },
  });
  const asked = async (body = {}) => {
    const reply = await on.gateway.post("/v1/images/generations", { prompt: "a cat", ...body }, "client-key");
    await reply.body?.cancel();
    return `${reply.headers.get("x-imgrouter-provider")} ${reply.headers.get("x-imgrouter-model")}`;
  };
  const set = { text: { weight: 90, model: "Kolors", modelMap: "my-alias" }, maxConcurrent: 3 };
  const changed = await ok<Provider>(patch(on, "Gitee", set));
  assert.deepEqual([changed.tasks.text!.weight, changed.limits.maxConcurrent], [90, 3]);
  assert.equal(await asked(), "Gitee Kolors");
  await ok(patch(on, "openai", { text: { weight: 95 } }));
  assert.equal(await asked(), "OpenAI gpt-image-2");
  assert.equal(await asked({ model: "my-alias" }), "Gitee Kolors");
  const back = await ok<Provider>(
    patch(on, "Gitee", { enabled: false, text: { model: null }, models: { x: { like: "Kolors" } } }),
  );
  assert.deepEqual([back.enabled, back.tasks.text!.usedModel, back.tasks.text!.modelMap], [
    false,
    "z-image-turbo",
    "my-alias",
  ]);
  assert.ok(back.models.some(({ id }) => id === "x"));
});

Deno.test("a change for another state of the settings, of something fixed or faulty is refused", async () => {
  await using on = await stage({ env: { OPENAI_BASE_URL: "https://openai.example/v1" } });
  const shown = await on.fetch("/api/providers/Gitee");
  await shown.body?.cancel();
  const etag = shown.headers.get("etag")!;
  const saved = await patch(on, "Gitee", { text: { weight: 5 } }, { "if-match": etag });
  await saved.body?.cancel();
  assert.equal(saved.status, 200);
  assert.notEqual(saved.headers.get("etag"), etag);
  const told = async (reply: Promise<Response>) => {
    const response = await reply;
    return [response.status, (await response.json()).error.param];
  };
  assert.deepEqual(await told(patch(on, "Gitee", { text: { weight: 6 } }, { "if-match": etag })), [
    412,
    null,
  ]);
  assert.deepEqual(await told(patch(on, "OpenAI", { baseUrl: "https://x.example" })), [
    409,
    "providers.OpenAI.baseUrl",
  ]);
  assert.deepEqual(await told(patch(on, "Gitee", { text: { weight: -1 } })), [400, "text.weight"]);
  assert.deepEqual(await told(patch(on, "Gitee", { baseUrl: "gitee" })), [400, "baseUrl"]);
  assert.deepEqual(await told(patch(on, "Nobody", {})), [404, null]);
});

Deno.test("a provider is tried without buying, with the key that was named or any", async () => {
  await using openai = openAiService();
  await using runpod = runPodService();
  const [good, bad] = [openai.newKey(), openai.newKey()];
  await using on = await stage({
    env: {
      OPENAI_BASE_URL: openai.url,
      RUNPOD_BASE_URL: runpod.url,
      OPENAI_API_KEY: good,
      RUNPOD_API_KEY: runpod.newKey(),
      GITEE_API_KEY: GITEE,
    },
  });
  openai.reject(bad);
  const { pool } = await ok<{ pool: { id: string }[] }>(
    on.send("/api/key-pool", { provider: "OpenAI", action: "add", keyItem: { key: bad } }),
  );
  const tried = (name: string, body = {}) =>
    ok<{ ok: boolean; ms: number; reason?: string }>(on.send(`/api/providers/${name}/test`, body));
  assert.equal((await tried("OpenAI")).ok, true);
  const failed = await tried("OpenAI", { keyId: pool.at(-1)!.id });
  assert.equal(failed.ok, false);
  assert.match(failed.reason!, /HTTP 401/);
  assert.equal((await tried("Mock")).ok, true);
  const unknown = await tried("RunPod");
  assert.equal(unknown.ok, true);
  assert.match(unknown.reason!, /can't be checked without buying/);
  assert.equal((await tried("Gitee")).ok, false);
  assert.match((await tried("Replicate")).reason!, /No key is set up/);
  assert.equal(openai.imageCalls.length + runpod.imageCalls.length, 0);
  const other = await on.send("/api/providers/Gitee/test", { keyId: pool[0]!.id });
  assert.deepEqual([other.status, (await other.json()).error.param], [400, "keyId"]);
});

Deno.test("a preview tells who would be asked in which order, with shares for equals, and who not and why", async () => {
  await using on = await stage({
    env: { OPENAI_API_KEY: OPENAI, GITEE_API_KEY: GITEE, REPLICATE_API_KEY: "r8_" + "a".repeat(37) },
    file: { providers: { OpenAI: { text: { weight: 30 } }, ModelScope: { enabled: false } } },
  });
  const plan = await preview(on, { task: "generate", size: "512x512" });
  assert.equal(plan.strategy, "cascade");
  assert.deepEqual(plan.steps.map(({ provider, share }) => [provider, share]), [
    ["OpenAI", 1],
    ["Replicate", 0],
    ["Gitee", 0],
  ]);
  assert.match(plan.steps[0]!.notes.join(), /512x512 is not offered/);
  const reasonOf = (name: string) => plan.leftOut.find(({ provider }) => provider === name)?.reason;
  assert.equal(reasonOf("ModelScope"), "it is switched off");
  assert.equal(reasonOf("Doubao"), "no key is set up for it");
  assert.match(reasonOf("Mock")!, /weight is 0/);
  assert.match(reasonOf("NewApi")!, /none of its models/);
  assert.equal(plan.steps.length + plan.leftOut.length, 15);

  await ok(patch(on, "Gitee", { text: { weight: 30 } }));
  const equals = await preview(on, { task: "generate" });
  assert.deepEqual(equals.steps.map(({ share }) => share), [0.5, 0.5, 0]);
  await ok(on.send("/api/runtime-config", { routing: { strategy: "weighted" } }));
  const drawn = await preview(on, { task: "generate" });
  assert.deepEqual(drawn.steps.map(({ share }) => share), [0.429, 0.429, 0.143]);

  const named = await preview(on, { task: "edit", model: "gpt-image-2", inputs: 1 });
  assert.deepEqual(namesOf(named), ["OpenAI/gpt-image-2"]);
  assert.equal(
    named.leftOut.find(({ provider }) => provider === "Gitee")?.reason,
    "something else was named",
  );
  const masked = await preview(on, { task: "edit", model: "Kolors", mask: true });
  assert.deepEqual(namesOf(masked), ["Gitee/Kolors"]);
  assert.deepEqual(on.gateway.app.settings.current.routing.strategy, "weighted");
});

Deno.test("a preview shows a client's limits, keys at rest and why nobody could be asked", async () => {
  await using on = await stage({ env: { OPENAI_API_KEY: OPENAI, GITEE_API_KEY: GITEE } });
  const client = await ok<{ id: string }>(on.send("/api/clients", { name: "shop", providers: ["Gitee"] }));
  const limited = await preview(on, { task: "generate", client: client.id });
  assert.deepEqual(limited.steps.map(({ provider }) => provider), ["Gitee"]);
  assert.equal(
    limited.leftOut.find(({ provider }) => provider === "OpenAI")?.reason,
    "the client may not use it",
  );

  const { data } = await ok<{ data: { id: string }[] }>(on.fetch("/api/keys?provider=Gitee"));
  await ok(on.send("/api/key-pool", { action: "rest", ids: [data[0]!.id] }));
  const resting = await preview(on, { task: "generate", client: client.id });
  assert.deepEqual(resting.steps[0]!.keys, { ready: 0, total: 1 });
  assert.match(resting.steps[0]!.skipped!, /all of its keys rest: put to rest by hand/);

  const none = await preview(on, { task: "generate", model: "doubao-seedream-4-5-251128" });
  assert.deepEqual([none.steps, none.error?.code], [[], "no_provider"]);
  const bad = await on.send("/api/routing/preview", { task: "generate", size: "huge" });
  assert.deepEqual([bad.status, (await bad.json()).error.param], [400, "size"]);
  const nobody = await on.send("/api/routing/preview", { task: "generate", client: "gone" });
  assert.equal(nobody.status, 404);
  await nobody.body?.cancel();
});

Deno.test("a route that keeps failing is shown closed, with reason and end", async () => {
  await using openai = openAiService();
  await using on = await stage({
    env: { OPENAI_BASE_URL: openai.url, OPENAI_API_KEY: openai.newKey(), MAX_RETRIES: "0" },
  });
  for (let call = 0; call < 5; call++) {
    openai.fail({ status: 503 });
    const reply = await on.gateway.post("/v1/images/generations", { prompt: "a cat" }, "client-key");
    await reply.body?.cancel();
    assert.equal(reply.status, 503);
  }
  const { closed } = await ok<Provider>(on.fetch("/api/providers/OpenAI"));
  assert.ok(Date.parse(closed!.until) > Date.now());
  assert.ok(closed!.reason!.length > 5);
  const plan = await preview(on, { task: "generate" });
  assert.match(plan.steps[0]!.skipped!, /given a rest/);
});
