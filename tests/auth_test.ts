import assert from "node:assert/strict";
import { join } from "node:path";
import { configureLog } from "../src/log/log.ts";
import type { NewClient } from "../src/store/clients.ts";
import { doubaoService } from "../src/testing/doubao_service.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { giteeService } from "../src/testing/gitee_service.ts";
import { openAiService } from "../src/testing/openai_service.ts";
import { delivered, refused } from "./drill_scene.ts";

const PATH = "/v1/images/generations";
const small = { prompt: "a cat", size: "64x64" };

function send(
  gateway: TestGateway,
  headers: Record<string, string>,
  body: object = small,
): Promise<Response> {
  return fetch(`${gateway.url}${PATH}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
}

Deno.test("a key is taken from any of three headers", async () => {
  await using gateway = await startGateway();
  for (
    const headers of [
      { authorization: "Bearer mock-demo" },
      { authorization: "bearer   mock-demo " },
      { authorization: "mock-demo" },
      { "x-api-key": "mock-demo" },
      { "api-key": "mock-demo" },
      { authorization: "Bearer null", "x-api-key": "mock-demo" },
      { authorization: "Bearer undefined", "x-api-key": "null", "api-key": "mock-demo" },
    ]
  ) {
    assert.equal(
      await delivered(send(gateway, headers as Record<string, string>)),
      "1 by Mock after 1",
      JSON.stringify(headers),
    );
  }
});

Deno.test("no key, or a word that clients send for none, is a 401 that says how to send one", async () => {
  await using gateway = await startGateway();
  for (
    const headers of [
      {},
      { authorization: "Bearer" },
      { authorization: "Bearer null" },
      { authorization: "Bearer undefined" },
      { authorization: "" },
      { "x-api-key": "" },
    ]
  ) {
    const reply = await send(gateway, headers as Record<string, string>);
    assert.equal(reply.headers.get("www-authenticate"), "Bearer");
    const error = await refused(reply);
    assert.deepEqual([error.status, error.code, error.mayRetry], [401, "invalid_api_key", false]);
    assert.match(error.message, /Authorization: Bearer/);
  }
});

Deno.test("a key that is nobody's is a 401 in every mode, a key of a mode that is off a 403 that names it", async () => {
  const env = { GATEWAY_API_KEYS: "one-key", GLOBAL_ACCESS_KEY: "the-global-key" };
  const table: [env: Record<string, string>, key: string, status: number, code: string][] = [
    [{}, "of no shape!", 401, "invalid_api_key"],
    [env, "of no shape!", 401, "invalid_api_key"],
    [{ ...env, RELAY_MODE: "false" }, "of no shape!", 401, "invalid_api_key"],
    [{ ...env, RELAY_MODE: "false" }, "mock-demo", 403, "relay_mode_off"],
    [{ ...env, RELAY_MODE: "false" }, "gitee:whatever", 403, "relay_mode_off"],
    [{ ...env, BACKEND_MODE: "false" }, "one-key", 403, "backend_mode_off"],
    [{ ...env, BACKEND_MODE: "false" }, "the-global-key", 403, "backend_mode_off"],
  ];
  for (const [env, key, status, code] of table) {
    await using gateway = await startGateway({ env });
    const error = await refused(gateway.post(PATH, small, key));
    assert.deepEqual([error.status, error.code], [status, code], `${JSON.stringify(env)} ${key}`);
    assert.ok(!error.message.includes(key));
  }
});

Deno.test("client keys come from two lists, the global key and the store, and switch backend mode on", async () => {
  await using gateway = await startGateway({
    env: {
      GATEWAY_API_KEYS: "first-key, second-key",
      PROXY_AUTH_KEYS: "third-key",
      GLOBAL_ACCESS_KEY: "fourth-key",
    },
  });
  const { key } = await gateway.app.stores.clients.create({ name: "a client" });
  const asked = { ...small, model: "mock-painter" };
  for (const known of ["first-key", "second-key", "third-key", "fourth-key", key]) {
    assert.equal(await delivered(gateway.post(PATH, asked, known)), "1 by Mock after 1", known);
  }
  assert.deepEqual(gateway.app.modes(), { relay: true, backend: true });
});

Deno.test("backend mode is off until there is a client key, and on from the first one that is made", async () => {
  await using gateway = await startGateway();
  assert.deepEqual(gateway.app.modes(), { relay: true, backend: false });
  const { key } = await gateway.app.stores.clients.create({ name: "first" });
  await gateway.app.reload();
  assert.deepEqual(gateway.app.modes(), { relay: true, backend: true });
  assert.equal(
    await delivered(gateway.post(PATH, { ...small, model: "mock-painter" }, key)),
    "1 by Mock after 1",
  );
});

Deno.test("without a key somebody is served only where that was allowed", async () => {
  await using gateway = await startGateway({ env: { BACKEND_MODE: "true", ALLOW_ANONYMOUS: "true" } });
  assert.equal(await delivered(send(gateway, {}, { ...small, model: "mock-painter" })), "1 by Mock after 1");
  assert.equal((await refused(send(gateway, { authorization: "Bearer of no shape!" }))).status, 401);
});

/** A gateway whose only provider is the painter, and a client with these limits. */
async function withClient(client: Omit<NewClient, "name">, clock?: FakeClock) {
  const gateway = await startGateway({
    clock,
    env: { GATEWAY_API_KEYS: "unlimited-key" },
    file: { providers: { Mock: { text: { weight: 10 } } } },
  });
  const made = await gateway.app.stores.clients.create({ name: "limited", ...client });
  const ask = (body: object = {}) => gateway.post(PATH, { ...small, ...body }, made.key);
  return { gateway, ask, id: made.client.id };
}

Deno.test("a client that is switched off or has expired is a 401 from the next request on", async () => {
  const clock = new FakeClock();
  const { gateway, ask, id } = await withClient({ expiresAt: clock.now() + 60_000 }, clock);
  await using _gateway = gateway;
  assert.equal(await delivered(ask()), "1 by Mock after 1");
  await clock.pass(60_000);
  const expired = await refused(ask());
  assert.deepEqual([expired.status, expired.code], [401, "invalid_api_key"]);
  assert.match(expired.message, /expired/);
  await gateway.app.stores.clients.update(id, { expiresAt: null, enabled: false });
  assert.match((await refused(ask())).message, /switched off/);
  await gateway.app.stores.clients.update(id, { enabled: true });
  assert.equal(await delivered(ask()), "1 by Mock after 1");
});

Deno.test("a client is held to its models and providers", async () => {
  for (const limit of [{ models: ["another-model"] }, { providers: ["Gitee"] }]) {
    const { gateway, ask } = await withClient(limit);
    await using _gateway = gateway;
    for (
      const body of [{ model: "mock-painter" }, { model: "mock/mock-painter" }, { provider: "mock" }]
    ) {
      const error = await refused(ask(body));
      assert.deepEqual([error.status, error.code, error.param], [403, "model_not_permitted", "model"]);
    }
  }
  for (const limit of [{ models: ["mock-painter"] }, { providers: ["mock"] }]) {
    const { gateway, ask } = await withClient(limit);
    await using _gateway = gateway;
    assert.equal(await delivered(ask()), "1 by Mock after 1");
  }
});

Deno.test("a client is held to its requests a minute and its images a day and a month", async () => {
  const start = Date.UTC(2026, 5, 29, 23, 59, 0);
  for (
    const [limits, wait] of [
      [{ requestsPerMinute: 2 }, 60_000],
      [{ imagesPerDay: 2 }, 60_000],
      [{ imagesPerMonth: 2 }, 24 * 3_600_000 + 60_000],
    ] as const
  ) {
    const clock = new FakeClock(start);
    const { gateway, ask } = await withClient(limits, clock);
    await using _gateway = gateway;
    assert.equal(await delivered(ask()), "1 by Mock after 1");
    assert.equal(await delivered(ask()), "1 by Mock after 1");
    const error = await refused(ask());
    assert.deepEqual([error.status, error.code, error.retryAfter, error.mayRetry], [
      429,
      "client_limit_reached",
      60,
      wait === 60_000,
    ], JSON.stringify(limits));
    assert.equal((await refused(ask({ n: 4 }))).status, 429);
    await clock.pass(wait);
    assert.equal(await delivered(ask()), "1 by Mock after 1");
  }
});

Deno.test("a failed request is not counted as an image", async () => {
  const { gateway, ask } = await withClient({ imagesPerDay: 1 });
  await using _gateway = gateway;
  assert.equal((await refused(ask({ prompt: "[refuse]" }))).status, 400);
  assert.equal(await delivered(ask()), "1 by Mock after 1");
  assert.equal((await refused(ask())).status, 429);
});

Deno.test("requests side by side can't pass a limit together", async () => {
  const { gateway, ask } = await withClient({ imagesPerDay: 2 });
  await using _gateway = gateway;
  const replies = await Promise.all(Array.from({ length: 5 }, () => ask()));
  await Promise.all(replies.map((reply) => reply.text()));
  assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 200, 429, 429, 429]);
});

Deno.test("a client is held to its US-dollars a day, as soon as they are used up", async () => {
  await using openai = openAiService();
  const clock = new FakeClock();
  await using gateway = await startGateway({
    clock,
    env: { OPENAI_BASE_URL: openai.url, OPENAI_API_KEY: openai.newKey() },
  });
  const { key } = await gateway.app.stores.clients.create({ name: "limited", usdPerDay: 0.01 });
  await gateway.app.reload();
  const ask = () => gateway.post(PATH, { prompt: "a cat", size: "1024x1024", quality: "medium" }, key);
  assert.equal(await delivered(ask()), "1 by OpenAI after 1");
  const error = await refused(ask());
  assert.deepEqual([error.status, error.code], [429, "client_limit_reached"]);
  assert.equal(openai.imageCalls.length, 1);
  await clock.pass(24 * 3_600_000);
  assert.equal(await delivered(ask()), "1 by OpenAI after 1");
});

Deno.test("header, body, model or the key itself settle whose a key is; the header wins", async () => {
  await using gitee = giteeService();
  await using openai = openAiService();
  await using gateway = await startGateway({
    env: { GITEE_BASE_URL: gitee.url, OPENAI_BASE_URL: openai.url },
  });
  const key = gitee.newKey();
  const as = (key: string, headers: Record<string, string> = {}, body: object = {}) =>
    delivered(send(gateway, { authorization: `Bearer ${key}`, ...headers }, { prompt: "a cat", ...body }));
  assert.equal(await as(key), "1 by Gitee after 1");
  assert.equal(await as(key, { "x-provider": "gitee" }), "1 by Gitee after 1");
  assert.equal(await as(key, {}, { provider: "GITEE" }), "1 by Gitee after 1");
  assert.equal(await as(key, {}, { model: "gitee/Kolors" }), "1 by Gitee after 1");
  assert.equal(await as(`gitee:${key}`), "1 by Gitee after 1");
  assert.equal(await as(`Gitee:${key}`, {}, { model: "Kolors" }), "1 by Gitee after 1");
  assert.deepEqual(new Set(gitee.calls.map((call) => call.key)), new Set([key]));
  assert.equal(gitee.calls.length, 6);
  assert.equal(await as(`gitee:${openai.newKey()}`, { "x-provider": "openai" }), "1 by OpenAI after 1");
  assert.equal(gitee.calls.length, 6);
});

Deno.test("a provider that is unknown or switched off is a 400 about it", async () => {
  await using gateway = await startGateway({ file: { providers: { Gitee: { enabled: false } } } });
  for (const provider of ["nobody", "gitee"]) {
    const byHeader = await refused(
      send(gateway, { authorization: "Bearer mock-demo", "x-provider": provider }),
    );
    const byBody = await refused(
      send(gateway, { authorization: "Bearer mock-demo" }, { ...small, provider }),
    );
    for (const { status, param } of [byHeader, byBody]) assert.deepEqual([status, param], [400, "provider"]);
  }
});

Deno.test("a key that somebody brought is in no file and no log line, whatever comes of it", async () => {
  const lines: string[] = [];
  await using _log = configureLog({ level: "trace", format: "json", write: (line) => lines.push(line) });
  await using openai = openAiService();
  await using gateway = await startGateway({ env: { OPENAI_BASE_URL: openai.url } });
  const keys = Array.from({ length: 4 }, () => openai.newKey());
  openai.reject(keys[1]!);
  openai.fail({ status: 400, body: { error: { message: `your key ${keys[0]} is odd`, code: "x" } } });
  const said = [
    await (await gateway.post(PATH, { prompt: "a cat" }, keys[0])).text(),
    await (await gateway.post(PATH, { prompt: "a cat" }, keys[1])).text(),
    await (await gateway.post(PATH, { prompt: "a cat", stream: true }, keys[2])).text(),
    await (await gateway.post(PATH, { prompt: "a cat", n: 99 }, keys[3])).text(),
  ];
  await gateway.stored();
  await gateway.stop();
  for (const key of keys) {
    assert.ok(!said.some((text) => text.includes(key)));
    assert.ok(!lines.some((line) => line.includes(key)));
    for await (const path of filesIn(gateway.dataDir)) {
      const bytes = new TextDecoder("latin1").decode(await Deno.readFile(path));
      assert.ok(!bytes.includes(key), path);
    }
  }
  assert.ok(lines.length >= 4);
});

async function* filesIn(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* filesIn(path);
    else yield path;
  }
}

Deno.test("a key goes to its provider's host alone: results elsewhere are fetched without it", async () => {
  await using doubao = doubaoService();
  await using gateway = await startGateway({ env: { DOUBAO_BASE_URL: doubao.url } });
  const key = doubao.newKey();
  assert.equal(
    await delivered(gateway.post(PATH, { prompt: "a cat", response_format: "b64_json" }, key)),
    "1 by Doubao after 1",
  );
  assert.deepEqual(doubao.calls.map((call) => call.key), [key]);
  assert.equal(doubao.files.calls.length, 1);
  for (const { headers, query } of doubao.files.calls) {
    for (const [, value] of [...headers, ...query]) assert.ok(!value.includes(key));
  }
});

Deno.test("callers' keys and the pool's are never used for each other", async () => {
  await using openai = openAiService();
  const pool = openai.newKey();
  await using gateway = await startGateway({
    env: { OPENAI_BASE_URL: openai.url, OPENAI_API_KEY: pool, GATEWAY_API_KEYS: "client-key" },
  });
  const brought = openai.newKey();
  openai.reject(brought);
  assert.equal((await refused(gateway.post(PATH, { prompt: "a cat" }, brought))).status, 401);
  assert.deepEqual(openai.imageCalls.map(({ key }) => key), [brought]);
  openai.restore(brought);
  openai.reject(pool);
  assert.equal((await refused(gateway.post(PATH, { prompt: "a cat" }, "client-key"))).status, 503);
  assert.deepEqual(openai.imageCalls.map(({ key }) => key), [brought, pool]);
  assert.ok(!openai.calls.some(({ key }) => key === "client-key"));
});
