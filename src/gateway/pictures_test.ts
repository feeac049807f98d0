import assert from "node:assert/strict";
import { join } from "node:path";
import { ImageStream } from "../core/image_stream.ts";
import { Media } from "../core/media.ts";
import { createDrafts } from "../platform/drafts.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { paintNoise } from "../testing/painting.ts";
import { cutInto, scriptedPieces } from "../testing/pieces.ts";
import type { Shot } from "./attempt.ts";
import { type About, Pictures, type Shelf } from "./pictures.ts";

const bytes = paintNoise({ bytes: 200_000 });
const about: About = {
  prompt: "a fox",
  model: "flux",
  provider: "Mock",
  task: "generate",
  requestId: "request-1",
  client: "relay",
  costUsd: 0.1,
};

/** A folder for pictures, and what was told of them. */
async function scene() {
  const root = await Deno.makeTempDir();
  const folder = join(root, "storage");
  const clock = new FakeClock();
  const rows: PictureRecord[] = [];
  const errors: string[] = [];
  const state: { shelf?: Shelf; hold?: Promise<void> } = {};
  state.shelf = {
    draft: createDrafts(folder),
    note: async (records) => {
      await state.hold;
      rows.push(...records);
    },
    uploadWanted: false,
  };
  const pictures = new Pictures({
    clock,
    shelf: () => state.shelf,
    onError: (error, name) => errors.push(`${name}: ${error}`),
  });
  return {
    root,
    folder,
    clock,
    rows,
    errors,
    state,
    pictures,
    files: async () => (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(),
    async [Symbol.asyncDispose]() {
      pictures[Symbol.dispose]();
      await pictures.settled();
      await Deno.remove(root, { recursive: true });
    },
  };
}

type Scene = Awaited<ReturnType<typeof scene>>;

/** A picture that is just arriving, on its way to the folder. */
async function arriving({ pictures }: Scene, failure?: Error): Promise<{ shot: Shot; stream: ImageStream }> {
  const pieces = scriptedPieces(cutInto(bytes, [30_000]), failure);
  const stream = (await ImageStream.open({ encoding: "bytes", pieces }))!;
  const spool = pictures.spool();
  stream.tap(spool);
  return { shot: { media: Media.fromStream(stream), facts: stream.facts, spool }, stream };
}

Deno.test("a picture that has arrived can be read under its name from the moment it has one", async () => {
  await using on = await scene();
  const { shot, stream } = await arriving(on);
  await stream.run();
  const name = await on.pictures.keep(shot, about);
  assert.deepEqual(new Uint8Array(await Deno.readFile(join(on.folder, name!))), bytes);
  assert.ok(on.pictures.isOnItsWay(name!), "it is not in the index yet");
  await on.pictures.settled();
  assert.ok(!on.pictures.isOnItsWay(name!));
  assert.deepEqual(on.rows.map(({ name, bytes, prompt }) => ({ name, bytes, prompt })), [
    { name, bytes: bytes.length, prompt: "a fox" },
  ]);
});

Deno.test("a picture that is still arriving is noted with what is told of it at its end", async () => {
  await using on = await scene();
  const { shot, stream } = await arriving(on);
  const last = Promise.withResolvers<Partial<About>>();
  const name = await on.pictures.keep(shot, about, last.promise);
  await stream.run();
  assert.deepEqual((await on.files()).filter((file) => !file.startsWith(".")), []);
  last.resolve({ revisedPrompt: "a red fox", costUsd: 0.2 });
  await on.pictures.settled();
  assert.deepEqual(await on.files(), [name]);
  const [{ revisedPrompt, costUsd, hash } = {}] = on.rows;
  assert.deepEqual([revisedPrompt, costUsd, hash], ["a red fox", 0.2, ""]);
});

Deno.test("a picture that has arrived is kept, whatever became of the reply around it", async () => {
  await using on = await scene();
  const { shot, stream } = await arriving(on);
  const last = Promise.withResolvers<Partial<About>>();
  const name = await on.pictures.keep(shot, about, last.promise);
  last.promise.catch(() => {});
  last.reject(new Error("the tail broke off"));
  await stream.run();
  await on.pictures.settled();
  assert.deepEqual([await on.files(), on.rows.length], [[name], 1]);
});

Deno.test("a picture that broke off is neither in the folder nor in the index", async () => {
  await using on = await scene();
  const { shot, stream } = await arriving(on, new Error("connection reset"));
  await on.pictures.keep(shot, about, new Promise(() => {}));
  await assert.rejects(stream.run());
  await on.pictures.settled();
  assert.deepEqual([await on.files(), on.rows], [[], []]);
});

Deno.test("a picture that the disk refuses a name is served from memory until the disk takes it", async () => {
  await using on = await scene();
  const { rename, renameSync } = Deno;
  Deno.rename = () => Promise.reject(new Error("input/output error"));
  Deno.renameSync = () => {
    throw new Error("input/output error");
  };
  const { shot, stream } = await arriving(on);
  await stream.run();
  const name = await on.pictures.keep(shot, about).finally(() => Object.assign(Deno, { rename, renameSync }));
  assert.deepEqual(await on.files(), []);
  assert.deepEqual(new Uint8Array(on.pictures.pending(name!)!.bytes), bytes);
  assert.deepEqual(on.errors, [`${name}: Error: input/output error`]);
  await on.clock.passSleep(5_000);
  while ((await on.files()).length === 0) await on.clock.pass(0);
  await on.pictures.settled();
  assert.deepEqual([await on.files(), on.pictures.pending(name!), on.rows.length], [[name], undefined, 1]);
});

Deno.test("a folder that can't be written to is tried again, after pauses that grow", async () => {
  await using on = await scene();
  await Deno.writeTextFile(on.folder, "no folder");
  const { shot, stream } = await arriving(on);
  await stream.run();
  const name = await on.pictures.keep(shot, about);
  assert.deepEqual(new Uint8Array(on.pictures.pending(name!)!.bytes), bytes);
  for (const pause of [5_000, 10_000, 20_000]) await on.clock.passSleep(pause);
  await on.clock.sleeping(40_000, 1);
  assert.equal(on.errors.length, 4);
  await Deno.remove(on.folder);
  await on.clock.passSleep(40_000);
  while (on.pictures.pending(name!)) await on.clock.pass(0);
  await on.pictures.settled();
  assert.deepEqual([await on.files(), on.rows.length], [[name], 1]);
});

Deno.test("where nothing is stored any more, what was begun goes away again and gets no name", async () => {
  await using on = await scene();
  const { shot, stream } = await arriving(on);
  await stream.run();
  on.state.shelf = undefined;
  assert.equal(await on.pictures.keep(shot, about), undefined);
  await on.pictures.settled();
  assert.deepEqual([await on.files(), on.rows], [[], []]);
});

Deno.test("waiting for all that was begun includes what comes while the index is busy", async () => {
  await using on = await scene();
  const busy = Promise.withResolvers<void>();
  on.state.hold = busy.promise;
  const keep = async () => {
    const { shot, stream } = await arriving(on);
    await stream.run();
    await on.pictures.keep(shot, about);
  };
  await keep();
  const first = on.pictures.settled();
  await on.clock.pass(0);
  await keep();
  const second = on.pictures.settled();
  await on.clock.pass(0);
  busy.resolve();
  await Promise.all([first, second]);
  assert.equal(on.rows.length, 2);
});
