import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { cutInto, noise } from "../testing/pieces.ts";
import { createDrafts } from "./drafts.ts";

const NAME = "20261121-025958-a-fox-0123456789abcdefghi.png";

/** A folder for pictures that does not exist yet. */
async function scene() {
  const root = await Deno.makeTempDir();
  const folder = join(root, "storage");
  return {
    folder,
    draft: createDrafts(folder),
    files: async () => (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

/** A disk for which each look at the watch shows 30 ms more. */
function slowDisk(): Disposable {
  const { now } = performance;
  let time = 0;
  performance.now = () => time += 30;
  return { [Symbol.dispose]: () => void (performance.now = now) };
}

Deno.test("a picture gets its name when all of it is there, and is hidden until then", async () => {
  await using on = await scene();
  const draft = await on.draft();
  await draft.write(new Uint8Array([1, 2]));
  await draft.write(new Uint8Array([3]));
  const [hidden, ...others] = await on.files();
  assert.match(hidden!, /^\.[\da-f-]{36}\.tmp$/);
  assert.deepEqual(others, []);
  await draft.commit(NAME);
  assert.deepEqual(await on.files(), [NAME]);
  assert.deepEqual([...await Deno.readFile(join(on.folder, NAME))], [1, 2, 3]);
});

for (const speed of ["quick", "slow"] as const) {
  Deno.test(`a ${speed} disk gets every byte in its order, in whatever pieces`, async () => {
    await using on = await scene();
    using _disk = speed === "slow" ? slowDisk() : undefined;
    const bytes = noise(100_000);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1 }), async (sizes) => {
        const draft = await on.draft();
        for (const part of cutInto(bytes, sizes)) await draft.write(part);
        assert.deepEqual(new Uint8Array(await draft.read()), bytes);
        await draft.commit(NAME);
        assert.deepEqual(new Uint8Array(await Deno.readFile(join(on.folder, NAME))), bytes);
      }),
      { numRuns: 20 },
    );
    assert.deepEqual(await on.files(), [NAME]);
  });

  Deno.test(`a draft on a ${speed} disk is read while it is written, gets its name and goes away`, async () => {
    await using on = await scene();
    using _disk = speed === "slow" ? slowDisk() : undefined;
    const draft = await on.draft();
    await draft.write(new Uint8Array([1, 2, 3]));
    const reader = draft.reader();
    const named = draft.commit(NAME);
    const { read, close } = await reader;
    await named;
    const into = new Uint8Array(2);
    assert.deepEqual([await read(into, 1), ...into], [2, 2, 3]);
    await Deno.remove(join(on.folder, NAME));
    assert.deepEqual([await read(into, 2), into[0]], [1, 3]);
    assert.equal(await read(into, 3), 0);
    close();
    close();
  });

  Deno.test(`a picture that a ${speed} disk refuses a name can be read, and removed`, async () => {
    await using on = await scene();
    using _disk = speed === "slow" ? slowDisk() : undefined;
    await Deno.mkdir(join(on.folder, NAME), { recursive: true });
    const draft = await on.draft();
    await draft.write(new Uint8Array([1, 2, 3]));
    await assert.rejects(draft.commit(NAME));
    assert.deepEqual([...await draft.read()], [1, 2, 3]);
    await draft.discard();
    assert.deepEqual(await on.files(), [NAME]);
  });
}

Deno.test("drafts don't disturb each other", async () => {
  await using on = await scene();
  const drafts = await Promise.all([on.draft(), on.draft(), on.draft()]);
  await Promise.all(drafts.map((draft, index) => draft.write(new Uint8Array([index]))));
  await drafts[0]!.discard();
  await drafts[2]!.commit(NAME);
  assert.deepEqual([...await drafts[1]!.read()], [1]);
  assert.deepEqual([...await Deno.readFile(join(on.folder, NAME))], [2]);
  await drafts[1]!.discard();
  assert.deepEqual(await on.files(), [NAME]);
});

Deno.test("a draft that is discarded leaves nothing, however often that is done", async () => {
  await using on = await scene();
  const draft = await on.draft();
  await draft.write(new Uint8Array([1]));
  await draft.discard();
  await draft.discard();
  assert.deepEqual(await on.files(), []);
});

Deno.test("discarding does no harm to a picture that has its name", async () => {
  await using on = await scene();
  const draft = await on.draft();
  await draft.commit(NAME);
  await draft.discard();
  assert.deepEqual(await on.files(), [NAME]);
});

Deno.test("a name that leads elsewhere, or to no picture, is refused", async () => {
  await using on = await scene();
  const draft = await on.draft();
  for (const name of ["../a.png", "/etc/a.png", ".a.png", "a.json", "a", ""]) {
    await assert.rejects(draft.commit(name), TypeError);
  }
  await draft.commit(NAME);
  assert.deepEqual(await on.files(), [NAME]);
});

Deno.test("a folder that vanished is made again", async () => {
  await using on = await scene();
  await (await on.draft()).discard();
  await Deno.remove(on.folder, { recursive: true });
  await (await on.draft()).commit(NAME);
  assert.deepEqual(await on.files(), [NAME]);
});

Deno.test("what stands in the folder's place is left alone, and the next draft finds the folder again", async () => {
  await using on = await scene();
  await Deno.writeTextFile(on.folder, "no folder");
  await assert.rejects(on.draft());
  assert.equal(await Deno.readTextFile(on.folder), "no folder");
  await Deno.remove(on.folder);
  await (await on.draft()).commit(NAME);
  assert.deepEqual(await on.files(), [NAME]);
});
