import assert from "node:assert/strict";
import { join } from "node:path";
import { IDENTITIES } from "./app.ts";
import { loadConfig } from "./config/load.ts";
import { IMG_ROUTER_FILE } from "./config/test_kit.ts";
import { runImport } from "./import.ts";
import { sqliteDialect } from "./platform/sqlite.ts";
import { openDatabase } from "./store/database.ts";
import { createKeyStore } from "./store/keys.ts";
import { createPictureStore } from "./store/pictures.ts";
import { createVault } from "./store/secrets.ts";
import { paintPng } from "./testing/painting.ts";

Deno.test("a settings file is merged with what is there, and its keys go into the key store", async () => {
  await using place = await installation({ system: { port: 4321, mine: 1 }, routing: { maxRetries: 1 } });
  const path = join(place.other, "runtime-config.json");
  const before = JSON.stringify(IMG_ROUTER_FILE);
  await Deno.writeTextFile(path, before);
  await place.run(path);
  const file = await place.settings();
  assert.deepEqual([file.system.port, file.system.mine, file.routing.maxRetries], [10001, 1, 1]);
  assert.equal(file.providers.Doubao.text.weight, 7);
  assert.ok(!JSON.stringify(file).includes("secret-doubao-key-1"));
  assert.deepEqual(await place.keys(), ["Doubao Main"]);
  assert.equal(await Deno.readTextFile(path), before, "the imported file stays as it is");
  await place.run(path);
  assert.deepEqual(await place.keys(), ["Doubao Main"], "nothing comes twice");
});

Deno.test("img-router's folder is taken over in one step: settings, keys and pictures", async () => {
  await using place = await installation();
  await Deno.mkdir(join(place.other, "data", "storage"), { recursive: true });
  await Deno.writeTextFile(join(place.other, "data", "runtime-config.json"), JSON.stringify(IMG_ROUTER_FILE));
  const name = "2026-01-31 23-59-58.07 flux-a-cat-0.png";
  await Deno.writeFile(join(place.other, "data", "storage", name), paintPng({ width: 8, height: 8 }));
  await Deno.writeTextFile(
    join(place.other, "data", "storage", `${name}.json`),
    JSON.stringify({ prompt: "a cat", model: "flux", timestamp: 1_769_903_998_070 }),
  );
  await place.run(place.other);
  assert.deepEqual(await place.keys(), ["Doubao Main"]);
  assert.deepEqual(await place.pictures(), [[name, "a cat"]]);
  assert.match(place.printed.join("\n"), /^Settings: merged .*\nPictures: 1 imported, 0 known already, 0 /);
});

Deno.test("a folder without settings is a folder of pictures", async () => {
  await using place = await installation();
  await Deno.writeFile(join(place.other, "a.png"), paintPng({ width: 8, height: 8 }));
  await place.run(place.other);
  assert.deepEqual(await place.pictures(), [["a.png", ""]]);
});

Deno.test("what can't be imported is told, and changes nothing", async () => {
  await using place = await installation({ system: { port: 4321 } });
  const path = join(place.other, "runtime-config.json");
  await Deno.writeTextFile(path, '{"keyPools": {"Gitee": [{"key": "very-secret');
  await assert.rejects(
    place.run(path),
    (error) => error instanceof Error && !error.message.includes("very-secret"),
  );
  await Deno.writeTextFile(
    path,
    JSON.stringify({ system: { port: "none" }, keyPools: { Gitee: [{ key: "k" }] } }),
  );
  await assert.rejects(place.run(path), /system\.port/);
  await assert.rejects(place.run(join(place.dataDir, "runtime-config.json")), /it is the file in use/);
  await assert.rejects(place.run(join(place.other, "none")), /there is no such file or folder/);
  assert.deepEqual(await place.settings(), { system: { port: 4321 } });
  assert.deepEqual(await place.keys(), []);
});

/** A data folder, and another one to import from. */
async function installation(settings: unknown = {}) {
  const root = await Deno.makeTempDir();
  const dataDir = join(root, "data");
  const other = join(root, "other");
  await Deno.mkdir(dataDir);
  await Deno.mkdir(other);
  const file = join(dataDir, "runtime-config.json");
  await Deno.writeTextFile(file, JSON.stringify(settings));
  const env = { DATA_DIR: dataDir, SECRET_KEY: "secret" };
  const printed: string[] = [];
  const open = () => openDatabase(sqliteDialect(join(dataDir, "imgrouter.db")));
  return {
    dataDir,
    other,
    printed,
    async run(path: string) {
      const loaded = await loadConfig({ providers: IDENTITIES, env, folder: root });
      assert.ok(loaded.ok);
      await runImport({ path, loaded, print: (line) => void printed.push(line) });
    },
    settings: async () => JSON.parse(await Deno.readTextFile(file)),
    async keys() {
      await using db = await open();
      const keys = await createKeyStore(db, await createVault("secret")).list();
      return keys.map(({ provider, name }) => `${provider} ${name}`);
    },
    async pictures() {
      await using db = await open();
      return (await createPictureStore(db).list()).data.map(({ name, prompt }) => [name, prompt]);
    },
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}
