import assert from "node:assert/strict";
import { join } from "node:path";
import { permissionFlags } from "../src/config/permissions.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway } from "../src/testing/gateway.ts";
import { giteeService } from "../src/testing/gitee_service.ts";
import { openAiService } from "../src/testing/openai_service.ts";
import { CLIENT_KEY, delivered, refused, startScene } from "./drill_scene.ts";

const ROOT = join(import.meta.dirname!, "..");
const PATH = "/v1/images/generations";

/** What a process that was started like the start task does came to. */
interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** A data folder of its own, with this settings file. */
async function folderWith(file?: string | object): Promise<AsyncDisposable & { path: string; file: string }> {
  const path = await Deno.makeTempDir({ prefix: "imgrouter-process-" });
  const settings = join(path, "runtime-config.json");
  if (file !== undefined) {
    await Deno.writeTextFile(settings, typeof file === "string" ? file : JSON.stringify(file));
  }
  return { path, file: settings, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Starts the program with the permissions of the start task, on a free port. */
async function start(dataDir: string, env: Record<string, string> = {}) {
  const { start } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json"))).tasks;
  const flags = permissionFlags({ DATA_DIR: dataDir }, ROOT);
  assert.ok(flags.ok);
  const given: string = start.command.replace(/\$\(.*\)/, flags.flags.join(" "));
  const child = new Deno.Command(Deno.execPath(), {
    args: given.split(" ").slice(1),
    cwd: ROOT,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: Deno.env.get("HOME") ?? "",
      PORT: "0",
      DATA_DIR: dataDir,
      ...env,
    },
    clearEnv: true,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return child;
}

async function run(dataDir: string, env: Record<string, string> = {}): Promise<Ended> {
  const child = await start(dataDir, env);
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("a bad configuration ends with exit code 2 and one line for each fault", async () => {
  await using folder = await folderWith({ routing: { strategy: "magic" }, system: { apiTimeout: "slow" } });
  const { code, stdout, stderr } = await run(folder.path, { MAX_RETRIES: "often" });
  assert.equal(code, 2);
  assert.equal(stdout, "");
  const lines = stderr.trim().split("\n").sort();
  assert.equal(lines.length, 3, stderr);
  assert.ok(lines.some((line) => /MAX_RETRIES.*often.*whole number/.test(line)), stderr);
  assert.ok(
    lines.some((line) => /runtime-config\.json.*routing\.strategy.*magic.*cascade/.test(line)),
    stderr,
  );
});

Deno.test("backend mode without any client key does not start", async () => {
  await using folder = await folderWith();
  const { code, stderr } = await run(folder.path, { BACKEND_MODE: "true" });
  assert.equal(code, 2);
  assert.match(stderr, /^BACKEND_MODE.*client key.*ALLOW_ANONYMOUS=true\n$/);
});

Deno.test("a damaged settings file is never written over", async () => {
  const damaged = '{"system": {"port": 1';
  await using folder = await folderWith(damaged);
  const { code, stderr } = await run(folder.path);
  assert.equal(code, 2);
  assert.match(stderr, /runtime-config\.json/);
  assert.equal(await Deno.readTextFile(folder.file), damaged);
});

Deno.test("SIGTERM lets a running request finish and ends with exit code 0", async () => {
  await using openai = openAiService();
  await using folder = await folderWith();
  const child = await start(folder.path, { OPENAI_BASE_URL: openai.url, HOST: "127.0.0.1" });
  const errors = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream());
  const reader = lines.getReader();
  let shown = "";
  while (!/storage {2}.*\n/.test(shown)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`It ended before it served: ${await errors}`);
    shown += value;
  }
  const url = /address +(\S+)/.exec(shown)![1]!;
  const gate = openai.hold();
  const reply = fetch(`${url}${PATH}`, {
    method: "POST",
    body: JSON.stringify({ prompt: "a cat" }),
    headers: {
      authorization: `Bearer ${openai.newKey()}`,
      "content-type": "application/json",
      connection: "close",
    },
  });
  await openai.until(() => gate.waiting === 1, { limitMs: 20_000 });
  child.kill("SIGTERM");
  while (!shown.includes("Stopping")) shown += (await reader.read()).value ?? "";
  gate.release();
  assert.equal(await delivered(reply), "1 by OpenAI after 1");
  while (!(await reader.read()).done);
  assert.equal((await child.status).code, 0, await errors);
  await errors;
  const stored = await Array.fromAsync(Deno.readDir(join(folder.path, "storage")));
  assert.equal(stored.filter(({ name }) => name.endsWith(".png")).length, 1);
});

Deno.test("a file of img-router 1.x works as it stands; its keys move, encrypted, and a copy stays", async () => {
  await using gitee = giteeService();
  const [active, limited, disabled] = [gitee.newKey(), gitee.newKey(), gitee.newKey()];
  const entry = (id: string, key: string, status: string) => ({
    id,
    key,
    name: `Imported Key ${key.slice(0, 8)}...`,
    provider: "Gitee",
    status,
    enabled: true,
    addedAt: 1_760_000_000_000,
    lastUsed: 0,
    successCount: 0,
    totalCalls: 0,
    errorCount: 0,
  });
  const file = {
    system: {
      requestLogging: true,
      modes: { relay: true, backend: true },
      port: 10001,
      apiTimeout: 60000,
      maxBodySize: 20971520,
      globalAccessKey: "the-global-key",
      compressThreshold: 5,
      features: { autoConvertWebP: true },
    },
    providers: {
      gitee: {
        enabled: true,
        text: { model: "Kolors", size: "512x512", n: 1, steps: null, weight: 7, modelMap: "my-alias，other" },
      },
      MockA: { enabled: true },
    },
    keyPools: {
      Gitee: [
        entry("1", active, "active"),
        entry("2", limited, "rate_limited"),
        entry("3", disabled, "disabled"),
      ],
      NewApi: [{ key: "sk-newapi-without-an-address-0123", enabled: true }],
    },
    promptOptimizer: { baseUrl: "https://llm.example/v1", apiKey: "optimizer-secret", model: "gpt-x" },
    hfModelMap: { "z-image-turbo": { main: "https://user-space.hf.space" } },
  };
  const clock = new FakeClock();
  await using gateway = await startGateway({ clock, file, env: { GITEE_BASE_URL: gitee.url } });
  const reply = gateway.post(PATH, { prompt: "a cat", model: "my-alias" }, "the-global-key");
  assert.equal(await delivered(reply), "1 by Gitee after 1");
  assert.equal((gitee.lastCall.json as { model: string }).model, "Kolors");
  assert.equal(gitee.lastCall.key, active);

  const keys = await gateway.app.stores.keys.list();
  assert.deepEqual(
    keys.filter(({ provider }) => provider === "Gitee")
      .map(({ enabled, restingUntil }) => [enabled, restingUntil !== undefined]).sort(),
    [[false, false], [true, false], [true, true]],
  );
  assert.deepEqual(keys.filter(({ provider }) => provider === "NewApi").map(({ enabled }) => enabled), [
    false,
  ]);
  assert.ok(keys.every(({ name }) => !name.includes(active.slice(0, 8))));

  const names = (await Array.fromAsync(Deno.readDir(gateway.dataDir))).map(({ name }) => name);
  const left = await Deno.readTextFile(join(gateway.dataDir, "runtime-config.json"));
  assert.ok(!left.includes(active));
  assert.deepEqual(JSON.parse(left).hfModelMap, file.hfModelMap);
  assert.deepEqual(JSON.parse(left).system.features, file.system.features);
  const [backup] = names.filter((name) => name.startsWith("runtime-config.backup-"));
  assert.deepEqual(JSON.parse(await Deno.readTextFile(join(gateway.dataDir, backup!))), file);
  for (const name of names.filter((name) => name.startsWith("imgrouter.db"))) {
    const bytes = new TextDecoder("latin1").decode(await Deno.readFile(join(gateway.dataDir, name)));
    assert.ok(!bytes.includes(active), name);
  }
});

Deno.test("an edit of the file by hand takes effect at once, a faulty one is reported and ignored", async () => {
  await using scene = await startScene();
  const { gateway } = scene;
  const { settings } = gateway.app;
  const path = join(gateway.dataDir, "runtime-config.json");
  const stop = new AbortController();
  const faults: string[] = [];
  let changed = Promise.withResolvers<void>();
  using _seen = settings.subscribe(() => changed.resolve());
  const watching = settings.watch(stop.signal, {
    lookMs: 2,
    onFault: (found) => {
      faults.push(...found.map((fault) => fault.path));
      changed.resolve();
    },
  });
  const edit = async (text: string) => {
    changed = Promise.withResolvers<void>();
    await Deno.writeTextFile(path, text);
    await changed.promise;
  };
  const file = JSON.parse(await Deno.readTextFile(path));
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1");
  const { OpenAI, Gitee } = file.providers;
  const turned = { ...file, providers: { OpenAI, Gitee: { ...Gitee, text: { weight: 90 } } } };
  await edit(JSON.stringify(turned));
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 1");
  await edit(JSON.stringify({ ...turned, routing: { strategy: "cost" } }));
  assert.equal(await delivered(scene.ask()), "1 by OpenAI after 1", "the only price that is known");
  await edit(JSON.stringify(turned));
  await edit(JSON.stringify({ ...file, routing: { strategy: "magic" } }));
  assert.deepEqual(faults, ["routing.strategy"]);
  assert.equal(await delivered(scene.ask()), "1 by Gitee after 1", "the last good one stays");
  await edit(JSON.stringify({ ...file, providers: { OpenAI, Gitee: { enabled: false } } }));
  assert.equal(
    (await refused(gateway.post(PATH, { prompt: "x", provider: "gitee" }, CLIENT_KEY))).status,
    400,
  );
  stop.abort();
  await watching;
});

Deno.test("a time limit longer than timers can count is a long one, and not none", async () => {
  await using gateway = await startGateway({
    env: { API_TIMEOUT_MS: "9999999999" },
    file: { routing: { deadline: 9_999_999_999 } },
  });
  assert.equal(await delivered(gateway.post(PATH, { prompt: "a cat" })), "1 by Mock after 1");
});
