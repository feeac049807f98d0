import fc from "fast-check";
import { sql } from "kysely";
import assert from "node:assert/strict";
import { Failed } from "../core/failure.ts";
import { sqliteDialect } from "../platform/sqlite.ts";
import { openDatabase } from "./database.ts";
import type { PictureRecord } from "./picture_record.ts";
import { createPictureStore, type PictureFilter } from "./pictures.ts";

Deno.test("a picture is kept whole", async () => {
  await using store = await open();
  const written = picture("a", {
    revisedPrompt: "a cat in heavy rain",
    seed: 4_294_967_295,
    costUsd: 0.04,
    request: { prompt: "a cat", size: "1024x1024", wishes: { steps: 9 } },
    object: "images/a.png",
    uploadWanted: true,
  });
  await store.pictures.add(written);
  assert.deepEqual(await store.pictures.get("a.png"), written);
  assert.equal(await store.pictures.get("b.png"), undefined);
});

Deno.test("a request with images in it is too long to be kept, and costs nothing else", async () => {
  await using store = await open();
  await store.pictures.add(picture("a", { request: { image: "x".repeat(100_000) } }));
  assert.deepEqual(await store.pictures.get("a.png"), picture("a", { request: undefined }));
});

Deno.test("adding again replaces what was known, but not where the bytes are", async () => {
  await using store = await open();
  await store.pictures.add(picture("a", { uploadWanted: true }));
  await store.pictures.uploaded("a.png", "images/a.png");
  await store.pictures.add(picture("a", { prompt: "two cats" }));
  const { prompt, object } = (await store.pictures.get("a.png"))!;
  assert.deepEqual([prompt, object], ["two cats", "images/a.png"]);
});

Deno.test("adding what is missing leaves alone what is known", async () => {
  await using store = await open();
  await store.pictures.add(picture("a", { prompt: "first" }));
  const found = ["a", "b", "c"].map((id) => picture(id, { prompt: "second" }));
  assert.equal(await store.pictures.addMissing(found), 2);
  assert.equal((await store.pictures.get("a.png"))?.prompt, "first");
  assert.equal(await store.pictures.addMissing([]), 0);
});

Deno.test("paging shows every picture once, newest first, also those of one moment", async () => {
  await using store = await open();
  await store.pictures.addMissing(
    Array.from(
      { length: 57 },
      (_, i) => picture(`p${i}`, { time: Math.floor(i / 10), provider: `P${i % 2}` }),
    ),
  );
  for (const filter of [{}, { q: "cat" }, { provider: "P1" }, { provider: "P1", task: "generate" }]) {
    const seen: PictureRecord[] = [];
    let after: string | undefined;
    do {
      const page = await store.pictures.list({ ...filter, limit: 5, after });
      seen.push(...page.data);
      after = page.next;
    } while (after);
    assert.equal(new Set(seen.map(({ name }) => name)).size, "provider" in filter ? 28 : 57);
    assert.deepEqual(seen.map(({ time }) => time), seen.map(({ time }) => time).toSorted((a, b) => b - a));
  }
});

Deno.test("each filter finds what it names, and several hold together", async () => {
  await using store = await open();
  await store.pictures.addMissing([
    picture("a", { time: 10, provider: "Gitee", model: "flux" }),
    picture("b", { time: 20, client: "shop", model: "flux", task: "edit" }),
    picture("c", { time: 30, client: "shop", prompt: "a dog" }),
  ]);
  const found = async (filter: PictureFilter) =>
    (await store.pictures.list(filter)).data.map(({ name }) => name[0]).join("");
  assert.equal(await found({}), "cba");
  assert.equal(await found({ provider: "Gitee" }), "a");
  assert.equal(await found({ model: "flux" }), "ba");
  assert.equal(await found({ client: "shop" }), "cb");
  assert.equal(await found({ task: "edit" }), "b");
  assert.equal(await found({ from: 20, to: 30 }), "b");
  assert.equal(await found({ model: "flux", client: "shop" }), "b");
  assert.equal(await found({ client: "shop", q: "DOG" }), "c");
  assert.equal(await found({ client: "shop", q: "dog", to: 30 }), "");
  assert.equal(await found({ q: "" }), "cba");
});

Deno.test("a search minds neither letter case nor width, in any script", async () => {
  await using store = await open();
  const prompts = [
    "Ärger im GARTEN",
    "КОШКА под дождём",
    "ΣΊΣΥΦΟΣ",
    "雪中的狐狸",
    "ＦＯＸ",
    "Straße",
    "kočka",
  ];
  await store.pictures.addMissing(prompts.map((prompt, i) => picture(`p${i}`, { prompt })));
  const found = async (q: string) => (await store.pictures.list({ q })).data.map(({ prompt }) => prompt);
  assert.deepEqual(await found("ärger"), [prompts[0]]);
  assert.deepEqual(await found("кошка ПОД"), [prompts[1]]);
  assert.deepEqual(await found("σίσυφος"), [prompts[2]]);
  assert.deepEqual(await found("狐"), [prompts[3]]);
  assert.deepEqual(await found("fox"), [prompts[4]]);
  assert.deepEqual(await found("STRASSE"), [prompts[5]]);
  assert.deepEqual(await found("KOČ"), [prompts[6]]);
});

Deno.test("a search takes its text as it is, and finds a revised prompt too", async () => {
  await using store = await open();
  const prompts = ["100% wool", "1000 wool", "a_b", "axb", "it's !"];
  await store.pictures.addMissing(prompts.map((prompt, i) => picture(`p${i}`, { prompt })));
  await store.pictures.add(picture("r", { prompt: "plain", revisedPrompt: "An ornate castle" }));
  const found = async (q: string) => (await store.pictures.list({ q })).data.map(({ prompt }) => prompt);
  assert.deepEqual(await found("100%"), ["100% wool"]);
  assert.deepEqual(await found("a_b"), ["a_b"]);
  assert.deepEqual(await found("'S !"), ["it's !"]);
  assert.deepEqual(await found("CASTLE"), ["plain"]);
});

Deno.test("a search finds any prompt by any part of it", async () => {
  await using store = await open();
  let count = 0;
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(text, fc.nat(), async (prompt, at) => {
      const client = `c${count++}`;
      await store.pictures.add(picture(client, { prompt, client }));
      const characters = [...new Intl.Segmenter().segment(prompt)].map(({ segment }) => segment);
      const q = characters.slice(at % characters.length).join("");
      assert.equal((await store.pictures.list({ q, client })).data.length, 1);
    }),
    { examples: [["\0", 0], ["İI", 0]] },
  );
});

Deno.test("a search goes on over thousands of rows until it finds, or the caller leaves", async () => {
  await using store = await open();
  await store.pictures.addMissing(
    Array.from(
      { length: 3500 },
      (_, i) => picture(`p${i}`, { time: i, prompt: `cat ${i}.`, client: `c${i % 2}` }),
    ),
  );
  const { data } = await store.pictures.list({ q: "cat 3." });
  assert.deepEqual(data.map(({ name }) => name), ["p3.png"]);
  assert.equal((await store.pictures.list({ q: "cat", client: "c1", limit: 500 })).data.length, 500);
  const left = store.pictures.list({ q: "dog", signal: AbortSignal.abort() });
  await assert.rejects(left, { name: "AbortError" });
});

Deno.test("a cursor that is none is the caller's fault", async () => {
  await using store = await open();
  await assert.rejects(
    store.pictures.list({ after: "x" }),
    (error) => error instanceof Failed && error.failure.kind === "invalid_request",
  );
});

Deno.test("pictures wait for their upload, oldest first, until they are in the bucket", async () => {
  await using store = await open();
  await store.pictures.addMissing([
    picture("a", { time: 3, uploadWanted: true }),
    picture("b", { time: 1, uploadWanted: true }),
    picture("c", { time: 2 }),
  ]);
  const waiting = async () => (await store.pictures.pendingUploads(10)).map(({ name }) => name);
  assert.deepEqual(await waiting(), ["b.png", "a.png"]);
  await store.pictures.uploaded("b.png", "o1");
  await store.pictures.uploaded("c.png", "o1");
  assert.deepEqual(await waiting(), ["a.png"]);
  assert.equal(await store.pictures.sharers("o1"), 2);
  assert.equal(await store.pictures.sharers("o2"), 0);
});

Deno.test("equal bytes are found by their hash, first of all where there is a file", async () => {
  await using store = await open();
  const hash = "h".repeat(64);
  await store.pictures.addMissing([
    picture("a", { time: 1, hash, onDisk: false, object: "o" }),
    picture("b", { time: 2, hash }),
  ]);
  assert.equal((await store.pictures.byHash(hash))?.name, "b.png");
  await store.pictures.movedFromDisk("b.png");
  assert.equal((await store.pictures.byHash(hash))?.name, "a.png");
  assert.equal(await store.pictures.byHash("none"), undefined);
});

Deno.test("removing gives what was known of those that were there", async () => {
  await using store = await open();
  await store.pictures.addMissing(Array.from({ length: 1200 }, (_, i) => picture(`p${i}`, { time: i })));
  const names = Array.from({ length: 1100 }, (_, i) => `p${i}.png`);
  const removed = await store.pictures.remove([...names, "stranger.png"]);
  assert.deepEqual(removed.map(({ name }) => name).sort(), names.sort());
  assert.deepEqual(await store.pictures.totals(), { count: 100, bytes: 100_000, onDisk: 100 });
  assert.deepEqual(await store.pictures.remove([]), []);
});

Deno.test("totals count all there is, however much it is", async () => {
  await using store = await open();
  assert.deepEqual(await store.pictures.totals(), { count: 0, bytes: 0, onDisk: 0 });
  await store.pictures.addMissing(
    Array.from({ length: 40_001 }, (_, i) => picture(`p${i}`, { time: i % 7, onDisk: i % 2 === 0 })),
  );
  assert.deepEqual(await store.pictures.totals(), { count: 40_001, bytes: 40_001_000, onDisk: 20_001 });
});

Deno.test("the oldest are those of the earliest time, up to a limit or a day", async () => {
  await using store = await open();
  await store.pictures.addMissing([5, 1, 3].map((time) => picture(`p${time}`, { time })));
  const times = async (limit: number, before?: number) =>
    (await store.pictures.oldest(limit, before)).map(({ time }) => time);
  assert.deepEqual(await times(2), [1, 3]);
  assert.deepEqual(await times(10, 5), [1, 3]);
});

Deno.test("every listing and look-up walks an index", async () => {
  await using store = await open();
  const { db } = store;
  const newest = db.selectFrom("pictures").selectAll().orderBy("time", "desc").orderBy("name", "desc").limit(
    50,
  );
  const plans = {
    newest,
    ...Object.fromEntries(
      (["provider", "model", "client", "task"] as const).map((c) => [c, newest.where(c, "=", "x")]),
    ),
    hash: db.selectFrom("pictures").selectAll().where("hash", "=", "x"),
    object: db.selectFrom("pictures").selectAll().where("object", "=", "x"),
    pending: db.selectFrom("pictures").selectAll().where((eb) => eb("upload_wanted", "=", eb.lit(1)))
      .where("object", "is", null).orderBy("time").orderBy("name"),
  };
  for (const [what, query] of Object.entries(plans)) {
    const plan = JSON.stringify(await query.explain(undefined, sql`query plan`));
    assert.match(plan, /USING (COVERING )?INDEX pictures_/, what);
    assert.ok(!plan.includes("TEMP B-TREE"), what);
  }
});

function picture(id: string, change: Partial<PictureRecord> = {}): PictureRecord {
  return {
    name: `${id}.png`,
    time: 1_790_000_000_000,
    type: "image/png",
    bytes: 1000,
    width: 1024,
    height: 768,
    hash: id.padEnd(64, "0"),
    prompt: "a cat in the rain",
    revisedPrompt: undefined,
    model: "painter",
    provider: "Mock",
    task: "generate",
    client: "chat",
    requestId: "req_1",
    seed: undefined,
    costUsd: undefined,
    request: undefined,
    onDisk: true,
    object: undefined,
    uploadWanted: false,
    ...change,
  };
}

async function open() {
  const db = await openDatabase(sqliteDialect(":memory:"));
  return { db, pictures: createPictureStore(db), [Symbol.asyncDispose]: () => db.destroy() };
}
