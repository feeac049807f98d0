import assert from "node:assert/strict";
import { readImageFacts } from "../src/core/media.ts";
import { adminOf } from "../src/testing/admin.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { type GatewayOptions, startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { refused } from "./drill_scene.ts";

const LIFE = 600;
const small = { prompt: "a small cat", size: "64x64" };

interface Scene extends AsyncDisposable {
  gateway: TestGateway;
  clock: FakeClock;
  /** The link of a new picture. */
  link(): Promise<string>;
}

/** A gateway with signed links. */
async function scene(
  { seconds = LIFE, ...options }: GatewayOptions & { seconds?: number } = {},
): Promise<Scene> {
  const clock = new FakeClock();
  const gateway = await startGateway({ clock, file: { storage: { linkSeconds: seconds } }, ...options });
  return {
    gateway,
    clock,
    link: async () => {
      const reply = await gateway.post("/v1/images/generations", small);
      const { data } = await reply.json();
      await gateway.stored();
      return data[0].url;
    },
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

async function fetched(url: string, init?: RequestInit) {
  const reply = await fetch(url, init);
  return {
    status: reply.status,
    bytes: await reply.bytes(),
    cache: reply.headers.get("cache-control") ?? "",
  };
}

const unsigned = (link: string) => link.split("?")[0]!;

Deno.test("a signed link opens its picture until its end, and caches keep it no longer", async () => {
  await using on = await scene();
  const link = await on.link();
  const { searchParams } = new URL(link);
  assert.equal(Number(searchParams.get("expires")), on.clock.now() / 1000 + LIFE);
  const { status, bytes, cache } = await fetched(link);
  assert.deepEqual([status, readImageFacts(bytes)?.width], [200, 64]);
  assert.equal(cache, `private, max-age=${LIFE}, no-transform`);
  assert.equal((await fetched(`${link}&w=96`)).status, 200);
  assert.equal((await fetched(`${link}&download=1`)).status, 200);
  await on.clock.pass((LIFE - 1) * 1000);
  assert.match((await fetched(link)).cache, /^private, max-age=1,/);
  await on.clock.pass(1000);
  const { code, message } = await refused(fetch(link));
  assert.equal(code, "link_expired");
  assert.match(message, /expired/);
  assert.deepEqual(await fetched(link).then(({ status, cache }) => [status, cache]), [410, "no-store"]);
});

Deno.test("a link without its signature, with another's, or altered, is refused with what to do", async () => {
  await using on = await scene();
  const [link, other] = [await on.link(), await on.link()];
  const query = (url: string) => url.slice(url.indexOf("?"));
  const with_ = (name: string, value: string) => {
    const url = new URL(link);
    url.searchParams.set(name, value);
    return url.href;
  };
  const signature = new URL(link).searchParams.get("signature")!;
  const expires = new URL(link).searchParams.get("expires")!;
  for (
    const bad of [
      unsigned(link),
      `${unsigned(link)}?w=96`,
      unsigned(link) + query(other),
      with_("expires", String(Number(expires) + 1)),
      with_("expires", `0${expires}x`),
      with_("expires", "NaN"),
      with_("signature", ""),
      with_("signature", signature.slice(0, -2)),
      with_("signature", `${signature}AAAA`),
      with_("signature", (signature.startsWith("A") ? "B" : "A") + signature.slice(1)),
      `${unsigned(link)}?signature=${signature}`,
    ]
  ) {
    const { status, code, message } = await refused(fetch(bad));
    assert.deepEqual([status, code], [403, "link_not_signed"], bad);
    assert.match(message, /use the whole link/);
  }
  assert.equal((await fetched(`${on.gateway.url}/storage/nothing-there.png`)).status, 403, "no oracle");
});

Deno.test("a signature counts after a restart, and not at another gateway", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    const first = await scene({ dataDir });
    const link = await first.link();
    await first.gateway.stop();
    await using second = await scene({ dataDir });
    const { pathname, search } = new URL(link);
    assert.equal((await fetched(second.gateway.url + pathname + search)).status, 200);
    await using stranger = await scene();
    assert.equal((await fetched(stranger.gateway.url + pathname + search)).status, 403);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("the admin sees all pictures without a signature, by session or token", async () => {
  await using on = await scene();
  const url = unsigned(await on.link());
  const admin = await adminOf(on.gateway);
  const byCookie = await fetched(url, { headers: { cookie: admin.cookie } });
  assert.equal(byCookie.status, 200);
  assert.match(byCookie.cache, /^private/);
  assert.equal((await fetched(url, { headers: { authorization: `Bearer ${admin.token}` } })).status, 200);
  assert.equal((await fetched(url, { headers: { cookie: `${admin.cookie}x` } })).status, 403);
  assert.equal((await fetched(url, { headers: { authorization: "Bearer mock-demo" } })).status, 403);
});

Deno.test("chat links are signed, and own links that count are good inputs", async () => {
  await using on = await scene();
  const messages = [{ role: "user", content: "a cat" }];
  const reply = await on.gateway.post("/v1/chat/completions", { model: "mock-painter", messages });
  const { content } = (await reply.json()).choices[0].message;
  const link = /\((http[^)]+)\)/.exec(content)?.[1] ?? "";
  await on.gateway.stored();
  assert.equal((await fetched(link)).status, 200);

  const edit = (image: string) =>
    on.gateway.post("/v1/images/edits", { model: "mock-painter", prompt: "bluer", image, size: "64x64" });
  for (const own of [link, link.slice(on.gateway.url.length)]) {
    const edited = await edit(own);
    assert.equal(edited.status, 200, await edited.text());
  }
  const notSigned = await refused(edit(unsigned(link)));
  assert.deepEqual([notSigned.status, notSigned.param], [400, "image"]);
  assert.match(notSigned.message, /has to be signed/);
  await on.clock.pass(LIFE * 1000);
  assert.match((await refused(edit(link))).message, /has expired/);
});

Deno.test("without signed links, what a link has behind it does not matter", async () => {
  await using on = await scene({ seconds: 0 });
  const link = await on.link();
  assert.ok(!link.includes("?"), link);
  const { status, cache } = await fetched(`${link}?expires=1&signature=x`);
  assert.equal(status, 200);
  assert.match(cache, /^public, .*immutable/);
});

Deno.test("what made a picture is told to the admin alone", async () => {
  for (const seconds of [0, LIFE]) {
    await using on = await scene({ seconds });
    const link = await on.link();
    const sidecar = `${unsigned(link)}.json`;
    assert.equal((await fetched(sidecar)).status, 404);
    assert.equal((await fetched(sidecar + new URL(link).search)).status, 404);
    const { cookie } = await adminOf(on.gateway);
    const reply = await fetch(sidecar, { headers: { cookie } });
    assert.equal(reply.headers.get("cache-control"), "no-store");
    assert.equal((await reply.json()).prompt, small.prompt);
    const none = await fetched(`${on.gateway.url}/storage/none.png.json`, { headers: { cookie } });
    assert.equal(none.status, 404);
  }
});
