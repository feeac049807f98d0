import assert from "node:assert/strict";
import { join } from "node:path";
import { adminOf, type TestAdmin } from "../src/testing/admin.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { paintPng } from "../src/testing/painting.ts";

interface Told {
  name: string;
  url: string;
  prompt: string;
  provider: string;
}

Deno.test("a stored picture is in the gallery with all that made it", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  await paint(gateway, "a heron at dawn", { seed: 7 });
  const { data: [picture] } = await list(admin, "limit=10");
  assert.deepEqual([picture!.prompt, picture!.provider], ["a heron at dawn", "Mock"]);
  const shown = await admin.fetch(picture!.url);
  assert.equal(shown.headers.get("content-type"), "image/png");
  await shown.body?.cancel();
  const full = await (await admin.fetch(`/api/gallery/${encodeURIComponent(picture!.name)}`)).json();
  assert.deepEqual(
    [full.width, full.height, full.seed, full.client, full.task, full.onDisk, full.inBucket],
    [64, 64, 7, "relay", "generate", true, false],
  );
  const { prompt, size, seed, provider } = full.rerun.body;
  assert.deepEqual([prompt, size, seed, provider], ["a heron at dawn", "64x64", 7, "Mock"]);
});

Deno.test("a picture can be run again with what the gallery knows of it", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  await paint(gateway, "a heron at dawn", { seed: 7 });
  const { data: [picture] } = await list(admin, "limit=1");
  const { rerun } = await (await admin.fetch(`/api/gallery/${picture!.name}`)).json();
  const again = await gateway.post("/v1/images/generations", rerun.body);
  assert.equal(again.status, 200, await again.text());
  await gateway.stored();
  const [first, second] = await Promise.all(
    (await list(admin, "limit=2")).data.map(async ({ url }) =>
      new Uint8Array(await (await admin.fetch(url)).arrayBuffer())
    ),
  );
  assert.deepEqual(first, second);
});

Deno.test("img-router's gallery: an array, newest first, with its metadata", async () => {
  const clock = new FakeClock(Date.UTC(2026, 5, 1, 12));
  await using gateway = await startGateway({ clock });
  const admin = await adminOf(gateway);
  await paint(gateway, "older", { seed: 7 });
  await clock.pass(5000);
  await paint(gateway, "newer");
  const entries = await (await admin.fetch("/api/gallery")).json();
  assert.deepEqual(entries.map(({ metadata }: { metadata: Told }) => metadata.prompt), ["newer", "older"]);
  const { filename, url, metadata } = entries[1];
  assert.ok(url.endsWith(`/storage/${encodeURIComponent(filename)}`));
  assert.deepEqual(
    [metadata.model, metadata.seed, metadata.params.size, metadata.timestamp],
    ["mock-painter", 7, "64x64", Date.UTC(2026, 5, 1, 12)],
  );
});

Deno.test("the gallery is searched, filtered and paged", async () => {
  const clock = new FakeClock(Date.UTC(2026, 5, 1, 12));
  await using gateway = await startGateway({ clock });
  const admin = await adminOf(gateway);
  for (const prompt of ["one fox", "two owls", "three foxes"]) {
    await paint(gateway, prompt);
    await clock.pass(60_000);
  }
  const found = async (query: string) =>
    (await list(admin, `limit=10&${query}`)).data.map(({ prompt }) => prompt.split(" ")[0]).join(" ");
  assert.equal(await found("q=FOX"), "three one");
  assert.equal(await found("provider=Mock&model=mock-painter&client=relay&task=generate"), "three two one");
  assert.equal(await found("task=edit"), "");
  assert.equal(await found("from=2026-06-01T12:00:30Z&to=2026-06-01T12:01:30Z"), "two");
  const first = await list(admin, "limit=2");
  const second = await list(admin, `limit=2&after=${first.next}`);
  assert.deepEqual([...first.data, ...second.data].map(({ prompt }) => prompt), [
    "three foxes",
    "two owls",
    "one fox",
  ]);
  assert.equal(second.next, undefined);
  assert.deepEqual(await (await admin.fetch("/api/gallery/facets")).json(), {
    providers: ["Mock"],
    models: ["mock-painter"],
    clients: ["relay"],
    tasks: ["generate"],
  });
});

Deno.test("removed pictures are gone from the list, the folder and their address", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  await paint(gateway, "to go");
  await paint(gateway, "to stay");
  const { data } = await list(admin, "limit=10");
  const gone = data.find(({ prompt }) => prompt === "to go")!;
  const reply = await remove(admin, [gone.name, "20260101-000000-never-was-aaaaaaaaaaaaaaaaaaa.png"]);
  assert.deepEqual(await reply.json(), {
    ok: false,
    deleted: [gone.name],
    notDeleted: ["20260101-000000-never-was-aaaaaaaaaaaaaaaaaaa.png"],
  });
  assert.deepEqual((await list(admin, "limit=10")).data.map(({ prompt }) => prompt), ["to stay"]);
  const files = [...Deno.readDirSync(join(gateway.dataDir, "storage"))].map(({ name }) => name);
  assert.ok(!files.some((name) => name.startsWith(gone.name)), files.join(" "));
  const missing = await fetch(`${gateway.url}${gone.url}`);
  assert.equal(missing.status, 404);
  await missing.body?.cancel();
  const { data: [entry] } = await (await admin.fetch("/api/audit")).json();
  assert.deepEqual([entry.action, entry.detail.names], ["gallery.delete", [gone.name]]);
});

Deno.test("names that lead elsewhere are refused, and nothing is touched", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  await paint(gateway, "here");
  const outside = join(gateway.dataDir, "outside.png");
  await Deno.writeTextFile(outside, "mine");
  const [{ name }] = (await list(admin, "limit=1")).data as [Told];
  const hostile = ["../outside.png", "..\\outside.png", outside, "a/../../outside.png", "", ".png", "x.txt"];
  for (const bad of [...hostile, "%2e%2e/outside.png", "a\0.png"]) {
    const reply = await remove(admin, [name, bad]);
    assert.equal(reply.status, 400, bad);
    assert.equal((await reply.json()).error.param, "filenames.1");
  }
  assert.equal(await Deno.readTextFile(outside), "mine");
  assert.equal((await list(admin, "limit=10")).data.length, 1);
});

Deno.test("repair notes pictures that came by hand, and tells how it stands", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  assert.equal((await (await admin.fetch("/api/gallery/repair")).json()).state, "never");
  const folder = join(gateway.dataDir, "storage");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeFile(join(folder, "by-hand.png"), paintPng({ width: 8, height: 8 }));
  const started = await admin.send("/api/gallery/repair", { thorough: true });
  assert.equal(started.status, 202);
  await started.body?.cancel();
  const { state, counts } = await ended(admin, "/api/gallery/repair");
  assert.deepEqual([state, counts.added], ["done", 1]);
  assert.deepEqual((await list(admin, "limit=10")).data.map(({ name }) => name), ["by-hand.png"]);
});

Deno.test("a folder below the data folder is imported, with what its sidecars tell", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  const folder = join(gateway.dataDir, "old", "storage");
  await Deno.mkdir(folder, { recursive: true });
  const name = "2026-01-31 23-59-58.07 z-image-turbo-a-cat-on-a-roof-0.png";
  await Deno.writeFile(join(folder, name), paintPng({ width: 8, height: 8 }));
  const sidecar = {
    prompt: "a cat on a roof",
    model: "z-image-turbo",
    seed: 0,
    params: { size: "8x8" },
    timestamp: 1_769_903_998_070,
  };
  await Deno.writeTextFile(join(folder, `${name}.json`), JSON.stringify(sidecar));
  const started = await admin.send("/api/gallery/import", { folder: "old/storage" });
  assert.equal(started.status, 202);
  await started.body?.cancel();
  const { state, counts } = await ended(admin, "/api/gallery/import");
  assert.deepEqual([state, counts.imported], ["done", 1]);
  assert.deepEqual((await list(admin, "limit=10&q=roof")).data.map(({ prompt }) => prompt), [
    "a cat on a roof",
  ]);
});

Deno.test("no folder outside the data folder is read", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  const outside = await Deno.makeTempDir();
  try {
    await Deno.symlink(outside, join(gateway.dataDir, "link"));
    for (const folder of ["..", "../..", outside, "link", ".", "nowhere", "imgrouter.db"]) {
      const reply = await admin.send("/api/gallery/import", { folder });
      assert.equal(reply.status, 400, folder);
      assert.equal((await reply.json()).error.param, "folder");
    }
    assert.equal((await (await admin.fetch("/api/gallery/import")).json()).state, "never");
  } finally {
    await Deno.remove(outside, { recursive: true });
  }
});

async function list(admin: TestAdmin, query: string): Promise<{ data: Told[]; next?: string }> {
  const reply = await admin.fetch(`/api/gallery?${query}`);
  assert.equal(reply.status, 200, query);
  return await reply.json();
}

function remove(admin: TestAdmin, filenames: string[]): Promise<Response> {
  return admin.send("/api/gallery", { filenames }, { method: "DELETE" });
}

/** Paints and waits until it is stored. */
async function paint(gateway: TestGateway, prompt: string, more: object = {}): Promise<void> {
  const reply = await gateway.post("/v1/images/generations", { prompt, size: "64x64", ...more });
  await reply.arrayBuffer();
  await gateway.stored();
}

/** Asks until some work has ended. */
async function ended(admin: TestAdmin, path: string) {
  for (let turn = 0; turn < 500; turn++) {
    const work = await (await admin.fetch(path)).json();
    if (work.state !== "running") return work;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${path} did not end`);
}
