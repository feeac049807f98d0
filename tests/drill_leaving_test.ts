import assert from "node:assert/strict";
import { OPENAI_ERRORS } from "../src/testing/openai_errors.ts";
import { delivered, type Scene, startScene } from "./drill_scene.ts";

const alone = { openaiSettings: { maxConcurrent: 1 }, giteeSettings: { enabled: false } };

/** Sends a request whose client can leave. */
function leaving(send: Scene["ask"], body: Record<string, unknown> = {}) {
  const client = new AbortController();
  const reply = send(body, { signal: client.signal });
  reply.catch(() => {});
  return { client, reply };
}

/** Asserts that the one slot is free, the key is without a blemish, and this many calls were made before. */
async function assertNothingRemains(scene: Scene, calls: number): Promise<void> {
  assert.equal(scene.openai.imageCalls.length, calls);
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
  assert.equal(scene.openai.imageCalls.length, calls + 1);
  assert.deepEqual(await scene.blemishes(), {});
}

for (const mode of ["ask", "relay"] as const) {
  Deno.test(`a client who leaves during the call ends it at the provider (${mode})`, async () => {
    await using scene = await startScene(alone);
    const gate = scene.openai.hold();
    const { client, reply } = leaving(scene[mode]);
    await scene.openai.until(() => gate.waiting === 1);
    client.abort();
    await assert.rejects(reply, { name: "AbortError" });
    await scene.openai.until(() => scene.openai.aborted === 1);
    gate.release();
    await assertNothingRemains(scene, 1);
  });
}

Deno.test("a client who leaves while waiting in line is never asked for", async () => {
  await using scene = await startScene(alone);
  const gate = scene.openai.hold();
  const first = delivered(scene.ask());
  await scene.openai.until(() => gate.waiting === 1);
  const { client, reply } = leaving(scene.ask);
  await scene.clock.sleeping(30_000, 1);
  client.abort();
  await assert.rejects(reply, { name: "AbortError" });
  await scene.clock.sleeping(30_000, 0);
  gate.release();
  await first;
  await assertNothingRemains(scene, 1);
});

Deno.test("a client who leaves between two tries causes no further one", async () => {
  await using scene = await startScene(alone);
  scene.openai.fail(OPENAI_ERRORS.server_is_overloaded);
  const { client, reply } = leaving(scene.ask);
  await scene.clock.sleeping(2250, 1);
  client.abort();
  await assert.rejects(reply, { name: "AbortError" });
  await scene.clock.sleeping(2250, 0);
  await scene.clock.pass(3000);
  await assertNothingRemains(scene, 1);
});

for (const mode of ["ask", "relay"] as const) {
  Deno.test(`a client who leaves while previews stream ends the call (${mode})`, async () => {
    await using scene = await startScene(alone);
    const gate = scene.openai.hold("last event");
    const { client, reply } = leaving(scene[mode], { stream: true, partial_images: 2 });
    const reader = (await reply).body!.pipeThrough(new TextDecoderStream()).getReader();
    let seen = "";
    while (!seen.includes("partial_image")) seen += (await reader.read()).value ?? "";
    await scene.openai.until(() => gate.waiting === 1);
    client.abort();
    await scene.openai.until(() => scene.openai.aborted === 1);
    gate.release();
    await assertNothingRemains(scene, 1);
    assert.equal((await scene.gateway.stored()).length, 1, "only the picture of the request after it");
  });
}

Deno.test("a client who leaves while the reply is sent has had their image made, and it is kept", async () => {
  await using scene = await startScene(alone);
  const { client, reply } = leaving(scene.ask, { response_format: "b64_json" });
  const response = await reply;
  const reader = response.body!.getReader();
  await reader.read();
  client.abort();
  await reader.closed.catch(() => {});
  assert.equal((await scene.gateway.stored()).length, 1);
  await assertNothingRemains(scene, 1);
});
