/** `/openapi.json` and `/docs`: the description of the running routes, and a page to try them, without outside hosts. */
import { serveStatic } from "hono/deno";
import type { EdgeApp } from "./documented.ts";
import type { Edge } from "./edge.ts";
import { addProviderTable } from "./provider_table.ts";

const SWAGGER = new URL("../../node_modules/swagger-ui-dist/", import.meta.url);
const FILES = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];
const PAGE = new URL("../../web/docs/", import.meta.url);

/**
 * Adds the documents. To be called last, since it describes what was added before.
 * @param whole gives the app with the routes that are loaded later, too
 */
export function addDocs(app: EdgeApp, edge: Edge, whole: () => Promise<EdgeApp>): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "key", {
    type: "http",
    scheme: "bearer",
    description: "A key of this gateway, or of a provider. `mock-demo` works without any account.",
  });
  app.get("/openapi.json", async (c) => {
    const described = await whole();
    return c.json(described.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "ImgRouter",
        version: edge.version,
        description:
          "One address for many image services, in OpenAI's dialect. [What each provider can do](docs/providers)",
      },
      servers: [{ url: c.get("base") }],
    }));
  });
  const asset = serveStatic({
    root: "/",
    rewriteRequestPath: (path) => {
      const name = path.slice("/docs/".length);
      return new URL(name, FILES.includes(name) ? SWAGGER : PAGE).pathname;
    },
    onFound: (_path, c) => c.header("cache-control", "public, max-age=86400"),
  });
  for (const name of [...FILES, "docs.js", "providers.css"]) app.get(`/docs/${name}`, asset);
  app.get(
    "/docs",
    serveStatic({
      path: new URL("index.html", PAGE).pathname,
      root: "/",
      onFound: (_path, c) =>
        c.header(
          "content-security-policy",
          "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'none'",
        ),
    }),
  );
  addProviderTable(app, edge);
}
