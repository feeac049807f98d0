import assert from "node:assert/strict";
import { systemClock } from "../core/clock.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { closedPort } from "../testing/scripted_service.ts";
import { type TextService, textService } from "../testing/text_service.ts";
import {
  completeDraft,
  listOptimizerModels,
  type OptimizerSettings,
  testOptimizer,
} from "./prompt_optimizer.ts";

const { signal } = new AbortController();

function settingsOf(text: TextService): OptimizerSettings {
  return {
    baseUrl: text.url,
    apiKey: text.key,
    model: text.model,
    enableTranslate: true,
    translatePrompt: "Translate.",
    translateMaxLength: 5000,
    enableExpand: false,
    expandPrompt: "Expand.",
    expandMaxLength: 5000,
    timeout: 15_000,
    relay: true,
  };
}

Deno.test("a test call translates a sample and says where it asked", async () => {
  await using text = textService();
  const tested = await testOptimizer({}, { clock: systemClock, settings: settingsOf(text), signal });
  assert.match(tested.answer, /^In English: /);
  assert.equal(tested.url, `${text.url}/chat/completions`);
  assert.equal(tested.model, text.model);
});

Deno.test("the models of a service are listed, at a bare host as at its version", async () => {
  await using text = textService();
  for (const baseUrl of [text.origin, `${text.origin}/`, text.url, `${text.url}/chat/completions`]) {
    const options = { clock: systemClock, settings: settingsOf(text), signal };
    assert.deepEqual(await listOptimizerModels({ baseUrl }, options), ["scripted-text", "scripted-other"]);
  }
});

Deno.test("the stored key is not shown to another address, not even on this host", async () => {
  await using text = textService();
  await using other = textService();
  const options = { clock: systemClock, settings: settingsOf(text), signal };
  await assert.rejects(testOptimizer({ baseUrl: other.url }, options), /401/);
  assert.equal(other.lastCall.key, undefined);
  assert.equal(other.lastCall.headers.get("authorization"), null);
  await assert.rejects(testOptimizer({ baseUrl: `${text.url}/v2` }, options));
  assert.equal(text.lastCall.key, undefined);
  assert.deepEqual(
    completeDraft({ baseUrl: other.url, apiKey: "theirs" }, options.settings).apiKey,
    "theirs",
  );
});

Deno.test("a test that fails says why, and never the key", async () => {
  await using text = textService();
  const options = { clock: systemClock, settings: settingsOf(text), signal };
  const reasonFor = async (draft: { baseUrl?: string; model?: string; apiKey?: string }) => {
    const error = await testOptimizer(draft, options).then(() => assert.fail("it worked"), (e: Error) => e);
    assert.ok(!error.message.includes(text.key), error.message);
    return error.message;
  };
  assert.match(await reasonFor({ model: "nobody" }), /404: The model 'nobody' does not exist/);
  assert.match(await reasonFor({ baseUrl: "llm.example" }), /name one, such as https/);
  assert.match(await reasonFor({ baseUrl: closedPort() }), /could not be reached: .*refused/i);
  text.limit(text.key);
  assert.match(await reasonFor({}), /401: no such key: …/);
  const key = text.newKey();
  text.reject(key);
  assert.doesNotMatch(await reasonFor({ apiKey: key }), new RegExp(key.slice(-4)));
});

Deno.test("a test has the same time limit as a request", async () => {
  await using text = textService();
  const clock = new FakeClock();
  text.fail("hang");
  const tested = testOptimizer({}, { clock, settings: settingsOf(text), signal });
  tested.catch(() => {});
  await text.until(() => text.calls.length === 1);
  await clock.pass(15_000);
  await assert.rejects(tested, { name: "TimeoutError" });
});
