/** What no prompt and no name may do, tried with ten thousand of them: leave the folder, meet another, or get lost. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { join } from "node:path";
import pMap from "p-map";
import { blobName, isBlobName } from "../platform/blob_names.ts";
import { importFolder } from "./import_folder.ts";
import { paintSmall, type PictureScene, pictureScene } from "./pictures_test_kit.ts";

const EACH = 5000;
const png = paintSmall(1);

/** Pieces that have led programs astray. */
const pieces = fc.constantFrom(
  ...[
    "../",
    "..\\",
    "/etc/passwd",
    "C:\\",
    "\0",
    "\n",
    "\r\n",
    "%2e%2e%2f",
    "~",
    "$(id)",
    "`id`",
    "con",
    "nul.",
    "...",
  ],
  ...[
    "\u202e",
    "\u200b",
    "\ufeff",
    "\u0301",
    "\ud800",
    "\udfff",
    "é",
    "ß",
    "İ",
    "狐狸",
    "👨‍👩‍👧",
    "😀",
    "\u2028",
    "\u007f",
  ],
  ...[
    ".png",
    ".json",
    ".png.json",
    ".tmp",
    "a".repeat(300),
    "狐".repeat(100),
    " ",
    ".",
    "-",
    ":",
    "*",
    "?",
    '"',
    "<",
    "|",
  ],
);
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.array(fc.oneof(pieces, fc.string({ maxLength: 8 })), { maxLength: 8 }).map((parts) => parts.join("")),
);

Deno.test("five thousand hostile prompts: none leaves the folder, none meets another, all are listed and readable", async () => {
  await using scene = await memoryScene();
  const prompts = fc.sample(hostile, { numRuns: EACH, seed: 1 });
  const named = prompts.map((prompt, i) => {
    const name = blobName({ time: new Date(0), prompt, type: "image/png" });
    return { name, prompt, bytes: numbered(i) };
  });
  await pMap(named, ({ name, prompt, bytes }) => scene.blobs.put(name, bytes, { prompt }), {
    concurrency: 16,
  });
  assert.deepEqual(await scene.housekeeping.repair(), {
    added: EACH,
    removed: 0,
    corrected: 0,
    unreadable: 0,
  });
  await assertAllThere(scene, named);
});

Deno.test("five thousand hostile names in another folder: each picture is imported, listed and readable", async () => {
  await using scene = await memoryScene();
  const names = new Set(fc.sample(hostile, { numRuns: EACH, seed: 2 }).map((name) => `${name}.png`));
  const written: Uint8Array<ArrayBuffer>[] = [];
  for (const name of names) {
    // As a name of a stored picture it is either refused, or one that stays in the folder.
    if (!isBlobName(name)) await assert.rejects(scene.blobs.put(name, png, {}), TypeError);
    const bytes = numbered(written.length);
    if (await canBeWritten(scene.other, name, bytes)) written.push(bytes);
  }
  assert.ok(written.length > 1000, String(written.length));
  const report = await importFolder(scene.other, { ...scene.options, blobs: scene.blobs });
  assert.deepEqual(report, { imported: written.length, known: 0, unreadable: 0 });
  const { data } = await scene.store.list({ limit: 1 });
  assert.ok(isBlobName(data[0]!.name));
  await assertAllThere(scene, await namedBy(scene, written));
});

/** That these pictures, and nothing else, are in the folder, in the index and in its listing, with their bytes. */
async function assertAllThere(
  scene: PictureScene,
  pictures: { name: string; bytes: Uint8Array }[],
): Promise<void> {
  assert.equal(new Set(pictures.map(({ name }) => name)).size, pictures.length, "none meets another");
  const listed = new Set<string>();
  let after: string | undefined;
  do {
    const page = await scene.store.list({ limit: 500, after });
    page.data.forEach(({ name }) => listed.add(name));
    after = page.next;
  } while (after);
  assert.deepEqual([...listed].sort(), pictures.map(({ name }) => name).sort());
  await pMap(pictures, async ({ name, bytes }) => {
    const blob = await scene.blobs.open(name);
    assert.deepEqual(await new Response(blob?.bytes).bytes(), bytes, name);
    assert.ok(await scene.blobs.sidecar(name), name);
  }, { concurrency: 16 });
  assert.equal((await scene.files()).length, 2 * pictures.length);
  const outside = (await Array.fromAsync(Deno.readDir(scene.path))).map(({ name }) => name).sort();
  assert.deepEqual(outside, ["other", "storage"], "none leaves the folder");
}

/** The pictures by the names under which the index knows their bytes. */
function namedBy({ store }: PictureScene, pictures: Uint8Array<ArrayBuffer>[]) {
  return pMap(pictures, async (bytes) => {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    return { name: (await store.byHash(hash))!.name, bytes };
  });
}

/** Whether the file system takes a name, and does so inside of the folder. */
async function canBeWritten(folder: string, name: string, bytes: Uint8Array): Promise<boolean> {
  if (name.includes("/") || name.startsWith(".")) return false;
  return await Deno.writeFile(join(folder, name), bytes, { createNew: true }).then(() => true, () => false);
}

/** A picture of its own bytes. */
function numbered(number: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...png, ...new TextEncoder().encode(String(number))]);
}

/** A scene in memory where there is such a place: thousands of files are flushed to disk otherwise. */
async function memoryScene() {
  const root = await Deno.makeTempDir({ dir: "/dev/shm" }).catch(() => Deno.makeTempDir());
  const scene = await pictureScene({}, root);
  return {
    ...scene,
    async [Symbol.asyncDispose]() {
      await scene[Symbol.asyncDispose]();
      await Deno.remove(root, { recursive: true });
    },
  };
}
