/** Tries of foreign services, and the playground: which key goes where, and a picture with nothing set up. */
import assert from "node:assert/strict";
import { startAdmin } from "../src/testing/admin.ts";
import { newApiService } from "../src/testing/new_api_service.ts";
import { paintPng } from "../src/testing/painting.ts";
import { closedPort } from "../src/testing/scripted_service.ts";
import { eventsOf } from "./client_kit.ts";

const STORED = "sk-stored-secret-of-the-owner";
const pictureUri = () => `data:image/png;base64,${paintPng({ width: 64, height: 64, seed: 1 }).toBase64()}`;

interface Tried {
  ok: boolean;
  models?: string[];
  error?: string;
  message?: string;
  url?: string;
}

async function told(reply: Promise<Response>): Promise<[status: number, body: Tried]> {
  const response = await reply;
  return [response.status, await response.json()];
}

async function paramOf(reply: Promise<Response>): Promise<[status: number, param: string]> {
  const response = await reply;
  return [response.status, (await response.json()).error.param];
}

/** A text service that notes the keys it was shown. */
function textService(): { url: string; keys: (string | null)[] } & AsyncDisposable {
  const keys: (string | null)[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    keys.push(request.headers.get("authorization"));
    if (request.url.endsWith("/models")) return Response.json({ data: [{ id: "llm-1" }] });
    return Response.json({
      choices: [{ message: { content: "A red fox in the snow" }, finish_reason: "stop" }],
    });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/v1`,
    keys,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("the models of a relay are only asked for where one of its keys belongs", async () => {
  await using relay = newApiService({ models: ["flux", "gpt-image-2"] });
  await using on = await startAdmin();
  const key = relay.newKey();
  const keyItem = { key, baseUrl: relay.url };
  await (await on.send("/api/key-pool", { provider: "NewApi", action: "add", keyItem })).body?.cancel();
  for (const baseUrl of [relay.url, relay.origin]) {
    assert.deepEqual(await told(on.send("/api/tools/fetch-models", { baseUrl })), [
      200,
      { ok: true, models: ["flux", "gpt-image-2"] },
    ]);
  }
  const stranger = on.send("/api/tools/fetch-models", { baseUrl: `${closedPort()}/v1` });
  assert.deepEqual(await paramOf(stranger), [400, "baseUrl"]);
  relay.reject(key);
  const [status, { ok, error }] = await told(on.send("/api/tools/fetch-models", { baseUrl: relay.url }));
  assert.deepEqual([status, ok], [500, false]);
  assert.ok(error!.length > 5 && !error!.includes(key));
});

Deno.test("a relay's address and key are tried as given, through the guard, and no stored key is", async () => {
  await using own = newApiService();
  await using relay = newApiService();
  await using on = await startAdmin();
  const stored = own.newKey();
  const keyItem = { key: stored, baseUrl: own.url };
  await (await on.send("/api/key-pool", { provider: "NewApi", action: "add", keyItem })).body?.cancel();
  relay.newKey();
  const given = relay.newKey();
  const tried = (baseUrl: string, apiKey: string) =>
    told(on.send("/api/tools/test-newapi-key", { baseUrl, apiKey }));
  assert.equal((await tried(relay.url, given))[1].ok, true);
  assert.equal((await tried(relay.origin, given))[1].ok, true);
  assert.deepEqual([...new Set(relay.calls.map(({ key }) => key))], [given]);
  relay.reject(given);
  assert.deepEqual((await tried(relay.url, given)).map((part) => typeof part === "number" ? part : part.ok), [
    200,
    false,
  ]);
  const mask = `${stored.slice(0, 4)}...${stored.slice(-4)}`;
  assert.deepEqual(
    await paramOf(on.send("/api/tools/test-newapi-key", { baseUrl: relay.url, apiKey: mask })),
    [
      400,
      "apiKey",
    ],
  );
  await using strict = await startAdmin({ env: { ALLOW_HOSTS: "" } });
  const [, refused] = await told(
    strict.send("/api/tools/test-newapi-key", { baseUrl: relay.url, apiKey: given }),
  );
  assert.match(refused.error!, /private, local and reserved addresses are not allowed/);
});

Deno.test("a stored key of the text model goes to its stored address alone", async () => {
  await using mine = textService();
  await using other = textService();
  await using on = await startAdmin({
    file: { promptOptimizer: { baseUrl: mine.url, apiKey: STORED, model: "llm-1" } },
  });
  const test = (body: object) => told(on.send("/api/tools/test-prompt-optimizer", body));
  const [status, reply] = await test({ apiKey: `${STORED.slice(0, 4)}…${STORED.slice(-4)}` });
  assert.deepEqual([status, reply.ok, reply.message, reply.url], [
    200,
    true,
    "A red fox in the snow",
    `${mine.url}/chat/completions`,
  ]);
  assert.deepEqual(mine.keys, [`Bearer ${STORED}`]);
  await test({ baseUrl: other.url });
  await test({ baseUrl: other.url, apiKey: "given" });
  assert.deepEqual(other.keys, [null, "Bearer given"]);
  const models = on.send("/api/tools/prompt-optimizer-models", {});
  assert.deepEqual(await told(models), [200, { ok: true, models: ["llm-1"] }]);
  const [failed, { ok, error }] = await test({ baseUrl: closedPort() });
  assert.deepEqual([failed, ok], [500, false]);
  assert.ok(!error!.includes(STORED));
});

Deno.test("a bucket is tried with what was typed, and says what is missing", async () => {
  await using on = await startAdmin();
  const test = async (body: object): Promise<{ ok: boolean; reason: string }> => {
    const reply = await on.send("/api/tools/test-storage", body);
    assert.equal(reply.status, 200);
    return await reply.json();
  };
  assert.match((await test({})).reason, /endpoint, bucket, accessKey, secretKey missing/);
  const typed = { endpoint: closedPort(), bucket: "b", accessKey: "id", secretKey: "very-secret-key" };
  const failed = await test(typed);
  assert.equal(failed.ok, false);
  assert.ok(!failed.reason.includes(typed.secretKey));
});

Deno.test("stored keys of a bucket are not shown to another endpoint", async () => {
  await using on = await startAdmin({
    file: {
      storage: { s3: { endpoint: closedPort(), bucket: "b", accessKey: "id", secretKey: STORED } },
    },
  });
  const reply = await on.send("/api/tools/test-storage", { endpoint: closedPort(), bucket: "b" });
  assert.match((await reply.json()).reason, /accessKey, secretKey missing/);
});

Deno.test("the playground paints on the first start, with nothing set up and no key", async () => {
  await using on = await startAdmin();
  assert.deepEqual(on.gateway.app.modes().backend, false);
  const body = { prompt: "a fox", size: "64x64" };
  const reply = await on.send("/api/playground/images/generations", body);
  assert.equal(reply.status, 200);
  assert.deepEqual(
    [reply.headers.get("x-imgrouter-provider"), reply.headers.get("x-imgrouter-attempts")],
    ["Mock", "1"],
  );
  const { data } = await reply.json();
  const picture = await fetch(data[0].url);
  assert.equal(picture.headers.get("content-type"), "image/png");
  await picture.body?.cancel();
  assert.equal((await on.gateway.stored()).length, 1);
});

Deno.test("the playground edits, varies, blends, streams and chats as clients do", async () => {
  await using on = await startAdmin();
  const ask = (path: string, body: object) => on.send(`/api/playground/${path}`, body);
  const base = { prompt: "a fox", size: "64x64", response_format: "b64_json" };
  for (
    const [path, more] of [
      ["images/edits", { image: pictureUri() }],
      ["images/variations", { image: pictureUri() }],
      ["images/blend", { images: [pictureUri(), pictureUri()] }],
    ] as const
  ) {
    const reply = await ask(path, { ...base, ...more });
    assert.equal((await reply.json()).data.length, 1, path);
  }
  const streamed = await eventsOf(
    await ask("images/generations", { ...base, stream: true, partial_images: 2 }),
  );
  assert.deepEqual(streamed.map(({ type }) => type), [
    "image_generation.partial_image",
    "image_generation.partial_image",
    "image_generation.completed",
  ]);
  const chat = await ask("chat/completions", {
    model: "auto",
    messages: [{ role: "user", content: "a red fox" }],
  });
  assert.match((await chat.json()).choices[0].message.content, /^!\[/);
});

Deno.test("the playground needs a session, and tells what is wrong in the admin API's words", async () => {
  await using on = await startAdmin();
  const stranger = await on.gateway.post("/api/playground/images/generations", { prompt: "a fox" });
  assert.equal(stranger.status, 401);
  await stranger.body?.cancel();
  const reply = await on.send("/api/playground/images/generations", { size: "64x64" });
  assert.deepEqual([reply.status, (await reply.json()).error.param], [400, "prompt"]);
  const named = await on.send("/api/playground/images/generations", { prompt: "a fox", provider: "OpenAI" });
  const { error } = await named.json();
  assert.deepEqual([named.status, error.code], [503, "no_provider"]);
});
