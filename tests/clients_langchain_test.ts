/** LangChain against the whole gateway: its chat model and its image tool, with their own retries switched on. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { ChatOpenAICompletions, DallEAPIWrapper } from "@langchain/openai";
import {
  assertLink,
  assertPicture,
  inBothModes,
  linkIn,
  type Mode,
  pictureUri,
  type Stage,
  stage,
} from "./client_kit.ts";

const MODEL = "gpt-image-2";

/** Counts no tokens: for that LangChain would fetch a dictionary from a foreign host. */
class UncountedChat extends ChatOpenAICompletions {
  override getNumTokens(): Promise<number> {
    return Promise.resolve(1);
  }
}

function chat(on: Stage, mode: Mode = "backend", options: { streaming?: boolean; maxRetries?: number } = {}) {
  return new UncountedChat({
    model: MODEL,
    apiKey: on.key(mode),
    configuration: { baseURL: on.baseURL, fetch: on.fetch },
    ...options,
  });
}

function tool(on: Stage, mode: Mode, options: { n?: number; dallEResponseFormat?: "url" | "b64_json" } = {}) {
  return new DallEAPIWrapper({
    apiKey: on.key(mode),
    baseUrl: on.baseURL,
    // Without this the tool asks OpenAI itself.
    ...{ configuration: { fetch: on.fetch } },
    ...options,
  });
}

inBothModes("LangChain's DALL·E tool gets a link", async (mode) => {
  await using on = await stage();
  await assertLink(await tool(on, mode).invoke("a fox"), on);
  deepEqual((on.openai.lastCall.json as { model: string }).model, MODEL);
});

inBothModes("LangChain's DALL·E tool gets base64 when it asks for it", async (mode) => {
  await using on = await stage();
  assertPicture(await tool(on, mode, { dallEResponseFormat: "b64_json" }).invoke("a fox"));
});

Deno.test("LangChain's DALL·E tool gets several links, by one call each", async () => {
  await using on = await stage();
  const parts: { image_url: string }[] = await tool(on, "backend", { n: 2 }).invoke("a fox");
  for (const { image_url } of parts) await assertLink(image_url, on);
  equal(parts.length, 2);
});

inBothModes("LangChain chats and gets a string with a link, and usage", async (mode) => {
  await using on = await stage();
  const { content, usage_metadata } = await chat(on, mode).invoke("a fox");
  equal(typeof content, "string");
  await assertLink(linkIn(content), on);
  ok((usage_metadata?.total_tokens ?? 0) > 0);
});

inBothModes("LangChain chats by streaming and puts the same answer together", async (mode) => {
  await using on = await stage();
  const { content, response_metadata } = await chat(on, mode, { streaming: true }).invoke("a fox");
  await assertLink(linkIn(content), on);
  equal(response_metadata.finish_reason, "stop");
});

Deno.test("LangChain's stream gives usage at its end", async () => {
  await using on = await stage();
  const chunks = await Array.fromAsync(await chat(on).stream("a fox"));
  await assertLink(linkIn(chunks.map(({ content }) => content).join("")), on);
  ok(chunks.some(({ usage_metadata }) => (usage_metadata?.total_tokens ?? 0) > 0));
});

Deno.test("a picture in a message of LangChain is edited, and the answer's picture after it", async () => {
  await using on = await stage({ env: { ALLOW_HOSTS: "" } });
  const model = chat(on);
  const asked = new HumanMessage({
    content: [{ type: "text", text: "make it night" }, {
      type: "image_url",
      image_url: { url: pictureUri() },
    }],
  });
  const { content } = await model.invoke([asked]);
  equal(on.openai.lastCall.form?.get("prompt"), "make it night");
  await model.invoke([asked, new AIMessage({ content }), new HumanMessage("give it a hat")]);
  deepEqual(
    await (on.openai.lastCall.form!.get("image") as File).bytes(),
    await assertLink(linkIn(content), on),
  );
});

inBothModes("LangChain asks once where the prompt is refused", async (mode) => {
  await using on = await stage();
  await rejects(chat(on, mode).invoke("something forbidden"), /safety system/);
  equal(on.openai.imageCalls.length, 1);
});

Deno.test("LangChain asks nobody where the request is wrong or the key unknown", async () => {
  await using on = await stage();
  await rejects(chat(on).invoke([new AIMessage("nobody asked")]), /user/);
  const stranger = new ChatOpenAICompletions({
    model: MODEL,
    apiKey: "nobody-knows-me",
    configuration: { baseURL: on.baseURL, fetch: on.fetch },
  });
  await rejects(stranger.invoke("a fox"), (error) => {
    ok(error instanceof Error);
    match(error.message, /neither one of this gateway/);
    return true;
  });
  equal(on.openai.imageCalls.length, 0);
});

Deno.test("LangChain's streams that fail are not begun anew", async () => {
  await using on = await stage();
  on.openai.fail("empty", 9);
  await rejects(chat(on, "backend", { streaming: true }).invoke("a fox"), /image/);
  equal(on.openai.imageCalls.length, 1);
});

Deno.test("the provider's call ends when LangChain leaves a stream", async () => {
  await using on = await stage();
  using gate = on.openai.hold();
  const leaving = new AbortController();
  const asked = chat(on, "backend", { streaming: true }).invoke("a fox", { signal: leaving.signal });
  const left = rejects(asked);
  await on.openai.until(() => gate.waiting === 1);
  leaving.abort();
  await left;
  await on.openai.until(() => on.openai.aborted === 1);
});
