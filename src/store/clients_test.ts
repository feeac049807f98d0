import assert from "node:assert/strict";
import fc from "fast-check";
import { sqliteDialect } from "../platform/sqlite.ts";
import { createClientStore, dayOf } from "./clients.ts";
import { openDatabase } from "./database.ts";
import { createVault } from "./secrets.ts";

Deno.test("a client is found by the hash of its key, which is told once and not stored", async () => {
  await using store = await open();
  const { client, key } = await store.clients.create({ name: "chat" });
  assert.match(key, /^ir-[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(await store.clients.findByHash(await store.vault.fingerprint(key)), client);
  assert.equal(await store.clients.findByHash(await store.vault.fingerprint(`${key}x`)), undefined);
  assert.ok(!JSON.stringify(await store.clients.list()).includes(key));
  assert.equal(client.preview, `${key.slice(0, 4)}…${key.slice(-4)}`);
});

Deno.test("a client with a name alone is enabled and unlimited", async () => {
  await using store = await open();
  const { client } = await store.clients.create({ name: "chat" });
  const { enabled, models, providers, expiresAt, imagesPerDay, usdPerMonth } = client;
  assert.deepEqual(
    { enabled, models, providers, expiresAt, imagesPerDay, usdPerMonth },
    {
      enabled: true,
      models: [],
      providers: [],
      expiresAt: undefined,
      imagesPerDay: undefined,
      usdPerMonth: undefined,
    },
  );
});

Deno.test("every limit is kept, and null takes one away", async () => {
  await using store = await open();
  const limits = {
    expiresAt: 1_900_000_000_000,
    requestsPerMinute: 5,
    imagesPerDay: 0,
    imagesPerMonth: 900,
    usdPerDay: 0.25,
    usdPerMonth: 7.5,
  };
  const { client } = await store.clients.create({
    name: "shop",
    models: ["a"],
    providers: ["Gitee"],
    ...limits,
  });
  assert.deepEqual((await store.clients.list())[0], client);
  assert.equal(client.imagesPerDay, 0);
  const changed = await store.clients.update(client.id, { usdPerDay: null, enabled: false, name: "shut" });
  assert.deepEqual(changed, { ...client, usdPerDay: undefined, enabled: false, name: "shut" });
  assert.deepEqual(await store.clients.update(client.id, {}), changed);
  assert.equal(await store.clients.update("nobody", { name: "x" }), undefined);
});

Deno.test("a removed client is gone with its counters", async () => {
  await using store = await open();
  const { client } = await store.clients.create({ name: "chat" });
  await store.clients.create({ name: "other" });
  await store.clients.addUsage(client.id, 0, { requests: 1, images: 1, usd: 1 });
  assert.equal(await store.clients.remove(client.id), true);
  assert.equal(await store.clients.remove(client.id), false);
  assert.equal(await store.clients.count(), 1);
  assert.deepEqual(await store.clients.usage(client.id, "0000", "9999"), []);
});

Deno.test("usage adds up by day of UTC", async () => {
  await using store = await open();
  const noon = Date.UTC(2026, 10, 21, 12);
  await store.clients.addUsage("c", noon, { requests: 1, images: 2, usd: 0.5 });
  await store.clients.addUsage("c", noon + 3_600_000, { requests: 1, images: 1, usd: 0.25 });
  await store.clients.addUsage("c", noon + 12 * 3_600_000, { requests: 1, images: 4, usd: 0 });
  await store.clients.addUsage("other", noon, { requests: 9, images: 9, usd: 9 });
  assert.deepEqual(await store.clients.usage("c", "2026-11-01", "2026-11-30"), [
    { day: "2026-11-21", requests: 2, images: 3, usd: 0.75 },
    { day: "2026-11-22", requests: 1, images: 4, usd: 0 },
  ]);
  assert.deepEqual((await store.clients.usage("c", "2026-11-22", "2026-11-22")).length, 1);
  assert.equal(dayOf(noon), "2026-11-21");
});

Deno.test("a client's name, models and providers come back as they were given", async () => {
  await using store = await open();
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
  await fc.assert(fc.asyncProperty(text, fc.array(text), fc.array(text), async (name, models, providers) => {
    const { client } = await store.clients.create({ name, models, providers });
    const found = await store.clients.findByHash(client.keyHash);
    assert.deepEqual([found?.name, found?.models, found?.providers], [name, models, providers]);
  }));
});

async function open() {
  const db = await openDatabase(sqliteDialect(":memory:"));
  const vault = await createVault("test secret");
  return { vault, clients: createClientStore(db, vault), [Symbol.asyncDispose]: () => db.destroy() };
}
