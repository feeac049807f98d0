import fc from "fast-check";
import assert from "node:assert/strict";
import { join } from "node:path";
import { describeFault } from "./fault.ts";
import { fieldsOf, variablesOf } from "./fields.ts";
import { Interpreter } from "./interpreter.ts";
import { isObject, type JsonObject, valueAt } from "./json_object.ts";
import { checkBackend, isBackendOn } from "./load.ts";
import { configSchema, splitList } from "./schema.ts";
import { bucketOf } from "./storage_target.ts";
import { faultsOf, IDENTITIES, IMG_ROUTER_FILE, scratch } from "./test_kit.ts";

const { fields } = fieldsOf(configSchema(IDENTITIES));
const BUILT_IN = configSchema(IDENTITIES).parse({});

function interpreter(variables: Record<string, string> = {}): Interpreter {
  return new Interpreter({ providers: IDENTITIES, variables, folder: "/", fileName: "runtime-config.json" });
}

Deno.test("nothing configured at all gives the built-in values", async () => {
  await using place = await scratch();
  const { config, origins, path } = await place.loaded();
  assert.equal(config.system.port, 10001);
  assert.equal(config.system.maxBodySize, 52_428_800);
  assert.equal(config.system.modes.backend, undefined);
  assert.equal(config.providers.OpenAI?.text.weight, 10);
  assert.equal(config.providers.Mock?.text.weight, 0, "a provider may bring another default");
  assert.equal(config.providers.OpenAI?.maxConcurrent, 10);
  assert.deepEqual(Object.keys(config.providers), IDENTITIES.map(({ name }) => name));
  assert.ok(Object.values(origins).every((origin) => origin === "default"));
  assert.equal(path, place.file);
});

Deno.test("an img-router file loads as it is", async () => {
  await using place = await scratch();
  await place.write(IMG_ROUTER_FILE);
  const { config, origins } = await place.loaded();
  assert.equal(config.system.modes.backend, false);
  assert.equal(
    config.system.maxBodySize,
    52_428_800,
    "its own default, which it never enforced, is not a choice",
  );
  assert.equal(origins["system.maxBodySize"], "default");
  assert.equal(origins["providers.Doubao.text.steps"], "default", "null is absent");
  assert.equal(config.providers.Doubao?.text.weight, 7);
  assert.deepEqual(splitList(config.providers.Doubao?.text.modelMap ?? ""), ["my-alias", "other-alias"]);
  assert.equal(config.providers.HuggingFace?.defaultSteps, 9, "lower-case names are understood");
  assert.equal(config.providers.HuggingFace?.text.weight, 5);
  assert.equal(config.providers.HuggingFace?.text.model, undefined, "an empty text is absent");
  assert.equal(config.providers.MockA, undefined);
  assert.equal(config.providers.SomeoneElse, undefined);
  assert.equal(config.storage.target, "both", "it had no target, and used disk and bucket");
  assert.equal(origins["storage.target"], "file");
  assert.equal(config.storage.s3.region, "auto");
});

Deno.test("a bucket is used as soon as all of it is named, unless a target was chosen", async () => {
  await using place = await scratch();
  const s3 = { endpoint: "https://s3.example", bucket: "b", accessKey: "a", secretKey: "s" };
  const target = async (storage: JsonObject, env?: Record<string, string>) => {
    await place.write({ storage });
    const { config } = await place.loaded(env);
    return { target: config.storage.target, bucket: bucketOf(config.storage)?.bucket };
  };
  assert.deepEqual(await target({ s3: { ...s3, region: "eu-1", publicUrl: "https://cdn.example" } }), {
    target: "both",
    bucket: "b",
  });
  assert.deepEqual(await target({ s3: { ...s3, secretKey: "" } }), { target: "disk", bucket: undefined });
  assert.deepEqual(await target({ s3, target: "disk" }), { target: "disk", bucket: undefined });
  assert.deepEqual(await target({ s3, target: "s3" }), { target: "s3", bucket: "b" });
  assert.deepEqual(await target({ s3 }, { STORAGE: "off" }), { target: "off", bucket: undefined });
  assert.deepEqual(await target({ s3: { ...s3, secretKey: "" } }, { S3_SECRET_KEY: "s" }), {
    target: "both",
    bucket: "b",
  });
});

Deno.test("a target that needs a bucket does not start without all of it", async () => {
  await using place = await scratch();
  await place.write({ storage: { target: "s3", s3: { endpoint: "https://s3.example", bucket: "b" } } });
  assert.deepEqual(faultsOf(await place.load()).map(describeFault), [
    "data/runtime-config.json: storage.s3.accessKey: found nothing, expected a value (also by S3_ACCESS_KEY), because storage.target is s3",
    "data/runtime-config.json: storage.s3.secretKey: found nothing, expected a value (also by S3_SECRET_KEY), because storage.target is s3",
  ]);
  await place.write({});
  assert.deepEqual(
    faultsOf(await place.load({ STORAGE: "both", S3_BUCKET: "b" })).map(({ where }) => where),
    [
      "S3_ENDPOINT",
      "S3_ACCESS_KEY",
      "S3_SECRET_KEY",
    ],
  );
});

Deno.test("an img-router file may lack any of its members", () => {
  const paths = (value: unknown, keys: string[] = []): string[][] =>
    isObject(value)
      ? Object.keys(value).flatMap((key) => [[...keys, key], ...paths(value[key], [...keys, key])])
      : [];
  const reader = interpreter();
  for (const [i, keys] of paths(IMG_ROUTER_FILE).entries()) {
    for (const replacement of [undefined, null]) {
      const file = structuredClone(IMG_ROUTER_FILE);
      Reflect.set(valueAt(file, keys.slice(0, -1)) as object, keys.at(-1)!, replacement);
      assert.equal(reader.read(JSON.parse(JSON.stringify(file))).ok, true, `${i}: ${keys.join(".")}`);
    }
  }
});

Deno.test("a map of Spaces holds addresses, and an empty one is none", async () => {
  await using place = await scratch();
  const hfModelMap = { painter: { main: "https://user-space.hf.space", backup: "" } };
  await place.write({ hfModelMap });
  assert.deepEqual((await place.loaded()).config.hfModelMap, hfModelMap);
  await place.write({ hfModelMap: { painter: { main: "user/space" } } });
  const result = await place.load();
  assert.ok(!result.ok);
  assert.deepEqual(result.faults.map(({ path }) => path), ["hfModelMap.painter.main"]);
});

Deno.test("a chosen body limit counts, also the one that img-router wrote, if it comes from the environment", async () => {
  await using place = await scratch();
  await place.write({ system: { maxBodySize: 1000 } });
  assert.equal((await place.loaded()).config.system.maxBodySize, 1000);
  assert.equal((await place.loaded({ MAX_BODY_BYTES: "20971520" })).config.system.maxBodySize, 20_971_520);
});

Deno.test("the environment wins over the file, and the file over built-in values", async () => {
  await using place = await scratch();
  await place.write({ system: { port: 1, host: "file" }, providers: { bfl: { baseUrl: "http://file" } } });
  const { config, origins } = await place.loaded({ PORT: "2", BFL_BASE_URL: "http://env" });
  assert.deepEqual([config.system.port, origins["system.port"]], [2, "environment"]);
  assert.deepEqual([config.system.host, origins["system.host"]], ["file", "file"]);
  assert.deepEqual([config.system.apiTimeout, origins["system.apiTimeout"]], [60_000, "default"]);
  assert.equal(config.providers.BlackForestLabs?.baseUrl, "http://env");
});

Deno.test("variables are read in the words people use", async () => {
  await using place = await scratch();
  const { config } = await place.loaded({
    RELAY_MODE: "Off",
    BACKEND_MODE: "yes",
    ALLOW_ANONYMOUS: "0",
    LOG_LEVEL: "WARN",
    LOG_FORMAT: "JSON",
    TRUSTED_PROXIES: "10.0.0.0/8, ::1,fe80::/10",
    ALLOW_HOSTS: "minio:9000,llm.local,[::1]:80,192.168.0.0/16",
    GATEWAY_API_KEYS: "one, two",
    PROXY_AUTH_KEYS: "two,three",
    OPENAI_API_KEY: "a",
    OPENAI_API_KEYS: "b,\nc",
    DOUBAO_DEFAULT_COUNT: "4",
    PUBLIC_BASE_URL: "https://images.example/path",
    HOST: "",
  });
  const { system, security, providers } = config;
  assert.deepEqual(system.modes, { relay: false, backend: true });
  assert.equal(system.allowAnonymous, false);
  assert.deepEqual([system.logLevel, system.logFormat], ["warning", "json"]);
  assert.deepEqual(system.trustedProxies, ["10.0.0.0/8", "::1", "fe80::/10"]);
  assert.deepEqual(security.allowHosts, ["minio:9000", "llm.local", "[::1]:80", "192.168.0.0/16"]);
  assert.deepEqual(system.clientKeys, ["one", "two", "three"]);
  assert.deepEqual(providers.OpenAI?.apiKeys, ["a", "b", "c"]);
  assert.equal(providers.Doubao?.defaultCount, 4);
  assert.equal(system.host, "0.0.0.0", "an empty variable is not set");
});

Deno.test("MAX_CONCURRENT is the default of all providers, which the file may differ from", async () => {
  await using place = await scratch();
  await place.write({ providers: { Gitee: { maxConcurrent: 2 } } });
  const { config, origins } = await place.loaded({ MAX_CONCURRENT: "5" });
  assert.equal(config.providers.Gitee?.maxConcurrent, 2);
  assert.equal(config.providers.OpenAI?.maxConcurrent, 5);
  assert.equal(origins["providers.OpenAI.maxConcurrent"], "environment");
  const faults = faultsOf(await place.load({ MAX_CONCURRENT: "many" }));
  assert.deepEqual(faults.map(describeFault), [
    'MAX_CONCURRENT: providers.*.maxConcurrent: found "many", expected a whole number, 1 or more',
  ]);
});

Deno.test("settings of the environment alone are not taken from the file", async () => {
  await using place = await scratch();
  await place.write({
    dataDir: "/elsewhere",
    secretKey: "x",
    providers: { OpenAI: { apiKeys: ["sk-file"] } },
  });
  const { config } = await place.loaded({ SECRET_KEY: "from-env" });
  assert.deepEqual([config.dataDir, config.secretKey], ["./data", "from-env"]);
  assert.deepEqual(config.providers.OpenAI?.apiKeys, []);
});

Deno.test("values written as text in the file are read like variables", () => {
  const read = interpreter().read({ system: { port: "8080", cors: "no", trustedProxies: "10.0.0.1, ::1" } });
  assert.ok(read.ok);
  const { port, cors, trustedProxies } = read.config.system;
  assert.deepEqual([port, cors, trustedProxies], [8080, false, ["10.0.0.1", "::1"]]);
});

Deno.test("a provider written under two names has the settings of both", () => {
  const read = interpreter().read({
    providers: { BlackForestLabs: { timeout: 1 }, BFL: { timeout: 2, requestsPerDay: 3 } },
  });
  assert.ok(read.ok);
  const { timeout, requestsPerDay } = read.config.providers.BlackForestLabs!;
  assert.deepEqual([timeout, requestsPerDay], [1, 3]);
});

Deno.test("each fault is one line with its place, what was found and what is allowed", async () => {
  await using place = await scratch();
  await place.write({
    system: {
      apiTimeout: -1,
      trustedProxies: ["10.0.0.1", "10/8"],
      modes: [],
      globalAccessKey: { deep: "secret" },
    },
    routing: { strategy: "random" },
    providers: { openai: { baseUrl: "ftp://host", text: { weight: -5 }, edit: "no" } },
    security: { allowHosts: ["http://host/"] },
    keyPools: [1],
  });
  const lines = faultsOf(await place.load({ PORT: "70000", BACKEND_MODE: "maybe" })).map(describeFault);
  assert.deepEqual(lines.sort(), [
    'BACKEND_MODE: system.modes.backend: found "maybe", expected true or false',
    "PORT: system.port: found 70000, expected a whole number from 0 to 65535",
    "data/runtime-config.json: keyPools: found a hidden value, expected an object with a list of keys for each provider",
    'data/runtime-config.json: providers.OpenAI.baseUrl: found "ftp://host", expected an http:// or https:// address',
    "data/runtime-config.json: providers.OpenAI.edit: found a string, expected an object",
    "data/runtime-config.json: providers.OpenAI.text.weight: found -5, expected a number, 0 or more",
    'data/runtime-config.json: routing.strategy: found "random", expected one of cascade, weighted, latency, cost, quality',
    'data/runtime-config.json: security.allowHosts.0: found "http://host/", expected a list of host, host:port or CIDR',
    "data/runtime-config.json: system.apiTimeout: found -1, expected a whole number, 1 or more",
    "data/runtime-config.json: system.globalAccessKey: found a hidden value, expected a text",
    "data/runtime-config.json: system.modes: found a list, expected an object",
    'data/runtime-config.json: system.trustedProxies.1: found "10/8", expected a list of IP addresses or CIDR',
  ]);
});

Deno.test("a damaged file is a fault that quotes nothing of it, and stays as it is", async () => {
  await using place = await scratch();
  const damaged = {
    "": "an empty file",
    '{"keyPools": {"OpenAI": [{"key": "sk-very-secret"': "JSON that is cut off",
    '{"key": sk-very-secret}': "text that is not JSON",
    '{"key": "sk-very-secret" "x"}': "text that is not JSON (line 1 column 26)",
    '["sk-very-secret"]': "JSON that is not an object",
  };
  for (const [text, found] of Object.entries(damaged)) {
    await place.write(text);
    const faults = faultsOf(await place.load());
    assert.deepEqual(faults, [{
      where: "data/runtime-config.json",
      path: "",
      found,
      expected: "one JSON object",
    }]);
    assert.equal(await Deno.readTextFile(place.file), text);
  }
});

Deno.test("the file's old place is read only if DATA_DIR has none, and is then copied there", async () => {
  await using place = await scratch();
  const old = join(place.folder, "runtime-config.json");
  await Deno.writeTextFile(old, '{"system": {"port": 7}, "mine": 1}');
  const first = await place.loaded({ DATA_DIR: "elsewhere" });
  assert.equal(first.config.system.port, 7);
  const copy = join(place.folder, "elsewhere", "runtime-config.json");
  assert.equal(await Deno.readTextFile(copy), await Deno.readTextFile(old));
  assert.equal((await Deno.stat(copy)).mode! & 0o777, 0o600);

  await Deno.writeTextFile(old, '{"system": {"port": 8}}');
  assert.equal((await place.loaded({ DATA_DIR: "elsewhere" })).config.system.port, 7);

  await Deno.writeTextFile(old, '{"system": {"port": "x"}}');
  assert.equal(faultsOf(await place.load())[0]?.where, "runtime-config.json");
  await assert.rejects(Deno.stat(place.file), Deno.errors.NotFound);
});

Deno.test("faults of variables and of a damaged file are told together", async () => {
  await using place = await scratch();
  await place.write("{");
  await Deno.mkdir(join(place.folder, "folder"));
  const faults = faultsOf(await place.load({ PORT: "x", OPENAI_API_KEY_FILE: "folder" }));
  assert.deepEqual(faults.map(({ where }) => where).sort(), [
    "OPENAI_API_KEY_FILE",
    "PORT",
    "data/runtime-config.json",
  ]);
});

Deno.test("backend mode without any client key is a fault unless anybody may call", async () => {
  await using place = await scratch();
  const check = async (env: Record<string, string>, stored = 0) => {
    const { config } = await place.loaded(env);
    return { isFine: checkBackend(config, stored) === undefined, isOn: isBackendOn(config, stored) };
  };
  assert.deepEqual(await check({}), { isFine: true, isOn: false });
  assert.deepEqual(await check({}, 1), { isFine: true, isOn: true });
  assert.deepEqual(await check({ GATEWAY_API_KEYS: "a" }), { isFine: true, isOn: true });
  assert.deepEqual(await check({ GATEWAY_API_KEYS: "a", BACKEND_MODE: "false" }), {
    isFine: true,
    isOn: false,
  });
  assert.deepEqual(await check({ BACKEND_MODE: "true" }), { isFine: false, isOn: true });
  assert.deepEqual(await check({ BACKEND_MODE: "true" }, 1), { isFine: true, isOn: true });
  assert.deepEqual(await check({ BACKEND_MODE: "true", ALLOW_ANONYMOUS: "1" }), { isFine: true, isOn: true });
  assert.deepEqual(await check({ BACKEND_MODE: "true", GLOBAL_ACCESS_KEY: "k" }), {
    isFine: true,
    isOn: true,
  });
});

/** Any file: settings of every kind of value in their places, among members of any name. */
const anyFile = fc.record(
  Object.fromEntries(
    fields.map(({ keys }) => keys[0]!).map((
      group,
    ) => [group, fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...memberNames()), fc.jsonValue()))]),
  ),
  { requiredKeys: [] },
);

function memberNames(): string[] {
  return [...new Set([...fields.flatMap(({ keys }) => keys), "openai", "BFL", "__proto__", "constructor"])];
}

Deno.test("whatever stands in the file gives a configuration or faults, and never throws", async () => {
  const reader = interpreter();
  fc.assert(fc.property(anyFile, (file) => {
    const read = reader.read(JSON.parse(JSON.stringify(file)));
    if (read.ok) assert.ok(configSchema(IDENTITIES).safeParse(read.config).success);
    else {assert.ok(
        read.faults.length > 0 && read.faults.map(describeFault).every((line) => !line.includes("\n")),
      );}
  }));
  await using place = await scratch();
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: "binary" }), fc.json()), async (text) => {
      await place.write(text);
      const result = await place.load();
      assert.ok(result.ok || result.faults.length > 0);
      assert.equal(
        await Deno.readTextFile(place.file),
        new TextDecoder().decode(new TextEncoder().encode(text)),
      );
    }),
    { numRuns: 50 },
  );
});

Deno.test("a variable always wins, whatever the file says", () => {
  const texts: Record<string, [string, unknown]> = {
    PORT: ["4321", 4321],
    HOST: ["envhost", "envhost"],
    CORS: ["", undefined],
    RELAY_MODE: ["off", false],
    STORAGE: ["off", "off"],
    ALLOW_HOSTS: ["a:1,b", ["a:1", "b"]],
    GLOBAL_ACCESS_KEY: ["env-key", "env-key"],
    DOUBAO_DEFAULT_COUNT: ["3", 3],
    NEWAPI_BASE_URL: ["http://env", "http://env"],
  };
  const variables = Object.fromEntries(
    Object.entries(texts).map(([name, [text]]) => [name, text]).filter(([, t]) => t),
  );
  const reader = interpreter(variables);
  fc.assert(fc.property(anyFile, (file) => {
    const read = reader.read(JSON.parse(JSON.stringify(file)));
    if (!read.ok) return;
    for (const field of fields) {
      const [, value] = variablesOf(field).map((name) => texts[name]).find((entry) => entry !== undefined) ??
        [];
      if (value === undefined) continue;
      assert.deepEqual(valueAt(read.config, field.keys), value);
      assert.equal(read.origins[field.path], "environment");
    }
  }));
});

Deno.test("no fault shows a secret, wherever it stands", () => {
  const reader = interpreter();
  const key = "sk-0123456789abcdefghijkl";
  let refused = 0;
  for (const { keys } of fields.filter(({ keys }) => keys[0] !== "providers" || keys[1] === "OpenAI")) {
    for (const value of [key, [{ key }], { [key]: key }, [key]]) {
      const file = keys.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
      const read = reader.read(file as JsonObject);
      if (read.ok) continue;
      refused++;
      assert.ok(!read.faults.map(describeFault).join().includes(key), keys.join("."));
    }
  }
  assert.ok(refused > 100);
});

Deno.test("a key in the variable of something else is not shown in full", () => {
  const key = "sk-0123456789abcdefghijkl";
  const read = interpreter({ PORT: key, OPENAI_BASE_URL: key, LOG_LEVEL: key, TRUSTED_PROXIES: key }).read(
    {},
  );
  assert.ok(!read.ok);
  assert.equal(read.faults.length, 4);
  assert.ok(!read.faults.map(describeFault).join().includes(key));
});

Deno.test(".env.example names exactly the variables there are, each with its default and a sentence", async () => {
  const text = await Deno.readTextFile(new URL("../../.env.example", import.meta.url));
  const lines = text.split("\n");
  const shown = new Map<string, string>();
  for (const [i, line] of lines.entries()) {
    const [, name, value] = /^#([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    assert.ok(!shown.has(name), `${name} is there once`);
    assert.match(lines[i - 1] ?? "", /^# \S.*\.$/, `${name} has its sentence above`);
    shown.set(name, value!);
  }
  const expected = new Map<string, string>();
  for (const field of fields) {
    const names = [...variablesOf(field), ...(field.envDefault ? [field.envDefault] : [])];
    const value = field.default ?? "";
    for (const name of names) expected.set(name, Array.isArray(value) ? value.join(",") : String(value));
  }
  assert.deepEqual([...shown].sort(), [...expected].sort());
  const everything = interpreter(Object.fromEntries([...shown].filter(([, value]) => value !== ""))).read({});
  assert.ok(everything.ok);
  assert.deepEqual(everything.config, BUILT_IN);
});
