/** The chat endpoint, asked as chat apps and relays ask it, by their own fields and in their own words. */
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { assertLink, assertPicture, eventsOf, linkIn, pictureUri, type Stage, stage } from "./client_kit.ts";

const MODEL = "gpt-image-2";
const PATH = "chat/completions";
const GO = { "user-agent": "Go-http-client/1.1" };

type Message = Record<string, unknown>;

const user = (content: unknown): Message => ({ role: "user", content });
const assistant = (content: unknown, more: Message = {}): Message => ({
  role: "assistant",
  content,
  ...more,
});
const system = (content: string): Message => ({ role: "system", content });
const FOX = { model: MODEL, messages: [user("a fox")] };

interface Delta {
  role?: string;
  content?: string;
  images?: { image_url: { url: string } }[];
}
interface Chunk {
  id: string;
  created: number;
  choices: { index: number; delta: Delta; finish_reason: string | null }[];
  usage?: { total_tokens: number; prompt_tokens: number; completion_tokens: number } | null;
}

async function answer(on: Stage, body: unknown, headers: Record<string, string> = {}) {
  const response = await on.send(PATH, body, { headers });
  const reply = await response.json();
  equal(response.status, 200, JSON.stringify(reply));
  return reply;
}

async function contentOf(on: Stage, body: unknown, headers?: Record<string, string>): Promise<string> {
  const { content } = (await answer(on, body, headers)).choices[0].message;
  ok(typeof content === "string" && content.length > 0);
  return content;
}

async function chunksOf(on: Stage, body: object, headers: Record<string, string> = {}): Promise<Chunk[]> {
  return (await eventsOf(await on.send(PATH, { ...body, stream: true }, { headers }))) as unknown as Chunk[];
}

const textOf = (chunks: Chunk[]) => chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");

async function source(on: Stage): Promise<Uint8Array> {
  return await (on.openai.lastCall.form!.get("image") as File).bytes();
}

const bytesOf = (uri: string) => Uint8Array.fromBase64(uri.split(",")[1]!);

Deno.test("a chat answer is a short link in one delta, which every app and relay can carry", async () => {
  await using on = await stage();
  const chunks = await chunksOf(on, FOX, GO);
  const spoken = chunks.filter(({ choices }) => choices[0]?.delta.content);
  equal(spoken.length, 1);
  ok(JSON.stringify(spoken[0]).length < 1024);
  await assertLink(linkIn(textOf(chunks)), on);
});

Deno.test("the link of a chat answer is of the kind that markdown filters let through", async () => {
  await using on = await stage();
  match(await contentOf(on, FOX), /^!\[[^\]]+\]\(https?:\/\/[^\s()]+\)$/);
});

Deno.test("whoever asks for images as a modality gets them beside the text, and no second copy in it", async () => {
  await using on = await stage();
  const body = { ...FOX, modalities: ["image", "text"], image_config: { aspect_ratio: "3:2" } };
  const { message } = (await answer(on, body)).choices[0];
  match(message.images[0].image_url.url, /^data:image\/png;base64,/);
  assertPicture(message.images[0].image_url.url.split(",")[1]);
  ok(message.content.length > 0 && !/data:|https?:|!\[/.test(message.content));
});

Deno.test("pictures beside the text come in a chunk of their own, since some readers drop text that is with them", async () => {
  await using on = await stage();
  const chunks = await chunksOf(on, { ...FOX, modalities: ["image"] });
  const withImages = chunks.filter(({ choices }) => choices[0]?.delta.images);
  equal(withImages.length, 1);
  const { delta, finish_reason } = withImages[0]!.choices[0]!;
  deepEqual([delta.content, finish_reason], [undefined, null]);
  assertPicture(delta.images![0]!.image_url.url.split(",")[1]);
});

Deno.test("an operator may have data URIs in the text: whole for apps, in short lines for relays", async () => {
  await using on = await stage({ file: { system: { chatImages: "data_uri" } } });
  const body = { model: "mock-painter", messages: [user("a fox")], size: "1024x1024", seed: 1 };
  const sent = async (headers: Record<string, string>) =>
    (await eventsOf(
      await on.send(PATH, { ...body, stream: true }, { key: "mock-demo", headers }),
    )) as unknown as Chunk[];
  const whole = await sent({});
  equal(whole.filter(({ choices }) => choices[0]?.delta.content).length, 1);
  assertPicture(/base64,([^)]+)\)/.exec(textOf(whole))?.[1]);
  const pieces = await sent(GO);
  ok(pieces.every((chunk) => JSON.stringify(chunk).length <= 32 * 1024));
  ok(pieces.filter(({ choices }) => choices[0]?.delta.content).length > 1);
  assertPicture(/base64,([^)]+)\)/.exec(textOf(pieces))?.[1]);
});

Deno.test("no number of pictures, or none, means one in chat", async () => {
  await using on = await stage();
  for (const n of [0, null, 1]) {
    equal((await contentOf(on, { ...FOX, n })).match(/!\[/g)?.length, 1);
  }
  equal((await contentOf(on, { ...FOX, n: 3 })).match(/!\[/g)?.length, 3);
});

Deno.test("what SillyTavern sends besides the conversation does no harm", async () => {
  await using on = await stage();
  const body = {
    model: MODEL,
    messages: [system("Write."), system("More."), user("a fox"), assistant("Well,"), system("Go on.")],
    temperature: 1,
    top_p: 1,
    top_k: 0,
    frequency_penalty: 0,
    presence_penalty: 0,
    max_tokens: 300,
    stop: ["\n"],
    logit_bias: {},
    seed: -1,
    n: 1,
    tools: [],
  };
  await assertLink(linkIn(await contentOf(on, body)), on);
  equal((on.openai.lastCall.json as { prompt: string }).prompt, "a fox");
});

Deno.test("the last user turn is the wish, whatever roles and forms are around it", async () => {
  await using on = await stage();
  const messages = [
    { role: "developer", content: "You paint." },
    user([{ type: "text", text: "a dog" }]),
    assistant(null, { tool_calls: [] }),
    { role: "tool", tool_call_id: "call_1", content: "{}" },
    user([{ type: "text", text: "a fox" }, {
      type: "input_audio",
      input_audio: { data: "", format: "wav" },
    }]),
    assistant("Let me see"),
  ];
  await contentOf(on, { model: MODEL, messages, response_format: { type: "text" } });
  equal((on.openai.lastCall.json as { prompt: string }).prompt, "a fox");
});

Deno.test("the picture to be changed is the user's own, else the newest of the assistant, in any form of it", async () => {
  await using on = await stage({ env: { ALLOW_HOSTS: "" } });
  const [old, newest, own] = [pictureUri(1), pictureUri(2), pictureUri(3)];
  const link = linkIn(await contentOf(on, FOX));
  const wish = user("give it a hat");
  const image = (url: string) => ({ type: "image_url", image_url: { url, detail: "auto" } });
  const cases: [Message[], Uint8Array][] = [
    [[user("x"), assistant(`![image](${link})`), wish], await assertLink(link, on)],
    [[user("x"), assistant(`![image](${new URL(link).pathname})`), wish], await assertLink(link, on)],
    [[user("x"), assistant(`![image](${newest})`), wish], bytesOf(newest)],
    [[user("x"), assistant([{ type: "text", text: "Here" }, image(newest)]), wish], bytesOf(newest)],
    [[user("x"), assistant("", { images: [image(newest)] }), wish], bytesOf(newest)],
    [[user("x"), assistant(`![a](${old})`), user("y"), assistant(`![b](${newest})`), wish], bytesOf(newest)],
    [[user("x"), assistant(`![a](${old})`), user([{ type: "text", text: "hat" }, image(own)])], bytesOf(own)],
  ];
  for (const [messages, wanted] of cases) {
    await contentOf(on, { model: MODEL, messages });
    deepEqual(await source(on), wanted, JSON.stringify(messages).slice(0, 200));
  }
});

Deno.test("Cherry Studio's stand-in for a picture is none, and a foreign address of this network is not opened", async () => {
  await using on = await stage({ env: { ALLOW_HOSTS: "" } });
  await contentOf(on, { model: MODEL, messages: [user("x"), assistant("[Image]"), user("a fox")] });
  equal(on.openai.lastCall.path, "/v1/images/generations");
  const before = on.openai.calls.length;
  const part = { type: "image_url", image_url: { url: `${on.openai.origin}/v1/models` } };
  const response = await on.send(PATH, {
    model: MODEL,
    messages: [user([{ type: "text", text: "hat" }, part])],
  });
  equal(response.status, 400);
  match((await response.json()).error.param, /^messages/);
  equal(on.openai.calls.length, before);
});

const HISTORY =
  "<chat_history>\nUSER: a red fox in the snow\nASSISTANT: ![image1](http://x/storage/1.png)\n</chat_history>";

Deno.test("Open WebUI's background tasks are answered in the JSON that they ask for, without a picture", async () => {
  await using on = await stage();
  for (const key of ["title", "tags", "follow_ups", "queries"]) {
    const prompt =
      `### Task:\nDo it.\n### Output:\nJSON format: { "${key}": ... }\n### Chat History:\n${HISTORY}`;
    const text = await contentOf(on, {
      model: MODEL,
      messages: [user(prompt)],
      stream: false,
      ...key === "title" && { max_completion_tokens: 1000 },
    });
    ok(key in JSON.parse(text), text);
  }
  equal(on.openai.imageCalls.length, 0);
});

Deno.test("titles that NextChat, Chatbox, LobeChat and Cherry Studio ask for cost no picture", async () => {
  await using on = await stage();
  const earlier = [user("a red fox in the snow"), assistant("![image1](http://x/storage/1.png)")];
  const asked: Message[][] = [
    [...earlier, user("Please generate a four to five word title summarizing our conversation")],
    [user(
      "Based on the chat history, give this conversation a name.\nKeep it short\n```\nYou are helpful\n---------\na red fox\n```",
    )],
    [
      system("You are a professional conversation summarizer. Generate a concise title."),
      user("a red fox in the snow"),
    ],
    [
      system("Summarize the user's conversation into a title within 10 words"),
      user('[{"role":"user","mainText":"a red fox"}]'),
    ],
    [...earlier, system("Summarize the discussion briefly in 200 words or less to use as a prompt")],
  ];
  for (const messages of asked) match(await contentOf(on, { model: MODEL, messages }), /fox/i);
  equal(on.openai.imageCalls.length, 0);
});

Deno.test("checks that apps and relays make are answered at once, in text, with usage", async () => {
  await using on = await stage();
  const checks = [
    { model: MODEL, messages: [user("hi")], max_tokens: 16 },
    { model: MODEL, messages: [user("hi")], max_completion_tokens: 16 },
    { model: MODEL, messages: [user("hello")] },
    { model: MODEL, messages: [system("test"), user("hi")] },
    { model: MODEL, messages: [user("Output only your specific model name with no additional text.")] },
  ];
  for (const body of checks) {
    const { choices, usage } = await answer(on, body, GO);
    ok(choices[0].message.content.length > 0);
    ok(usage.prompt_tokens > 0 && usage.completion_tokens > 0 && usage.total_tokens > 0);
    const chunks = await chunksOf(on, body, GO);
    ok(textOf(chunks).length > 0);
    equal(chunks.at(-1)?.choices[0]?.finish_reason, "stop");
  }
  equal(on.openai.imageCalls.length, 0);
});

Deno.test("a stream begins before the picture is made, and what is wrong is told with its status before that", async () => {
  await using on = await stage();
  using gate = on.openai.hold();
  const response = await on.send(PATH, { ...FOX, stream: true });
  deepEqual([response.status, response.headers.get("content-type")], [
    200,
    "text/event-stream; charset=utf-8",
  ]);
  const reader = response.body!.getReader();
  const first = new TextDecoder().decode((await reader.read()).value);
  equal(JSON.parse(first.slice("data: ".length)).choices[0].delta.role, "assistant");
  await on.openai.until(() => gate.waiting === 1);
  await reader.cancel();
  await on.openai.until(() => on.openai.aborted === 1);
  for (const body of [{ model: MODEL, messages: [] }, { ...FOX, n: 99 }]) {
    equal(
      (await (await on.send(PATH, { ...body, stream: true })).json()).error.type,
      "invalid_request_error",
    );
  }
});

Deno.test("while a picture is made the stream beats: comments, and chunks that say nothing", async () => {
  const clock = new FakeClock();
  await using on = await stage({ clock });
  using gate = on.openai.hold();
  const response = await on.send(PATH, { ...FOX, stream: true });
  const reading = response.text();
  await on.openai.until(() => gate.waiting === 1);
  for (let beat = 0; beat < 3; beat++) await clock.passSleep(10_000, 15_000);
  gate.release();
  const text = await reading;
  equal(text.match(/^: .+$/gm)?.length, 2);
  equal(text.match(/"delta":\{"content":""\}/g)?.length, 1);
  ok(!/^(?:data|event|id|retry):\s*$/m.test(text));
});

Deno.test("a stream has its chunks in the order that all readers need", async () => {
  await using on = await stage();
  for (const includeUsage of [true, false]) {
    const response = await on.send(PATH, {
      ...FOX,
      stream: true,
      stream_options: { include_usage: includeUsage },
    });
    const text = await response.text();
    ok(text.endsWith("\n\ndata: [DONE]\n\n"));
    const chunks: Chunk[] = text.split("\n\n").filter((block) => block.startsWith("data: {")).map((block) =>
      JSON.parse(block.slice("data: ".length))
    );
    const kinds = chunks.map(({ choices: [choice] }) =>
      !choice ? "usage" : choice.delta.role ?? choice.finish_reason ?? "content"
    );
    deepEqual(kinds, ["assistant", "content", "stop", ...includeUsage ? ["usage"] : []]);
    deepEqual(chunks.find(({ choices }) => choices[0]?.finish_reason)?.choices[0]?.delta, {});
    equal(new Set(chunks.map(({ id, created }) => `${id} ${created}`)).size, 1);
    ok((chunks.at(-1)?.usage?.total_tokens ?? 0) > 0, "usage is in the last chunk, asked for or not");
  }
});

Deno.test("chat usage is never zero, so that relays don't count the text themselves", async () => {
  await using on = await stage();
  const { usage } = await answer(on, { ...FOX, temperature: 0.7, user: "u1" }, GO);
  ok(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
  equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
});

Deno.test("an answer is text even where the picture is beside it", async () => {
  await using on = await stage();
  equal((await contentOf(on, { ...FOX, modalities: ["image"] })).trim() === "", false);
  notEqual(textOf(await chunksOf(on, { ...FOX, modalities: ["image"] })).trim(), "");
});

Deno.test("a failure after the stream began is told in words and as an error, and then it ends", async () => {
  await using on = await stage();
  const events = await eventsOf(
    await on.send(PATH, { model: MODEL, messages: [user("something forbidden")], stream: true }),
  );
  const [words, error] = events.slice(-2) as [
    Record<string, unknown>,
    { error: { code: string; message: string } },
  ];
  match(textOf([words as unknown as Chunk]), /safety system/);
  equal(error.error.code, "content_policy_violation");
});

Deno.test("streams pass proxies unbuffered and uncompressed", async () => {
  await using on = await stage();
  for (
    const [path, body] of [[PATH, FOX], ["images/generations", { model: MODEL, prompt: "a fox" }]] as const
  ) {
    const response = await on.send(path, { ...body, stream: true }, {
      headers: { "accept-encoding": "gzip, br" },
    });
    deepEqual(
      ["cache-control", "x-accel-buffering", "content-encoding"].map((name) => response.headers.get(name)),
      ["no-cache, no-transform", "no", null],
    );
    await response.text();
  }
});

Deno.test("histories with many megabytes of pictures are read", async () => {
  await using on = await stage();
  const large = new Uint8Array(3_000_000);
  large.set(bytesOf(pictureUri()));
  const uri = `data:image/png;base64,${large.toBase64()}`;
  const messages = Array.from({ length: 10 }, () => [user("x"), assistant(`![a](${uri})`)]).flat();
  await contentOf(on, { model: MODEL, messages: [...messages, user("give it a hat")] });
  equal(on.openai.lastCall.path, "/v1/images/edits");
});
