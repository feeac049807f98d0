import assert from "node:assert/strict";
import { join } from "node:path";
import { startGateway } from "../src/testing/gateway.ts";
import { paintPng } from "../src/testing/painting.ts";

Deno.test("pictures from before the upgrade are in the index after the start, and are served", async () => {
  await using folder = await folderWithPictures(["2026-01-31 23-59-58.07 flux-a-cat-0.png"]);
  await using gateway = await startGateway({ dataDir: folder.path });
  await gateway.app.housekeeping.settled();
  const { data } = await gateway.app.stores.pictures.list({ q: "CAT" });
  assert.deepEqual(data.map(({ prompt, model }) => [prompt, model]), [["a cat", "flux"]]);
  const reply = await fetch(`${gateway.url}/storage/${encodeURIComponent(data[0]!.name)}`);
  assert.equal(reply.headers.get("content-type"), "image/png");
  assert.equal((await reply.bytes()).length, data[0]!.bytes);
});

Deno.test("what is more than the limit goes at the start, oldest first", async () => {
  await using folder = await folderWithPictures(["a.png", "b.png", "c.png"]);
  await using gateway = await startGateway({ dataDir: folder.path, file: { storage: { maxCount: 2 } } });
  await gateway.app.housekeeping.settled();
  const { data } = await gateway.app.stores.pictures.list();
  assert.deepEqual(data.map(({ name }) => name), ["c.png", "b.png"]);
  assert.deepEqual(await gateway.stored(), ["b.png", "c.png"]);
});

Deno.test("a gateway that is stopped at once leaves its housekeeping for the next start", async () => {
  await using folder = await folderWithPictures(Array.from({ length: 300 }, (_, i) => `${i}.png`));
  await (await startGateway({ dataDir: folder.path })).stop();
  await using gateway = await startGateway({ dataDir: folder.path });
  await gateway.app.housekeeping.settled();
  assert.equal((await gateway.app.stores.pictures.totals()).count, 300);
});

/** A data folder in which img-router left pictures, each a little newer than the one before. */
async function folderWithPictures(names: string[]) {
  const path = await Deno.makeTempDir({ prefix: "imgrouter-test-" });
  await Deno.mkdir(join(path, "storage"));
  for (const [i, name] of names.entries()) {
    const file = join(path, "storage", name);
    await Deno.writeFile(file, paintPng({ width: 8, height: 8, seed: i }));
    const about = { prompt: "a cat", model: "flux", seed: 1, params: {}, timestamp: 1_769_903_998_070 + i };
    await Deno.writeTextFile(`${file}.json`, JSON.stringify(about));
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
