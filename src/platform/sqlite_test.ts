import assert from "node:assert/strict";
import { Kysely, sql } from "kysely";
import { sqliteDialect } from "./sqlite.ts";

interface Notes {
  notes: { text: string };
}

Deno.test("two handles of one process write by turns, also while a transaction is open", async () => {
  await using folder = await temporaryFolder();
  await using one = new Kysely<Notes>({ dialect: sqliteDialect(folder.file) });
  await using two = new Kysely<Notes>({ dialect: sqliteDialect(folder.file) });
  await one.schema.createTable("notes").addColumn("text", "text").execute();
  const write = (db: Kysely<Notes>) =>
    db.transaction().execute(async (tx) => {
      await tx.selectFrom("notes").selectAll().execute();
      await new Promise((resolve) => setImmediate(resolve));
      await tx.insertInto("notes").values({ text: "x" }).execute();
    });
  const single = two.insertInto("notes").values({ text: "y" });
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => i % 4 ? write(i % 2 ? one : two) : single.execute()),
  );
  assert.equal((await one.selectFrom("notes").selectAll().execute()).length, 20);
});

Deno.test("a statement gives up when the database stays busy beyond the limit", async () => {
  await using folder = await temporaryFolder();
  let now = 0;
  const clock = {
    now: () => now,
    sleep: (ms: number) => Promise.resolve(void (now += ms)),
    timeout: () => ({ signal: new AbortController().signal, [Symbol.dispose]() {} }),
  };
  await using one = new Kysely<Notes>({ dialect: sqliteDialect(folder.file) });
  await using two = new Kysely<Notes>({ dialect: sqliteDialect(folder.file, { clock }) });
  await one.schema.createTable("notes").addColumn("text", "text").execute();
  await one.transaction().execute(async () => {
    await assert.rejects(two.insertInto("notes").values({ text: "x" }).execute(), /database is locked/);
  });
  assert.equal(now, 5000);
});

Deno.test("the file is in WAL mode and minds foreign keys", async () => {
  await using folder = await temporaryFolder();
  await using db = new Kysely<Notes>({ dialect: sqliteDialect(folder.file) });
  const { rows: [journal] } = await sql<{ journal_mode: string }>`pragma journal_mode`.execute(db);
  const { rows: [keys] } = await sql<{ foreign_keys: number }>`pragma foreign_keys`.execute(db);
  assert.equal(journal?.journal_mode, "wal");
  assert.equal(keys?.foreign_keys, 1);
});

async function temporaryFolder() {
  const path = await Deno.makeTempDir();
  return { file: `${path}/test.db`, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
