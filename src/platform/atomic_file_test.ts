import assert from "node:assert/strict";
import { join } from "node:path";
import { writeAtomic } from "./atomic_file.ts";

async function scratchFolder(): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  return { folder, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const modeOf = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o777;

Deno.test("writeAtomic() writes text and bytes and leaves nothing else in the folder", async () => {
  await using scratch = await scratchFolder();
  const path = join(scratch.folder, "a.json");
  await writeAtomic(path, "first, with ü");
  assert.equal(await Deno.readTextFile(path), "first, with ü");
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  await writeAtomic(path, bytes);
  assert.deepEqual(await Deno.readFile(path), bytes);
  assert.deepEqual(namesIn(scratch.folder), ["a.json"]);
});

Deno.test("writeAtomic() keeps the permissions of the file it replaces unless told others", async () => {
  await using scratch = await scratchFolder();
  const path = join(scratch.folder, "a.json");
  await writeAtomic(path, "1");
  assert.equal(modeOf(path), 0o644);
  await Deno.chmod(path, 0o664);
  await writeAtomic(path, "2");
  assert.equal(modeOf(path), 0o664);
  await writeAtomic(path, "3", { mode: 0o600 });
  assert.equal(modeOf(path), 0o600);
});

Deno.test("writeAtomic() leaves the old file and no temporary one when it fails", async () => {
  await using scratch = await scratchFolder();
  const occupied = join(scratch.folder, "occupied");
  await Deno.mkdir(join(occupied, "inner"), { recursive: true });
  await assert.rejects(writeAtomic(occupied, "text"));
  assert.deepEqual(namesIn(scratch.folder), ["occupied"]);
  await assert.rejects(writeAtomic(join(scratch.folder, "missing", "a.json"), "text"), Deno.errors.NotFound);
});

Deno.test("writeAtomic() follows a symbolic link instead of replacing it", async () => {
  await using scratch = await scratchFolder();
  const [path, link] = [join(scratch.folder, "real.json"), join(scratch.folder, "link.json")];
  await Deno.writeTextFile(path, "old");
  await Deno.symlink(path, link);
  await writeAtomic(link, "new");
  assert.equal(await Deno.readTextFile(path), "new");
  assert.ok((await Deno.lstat(link)).isSymlink);
});

Deno.test("writeAtomic() shows a reader the old file or the new one, never a part", async () => {
  await using scratch = await scratchFolder();
  const path = join(scratch.folder, "a.json");
  const versions = ["a", "b", "c", "d"].map((letter) => letter.repeat(200_000));
  await writeAtomic(path, versions[0]!);
  const writing = (async () => {
    for (const version of versions) await writeAtomic(path, version);
  })();
  let isDone = false;
  writing.finally(() => isDone = true);
  do assert.ok(versions.includes(await Deno.readTextFile(path))); while (!isDone);
  await writing;
});
