/** Runs Vite once; apart from `build.ts`, which is also run where Vite isn't installed. */
import process from "node:process";
import { build } from "vite";
import config from "./vite.config.ts";

/** Writes the panel to `dist/`. @throws what Vite says of a source that it can't read. */
export async function bundle(): Promise<void> {
  process.env.NODE_ENV = "production";
  const inline = config({ command: "build", mode: "production" });
  await build({ ...inline, configFile: false, logLevel: "warn" });
}
