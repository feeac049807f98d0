/** The holders of gateway keys over the admin API: made, limited, counted and removed. */
import assert from "node:assert/strict";
import { startAdmin } from "../src/testing/admin.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import type { TestGateway } from "../src/testing/gateway.ts";

const small = { prompt: "a cat", size: "64x64", n: 2, model: "mock-painter" };

interface Client {
  id: string;
  key?: string;
  keyPreview: string;
  name: string;
  enabled: boolean;
  providers: string[];
  imagesPerDay: number | null;
  expiresAt: string | null;
  usage: Record<"today" | "month", { requests: number; images: number; usd: number }>;
  days?: { day: string; images: number }[];
}

async function ok<T = Client>(reply: Promise<Response>): Promise<T> {
  const response = await reply;
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

async function refused(reply: Promise<Response>): Promise<[status: number, param: string | null]> {
  const response = await reply;
  const { error } = await response.json();
  return [response.status, error.param];
}

async function paint(
  { gateway }: { gateway: TestGateway },
  key: string | undefined,
  body = small,
): Promise<number> {
  const reply = await gateway.post("/v1/images/generations", body, key);
  await reply.body?.cancel();
  return reply.status;
}

Deno.test("a client's key is told once, opens backend mode at once, and is only seen masked later", async () => {
  await using on = await startAdmin();
  const made = await ok(on.send("/api/clients", { name: "shop" }));
  assert.match(made.key!, /^ir-/);
  assert.equal(made.keyPreview, `${made.key!.slice(0, 4)}…${made.key!.slice(-4)}`);
  assert.equal(await paint(on, made.key), 200);
  const list = await ok<{ data: Client[] }>(on.fetch("/api/clients"));
  assert.ok(!JSON.stringify(list).includes(made.key!));
  assert.deepEqual({ ...list.data[0], createdAt: "" }, {
    id: made.id,
    keyPreview: made.keyPreview,
    createdAt: "",
    name: "shop",
    enabled: true,
    expiresAt: null,
    models: [],
    providers: [],
    requestsPerMinute: null,
    imagesPerDay: null,
    imagesPerMonth: null,
    usdPerDay: null,
    usdPerMonth: null,
    usage: { today: { requests: 1, images: 2, usd: 0 }, month: { requests: 1, images: 2, usd: 0 } },
  });
});

Deno.test("a client's use is told for today, for the month and day by day", async () => {
  const clock = new FakeClock(Date.UTC(2026, 4, 30, 12));
  await using on = await startAdmin({ clock });
  const { id, key } = await ok(on.send("/api/clients", { name: "shop" }));
  for (const day of [24, 24, 0]) {
    assert.equal(await paint(on, key), 200);
    await on.gateway.app.settled();
    await clock.pass(day * 60 * 60_000);
  }
  const { usage, days } = await ok(on.fetch(`/api/clients/${id}?days=4`));
  assert.deepEqual(days!.map(({ day, images }) => `${day} ${images}`), [
    "2026-05-29 0",
    "2026-05-30 2",
    "2026-05-31 2",
    "2026-06-01 2",
  ]);
  assert.deepEqual(usage, {
    today: { requests: 1, images: 2, usd: 0 },
    month: { requests: 1, images: 2, usd: 0 },
  });
});

Deno.test("a change holds for the next request, and null takes a limit away", async () => {
  await using on = await startAdmin();
  const { id, key } = await ok(
    on.send("/api/clients", { name: "shop", providers: ["MOCK"], imagesPerDay: 3 }),
  );
  assert.equal(await paint(on, key), 200);
  assert.equal(await paint(on, key), 429);
  const change = (body: object) => on.send(`/api/clients/${id}`, body, { method: "PATCH" });
  const changed = await ok(change({ imagesPerDay: null }));
  assert.deepEqual([changed.imagesPerDay, changed.providers], [null, ["Mock"]]);
  assert.equal(await paint(on, key), 200);
  await ok(change({ providers: ["OpenAI"] }));
  assert.equal(await paint(on, key), 403);
  await ok(change({ enabled: false, providers: [] }));
  assert.equal(await paint(on, key), 401);
  await ok(change({ enabled: true, name: "store" }));
  assert.equal(await paint(on, key), 200);
});

Deno.test("a client that ended or was removed is nobody", async () => {
  const clock = new FakeClock();
  await using on = await startAdmin({ clock });
  const expiresAt = new Date(clock.now() + 60_000).toISOString();
  const one = await ok(on.send("/api/clients", { name: "one", expiresAt }));
  const two = await ok(on.send("/api/clients", { name: "two" }));
  assert.equal(one.expiresAt, expiresAt);
  await clock.pass(60_000);
  assert.equal(await paint(on, one.key), 401);
  assert.equal(await paint(on, two.key), 200);
  const gone = await on.fetch(`/api/clients/${two.id}`, { method: "DELETE" });
  assert.equal(gone.status, 204);
  assert.equal(await paint(on, two.key), 401);
  assert.deepEqual(await refused(on.fetch(`/api/clients/${two.id}`, { method: "DELETE" })), [404, null]);
  assert.deepEqual(await refused(on.send(`/api/clients/${two.id}`, {}, { method: "PATCH" })), [404, null]);
});

Deno.test("bad fields of a client are refused by their names", async () => {
  await using on = await startAdmin();
  const { id } = await ok(on.send("/api/clients", { name: "taken" }));
  const cases: [object, string][] = [
    [{}, "name"],
    [{ name: "  " }, "name"],
    [{ name: "Taken" }, "name"],
    [{ name: "playground" }, "name"],
    [{ name: "x", imagesPerDay: 0 }, "imagesPerDay"],
    [{ name: "x", requestsPerMinute: 1.5 }, "requestsPerMinute"],
    [{ name: "x", usdPerMonth: "much" }, "usdPerMonth"],
    [{ name: "x", expiresAt: "tomorrow" }, "expiresAt"],
    [{ name: "x", expiresAt: "2020-01-01T00:00:00Z" }, "expiresAt"],
    [{ name: "x", providers: ["Nobody"] }, "providers"],
    [{ name: "x", models: [7] }, "models.0"],
  ];
  for (const [body, param] of cases) {
    assert.deepEqual(await refused(on.send("/api/clients", body)), [400, param], JSON.stringify(body));
  }
  assert.deepEqual(await refused(on.send(`/api/clients/${id}`, { usdPerDay: -1 }, { method: "PATCH" })), [
    400,
    "usdPerDay",
  ]);
  assert.equal((await ok<{ data: Client[] }>(on.fetch("/api/clients"))).data.length, 1);
});

Deno.test("clients are listed page by page and found by name", async () => {
  await using on = await startAdmin();
  for (let index = 0; index < 5; index++) await ok(on.send("/api/clients", { name: `shop ${index}` }));
  const names: string[] = [];
  for (let after: string | undefined = ""; after !== undefined;) {
    const page: { data: Client[]; next?: string } = await ok(
      on.fetch(`/api/clients?limit=2${after && `&after=${after}`}`),
    );
    names.push(...page.data.map(({ name }) => name));
    after = page.next;
  }
  assert.deepEqual(names, ["shop 0", "shop 1", "shop 2", "shop 3", "shop 4"]);
  const found = await ok<{ data: Client[] }>(on.fetch("/api/clients?q=SHOP%203"));
  assert.deepEqual(found.data.map(({ name }) => name), ["shop 3"]);
});
