/** The documents are made from what runs: nothing that runs is missing in them, and they load from nowhere else. */
import assert from "node:assert/strict";
import { PROVIDERS } from "../src/providers/registry.ts";
import { startGateway } from "../src/testing/gateway.ts";

Deno.test("every route that runs is described, and every one that is described runs", async () => {
  await using gateway = await startGateway();
  const document = await (await fetch(`${gateway.url}/openapi.json`)).json();
  const described = Object.entries(document.paths as Record<string, object>)
    .flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`)
    );
  const running = (await gateway.app.routes())
    .filter(({ method, path }) => method !== "ALL" && /^\/(v1|storage|health|metrics|api)/.test(path))
    // An id with a slash in it is the same route to a reader.
    .map(({ method, path }) =>
      `${method} ${path.replace("/:owner/:id{.+}", "/:id").replace(/:(\w+)/g, "{$1}")}`
    );
  assert.deepEqual(new Set(described), new Set(running));
});

Deno.test("the pages of the documents load nothing from other hosts, and all they load is there", async () => {
  await using gateway = await startGateway();
  for (const page of ["/docs", "/docs/providers"]) {
    const response = await fetch(`${gateway.url}${page}`);
    const html = await response.text();
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-security-policy") ?? "", /default-src '(self|none)'/);
    const loaded = [...html.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, address]) => address!);
    for (const address of loaded) {
      const url = new URL(address, `${gateway.url}${page}`);
      assert.equal(url.origin, gateway.url, address);
      const asset = await fetch(url);
      await asset.bytes();
      assert.equal(asset.status, 200, address);
    }
  }
});

Deno.test("the page of providers names each provider and each of its models", async () => {
  await using gateway = await startGateway();
  const html = await (await fetch(`${gateway.url}/docs/providers`)).text();
  for (const { name, models } of PROVIDERS) {
    assert.ok(html.includes(`<section id="${name}">`), name);
    for (const { id } of models.filter(({ id }) => !id.endsWith("*"))) assert.ok(html.includes(id), id);
  }
});
