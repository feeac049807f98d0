import assert from "node:assert/strict";
import fc from "fast-check";
import { Failed } from "../core/failure.ts";
import { sqliteDialect } from "../platform/sqlite.ts";
import { openDatabase } from "./database.ts";
import { createKeyStore, type NewKey, type ProviderKey } from "./keys.ts";
import { createVault } from "./secrets.ts";

const SECRET = "sk-abcdefghijklmnopqrstuvwxyz";

Deno.test("an added key is listed by preview and revealed by id", async () => {
  await using store = await open();
  const { added } = await store.keys.add([
    newKey({ baseUrl: "https://relay.example/v1", models: ["a/b:c"] }),
  ]);
  const [key] = await store.keys.list("OpenAI");
  assert.deepEqual(key, added[0]);
  assert.equal(key?.preview, "sk-a…wxyz");
  assert.equal(key?.baseUrl, "https://relay.example/v1");
  assert.deepEqual(key?.models, ["a/b:c"]);
  assert.equal(await store.keys.reveal(key!.id), SECRET);
  assert.ok(!JSON.stringify(key).includes(SECRET));
});

Deno.test("a key is in a pool once for each address, also within one batch", async () => {
  await using store = await open();
  const elsewhere = newKey({ baseUrl: "https://relay.example/v1" });
  const first = await store.keys.add([newKey(), newKey({ name: "again" }), elsewhere]);
  assert.equal(first.added.length, 2);
  assert.deepEqual(first.duplicates, [{ provider: "OpenAI", name: "again", preview: "sk-a…wxyz" }]);
  const second = await store.keys.add([newKey(), newKey({ provider: "NewApi" })]);
  assert.deepEqual(second.added.map(({ provider }) => provider), ["NewApi"]);
  assert.equal((await store.keys.list()).length, 3);
});

Deno.test("adding nothing adds nothing", async () => {
  await using store = await open();
  assert.deepEqual(await store.keys.add([]), { added: [], duplicates: [] });
  assert.equal(await store.keys.remove([]), 0);
  await store.keys.saveStates([]);
});

Deno.test("thirty thousand keys are added, listed and removed together", async () => {
  await using store = await open();
  const many = Array.from({ length: 30_000 }, (_, i) => newKey({ key: `${SECRET}${i}` }));
  const { added } = await store.keys.add(many);
  assert.equal((await store.keys.list("OpenAI")).length, 30_000);
  assert.equal(await store.keys.remove(added.map(({ id }) => id)), 30_000);
  assert.deepEqual(await store.keys.list(), []);
});

Deno.test("a change touches only what it names", async () => {
  await using store = await open();
  const [key] = (await store.keys.add([newKey({ baseUrl: "https://relay.example", models: ["m"] })])).added;
  const changed = await store.keys.update(key!.id, { name: "spare", enabled: false });
  assert.deepEqual(changed, { ...key, name: "spare", enabled: false });
  assert.equal((await store.keys.update(key!.id, { baseUrl: "" }))?.baseUrl, undefined);
  assert.deepEqual(await store.keys.update(key!.id, {}), { ...changed, baseUrl: undefined });
  assert.equal(await store.keys.update("nobody", { name: "x" }), undefined);
});

Deno.test("a key's secret can be replaced, but not by one that its pool has", async () => {
  await using store = await open();
  const [one] = (await store.keys.add([newKey(), newKey({ key: `${SECRET}2`, name: "two" })])).added;
  await assert.rejects(
    store.keys.update(one!.id, { key: `${SECRET}2` }),
    (error) =>
      error instanceof Failed && error.failure.code === "duplicate_key" && /"two"/.test(error.message),
  );
  assert.equal((await store.keys.update(one!.id, { key: `${SECRET}3` }))?.preview, "sk-a…xyz3");
  assert.equal(await store.keys.reveal(one!.id), `${SECRET}3`);
});

Deno.test("the state of keys survives a restart, and other keys keep theirs", async () => {
  await using folder = await temporaryFolder();
  let used: ProviderKey;
  {
    await using store = await open(folder.file);
    const { added } = await store.keys.add([newKey(), newKey({ key: `${SECRET}2` })]);
    used = {
      ...added[0]!,
      restingUntil: 1_900_000_000_000,
      restReason: "out of credit",
      strikes: 3,
      modelRests: { 'odd \' "model" 模型': { until: 5, reason: "rate limited" } },
      successes: 41,
      failures: 7,
      lastUsedAt: 1_800_000_000_000,
      lastError: "402 pay first",
    };
    await store.keys.saveStates([used, { ...used, id: "removed meanwhile" }]);
  }
  await using store = await open(folder.file);
  const listed = await store.keys.list();
  assert.deepEqual(listed.find(({ id }) => id === used.id), used);
  assert.equal(listed.find(({ id }) => id !== used.id)?.strikes, 0);
});

Deno.test("a secret is nowhere in the files of the database", async () => {
  await using folder = await temporaryFolder();
  await using store = await open(folder.file);
  await store.keys.add([newKey({ key: `${SECRET}-first` }), newKey({ key: `${SECRET}-second` })]);
  for (const entry of Deno.readDirSync(folder.path)) {
    const bytes = new TextDecoder("latin1").decode(Deno.readFileSync(`${folder.path}/${entry.name}`));
    assert.ok(!bytes.includes("abcdefghijklmnop"), entry.name);
  }
});

Deno.test("keys stored with another SECRET_KEY are listed, but not revealed", async () => {
  await using folder = await temporaryFolder();
  {
    await using store = await open(folder.file, "the former secret");
    await store.keys.add([newKey()]);
  }
  await using store = await open(folder.file, "another secret");
  const [key] = await store.keys.list();
  await assert.rejects(store.keys.reveal(key!.id), /SECRET_KEY is not the one these keys were stored with/);
});

Deno.test("names, addresses and models come back as they were given, whatever is in them", async () => {
  await using store = await open();
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
  let count = 0;
  const given = fc.record({
    provider: text,
    name: text,
    baseUrl: text,
    models: fc.array(text, { maxLength: 3 }),
  }, { noNullPrototype: true });
  await fc.assert(fc.asyncProperty(given, async (entry) => {
    const { added } = await store.keys.add([newKey({ ...entry, key: `key ${count++}` })]);
    const [key] = (await store.keys.list(entry.provider)).filter(({ id }) => id === added[0]?.id);
    const { provider, name, baseUrl, models } = key!;
    assert.deepEqual({ provider, name, baseUrl, models }, entry);
  }));
});

function newKey(change: Partial<NewKey> = {}): NewKey {
  return { provider: "OpenAI", key: SECRET, ...change };
}

async function open(file = ":memory:", secret = "test secret") {
  const db = await openDatabase(sqliteDialect(file));
  return { keys: createKeyStore(db, await createVault(secret)), [Symbol.asyncDispose]: () => db.destroy() };
}

async function temporaryFolder() {
  const path = await Deno.makeTempDir();
  return {
    path,
    file: `${path}/imgrouter.db`,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}
