/** Clients who read slowly, or not at all: what they cost the gateway, and everybody else. */
import assert from "node:assert/strict";
import { joined } from "../src/core/ascii.ts";
import { buffers } from "../src/core/buffers.ts";
import { startGateway } from "../src/testing/gateway.ts";
import { paintNoise } from "../src/testing/painting.ts";
import { noise } from "../src/testing/pieces.ts";
import { CLIENT_KEY } from "./client_kit.ts";

const MEBIBYTE = 1024 * 1024;
const MODEL = "gpt-image-2";
/** More than both ends of a connection and all that is between them can hold. */
const LONG = 48 * MEBIBYTE;

/** Of base64. */
const PIECE = 64 * 1024;
/** The start of a picture, and what follows it over and over again. */
const PIECES = [0, 1, 2, 3, 4, 5, 6].map((seed) =>
  seed === 0 ? paintNoise({ bytes: PIECE }).slice(0, PIECE / 4 * 3) : noise(PIECE / 4 * 3, seed)
);

/** The picture that belongs to so much base64. */
function pictureOf(length: number): Uint8Array {
  return joined(Array.from({ length: length / PIECE }, (_, index) => PIECES[index % PIECES.length]!));
}

/** One reply that is being written, as far as its reader wants it. */
interface Call {
  sent: number;
  isDone: boolean;
}

/** A provider whose pictures are made while they are read, and may be long. */
class EndlessPainter implements AsyncDisposable {
  /** Of the pictures that are asked for from now on, in bytes of base64. */
  length = LONG;
  readonly calls: Call[] = [];
  /** How many callers left in the midst of a picture. */
  readonly left: Call[] = [];
  /** No reply begins before. */
  opened = Promise.resolve();
  /** The most memory that was lent at a time. */
  mostLent = 0;
  readonly #watchers = new Set<() => void>();
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => request.method === "POST" ? this.#reply() : Response.json({ data: [] }),
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/v1`;
  }

  /** Resolves when something has come to pass here. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.add(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #reply(): Promise<Response> {
    const encoder = new TextEncoder();
    const { length } = this;
    const call: Call = { sent: 0, isDone: false };
    this.calls.push(call);
    this.#changed();
    await this.opened;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(encoder.encode('{"data":[{"b64_json":"')),
      pull: (controller) => {
        this.mostLent = Math.max(this.mostLent, buffers.lent);
        if (call.sent < length) {
          const piece = encoder.encode(PIECES[call.sent / PIECE % PIECES.length]!.toBase64());
          call.sent += piece.length;
          controller.enqueue(piece);
        } else {
          controller.enqueue(encoder.encode('"}]}'));
          controller.close();
          call.isDone = true;
        }
        this.#changed();
      },
      cancel: () => {
        this.left.push(call);
        this.#changed();
      },
    }, { highWaterMark: 0 });
    return new Response(body, { headers: { "content-type": "application/json" } });
  }

  #changed(): void {
    for (const resolve of this.#watchers) resolve();
    this.#watchers.clear();
  }
}

async function scene({ stallMs, storage = "off" }: { stallMs?: number; storage?: "off" | "disk" } = {}) {
  await using begun = new AsyncDisposableStack();
  const painter = begun.use(new EndlessPainter());
  const gateway = begun.use(
    await startGateway({
      stallMs,
      env: {
        OPENAI_BASE_URL: painter.url,
        OPENAI_API_KEY: "sk-proj-of-the-test-0123456789abcdef",
        MAX_CONCURRENT: "100",
        GATEWAY_API_KEYS: CLIENT_KEY,
        STORAGE: storage,
      },
    }),
  );
  const stack = begun.move();
  return { painter, gateway, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

type Scene = Awaited<ReturnType<typeof scene>>;

const FORMS = ["application/json", "image/*", "text/event-stream"] as const;

/** Asks for a picture over a connection of its own, and reads nothing yet. */
async function ask({ gateway }: Scene, accept: typeof FORMS[number] = FORMS[0]): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(gateway.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const stream = accept === "text/event-stream";
  const body = JSON.stringify({ model: MODEL, prompt: "a fox", response_format: "b64_json", stream });
  const head = [
    "POST /v1/images/generations HTTP/1.1",
    `host: ${hostname}:${port}`,
    `authorization: Bearer ${CLIENT_KEY}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
    `accept: ${accept}`,
  ];
  await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${body}`));
  return connection;
}

/** Reads so many bytes, or until the connection ends; gives how many there were. */
async function read(connection: Deno.TcpConn, bytes: number): Promise<number> {
  const buffer = new Uint8Array(64 * 1024);
  let count = 0;
  while (count < bytes) {
    const size = await connection.read(buffer.subarray(0, Math.min(buffer.length, bytes - count))).catch(() =>
      null
    );
    if (size === null) break;
    count += size;
  }
  return count;
}

/** Takes the memory that there is for images, until it is disposed of. */
function takeAll(): Disposable {
  const before = buffers.lent;
  const taken: ArrayBuffer[] = [];
  while (!buffers.isScarce) taken.push(buffers.take());
  return {
    [Symbol.dispose]() {
      for (const buffer of taken) buffers.give(buffer);
      assert.equal(buffers.lent, before);
    },
  };
}

for (const accept of FORMS) {
  Deno.test(`twenty readers who stop cost little memory, and hold nobody up (${accept})`, async () => {
    await using on = await scene();
    const connections = await Promise.all(Array.from({ length: 20 }, () => ask(on, accept)));
    for (const connection of connections) assert.equal(await read(connection, 64 * 1024), 64 * 1024);
    const { painter } = on;
    const slow = [...painter.calls];
    painter.length = 2 * MEBIBYTE;
    for (let turn = 0; turn < 5; turn++) {
      const reply = await on.gateway.post(
        "/v1/images/generations",
        { model: MODEL, prompt: "a fox", response_format: "b64_json" },
        CLIENT_KEY,
      );
      assert.ok((await reply.json()).data[0].b64_json.length >= 2 * MEBIBYTE);
    }
    assert.equal(slow.length, 20);
    for (const { sent } of slow) {
      assert.ok(sent < LONG / 2, `${sent} bytes were read for somebody who does not read them`);
    }
    assert.ok(painter.mostLent <= 24 * MEBIBYTE, `${painter.mostLent} bytes were lent`);
    for (const connection of connections) connection.close();
    await painter.until(() => painter.left.length === 20);
    await on.gateway.app.settled();
    assert.equal(buffers.lent, 0);
  });
}

Deno.test("readers who stop and go on get every byte, whatever others read meanwhile", async () => {
  await using on = await scene();
  const get = (accept?: string) =>
    on.gateway.post(
      "/v1/images/generations",
      { model: MODEL, prompt: "a fox", response_format: "b64_json" },
      CLIENT_KEY,
      accept ? { headers: { accept } } : {},
    );
  const length = on.painter.length = 16 * MEBIBYTE;
  const slow = await Promise.all(["image/*", "image/*", "image/*"].map(async (accept) => {
    const reader = (await get(accept)).body!.getReader();
    return { reader, parts: [(await reader.read()).value!] };
  }));
  on.painter.length = 2 * MEBIBYTE;
  for (let turn = 0; turn < 6; turn++) {
    const { data: [{ b64_json }] } = await (await get()).json();
    assert.deepEqual(Uint8Array.fromBase64(b64_json), pictureOf(2 * MEBIBYTE));
    for (const { reader, parts } of slow) parts.push((await reader.read()).value!);
  }
  await Promise.all(slow.map(async ({ reader, parts }) => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value);
    assert.deepEqual(joined(parts), pictureOf(length));
  }));
  await on.gateway.app.settled();
  assert.equal(buffers.lent, 0);
});

Deno.test("where memory is scarce and pictures are stored, providers don't wait for those who stop to read", async () => {
  await using on = await scene({ storage: "disk" });
  using _taken = takeAll();
  const length = on.painter.length = 24 * MEBIBYTE;
  const readers = await Promise.all(Array.from({ length: 12 }, async (_, index) => {
    const accept = FORMS[index % 2]!;
    const reply = await on.gateway.post(
      "/v1/images/generations",
      { model: MODEL, prompt: "a fox", response_format: "b64_json" },
      CLIENT_KEY,
      { headers: { accept } },
    );
    const reader = reply.body!.getReader();
    return { accept, reader, parts: [(await reader.read()).value!] };
  }));
  await on.painter.until(() => on.painter.calls.every(({ isDone }) => isDone));
  await Promise.all(readers.map(async ({ accept, reader, parts }) => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value);
    const body = joined(parts);
    if (accept === "image/*") return assert.deepEqual(body, pictureOf(length));
    const { data: [{ b64_json }] } = JSON.parse(new TextDecoder().decode(body));
    assert.deepEqual(Uint8Array.fromBase64(b64_json), pictureOf(length));
  }));
  assert.equal((await on.gateway.stored()).length, 12);
  assert.deepEqual(on.painter.left, []);
});

Deno.test("a reader who never reads is cut off, and the provider with them", async () => {
  await using on = await scene({ stallMs: 200 });
  const connection = await ask(on);
  await on.painter.until(() => on.painter.left.length === 1);
  assert.ok(on.painter.left[0]!.sent < LONG);
  await on.gateway.app.settled();
  const { history } = on.gateway.app.stores;
  await history.flush();
  const { data: [story] } = await history.list();
  assert.deepEqual([story!.outcome, story!.images], ["cancelled", 0]);
  assert.ok(await read(connection, Infinity) < LONG);
  connection.close();
  assert.equal(buffers.lent, 0);
});

Deno.test("a picture whose reader is cut off is kept all the same", async () => {
  await using on = await scene({ stallMs: 200, storage: "disk" });
  on.painter.length = 20 * MEBIBYTE;
  const connection = await ask(on);
  await on.painter.until(() => on.painter.calls[0]?.isDone === true);
  assert.equal((await on.gateway.stored()).length, 1);
  const { data: [picture] } = await on.gateway.app.stores.pictures.list();
  assert.ok(picture!.bytes >= 15 * MEBIBYTE - 3);
  connection.close();
  assert.equal(buffers.lent, 0);
});

Deno.test("a reader of a stream is cut off for not reading, and not for having nothing to read", async () => {
  await using on = await scene({ stallMs: 200 });
  const gate = Promise.withResolvers<void>();
  on.painter.opened = gate.promise;
  const connection = await ask(on, "text/event-stream");
  await on.painter.until(() => on.painter.calls.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 600));
  gate.resolve();
  assert.equal(await read(connection, MEBIBYTE), MEBIBYTE);
  await on.painter.until(() => on.painter.left.length === 1);
  assert.ok(await read(connection, Infinity) < LONG);
  connection.close();
  await on.gateway.app.settled();
  assert.equal(buffers.lent, 0);
});

Deno.test("a reader who is slow, but reads, is not cut off", async () => {
  await using on = await scene({ stallMs: 500 });
  on.painter.length = 12 * MEBIBYTE;
  const connection = await ask(on, "image/*");
  const begun = performance.now();
  let count = 0;
  while (performance.now() - begun < 1500) {
    count += await read(connection, 256 * 1024);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  count += await read(connection, 9 * MEBIBYTE - count);
  assert.equal(count, 9 * MEBIBYTE);
  connection.close();
  await on.gateway.app.settled();
  assert.equal(buffers.lent, 0);
});
