/** The way of a large picture from its provider to client and disk, which begins before all of it is here. */
import assert from "node:assert/strict";
import { join } from "node:path";
import OpenAI from "openai";
import sharp from "sharp";
import { buffers } from "../src/core/buffers.ts";
import { readImageFacts } from "../src/core/media.ts";
import { collectGarbage } from "../src/testing/collect_garbage.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { newApiService } from "../src/testing/new_api_service.ts";
import { PollinationsService } from "../src/testing/pollinations_service.ts";
import { CLIENT_KEY, inBothModes, type Mode, type Stage, stage } from "./client_kit.ts";
import { delivered, startScene } from "./drill_scene.ts";

const MODEL = "gpt-image-2";
const NOISE = 600_000;
const FORMS = ["b64_json", "url", "bytes"] as const;
type Form = (typeof FORMS)[number];

/** What a client sends to get one picture in a form. */
function asking(form: Form, more: Record<string, unknown> = {}) {
  const body = {
    model: MODEL,
    prompt: "a fox",
    response_format: form === "url" ? "url" : "b64_json",
    ...more,
  };
  const headers: Record<string, string> = form === "bytes" ? { accept: "image/*" } : {};
  return { body, headers };
}

/** What a client makes of a good reply: the picture, and what came beside it. */
async function received(response: Response, form: Form) {
  const { status, headers } = response;
  if (form === "bytes") {
    const bytes = await response.bytes();
    assert.equal(status, 200);
    return { bytes, headers, type: headers.get("content-type"), body: {} };
  }
  const { data, ...body } = await response.json();
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(data.length, 1);
  const [{ b64_json, url, ...about }] = data;
  if (form === "b64_json") return { bytes: Uint8Array.fromBase64(b64_json), headers, body, about };
  const file = await fetch(url);
  return { bytes: await file.bytes(), headers, type: file.headers.get("content-type"), body, about, url };
}

/** Reads the start of a body, while the rest is held back. */
async function start(response: Response): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const reader = response.body!.getReader();
  for (let seen = 0; seen < 100_000;) seen += (await reader.read()).value!.length;
  return reader;
}

/** All files of the folder of pictures, hidden ones too. */
async function filesOf({ dataDir }: TestGateway): Promise<string[]> {
  await Deno.mkdir(join(dataDir, "storage"), { recursive: true });
  return (await Array.fromAsync(Deno.readDir(join(dataDir, "storage")))).map(({ name }) => name).sort();
}

async function pictureFile(gateway: TestGateway, name: string): Promise<Uint8Array> {
  return new Uint8Array(await Deno.readFile(join(gateway.dataDir, "storage", name)));
}

/** The newest request of the history, with its attempts. */
async function lastRequest({ app }: TestGateway) {
  await app.settled();
  const { history } = app.stores;
  await history.flush();
  const { data: [newest] } = await history.list({ limit: 1 });
  return (await history.get(newest!.id))!;
}

/** A gateway before a provider that answers with addresses. */
async function urlStage({ env, ...options }: Parameters<typeof startGateway>[0] = {}) {
  await using begun = new AsyncDisposableStack();
  const relay = begun.use(newApiService({ answers: "url" }));
  relay.noiseBytes = NOISE;
  const gateway = begun.use(
    await startGateway({
      ...options,
      env: {
        NEWAPI_BASE_URL: relay.url,
        NEWAPI_API_KEY: relay.newKey(),
        GATEWAY_API_KEYS: CLIENT_KEY,
        RETRY_DELAY: "0",
        ...env,
      },
    }),
  );
  const own = relay.newKey();
  const stack = begun.move();
  return {
    relay,
    gateway,
    send: (mode: Mode, form: Form, more: Record<string, unknown> = {}, init: RequestInit = {}) => {
      const { body, headers } = asking(form, { model: "flux-1.1-pro", ...more });
      const key = mode === "backend" ? CLIENT_KEY : own;
      return gateway.post("/v1/images/generations", body, key, {
        ...init,
        headers: { ...headers, "x-provider": "NewApi" },
      });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function send(on: Stage, mode: Mode, form: Form, more: Record<string, unknown> = {}, init: RequestInit = {}) {
  const { body, headers } = asking(form, more);
  return on.gateway.post("/v1/images/generations", body, on.key(mode), { ...init, headers });
}

function assertAllGivenBack(): void {
  assert.equal(buffers.lent, 0, "memory that was lent for a picture was not given back");
}

for (const storage of ["disk", "off"] as const) {
  for (const form of FORMS) {
    inBothModes(`base64 becomes ${form} with storage ${storage}, byte for byte`, async (mode) => {
      await using on = await stage({ env: { STORAGE: storage } });
      on.openai.noiseBytes = NOISE;
      const { bytes, headers, type } = await received(await send(on, mode, form), form);
      assert.deepEqual(bytes, on.openai.painted[0]);
      if (type) assert.equal(type, "image/png");
      if (form !== "url") assert.equal(headers.get("cache-control"), "no-store, no-transform");
      const names = await on.gateway.stored();
      assert.equal(names.length, storage === "disk" ? 1 : 0);
      if (names[0]) assert.deepEqual(await pictureFile(on.gateway, names[0]), on.openai.painted[0]);
      assertAllGivenBack();
    });

    inBothModes(`an address becomes ${form} with storage ${storage}, byte for byte`, async (mode) => {
      await using on = await urlStage({ env: { STORAGE: storage } });
      const { bytes, url } = await received(await on.send(mode, form), form);
      assert.deepEqual(bytes, on.relay.painted[0]);
      if (form === "url") {
        assert.ok(url.startsWith(storage === "disk" ? on.gateway.url : on.relay.files.url), url);
      }
      const names = await on.gateway.stored();
      assert.equal(names.length, storage === "disk" ? 1 : 0);
      if (names[0]) assert.deepEqual(await pictureFile(on.gateway, names[0]), on.relay.painted[0]);
      assert.equal(on.relay.files.calls.length, 1, "it was fetched once");
      assertAllGivenBack();
    });
  }
}

for (const pieceBytes of [700, 65_536]) {
  Deno.test(`a picture that comes in pieces of ${pieceBytes} bytes is the same`, async () => {
    await using on = await stage();
    Object.assign(on.openai, { noiseBytes: 200_000, pieceBytes });
    for (const [index, form] of FORMS.entries()) {
      const { bytes } = await received(await send(on, "backend", form), form);
      assert.deepEqual(bytes, on.openai.painted[index]);
    }
    assertAllGivenBack();
  });
}

inBothModes(
  "what is told behind a picture arrives behind it: words, tokens, and what it cost",
  async (mode) => {
    await using on = await stage();
    on.openai.noiseBytes = NOISE;
    on.openai.revise = (prompt) => `${prompt}, "painted" in oil; 狐狸 🦊 ${"and so on ".repeat(500)}`;
    const words = on.openai.revise("a fox");
    const { about, body } = await received(await send(on, mode, "b64_json"), "b64_json");
    assert.deepEqual(about, { revised_prompt: words });
    const usage = { input_tokens: 2, output_tokens: 1056, total_tokens: 1058 };
    assert.deepEqual(body.usage, { ...usage, input_tokens_details: { text_tokens: 2, image_tokens: 0 } });
    assert.equal(body.output_format, "png");
    const { outcome, costUsd, images, attempts } = await lastRequest(on.gateway);
    assert.deepEqual([outcome, images, attempts.length], ["ok", 1, 1]);
    assert.ok(Math.abs(costUsd! - (2 * 5 + 1056 * 30) / 1e6) < 1e-9, `it cost ${costUsd}`);
    assert.equal(attempts[0]!.costUsd, costUsd);
    const [picture] = (await on.gateway.app.stores.pictures.list()).data;
    assert.deepEqual([picture!.revisedPrompt, picture!.costUsd], [words, costUsd]);
    assert.equal(picture!.bytes, on.openai.painted[0]!.length);
  },
);

Deno.test("a reply of one picture is as OpenAI describes it, and its length is known", async () => {
  await using on = await stage();
  on.openai.noiseBytes = NOISE;
  const response = await on.send("images/generations", asking("b64_json").body);
  const text = await response.text();
  assert.equal(Number(response.headers.get("content-length")), text.length);
  assert.equal(JSON.parse(text).data.length, 1);
});

Deno.test("pictures beyond the one that was asked for are kept, and not in the reply", async () => {
  for (const form of FORMS) {
    await using on = await stage();
    Object.assign(on.openai, { noiseBytes: 150_000, extra: 2 });
    const { bytes } = await received(await send(on, "backend", form), form);
    assert.deepEqual(bytes, on.openai.painted[0]);
    const names = await on.gateway.stored();
    const files = await Promise.all(names.map((name) => pictureFile(on.gateway, name)));
    assert.deepEqual(
      new Set(files.map((file) => file.toBase64())),
      new Set(on.openai.painted.map((one) => one.toBase64())),
    );
    assert.equal((await lastRequest(on.gateway)).images, 1);
  }
});

for (const fault of ["reset", "reset midway", "truncated", "empty", "garbage"] as const) {
  Deno.test(`a provider that fails before the picture has begun (${fault}) is followed by the next`, async () => {
    for (const form of FORMS) {
      await using scene = await startScene();
      // Half of the reply is too short to begin with.
      scene.openai.noiseBytes = 70_000;
      scene.gitee.noiseBytes = 200_000;
      scene.openai.fail(fault);
      const { body, headers } = asking(form, { model: "auto" });
      const response = await scene.ask(body, { headers });
      const { bytes } = await received(response, form);
      assert.deepEqual(bytes, scene.gitee.painted[0]);
      assert.equal(response.headers.get("x-imgrouter-provider"), "Gitee");
      assert.equal(response.headers.get("x-imgrouter-attempts"), "2");
      assert.equal((await scene.gateway.stored()).length, 1);
    }
    assertAllGivenBack();
  });
}

for (const fault of ["reset midway", "truncated"] as const) {
  for (const form of ["b64_json", "bytes"] as const) {
    Deno.test(`a picture that breaks off (${fault}) breaks the reply off, as ${form}`, async () => {
      await using scene = await startScene();
      scene.openai.noiseBytes = NOISE;
      scene.openai.fail(fault);
      const { body, headers } = asking(form, { model: "auto" });
      const response = await scene.ask(body, { headers });
      assert.equal(response.status, 200);
      await assert.rejects(response.bytes(), "half a picture passed for a whole one");
      assert.deepEqual(await scene.gateway.stored(), []);
      assert.deepEqual(await filesOf(scene.gateway), [], "nothing half-made is left");
      assert.deepEqual((await scene.gateway.app.stores.pictures.list()).data, []);
      const { outcome, images, costUsd, error, provider, attempts } = await lastRequest(scene.gateway);
      assert.deepEqual([outcome, images, costUsd, provider], ["malformed_reply", 0, undefined, "OpenAI"]);
      assert.ok(error);
      assert.deepEqual(attempts.map(({ outcome }) => outcome), ["malformed_reply"]);
      assert.equal(scene.gitee.imageCalls.length, 0, "nobody can be asked once a reply has begun");
      assertAllGivenBack();
      assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1", "the key's slot is free again");
    });
  }

  Deno.test(`a picture that breaks off (${fault}) before anything was told is made by the next`, async () => {
    await using scene = await startScene();
    scene.openai.noiseBytes = NOISE;
    scene.openai.fail(fault);
    const response = await scene.ask({ response_format: "url" });
    assert.equal(await delivered(response), "1 by Gitee after 2");
    assert.equal((await scene.gateway.stored()).length, 1);
    assert.equal((await filesOf(scene.gateway)).filter((name) => name.endsWith(".tmp")).length, 0);
  });
}

Deno.test("a result that breaks off on its way from its address breaks the reply off", async () => {
  for (const form of ["b64_json", "bytes"] as const) {
    await using on = await urlStage();
    on.relay.files.fail("reset midway");
    const response = await on.send("backend", form);
    assert.equal(response.status, 200);
    await assert.rejects(response.bytes());
    assert.deepEqual([await on.gateway.stored(), await filesOf(on.gateway)], [[], []]);
    assert.equal((await lastRequest(on.gateway)).outcome, "malformed_reply");
  }
  assertAllGivenBack();
});

Deno.test("a provider that goes silent in the midst of a picture is given up after a minute", async () => {
  await using scene = await startScene();
  scene.openai.noiseBytes = NOISE;
  using _gate = scene.openai.hold("middle");
  const response = await scene.ask(asking("b64_json", { model: "auto" }).body);
  const reader = await start(response);
  let isOver = false;
  const rest = (async () => {
    while (!(await reader.read()).done);
  })().finally(() => isOver = true);
  rest.catch(() => {});
  while (!isOver) await scene.clock.pass(60_000);
  await assert.rejects(rest);
  const { outcome, attempts } = await lastRequest(scene.gateway);
  assert.deepEqual([outcome, attempts.map(({ outcome }) => outcome)], ["timed_out", ["timed_out"]]);
  assert.deepEqual([await scene.gateway.stored(), await filesOf(scene.gateway)], [[], []]);
  assertAllGivenBack();
});

Deno.test("a result that was paid for and can't be kept is passed on where it lies", async () => {
  for (const fault of ["reset", "reset midway"] as const) {
    await using on = await urlStage();
    on.relay.files.fail(fault);
    const { url, bytes } = await received(await on.send("backend", "url"), "url");
    assert.ok(url.startsWith(on.relay.files.url), url);
    assert.deepEqual(bytes, on.relay.painted[0]);
    assert.equal(on.relay.imageCalls.length, 1, "and not made again");
    assert.deepEqual([await on.gateway.stored(), await filesOf(on.gateway)], [[], []]);
  }
  assertAllGivenBack();
});

Deno.test("a reply that breaks off behind its picture has delivered it all the same", async () => {
  await using on = await stage();
  on.openai.noiseBytes = NOISE;
  on.openai.revise = () => "x".repeat(2_000_000);
  on.openai.fail("reset midway");
  const { bytes, about } = await received(await send(on, "backend", "b64_json"), "b64_json");
  assert.deepEqual(bytes, on.openai.painted[0]);
  assert.deepEqual(about, {});
  assert.equal((await on.gateway.stored()).length, 1);
  assert.equal((await lastRequest(on.gateway)).outcome, "ok");
});

for (const form of ["b64_json", "bytes"] as const) {
  inBothModes(`a picture whose client leaves in its midst is kept, asked for as ${form}`, async (mode) => {
    await using on = await stage();
    on.openai.noiseBytes = NOISE;
    using gate = on.openai.hold("middle");
    const client = new AbortController();
    const reader = await start(await send(on, mode, form, {}, { signal: client.signal }));
    client.abort();
    await assert.rejects(reader.closed);
    gate.release();
    const [name] = await on.gateway.stored();
    assert.deepEqual(await pictureFile(on.gateway, name!), on.openai.painted[0]);
    const { data } = await on.gateway.app.stores.pictures.list();
    assert.deepEqual(data.map(({ name, bytes }) => [name, bytes]), [[name, on.openai.painted[0]!.length]]);
    assert.equal(on.openai.aborted, 0, "its provider was heard out");
    assert.deepEqual((await lastRequest(on.gateway)).outcome, "ok");
    assertAllGivenBack();
  });

  inBothModes(`a picture that nobody keeps ends with its client, asked for as ${form}`, async (mode) => {
    await using on = await stage({ env: { STORAGE: "off" } });
    on.openai.noiseBytes = NOISE;
    using _gate = on.openai.hold("middle");
    const client = new AbortController();
    const response = await send(on, mode, form, {}, { signal: client.signal });
    const reader = await start(response);
    await collectGarbage();
    client.abort();
    await assert.rejects(reader.closed);
    assert.equal(response.bodyUsed, true);
    await on.openai.until(() => on.openai.aborted === 1);
    const { outcome, attempts } = await lastRequest(on.gateway);
    assert.deepEqual([outcome, attempts.map(({ outcome }) => outcome)], ["cancelled", ["cancelled"]]);
    assertAllGivenBack();
  });
}

for (const storage of ["disk", "off"] as const) {
  Deno.test(`a client who leaves before reading a byte holds nothing up, with storage ${storage}`, async () => {
    await using on = await stage({ env: { STORAGE: storage, MAX_CONCURRENT: "1" } });
    on.openai.noiseBytes = NOISE;
    using gate = on.openai.hold("middle");
    const client = new AbortController();
    const { body } = asking("b64_json");
    const request = new Request(`${on.baseURL}/images/generations`, {
      method: "POST",
      body: JSON.stringify(body),
      signal: client.signal,
      headers: { authorization: `Bearer ${CLIENT_KEY}`, "content-type": "application/json" },
    });
    const response = await on.gateway.app.http.fetch(request);
    assert.equal(response.status, 200);
    await collectGarbage();
    client.abort();
    if (storage === "off") await on.openai.until(() => on.openai.aborted === 1);
    gate.release();
    const [name] = await on.gateway.stored();
    if (storage === "disk") assert.deepEqual(await pictureFile(on.gateway, name!), on.openai.painted[0]);
    assert.equal((await lastRequest(on.gateway)).outcome, storage === "disk" ? "ok" : "cancelled");
    await response.body!.cancel();
    assertAllGivenBack();
  });
}

for (const form of FORMS) {
  Deno.test(`a disk that can't be written to gets the picture when it can, asked for as ${form}`, async () => {
    const clock = new FakeClock();
    await using on = await stage({ clock });
    on.openai.noiseBytes = NOISE;
    const obstacle = join(on.gateway.dataDir, "storage");
    await Deno.writeTextFile(obstacle, "a file where the folder should be");
    const { bytes, url } = await received(await send(on, "backend", form), form);
    assert.deepEqual(bytes, on.openai.painted[0]);
    await on.gateway.app.settled();
    await Deno.remove(obstacle);
    await clock.passSleep(5_000);
    for (let turn = 0; turn < 500 && (await on.gateway.stored()).length < 1; turn++) await clock.pass(1);
    const [name] = await on.gateway.stored();
    assert.deepEqual(await pictureFile(on.gateway, name!), on.openai.painted[0]);
    if (url) assert.deepEqual(await (await fetch(url)).bytes(), on.openai.painted[0]);
    assertAllGivenBack();
  });
}

Deno.test("a link to a picture works from the moment it is told", async () => {
  await using on = await stage();
  on.openai.noiseBytes = NOISE;
  await Promise.all(Array.from({ length: 8 }, async () => {
    const { bytes } = await received(await send(on, "backend", "url"), "url");
    assert.ok(on.openai.painted.some((one) => one.toBase64() === bytes.toBase64()));
  }));
});

for (const form of FORMS) {
  for (
    const [format, quality] of [["jpeg", undefined], ["jpeg", 20], ["webp", undefined], ["webp", 20]] as const
  ) {
    const what = quality === undefined ? format : `${format} of quality ${quality}`;
    Deno.test(`${what} is made of what a provider can only give as PNG, asked for as ${form}`, async () => {
      await using scene = await startScene({ openaiSettings: { enabled: false } });
      scene.gitee.noiseBytes = 400_000;
      const { body, headers } = asking(form, {
        model: "z-image-turbo",
        output_format: format,
        output_compression: quality,
      });
      const { bytes, type, body: { output_format } } = await received(
        await scene.ask(body, { headers }),
        form,
      );
      const { width, height } = readImageFacts(scene.gitee.painted[0]!)!;
      assert.deepEqual(readImageFacts(bytes), { type: `image/${format}`, width, height });
      if (type) assert.equal(type, `image/${format}`);
      if (form !== "bytes") assert.equal(output_format, format);
      const best = await sharp(scene.gitee.painted[0]).toFormat(format, { quality: quality ?? 80 })
        .toBuffer();
      assert.ok(Math.abs(bytes.length / best.length - 1) < 0.05, `${bytes.length} of ${best.length} bytes`);
      const [name] = await scene.gateway.stored();
      assert.deepEqual(await pictureFile(scene.gateway, name!), bytes);
      assertAllGivenBack();
    });
  }
}

Deno.test("a picture that is converted on its way keeps what was told behind it", async () => {
  await using pollinations = new PollinationsService();
  pollinations.noiseBytes = 600_000;
  pollinations.revises = (prompt) => `${prompt}, in oil`;
  await using gateway = await startGateway({ env: { POLLINATIONS_BASE_URL: pollinations.url } });
  const key = pollinations.newKey();
  for (const format of ["png", "jpeg"]) {
    const { body } = asking("b64_json", { model: "flux", output_format: format });
    const { about, body: rest, bytes } = await received(
      await gateway.post("/v1/images/generations", body, key),
      "b64_json",
    );
    assert.equal(readImageFacts(bytes)?.type, `image/${format}`);
    assert.deepEqual(about, { revised_prompt: "a fox, in oil" });
    assert.equal(rest.usage.output_tokens, 1);
    const { attempts: [attempt] } = await lastRequest(gateway);
    assert.equal(attempt!.outcome, "ok");
  }
});

Deno.test("a prompt that is merely repeated behind a picture is no revised one", async () => {
  await using pollinations = new PollinationsService();
  pollinations.noiseBytes = 600_000;
  await using gateway = await startGateway({ env: { POLLINATIONS_BASE_URL: pollinations.url } });
  const { body } = asking("b64_json", { model: "flux" });
  const reply = await gateway.post("/v1/images/generations", body, pollinations.newKey());
  assert.deepEqual((await received(reply, "b64_json")).about, {});
});

Deno.test("the same picture twice is one file under two names, once there was time", async () => {
  await using pollinations = new PollinationsService();
  pollinations.noiseBytes = 300_000;
  await using gateway = await startGateway({ env: { POLLINATIONS_BASE_URL: pollinations.url } });
  const key = pollinations.newKey();
  const pictures: string[] = [];
  for (const form of ["b64_json", "url"] as const) {
    const { body } = asking(form, { model: "flux", seed: 7 });
    const reply = await gateway.post("/v1/images/generations", body, key);
    pictures.push((await received(reply, form)).bytes.toBase64());
  }
  assert.equal(new Set(pictures).size, 1);
  const names = await gateway.stored();
  const files = await Promise.all(names.map((name) => Deno.stat(join(gateway.dataDir, "storage", name))));
  assert.deepEqual([names.length, new Set(files.map(({ ino }) => ino)).size], [2, 1]);
  const { data } = await gateway.app.stores.pictures.list();
  assert.equal(new Set(data.map(({ hash }) => hash)).size, 1);
  assert.match(data[0]!.hash, /^[\da-f]{64}$/);
  const sidecars = (await filesOf(gateway)).filter((name) => name.endsWith(".json"));
  assert.equal(sidecars.length, 2);
});

inBothModes("OpenAI's own client reads a reply of four megabytes", async (mode) => {
  await using on = await stage();
  on.openai.noiseBytes = 3_100_000;
  const client = new OpenAI({ baseURL: on.baseURL, apiKey: on.key(mode), fetch: on.fetch });
  const { data, usage } = await client.images.generate({ model: MODEL, prompt: "a fox" });
  assert.ok(data![0]!.b64_json!.length > 4_000_000);
  assert.deepEqual(Uint8Array.fromBase64(data![0]!.b64_json!), on.openai.painted[0]);
  assert.equal(usage!.output_tokens, 1056);
  assertAllGivenBack();
});

inBothModes("OpenAI's own client reads a reply of eight pictures", async (mode) => {
  await using on = await stage();
  on.openai.noiseBytes = 250_000;
  const client = new OpenAI({ baseURL: on.baseURL, apiKey: on.key(mode), fetch: on.fetch });
  const { data } = await client.images.generate({ model: MODEL, prompt: "a fox", n: 8 });
  assert.deepEqual(data!.map(({ b64_json }) => b64_json), on.openai.painted.map((bytes) => bytes.toBase64()));
  assert.equal((await on.gateway.stored()).length, 8);
  assertAllGivenBack();
});
