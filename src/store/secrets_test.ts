import assert from "node:assert/strict";
import fc from "fast-check";
import { createVault, loadSecretKey, previewOf } from "./secrets.ts";

Deno.test("a vault opens what it sealed, whatever the text", async () => {
  const vault = await createVault("correct horse");
  await fc.assert(fc.asyncProperty(fc.string({ unit: "grapheme", maxLength: 300 }), async (text) => {
    assert.equal(await vault.open(await vault.seal(text)), text);
  }));
});

Deno.test("a vault seals the same text differently each time", async () => {
  const vault = await createVault("correct horse");
  assert.notEqual(await vault.seal("sk-1"), await vault.seal("sk-1"));
});

Deno.test("a vault made after a restart opens what the one before sealed", async () => {
  const sealed = await (await createVault("correct horse")).seal("sk-1");
  assert.equal(await (await createVault("correct horse")).open(sealed), "sk-1");
});

Deno.test("a vault with another SECRET_KEY says so", async () => {
  const sealed = await (await createVault("correct horse")).seal("sk-1");
  const other = await createVault("battery staple");
  await assert.rejects(other.open(sealed), /SECRET_KEY is not the one these keys were stored with/);
});

Deno.test("a vault refuses a sealed text that was altered or is none", async () => {
  const vault = await createVault("correct horse");
  const sealed = await vault.seal("sk-1");
  const altered = sealed.slice(0, -2) + (sealed.endsWith("AA") ? "BB" : "AA");
  for (const text of [altered, "", "v1", "v1..", "v2.AAAA.AAAA", "sk-plain", "v1.!!!.???", `${sealed}.x`]) {
    await assert.rejects(vault.open(text), Error, text);
  }
});

Deno.test("a fingerprint depends on text and SECRET_KEY alone, and does not contain the text", async () => {
  const vault = await createVault("correct horse");
  const print = await vault.fingerprint("sk-1");
  assert.match(print, /^[0-9a-f]{64}$/);
  assert.equal(await (await createVault("correct horse")).fingerprint("sk-1"), print);
  assert.notEqual(await vault.fingerprint("sk-2"), print);
  assert.notEqual(await (await createVault("battery staple")).fingerprint("sk-1"), print);
});

Deno.test("a vault needs a SECRET_KEY", async () => {
  await assert.rejects(createVault(""), /SECRET_KEY must not be empty/);
});

Deno.test("a preview shows both ends of a long key and nothing of a short one", () => {
  assert.equal(previewOf("sk-abcdefghijklmnopqrstuvwxyz"), "sk-a…wxyz");
  assert.equal(previewOf("shortsecret"), "••••••••");
});

Deno.test("the SECRET_KEY of the environment is taken, and no file is made", async () => {
  await using folder = await temporaryFolder();
  assert.equal(await loadSecretKey({ dataDir: folder.path, fromEnvironment: "mine" }), "mine");
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

Deno.test("an absent SECRET_KEY is made once, kept, and readable by its owner alone", async () => {
  await using folder = await temporaryFolder();
  const made = await loadSecretKey({ dataDir: folder.path });
  assert.ok(made.length >= 43);
  assert.equal(await loadSecretKey({ dataDir: folder.path }), made);
  if (Deno.build.os !== "windows") {
    assert.equal(((await Deno.stat(`${folder.path}/secret.key`)).mode ?? 0) & 0o777, 0o600);
  }
});

Deno.test("an empty secret.key is reported and not overwritten", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/secret.key`, "\n");
  await assert.rejects(loadSecretKey({ dataDir: folder.path }), /secret\.key: it is empty/);
  assert.equal(await Deno.readTextFile(`${folder.path}/secret.key`), "\n");
});

async function temporaryFolder() {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
