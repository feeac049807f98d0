import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { sqliteDialect } from "../platform/sqlite.ts";
import { createClientStore } from "./clients.ts";
import { openDatabase } from "./database.ts";
import { createVault } from "./secrets.ts";

Deno.test("a database keeps what it holds when it is opened again", async () => {
  await using folder = await temporaryFolder();
  const vault = await createVault("secret");
  {
    await using db = await openDatabase(sqliteDialect(folder.file));
    await createClientStore(db, vault).create({ name: "chat" });
  }
  await using db = await openDatabase(sqliteDialect(folder.file));
  assert.deepEqual((await createClientStore(db, vault).list()).map(({ name }) => name), ["chat"]);
});

Deno.test("several starts on one new file at once all succeed", async () => {
  await using folder = await temporaryFolder();
  const opened = await Promise.all(Array.from({ length: 8 }, () => openDatabase(sqliteDialect(folder.file))));
  for (const db of opened) {
    assert.equal(await createClientStore(db, await createVault("secret")).count(), 0);
    await db.destroy();
  }
});

Deno.test("processes that write at the same time wait for each other", async () => {
  await using folder = await temporaryFolder();
  const vault = await createVault("secret");
  await using db = await openDatabase(sqliteDialect(folder.file));
  const writers = [writerProcess(folder.file), writerProcess(folder.file)];
  const store = createClientStore(db, vault);
  for (let i = 0; i < 50; i++) await store.addUsage("shared", 0, { requests: 1, images: 1, usd: 0 });
  for (const { code, stderr } of await Promise.all(writers)) {
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  }
  const [day] = await store.usage("shared", "1970-01-01", "1970-01-01");
  assert.equal(day?.requests, 150);
});

Deno.test("a file that is no database is refused and left as it is", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.file, "these are holiday notes, not a database");
  await assert.rejects(
    openDatabase(sqliteDialect(folder.file)),
    /Cannot open the database: .*not a database/,
  );
  assert.equal(await Deno.readTextFile(folder.file), "these are holiday notes, not a database");
});

Deno.test("a database of a newer version is refused with words that help", async () => {
  await using folder = await temporaryFolder();
  await (await openDatabase(sqliteDialect(folder.file))).destroy();
  const raw = new DatabaseSync(folder.file);
  raw.exec("insert into kysely_migration values ('9999_future', '2030-01-01T00:00:00.000Z')");
  raw.close();
  await assert.rejects(
    openDatabase(sqliteDialect(folder.file)),
    /made by another version.*9999_future.*start that version/,
  );
});

function writerProcess(file: string): Promise<Deno.CommandOutput> {
  const here = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    import { sqliteDialect } from ${here("../platform/sqlite.ts")};
    import { openDatabase } from ${here("./database.ts")};
    import { createClientStore } from ${here("./clients.ts")};
    import { createVault } from ${here("./secrets.ts")};
    await using db = await openDatabase(sqliteDialect(${JSON.stringify(file)}));
    const store = createClientStore(db, await createVault("secret"));
    for (let i = 0; i < 50; i++) {
      await store.addUsage("shared", 0, { requests: 1, images: 1, usd: 0 });
      const { client } = await store.create({ name: "temporary" });
      await store.update(client.id, { enabled: false });
      await store.remove(client.id);
    }`;
  const url = `data:application/typescript,${encodeURIComponent(program)}`;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", new URL("../../deno.json", import.meta.url).pathname, url],
    stdout: "null",
    stderr: "piped",
  }).output();
}

async function temporaryFolder() {
  const path = await Deno.makeTempDir();
  return {
    file: `${path}/imgrouter.db`,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}
