import fc from "fast-check";
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import type { JsonObject } from "./json_object.ts";
import { type LegacyKey, moveKeys, takeKeys } from "./legacy_keys.ts";
import { IDENTITIES, IMG_ROUTER_FILE, type Scratch, scratch } from "./test_kit.ts";

const NOW = Date.UTC(2026, 10, 21, 3, 15, 7, 123);

const take = (keyPools: unknown) => takeKeys({ keyPools } as JsonObject, IDENTITIES).entries;

Deno.test("a key keeps its id, name, date, state and switch", () => {
  const [first, second, third] = take({
    gitee: [
      {
        id: "1",
        key: " k-one-1 ",
        name: "Main",
        status: "active",
        enabled: true,
        addedAt: 1760000000000,
        lastUsed: 0,
      },
      { id: "2", key: "k-two-22", status: "rate_limited", enabled: false },
      { id: "3", key: "k-three-", status: "disabled" },
    ],
  });
  assert.deepEqual(first, {
    id: "1",
    key: "k-one-1",
    name: "Main",
    provider: "Gitee",
    enabled: true,
    state: "active",
    addedAt: 1760000000000,
    baseUrl: undefined,
    models: [],
    needsBaseUrl: false,
  });
  assert.deepEqual([second?.state, second?.enabled], ["resting", false]);
  assert.deepEqual([third?.state, third?.enabled], ["disabled", true]);
});

Deno.test("a name that shows a part of the key is replaced by a number, and so is a missing one", () => {
  const names = take({
    Gitee: [
      { key: "abcd1234efgh", name: "Imported Key abcd1234..." },
      { key: "bbbb1234efgh", name: "Imported key 2" },
      { key: "cccc1234efgh" },
      { key: "dddd1234efgh", name: "my dddd1234 key" },
    ],
    Doubao: [{ key: "eeee1234", name: null }],
  }).map(({ name }) => name);
  assert.deepEqual(names, [
    "Imported key 1",
    "Imported key 2",
    "Imported key 3",
    "Imported key 4",
    "Imported key 1",
  ]);
});

Deno.test("a key that belongs nowhere by itself is kept switched off until somebody says where", () => {
  const [without, withUrl, stranger] = take({
    NewApi: [{ key: "sk-1" }, {
      key: "sk-2",
      baseUrl: "https://gateway.example/v1",
      models: ["gpt-image-1"],
    }],
    Stranger: [{ key: "sk-3", enabled: true }],
  });
  assert.deepEqual([without?.enabled, without?.needsBaseUrl], [false, true]);
  assert.deepEqual([withUrl?.enabled, withUrl?.needsBaseUrl], [true, false]);
  assert.deepEqual([withUrl?.baseUrl, withUrl?.models], ["https://gateway.example/v1", ["gpt-image-1"]]);
  assert.deepEqual([stranger?.provider, stranger?.enabled], ["Stranger", false]);
});

Deno.test("made-up providers, entries without a key and repeated keys drop out; bare texts are keys", () => {
  const keys = take({
    MockA: [{ key: "mock" }],
    mockb: [{ key: "mock" }],
    Gitee: [{ key: "" }, { name: "no key" }, null, 5, { key: "one" }, { key: "one" }, "two", { key: 7 }],
    GITEE: ["one"],
    Doubao: null,
    NewApi: [{ key: "one", baseUrl: "https://a" }, { key: "one", baseUrl: "https://b" }, {
      key: "one",
      baseUrl: "https://a",
    }],
  });
  assert.deepEqual(keys.map(({ provider, key }) => [provider, key]), [["Gitee", "one"], ["Gitee", "two"], [
    "NewApi",
    "one",
  ], [
    "NewApi",
    "one",
  ]]);
});

Deno.test("a missing or repeated id is made of the key, the same at each reading", () => {
  const pools = {
    Gitee: [{ key: "one" }, { id: "", key: "two" }, { id: "x", key: "three" }, { id: "x", key: "four" }],
  };
  const ids = take(pools).map(({ id }) => id);
  assert.equal(new Set(ids).size, 4);
  assert.equal(ids[2], "x");
  assert.deepEqual(take(pools).map(({ id }) => id), ids);
});

Deno.test("whatever stands in the pools is taken without an error, and no key is left or shown in a name", () => {
  const entry = fc.record({
    id: fc.jsonValue(),
    key: fc.oneof(fc.string({ minLength: 8, unit: "grapheme-ascii" }), fc.jsonValue()),
    name: fc.jsonValue(),
    status: fc.jsonValue(),
    enabled: fc.jsonValue(),
    models: fc.jsonValue(),
    addedAt: fc.jsonValue(),
  }, { requiredKeys: [] });
  const pools = fc.dictionary(
    fc.constantFrom("Gitee", "x", "__proto__"),
    fc.oneof(fc.array(entry), fc.jsonValue()),
  );
  fc.assert(fc.property(fc.oneof(pools, fc.jsonValue()), fc.jsonValue(), (keyPools, other) => {
    const file = JSON.parse(JSON.stringify({ keyPools, other }));
    const { entries, rest } = takeKeys(file, IDENTITIES);
    assert.deepEqual(rest.other, file.other);
    assert.equal(new Set(entries.map(({ id }) => id)).size, entries.length);
    for (const { key, name } of entries) assert.ok(key.length < 6 || !name.includes(key));
  }));
});

/** A key store that keeps one of each, as the real one does. */
function store() {
  const keys = new Map<string, LegacyKey>();
  return {
    keys,
    addKeys: (entries: LegacyKey[]) => {
      for (const entry of entries) keys.set(`${entry.provider} ${entry.key}`, entry);
      return Promise.resolve();
    },
  };
}

const backupsOf = (place: Scratch) =>
  [...Deno.readDirSync(dirname(place.file))].map(({ name }) => name).filter((name) => name.includes("backup"))
    .sort();

const move = (place: Scratch, addKeys: (entries: LegacyKey[]) => Promise<void>, now = NOW) =>
  moveKeys({ path: place.file, providers: IDENTITIES, addKeys, now });

Deno.test("moving keys leaves a closed copy of the file, the keys in the store, and all else in the file", async () => {
  await using place = await scratch();
  await place.write(IMG_ROUTER_FILE);
  const before = await Deno.readTextFile(place.file);
  const { keys, addKeys } = store();
  const { entries, backup } = await move(place, addKeys);
  assert.deepEqual(entries.map(({ id }) => id), ["one"]);
  assert.deepEqual([...keys.keys()], ["Doubao secret-doubao-key-1"]);
  assert.deepEqual(backupsOf(place), ["runtime-config.backup-20261121T031507Z.json"]);
  assert.equal(await Deno.readTextFile(backup!), before);
  assert.equal((await Deno.stat(backup!)).mode! & 0o777, 0o600);
  assert.deepEqual(await place.read(), { ...IMG_ROUTER_FILE, keyPools: {} });
  assert.equal((await place.load()).ok, true);
});

Deno.test("a file without keys, or no file, is left alone", async () => {
  await using place = await scratch();
  const { addKeys } = store();
  assert.deepEqual(await move(place, addKeys), { entries: [] });
  await place.write('{"keyPools": {"Gitee": [], "MockA": [{"key": "x"}]}}');
  assert.deepEqual(await move(place, addKeys), { entries: [] });
  assert.equal(await Deno.readTextFile(place.file), '{"keyPools": {"Gitee": [], "MockA": [{"key": "x"}]}}');
  assert.deepEqual(backupsOf(place), []);
});

Deno.test("moving that was cut off between any two steps can be done again and loses nothing", async () => {
  await using place = await scratch();
  await place.write(IMG_ROUTER_FILE);
  const { keys, addKeys } = store();
  const cutBefore = move(place, () => Promise.reject(new Error("the power went")));
  await assert.rejects(cutBefore, /the power went/);
  assert.deepEqual(await place.read(), IMG_ROUTER_FILE);

  const cutAfter = move(place, async (entries) => {
    await addKeys(entries);
    throw new Error("the power went");
  }, NOW + 60_000);
  await assert.rejects(cutAfter, /the power went/);
  assert.deepEqual(await place.read(), IMG_ROUTER_FILE);

  await move(place, addKeys, NOW);
  await move(place, addKeys, NOW);
  assert.equal(keys.size, 1);
  assert.deepEqual(await place.read(), { ...IMG_ROUTER_FILE, keyPools: {} });
  for (const name of backupsOf(place)) {
    assert.deepEqual(JSON.parse(await Deno.readTextFile(join(dirname(place.file), name))), IMG_ROUTER_FILE);
  }
});

Deno.test("a copy never replaces an earlier one of other content", async () => {
  await using place = await scratch();
  const { addKeys } = store();
  for (const key of ["one", "two"]) {
    await place.write({ keyPools: { Gitee: [{ key }] } });
    await move(place, addKeys);
  }
  assert.deepEqual(backupsOf(place), [
    "runtime-config.backup-20261121T031507Z-2.json",
    "runtime-config.backup-20261121T031507Z.json",
  ]);
});

Deno.test("an edit made while keys are moved is kept, and its keys are moved too", async () => {
  await using place = await scratch();
  await place.write({ keyPools: { Gitee: ["one"] } });
  const { keys, addKeys } = store();
  let isFirst = true;
  await move(place, async (entries) => {
    await addKeys(entries);
    if (isFirst) await place.write({ keyPools: { Gitee: ["one", "two"] }, system: { cors: false } });
    isFirst = false;
  });
  assert.deepEqual([...keys.keys()], ["Gitee one", "Gitee two"]);
  assert.deepEqual(await place.read(), { keyPools: {}, system: { cors: false } });
});

Deno.test("keys are not moved out of a damaged file", async () => {
  await using place = await scratch();
  await place.write('{"keyPools": {"Gitee": ["very-secret"');
  const error = await move(place, store().addKeys).then(() => undefined, (thrown: Error) => thrown);
  assert.match(error?.message ?? "", /^Cannot move keys: runtime-config\.json: found JSON that is cut off/);
  assert.ok(!error?.message.includes("secret"));
  assert.equal(await Deno.readTextFile(place.file), '{"keyPools": {"Gitee": ["very-secret"');
});
