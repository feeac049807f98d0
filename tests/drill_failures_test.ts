import assert from "node:assert/strict";
import { OPENAI_ERRORS, openAiError } from "../src/testing/openai_errors.ts";
import type { Fault } from "../src/testing/reply.ts";
import { closedPort } from "../src/testing/scripted_service.ts";
import { assertMatches } from "../src/testing/openai_schema.ts";
import { CLIENT_KEY, delivered, type Refused, refused, startScene, told } from "./drill_scene.ts";

const serverError = { type: "server_error", param: null, mayRetry: false };

/** Replies that may have been paid for: never asked for again there, made good by the next route. */
const SPOILT: [name: string, fault: Fault, status: number, code: string][] = [
  ["a connection that breaks before the body", "reset", 502, "provider_malformed_reply"],
  ["a connection that breaks in the middle of the body", "reset midway", 502, "provider_malformed_reply"],
  ["JSON that ends early", "truncated", 502, "provider_malformed_reply"],
  ["a web page with status 200", "garbage", 502, "provider_malformed_reply"],
  ["a reply without any image", "empty", 502, "no_image"],
  [
    "an image that is none",
    { status: 200, body: { created: 1, data: [{ b64_json: btoa("no image at all, only words") }] } },
    502,
    "provider_malformed_reply",
  ],
  [
    "base64 that is none",
    { status: 200, body: { created: 1, data: [{ b64_json: "%%%%" }] } },
    502,
    "provider_malformed_reply",
  ],
  [
    "an image at an address inside our network",
    { status: 200, body: { created: 1, data: [{ url: "http://169.254.169.254/latest/meta-data" }] } },
    502,
    "provider_malformed_reply",
  ],
];

for (const [name, fault, status, code] of SPOILT) {
  Deno.test(`${name} leads to the next route, and no key is blamed`, async () => {
    await using scene = await startScene();
    scene.openai.fail(fault);
    assert.equal(
      await delivered(scene.ask({ response_format: "b64_json" })),
      "1 by Gitee after 2",
    );
    assert.deepEqual(scene.asked(), ["openai-1", "gitee-1"]);
    assert.deepEqual(await scene.blemishes(), {});
  });

  Deno.test(`${name} is told to a relay caller after one call`, async () => {
    await using scene = await startScene();
    scene.openai.fail(fault);
    const error = await refused(scene.relay({ response_format: "b64_json" }));
    assert.deepEqual(told(error), { ...serverError, status, code, retryAfter: undefined });
    assert.deepEqual(scene.asked(), ["relay"]);
    assert.deepEqual(await scene.gateway.stored(), []);
  });
}

Deno.test("an overloaded service is asked again after a jittered wait that grows, then the next one delivers", async () => {
  for (const [dice, first] of [[0, 1500], [0.999, 2999]] as const) {
    await using scene = await startScene({ dice: () => dice });
    scene.openai.fail(OPENAI_ERRORS.server_is_overloaded, 3);
    scene.gitee.fail({ status: 503, body: {} }, 1);
    const reply = scene.ask();
    assert.equal(Math.abs(await scene.clock.passSleep(1500, 3000) - first) <= 1, true);
    assert.equal(await delivered(reply), "1 by Gitee after 4");
    assert.deepEqual(scene.asked(), ["openai-1", "gitee-1", "openai-1", "gitee-1"]);
    assert.deepEqual(await scene.blemishes(), {});
  }
});

Deno.test("an overloaded service is given up after the configured number of tries, in both modes", async () => {
  await using scene = await startScene({
    routing: { maxRetries: 2 },
    giteeSettings: { enabled: false },
  });
  const overloaded = { ...serverError, status: 503, code: "provider_unavailable", retryAfter: 1 };
  for (const [send, key] of [[scene.ask, "openai-1"], [scene.relay, "relay"]] as const) {
    scene.openai.calls.length = 0;
    scene.openai.fail(openAiError(503, "The server is overloaded"), 3);
    const reply = refused(send());
    await scene.clock.passSleep(2250);
    await scene.clock.passSleep(4500);
    const { code: _code, ...error } = told(await reply);
    const { code: _ours, ...expected } = overloaded;
    assert.deepEqual(error, expected);
    assert.deepEqual(scene.asked(), [key, key, key]);
  }
});

Deno.test("a refused connection leads to the next route, which delivers at once", async () => {
  await using scene = await startScene({ openaiSettings: { baseUrl: closedPort() } });
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 2");
  assert.deepEqual(await scene.blemishes(), {});
});

Deno.test("a relay caller whose provider can't be reached hears 503 after all tries", async () => {
  await using scene = await startScene({
    openaiSettings: { baseUrl: closedPort() },
    routing: { maxRetries: 1 },
  });
  const reply = refused(scene.relay());
  await scene.clock.passSleep(2250);
  assert.deepEqual(told(await reply), {
    ...serverError,
    status: 503,
    code: "provider_unreachable",
    retryAfter: 1,
  });
});

Deno.test("a service that never answers is left at its time limit for the next route", async () => {
  await using scene = await startScene();
  scene.openai.fail("hang");
  const reply = delivered(scene.ask());
  await scene.openai.until(() => scene.openai.imageCalls.length === 1);
  await scene.clock.passSleep(240_000);
  assert.equal(await reply, "1 by Gitee after 2");
  await scene.openai.until(() => scene.openai.aborted === 1);
  assert.deepEqual(await scene.blemishes(), {});
});

Deno.test("a relay caller whose provider never answers hears 504 after one call", async () => {
  await using scene = await startScene();
  scene.openai.fail("hang");
  const reply = refused(scene.relay());
  await scene.openai.until(() => scene.openai.imageCalls.length === 1);
  await scene.clock.passSleep(240_000);
  assert.deepEqual(told(await reply), {
    ...serverError,
    status: 504,
    code: "provider_timeout",
    retryAfter: undefined,
  });
  assert.deepEqual(scene.asked(), ["relay"]);
});

Deno.test("the deadline holds over all tries: nobody is asked after it", async () => {
  await using scene = await startScene({ routing: { deadline: 100_000 } });
  scene.openai.fail("hang");
  const reply = refused(scene.ask());
  await scene.openai.until(() => scene.openai.imageCalls.length === 1);
  await scene.clock.pass(100_000);
  const error = await reply;
  assert.deepEqual([error.status, error.mayRetry], [504, false]);
  assert.deepEqual(scene.asked(), ["openai-1"]);
});

Deno.test("a refusal by moderation stops at once, in both modes, with its reason", async () => {
  await using scene = await startScene();
  for (const send of [scene.ask, scene.relay]) {
    const error = await refused(send({ prompt: "something forbidden" }));
    assert.deepEqual(told(error), {
      status: 400,
      code: "content_policy_violation",
      type: "image_generation_user_error",
      param: null,
      retryAfter: undefined,
      mayRetry: false,
    });
    assert.match(error.message, /rejected by the safety system.*violence/);
  }
  assert.deepEqual(scene.asked(), ["openai-1", "relay"]);
  assert.deepEqual(await scene.blemishes(), {});
});

Deno.test("what a provider finds wrong with a request is the caller's 400, with the field", async () => {
  await using scene = await startScene();
  const wrong = openAiError(400, "Invalid size '1x1'", { param: "size", code: "invalid_value" });
  for (const send of [scene.ask, scene.relay]) {
    scene.openai.fail(wrong);
    const error = await refused(send());
    assert.deepEqual(told(error), {
      status: 400,
      code: "invalid_value",
      type: "invalid_request_error",
      param: "size",
      retryAfter: undefined,
      mayRetry: false,
    });
    assert.equal(error.message, "Invalid size '1x1'");
  }
  assert.deepEqual(scene.asked(), ["openai-1", "relay"]);
  assert.deepEqual(await scene.blemishes(), {});
});

Deno.test("where all providers are down one error names each attempt, in words for strangers", async () => {
  await using scene = await startScene({ routing: { maxRetries: 1 } });
  scene.openai.fail(openAiError(500, "secret detail of the host openai-internal-7"), 9);
  scene.gitee.fail("garbage", 9);
  const error = await refused(scene.ask());
  assert.deepEqual([error.status, error.code, error.type, error.mayRetry], [
    502,
    "provider_malformed_reply",
    "server_error",
    false,
  ]);
  assert.match(error.message, /OpenAI \(gpt-image-2\) is overloaded/);
  assert.match(error.message, /Gitee \(z-image-turbo\) sent a reply that could not be read/);
  assert.doesNotMatch(error.message, /internal-7|DOCTYPE|127\.0\.0\.1/);
});

Deno.test("a route that keeps failing is left alone until a trial call succeeds", async () => {
  await using scene = await startScene();
  scene.openai.fail("garbage", 6);
  for (let count = 0; count < 5; count++) {
    assert.equal(await delivered(scene.ask()), "1 by Gitee after 2");
  }
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 2");
  assert.equal(scene.openai.imageCalls.length, 5, "the sixth request leaves it alone");
  await scene.clock.pass(15_000);
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 2");
  assert.equal(scene.openai.imageCalls.length, 6, "one trial fails");
  await scene.clock.pass(15_000);
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 2");
  assert.equal(scene.openai.imageCalls.length, 6, "and the pause grows");
  await scene.clock.pass(15_000);
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
});

Deno.test("a trial that finds no free key does not close the route for ever", async () => {
  await using scene = await startScene();
  scene.openai.fail("garbage", 5);
  for (let count = 0; count < 5; count++) await delivered(scene.ask());
  await scene.clock.pass(15_000);
  scene.openai.limit(scene.secrets["openai-1"]!, { retryAfter: 60 });
  await delivered(scene.ask());
  await delivered(scene.ask());
  scene.openai.restore(scene.secrets["openai-1"]!);
  await scene.clock.pass(60_000);
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
});

Deno.test("images that one route failed to make come from the next one", async () => {
  await using scene = await startScene({
    giteeSettings: { text: { weight: 40 } },
  });
  scene.gitee.fail("garbage", 1);
  const reply = await scene.ask({ n: 5 });
  assert.equal(reply.headers.get("x-imgrouter-provider"), "Gitee");
  assert.equal((await reply.json()).data.length, 5);
  assert.equal(scene.gitee.imageCalls.length, 5);
  assert.deepEqual(scene.openai.imageCalls.map(({ json }) => (json as { n: number }).n), [1]);
  assert.equal((await scene.gateway.stored()).length, 5);
  assert.deepEqual(await scene.blemishes(), {});
});

Deno.test("images that were made are kept even if the request fails as a whole", async () => {
  await using scene = await startScene({
    giteeSettings: { text: { weight: 40 } },
    routing: { maxRetries: 1 },
  });
  scene.gitee.fail("garbage", 1);
  scene.openai.fail("garbage", 1);
  const error: Refused = await refused(scene.ask({ n: 5 }));
  assert.deepEqual([error.status, error.mayRetry], [502, false]);
  assert.equal((await scene.gateway.stored()).length, 4);
});

Deno.test("a failure after a stream has begun is told in the stream, as the last thing", async () => {
  await using scene = await startScene({ giteeSettings: { enabled: false } });
  scene.openai.fail("empty");
  const reply = await scene.ask({ stream: true, partial_images: 1 });
  assert.equal(reply.status, 200);
  const data = dataOf(await reply.text());
  const error = JSON.parse(data.at(-1)!);
  assertMatches("ErrorResponse", error);
  assert.equal(error.error.code, "no_image");
});

Deno.test("a failure in a conversation that streams is told, and the stream is ended as apps expect", async () => {
  await using scene = await startScene();
  const reply = await scene.gateway.post("/v1/chat/completions", {
    stream: true,
    messages: [{ role: "user", content: "something forbidden" }],
  }, CLIENT_KEY);
  assert.equal(reply.status, 200);
  const data = dataOf(await reply.text());
  assert.equal(data.at(-1), "[DONE]");
  assert.ok(data.some((line) => line.includes("safety system")));
  assert.deepEqual(scene.asked(), ["openai-1"]);
});

function dataOf(events: string): string[] {
  return events.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
}

Deno.test("a refusal ends the calls beside it, too, and leaves key and route without blame", async () => {
  await using scene = await startScene({ giteeSettings: { text: { weight: 40 } } });
  scene.gitee.fail("hang", 2);
  scene.gitee.fail({ status: 400, body: { error: { message: "The content is sensitive" } } }, 1);
  const error = await refused(scene.ask({ n: 3 }));
  assert.deepEqual([error.status, error.code], [400, "content_policy_violation"]);
  await scene.gitee.until(() => scene.gitee.aborted === 2);
  assert.equal(scene.openai.imageCalls.length, 0);
  assert.deepEqual(await scene.blemishes(), {});
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 1");
});
