/** The official OpenAI client against the whole gateway: what it asks for, it gets, in types it understands. */
import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import OpenAI from "openai";
import { paintPng } from "../src/testing/painting.ts";
import {
  assertLink,
  assertPicture,
  inBothModes,
  linkIn,
  type Mode,
  pictureFile,
  pictureUri,
  type Stage,
  stage,
} from "./client_kit.ts";

const MODEL = "gpt-image-2";

function client(on: Stage, mode: Mode = "backend", options: { maxRetries?: number; apiKey?: string } = {}) {
  return new OpenAI({ baseURL: on.baseURL, apiKey: on.key(mode), fetch: on.fetch, ...options });
}

inBothModes("OpenAI's client generates a picture as base64", async (mode) => {
  await using on = await stage();
  const { data, usage, created } = await client(on, mode).images.generate({ model: MODEL, prompt: "a fox" });
  assertPicture(data?.[0]?.b64_json);
  deepEqual(Object.keys(data![0]!), ["b64_json"]);
  ok(usage && usage.total_tokens === usage.input_tokens + usage.output_tokens);
  ok(created > 1.7e9 && created < 1e10);
  equal(on.openai.lastCall.key === on.key("relay"), mode === "relay");
});

inBothModes("OpenAI's client generates a picture as a link", async (mode) => {
  await using on = await stage();
  const { data } = await client(on, mode).images.generate({
    model: MODEL,
    prompt: "a fox",
    response_format: "url",
  });
  deepEqual(Object.keys(data![0]!), ["url"]);
  await assertLink(data?.[0]?.url, on);
});

inBothModes("OpenAI's client gets as many different pictures as it asks for", async (mode) => {
  await using on = await stage();
  const { data } = await client(on, mode).images.generate({ model: MODEL, prompt: "a fox", n: 3 });
  equal(new Set(data!.map(({ b64_json }) => b64_json)).size, 3);
  equal(on.openai.imageCalls.length, 1);
});

inBothModes("OpenAI's client edits one file", async (mode) => {
  await using on = await stage();
  const { data } = await client(on, mode).images.edit({
    model: MODEL,
    prompt: "make it night",
    image: pictureFile(),
  });
  assertPicture(data?.[0]?.b64_json);
  deepEqual([...on.openai.lastCall.form!.keys()].filter((name) => name.startsWith("image")), ["image"]);
});

inBothModes("OpenAI's client edits several files, in their order", async (mode) => {
  await using on = await stage();
  const files = [1, 2, 3].map((seed) => pictureFile(`${seed}.png`, { seed }));
  await client(on, mode).images.edit({ model: MODEL, prompt: "join them", image: files });
  const sent = on.openai.lastCall.form!.getAll("image[]") as File[];
  const [wanted, got] = [files, sent].map((list) => Promise.all(list.map((file) => file.bytes())));
  deepEqual(await got, await wanted);
});

Deno.test("OpenAI's client edits within a mask", async () => {
  await using on = await stage();
  const mask = paintPng({ width: 64, height: 64, transparent: true });
  await client(on).images.edit({
    model: MODEL,
    prompt: "a hat",
    image: pictureFile(),
    mask: new File([mask], "mask.png", { type: "image/png" }),
  });
  deepEqual(await (on.openai.lastCall.form!.get("mask") as File).bytes(), mask);
});

Deno.test("the JSON form of an edit works as the multipart form does", async () => {
  await using on = await stage();
  const response = await on.send("images/edits", {
    model: MODEL,
    prompt: "join them",
    images: [{ image_url: pictureUri(1) }, { image_url: pictureUri(2) }],
  });
  assertPicture((await response.json()).data[0].b64_json);
  equal(on.openai.lastCall.form!.getAll("image[]").length, 2);
});

inBothModes("OpenAI's client gets variations, which its own service has given up", async (mode) => {
  await using on = await stage();
  const { data } = await client(on, mode).images.createVariation({
    model: MODEL,
    image: pictureFile(),
    response_format: "b64_json",
  });
  assertPicture(data?.[0]?.b64_json);
  equal(on.openai.lastCall.path, "/v1/images/edits");
});

inBothModes("OpenAI's client streams previews and then the picture with what it cost", async (mode) => {
  await using on = await stage();
  const events = await Array.fromAsync(
    await client(on, mode).images.generate({
      model: MODEL,
      prompt: "a fox",
      stream: true,
      partial_images: 2,
    }),
  );
  deepEqual(
    events.map((event) =>
      event.type === "image_generation.partial_image"
        ? `${event.type} ${event.partial_image_index}`
        : event.type
    ),
    [
      "image_generation.partial_image 0",
      "image_generation.partial_image 1",
      "image_generation.completed",
    ],
  );
  for (const { b64_json } of events) assertPicture(b64_json);
  const last = events.at(-1)!;
  ok(last.type === "image_generation.completed" && last.usage.output_tokens > 0);
});

Deno.test("OpenAI's client streams an edit under the names of edits", async () => {
  await using on = await stage();
  const events = await Array.fromAsync(
    await client(on).images.edit({
      model: MODEL,
      prompt: "make it night",
      image: pictureFile(),
      stream: true,
      partial_images: 1,
    }),
  );
  deepEqual(events.map(({ type }) => type), ["image_edit.partial_image", "image_edit.completed"]);
});

Deno.test("OpenAI's client gets previews of the Mock painter before its picture", async () => {
  await using on = await stage();
  const events = await Array.fromAsync(
    await client(on, "relay", { apiKey: "mock-demo" }).images.generate({
      model: "mock-painter",
      prompt: "a fox",
      size: "256x256",
      stream: true,
      partial_images: 2,
    }),
  );
  deepEqual(events.map(({ type }) => type.split(".")[1]), ["partial_image", "partial_image", "completed"]);
});

Deno.test("OpenAI's client generates, edits and chats with the Mock painter, without any account", async () => {
  await using on = await stage();
  const mock = client(on, "relay", { apiKey: "mock-demo" });
  const made = await mock.images.generate({ prompt: "a fox", size: "256x256" });
  await assertLink(made.data?.[0]?.url, on);
  const edited = await mock.images.edit({ prompt: "a hat", image: pictureFile(), size: "256x256" });
  assertPicture(edited.data?.[0]?.b64_json);
  const said = await mock.chat.completions.create({
    model: "mock-painter",
    messages: [{ role: "user", content: "a fox" }],
  });
  await assertLink(linkIn(said.choices[0]?.message.content), on);
  equal(on.openai.calls.filter(({ method }) => method === "POST").length, 0);
});

inBothModes("OpenAI's client chats and gets a link to the picture", async (mode) => {
  await using on = await stage();
  const { choices, usage, model } = await client(on, mode).chat.completions.create({
    model: MODEL,
    messages: [{ role: "system", content: "You paint." }, { role: "user", content: "a fox" }],
  });
  equal(model, MODEL);
  equal(choices[0]?.finish_reason, "stop");
  await assertLink(linkIn(choices[0]?.message.content), on);
  ok(usage && usage.prompt_tokens > 0 && usage.completion_tokens > 0);
});

inBothModes(
  "OpenAI's client streams chat with usage in the last chunk when it asks for that",
  async (mode) => {
    await using on = await stage();
    const chunks = await Array.fromAsync(
      await client(on, mode).chat.completions.create({
        model: MODEL,
        messages: [{ role: "user", content: "a fox" }],
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    equal(chunks[0]?.choices[0]?.delta.role, "assistant");
    await assertLink(linkIn(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")), on);
    deepEqual(chunks.at(-1)?.choices, []);
    ok((chunks.at(-1)?.usage?.total_tokens ?? 0) > 0);
    equal(chunks.at(-2)?.choices[0]?.finish_reason, "stop");
  },
);

Deno.test("OpenAI's client streams chat without an extra chunk when it asks for no usage", async () => {
  await using on = await stage();
  const chunks = await Array.fromAsync(
    await client(on).chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: "a fox" }],
      stream: true,
    }),
  );
  ok(chunks.every(({ choices }) => choices.length === 1));
  equal(chunks.at(-1)?.choices[0]?.finish_reason, "stop");
});

inBothModes("OpenAI's chat stream helper puts the answer together", async (mode) => {
  await using on = await stage();
  const run = client(on, mode).chat.completions.stream({
    model: MODEL,
    messages: [{ role: "user", content: "a fox" }],
    stream_options: { include_usage: true },
  });
  const { choices, usage } = await run.finalChatCompletion();
  await assertLink(linkIn(choices[0]?.message.content), on);
  ok((usage?.total_tokens ?? 0) > 0);
});

inBothModes("a picture that OpenAI's client sends along in chat is edited", async (mode) => {
  await using on = await stage();
  await client(on, mode).chat.completions.create({
    model: MODEL,
    messages: [{
      role: "user",
      content: [{ type: "text", text: "make it night" }, {
        type: "image_url",
        image_url: { url: pictureUri(), detail: "auto" },
      }],
    }],
  });
  const { path, form } = on.openai.lastCall;
  deepEqual([path, form?.get("prompt")], ["/v1/images/edits", "make it night"]);
});

inBothModes("a second wish in chat edits the picture of the first, read from the store", async (mode) => {
  // The link names an address that the gateway may not open, so it can come from the store alone.
  await using on = await stage({ env: { ALLOW_HOSTS: "" } });
  const openai = client(on, mode);
  const first = { role: "user" as const, content: "a fox" };
  const { choices } = await openai.chat.completions.create({ model: MODEL, messages: [first] });
  const { content } = choices[0]!.message;
  await openai.chat.completions.create({
    model: MODEL,
    messages: [first, { role: "assistant", content }, { role: "user", content: "give it a hat" }],
  });
  const { form } = on.openai.lastCall;
  equal(form?.get("prompt"), "give it a hat");
  deepEqual(await (form!.get("image") as File).bytes(), await assertLink(linkIn(content), on));
});

inBothModes("the provider's call ends when OpenAI's client hangs up", async (mode) => {
  // Deno hears of a client that leaves once a reply has begun; blanks are such a beginning.
  await using on = await stage({ file: { system: { keepAlive: true } } });
  using gate = on.openai.hold();
  const leaving = new AbortController();
  const asked = client(on, mode).images.generate(
    { model: MODEL, prompt: "a fox" },
    { signal: leaving.signal },
  );
  const left = rejects(asked, OpenAI.APIUserAbortError);
  await on.openai.until(() => gate.waiting === 1);
  leaving.abort();
  await left;
  await on.openai.until(() => on.openai.aborted === 1);
});

for (const what of ["images", "chat"] as const) {
  inBothModes(`the provider's call ends when OpenAI's client leaves a stream of ${what}`, async (mode) => {
    await using on = await stage();
    using gate = on.openai.hold("reply");
    const openai = client(on, mode);
    const leaving = new AbortController();
    const { signal } = leaving;
    const stream = what === "images"
      ? await openai.images.generate({ model: MODEL, prompt: "a fox", stream: true }, { signal })
      : await openai.chat.completions.create({
        model: MODEL,
        messages: [{ role: "user", content: "a fox" }],
        stream: true,
      }, { signal });
    await on.openai.until(() => gate.waiting === 1);
    leaving.abort();
    await Array.fromAsync<unknown>(stream as AsyncIterable<unknown>);
    await on.openai.until(() => on.openai.aborted === 1);
  });
}

Deno.test("a key that nobody knows is an AuthenticationError of OpenAI's client", async () => {
  await using on = await stage();
  const asked = client(on, "backend", { apiKey: "nobody-knows-me" }).images.generate({ prompt: "a fox" });
  await rejects(asked, (error) => {
    ok(error instanceof OpenAI.AuthenticationError);
    equal(error.code, "invalid_api_key");
    match(error.requestID ?? "", /^req_/);
    return true;
  });
  equal(on.openai.imageCalls.length, 0);
});

Deno.test("a key that OpenAI refuses is an AuthenticationError for its owner", async () => {
  await using on = await stage();
  on.openai.reject(on.key("relay"));
  const asked = client(on, "relay").images.generate({ model: MODEL, prompt: "a fox" });
  await rejects(asked, (error) => {
    ok(error instanceof OpenAI.AuthenticationError);
    deepEqual([error.code, error.type], ["invalid_api_key", "invalid_request_error"]);
    return true;
  });
});

inBothModes(
  "a bad field is a BadRequestError of OpenAI's client that names it, and costs nothing",
  async (mode) => {
    await using on = await stage();
    const asked = client(on, mode).images.generate({ model: MODEL, prompt: "a fox", n: 11 });
    await rejects(asked, (error) => {
      ok(error instanceof OpenAI.BadRequestError);
      deepEqual([error.param, error.type], ["n", "invalid_request_error"]);
      return true;
    });
    equal(on.openai.imageCalls.length, 0);
  },
);

inBothModes("a refused prompt is a BadRequestError of OpenAI's client, asked once", async (mode) => {
  await using on = await stage();
  const asked = client(on, mode).images.generate({ model: MODEL, prompt: "something forbidden" });
  await rejects(asked, (error) => {
    ok(error instanceof OpenAI.BadRequestError);
    deepEqual([error.code, error.type], ["content_policy_violation", "image_generation_user_error"]);
    return true;
  });
  equal(on.openai.imageCalls.length, 1);
});

Deno.test("a rate limit is a RateLimitError of OpenAI's client with the time to wait", async () => {
  await using on = await stage();
  on.openai.limit(on.key("relay"), { retryAfter: 7 });
  const asked = client(on, "relay", { maxRetries: 0 }).images.generate({ model: MODEL, prompt: "a fox" });
  await rejects(asked, (error) => {
    ok(error instanceof OpenAI.RateLimitError);
    deepEqual([error.headers.get("retry-after"), error.headers.get("x-should-retry")], ["7", "true"]);
    equal(error.code, "rate_limit_exceeded");
    return true;
  });
});

Deno.test("a model that nobody has is a NotFoundError of OpenAI's client", async () => {
  await using on = await stage({ file: { routing: { unknownModel: "error" } } });
  const asked = client(on).images.generate({ model: "no-such-model", prompt: "a fox" });
  await rejects(asked, (error) => {
    ok(error instanceof OpenAI.NotFoundError);
    deepEqual([error.code, error.param], ["model_not_found", "model"]);
    return true;
  });
});

for (const fault of ["empty", "garbage", "truncated", "reset midway"] as const) {
  inBothModes(`OpenAI's client asks once where a paid reply is lost (${fault})`, async (mode) => {
    await using on = await stage();
    on.openai.fail(fault, 9);
    const asked = client(on, mode).images.generate({ model: MODEL, prompt: "a fox" });
    await rejects(asked, (error) => {
      ok(error instanceof OpenAI.InternalServerError);
      equal(error.status, 502);
      return true;
    });
    equal(on.openai.imageCalls.length, 1);
  });
}

Deno.test("OpenAI's client does not repeat what the gateway itself has repeated", async () => {
  await using on = await stage({ env: { MAX_RETRIES: "2" } });
  on.openai.fail({ status: 503 }, 99);
  await rejects(client(on).images.generate({ model: MODEL, prompt: "a fox" }), OpenAI.InternalServerError);
  const asked = on.openai.imageCalls.length;
  ok(asked >= 2 && asked <= 3, `the provider was asked ${asked} times`);
});

for (const what of ["images", "chat"] as const) {
  inBothModes(
    `a failure in the middle of a stream of ${what} is thrown by OpenAI's client, asked once`,
    async (mode) => {
      await using on = await stage();
      const prompt = "something forbidden";
      const openai = client(on, mode);
      const stream = what === "images"
        ? await openai.images.generate({ model: MODEL, prompt, stream: true })
        : await openai.chat.completions.create({
          model: MODEL,
          messages: [{ role: "user", content: prompt }],
          stream: true,
        });
      await rejects(Array.fromAsync<unknown>(stream as AsyncIterable<unknown>), (error) => {
        ok(error instanceof OpenAI.APIError);
        equal(error.code, "content_policy_violation");
        return true;
      });
      equal(on.openai.imageCalls.length, 1);
    },
  );
}

Deno.test("each answer carries the request id that OpenAI's client shows", async () => {
  await using on = await stage();
  const asked = () =>
    client(on).images.generate({ model: MODEL, prompt: "a fox" }).withResponse().then((answer) =>
      answer.request_id
    );
  const [one, two] = [await asked(), await asked()];
  match(one ?? "", /^req_[0-9a-f]{32}$/);
  notEqual(one, two);
});

Deno.test("OpenAI's client lists the models and looks at one", async () => {
  await using on = await stage();
  const models = await Array.fromAsync(await client(on).models.list());
  ok(models.some(({ id }) => id === "auto"));
  const one: { id: string; object: string; providers?: string[] } = await client(on).models.retrieve(MODEL);
  deepEqual([one.id, one.object], [MODEL, "model"]);
  ok(one.providers?.includes("OpenAI"), "those who have it are named");
});
