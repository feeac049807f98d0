import assert from "node:assert/strict";
import OpenAI from "openai";
import { OPENAI_ERRORS } from "./openai_errors.ts";
import { type OpenAiService, openAiService } from "./openai_service.ts";
import { closedPort } from "./scripted_service.ts";

function generate(
  service: OpenAiService,
  { key = service.newKey(), signal, ...body }: {
    key?: string;
    signal?: AbortSignal;
    [field: string]: unknown;
  } = {},
): Promise<Response> {
  return fetch(`${service.url}/images/generations`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-image-2", prompt: "a cat", ...body }),
    signal,
  });
}

async function codeOf(response: Response): Promise<[number, string]> {
  return [response.status, (await response.json()).error.code];
}

Deno.test("a service records what arrived, what it answered and with which key", async () => {
  await using openai = openAiService();
  const [first, second] = [openai.newKey(), openai.newKey()];
  await codeOf(await generate(openai, { key: first, n: 99 }));
  await (await generate(openai, { key: second })).body?.cancel();
  assert.notEqual(first, second);
  assert.equal(openai.callsWith(first).length, 1);
  assert.deepEqual(openai.calls.map(({ status, path }) => [status, path]), [
    [400, "/v1/images/generations"],
    [200, "/v1/images/generations"],
  ]);
  assert.deepEqual(openai.lastCall.json, { model: "gpt-image-2", prompt: "a cat" });
  assert.equal(openai.lastCall.key, second);
  assert.ok(openai.calls[0]!.at <= openai.calls[1]!.at);
});

Deno.test("a service tells each key what it has against it, until the key is restored", async () => {
  await using openai = openAiService();
  const key = openai.newKey();
  openai.reject(key);
  assert.deepEqual(await codeOf(await generate(openai, { key })), [401, "invalid_api_key"]);
  openai.drain(key);
  assert.deepEqual(await codeOf(await generate(openai, { key })), [429, "insufficient_quota"]);
  openai.limit(key, { retryAfter: 7 });
  const limited = await generate(openai, { key });
  assert.equal(limited.headers.get("retry-after"), "7");
  assert.deepEqual(await codeOf(limited), [429, "rate_limit_exceeded"]);
  openai.restore(key);
  const good = await generate(openai, { key });
  assert.equal((await good.json()).data.length, 1);
});

Deno.test("faults come in the order in which they were scripted, and only to good calls", async () => {
  await using openai = openAiService();
  openai.fail(OPENAI_ERRORS.server_error, 2);
  openai.fail({ status: 418, body: { error: { code: "teapot" } }, headers: { "x-tea": "yes" } });
  assert.deepEqual(await codeOf(await generate(openai, { n: 99 })), [400, "invalid_value"]);
  assert.deepEqual(await codeOf(await generate(openai)), [500, "server_error"]);
  assert.deepEqual(await codeOf(await generate(openai)), [500, "server_error"]);
  const tea = await generate(openai);
  assert.equal(tea.headers.get("x-tea"), "yes");
  assert.deepEqual(await codeOf(tea), [418, "teapot"]);
  const good = await generate(openai);
  assert.equal((await good.json()).data.length, 1);
});

Deno.test("a fault for models leaves images alone", async () => {
  await using openai = openAiService();
  openai.fail({ status: 500 }, 1, "models");
  const image = await generate(openai);
  await image.body?.cancel();
  const headers = { authorization: `Bearer ${openai.newKey()}` };
  const models = await fetch(`${openai.url}/models`, { headers });
  await models.body?.cancel();
  assert.deepEqual([image.status, models.status], [200, 500]);
});

Deno.test("a broken connection, before or in the middle of the body, is an error for the reader", async () => {
  await using openai = openAiService();
  openai.fail("reset");
  openai.fail("reset midway");
  await assert.rejects(async () => (await generate(openai)).text());
  await assert.rejects(async () => (await generate(openai)).text());
});

Deno.test("truncated, garbled and empty answers look like successes", async () => {
  await using openai = openAiService();
  for (const fault of ["truncated", "garbage", "empty"] as const) openai.fail(fault);
  const truncated = await generate(openai);
  assert.equal(truncated.headers.get("content-type"), "application/json");
  await assert.rejects(truncated.json(), SyntaxError);
  const garbage = await generate(openai);
  assert.match(await garbage.text(), /^<!DOCTYPE html>/);
  const empty = await generate(openai);
  assert.deepEqual((await empty.json()).data, []);
  assert.deepEqual([truncated.status, garbage.status, empty.status], [200, 200, 200]);
});

Deno.test("a stream can end early, with an error, or without any image", async () => {
  await using openai = openAiService();
  openai.fail("truncated");
  openai.fail({ lastEvent: { event: "error", data: { type: "error", error: { message: "sorry" } } } });
  openai.fail("empty");
  const ask = { stream: true, partial_images: 1 };
  assert.doesNotMatch(await (await generate(openai, ask)).text(), /completed/);
  const failed = await (await generate(openai, ask)).text();
  assert.match(failed, /^event: image_generation\.partial_image\n/);
  assert.match(failed, /event: error\ndata: \{"type":"error","error":\{"message":"sorry"\}\}\n\n$/);
  assert.equal(await (await generate(openai, ask)).text(), "");
});

Deno.test("a hanging call ends when its caller leaves, and the leaving is counted", async () => {
  await using openai = openAiService();
  openai.fail("hang");
  const caller = new AbortController();
  const call = generate(openai, { signal: caller.signal });
  await openai.until(() => openai.calls.length === 1);
  assert.equal(openai.aborted, 0);
  caller.abort();
  await assert.rejects(call, { name: "AbortError" });
  await openai.until(() => openai.aborted === 1);
  assert.equal(openai.lastCall.status, undefined);
});

Deno.test("a caller who was answered does not count as one who left", async () => {
  await using openai = openAiService();
  await (await generate(openai)).json();
  await (await generate(openai)).json();
  assert.equal(openai.aborted, 0);
});

Deno.test("held calls wait until the gate is released", async () => {
  await using openai = openAiService();
  const gate = openai.hold();
  const calls = [generate(openai), generate(openai)];
  await openai.until(() => gate.waiting === 2);
  assert.deepEqual(openai.calls.map(({ status }) => status), [undefined, undefined]);
  gate.release();
  for (const call of calls) assert.equal((await (await call).json()).data.length, 1);
  assert.equal(gate.waiting, 0);
  assert.equal((await (await generate(openai)).json()).data.length, 1);
});

Deno.test("a stream can be held before its last event", async () => {
  await using openai = openAiService();
  using gate = openai.hold("last event");
  const client = new OpenAI({ apiKey: openai.newKey(), baseURL: openai.url, maxRetries: 0 });
  const stream = await client.images.generate({
    model: "gpt-image-2",
    prompt: "a cat",
    stream: true,
    partial_images: 1,
  });
  const seen: string[] = [];
  for await (const { type } of stream) {
    if (type.endsWith("partial_image")) {
      await openai.until(() => gate.waiting === 1);
      gate.release();
    }
    seen.push(type);
  }
  assert.deepEqual(seen, ["image_generation.partial_image", "image_generation.completed"]);
});

Deno.test("closing a service breaks off what it holds", async () => {
  const openai = openAiService();
  openai.hold();
  openai.fail("hang");
  const call = generate(openai);
  await openai.until(() => openai.calls.length === 1);
  await openai[Symbol.asyncDispose]();
  const broken = await call;
  assert.equal(broken.status, 499);
  await broken.body?.cancel();
  assert.equal(openai.aborted, 0);
});

Deno.test("until() gives up at its limit", async () => {
  await using openai = openAiService();
  await assert.rejects(openai.until(() => false, { limitMs: 1 }), { name: "TimeoutError" });
});

Deno.test("nobody listens on a closed port", async () => {
  await assert.rejects(fetch(closedPort()), TypeError);
});
