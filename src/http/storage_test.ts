import assert from "node:assert/strict";
import { OpenAPIHono } from "@hono/zod-openapi";
import { createLocalBlobs } from "../platform/blobs_local.ts";
import { Thumbnails } from "../platform/thumbnails.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { paintPng } from "../testing/painting.ts";
import type { EdgeEnv } from "./edge.ts";
import { errorReply } from "./errors.ts";
import { Links } from "./signed_links.ts";
import { addStorage, type StorageEdge } from "./storage.ts";

const NAME = "a.png";
const CDN = "https://cdn.example/images/a.png";
const RECORD: PictureRecord = {
  name: NAME,
  time: Date.UTC(2026, 0, 1),
  type: "image/png",
  bytes: 100,
  width: 400,
  height: 200,
  hash: "abc123",
  prompt: "a cat",
  model: "mock-painter",
  provider: "Mock",
  task: "generate",
  client: "relay",
  requestId: "req_1",
  request: { n: 1 },
  onDisk: true,
  uploadWanted: false,
};

/** The route alone, over a folder with one picture. */
async function scene({ seconds = 0, ...edge }: Partial<StorageEdge> & { seconds?: number } = {}) {
  const folder = await Deno.makeTempDir();
  const blobs = createLocalBlobs(folder);
  await blobs.put(NAME, paintPng({ width: 400, height: 200 }), { prompt: "an old cat" });
  const clock = new FakeClock();
  const links = new Links({ clock, key: new Uint8Array(32), seconds: () => seconds });
  const thumbnails = new Thumbnails({
    folder: `${folder}/thumbnails`,
    onError: (error) => assert.fail(`${error}`),
  });
  const app = new OpenAPIHono<EdgeEnv>();
  app.onError((error, c) => {
    const { body, status, headers } = errorReply(error);
    return c.json(body, status, headers);
  });
  addStorage(app, {
    clock,
    links,
    thumbnails,
    blobs: () => blobs,
    pictures: { pending: () => undefined },
    sessions: { find: () => Promise.resolve(undefined) },
    ...edge,
  });
  return {
    get: (query = "", headers: Record<string, string> = {}) =>
      app.request(`/storage/${NAME}${query}`, { headers }),
    signed: () => links.to("", NAME).slice(`/storage/${NAME}`.length),
    [Symbol.asyncDispose]: async () => {
      await thumbnails[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("a picture with a public address is where that leads, its smaller versions and downloads are not", async () => {
  await using on = await scene({ pictureFacts: () => Promise.resolve({ record: RECORD, publicUrl: CDN }) });
  const reply = await on.get();
  assert.deepEqual([reply.status, reply.headers.get("location")], [302, CDN]);
  assert.equal(reply.headers.get("cache-control"), "public, max-age=300");
  for (const query of ["?w=96", "?download=1"]) {
    const own = await on.get(query);
    assert.equal(own.status, 200, query);
    await own.body?.cancel();
  }
});

Deno.test("a signed link is looked at before it leads anywhere", async () => {
  await using on = await scene({
    seconds: 60,
    pictureFacts: () => Promise.resolve({ record: RECORD, publicUrl: CDN }),
  });
  const signed = await on.get(on.signed());
  assert.deepEqual([signed.status, signed.headers.get("cache-control")], [302, "no-store"]);
  assert.equal((await on.get()).status, 403);
});

Deno.test("what made a picture is told without where it is kept", async () => {
  const identity = { id: "1", kind: "session" as const, name: "admin" };
  await using on = await scene({
    pictureFacts: () => Promise.resolve({ record: RECORD }),
    sessions: { find: () => Promise.resolve({ identity, renewed: false }) },
  });
  const reply = await on.get(".json", { cookie: "imgrouter_session=x" });
  const { prompt, request, timestamp, ...rest } = await reply.json();
  assert.deepEqual([prompt, request, timestamp], ["a cat", { n: 1 }, RECORD.time]);
  for (const hidden of ["hash", "object", "onDisk", "uploadWanted"]) assert.ok(!(hidden in rest), hidden);
});

Deno.test("the admin is told what a sidecar says where the index knows nothing", async () => {
  const identity = { id: "1", kind: "token" as const, name: "script" };
  await using on = await scene({ sessions: { find: () => Promise.resolve({ identity, renewed: false }) } });
  const reply = await on.get(".json", { authorization: "Bearer x" });
  assert.deepEqual(await reply.json(), { prompt: "an old cat" });
  assert.equal((await on.get(".json", { cookie: "imgrouter_session=x" })).status, 404, "a token in a cookie");
});
