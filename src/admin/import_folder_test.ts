import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { importFolder } from "./import_folder.ts";
import { paintSmall, type PictureScene, pictureScene } from "./pictures_test_kit.ts";

const run = (scene: PictureScene, path = scene.other) =>
  importFolder(path, { ...scene.options, blobs: scene.blobs });

/** Writes a picture to the other folder, with a sidecar under the name that is given. */
async function place(
  { other }: PictureScene,
  name: string,
  seed: number,
  sidecar: [string, unknown] | [] = [],
) {
  const path = join(other, name);
  await Deno.writeFile(path, paintSmall(seed));
  const [sidecarName, content] = sidecar;
  if (sidecarName !== undefined) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await Deno.writeTextFile(join(other, sidecarName), text);
  }
  return path;
}

Deno.test("a folder of img-router is taken over under its own names, with what made each picture", async () => {
  await using scene = await pictureScene({ uploadWanted: () => true });
  const name = "2026-01-31 23-59-58.07 z-image-turbo-a-cat-on-a-roof-0.png";
  const about = {
    prompt: "a cat",
    model: "z-image-turbo",
    seed: 7,
    params: { n: 1 },
    timestamp: 1_769_903_998_070,
  };
  await place(scene, name, 1, [`${name}.json`, about]);
  const older = { prompt: "a dog", model: "flux", timestamp: 1_669_903_998_070 };
  await place(scene, "1669903998070_k3j2h1.webp", 2, ["1669903998070_k3j2h1.json", older]);
  assert.deepEqual(await run(scene), { imported: 2, known: 0, unreadable: 0 });

  const { data: [newest, oldest] } = await scene.store.list();
  assert.deepEqual([newest?.name, newest?.prompt, newest?.time, newest?.uploadWanted], [
    name,
    "a cat",
    1_769_903_998_070,
    true,
  ]);
  assert.deepEqual([oldest?.prompt, oldest?.type], ["a dog", "image/png"], "the ending was wrong");
  assert.deepEqual(await scene.blobs.sidecar(name), about, "members that we don't know stay");
  assert.deepEqual(await scene.blobs.sidecar("1669903998070_k3j2h1.webp"), older);
  assert.deepEqual(await scene.housekeeping.repair({ thorough: true }), {
    added: 0,
    removed: 0,
    corrected: 0,
    unreadable: 0,
  });
});

Deno.test("running it twice imports nothing twice, also under other names", async () => {
  await using scene = await pictureScene();
  await place(scene, "a.png", 1);
  await place(scene, "b.png", 2);
  await place(scene, "b again.png", 2);
  assert.deepEqual(await run(scene), { imported: 2, known: 1, unreadable: 0 });
  await Deno.rename(join(scene.other, "a.png"), join(scene.other, "z.png"));
  assert.deepEqual(await run(scene), { imported: 0, known: 3, unreadable: 0 });
  assert.equal((await scene.listed()).length, 2);
});

Deno.test("what is imported stays when the other folder goes, and changes nothing in it", async () => {
  await using scene = await pictureScene();
  await place(scene, "a.png", 1, ["a.png.json", { prompt: "a cat" }]);
  await run(scene);
  const names = (await Array.fromAsync(Deno.readDir(scene.other))).map(({ name }) => name).sort();
  assert.deepEqual(names, ["a.png", "a.png.json"]);
  await Deno.remove(scene.other, { recursive: true });
  assert.deepEqual(await new Response((await scene.blobs.open("a.png"))!.bytes).bytes(), paintSmall(1));
  assert.deepEqual(await scene.blobs.sidecar("a.png"), { prompt: "a cat" });
});

Deno.test("a name that is taken or unsafe is replaced by a readable one", async () => {
  await using scene = await pictureScene();
  await scene.blobs.put("a.png", paintSmall(0), { prompt: "was here first" });
  await place(scene, "a.png", 1, ["a.png.json", {
    prompt: "a red fox",
    timestamp: Date.UTC(2026, 0, 2, 3, 4, 5),
  }]);
  await place(scene, "line\nbreak.png", 2, ["line\nbreak.png.json", { prompt: "broken" }]);
  await place(scene, "no ending", 3, ["no ending.json", { prompt: "endless" }]);
  await place(scene, "C:\\Windows\\a.png", 4);
  assert.deepEqual(await run(scene), { imported: 4, known: 0, unreadable: 0 });
  const names = new Map((await scene.store.list()).data.map(({ prompt, name }) => [prompt, name]));
  assert.match(names.get("a red fox")!, /^20260102-030405-a-red-fox-[a-z0-9]{19}\.png$/);
  assert.match(names.get("broken")!, /-broken-[a-z0-9]{19}\.png$/);
  assert.match(names.get("endless")!, /-endless-[a-z0-9]{19}\.png$/);
  assert.match(names.get("")!, /-image-[a-z0-9]{19}\.png$/);
  assert.deepEqual(await scene.blobs.sidecar("a.png"), { prompt: "was here first" });
  assert.deepEqual(await new Response((await scene.blobs.open("a.png"))!.bytes).bytes(), paintSmall(0));
});

Deno.test("sidecars that are missing, huge, broken or links cost a picture its words and no more", async () => {
  await using scene = await pictureScene();
  const secret = join(scene.path, "secret.json");
  await Deno.writeTextFile(secret, JSON.stringify({ prompt: "secret" }));
  const paths = [
    await place(scene, "missing.png", 1),
    await place(scene, "huge.png", 2, ["huge.png.json", JSON.stringify({ prompt: "x".repeat(2_000_000) })]),
    await place(scene, "broken.png", 3, ["broken.png.json", '{"prompt": "a c']),
    await place(scene, "list.png", 4, ["list.png.json", [1, 2]]),
    await place(scene, "link.png", 5),
  ];
  await Deno.symlink(secret, join(scene.other, "link.png.json"));
  const modified = new Date("2025-03-04T05:06:07Z");
  for (const path of paths) await Deno.utime(path, modified, modified);
  assert.deepEqual(await run(scene), { imported: 5, known: 0, unreadable: 0 });
  for (const { name, prompt, time } of (await scene.store.list()).data) {
    assert.deepEqual([prompt, time], ["", modified.getTime()], name);
    assert.deepEqual(await scene.blobs.sidecar(name), { prompt: "", timestamp: modified.getTime() });
  }
  assert.deepEqual(await scene.listed(), paths.map((path) => basename(path)).sort());
});

Deno.test("links, folders and hidden files are passed over, and what is no picture is counted", async () => {
  await using scene = await pictureScene();
  const secret = join(scene.path, "secret.png");
  await Deno.writeFile(secret, paintSmall(1));
  await Deno.symlink(secret, join(scene.other, "link.png"));
  await Deno.symlink(scene.path, join(scene.other, "folder link.png"));
  await Deno.mkdir(join(scene.other, "folder.png"));
  await Deno.writeFile(join(scene.other, ".hidden.png"), paintSmall(2));
  await Deno.writeTextFile(join(scene.other, "page.png"), "<html>");
  await Deno.writeTextFile(join(scene.other, "empty.png"), "");
  assert.deepEqual(await run(scene), { imported: 0, known: 0, unreadable: 2 });
  assert.deepEqual(await scene.files(), []);
});

Deno.test("the folder that pictures are kept in is refused, also by another name", async () => {
  await using scene = await pictureScene();
  await scene.blobs.put("a.png", paintSmall(1), {});
  const link = join(scene.path, "link");
  await Deno.symlink(scene.folder, link);
  for (const path of [scene.folder, link, `${scene.other}/../storage/`]) {
    await assert.rejects(run(scene, path), /pictures are kept there already/);
  }
  await assert.rejects(run(scene, join(scene.path, "none")), Deno.errors.NotFound);
  assert.deepEqual(await scene.listed(), []);
});

Deno.test("an import that is stopped goes on when it is run again", async () => {
  await using scene = await pictureScene();
  for (let i = 0; i < 20; i++) await place(scene, `${i}.png`, i);
  const stopping = new AbortController();
  const adopt: typeof scene.blobs.adopt = async (...args) => {
    await scene.blobs.adopt(...args);
    if ((await scene.listed()).length === 7) stopping.abort();
  };
  const options = { ...scene.options, blobs: { ...scene.blobs, adopt }, signal: stopping.signal };
  await assert.rejects(importFolder(scene.other, options), { name: "AbortError" });
  const { imported, known } = await run(scene);
  assert.deepEqual([imported + known, known], [20, 8]);
});

Deno.test("a picture that was stored and not noted before a crash is noted, and not stored again", async () => {
  await using scene = await pictureScene();
  await place(scene, "a.png", 1);
  await scene.blobs.put("a.png", paintSmall(1), { prompt: "" });
  assert.deepEqual(await run(scene), { imported: 1, known: 0, unreadable: 0 });
  assert.deepEqual(await scene.listed(), ["a.png"]);
  assert.deepEqual(await scene.files(), ["a.png", "a.png.json"]);
});
