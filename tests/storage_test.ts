import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { readImageFacts } from "../src/core/media.ts";
import { doubaoService } from "../src/testing/doubao_service.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { refused } from "./drill_scene.ts";

const small = { prompt: "a small cat", size: "64x64" };

/** Makes a picture and gives its address. */
async function paint(gateway: TestGateway): Promise<string> {
  const reply = await gateway.post("/v1/images/generations", small);
  return (await reply.json()).data[0].url;
}

/** Sends a path exactly as it is written, which fetch would tidy up first. */
function rawGet(gateway: TestGateway, path: string): Promise<string> {
  const { hostname, port } = new URL(gateway.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let reply = "";
    socket.on("data", (bytes) => reply += bytes.toString("latin1"));
    socket.on("error", reject);
    socket.on("close", () => resolve(reply));
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  });
}

Deno.test("a picture is fetched without a key, with its true type, to be kept for ever", async () => {
  await using gateway = await startGateway();
  const url = await paint(gateway);
  await gateway.stored();
  const reply = await fetch(url);
  const bytes = await reply.bytes();
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.get("content-type"), "image/png");
  assert.equal(reply.headers.get("content-length"), String(bytes.length));
  assert.match(reply.headers.get("cache-control") ?? "", /immutable/);
  assert.equal(reply.headers.get("x-content-type-options"), "nosniff");
  assert.equal(reply.headers.get("access-control-allow-origin"), "*");
  assert.match(reply.headers.get("content-security-policy") ?? "", /sandbox/);
  assert.deepEqual([...bytes.subarray(1, 4)], [...new TextEncoder().encode("PNG")]);
});

Deno.test("a picture that the client has already is a 304", async () => {
  await using gateway = await startGateway();
  const url = await paint(gateway);
  const first = await fetch(url, { method: "HEAD" });
  const etag = first.headers.get("etag")!;
  for (const known of [etag, `"other", W/${etag}`]) {
    const reply = await fetch(url, { headers: { "if-none-match": known } });
    assert.equal(reply.status, 304);
    assert.equal(reply.headers.get("etag"), etag);
    assert.equal((await reply.bytes()).length, 0);
  }
  const other = await fetch(url, { headers: { "if-none-match": '"other"' } });
  assert.equal(other.status, 200);
  await other.body?.cancel();
});

for (const place of ["on disk", "on its way there"]) {
  Deno.test(`parts of a picture ${place} can be fetched`, async () => {
    await using gateway = await startGateway();
    using _held = place === "on its way there" ? holdWrites(gateway) : undefined;
    const url = await paint(gateway);
    if (place === "on disk") await gateway.stored();
    const whole = await (await fetch(url)).bytes();
    const part = async (range: string, more: Record<string, string> = {}) => {
      const reply = await fetch(url, { headers: { range, ...more } });
      return { status: reply.status, range: reply.headers.get("content-range"), bytes: await reply.bytes() };
    };
    const size = whole.length;
    assert.deepEqual(await part("bytes=0-9"), {
      status: 206,
      range: `bytes 0-9/${size}`,
      bytes: whole.slice(0, 10),
    });
    assert.deepEqual(await part("bytes=-5"), {
      status: 206,
      range: `bytes ${size - 5}-${size - 1}/${size}`,
      bytes: whole.slice(-5),
    });
    assert.deepEqual(await part(`bytes=${size}-`), {
      status: 416,
      range: `bytes */${size}`,
      bytes: new Uint8Array(),
    });
    for (const odd of ["bytes=9-1", "lines=1-2", "bytes=0-1,8-9", "bytes="]) {
      const { status, bytes } = await part(odd);
      assert.deepEqual([status, bytes.length], status === 416 ? [416, 0] : [200, size], odd);
    }
    assert.equal((await part("bytes=0-9", { "if-range": '"another"' })).status, 200);
    const head = await fetch(url, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("content-length")], [200, String(size)]);
    assert.equal((await head.bytes()).length, 0);
  });
}

/** Lets no picture of a gateway reach its folder until it is disposed of. */
function holdWrites(gateway: TestGateway): Disposable {
  const { mkdir } = Deno;
  const { promise, resolve } = Promise.withResolvers<void>();
  const folder = join(gateway.dataDir, "storage");
  Deno.mkdir = async (path, options) => {
    if (path === folder) await promise;
    await mkdir(path, options);
  };
  return {
    [Symbol.dispose]: () => {
      Deno.mkdir = mkdir;
      resolve();
    },
  };
}

Deno.test("a name that leads out of the folder, or to what is no picture, is a 404", async () => {
  await using gateway = await startGateway();
  const url = await paint(gateway);
  const [name] = await gateway.stored();
  assert.ok(url.endsWith(encodeURIComponent(name!)));
  await Deno.writeTextFile(join(gateway.dataDir, "secret.png"), "secret");
  await Deno.symlink(join(gateway.dataDir, "secret.png"), join(gateway.dataDir, "storage", "link.png"));
  for (
    const path of [
      "/storage/../secret.png",
      "/storage/..%2fsecret.png",
      "/storage/%2e%2e%2fsecret.png",
      "/storage/%2e%2e/secret.png",
      "/storage/..%5csecret.png",
      "/storage/....//secret.png",
      "/storage/secret.png%00.png",
      "/storage//etc/passwd",
      "/storage/%2fetc%2fpasswd",
      "/storage/../imgrouter.db",
      "/storage/link.png",
      `/storage/${name}.json`,
      "/storage/.png",
      "/storage/%",
      "/storage/%ff.png",
      "/storage/",
      "/storage",
      `/storage/${"a".repeat(4000)}.png`,
    ]
  ) {
    const reply = await rawGet(gateway, path);
    assert.match(reply, /^HTTP\/1\.1 40[04] /, `${path}: ${reply.slice(0, 200)}`);
    assert.doesNotMatch(reply, /secret$|root:|SQLite|prompt/, path);
  }
  assert.equal((await refused(fetch(`${gateway.url}/storage/nothing-there.png`))).status, 404);
});

Deno.test("a disk that can't be written to never fails a reply, and gets the picture when it can", async () => {
  const clock = new FakeClock();
  await using gateway = await startGateway({ clock });
  const obstacle = join(gateway.dataDir, "storage");
  await Deno.writeTextFile(obstacle, "a file where the folder should be");
  const reply = await gateway.post("/v1/images/generations", { ...small, response_format: "b64_json" });
  assert.equal(reply.status, 200);
  assert.ok((await reply.json()).data[0].b64_json.length > 100);
  const url = await paint(gateway);
  await gateway.app.settled();
  const fromMemory = await (await fetch(url)).bytes();
  assert.equal(readImageFacts(fromMemory)?.width, 64);

  await Deno.remove(obstacle);
  await clock.sleeping(5_000, 2);
  await clock.pass(5_000);
  for (let turn = 0; turn < 500 && (await gateway.stored()).length < 2; turn++) await clock.pass(1);
  assert.equal((await gateway.stored()).length, 2);
  assert.deepEqual(await (await fetch(url)).bytes(), fromMemory);
});

Deno.test("without storage the picture itself is in the reply", async () => {
  await using gateway = await startGateway({ env: { STORAGE: "off" } });
  assert.match(await paint(gateway), /^data:image\/png;base64,/);
  assert.deepEqual(await gateway.stored(), []);
});

Deno.test("images that a call gave beyond those asked for are kept, and not in the reply", async () => {
  await using doubao = doubaoService();
  await using gateway = await startGateway({ env: { DOUBAO_BASE_URL: doubao.url } });
  const group = {
    sequential_image_generation: "auto",
    sequential_image_generation_options: { max_images: 3 },
  };
  const body = { model: "doubao-seedream-4-5-251128", prompt: "three foxes", n: 1, provider_params: group };
  const response = await gateway.post("/v1/images/generations", body, doubao.newKey());
  const reply = await response.json();
  assert.equal(response.status, 200, JSON.stringify(reply));
  assert.equal(reply.data.length, 1);
  assert.equal((await gateway.stored()).length, 3);
});
