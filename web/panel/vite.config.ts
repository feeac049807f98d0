/** How Vite makes the panel: hashed files, a chunk a page, and nothing that the gateway's strict policy forbids. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const JSX = { runtime: "automatic", importSource: "preact" } as const;
/** Where `deno task dev` finds the gateway. */
const GATEWAY = `http://127.0.0.1:${process.env.PORT ?? 10001}`;

/** The page is empty before its script ran: painting it earlier would only flash the wrong theme. */
const firstPaintWaits: Plugin = {
  name: "first-paint-waits",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
  },
};

export default defineConfig(({ command }) => ({
  root: fileURLToPath(new URL(".", import.meta.url)),
  cacheDir: fileURLToPath(new URL("../../node_modules/.vite", import.meta.url)),
  base: command === "build" ? "/panel/" : "/",
  appType: "spa",
  publicDir: false,
  oxc: { jsx: JSX },
  // The search for packages before the first page is another tool's, and does not look at the line above.
  optimizeDeps: { rolldownOptions: { transform: { jsx: JSX } } },
  plugins: [firstPaintWaits],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2023",
    // A data URI in a style sheet is more bytes for everybody than a file that is cached for ever.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    port: 10_002,
    strictPort: true,
    proxy: Object.fromEntries(
      ["/api", "/v1", "/storage", "/docs", "/openapi.json", "/health"].map((path) => [path, GATEWAY]),
    ),
  },
}));
