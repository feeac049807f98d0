import fc from "fast-check";
import assert from "node:assert/strict";
import { join } from "node:path";
import { paint } from "../testing/painting.ts";
import { inspect, recordOf } from "./found_picture.ts";
import { createHousekeeping } from "./housekeeping.ts";
import { paintSmall, pictureScene } from "./pictures_test_kit.ts";

const NOTHING = { added: 0, removed: 0, corrected: 0, unreadable: 0 };

Deno.test("pictures of img-router are in the gallery after the first start, with what made them", async () => {
  await using scene = await pictureScene();
  const edit = "2026-01-31 23-59-58.07 Qwen-Image-Edit-a-cat-on-a-roof-0.png";
  await Deno.writeFile(join(scene.folder, edit), await paint({ width: 32, height: 16, format: "jpeg" }));
  await Deno.writeTextFile(
    join(scene.folder, `${edit}.json`),
    JSON.stringify({
      prompt: "a cat on a roof",
      model: "edit",
      seed: 0,
      params: { task: "edit", originalPrompt: "屋顶上的猫", provider: "Gitee", requestId: "req_1" },
      timestamp: 1_769_903_998_070,
    }),
  );
  await Deno.writeFile(join(scene.folder, "1669903998070_k3j2h1.jpg"), paintSmall(1));
  await Deno.writeTextFile(
    join(scene.folder, "1669903998070_k3j2h1.json"),
    JSON.stringify({
      prompt: "a dog",
      model: "flux",
      seed: 7,
      params: { steps: 9 },
      timestamp: 1_669_903_998_070,
    }),
  );
  assert.deepEqual(await scene.housekeeping.repair(), { ...NOTHING, added: 2 });
  const { data } = await scene.store.list();
  assert.deepEqual(
    data.map(({ hash, bytes, ...rest }) => ({ ...rest, isWhole: hash.length === 64 && bytes > 0 })),
    [
      {
        name: edit,
        time: 1_769_903_998_070,
        type: "image/jpeg",
        width: 32,
        height: 16,
        prompt: "屋顶上的猫",
        revisedPrompt: "a cat on a roof",
        model: "",
        provider: "Gitee",
        task: "edit",
        client: "",
        requestId: "req_1",
        seed: undefined,
        costUsd: undefined,
        request: undefined,
        onDisk: true,
        object: undefined,
        uploadWanted: false,
        isWhole: true,
      },
      {
        name: "1669903998070_k3j2h1.jpg",
        time: 1_669_903_998_070,
        type: "image/png",
        width: 8,
        height: 8,
        prompt: "a dog",
        revisedPrompt: undefined,
        model: "flux",
        provider: "",
        task: "generate",
        client: "",
        requestId: "",
        seed: 7,
        costUsd: undefined,
        request: undefined,
        onDisk: true,
        object: undefined,
        uploadWanted: false,
        isWhole: true,
      },
    ],
  );
  assert.deepEqual(await scene.housekeeping.repair({ thorough: true }), NOTHING);
});

Deno.test("a picture of ours that is missing in the index comes back whole", async () => {
  await using scene = await pictureScene({ uploadWanted: () => true });
  const time = scene.clock.now() - 5;
  await scene.blobs.put("a.png", paintSmall(1), {
    prompt: "a cat",
    model: "painter",
    seed: 0,
    request: { prompt: "a cat", n: 1 },
    params: {
      revisedPrompt: "a fine cat",
      provider: "Mock",
      task: "blend",
      requestId: "r",
      client: "c",
      costUsd: 0.1,
    },
    timestamp: time,
    type: "image/png",
  });
  await scene.housekeeping.repair();
  const record = (await scene.store.get("a.png"))!;
  const { prompt, revisedPrompt, provider, task, client, seed, costUsd, request, uploadWanted } = record;
  assert.deepEqual([prompt, revisedPrompt, provider, task, client], [
    "a cat",
    "a fine cat",
    "Mock",
    "blend",
    "c",
  ]);
  assert.deepEqual([record.time, seed, costUsd, uploadWanted], [time, 0, 0.1, true]);
  assert.deepEqual(request, { prompt: "a cat", n: 1 });
});

Deno.test("without a sidecar, or with a damaged or hostile one, the file's own facts count", async () => {
  await using scene = await pictureScene();
  const modified = new Date("2025-03-04T05:06:07Z");
  const sidecars = [
    undefined,
    "{",
    "[1]",
    '{"prompt": 1, "timestamp": "x", "params": [], "model": {}}',
    '{"timestamp": 8640000000000000}',
    '{"timestamp": -5, "params": {"task": "steal"}}',
    JSON.stringify({ prompt: "x".repeat(2_000_000) }),
  ];
  for (const [i, sidecar] of sidecars.entries()) {
    const path = join(scene.folder, `${i}.png`);
    await Deno.writeFile(path, paintSmall(i));
    await Deno.utime(path, modified, modified);
    if (sidecar !== undefined) await Deno.writeTextFile(`${path}.json`, sidecar);
  }
  assert.deepEqual(await scene.housekeeping.repair(), { ...NOTHING, added: sidecars.length });
  for (const { name, time, prompt, task } of (await scene.store.list()).data) {
    assert.deepEqual([time, prompt, task], [modified.getTime(), "", "generate"], name);
  }
});

Deno.test("whatever a sidecar holds, a picture of it can be noted and read back", async () => {
  await using scene = await pictureScene();
  const inspected = (await inspect(new Blob([paintSmall(1)]).stream()))!;
  const key = fc.constantFrom("prompt", "model", "seed", "timestamp", "params", "task", "request", "type");
  let count = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(key, fc.oneof(fc.jsonValue(), fc.dictionary(key, fc.jsonValue()))),
      async (sidecar) => {
        const name = `${count++}.png`;
        const record = recordOf({
          name,
          inspected,
          sidecar,
          modified: new Date(0),
          now: 1e12,
          uploadWanted: false,
        });
        await scene.store.add(record);
        assert.equal((await scene.store.get(name))?.time, record.time);
      },
    ),
  );
});

Deno.test("a file that went is forgotten, or known to be in the bucket alone", async () => {
  await using scene = await pictureScene();
  for (const name of ["a.png", "b.png", "c.png"]) {
    await scene.blobs.put(name, paintSmall(1), { prompt: name });
  }
  await scene.housekeeping.repair();
  await scene.store.uploaded("b.png", "b.png");
  await scene.blobs.remove("a.png", "b.png");
  assert.deepEqual(await scene.housekeeping.repair(), { ...NOTHING, removed: 1, corrected: 1 });
  assert.deepEqual(await scene.listed(), ["b.png", "c.png"]);
  assert.equal((await scene.store.get("b.png"))?.onDisk, false);

  await scene.blobs.put("b.png", paintSmall(1), {});
  assert.deepEqual(await scene.housekeeping.repair(), { ...NOTHING, corrected: 1 });
  assert.equal((await scene.store.get("b.png"))?.onDisk, true);
});

Deno.test("a picture on its way to the disk is left alone", async () => {
  await using scene = await pictureScene({ isPending: (name) => name.startsWith("pending") });
  await scene.blobs.put("a.png", paintSmall(1), {});
  await scene.housekeeping.repair();
  await scene.store.add({ ...(await scene.store.get("a.png"))!, name: "pending-row.png" });
  await scene.blobs.put("pending-file.png", paintSmall(2), {});
  assert.deepEqual(await scene.housekeeping.repair({ thorough: true }), NOTHING);
  assert.deepEqual(await scene.listed(), ["a.png", "pending-row.png"]);
});

Deno.test("an empty folder is taken for one that is not mounted, unless somebody asked", async () => {
  await using scene = await pictureScene();
  await scene.blobs.put("a.png", paintSmall(1), {});
  await scene.housekeeping.repair();
  await Deno.remove(scene.folder, { recursive: true });
  assert.deepEqual(await scene.housekeeping.repair(), NOTHING);
  assert.deepEqual(await scene.listed(), ["a.png"]);
  assert.match(String(scene.errors[0]?.error), /is the folder mounted/);
  assert.deepEqual(await scene.housekeeping.repair({ thorough: true }), { ...NOTHING, removed: 1 });
  assert.deepEqual(await scene.listed(), []);
});

Deno.test("what is no picture stays where it is, unlisted", async () => {
  await using scene = await pictureScene();
  await Deno.writeTextFile(join(scene.folder, "text.png"), "these are holiday notes");
  await Deno.writeFile(join(scene.folder, "empty.png"), new Uint8Array());
  await Deno.writeTextFile(join(scene.folder, "notes.txt"), "more notes");
  await Deno.mkdir(join(scene.folder, "folder.png"));
  await Deno.symlink(join(scene.path, "nowhere.png"), join(scene.folder, "link.png"));
  const before = await scene.files();
  assert.deepEqual(await scene.housekeeping.repair({ thorough: true }), { ...NOTHING, unreadable: 2 });
  assert.deepEqual(await scene.files(), before);
});

Deno.test("half-written files go when nobody can be writing them any more", async () => {
  await using scene = await pictureScene();
  const old = `.a.png.${crypto.randomUUID()}.tmp`;
  const young = `.b.png.${crypto.randomUUID()}.tmp`;
  const draft = `.${crypto.randomUUID()}.tmp`;
  for (const name of [old, young, draft, ".hidden.tmp"]) {
    await Deno.writeFile(join(scene.folder, name), paintSmall(1));
  }
  const longAgo = new Date(scene.clock.now() - 2 * 60 * 60_000);
  for (const name of [old, draft, ".hidden.tmp"]) {
    await Deno.utime(join(scene.folder, name), longAgo, longAgo);
  }
  assert.deepEqual(await scene.housekeeping.repair(), NOTHING);
  assert.deepEqual(await scene.files(), [".hidden.tmp", young].sort());
});

Deno.test("thousands of files are noted, and a repair that is stopped goes on where it was", async () => {
  await using scene = await pictureScene();
  const count = 1300;
  await Deno.writeFile(join(scene.folder, "0.png"), paintSmall(1));
  for (let i = 1; i < count; i++) {
    await Deno.link(join(scene.folder, "0.png"), join(scene.folder, `${i}.png`));
  }
  const stopping = new AbortController();
  let opened = 0;
  const blobs = {
    ...scene.blobs,
    open: (name: string) => {
      if (++opened === 700) stopping.abort();
      return scene.blobs.open(name);
    },
  };
  const stopped = createHousekeeping({ ...scene.options, blobs }).repair({ signal: stopping.signal });
  await assert.rejects(stopped, { name: "AbortError" });
  const noted = (await scene.listed()).length;
  assert.ok(noted >= 600 && noted < 700, String(noted));
  assert.deepEqual(await scene.housekeeping.repair(), { ...NOTHING, added: count - noted });
});
