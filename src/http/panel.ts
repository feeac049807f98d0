/**
 * The panel's pages and files. Pages are always asked for anew and name their files, whose names tell their
 * content, so that those are kept for ever. No page runs or loads anything that is not from here.
 */
import { readFile } from "node:fs/promises";
import { getMimeType } from "hono/utils/mime";
import type { EdgeApp } from "./documented.ts";
import type { EdgeContext } from "./edge.ts";

/** Where the panel is. */
export const PANEL_PAGES = [
  "/admin",
  "/playground",
  "/channel",
  "/keys",
  "/clients",
  "/pic",
  "/logs",
  "/requests",
  "/prompt-optimizer",
  "/setting",
  "/update",
];

/** The best first. The build has made them. */
const ENCODINGS = [{ name: "br", suffix: ".br" }, { name: "gzip", suffix: ".gz" }];
const DIST = new URL("../../web/panel/dist/", import.meta.url);

/** What the panel's pages depend on. */
export interface PanelOptions {
  /** The folder of the built panel. */
  dist?: URL;
  /** Other origins that pictures may come from, such as that of a public bucket. */
  pictureOrigins?: () => readonly string[];
}

/**
 * Adds the panel, and leads browsers that ask for `/` to it.
 * Gives what answers a browser that asks for a page which does not exist.
 */
export function addPanel(
  app: EdgeApp,
  { dist = DIST, pictureOrigins = () => [] }: PanelOptions = {},
): (c: EdgeContext) => Promise<Response> {
  const page = async (c: EdgeContext, status: 200 | 404) => {
    const html = await readFile(new URL("index.html", dist), "utf8").catch(() => undefined);
    return c.html(html ?? NOT_BUILT, html === undefined ? 503 : status, {
      "cache-control": "no-cache",
      "content-security-policy": policyOf(pictureOrigins()),
      "cross-origin-opener-policy": "same-origin",
      "permissions-policy": "camera=(), geolocation=(), microphone=()",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
  };
  for (const path of PANEL_PAGES) app.get(path, (c) => page(c, 200));
  app.get("/panel/assets/:name{[\\w-]+\\.[a-z0-9]+}", async (c) => {
    const name = c.req.param("name");
    const encoding = ENCODINGS.find(({ name }) => accepts(c.req.header("accept-encoding"), name));
    const asset = (suffix: string) =>
      readFile(new URL(`assets/${name}${suffix}`, dist)).catch(() => undefined);
    const packed = encoding && await asset(encoding.suffix);
    const bytes = packed ?? await asset("");
    if (!bytes) return c.notFound();
    c.header("content-type", getMimeType(name) ?? "application/octet-stream");
    c.header("cache-control", "public, max-age=31536000, immutable");
    c.header("vary", "accept-encoding");
    c.header("x-content-type-options", "nosniff");
    if (packed) c.header("content-encoding", encoding.name);
    return c.body(new Uint8Array(bytes));
  });
  app.get("/", (c) => c.redirect(wantsPage(c) ? "/admin" : "/docs"));
  return (c) => page(c, 404);
}

/** Whether a person with a browser is asking, and not a program. */
export function wantsPage(c: EdgeContext): boolean {
  return c.req.method === "GET" && (c.req.header("accept")?.includes("text/html") ?? false) &&
    !/^\/(api|v1|storage|panel)\//.test(c.req.path);
}

function accepts(header: string | undefined, encoding: string): boolean {
  const entries = (header ?? "").toLowerCase().split(",").map((entry) =>
    entry.split(";").map((part) => part.trim())
  );
  return entries.some(([name, quality]) => name === encoding && !/^q=0(\.0*)?$/.test(quality ?? ""));
}

/** @param origins that pictures may come from besides our own */
function policyOf(origins: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    ["img-src 'self' data: blob:", ...origins].join(" "),
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; ");
}

const NOT_BUILT = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>ImgRouter</title></head>
  <body>
    <h1>The panel is not built</h1>
    <p>Run <code>deno task panel</code> in the project's folder and load this page again;
      <code>deno task start</code> does it by itself.</p>
    <p>The gateway works without it: <a href="/docs">documentation</a>.</p>
  </body>
</html>
`;
