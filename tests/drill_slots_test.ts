import assert from "node:assert/strict";
import { delivered, refused, startScene, told } from "./drill_scene.ts";

const alone = { openaiSettings: { maxConcurrent: 1 }, giteeSettings: { enabled: false } };

const busy = {
  status: 429,
  code: "rate_limit_exceeded",
  type: "rate_limit_error",
  param: null,
  retryAfter: 1,
  mayRetry: true,
};

Deno.test("callers wait in line for the one slot and get it in their order", async () => {
  await using scene = await startScene(alone);
  const { openai } = scene;
  const gate = openai.hold();
  const first = delivered(scene.ask({ prompt: "first" }));
  await openai.until(() => gate.waiting === 1);
  const second = delivered(scene.ask({ prompt: "second" }));
  await scene.clock.sleeping(30_000, 1);
  const third = delivered(scene.ask({ prompt: "third" }));
  await scene.clock.sleeping(30_000, 2);
  assert.equal(openai.imageCalls.length, 1);
  gate.release();
  assert.deepEqual(await Promise.all([first, second, third]), Array(3).fill("1 by OpenAI after 1"));
  assert.deepEqual(openai.imageCalls.map(({ json }) => (json as { prompt: string }).prompt), [
    "first",
    "second",
    "third",
  ]);
});

Deno.test("of two requests at once for one slot, one waits and neither fails", async () => {
  await using scene = await startScene(alone);
  const gate = scene.openai.hold();
  const both = Promise.all([delivered(scene.ask()), delivered(scene.ask())]);
  await scene.openai.until(() => gate.waiting === 1);
  await scene.clock.sleeping(30_000, 1);
  assert.equal(scene.openai.imageCalls.length, 1);
  gate.release();
  assert.deepEqual(await both, ["1 by OpenAI after 1", "1 by OpenAI after 1"]);
});

Deno.test("a full line says 429 at once", async () => {
  await using scene = await startScene({ ...alone, routing: { queueLength: 1 } });
  const gate = scene.openai.hold();
  const first = delivered(scene.ask());
  await scene.openai.until(() => gate.waiting === 1);
  const second = delivered(scene.ask());
  await scene.clock.sleeping(30_000, 1);
  assert.deepEqual(told(await refused(scene.ask())), busy);
  assert.equal(scene.openai.imageCalls.length, 1);
  gate.release();
  await Promise.all([first, second]);
});

Deno.test("a wait in line that takes too long ends with 429", async () => {
  await using scene = await startScene(alone);
  const gate = scene.openai.hold();
  const first = delivered(scene.ask());
  await scene.openai.until(() => gate.waiting === 1);
  const second = refused(scene.ask());
  await scene.clock.passSleep(30_000);
  assert.deepEqual(told(await second), busy);
  assert.equal(scene.openai.imageCalls.length, 1);
  gate.release();
  await first;
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
});

Deno.test("the deadline ends a wait in line, too", async () => {
  await using scene = await startScene({ ...alone, routing: { deadline: 20_000, queueTimeout: 30_000 } });
  const gate = scene.openai.hold();
  const first = refused(scene.ask());
  await scene.openai.until(() => gate.waiting === 1);
  const second = refused(scene.ask());
  await scene.clock.sleeping(30_000, 1);
  await scene.clock.pass(20_000);
  assert.deepEqual([(await first).status, (await second).status], [504, 504]);
  assert.equal(scene.openai.imageCalls.length, 1);
});

Deno.test("where the first provider has no slot in time, the next one delivers", async () => {
  await using scene = await startScene({ openaiSettings: { maxConcurrent: 1 } });
  const gate = scene.openai.hold();
  const first = delivered(scene.ask());
  await scene.openai.until(() => gate.waiting === 1);
  const second = delivered(scene.ask());
  await scene.clock.passSleep(30_000);
  assert.equal(await second, "1 by Gitee after 2");
  gate.release();
  assert.equal(await first, "1 by OpenAI after 1");
});

Deno.test("a limit of requests a minute makes callers wait until the minute is over", async () => {
  await using scene = await startScene({
    openaiSettings: { requestsPerMinute: 1 },
    giteeSettings: { enabled: false },
    routing: { queueTimeout: 90_000 },
  });
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
  const second = delivered(scene.ask());
  await scene.clock.passSleep(50_000, 60_000);
  assert.equal(await second, "1 by OpenAI after 1");
  assert.equal(scene.openai.imageCalls.length, 2);
});
