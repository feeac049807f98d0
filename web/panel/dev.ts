/** The panel with reloading, for `deno task dev`: what it asks of the gateway is passed on to the running one. */
import { createServer } from "vite";
import config from "./vite.config.ts";

const server = await createServer({
  ...config({ command: "serve", mode: "development" }),
  configFile: false,
});
await server.listen();
server.printUrls();
