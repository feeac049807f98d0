/** The gateway as a user runs it, in a folder of its own on a free port, for one test. */
import { join } from "node:path";
import { type App, createApp, IDENTITIES } from "../app.ts";
import { loadConfig } from "../config/load.ts";
import { listen } from "../http/server.ts";
import type { Clock, Dice } from "../core/clock.ts";
import type { LogRing } from "../log/ring.ts";

/** What a test may choose. */
export interface GatewayOptions {
  /** Environment variables. Results of scripted services are on 127.0.0.1, so that host is allowed. */
  env?: Record<string, string>;
  /** Content of `runtime-config.json`. */
  file?: unknown;
  clock?: Clock;
  dice?: Dice;
  /** The last lines of the log, where a test writes some. */
  ring?: LogRing;
  /** An existing data folder, to start again where another gateway stopped. */
  dataDir?: string;
  /** Any free one unless told. */
  port?: number;
  /** After how many ms of real time a reader who takes nothing of a picture is cut off. */
  stallMs?: number;
}

/** A running gateway. */
export interface TestGateway extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  url: string;
  app: App;
  dataDir: string;
  /** Sends JSON with a key. */
  post(path: string, body: unknown, key?: string, init?: RequestInit): Promise<Response>;
  /** Stops it and keeps its data. */
  stop(): Promise<void>;
  /** Names of stored pictures. */
  stored(): Promise<string[]>;
}

/** Starts a gateway. */
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const dataDir = options.dataDir ?? await Deno.makeTempDir({ prefix: "imgrouter-test-" });
  if (options.file !== undefined) {
    await Deno.writeTextFile(join(dataDir, "runtime-config.json"), JSON.stringify(options.file));
  }
  const env = { ALLOW_HOSTS: "127.0.0.1", ...options.env, DATA_DIR: dataDir };
  const loaded = await loadConfig({ providers: IDENTITIES, env, folder: dataDir });
  if (!loaded.ok) throw new Error(`Cannot start: ${JSON.stringify(loaded.faults)}`);
  const app = await createApp({ loaded, clock: options.clock, dice: options.dice, ring: options.ring });
  if ("faults" in app) throw new Error(`Cannot start: ${JSON.stringify(app.faults)}`);
  const server = await listen(app.http, {
    host: "127.0.0.1",
    port: options.port ?? 0,
    stallMs: options.stallMs,
  });
  const url = `http://127.0.0.1:${server.port}`;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    app.drain();
    return stopping ??= server.shutdown().then(() => app[Symbol.asyncDispose]());
  };
  return {
    url,
    app,
    dataDir,
    stop,
    post: (path, body, key = "mock-demo", init = {}) =>
      fetch(`${url}${path}`, {
        method: "POST",
        body: JSON.stringify(body),
        ...init,
        headers: { "content-type": "application/json", authorization: `Bearer ${key}`, ...init.headers },
      }),
    stored: async () => {
      await app.settled();
      const names: string[] = [];
      try {
        for await (const entry of Deno.readDir(join(dataDir, "storage"))) {
          if (!entry.name.endsWith(".json") && !entry.name.startsWith(".")) names.push(entry.name);
        }
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
      return names.sort();
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      if (options.dataDir === undefined) await Deno.remove(dataDir, { recursive: true });
    },
  };
}
