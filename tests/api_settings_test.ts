/** Settings over the admin API: read, changed, kept as a file, and never a secret in any reply. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ADMIN_PASSWORD, adminOf } from "../src/testing/admin.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { type GatewayOptions, startGateway } from "../src/testing/gateway.ts";

const SECRETS = {
  globalAccessKey: "global-access-key-0123456789",
  clientKey: "a-client-key-0123456789abcdef",
  shortKey: "short-one",
  bed: "bed-code-0123456789abcdefghij",
  bucketKey: "AKIA0123456789ABCDEF",
  bucketSecret: "bucket/secret/0123456789/abcdefghij",
  optimizer: "sk-optimizer-0123456789abcdefghij",
  stranger: "stranger-token-0123456789",
  password: "p4ssw0rd-in-an-address",
};

const FILE = {
  system: {
    globalAccessKey: SECRETS.globalAccessKey,
    clientKeys: [SECRETS.clientKey, SECRETS.shortKey],
    apiTimeout: 50_000,
    verbose: true,
  },
  providers: { openai: { text: { model: "gpt-image-1", weight: 3, modelMap: "mine" }, note: "kept" } },
  imageBed: { authCode: SECRETS.bed, baseUrl: `https://user:${SECRETS.password}@bed.example` },
  storage: { target: "disk", s3: { accessKey: SECRETS.bucketKey, secretKey: SECRETS.bucketSecret } },
  promptOptimizer: { baseUrl: "https://llm.example/v1", apiKey: SECRETS.optimizer, model: "m" },
  hfModelMap: { one: { main: "https://a.hf.space" }, two: { main: "https://b.hf.space" } },
  elsewhere: { apiToken: SECRETS.stranger, list: [1, { deep: true }] },
};

async function scene(options: GatewayOptions = { file: FILE }) {
  const gateway = await startGateway(options);
  const admin = await adminOf(gateway);
  const path = join(gateway.dataDir, "runtime-config.json");
  return {
    gateway,
    admin,
    /** Changes settings and gives status and reply. */
    change: async (body: unknown, headers: Record<string, string> = {}) => {
      const reply = await admin.send("/api/runtime-config", body, { headers });
      return { status: reply.status, body: await reply.json() };
    },
    get: async (path: string) => {
      const reply = await admin.fetch(path);
      assert.equal(reply.status, 200, path);
      return await reply.json();
    },
    /** What stands in the file. */
    file: async () => JSON.parse(await Deno.readTextFile(path)),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

Deno.test("settings are those in force, with members that nobody knows, and secrets are masked", async () => {
  await using stage = await scene();
  const settings = await stage.get("/api/runtime-config");
  assert.equal(settings.system.apiTimeout, 50_000);
  assert.equal(settings.system.port, 10001, "defaults are there");
  assert.equal(settings.system.globalAccessKey, "glob…6789");
  assert.deepEqual(settings.system.clientKeys, ["a-cl…cdef", "********"]);
  assert.equal(settings.storage.s3.secretKey, "buck…ghij");
  assert.equal(settings.imageBed.baseUrl, "https://…@bed.example");
  assert.equal(settings.system.verbose, true);
  assert.equal(settings.providers.OpenAI.note, "kept");
  assert.equal(settings.providers.OpenAI.text.weight, 3);
  assert.deepEqual(settings.elsewhere, { apiToken: "stra…6789", list: [1, { deep: true }] });
  for (const hidden of ["dataDir", "secretKey", "adminPassword", "keyPools"]) {
    assert.equal(Object.hasOwn(settings, hidden), false, hidden);
  }
});

Deno.test("no reply of the admin API holds a secret", async () => {
  const env = {
    OPENAI_API_KEY: "sk-from-the-environment-0123456789",
    SECRET_KEY: "secret-key-of-this-gateway-0123456789",
    PROXY_AUTH_KEYS: "client-key-of-the-environment",
  };
  await using stage = await scene({ file: FILE, env });
  await stage.change({
    system: { apiTimeout: 40_000 },
    imageBed: { authCode: "changed-code-0123456789abc" },
  });
  await stage.change({ imageBed: { authCode: SECRETS.bed } });
  const secrets = [
    ...Object.values(SECRETS),
    ...Object.values(env),
    "changed-code-0123456789abc",
    ADMIN_PASSWORD,
  ];
  const paths = new Set(
    (await stage.gateway.app.routes()).filter(({ method, path }) =>
      method === "GET" && path.startsWith("/api/") && !/stream|live|update/.test(path)
    ).map(({ path }) => path.replace(/:\w+(\{.*?\})?/g, "x")),
  );
  assert.ok(paths.size >= 10, [...paths].join("\n"));
  for (const path of paths) {
    const text = await (await stage.admin.fetch(path)).text();
    for (const secret of secrets) {
      assert.ok(!text.includes(secret), `${secret} in ${path}: ${text.slice(0, 300)}`);
    }
  }
});

Deno.test("a change is merged, in force at once, in the file and in the audit trail", async () => {
  await using stage = await scene();
  const { status, body } = await stage.change({ system: { apiTimeout: 12_345 }, mine: { added: 1 } });
  assert.equal(status, 200);
  assert.equal(body.ok, true);
  assert.equal(body.composeSync, null);
  assert.deepEqual(body.changed.sort(), ["mine.added", "system.apiTimeout"]);
  assert.equal(body.runtimeConfig.system.apiTimeout, 12_345);
  assert.equal(stage.gateway.app.settings.current.system.apiTimeout, 12_345);
  const file = await stage.file();
  assert.deepEqual(file.system, { ...FILE.system, apiTimeout: 12_345 });
  assert.deepEqual(file.elsewhere, FILE.elsewhere);
  assert.deepEqual(file.mine, { added: 1 });
  const { data: [entry] } = await stage.get("/api/audit");
  assert.equal(entry.action, "settings.change");
  assert.deepEqual(entry.detail.changed.sort(), ["mine.added", "system.apiTimeout"]);
});

Deno.test("whoever sends back what they were shown changes nothing, and no default becomes fixed", async () => {
  await using stage = await scene();
  const before = await stage.file();
  const shown = await stage.get("/api/runtime-config");
  const { status, body } = await stage.change(shown);
  assert.equal(status, 200);
  assert.deepEqual(body.changed, []);
  assert.deepEqual(await stage.file(), before);
  assert.equal((await stage.get("/api/audit")).data.length, 1, "only the set-up");

  shown.system.requestLogging = false;
  await stage.change(shown);
  assert.deepEqual((await stage.file()).system, { ...FILE.system, requestLogging: false });
  assert.deepEqual((await stage.file()).storage, FILE.storage);
});

Deno.test("a mask leaves the secret, a value replaces it, null and an empty text remove it", async () => {
  await using stage = await scene();
  const bed = () => stage.gateway.app.settings.current.imageBed.authCode;
  for (const mask of ["bed-…ghij", "bed-...ghij", "********", "stal…mask"]) {
    assert.deepEqual((await stage.change({ imageBed: { authCode: mask } })).body.changed, [], mask);
    assert.equal(bed(), SECRETS.bed);
  }
  await stage.change({ imageBed: { authCode: "another-code" } });
  assert.equal(bed(), "another-code");
  await stage.change({ imageBed: { authCode: "" } });
  assert.equal(bed(), undefined);
  await stage.change({ imageBed: { authCode: "once-more" } });
  await stage.change({ imageBed: { authCode: null } });
  assert.equal(bed(), undefined);
  assert.equal(Object.hasOwn((await stage.file()).imageBed, "authCode"), false);
});

Deno.test("in a list of secrets masks stand for those that stay", async () => {
  await using stage = await scene();
  const keys = () => stage.gateway.app.settings.current.system.clientKeys;
  await stage.change({ system: { clientKeys: ["********", "a-new-key"] } });
  assert.deepEqual(keys(), [SECRETS.shortKey, "a-new-key"]);
  const { status, body } = await stage.change({ system: { clientKeys: ["nobo…dys1", "x-key"] } });
  assert.equal(status, 400);
  assert.equal(body.error.param, "system.clientKeys");
  assert.deepEqual(keys(), [SECRETS.shortKey, "a-new-key"]);
});

Deno.test("an address whose password is hidden is not saved without it", async () => {
  await using stage = await scene();
  const { status, body } = await stage.change({ imageBed: { baseUrl: "https://…@bed.example/other" } });
  assert.deepEqual([status, body.error.param], [400, "imageBed.baseUrl"]);
  assert.deepEqual((await stage.file()).imageBed, FILE.imageBed);
});

Deno.test("a faulty change is refused with the path of the field, and nothing is saved", async () => {
  await using stage = await scene();
  const before = await stage.file();
  const cases: [body: unknown, param: string][] = [
    [{ system: { apiTimeout: -1 } }, "system.apiTimeout"],
    [{ system: { apiTimeout: 99, logLevel: "loud" } }, "system.logLevel"],
    [{ system: "all" }, "system"],
    [{ providers: { Gitee: { text: { weight: "heavy" } } } }, "providers.Gitee.text.weight"],
    [{ storage: { target: "s3", s3: { accessKey: null } } }, "storage.s3.endpoint"],
  ];
  for (const [change, param] of cases) {
    const { status, body } = await stage.change(change);
    assert.deepEqual([status, body.error.param], [400, param], JSON.stringify(body));
    assert.match(body.error.message, /expected/);
  }
  assert.deepEqual(await stage.file(), before);
});

Deno.test("what the environment fixes is told, and a change of it refused with the variable's name", async () => {
  await using stage = await scene({ file: FILE, env: { API_TIMEOUT_MS: "33000", MAX_CONCURRENT: "4" } });
  const { body } = await stage.change({ system: { cors: false } });
  assert.deepEqual(
    body.fixed.filter(({ path }: { path: string }) => path === "system.apiTimeout"),
    [{ path: "system.apiTimeout", variable: "API_TIMEOUT_MS" }],
  );
  const refused = await stage.change({ system: { apiTimeout: 44_000, cors: true } });
  assert.equal(refused.status, 409);
  assert.equal(refused.body.error.param, "system.apiTimeout");
  assert.match(refused.body.error.message, /API_TIMEOUT_MS/);
  assert.equal((await stage.file()).system.cors, false, "nothing of it was saved");
  assert.equal(
    (await stage.change({ system: { apiTimeout: 33_000, cors: true } })).status,
    200,
    "it is as it was",
  );
  assert.equal(
    (await stage.change({ providers: { Gitee: { maxConcurrent: 9 } } })).status,
    200,
    "only a default",
  );
  const own = await stage.change({ secretKey: "x", adminPassword: "y" });
  assert.deepEqual([own.status, own.body.error.param], [409, "secretKey"]);
  assert.match(own.body.error.message, /SECRET_KEY/);
});

Deno.test("a change made for an older state is refused, one without If-Match is not", async () => {
  await using stage = await scene();
  const read = await stage.admin.fetch("/api/runtime-config");
  await read.body?.cancel();
  const etag = read.headers.get("etag") ?? "";
  assert.match(etag, /^"\w+"$/);
  const first = await stage.change({ system: { cors: false } }, { "if-match": etag });
  assert.equal(first.status, 200);
  const second = await stage.change({ system: { cors: true } }, { "if-match": etag });
  assert.deepEqual([second.status, second.body.error.code], [412, "stale_revision"]);
  assert.equal(stage.gateway.app.settings.current.system.cors, false);
  assert.equal(
    (await stage.change({ system: { cors: true } }, { "if-match": `"${first.body.revision}"` })).status,
    200,
  );
  assert.equal((await stage.change({ system: { cors: false } }, { "if-match": "*" })).status, 200);
  assert.equal((await stage.change({ system: { cors: true } })).status, 200);
});

Deno.test("img-router's short forms switch a provider and replace the defaults of a task, but not its aliases", async () => {
  await using stage = await scene();
  assert.equal((await stage.change({ provider: "openai", enabled: false })).status, 200);
  const task = {
    provider: "OpenAI",
    task: "text",
    defaults: { model: "gpt-image-2", size: "1024x1024", n: 2 },
  };
  assert.equal((await stage.change(task)).status, 200);
  assert.deepEqual((await stage.file()).providers, {
    OpenAI: {
      text: { model: "gpt-image-2", size: "1024x1024", n: 2, modelMap: "mine" },
      note: "kept",
      enabled: false,
    },
  });
  const cases: [body: unknown, param: string][] = [
    [{ provider: "Nobody", enabled: true }, "provider"],
    [{ provider: "OpenAI" }, "task"],
    [{ provider: "OpenAI", task: "text" }, "defaults"],
    [{ provider: "OpenAI", task: "video", defaults: {} }, "task"],
    [{ provider: "OpenAI", enabled: "yes" }, "enabled"],
  ];
  for (const [change, param] of cases) {
    const { status, body } = await stage.change(change);
    assert.deepEqual([status, body.error.param], [400, param]);
  }
});

Deno.test("keys in img-router's settings go to the key store, and no longer stand in the file", async () => {
  await using stage = await scene({});
  const key = "sk-0123456789abcdef0123456789abcdef";
  const settings = { keyPools: { OpenAI: [{ id: "1", key, name: "old", enabled: true }] } };
  const reply = await stage.admin.send("/api/settings/import", { settings });
  assert.equal(reply.status, 200);
  await reply.body?.cancel();
  await stage.gateway.app.settings.exclusively(() => Promise.resolve());
  assert.ok(!JSON.stringify(await stage.file()).includes(key));
  assert.deepEqual(
    (await stage.gateway.app.stores.keys.list()).map(({ name, provider }) => [name, provider]),
    [
      ["old", "OpenAI"],
    ],
  );
});

Deno.test("the prompt optimizer's settings and the map of Spaces have routes of their own", async () => {
  await using stage = await scene();
  const optimizer = await stage.get("/api/config/prompt-optimizer");
  assert.equal(optimizer.apiKey, "sk-o…ghij");
  assert.equal(optimizer.model, "m");
  const changed = await stage.admin.send("/api/config/prompt-optimizer", { ...optimizer, model: "n" });
  assert.deepEqual(await changed.json(), { ok: true });
  assert.deepEqual((await stage.file()).promptOptimizer, { ...FILE.promptOptimizer, model: "n" });

  assert.deepEqual(Object.keys(await stage.get("/api/config/hf-map")), ["one", "two"]);
  const map = { two: { main: "https://c.hf.space" }, three: { main: "https://d.hf.space" } };
  assert.deepEqual(await (await stage.admin.send("/api/config/hf-map", map)).json(), { ok: true });
  assert.deepEqual((await stage.file()).hfModelMap, map, "it is replaced as a whole");
  const bad = await stage.admin.send("/api/config/hf-map", { two: { main: "no address" } });
  assert.deepEqual([bad.status, (await bad.json()).error.param], [400, "hfModelMap.two.main"]);
});

Deno.test("the form lists each setting with its value, and who fixes it", async () => {
  await using stage = await scene({
    file: FILE,
    env: { LOG_LEVEL: "error", GATEWAY_API_KEYS: "k1-of-the-environment" },
  });
  const { fields, revision, faults } = await stage.get("/api/settings/form");
  assert.equal(revision, stage.gateway.app.settings.revision);
  assert.deepEqual(faults, []);
  const field = (path: string) => fields.find((one: { path: string }) => one.path === path);
  assert.deepEqual(field("system.logLevel"), {
    path: "system.logLevel",
    title: "Log level",
    description: field("system.logLevel").description,
    kind: "text",
    options: ["debug", "info", "warning", "error"],
    expected: "one of debug, info, warning, error",
    default: "info",
    value: "error",
    origin: "environment",
    variables: ["LOG_LEVEL"],
    fixedBy: "LOG_LEVEL",
    environmentOnly: false,
    secret: false,
    restart: false,
  });
  assert.equal(field("system.port").restart, true);
  assert.equal(field("system.apiTimeout").origin, "file");
  assert.deepEqual(field("system.clientKeys").value, ["k1-o…ment"]);
  assert.equal(field("system.clientKeys").fixedBy, "GATEWAY_API_KEYS");
  assert.equal(field("imageBed.authCode").value, "bed-…ghij");
  assert.equal(field("dataDir").environmentOnly, true);
  assert.equal(field("keyPools"), undefined);
});

Deno.test("a fault in a file that was edited by hand is told in the form, and not written over", async () => {
  await using stage = await scene();
  await Deno.writeTextFile(join(stage.gateway.dataDir, "runtime-config.json"), "{ broken");
  await stage.gateway.app.settings.reload();
  const { faults } = await stage.get("/api/settings/form");
  assert.match(faults[0], /JSON/);
  const { status, body } = await stage.change({ system: { cors: false } });
  assert.deepEqual([status, body.error.code], [409, "settings_damaged"]);
});

Deno.test("the exported file holds secrets only for who gives the password again", async () => {
  await using stage = await scene();
  const plain = await stage.admin.fetch("/api/settings/export");
  assert.match(plain.headers.get("content-disposition") ?? "", /attachment; filename="runtime-config.json"/);
  const text = await plain.text();
  for (const secret of Object.values(SECRETS)) assert.ok(!text.includes(secret), secret);
  const exported = JSON.parse(text);
  assert.deepEqual(exported.elsewhere, { list: [1, { deep: true }] });
  assert.deepEqual(exported.providers.OpenAI.text, FILE.providers.openai.text);

  const wrong = await stage.admin.send("/api/settings/export", { password: "wrong" });
  assert.deepEqual([wrong.status, (await wrong.json()).error.code], [400, "wrong_password"]);
  const all = await (await stage.admin.send("/api/settings/export", { password: ADMIN_PASSWORD })).json();
  const { openai: OpenAI } = FILE.providers;
  assert.deepEqual(all, { ...FILE, providers: { OpenAI } });
  assert.equal((await stage.get("/api/audit")).data[0].action, "settings.export");
});

Deno.test("an exported file can be imported elsewhere; what it does not say stays", async () => {
  await using source = await scene();
  const settings = await (await source.admin.send("/api/settings/export", { password: ADMIN_PASSWORD }))
    .json();
  await using target = await scene({
    file: { system: { cors: false }, own: 1 },
    env: { IMAGE_BED_AUTH_CODE: "code-of-the-environment" },
  });
  const send = async (body: unknown) => await (await target.admin.send("/api/settings/import", body)).json();
  const dry = await send({ settings, dryRun: true });
  assert.ok(dry.changed.includes("system.apiTimeout"));
  assert.deepEqual(dry.skipped, [{ path: "imageBed.authCode", variable: "IMAGE_BED_AUTH_CODE" }]);
  assert.deepEqual(await target.file(), { system: { cors: false }, own: 1 });

  const done = await send({ settings: { ...settings, system: { ...settings.system, cors: null } } });
  assert.equal(done.ok, true);
  const file = await target.file();
  assert.equal(file.own, 1);
  assert.equal(file.system.cors, false);
  assert.equal(file.system.globalAccessKey, SECRETS.globalAccessKey);
  assert.equal(file.imageBed.authCode, undefined);
  const masked = await send({ settings: await source.get("/api/runtime-config") });
  assert.equal((await target.file()).system.globalAccessKey, SECRETS.globalAccessKey, JSON.stringify(masked));
});

Deno.test("img-router's overviews are in their shapes", async () => {
  await using stage = await scene({ file: FILE, env: { GITEE_API_KEY: "G".repeat(40) } });
  const info = await stage.get("/api/info");
  assert.match(info.version, /^v\d+\.\d+\.\d+$/);
  assert.deepEqual({ ...info, version: "" }, {
    service: "ImgRouter",
    version: "",
    docs: "/docs",
    ui: "/admin",
  });

  const config = await stage.get("/api/config");
  assert.deepEqual([config.port, config.timeout, config.giteeConfigured, config.doubaoConfigured], [
    10001,
    50_000,
    true,
    false,
  ]);
  assert.equal(config.globalAccessKeyConfigured, true);
  const provider = config.providers.find(({ name }: { name: string }) => name === "OpenAI");
  assert.equal(provider.defaultModel, "gpt-image-1");
  assert.equal(provider.capabilities.imageToImage, true);
  assert.ok(provider.textModels.includes("gpt-image-2"), provider.textModels.join());
  assert.ok(
    config.textModels.length > 20 && config.supportedSizes.every((size: string) => /^\d+x\d+$/.test(size)),
  );
});

/** A host that tells of releases. */
function releases(reply: () => Response) {
  const asked: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    asked.push(new URL(request.url).pathname);
    return reply();
  });
  return {
    asked,
    url: `http://127.0.0.1:${server.addr.port}/latest`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("the latest release is asked for once in six hours, and compared with this version", async () => {
  let tag_name = "v99.1.0";
  await using host = releases(() =>
    Response.json({ tag_name, html_url: "https://example.com/r", assets: [1] })
  );
  const clock = new FakeClock();
  await using stage = await scene({ clock, file: { update: { url: host.url } } });
  const first = await stage.get("/api/update/check");
  assert.deepEqual([first.tag_name, first.updateAvailable, first._cached, first._stale], [
    "v99.1.0",
    true,
    false,
    false,
  ]);
  assert.equal(first.html_url, "https://example.com/r");
  assert.equal((await stage.get("/api/update/check"))._cached, true);
  assert.equal(host.asked.length, 1);
  tag_name = "v0.0.9-beta.2";
  const forced = await stage.get("/api/update/check?force=true");
  assert.deepEqual([forced.updateAvailable, forced._cached], [false, false]);
  await clock.pass(6 * 60 * 60_000);
  assert.equal((await stage.get("/api/update/check"))._cached, false);
  assert.equal(host.asked.length, 3);
});

Deno.test("without an answer the check fails politely, or tells what was known before", async () => {
  let reply = () => new Response("slow down", { status: 403 });
  await using host = releases(() => reply());
  await using stage = await scene({ file: { update: { url: host.url } } });
  const check = async (query = "") => {
    const response = await stage.admin.fetch(`/api/update/check${query}`);
    return [response.status, (await response.json()).error?.code];
  };
  assert.deepEqual(await check(), [429, "rate_limit"]);
  reply = () => new Response("no", { status: 404 });
  assert.deepEqual(await check(), [502, "no_release"]);
  reply = () => Response.json({ tag_name: "v1.0.0", html_url: "javascript:alert(1)" });
  assert.deepEqual(await check(), [502, "no_release"], "a link that would be a script is none");
  reply = () => new Response("oops", { status: 500 });
  assert.deepEqual(await check(), [502, "offline"]);
  reply = () => Response.json({ tag_name: "v1.0.0" });
  assert.deepEqual(await check(), [200, undefined]);
  reply = () => new Response("oops", { status: 500 });
  const stale = await stage.get("/api/update/check?force=true");
  assert.deepEqual([stale.tag_name, stale._stale], ["v1.0.0", true]);
  await stage.change({ update: { url: "http://10.0.0.1/latest" } });
  assert.deepEqual(await check(), [502, "offline"], "private hosts are not asked");
});
