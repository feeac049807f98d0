/** The pools of provider keys over the admin API: what is shown, what is changed, and what is never told. */
import assert from "node:assert/strict";
import { ADMIN_PASSWORD, type AdminScene, startAdmin, type TestAdmin } from "../src/testing/admin.ts";
import type { GatewayOptions } from "../src/testing/gateway.ts";
import { giteeService } from "../src/testing/gitee_service.ts";
import { closedPort } from "../src/testing/scripted_service.ts";
import { newApiService } from "../src/testing/new_api_service.ts";
import { openAiService } from "../src/testing/openai_service.ts";
import { replicateService } from "../src/testing/replicate_service.ts";

const GITEE = "A1B2C3D4".repeat(5);
const HF = "hf_" + "q1W2".repeat(9);
const small = { prompt: "a cat", size: "64x64", n: 1 };

function stage(options: GatewayOptions = {}): Promise<AdminScene> {
  return startAdmin({
    ...options,
    env: {
      GATEWAY_API_KEYS: "client-key",
      RETRY_DELAY: "0",
      GITEE_BASE_URL: `${closedPort()}/v1`,
      ...options.env,
    },
  });
}

async function ok<T = Record<string, never>>(reply: Promise<Response>): Promise<T> {
  const response = await reply;
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

async function refused(reply: Promise<Response>): Promise<{ status: number; code: string; param: string }> {
  const response = await reply;
  const { error } = await response.json();
  assert.ok(error.message.length > 10);
  return { status: response.status, code: error.code, param: error.param };
}

interface Entry {
  id: string;
  key: string;
  name: string;
  status: string;
  enabled: boolean;
  successCount: number;
  readOnly: boolean;
  baseUrl?: string;
}
interface Key {
  id: string;
  provider: string;
  name: string;
  preview: string;
  state: string;
  reason?: string;
  since?: string;
  backAt?: string;
  fixed: boolean;
  successes: number;
}
interface Page {
  data: Key[];
  next?: string;
}
interface Result {
  id: string;
  ok: boolean | null;
  reason?: string;
}

const pool = (body: Promise<Response>) => ok<{ ok: true; pool: Entry[] }>(body).then((reply) => reply.pool);

async function keysOf(admin: TestAdmin, query = ""): Promise<Key[]> {
  const keys: Key[] = [];
  let after = "";
  do {
    const page: Page = await ok(admin.fetch(`/api/keys?limit=200${query}${after}`));
    keys.push(...page.data);
    after = page.next ? `&after=${encodeURIComponent(page.next)}` : "";
  } while (after);
  return keys;
}

Deno.test("a key that is added makes the next picture, and is shown in img-router's shape without its middle", async () => {
  await using gitee = giteeService();
  await using on = await stage({ env: { GITEE_BASE_URL: gitee.url } });
  const key = gitee.newKey();
  const [entry, ...others] = await pool(
    on.send("/api/key-pool", { provider: "gitee", action: "add", keyItem: { key, name: "mine" } }),
  );
  assert.deepEqual(others, []);
  assert.deepEqual({ ...entry, id: "", addedAt: 0 }, {
    id: "",
    key: `${key.slice(0, 4)}...${key.slice(-4)}`,
    name: "mine",
    provider: "Gitee",
    status: "active",
    enabled: true,
    addedAt: 0,
    lastUsed: 0,
    successCount: 0,
    totalCalls: 0,
    errorCount: 0,
    readOnly: false,
  });
  const picture = await on.gateway.post("/v1/images/generations", small, "client-key");
  await picture.body?.cancel();
  assert.equal(picture.headers.get("x-imgrouter-provider"), "Gitee");
  assert.equal(gitee.callsWith(key).length > 0, true);
  const { keyItem } = await ok<{ keyItem: Entry }>(on.fetch(`/api/key-pool?provider=Gitee&id=${entry!.id}`));
  assert.equal(keyItem.successCount, 1);
  assert.equal(keyItem.key, entry!.key);
});

Deno.test("what can't be a key of a pool is refused by its field", async () => {
  await using on = await stage();
  const add = (keyItem: object, provider = "Gitee") =>
    refused(on.send("/api/key-pool", { provider, action: "add", keyItem }));
  await pool(on.send("/api/key-pool", { provider: "Gitee", action: "add", keyItem: { key: GITEE } }));
  assert.deepEqual(await add({ key: GITEE }), { status: 400, code: "duplicate_key", param: "keyItem.key" });
  assert.equal((await add({ key: "two words" })).param, "keyItem.key");
  assert.equal((await add({ key: "abcd...wxyz" })).param, "keyItem.key");
  assert.equal((await add({ name: "none" })).param, "keyItem.key");
  assert.equal((await add({ key: HF, baseUrl: "ftp://x" })).param, "keyItem.baseUrl");
  assert.equal((await add({ key: HF, baseUrl: "https://me:word@x.example" })).param, "keyItem.baseUrl");
  assert.equal((await add({ key: "sk-x1y2z3" }, "NewApi")).param, "keyItem.baseUrl");
  assert.equal((await add({ key: "mock-x" }, "Mock")).param, "provider");
  assert.equal((await add({ key: HF }, "Nobody")).param, "provider");
  assert.equal((await refused(on.send("/api/key-pool", { provider: "Gitee", action: "burn" }))).status, 400);
  assert.equal((await refused(on.fetch("/api/key-pool?provider=Gitee&id=none"))).status, 404);
});

Deno.test("a change of a key leaves its secret alone where a mask is sent, and takes a new one afresh", async () => {
  await using gitee = giteeService();
  await using on = await stage({ env: { GITEE_BASE_URL: gitee.url } });
  const [old, fresh] = [gitee.newKey(), gitee.newKey()];
  const [{ id, key: mask }] = await pool(
    on.send("/api/key-pool", { provider: "Gitee", action: "add", keyItem: { key: old } }),
  ) as [Entry];
  const update = (keyItem: object) =>
    on.send("/api/key-pool", { provider: "Gitee", action: "update", id, keyItem });
  const [renamed] = await pool(update({ key: mask, name: "renamed" }));
  assert.deepEqual([renamed!.name, renamed!.key], ["renamed", mask]);
  assert.equal((await refused(update({ name: `my ${old.slice(0, 12)}` }))).param, "keyItem.name");
  await ok(on.send("/api/key-pool", { action: "rest", ids: [id] }));
  await pool(update({ key: fresh }));
  const [key] = await keysOf(on);
  assert.deepEqual([key!.state, key!.preview], ["ready", `${fresh.slice(0, 4)}…${fresh.slice(-4)}`]);
  await (await on.gateway.post("/v1/images/generations", small, "client-key")).body?.cancel();
  assert.equal(gitee.callsWith(old).length, 0);
  assert.equal(gitee.callsWith(fresh).length > 0, true);
  assert.equal(
    (await refused(on.send("/api/key-pool", { provider: "OpenAI", action: "update", id, keyItem: {} })))
      .status,
    404,
  );
});

Deno.test("a batch is added in any form, with names that tell nothing of the keys", async () => {
  await using on = await stage();
  const keys = `${GITEE}\nspare,${GITEE}2\nImported Key ${GITEE.slice(0, 8)}...,${GITEE}3\n${GITEE}`;
  const reply = await ok<{ added: number; duplicates: number; pool: Entry[] }>(
    on.send("/api/key-pool", { provider: "Gitee", action: "batch_add", keys, format: "auto" }),
  );
  assert.deepEqual([reply.added, reply.duplicates], [3, 1]);
  assert.deepEqual(reply.pool.map(({ name }) => name).sort(), ["Gitee 1", "Gitee 2", "spare"]);
});

Deno.test("a mixed list is sorted into pools by shape, after a preview that changes nothing and tells no secret", async () => {
  await using on = await stage();
  await pool(on.send("/api/key-pool", { provider: "Gitee", action: "add", keyItem: { key: GITEE } }));
  const text = `${GITEE}\n${HF}\nmine,sk-proj-${"a1B2".repeat(10)}\n${HF}\nwhat is this\nsk-newapi-${
    "a1b2".repeat(8)
  }`;
  const sent = async (dryRun: boolean) => {
    const reply = await ok<
      Record<"added" | "duplicates" | "unknown", { line: number; provider: string; name: string }[]>
    >(
      on.send("/api/keys/import", { text, dryRun }),
    );
    for (const secret of [GITEE, HF, "a1B2a1B2", "a1b2a1b2"]) {
      assert.ok(!JSON.stringify(reply).includes(secret));
    }
    return reply;
  };
  const preview = await sent(true);
  assert.deepEqual(preview.added.map(({ line, provider, name }) => [line, provider, name]), [
    [2, "HuggingFace", "HuggingFace 1"],
    [3, "OpenAI", "mine"],
    [6, "NewApi", "NewApi 1"],
  ]);
  assert.deepEqual(preview.duplicates.map(({ line, provider }) => [line, provider]), [[1, "Gitee"], [
    4,
    "HuggingFace",
  ]]);
  assert.deepEqual(preview.unknown.map(({ line }) => line), [5]);
  assert.equal((await keysOf(on)).length, 1);
  assert.deepEqual(await sent(false), preview);
  assert.deepEqual((await keysOf(on)).map(({ provider, state }) => `${provider} ${state}`), [
    "Gitee ready",
    "HuggingFace ready",
    // Nothing says where it belongs.
    "NewApi disabled",
    "OpenAI ready",
  ]);
});

Deno.test("keys that are switched off, put to rest or removed are asked no more, and come back when they are called", async () => {
  await using gitee = giteeService();
  await using on = await stage({ env: { GITEE_BASE_URL: gitee.url } });
  const key = gitee.newKey();
  const [{ id }] = await pool(
    on.send("/api/key-pool", { provider: "Gitee", action: "add", keyItem: { key } }),
  ) as [Entry];
  const picture = async () => {
    const reply = await on.gateway.post(
      "/v1/images/generations",
      { ...small, provider: "Gitee" },
      "client-key",
    );
    await reply.body?.cancel();
    return reply.status;
  };
  const act = (action: string, more = {}) => ok(on.send("/api/key-pool", { action, ids: [id], ...more }));
  const state = async () => (await keysOf(on))[0];
  await act("disable");
  assert.equal((await state())?.state, "disabled");
  assert.equal(await picture(), 503);
  await act("enable");
  assert.equal(await picture(), 200);
  await act("rest", { forMs: 60_000 });
  const { state: name, reason, since, backAt } = (await state())!;
  assert.deepEqual([name, reason], ["resting", "put to rest by hand"]);
  assert.equal(Date.parse(backAt!) - Date.parse(since!), 60_000);
  assert.equal(await picture() >= 429, true);
  await act("revive");
  assert.equal(await picture(), 200);
  assert.deepEqual(await pool(on.send("/api/key-pool", { provider: "Gitee", action: "delete", id })), []);
  assert.equal(await picture(), 503);
});

Deno.test("keys of the environment are shown and told apart, and stay as they are", async () => {
  await using on = await stage({ env: { GITEE_API_KEYS: `${GITEE},${GITEE}2` } });
  const keys = await keysOf(on);
  assert.deepEqual(keys.map(({ name, fixed, state }) => [name, fixed, state]), [
    ["environment 1", true, "ready"],
    ["environment 2", true, "ready"],
  ]);
  const { id } = keys[0]!;
  for (const action of ["delete", "disable"]) {
    assert.equal((await refused(on.send("/api/key-pool", { action, ids: [id] }))).status, 400);
  }
  const update = { provider: "Gitee", action: "update", id, keyItem: { name: "x" } };
  assert.equal((await refused(on.send("/api/key-pool", update))).param, "id");
  await ok(on.send("/api/key-pool", { action: "rest", ids: [id] }));
  assert.equal((await keysOf(on))[0]!.state, "resting");
  assert.equal(
    (await pool(on.fetch("/api/key-pool?provider=Gitee"))).every(({ readOnly }) => readOnly),
    true,
  );
});

Deno.test("all keys are listed once, page by page, and found by provider, state, name and by a whole key", async () => {
  await using on = await stage({
    env: { GITEE_API_KEYS: Array.from({ length: 7 }, (_, n) => `${GITEE}${n}`).join(",") },
  });
  const stored = Array.from({ length: 450 }, (_, n) => `spare ${n},hf_${String(n).padStart(34, "x")}`);
  await ok(on.send("/api/keys/import", { text: stored.join("\n") }));
  const seen: string[] = [];
  let after = "";
  do {
    const page: Page = await ok(on.fetch(`/api/keys?limit=5${after}`));
    assert.ok(page.data.length <= 5);
    seen.push(...page.data.map(({ id }) => id));
    after = page.next ? `&after=${encodeURIComponent(page.next)}` : "";
  } while (after);
  assert.deepEqual([seen.length, new Set(seen).size], [457, 457]);
  const all = await keysOf(on);
  assert.deepEqual(all.map(({ id }) => id), seen);
  const rested = all.filter(({ provider }) => provider === "HuggingFace").slice(0, 3).map(({ id }) => id);
  await ok(on.send("/api/key-pool", { action: "rest", ids: rested }));
  await ok(on.send("/api/key-pool", { action: "disable", ids: [all.at(-1)!.id] }));
  assert.equal((await keysOf(on, "&provider=Gitee")).length, 7);
  assert.deepEqual((await keysOf(on, "&state=resting")).map(({ id }) => id), rested);
  assert.equal((await keysOf(on, "&state=ready")).length, 453);
  assert.equal((await keysOf(on, "&q=SPARE 44")).length, 11);
  assert.deepEqual(await keysOf(on, "&q=%25"), []);
  assert.deepEqual((await keysOf(on, `&q=${stored[17]!.split(",")[1]}`)).map(({ name }) => name), [
    "spare 17",
  ]);
  assert.deepEqual((await keysOf(on, `&q=${GITEE}3`)).map(({ name }) => name), ["environment 4"]);
  const counts = (total: number, ready: number, resting: number, disabled: number) => ({
    total,
    ready,
    resting,
    disabled,
    dead: 0,
  });
  assert.deepEqual(await ok(on.fetch("/api/keys/summary")), {
    data: [
      { provider: "HuggingFace", ...counts(450, 446, 3, 1) },
      { provider: "Gitee", ...counts(7, 7, 0, 0) },
    ],
    total: counts(457, 453, 3, 1),
  });
});

Deno.test("an export shows whole keys only to who gives the password once more, and can be imported again", async () => {
  await using on = await stage({ env: { GITEE_API_KEYS: GITEE } });
  await pool(
    on.send("/api/key-pool", { provider: "HuggingFace", action: "add", keyItem: { key: HF, name: "=a, b" } }),
  );
  const fetched = (more: object) =>
    ok<{ content: string; filename: string }>(on.send("/api/key-pool", { action: "export", ...more }));
  const mask = (key: string) => `${key.slice(0, 4)}…${key.slice(-4)}`;
  assert.equal((await fetched({})).content, `HuggingFace:${mask(HF)}\nGitee:${mask(GITEE)}\n`);
  const wrong = on.send("/api/key-pool", { action: "export", password: "a guess" });
  assert.deepEqual(await refused(wrong), { status: 400, code: "wrong_password", param: "password" });
  const { content, filename } = await fetched({ format: "csv", password: ADMIN_PASSWORD });
  assert.equal(filename, "imgrouter-keys.csv");
  assert.equal(
    content,
    `provider,name,key,base_url,models,enabled\r\nHuggingFace,"'=a, b",${HF},,,true\r\nGitee,environment 1,${GITEE},,,true\r\n`,
  );
  await using other = await stage();
  const report = await ok<{ added: unknown[] }>(other.send("/api/keys/import", { text: content }));
  assert.equal(report.added.length, 2);
});

Deno.test("a check tells good keys from dead ones without buying a picture, and their states follow", async () => {
  await using openai = openAiService();
  await using on = await stage({ env: { OPENAI_BASE_URL: openai.url } });
  const [good, bad, other] = [openai.newKey(), openai.newKey(), openai.newKey()];
  await ok(on.send("/api/keys/import", { text: [good, bad, other].join("\n") }));
  openai.reject(bad);
  const ids = (await keysOf(on)).map(({ id }) => id);
  const check = () =>
    ok<{ results: Result[] }>(on.send("/api/key-pool", { action: "check", ids: [...ids, "gone"] }))
      .then(({ results }) => new Map(results.map((result) => [result.id, result])));
  const preview = (key: string) => `${key.slice(0, 4)}…${key.slice(-4)}`;
  const state = async (key: string) => (await keysOf(on)).find((shown) => shown.preview === preview(key))!;
  const results = await check();
  const deadId = (await state(bad)).id;
  assert.equal(results.get(deadId)?.ok, false);
  assert.match(results.get(deadId)!.reason!, /401/);
  assert.ok(!results.get(deadId)!.reason!.includes(bad));
  assert.equal(results.get("gone")?.ok, false);
  assert.equal([...results.values()].filter(({ ok }) => ok).length, 2);
  const dead = await state(bad);
  assert.equal(dead.state, "dead");
  assert.match(dead.reason!, /^key_rejected/);
  assert.ok(Date.parse(dead.backAt!) > Date.parse(dead.since!));
  assert.equal((await state(good)).state, "ready");
  assert.equal(openai.imageCalls.length, 0);
  openai.restore(bad);
  assert.equal((await check()).get(deadId)?.ok, true);
  assert.equal((await state(bad)).state, "ready");
});

Deno.test("when every key of an address fails alike a check tells so, and leaves the pool as it is", async () => {
  await using openai = openAiService();
  await using on = await stage({ env: { OPENAI_BASE_URL: openai.url } });
  const keys = [openai.newKey(), openai.newKey(), openai.newKey()];
  for (const key of keys) openai.reject(key);
  await ok(on.send("/api/keys/import", { text: keys.join("\n") }));
  const ids = (await keysOf(on)).map(({ id }) => id);
  const { results } = await ok<{ results: Result[] }>(on.send("/api/key-pool", { action: "check", ids }));
  assert.deepEqual(results.map(({ ok }) => ok), [false, false, false]);
  assert.deepEqual((await keysOf(on)).map(({ state }) => state), ["ready", "ready", "ready"]);
});

Deno.test("a check asks each key at its own address alone, and says where nothing can be known", async () => {
  await using relay = newApiService();
  await using replicate = replicateService();
  await using on = await stage({ env: { REPLICATE_BASE_URL: replicate.url } });
  const add = async (provider: string, keyItem: object) =>
    (await pool(on.send("/api/key-pool", { provider, action: "add", keyItem }))).at(-1)!.id;
  const [relayKey, deadKey] = [relay.newKey(), replicate.newKey()];
  const ids = [
    await add("NewApi", { key: relayKey, baseUrl: relay.url }),
    await add("NewApi", { key: "sk-nobody-listens", baseUrl: `${closedPort()}/v1` }),
    await add("Replicate", { key: deadKey }),
    await add("RunPod", { key: "rpa_" + "a1b2".repeat(8) }),
  ];
  replicate.reject(deadKey);
  const reply = await on.send("/api/keys/check", { ids });
  assert.equal(reply.headers.get("content-type"), "application/x-ndjson; charset=utf-8");
  const lines: Result[] = (await reply.text()).trim().split("\n").map((line) => JSON.parse(line));
  const of = (index: number) => lines.find(({ id }) => id === ids[index])!;
  assert.deepEqual(ids.map((_, index) => of(index).ok), [true, false, false, null]);
  assert.match(of(1).reason!, /^Not the key, but the service could not be reached/);
  assert.match(of(3).reason!, /can't be checked without buying/);
  assert.ok(relay.calls.every(({ key }) => key === relayKey || key === undefined));
});
