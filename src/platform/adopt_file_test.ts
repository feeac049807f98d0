import assert from "node:assert/strict";
import { join } from "node:path";
import { linkOrCopy } from "./adopt_file.ts";

/** A file system of its own on every Linux, so that nothing can be linked into it from the folder of tests. */
const OTHER = "/dev/shm";

Deno.test("a file gets a second name without a copy", async () => {
  await using place = await folder();
  await linkOrCopy(place.file, join(place.path, "b"));
  assert.equal(await Deno.readTextFile(join(place.path, "b")), "content");
  assert.equal((await Deno.stat(place.file)).nlink, 2);
});

Deno.test("what is there already is not replaced", async () => {
  await using place = await folder();
  const taken = join(place.path, "b");
  await Deno.writeTextFile(taken, "other");
  await assert.rejects(linkOrCopy(place.file, taken), Deno.errors.AlreadyExists);
  assert.equal(await Deno.readTextFile(taken), "other");
  await assert.rejects(linkOrCopy(join(place.path, "none"), join(place.path, "c")), Deno.errors.NotFound);
});

Deno.test({
  name: "a file of another file system is copied, whole or not at all",
  ignore: !await isElsewhere(),
  fn: async () => {
    await using place = await folder();
    await using other = await folder(OTHER);
    await Deno.chmod(place.file, 0o400);
    const copy = join(other.path, "b");
    await linkOrCopy(place.file, copy);
    assert.equal(await Deno.readTextFile(copy), "content");
    assert.equal((await Deno.stat(copy)).mode! & 0o777, 0o644);
    await assert.rejects(linkOrCopy(place.file, copy), Deno.errors.AlreadyExists);
    const names = (await Array.fromAsync(Deno.readDir(other.path))).map(({ name }) => name).sort();
    assert.deepEqual(names, ["a", "b"], "nothing is left behind");
  },
});

async function isElsewhere(): Promise<boolean> {
  await using place = await folder();
  const [here, there] = await Promise.all(
    [place.path, OTHER].map((path) => Deno.stat(path).catch(() => undefined)),
  );
  return here !== undefined && there !== undefined && here.dev !== there.dev;
}

async function folder(dir?: string) {
  const path = await Deno.makeTempDir({ dir });
  const file = join(path, "a");
  await Deno.writeTextFile(file, "content");
  return { path, file, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
