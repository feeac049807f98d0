/** What is measured, and how it is started: the upstream, what others would put before it, and the gateway. */
import { join } from "node:path";
import { type Child, freePort, startChild } from "./child.ts";
import { memoryOf, untilIdle } from "./process_figures.ts";
import { PROJECT, startCommand } from "./start_task.ts";

/** The names of targets, in the order in which they are shown. */
export const TARGETS = {
  upstream: "the upstream itself",
  bare: "bare streaming proxy",
  node: "bare proxy over node:http",
  "node-disk": "bare proxy over node:http, storing",
  nginx: "nginx",
  relay: "ImgRouter, relay, nothing stored",
  "relay-disk": "ImgRouter, relay, stored on disk",
  backend: "ImgRouter, backend, everything on",
} as const;

export type TargetName = keyof typeof TARGETS;

/** A running target. */
export interface Target extends Child {
  name: TargetName;
  url: string;
  /** The key that requests to it carry. */
  key: string;
  /** Resident memory after the start, in bytes. */
  rest: number;
  /** Whether it answers `/health` itself, so that what that takes tells of its event loop. */
  answers?: boolean;
  /** Folder on disk that it writes to. */
  dataDir?: string;
  /** Whether it stores pictures there. */
  stores?: boolean;
}

/** Where targets are started. */
export interface StageOptions {
  /** Folder for logs and data. */
  folder: string;
  /** Further flags of `deno run` for the gateway. */
  gatewayFlags?: string[];
}

const SCRIPTS = {
  upstream: { file: "upstream.ts", answers: false },
  bare: { file: "bare_proxy.ts", answers: false },
  node: { file: "node_proxy.ts", answers: true },
  "node-disk": { file: "node_proxy.ts", answers: true },
};
const CLIENT_KEY = "bench-client-key";
const PROVIDER_KEY = "sk-bench-0000000000000000";
/** At ten calls each, the default, enough for all that the cases have in flight. */
const POOL_KEYS = 64;
const SETTLE_WITHIN = 5_000;
/** What a service manager would pass on, and where Deno keeps its caches. */
const PASSED_ON = ["PATH", "HOME", "DENO_DIR", "XDG_CACHE_HOME", "TMPDIR", "LANG"];

/** Targets that run side by side before one upstream; each is started when it is first asked for. */
export class Stage implements AsyncDisposable {
  readonly #running = new Map<TargetName, Promise<Target>>();

  constructor(private readonly options: StageOptions) {}

  get(name: TargetName): Promise<Target> {
    const started = this.#running.get(name) ?? this.#start(name);
    this.#running.set(name, started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const started of [...this.#running.values()].reverse()) {
      const target = await started.catch(() => undefined);
      await target?.stop();
      if (target?.dataDir) await Deno.remove(target.dataDir, { recursive: true });
    }
  }

  async #start(name: TargetName): Promise<Target> {
    const port = freePort();
    const url = `http://127.0.0.1:${port}`;
    const upstream = name === "upstream" ? url : (await this.get("upstream")).url;
    const { folder } = this.options;
    const env = passedOn();
    const at = { name, cwd: PROJECT, folder, env, readyAt: `${url}/health` };
    const base = { name, url, key: name === "backend" ? CLIENT_KEY : PROVIDER_KEY };
    if (isScript(name)) {
      const { file, answers } = SCRIPTS[name];
      const dataDir = name === "node-disk" ? await dataFolder(folder, name) : undefined;
      const command = [
        Deno.execPath(),
        "run",
        "--no-check",
        "--allow-net=127.0.0.1",
        ...dataDir === undefined ? [] : [`--allow-write=${dataDir}`],
        join(import.meta.dirname!, file),
        String(port),
        upstream,
        ...dataDir === undefined ? [] : [dataDir],
      ];
      return await rested(
        { ...base, answers, dataDir, stores: dataDir !== undefined },
        await startChild({ ...at, command }),
      );
    }
    if (name === "nginx") {
      const command = await nginxCommand(join(folder, "nginx"), port, new URL(upstream).host);
      return await rested(base, await startChild({ ...at, command }));
    }
    const dataDir = await dataFolder(folder, name);
    Object.assign(env, gatewayVariables(name, { port, upstream, dataDir }));
    const command = await startCommand(env, this.options.gatewayFlags);
    return await rested(
      { ...base, answers: true, dataDir, stores: name !== "relay" },
      await startChild({ ...at, command, readyAt: `${url}/health/ready` }),
    );
  }
}

function isScript(name: TargetName): name is keyof typeof SCRIPTS {
  return name in SCRIPTS;
}

function dataFolder(folder: string, name: TargetName): Promise<string> {
  return Deno.makeTempDir({ dir: folder, prefix: `${name}-data-` });
}

/** Whether nginx is installed; it is measured only where it is. */
export async function hasProgram(name: string): Promise<boolean> {
  const { success } = await new Deno.Command("sh", { args: ["-c", `command -v ${name}`], stdout: "null" })
    .output();
  return success;
}

function passedOn(): Record<string, string> {
  return Object.fromEntries(PASSED_ON.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

function gatewayVariables(
  name: "relay" | "relay-disk" | "backend",
  { port, upstream, dataDir }: { port: number; upstream: string; dataDir: string },
): Record<string, string> {
  const keys = Array.from({ length: POOL_KEYS }, (_, index) => `sk-bench-${String(index).padStart(16, "0")}`);
  return {
    HOST: "127.0.0.1",
    PORT: String(port),
    DATA_DIR: dataDir,
    OPENAI_BASE_URL: `${upstream}/v1`,
    ALLOW_HOSTS: "127.0.0.1",
    ...name === "relay" && { STORAGE: "off" },
    ...name === "backend" && { OPENAI_API_KEYS: keys.join(","), GATEWAY_API_KEYS: CLIENT_KEY },
  };
}

/** nginx as most people would write it, in a folder of its own. */
async function nginxCommand(folder: string, port: number, upstream: string): Promise<string[]> {
  await Deno.mkdir(folder, { recursive: true });
  const config = `
    ${Deno.uid() === 0 ? "user root;" : ""}
    worker_processes 1;
    daemon off;
    pid ${folder}/nginx.pid;
    error_log stderr;
    events { worker_connections 4096; }
    http {
      access_log ${folder}/access.log;
      client_max_body_size 64m;
      client_body_temp_path ${folder}/client_body;
      proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/fastcgi;
      uwsgi_temp_path ${folder}/uwsgi;
      scgi_temp_path ${folder}/scgi;
      upstream images { server ${upstream}; keepalive 64; }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://images;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
        }
      }
    }
  `;
  const path = join(folder, "nginx.conf");
  await Deno.writeTextFile(path, config);
  return ["nginx", "-e", "stderr", "-p", folder, "-c", path];
}

async function rested(target: Omit<Target, "rest" | keyof Child>, child: Child): Promise<Target> {
  await untilIdle(child.pid, SETTLE_WITHIN);
  return { ...target, ...child, rest: memoryOf(child.pid).rss };
}
