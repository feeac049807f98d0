/** Vercel's AI SDK against the whole gateway, with both of its providers that speak OpenAI's dialect. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateImage, generateText, streamText } from "ai";
import { paintPng } from "../src/testing/painting.ts";
import { assertLink, inBothModes, linkIn, type Mode, type Stage, stage } from "./client_kit.ts";

const MODEL = "gpt-image-2";

function compatible(on: Stage, mode: Mode = "backend", apiKey = on.key(mode)) {
  return createOpenAICompatible({
    name: "imgrouter",
    baseURL: on.baseURL,
    apiKey,
    fetch: on.fetch,
    includeUsage: true,
  });
}

function openAi(on: Stage, mode: Mode = "backend", apiKey = on.key(mode)) {
  return createOpenAI({ baseURL: on.baseURL, apiKey, fetch: on.fetch });
}

const PICTURE = paintPng({ width: 64, height: 64 });

for (const [name, create] of [["compatible", compatible], ["OpenAI", openAi]] as const) {
  inBothModes(`the AI SDK's ${name} provider generates a picture`, async (mode) => {
    await using on = await stage();
    const { image } = await generateImage({ model: create(on, mode).imageModel(MODEL), prompt: "a fox" });
    equal(image.mediaType, "image/png");
    ok(image.uint8Array.length > 0);
  });

  inBothModes(`the AI SDK's ${name} provider gets several pictures`, async (mode) => {
    await using on = await stage();
    const { images } = await generateImage({
      model: create(on, mode).imageModel(MODEL),
      prompt: "a fox",
      n: 3,
      size: "1024x1536",
    });
    equal(new Set(images.map(({ base64 }) => base64)).size, 3);
  });

  Deno.test(`the AI SDK's ${name} provider reads pictures of a model with another name`, async () => {
    await using on = await stage();
    const { image } = await generateImage({
      model: create(on, "relay", "mock-demo").imageModel("mock-painter"),
      prompt: "a fox",
      size: "256x256",
    });
    equal(image.mediaType, "image/png");
  });

  for (const count of [1, 2]) {
    inBothModes(`the AI SDK's ${name} provider edits ${count} images without naming a form`, async (mode) => {
      await using on = await stage();
      const { image } = await generateImage({
        model: create(on, mode).imageModel(MODEL),
        prompt: { text: "make it night", images: Array(count).fill(PICTURE) },
      });
      ok(image.base64.length > 0);
      const { path, form } = on.openai.lastCall;
      equal(path, "/v1/images/edits");
      equal(form!.getAll(count === 1 ? "image" : "image[]").length, count);
    });
  }

  Deno.test(`the AI SDK's ${name} provider edits within a mask`, async () => {
    await using on = await stage();
    const mask = paintPng({ width: 64, height: 64, transparent: true });
    await generateImage({
      model: create(on).imageModel(MODEL),
      prompt: { text: "a hat", images: [PICTURE], mask },
    });
    deepEqual(await (on.openai.lastCall.form!.get("mask") as File).bytes(), mask);
  });

  inBothModes(`a refused prompt is told to the AI SDK's ${name} provider once`, async (mode) => {
    await using on = await stage();
    const asked = generateImage({
      model: create(on, mode).imageModel(MODEL),
      prompt: "something forbidden",
    });
    await rejects(asked, (error) => {
      ok(APICallError.isInstance(error));
      deepEqual([error.statusCode, error.isRetryable], [400, false]);
      match(error.message, /safety system/);
      return true;
    });
    equal(on.openai.imageCalls.length, 1);
  });

  Deno.test(`bad input of the AI SDK's ${name} provider costs nothing`, async () => {
    await using on = await stage();
    const asked = generateImage({ model: create(on).imageModel(MODEL), prompt: "a fox", size: "0x7" });
    await rejects(
      asked,
      (error) => APICallError.isInstance(error) && error.statusCode === 400 && /size/.test(error.message),
    );
    equal(on.openai.imageCalls.length, 0);
  });

  Deno.test(`a key that nobody knows is an error of the AI SDK's ${name} provider`, async () => {
    await using on = await stage();
    const asked = generateImage({
      model: create(on, "backend", "nobody-knows-me").imageModel(MODEL),
      prompt: "a fox",
    });
    await rejects(
      asked,
      (error) => APICallError.isInstance(error) && error.statusCode === 401 && !error.isRetryable,
    );
  });

  Deno.test(`a rate limit tells the AI SDK's ${name} provider how long to wait`, async () => {
    await using on = await stage();
    on.openai.limit(on.key("relay"), { retryAfter: 7 });
    const asked = generateImage({
      model: create(on, "relay").imageModel(MODEL),
      prompt: "a fox",
      maxRetries: 0,
    });
    await rejects(asked, (error) => {
      ok(APICallError.isInstance(error));
      deepEqual([error.statusCode, error.isRetryable, error.responseHeaders?.["retry-after"]], [
        429,
        true,
        "7",
      ]);
      return true;
    });
  });

  inBothModes(`the AI SDK's ${name} provider chats`, async (mode) => {
    await using on = await stage();
    const provider = create(on, mode);
    const model = "chatModel" in provider ? provider.chatModel(MODEL) : provider.chat(MODEL);
    const { text, usage, finishReason } = await generateText({ model, prompt: "a fox" });
    await assertLink(linkIn(text), on);
    equal(finishReason, "stop");
    ok((usage.inputTokens ?? 0) > 0 && (usage.outputTokens ?? 0) > 0);
  });

  inBothModes(`the AI SDK's ${name} provider streams chat, with usage`, async (mode) => {
    await using on = await stage();
    const provider = create(on, mode);
    const model = "chatModel" in provider ? provider.chatModel(MODEL) : provider.chat(MODEL);
    const answer = streamText({ model, prompt: "a fox", onError: ({ error }) => Promise.reject(error) });
    await assertLink(linkIn(await answer.text), on);
    equal(await answer.finishReason, "stop");
    ok(((await answer.usage).totalTokens ?? 0) > 0);
  });

  Deno.test(`a picture in a message of the AI SDK's ${name} provider is edited`, async () => {
    await using on = await stage();
    const provider = create(on);
    const model = "chatModel" in provider ? provider.chatModel(MODEL) : provider.chat(MODEL);
    await generateText({
      model,
      messages: [{
        role: "user",
        content: [{ type: "text", text: "make it night" }, {
          type: "file",
          data: PICTURE,
          mediaType: "image/png",
        }],
      }],
    });
    const { path, form } = on.openai.lastCall;
    deepEqual([path, form?.get("prompt")], ["/v1/images/edits", "make it night"]);
  });

  Deno.test(`a second wish of the AI SDK's ${name} provider edits the first picture`, async () => {
    await using on = await stage({ env: { ALLOW_HOSTS: "" } });
    const provider = create(on);
    const model = "chatModel" in provider ? provider.chatModel(MODEL) : provider.chat(MODEL);
    const { text } = await generateText({ model, prompt: "a fox" });
    await generateText({
      model,
      messages: [
        { role: "user", content: "a fox" },
        { role: "assistant", content: text },
        { role: "user", content: "give it a hat" },
      ],
    });
    deepEqual(
      await (on.openai.lastCall.form!.get("image") as File).bytes(),
      await assertLink(linkIn(text), on),
    );
  });

  Deno.test(`a failure in a stream is an error of the AI SDK's ${name} provider, asked once`, async () => {
    await using on = await stage();
    const provider = create(on);
    const model = "chatModel" in provider ? provider.chatModel(MODEL) : provider.chat(MODEL);
    const errors: unknown[] = [];
    const answer = streamText({
      model,
      prompt: "something forbidden",
      onError: ({ error }) => void errors.push(error),
    });
    await answer.consumeStream();
    equal(errors.length, 1);
    equal(on.openai.imageCalls.length, 1);
  });

  Deno.test(`the provider's call ends when the AI SDK's ${name} provider leaves a stream`, async () => {
    await using on = await stage();
    using gate = on.openai.hold();
    const provider = create(on);
    const model = "chatModel" in provider ? provider.chatModel(MODEL) : provider.chat(MODEL);
    const leaving = new AbortController();
    const answer = streamText({ model, prompt: "a fox", abortSignal: leaving.signal });
    const read = answer.consumeStream();
    await on.openai.until(() => gate.waiting === 1);
    leaving.abort();
    await on.openai.until(() => on.openai.aborted === 1);
    await read;
  });
}

Deno.test("the AI SDK fetches a picture that came as a link from the gateway itself", async () => {
  await using on = await stage();
  const { image } = await generateImage({
    model: compatible(on, "relay", "mock-demo").imageModel("mock-painter"),
    prompt: "a fox",
    size: "64x64",
    providerOptions: { imgrouter: { response_format: "url" } },
  });
  ok(image.uint8Array.length > 0);
});

Deno.test("the AI SDK's default, which calls /responses, is told what to write instead", async () => {
  await using on = await stage();
  const asked = generateText({ model: openAi(on)(MODEL), prompt: "a fox" });
  await rejects(asked, (error) => {
    ok(APICallError.isInstance(error));
    equal(error.statusCode, 404);
    match(error.message, /\/v1\/chat\/completions.*provider\.chat\(/);
    return true;
  });
});
