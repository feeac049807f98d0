import assert from "node:assert/strict";
import { basename, join } from "node:path";
import fc from "fast-check";
import { paint, paintPng } from "../testing/painting.ts";
import { blobName } from "./blob_names.ts";
import { createLocalBlobs } from "./blobs_local.ts";
import type { OpenBlob } from "./ports.ts";

const png = paintPng({ width: 8, height: 8 });
const NAME = "20261121-025958-a-fox-0123456789abcdefghi.png";

/** A store in a folder of its own, with neighbours that nobody may reach. */
async function store() {
  const root = await Deno.makeTempDir();
  const folder = join(root, "storage");
  await Deno.writeFile(join(root, "secret.png"), png);
  return {
    root,
    folder,
    blobs: createLocalBlobs(folder),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

const read = (blob: OpenBlob | undefined) => new Response(blob!.bytes).bytes();

async function namesOf(blobs: ReturnType<typeof createLocalBlobs>) {
  return (await Array.fromAsync(blobs.list())).map(({ name }) => name).sort();
}

Deno.test("what was put is there, with its sidecar, its size and its time", async () => {
  await using kept = await store();
  const sidecar = { prompt: "ein Fuchs 狐", seed: 7, params: { n: 1 } };
  await kept.blobs.put(NAME, png, sidecar);
  const blob = await kept.blobs.open(NAME);
  assert.deepEqual(await read(blob), png);
  assert.equal(blob!.size, png.length);
  assert.equal(blob!.type, "image/png");
  assert.ok(Math.abs(blob!.modified.getTime() - Date.now()) < 60_000);
  assert.deepEqual(await kept.blobs.sidecar(NAME), sidecar);
});

Deno.test("image and sidecar are plain files that other programs can read", async () => {
  await using kept = await store();
  await kept.blobs.put(NAME, png, { prompt: "a" });
  const files = (await Array.fromAsync(Deno.readDir(kept.folder))).map(({ name }) => name).sort();
  assert.deepEqual(files, [NAME, `${NAME}.json`]);
  assert.equal(await Deno.readTextFile(join(kept.folder, `${NAME}.json`)), '{"prompt":"a"}');
});

Deno.test("putting again replaces both", async () => {
  await using kept = await store();
  await kept.blobs.put(NAME, png, { prompt: "a" });
  const other = paintPng({ width: 16, height: 16 });
  await kept.blobs.put(NAME, other, { prompt: "b" });
  assert.deepEqual(await read(await kept.blobs.open(NAME)), other);
  assert.deepEqual(await kept.blobs.sidecar(NAME), { prompt: "b" });
});

Deno.test("the type is that of the content, whatever the name says", async () => {
  await using kept = await store();
  for (const format of ["jpeg", "webp", "gif"] as const) {
    await kept.blobs.put(NAME, await paint({ width: 8, height: 8, format }), {});
    assert.equal((await kept.blobs.stat(NAME))!.type, `image/${format}`);
  }
  await kept.blobs.put("20261121-025958-x-0.webp", new TextEncoder().encode("not an image"), {});
  assert.equal((await kept.blobs.stat("20261121-025958-x-0.webp"))!.type, "image/webp");
});

Deno.test("a range gives its bytes, and what goes beyond the end stops there", async () => {
  await using kept = await store();
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const big = new Uint8Array([...bytes, ...bytes, ...bytes, ...bytes]);
  await kept.blobs.put(NAME, big, {});
  for (
    const [start, end] of [[0, 0], [0, 99], [100, 199_999], [239_999, 239_999], [5, Infinity], [
      300_000,
      300_001,
    ]]
  ) {
    const blob = await kept.blobs.open(NAME, { start: start!, end: end! });
    assert.deepEqual(await read(blob), big.slice(start, end! + 1), `${start}-${end}`);
    assert.equal(blob!.size, big.length);
  }
});

Deno.test({
  name: "a cancelled stream closes its file",
  sanitizeResources: true,
  fn: async () => {
    await using kept = await store();
    await kept.blobs.put(NAME, new Uint8Array(500_000), {});
    const reader = (await kept.blobs.open(NAME))!.bytes.getReader();
    assert.ok((await reader.read()).value!.length > 0);
    await reader.cancel();
  },
});

Deno.test("an image that is replaced while it is read is read to its end as it was", async () => {
  await using kept = await store();
  const old = new Uint8Array(500_000).fill(1);
  await kept.blobs.put(NAME, old, {});
  const blob = await kept.blobs.open(NAME);
  await kept.blobs.put(NAME, png, {});
  await kept.blobs.remove(NAME);
  assert.deepEqual(await read(blob), old);
});

Deno.test("a file that becomes shorter while it is read fails, and does not pass for complete", async () => {
  await using kept = await store();
  await kept.blobs.put(NAME, new Uint8Array(500_000), {});
  const blob = await kept.blobs.open(NAME);
  await Deno.truncate(join(kept.folder, NAME), 100_000);
  await assert.rejects(read(blob), /became shorter/);
});

Deno.test("what is not there is undefined, and removing it is no error", async () => {
  await using kept = await store();
  assert.equal(await kept.blobs.open(NAME), undefined);
  assert.equal(await kept.blobs.stat(NAME), undefined);
  assert.equal(await kept.blobs.sidecar(NAME), undefined);
  assert.deepEqual(await namesOf(kept.blobs), []);
  await kept.blobs.remove(NAME);
});

Deno.test("removing takes image and sidecar away, and nothing else", async () => {
  await using kept = await store();
  await kept.blobs.put(NAME, png, {});
  await kept.blobs.put(`1${NAME}`, png, {});
  await kept.blobs.remove(NAME);
  const files = (await Array.fromAsync(Deno.readDir(kept.folder))).map(({ name }) => name).sort();
  assert.deepEqual(files, [`1${NAME}`, `1${NAME}.json`]);
});

Deno.test("images of img-router are read, listed and removed with both forms of sidecar", async () => {
  await using kept = await store();
  const old = "2026-01-31 23-59-58.07 z-image-turbo-a-cat-0.png";
  const older = "1769903998070_k3j2h1.jpg";
  await Deno.mkdir(kept.folder);
  for (const [image, sidecar] of [[old, `${old}.json`], [older, "1769903998070_k3j2h1.json"]] as const) {
    await Deno.writeFile(join(kept.folder, image), png);
    await Deno.writeTextFile(join(kept.folder, sidecar), JSON.stringify({ prompt: image }));
  }
  assert.deepEqual(await namesOf(kept.blobs), [older, old].sort());
  for (const name of [old, older]) {
    assert.deepEqual(await read(await kept.blobs.open(name)), png);
    assert.deepEqual(await kept.blobs.sidecar(name), { prompt: name });
    await kept.blobs.remove(name);
  }
  assert.deepEqual(await Array.fromAsync(Deno.readDir(kept.folder)), []);
});

Deno.test("a damaged sidecar is as good as none", async () => {
  await using kept = await store();
  await kept.blobs.put(NAME, png, {});
  await Deno.writeTextFile(join(kept.folder, `${NAME}.json`), '{"prompt":');
  assert.equal(await kept.blobs.sidecar(NAME), undefined);
});

Deno.test("a sidecar of more than a megabyte is not read", async () => {
  await using kept = await store();
  await kept.blobs.put(NAME, png, {});
  await Deno.writeTextFile(
    join(kept.folder, `${NAME}.json`),
    JSON.stringify({ prompt: "x".repeat(1024 * 1024) }),
  );
  assert.equal(await kept.blobs.sidecar(NAME), undefined);
});

Deno.test("a second name shares the bytes, has its own sidecar, and outlives the first", async () => {
  await using kept = await store();
  await kept.blobs.put(NAME, png, { prompt: "first" });
  await kept.blobs.link(NAME, "second.png", { prompt: "second" });
  assert.equal((await Deno.stat(join(kept.folder, "second.png"))).nlink, 2);
  assert.deepEqual(await kept.blobs.sidecar("second.png"), { prompt: "second" });
  await kept.blobs.put(NAME, paintPng({ width: 16, height: 16 }), { prompt: "first" });
  await kept.blobs.remove(NAME);
  assert.deepEqual(await read(await kept.blobs.open("second.png")), png);
});

Deno.test("a second name is refused where it is taken, unsafe, or nothing has the first", async () => {
  await using kept = await store();
  await kept.blobs.put(NAME, png, { prompt: "first" });
  await kept.blobs.put("second.png", png, { prompt: "second" });
  await assert.rejects(kept.blobs.link(NAME, "second.png", {}), Deno.errors.AlreadyExists);
  await assert.rejects(kept.blobs.link(NAME, "../third.png", {}), /is not a name for one/);
  await assert.rejects(kept.blobs.link("../secret.png", "third.png", {}), Deno.errors.NotFound);
  await assert.rejects(kept.blobs.link("none.png", "third.png", {}), Deno.errors.NotFound);
  await Deno.symlink(join(kept.root, "secret.png"), join(kept.folder, "link.png"));
  await assert.rejects(kept.blobs.link("link.png", "third.png", {}), /is a link/);
  assert.deepEqual(await namesOf(kept.blobs), [NAME, "second.png"]);
});

Deno.test("sidecars, half-written files, folders and strangers are not images", async () => {
  await using kept = await store();
  await kept.blobs.put(NAME, png, { prompt: "a" });
  for (const stranger of [`.${NAME}.1234.tmp`, "notes.txt", "index.html", ".hidden.png"]) {
    await Deno.writeFile(join(kept.folder, stranger), png);
    assert.equal(await kept.blobs.open(stranger), undefined, stranger);
  }
  await Deno.mkdir(join(kept.folder, "folder.png"));
  for (const name of [`${NAME}.json`, "folder.png", "folder.png/x.png"]) {
    assert.equal(await kept.blobs.open(name), undefined, name);
    assert.equal(await kept.blobs.stat(name), undefined, name);
  }
  assert.deepEqual(await namesOf(kept.blobs), [NAME]);
});

Deno.test("no name leads out of the folder, for reading, writing or removing", async () => {
  await using kept = await store();
  await kept.blobs.put(NAME, png, {});
  for (
    const name of [
      ...[
        "../secret.png",
        "..\\secret.png",
        "./../secret.png",
        "a/../../secret.png",
        "/etc/secret.png",
        "..",
        "",
      ],
      ...[
        join(kept.root, "secret.png"),
        "%2e%2e/secret.png",
        "....//secret.png",
        "secret.png\0.png",
        "~/a.png",
      ],
    ]
  ) {
    assert.equal(await kept.blobs.open(name), undefined, name);
    assert.equal(await kept.blobs.sidecar(name), undefined, name);
    await kept.blobs.remove(name);
    await assert.rejects(kept.blobs.put(name, png, {}), /is not a name for one/, name);
  }
  const outside = (await Array.fromAsync(Deno.readDir(kept.root))).map(({ name }) => name).sort();
  assert.deepEqual(outside, ["secret.png", "storage"]);
});

Deno.test("a link in the folder is followed neither for reading nor for writing", async () => {
  await using kept = await store();
  const secret = join(kept.root, "secret.png");
  await Deno.mkdir(kept.folder);
  await Deno.symlink(secret, join(kept.folder, "link.png"));
  await Deno.symlink(secret, join(kept.folder, "image.png.json"));
  assert.equal(await kept.blobs.open("link.png"), undefined);
  assert.deepEqual(await namesOf(kept.blobs), []);
  await assert.rejects(kept.blobs.put("link.png", new Uint8Array(1), {}), /is a link/);
  await assert.rejects(kept.blobs.put("image.png", new Uint8Array(1), {}), /is a link/);
  await kept.blobs.remove("link.png");
  assert.deepEqual(await Deno.readFile(secret), png);
});

Deno.test("an image of any prompt can be stored and read back", async () => {
  await using kept = await store();
  const names = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 100 }), async (prompt) => {
      const name = blobName({ time: new Date(0), prompt, type: "image/png" });
      await kept.blobs.put(name, png, { prompt });
      assert.equal(basename(name), name);
      assert.equal((await read(await kept.blobs.open(name))).length, png.length);
      names.add(name);
    }),
    { numRuns: 100 },
  );
  assert.deepEqual(await namesOf(kept.blobs), [...names].sort());
});
