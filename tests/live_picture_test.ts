/** A large picture's way into streams of events and into chat: it goes on while it arrives, there too. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { buffers } from "../src/core/buffers.ts";
import { readImageFacts } from "../src/core/media.ts";
import { paintNoise } from "../src/testing/painting.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import type { GatewayOptions, TestGateway } from "../src/testing/gateway.ts";
import { eventsOf, inBothModes, type Mode, type Stage, stage } from "./client_kit.ts";
import { startScene } from "./drill_scene.ts";

const MODEL = "gpt-image-2";
const NOISE = 600_000;
const IMAGES = "images/generations";
const CHAT = "chat/completions";

/** One way to get a picture, and where it is in what comes. */
interface Way {
  name: string;
  path: string;
  body: Record<string, unknown>;
  /** What the operator set. */
  system?: Record<string, unknown>;
  /** Base64 in the events of a stream, or in the one object of a plain reply. */
  find: (bodies: Record<string, unknown>[]) => string | undefined;
}

/** Large enough to be read in pieces as well. */
const PREVIEW = paintNoise({ bytes: 80_000 });

const wish = { model: MODEL, prompt: "a fox" };
const talk = { model: MODEL, messages: [{ role: "user", content: "a fox" }] };
const afterComma = (uri: string) => /^data:image\/png;base64,(.+)$/.exec(uri)?.[1];
const inMarkdown = (text: string) => /^!\[image1\]\(data:image\/png;base64,([^)]+)\)$/.exec(text)?.[1];

interface Said {
  content?: string;
  images?: { image_url: { url: string } }[];
}

/** What chat says, be it in one message or in one delta. */
function saidIn(bodies: Record<string, unknown>[]): Said[] {
  const choices = bodies.flatMap(({ choices }) => choices as { message?: Said; delta?: Said }[]);
  return choices.map(({ message, delta }) => message ?? delta ?? {});
}

const contentIn: Way["find"] = (bodies) =>
  saidIn(bodies).map(({ content = "" }) => inMarkdown(content)).find(Boolean);
const imagesIn: Way["find"] = (bodies) =>
  afterComma(saidIn(bodies).find(({ images }) => images)?.images?.[0]?.image_url.url ?? "");
const data_uri = { chatImages: "data_uri" };

const WAYS: Way[] = [
  {
    name: "a stream of images",
    path: IMAGES,
    body: { ...wish, stream: true },
    find: (bodies) => bodies.find(({ type }) => type === "image_generation.completed")?.b64_json as string,
  },
  {
    name: "a stream of images with previews",
    path: IMAGES,
    body: { ...wish, stream: true, partial_images: 1 },
    find: (bodies) => {
      const [preview, completed, ...others] = bodies;
      assert.deepEqual([preview!.b64_json, preview!.partial_image_index], [PREVIEW.toBase64(), 0]);
      assert.deepEqual([completed!.type, others], ["image_generation.completed", []]);
      return completed!.b64_json as string;
    },
  },
  {
    name: "a reply behind blanks",
    path: IMAGES,
    body: wish,
    system: { keepAlive: true },
    find: ([body]) => (body!.data as { b64_json: string }[])[0]!.b64_json,
  },
  { name: "chat's text", path: CHAT, body: talk, system: data_uri, find: contentIn },
  {
    name: "chat's text as a stream",
    path: CHAT,
    body: { ...talk, stream: true },
    system: data_uri,
    find: contentIn,
  },
  { name: "chat's images", path: CHAT, body: { ...talk, modalities: ["image"] }, find: imagesIn },
  {
    name: "chat's images as a stream",
    path: CHAT,
    body: { ...talk, modalities: ["image"], stream: true },
    find: imagesIn,
  },
];
/** Where nothing is stored, a link can only be the picture itself. */
const UNSTORED: Way[] = [
  { name: "chat's link", path: CHAT, body: talk, find: contentIn },
  { name: "chat's link as a stream", path: CHAT, body: { ...talk, stream: true }, find: contentIn },
  {
    name: "a link",
    path: IMAGES,
    body: { ...wish, response_format: "url" },
    find: ([body]) => afterComma((body!.data as { url: string }[])[0]!.url),
  },
];
const ALL = [
  ...WAYS.map((way) => ({ ...way, storage: "disk" })),
  ...[...WAYS, ...UNSTORED].map((way) => ({ ...way, storage: "off" })),
];

async function stageFor(way: { system?: object; storage?: string }, options: GatewayOptions = {}) {
  const on = await stage({
    ...options,
    env: { STORAGE: way.storage ?? "disk" },
    file: { system: { ...way.system } },
  });
  Object.assign(on.openai, { noiseBytes: NOISE, preview: PREVIEW, pieceBytes: 50_000 });
  return on;
}

function ask(on: Stage, { path, body }: Way, mode: Mode = "backend", init: RequestInit = {}) {
  return on.send(path, body, { key: on.key(mode), ...init });
}

async function pictureIn(response: Response, way: Way): Promise<Uint8Array> {
  assert.equal(response.status, 200);
  const bodies = way.body.stream ? await eventsOf(response) : [await response.json()];
  const base64 = way.find(bodies);
  assert.ok(base64, "no picture where it should be");
  return Uint8Array.fromBase64(base64);
}

/** Reads the start of a picture, while the rest is held back. */
async function start(response: Response) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.length < 250_000) text += (await reader.read()).value!;
  assert.match(text.slice(-100_000), /^[\w+/]+$/);
  return { reader, text };
}

/** Reads on to the end, and gives what came before it; a connection that breaks off is told. */
async function restOf(reader: ReadableStreamDefaultReader<string>) {
  let text = "";
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
    return { text, brokeOff: false };
  } catch {
    return { text, brokeOff: true };
  }
}

/** The newest request of the history. */
async function lastRequest({ app }: TestGateway) {
  await app.settled();
  await app.stores.history.flush();
  return (await app.stores.history.list({ limit: 1 })).data[0]!;
}

function assertAllGivenBack(): void {
  assert.equal(buffers.lent, 0, "memory that was lent for a picture was not given back");
}

for (const way of ALL) {
  inBothModes(`a picture gets into ${way.name}, storage ${way.storage}, byte for byte`, async (mode) => {
    await using on = await stageFor(way);
    for (const [index, pieceBytes] of [undefined, 700, 50_000].entries()) {
      on.openai.pieceBytes = pieceBytes;
      assert.deepEqual(await pictureIn(await ask(on, way, mode), way), on.openai.painted[index]);
    }
    assert.equal((await on.gateway.stored()).length, way.storage === "disk" ? 3 : 0);
    assertAllGivenBack();
  });

  Deno.test(`the start of a picture is in ${way.name} before its end has come, storage ${way.storage}`, async () => {
    await using on = await stageFor(way);
    using gate = on.openai.hold("middle");
    const { reader, text } = await start(await ask(on, way));
    assert.equal(gate.waiting, 1, "its provider still holds the second half");
    gate.release();
    const rest = await restOf(reader);
    const whole = new Response(text + rest.text, {
      headers: { "content-type": way.body.stream ? "text/event-stream" : "application/json" },
    });
    assert.deepEqual(await pictureIn(whole, way), on.openai.painted[0]);
  });

  for (const fault of ["reset midway", "truncated"] as const) {
    Deno.test(`a picture that breaks off (${fault}) breaks ${way.name} off, storage ${way.storage}`, async () => {
      await using on = await stageFor(way);
      on.openai.fail(fault);
      const { reader, text } = await start(await ask(on, way));
      const rest = await restOf(reader);
      assert.ok(rest.brokeOff, "half a picture passed for a whole one");
      assert.doesNotMatch(text + rest.text, /\[DONE\]|finish_reason":"stop|"usage"|"error"/);
      const { outcome, images } = await lastRequest(on.gateway);
      assert.deepEqual([outcome, images], ["malformed_reply", 0]);
      assert.deepEqual(await on.gateway.stored(), []);
      assertAllGivenBack();
    });
  }

  Deno.test(`a client who leaves ${way.name} in the midst of a picture, storage ${way.storage}, is told to nobody`, async () => {
    await using on = await stageFor(way);
    using gate = on.openai.hold("middle");
    const client = new AbortController();
    const { reader } = await start(await ask(on, way, "backend", { signal: client.signal }));
    client.abort();
    await assert.rejects(reader.closed);
    if (way.storage === "off") await on.openai.until(() => on.openai.aborted === 1);
    gate.release();
    const isKept = way.storage === "disk";
    assert.equal((await on.gateway.stored()).length, isKept ? 1 : 0);
    assert.equal((await lastRequest(on.gateway)).outcome, isKept ? "ok" : "cancelled");
    assertAllGivenBack();
  });
}

for (const way of WAYS.filter(({ body }) => body.stream)) {
  Deno.test(`${way.name} beats until the picture begins`, async () => {
    const clock = new FakeClock();
    await using on = await stageFor(way, { clock });
    using gate = on.openai.hold();
    const response = await ask(on, way);
    const reading = response.text();
    await on.openai.until(() => gate.waiting === 1);
    for (let beat = 0; beat < 2; beat++) await clock.passSleep(12_000);
    gate.release();
    const text = await reading;
    assert.deepEqual(text.match(/^: .*$/gm), [": waiting", ": waiting"]);
    assert.ok(text.lastIndexOf(": waiting") < text.indexOf("iVBOR"));
  });

  Deno.test(`${way.name} does not beat in the midst of a picture`, async () => {
    const clock = new FakeClock();
    await using on = await stageFor(way, { clock });
    using gate = on.openai.hold("middle");
    const { reader, text } = await start(await ask(on, way));
    await clock.pass(50_000);
    gate.release();
    const rest = await restOf(reader);
    assert.deepEqual([...(text + rest.text).matchAll(/^: .*/gm)], []);
    assert.ok(rest.text.endsWith("data: [DONE]\n\n"));
  });
}

inBothModes("what is told behind a picture is in its completed event", async (mode) => {
  await using on = await stageFor({});
  on.openai.revise = (prompt) => `${prompt}, "painted" in oil; 狐狸 🦊`;
  const events = await eventsOf(await on.send(IMAGES, { ...wish, stream: true }, { key: on.key(mode) }));
  const { b64_json, url, ...told } = events.at(-1)!;
  assert.deepEqual(Uint8Array.fromBase64(String(b64_json)), on.openai.painted[0]);
  assert.ok(String(url).startsWith(`${on.gateway.url}/storage/`));
  assert.equal(told.revised_prompt, on.openai.revise("a fox"));
  assert.equal((told.usage as { output_tokens: number }).output_tokens, 1056);
  assert.deepEqual([told.type, told.output_format], ["image_generation.completed", "png"]);
});

Deno.test("what is told behind a picture counts in chat", async () => {
  await using on = await stageFor({ system: data_uri });
  const plain = await (await on.send(CHAT, talk)).json();
  assert.equal(plain.usage.completion_tokens, 1056);
  const streamed = await eventsOf(await on.send(CHAT, { ...talk, stream: true }));
  assert.equal((streamed.at(-1)!.usage as { completion_tokens: number }).completion_tokens, 1056);
});

Deno.test("a stream goes on to the next provider as long as no picture has begun", async () => {
  for (const fault of ["reset", "truncated", "empty"] as const) {
    await using scene = await startScene();
    scene.openai.noiseBytes = 70_000;
    scene.gitee.noiseBytes = 200_000;
    scene.openai.fail(fault);
    const events = await eventsOf(await scene.ask({ stream: true, model: "auto" }));
    assert.equal(events.length, 1);
    assert.deepEqual(Uint8Array.fromBase64(String(events[0]!.b64_json)), scene.gitee.painted[0]);
  }
});

Deno.test("a picture that has to be converted gets into a stream whole", async () => {
  await using scene = await startScene({ openaiSettings: { enabled: false } });
  scene.gitee.noiseBytes = 400_000;
  const body = { stream: true, model: "z-image-turbo", output_format: "jpeg" };
  const [event] = await eventsOf(await scene.ask(body));
  assert.equal(readImageFacts(Uint8Array.fromBase64(String(event!.b64_json)))?.type, "image/jpeg");
  assert.equal(event!.output_format, "jpeg");
});

inBothModes("OpenAI's own client reads streams with four megabytes in one line", async (mode) => {
  await using on = await stageFor({ system: data_uri });
  on.openai.noiseBytes = 3_100_000;
  const client = new OpenAI({ baseURL: on.baseURL, apiKey: on.key(mode), fetch: on.fetch });
  const images = await client.images.generate({ model: MODEL, prompt: "a fox", stream: true });
  const [event] = await Array.fromAsync(images);
  assert.ok(event?.type === "image_generation.completed");
  assert.deepEqual(Uint8Array.fromBase64(event.b64_json), on.openai.painted[0]);
  assert.equal(event.usage.output_tokens, 1056);
  const chat = client.chat.completions.stream({
    model: MODEL,
    messages: [{ role: "user", content: "a fox" }],
    stream_options: { include_usage: true },
  });
  const { choices, usage } = await chat.finalChatCompletion();
  assert.equal(choices[0]!.finish_reason, "stop");
  assert.deepEqual(Uint8Array.fromBase64(inMarkdown(choices[0]!.message.content!)!), on.openai.painted[1]);
  assert.equal(usage?.completion_tokens, 1056);
  assertAllGivenBack();
});
