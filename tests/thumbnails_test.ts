import assert from "node:assert/strict";
import { join } from "node:path";
import { readImageFacts } from "../src/core/media.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";

/** Makes a picture of 600×300 and gives its address, when it is on disk. */
async function paint(gateway: TestGateway): Promise<string> {
  const reply = await gateway.post("/v1/images/generations", { prompt: "a wide cat", size: "600x300" });
  const { data } = await reply.json();
  await gateway.stored();
  return data[0].url;
}

/** Puts a file among the stored pictures and gives its address. */
async function put(gateway: TestGateway, name: string, content: Uint8Array | string): Promise<string> {
  const folder = join(gateway.dataDir, "storage");
  await Deno.mkdir(folder, { recursive: true });
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await Deno.writeFile(join(folder, name), bytes);
  return `${gateway.url}/storage/${name}`;
}

async function fetched(url: string, init?: RequestInit) {
  const reply = await fetch(url, init);
  const bytes = await reply.bytes();
  return {
    status: reply.status,
    facts: readImageFacts(bytes),
    bytes,
    header: (name: string) => reply.headers.get(name),
  };
}

Deno.test("a width gives a smaller version, to be kept for ever like the picture itself", async () => {
  await using gateway = await startGateway();
  const url = await paint(gateway);
  const thumbnail = await fetched(`${url}?w=300`);
  assert.equal(thumbnail.status, 200);
  assert.deepEqual(thumbnail.facts, { type: "image/webp", width: 320, height: 160 });
  assert.equal(thumbnail.header("content-type"), "image/webp");
  assert.equal(thumbnail.header("content-length"), String(thumbnail.bytes.length));
  assert.match(thumbnail.header("cache-control") ?? "", /immutable/);
  assert.match(thumbnail.header("content-disposition") ?? "", /^inline; .*-320\.webp$/);
  assert.equal(thumbnail.header("x-content-type-options"), "nosniff");
  assert.equal(thumbnail.header("access-control-allow-origin"), "*");
  const files = await Array.fromAsync(Deno.readDir(join(gateway.dataDir, "thumbnails")));
  assert.deepEqual(files.map(({ name }) => name), [`${decodeURIComponent(url.split("/").at(-1)!)}.320.webp`]);
});

Deno.test("each width is a thing of its own for caches, and can be asked for in parts", async () => {
  await using gateway = await startGateway();
  const url = await paint(gateway);
  const tags = [];
  for (const query of ["", "?w=96", "?w=320"]) tags.push((await fetched(url + query)).header("etag")!);
  assert.equal(new Set(tags).size, 3);
  const known = await fetched(`${url}?w=90`, { headers: { "if-none-match": tags[1]! } });
  assert.deepEqual([known.status, known.bytes.length], [304, 0]);
  const whole = await fetched(`${url}?w=96`);
  const part = await fetched(`${url}?w=96`, { headers: { range: "bytes=2-5", "if-range": tags[1]! } });
  assert.deepEqual([part.status, part.bytes], [206, whole.bytes.slice(2, 6)]);
  const head = await fetched(`${url}?w=96`, { method: "HEAD" });
  assert.deepEqual([head.status, head.header("content-length")], [200, String(whole.bytes.length)]);
});

Deno.test("what is no width, or wider than the picture, never makes it larger", async () => {
  await using gateway = await startGateway();
  const url = await paint(gateway);
  for (const none of ["0", "-1", "abc", "", "1e9"]) {
    const { facts } = await fetched(`${url}?w=${none}`);
    assert.deepEqual(facts, { type: "image/png", width: 600, height: 300 }, none);
  }
  const { facts } = await fetched(`${url}?w=5000`);
  assert.deepEqual(facts, { type: "image/webp", width: 600, height: 300 });
});

Deno.test("a picture that is still on its way to the disk has a smaller version, too", async () => {
  await using gateway = await startGateway();
  await Deno.writeTextFile(join(gateway.dataDir, "storage"), "a file where the folder should be");
  const reply = await gateway.post("/v1/images/generations", { prompt: "a cat", size: "600x300" });
  const { facts } = await fetched(`${(await reply.json()).data[0].url}?w=96`);
  assert.deepEqual(facts, { type: "image/webp", width: 96, height: 48 });
});

Deno.test("a drawing stays a drawing, and what can't be decoded is served as it is, for the moment", async () => {
  await using gateway = await startGateway();
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="300"></svg>`;
  const drawing = await fetched(`${await put(gateway, "drawing.svg", svg)}?w=96`);
  assert.equal(drawing.header("content-type"), "image/svg+xml");
  assert.equal(new TextDecoder().decode(drawing.bytes), svg);

  const url = await paint(gateway);
  const half = (await fetched(url)).bytes.slice(0, 200);
  const broken = await fetched(`${await put(gateway, "broken.png", half)}?w=96`);
  assert.deepEqual([broken.status, broken.bytes], [200, half]);
  assert.doesNotMatch(broken.header("cache-control") ?? "", /immutable/);
});

Deno.test("a smaller version of nothing is a 404", async () => {
  await using gateway = await startGateway();
  assert.equal((await fetched(`${gateway.url}/storage/none.png?w=96`)).status, 404);
  assert.equal((await fetched(`${gateway.url}/storage/..%2fimgrouter.png?w=96`)).status, 404);
});

Deno.test("a picture and its smaller version can be saved instead of shown", async () => {
  await using gateway = await startGateway();
  const url = await paint(gateway);
  for (const [query, ending] of [["?download=1", ".png"], ["?download=1&w=96", "-96.webp"]]) {
    const disposition = (await fetched(url + query)).header("content-disposition") ?? "";
    assert.match(disposition, /^attachment; filename\*=UTF-8''/);
    assert.ok(disposition.endsWith(ending!), disposition);
  }
});
