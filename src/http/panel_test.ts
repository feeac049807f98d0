import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { OpenAPIHono } from "@hono/zod-openapi";
import type { EdgeEnv } from "./edge.ts";
import { addPanel, PANEL_PAGES, type PanelOptions } from "./panel.ts";

/** An app with nothing but the panel, in a folder that is gone after the test. */
async function panelOf(files: Record<string, string>, options: PanelOptions = {}) {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(join(folder, "dist/assets"), { recursive: true });
  for (const [name, content] of Object.entries(files)) await Deno.writeTextFile(join(folder, name), content);
  const app = new OpenAPIHono<EdgeEnv>();
  addPanel(app, { ...options, dist: pathToFileURL(`${folder}/dist/`) });
  return {
    get: (path: string, headers: Record<string, string> = {}) => app.request(path, { headers }),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

const PAGE = { "dist/index.html": "<title>panel</title>" };

Deno.test("every page is the same document, asked for anew each time", async () => {
  await using panel = await panelOf(PAGE);
  for (const path of PANEL_PAGES) {
    const reply = await panel.get(path);
    assert.equal(await reply.text(), "<title>panel</title>", path);
    assert.equal(reply.headers.get("cache-control"), "no-cache");
    assert.equal(reply.headers.get("x-content-type-options"), "nosniff");
    assert.equal(reply.headers.get("referrer-policy"), "no-referrer");
  }
});

Deno.test("the policy of a page allows nothing inline and no other host, but pictures of the bucket", async () => {
  await using panel = await panelOf(PAGE, { pictureOrigins: () => ["https://pictures.example"] });
  const policy = (await panel.get("/admin")).headers.get("content-security-policy") ?? "";
  const rules = new Map(policy.split("; ").map((rule) => [rule.split(" ")[0]!, rule.split(" ").slice(1)]));
  assert.deepEqual(rules.get("default-src"), ["'none'"]);
  assert.deepEqual(rules.get("img-src"), ["'self'", "data:", "blob:", "https://pictures.example"]);
  for (const name of ["script-src", "style-src", "connect-src", "form-action"]) {
    assert.deepEqual(rules.get(name), ["'self'"], name);
  }
  for (const name of ["frame-ancestors", "base-uri"]) assert.deepEqual(rules.get(name), ["'none'"], name);
});

Deno.test("files are kept for ever, and go out as compressed as the browser can take them", async () => {
  const files = { "app-1.js": "plain", "app-1.js.br": "brotli", "app-1.js.gz": "gzip" };
  await using panel = await panelOf(
    Object.fromEntries(Object.entries(files).map(([name, content]) => [`dist/assets/${name}`, content])),
  );
  for (
    const [accepted, content, encoding] of [["br, gzip", "brotli", "br"], ["gzip", "gzip", "gzip"], [
      "",
      "plain",
      null,
    ]]
  ) {
    const reply = await panel.get("/panel/assets/app-1.js", { "accept-encoding": accepted! });
    assert.equal(await reply.text(), content);
    assert.equal(reply.headers.get("content-encoding"), encoding);
    assert.match(reply.headers.get("content-type")!, /javascript/);
    assert.equal(reply.headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.equal(reply.headers.get("x-content-type-options"), "nosniff");
  }
});

Deno.test("nothing outside the assets is served", async () => {
  await using panel = await panelOf({ ...PAGE, "secret": "secret", "dist/built-from": "hash" });
  for (
    const name of [
      "../index.html",
      "..%2fbuilt-from",
      "%2e%2e/%2e%2e/secret",
      "..%2f..%2fsecret",
      "absent.js",
    ]
  ) {
    const reply = await panel.get(`/panel/assets/${name}`);
    assert.equal(reply.status, 404, name);
    await reply.text();
  }
});

Deno.test("a panel that is not built says how to build it", async () => {
  await using panel = await panelOf({});
  const reply = await panel.get("/admin");
  assert.equal(reply.status, 503);
  assert.match(await reply.text(), /deno task panel/);
});

Deno.test("browsers that ask for the root are led to the panel, programs to the documentation", async () => {
  await using panel = await panelOf(PAGE);
  const target = async (accept: string) => (await panel.get("/", { accept })).headers.get("location");
  assert.equal(await target("text/html,application/xhtml+xml,*/*;q=0.8"), "/admin");
  assert.equal(await target("*/*"), "/docs");
});
