import assert from "node:assert/strict";
import { adminOf, type TestAdmin } from "../src/testing/admin.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { startScene } from "./drill_scene.ts";

interface Told {
  id: string;
  prompt: string;
  status: number;
  attempts: { provider: string; outcome: string; keyName?: string }[];
}

Deno.test("a request is listed with its attempts as soon as it has ended", async () => {
  await using scene = await startScene({ openaiKeys: 2 });
  const admin = await adminOf(scene.gateway);
  scene.openai.reject(scene.secrets["openai-1"]!);
  const reply = await scene.ask({ prompt: "a quiet harbour" });
  await reply.body?.cancel();
  const { data: [request] } = await list(admin);
  assert.deepEqual([request!.prompt, request!.status], ["a quiet harbour", 200]);
  assert.equal(request!.id, reply.headers.get("x-request-id"));
  assert.deepEqual(request!.attempts.map(({ keyName, outcome }) => `${keyName} ${outcome}`), [
    "openai-1 key_rejected",
    "openai-2 ok",
  ]);
});

Deno.test("ids of requests rise with time, so that a database appends them", async () => {
  await using gateway = await startGateway();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.push(await paint(gateway, "a quiet harbour"));
  assert.deepEqual(ids, ids.toSorted());
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("one request shows its attempts, notes and pictures", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  const id = await paint(gateway, "a lighthouse", { n: 2 });
  await gateway.stored();
  const request = await (await admin.fetch(`/api/requests/${id}`)).json();
  assert.equal(request.prompt, "a lighthouse");
  assert.equal(request.attempts[0].provider, "Mock");
  assert.ok(Array.isArray(request.notes));
  assert.equal(request.pictures.length, 2);
  for (const { url, requestId } of request.pictures) {
    assert.equal(requestId, id);
    const picture = await admin.fetch(url);
    assert.equal(picture.headers.get("content-type"), "image/png");
    await picture.body?.cancel();
  }
});

Deno.test("each filter finds what it names", async () => {
  const clock = new FakeClock(Date.UTC(2026, 5, 1, 12));
  await using gateway = await startGateway({ clock });
  const admin = await adminOf(gateway);
  await paint(gateway, "first fox");
  await clock.pass(60_000);
  await paint(gateway, "second [refuse]");
  await clock.pass(60_000);
  await paint(gateway, "third [garbage]");
  const found = async (query: string) =>
    (await list(admin, query)).data.map(({ prompt }) => prompt.split(" ")[0]).join(" ");
  assert.equal(await found(""), "third second first");
  assert.equal(await found("status=ok"), "first");
  assert.equal(await found("status=failed"), "third second");
  assert.equal(await found("status=400"), "second");
  assert.equal(await found("status=5xx"), "third");
  assert.equal(await found("q=FOX"), "first");
  assert.equal(await found("provider=Mock&client=relay"), "third second first");
  assert.equal(await found("provider=OpenAI"), "");
  assert.equal(await found("from=2026-06-01T12:00:30Z&to=2026-06-01T14:01:30%2B02:00"), "second");
});

Deno.test("pages follow one another without gap or repetition", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  for (let n = 0; n < 5; n++) await paint(gateway, `number ${n}`);
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const page = await list(admin, `limit=2${after ? `&after=${after}` : ""}`);
    seen.push(...page.data.map(({ prompt }) => prompt));
    after = page.next;
  } while (after);
  assert.deepEqual(seen, [4, 3, 2, 1, 0].map((n) => `number ${n}`));
});

Deno.test("there is a list of what to filter by", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  await paint(gateway, "a fox");
  await list(admin);
  assert.deepEqual(await (await admin.fetch("/api/requests/facets")).json(), {
    providers: ["Mock"],
    models: ["mock-painter"],
    clients: ["relay"],
  });
});

Deno.test("input that fits nothing is refused by name, and a request that there is not is not found", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  const refusals: Record<string, string> = {
    "limit=0": "limit",
    "status=teapot": "status",
    "from=yesterday": "from",
    "after=nowhere": "after",
  };
  for (const [query, param] of Object.entries(refusals)) {
    const reply = await admin.fetch(`/api/requests?${query}`);
    assert.equal(reply.status, 400, query);
    assert.equal((await reply.json()).error.param, param);
  }
  const missing = await admin.fetch("/api/requests/req_none");
  assert.equal(missing.status, 404);
  assert.match((await missing.json()).error.message, /no such request/);
});

async function list(admin: TestAdmin, query = ""): Promise<{ data: Told[]; next?: string }> {
  const reply = await admin.fetch(`/api/requests?${query}`);
  assert.equal(reply.status, 200, query);
  return await reply.json();
}

/** Gives the request's id. */
async function paint(gateway: TestGateway, prompt: string, more: object = {}): Promise<string> {
  const reply = await gateway.post("/v1/images/generations", { prompt, size: "64x64", ...more });
  await reply.arrayBuffer();
  return reply.headers.get("x-request-id")!;
}
