import assert from "node:assert/strict";
import OpenAI from "openai";
import { readImageFacts } from "../core/media.ts";
import { type NewApiService, newApiService } from "./new_api_service.ts";
import { paintPng } from "./painting.ts";

function clientOf(service: NewApiService): OpenAI {
  return new OpenAI({ apiKey: service.newKey(), baseURL: service.url, maxRetries: 0 });
}

Deno.test("a relay lists the models it was given and serves only these", async () => {
  await using relay = newApiService({ models: ["some-model"] });
  const client = clientOf(relay);
  const { data } = await client.models.list();
  assert.deepEqual(data.map(({ id }) => id), ["some-model"]);
  await assert.rejects(
    client.images.generate({ model: "gpt-image-2", prompt: "a cat" }),
    { status: 503, type: "new_api_error", code: "model_not_found" },
  );
});

Deno.test("a relay answers in the form asked for, by URL if none is", async () => {
  await using relay = newApiService();
  const client = clientOf(relay);
  const ask = { model: "flux-1.1-pro", prompt: "a cat", size: "640x480", n: 2 };
  const inline = await client.images.generate({ ...ask, response_format: "b64_json" });
  const linked = await client.images.generate(ask);
  assert.deepEqual(inline.data?.map(({ url }) => url), [undefined, undefined]);
  const facts = readImageFacts(Uint8Array.fromBase64(inline.data![0]!.b64_json!));
  assert.deepEqual(facts, { type: "image/png", width: 640, height: 480 });
  const bytes = await (await fetch(linked.data![1]!.url!)).bytes();
  assert.deepEqual(readImageFacts(bytes), { type: "image/png", width: 640, height: 480 });
});

Deno.test("a relay can be of the sort that always answers in its own form", async () => {
  await using relay = newApiService({ answers: "url" });
  const ask = { model: "gpt-image-2", prompt: "a cat", response_format: "b64_json" } as const;
  const { data: [image] = [] } = await clientOf(relay).images.generate(ask);
  assert.deepEqual(Object.keys(image ?? {}), ["url"]);
});

Deno.test("a relay edits pictures under either name, and wants at least one", async () => {
  await using relay = newApiService();
  const client = clientOf(relay);
  const image = new File([paintPng({ width: 20, height: 20 })], "cat.png", { type: "image/png" });
  const one = await client.images.edit({ model: "gpt-image-2", prompt: "a hat", image });
  const two = await client.images.edit({ model: "gpt-image-2", prompt: "a hat", image: [image, image] });
  assert.deepEqual([one.data?.length, two.data?.length], [1, 1]);
  await assert.rejects(client.images.edit({ model: "gpt-image-2", prompt: "a hat", image: [] }), {
    status: 400,
  });
  const text = new File(["hi"], "a.png");
  await assert.rejects(client.images.edit({ model: "gpt-image-2", prompt: "a hat", image: text }), {
    status: 400,
  });
});

Deno.test("a relay tells keys and prompts apart in its own words", async () => {
  await using relay = newApiService();
  const apiKey = relay.newKey();
  assert.match(apiKey, /^sk-[A-Za-z0-9]{48}$/);
  const ask = (key: string, prompt = "a cat") =>
    new OpenAI({ apiKey: key, baseURL: relay.url, maxRetries: 0 }).images.generate({
      model: "gpt-image-2",
      prompt,
    });
  await assert.rejects(ask("sk-short"), { status: 401, type: "new_api_error" });
  await assert.rejects(ask(apiKey, "something forbidden"), { status: 400, code: "moderation_blocked" });
  relay.drain(apiKey);
  await assert.rejects(ask(apiKey), { status: 403, code: "insufficient_user_quota" });
  relay.limit(apiKey);
  await assert.rejects(ask(apiKey), { status: 429 });
  relay.reject(apiKey);
  await assert.rejects(ask(apiKey), { status: 401 });
});
