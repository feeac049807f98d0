import assert from "node:assert/strict";
import { startGateway } from "../src/testing/gateway.ts";
import { openAiError } from "../src/testing/openai_errors.ts";
import { CLIENT_KEY, delivered, refused, startScene, told } from "./drill_scene.ts";

Deno.test("a dead key is retired and the next key of the pool delivers", async () => {
  await using scene = await startScene({ openaiKeys: 3 });
  scene.openai.reject(scene.secrets["openai-1"]!);
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 2");
  assert.deepEqual(scene.asked(), ["openai-1", "openai-2"]);
  assert.deepEqual(await scene.blemishes(), { "openai-1": "rests 600 s: key_rejected" });
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
  assert.deepEqual(scene.asked(), ["openai-1", "openai-2", "openai-3"]);
});

Deno.test("a dead key comes back by itself, after a pause that grows", async () => {
  await using scene = await startScene({ openaiKeys: 1 });
  const key = scene.secrets["openai-1"]!;
  scene.openai.reject(key);
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 2");
  await scene.clock.pass(600_000);
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 2");
  assert.deepEqual(await scene.blemishes(), { "openai-1": "rests 1200 s: key_rejected" });
  await scene.clock.pass(1_200_000);
  scene.openai.restore(key);
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
  assert.deepEqual(await scene.blemishes(), {});
});

Deno.test("where every key is dead the backend caller hears 503, and is not told about our keys", async () => {
  await using scene = await startScene({ openaiKeys: 2, giteeSettings: { enabled: false } });
  for (const key of Object.values(scene.secrets)) scene.openai.reject(key);
  const error = await refused(scene.ask());
  assert.deepEqual(told(error), {
    status: 503,
    code: "provider_unavailable",
    type: "server_error",
    param: null,
    retryAfter: 1,
    mayRetry: false,
  });
  assert.doesNotMatch(error.message, /sk-|Incorrect/);
  assert.deepEqual(scene.asked(), ["openai-1", "openai-2"]);
  const again = await refused(scene.ask());
  assert.deepEqual([again.status, again.mayRetry], [503, false]);
  assert.equal(scene.asked().length, 2, "keys that rest are not asked again");
});

Deno.test("a relay caller with a dead key hears 401 in the provider's words, without the key", async () => {
  await using scene = await startScene();
  scene.openai.reject(scene.relayKey);
  const error = await refused(scene.relay());
  assert.deepEqual(told(error), {
    status: 401,
    code: "invalid_api_key",
    type: "invalid_request_error",
    param: null,
    retryAfter: undefined,
    mayRetry: false,
  });
  assert.match(error.message, /Incorrect API key/);
  assert.ok(!error.message.includes(scene.relayKey));
  assert.deepEqual(scene.asked(), ["relay"]);
  assert.deepEqual(await scene.blemishes(), {});
});

Deno.test("a key without credit rests for an hour, a relay caller hears 402", async () => {
  await using scene = await startScene({ openaiKeys: 2 });
  scene.openai.drain(scene.secrets["openai-1"]!);
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 2");
  assert.deepEqual(await scene.blemishes(), { "openai-1": "rests 3600 s: out_of_credit" });

  scene.openai.drain(scene.relayKey);
  const error = await refused(scene.relay());
  assert.deepEqual([error.status, error.code, error.type, error.mayRetry], [
    402,
    "insufficient_quota",
    "insufficient_quota",
    false,
  ]);
  assert.deepEqual(scene.asked(), ["openai-1", "openai-2", "relay"]);
});

Deno.test("a rate limit rests the key for its model alone, as long as the provider asks", async () => {
  await using scene = await startScene({ openaiKeys: 2 });
  scene.openai.limit(scene.secrets["openai-1"]!, { retryAfter: 7 });
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 2");
  assert.deepEqual(await scene.blemishes(), { "openai-1": "rests 7 s for gpt-image-2: rate_limited" });
  assert.equal(await delivered(scene.ask({ model: "gpt-image-2" })), "1 by OpenAI after 1");
  scene.openai.restore(scene.secrets["openai-1"]!);
  assert.equal(await delivered(scene.ask({ model: "gpt-image-1.5" })), "1 by OpenAI after 1");
  assert.deepEqual(scene.asked(), ["openai-1", "openai-2", "openai-2", "openai-1"]);
});

Deno.test("a rate limit that names no end rests the key for a pause of our own", async () => {
  await using scene = await startScene({ openaiKeys: 2 });
  scene.openai.fail(openAiError(429, "Slow down a little", { code: "rate_limit_exceeded" }));
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 2");
  assert.deepEqual(await scene.blemishes(), { "openai-1": "rests 5 s for gpt-image-2: rate_limited" });
});

Deno.test("a provider that asks to be left alone for ever is asked again after a day", async () => {
  await using scene = await startScene({ openaiKeys: 2 });
  scene.openai.limit(scene.secrets["openai-1"]!, { retryAfter: 1e12 });
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 2");
  assert.deepEqual(await scene.blemishes(), { "openai-1": "rests 86400 s for gpt-image-2: rate_limited" });
});

Deno.test("where all keys are limited the gateway waits as long as they ask, if that is not too long", async () => {
  await using scene = await startScene({ giteeSettings: { enabled: false } });
  scene.openai.limit(scene.secrets["openai-1"]!, { retryAfter: 8 });
  const reply = scene.ask();
  await scene.openai.until(() => scene.openai.imageCalls[0]?.status === 429);
  scene.openai.restore(scene.secrets["openai-1"]!);
  await scene.clock.passSleep(8000);
  assert.equal(await delivered(reply), "1 by OpenAI after 2");
});

Deno.test("a rate limit that lasts too long to wait for is a 429 with the time to wait, in both modes", async () => {
  await using scene = await startScene({ giteeSettings: { enabled: false } });
  const limited = {
    status: 429,
    code: "rate_limit_exceeded",
    type: "rate_limit_error",
    param: null,
    retryAfter: 45,
    mayRetry: true,
  };
  scene.openai.limit(scene.secrets["openai-1"]!, { retryAfter: 45 });
  scene.openai.limit(scene.relayKey, { retryAfter: 45 });
  assert.deepEqual(told(await refused(scene.ask())), limited);
  assert.deepEqual(told(await refused(scene.relay())), limited);
  assert.deepEqual(
    scene.asked(),
    ["openai-1", "relay"],
    "a relay caller decides for themselves when to ask again",
  );
});

Deno.test("when most keys fail alike the route is blamed, the pool stays whole and a trial opens it again", async () => {
  await using scene = await startScene({ openaiKeys: 4 });
  const { openai, secrets } = scene;
  const keys = Object.entries(secrets).filter(([name]) => name.startsWith("openai")).map(([, key]) => key);
  for (const key of keys) openai.drain(key);
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 5");
  assert.equal(openai.imageCalls.length, 4);
  assert.deepEqual(await scene.blemishes(), {}, "no key is to blame");

  for (const key of keys) openai.restore(key);
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 2");
  assert.equal(openai.imageCalls.length, 4, "the route is left alone");
  await scene.clock.pass(15_000);
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
});

Deno.test("what became of keys is still known after a restart", async () => {
  await using scene = await startScene({ openaiKeys: 2 });
  const { clock, gateway, openai, gitee, secrets } = scene;
  openai.reject(secrets["openai-1"]!);
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 2");
  await gateway.stop();

  await using again = await startGateway({
    clock,
    dataDir: gateway.dataDir,
    env: { GATEWAY_API_KEYS: CLIENT_KEY, OPENAI_BASE_URL: openai.url, GITEE_BASE_URL: gitee.url },
  });
  for (let count = 0; count < 3; count++) {
    const reply = again.post("/v1/images/generations", { prompt: "a cat" }, CLIENT_KEY);
    assert.equal(await delivered(reply), "1 by OpenAI after 1");
  }
  assert.deepEqual(openai.imageCalls.map(({ key }) => key === secrets["openai-1"]), [
    true,
    ...Array(4).fill(false),
  ]);
});

Deno.test("a stored key that can't be decrypted any more is passed over, and nobody is told the client left", async () => {
  await using scene = await startScene();
  const { clock, gateway, openai, gitee } = scene;
  await gateway.stop();
  await using again = await startGateway({
    clock,
    dataDir: gateway.dataDir,
    env: {
      GATEWAY_API_KEYS: CLIENT_KEY,
      SECRET_KEY: "another secret key than the one before, and long enough",
      OPENAI_API_KEY: openai.newKey(),
      OPENAI_BASE_URL: openai.url,
      GITEE_BASE_URL: gitee.url,
    },
    file: { providers: { OpenAI: { text: { weight: 30 } } } },
  });
  const reply = again.post("/v1/images/generations", { prompt: "a cat" }, CLIENT_KEY);
  assert.equal(await delivered(reply), "1 by OpenAI after 1");
});

Deno.test("a request to a pool of 10 000 keys writes the rows it changed and no others", async () => {
  await using scene = await startScene();
  const { gateway, openai } = scene;
  const { keys } = gateway.app.stores;
  await keys.add(Array.from({ length: 10_000 }, () => ({ provider: "OpenAI", key: openai.newKey() })));
  await gateway.app.reload();
  const written: number[] = [];
  const save = keys.saveStates;
  keys.saveStates = (states) => {
    written.push(states.length);
    return save(states);
  };
  for (let count = 0; count < 3; count++) assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
  await gateway.app.reload();
  assert.deepEqual(written, [3]);
  assert.equal(new Set(scene.openai.imageCalls.map(({ key }) => key)).size, 3);
});
