import assert from "node:assert/strict";
import { Failed } from "../core/failure.ts";
import type { Provider } from "../core/provider.ts";
import { findProvider, recogniseKey } from "../providers/registry.ts";
import { type AuthOptions, callerOf, type Hints, identify, readKey } from "./auth.ts";
import { HttpFault } from "./errors.ts";

const ADA = { id: "client-1", name: "Ada", models: [], providers: [] };
const GITEE_KEY = "A1B2C3D4".repeat(5);
const OPENAI_KEY = "sk-proj-abcdefghijklmnop";
const NEWAPI_KEY = "sk-newapi-abcdefghijklmnop";
const UNKNOWN_KEY = "whoever:knows";

function options(
  { modes = {}, ...more }: Omit<Partial<AuthOptions>, "modes"> & {
    modes?: Partial<ReturnType<AuthOptions["modes"]>>;
  } = {},
): AuthOptions {
  const clients: Record<string, { client: typeof ADA; refusal?: string }> = {
    "ada-key": { client: ADA },
    "old-key": { client: ADA, refusal: "This key has expired" },
    [OPENAI_KEY + "-ours"]: { client: ADA },
  };
  return {
    findClient: (key) => Promise.resolve(Object.hasOwn(clients, key) ? clients[key] : undefined),
    modes: () => ({ relay: true, backend: true, anonymous: false, ...modes }),
    findProvider,
    recogniseKey,
    isEnabled: () => true,
    ...more,
  };
}

const bearer = (key: string) => new Headers({ authorization: `Bearer ${key}` });

function fault(thrown: unknown): [number, string | null | undefined] {
  assert.ok(thrown instanceof HttpFault, String(thrown));
  return [thrown.status, thrown.body.code];
}

async function refused(headers: Headers, given: AuthOptions) {
  const thrown = await identify(headers, given).then(
    (who) => assert.fail(JSON.stringify(who)),
    (error) => error,
  );
  return fault(thrown);
}

const HEADERS: { name: string; headers: Record<string, string>; key: string | undefined }[] = [
  { name: "Authorization: Bearer", headers: { authorization: "Bearer sk-1" }, key: "sk-1" },
  { name: "bearer in any case", headers: { authorization: "bEARER sk-1" }, key: "sk-1" },
  { name: "blanks around it", headers: { authorization: "  Bearer    sk-1  " }, key: "sk-1" },
  { name: "Authorization without a word before it", headers: { authorization: "sk-1" }, key: "sk-1" },
  { name: "X-API-Key", headers: { "x-api-key": " sk-1 " }, key: "sk-1" },
  { name: "api-key", headers: { "api-key": "sk-1" }, key: "sk-1" },
  {
    name: "the first of three",
    headers: { authorization: "Bearer a", "x-api-key": "b", "api-key": "c" },
    key: "a",
  },
  {
    name: "the second of three",
    headers: { authorization: "Bearer", "x-api-key": "b", "api-key": "c" },
    key: "b",
  },
  {
    name: "a key behind one that says null",
    headers: { authorization: "Bearer null", "api-key": "c" },
    key: "c",
  },
  {
    name: "a key that begins like a word for none",
    headers: { authorization: "Bearer nullify" },
    key: "nullify",
  },
  { name: "null", headers: { authorization: "Bearer null" }, key: undefined },
  { name: "undefined", headers: { authorization: "Bearer undefined", "x-api-key": "NULL" }, key: undefined },
  {
    name: "a header beside a proxy's own login",
    headers: { authorization: "Basic dXNlcjpwYXNz", "x-api-key": "mine" },
    key: "mine",
  },
  { name: "a proxy's own login alone", headers: { authorization: "Basic dXNlcjpwYXNz" }, key: undefined },
  { name: "Bearer alone", headers: { authorization: "Bearer " }, key: undefined },
  { name: "empty headers", headers: { authorization: "", "x-api-key": "", "api-key": "  " }, key: undefined },
  { name: "nothing", headers: {}, key: undefined },
];
for (const { name, headers, key } of HEADERS) {
  Deno.test(`the key is ${key ?? "none"} in ${name}`, () => assert.equal(readKey(new Headers(headers)), key));
}

Deno.test("whoever holds a gateway key is its client, whatever the key looks like", async () => {
  for (const key of ["ada-key", OPENAI_KEY + "-ours"]) {
    assert.deepEqual(await identify(bearer(key), options()), { client: ADA });
  }
});

Deno.test("a gateway key that is refused says why, in every mode", async () => {
  for (const backend of [true, false]) {
    assert.deepEqual(await refused(bearer("old-key"), options({ modes: { backend } })), [
      401,
      "invalid_api_key",
    ]);
  }
  await assert.rejects(identify(bearer("old-key"), options()), /This key has expired/);
});

Deno.test("any other key is passed on to be settled with the body", async () => {
  for (const key of [OPENAI_KEY, UNKNOWN_KEY, `gitee:${GITEE_KEY}`]) {
    assert.deepEqual(await identify(bearer(key), options()), { providerKey: key });
  }
});

Deno.test("no key is a 401, unless strangers may come", async () => {
  const none = new Headers({ authorization: "Bearer undefined" });
  assert.deepEqual(await refused(none, options()), [401, "invalid_api_key"]);
  const anonymous = await identify(none, options({ modes: { anonymous: true } }));
  assert.ok("client" in anonymous && anonymous.client.id === undefined);
  assert.deepEqual(await refused(none, options({ modes: { anonymous: true, backend: false } })), [
    401,
    "invalid_api_key",
  ]);
});

Deno.test("a mode that is off is a 403 that says which", async () => {
  assert.deepEqual(await refused(bearer("ada-key"), options({ modes: { backend: false } })), [
    403,
    "backend_mode_off",
  ]);
  for (const key of [OPENAI_KEY, `gitee:${UNKNOWN_KEY}`]) {
    assert.deepEqual(await refused(bearer(key), options({ modes: { relay: false } })), [
      403,
      "relay_mode_off",
    ]);
  }
});

Deno.test("a key that nobody knows is wrong where relaying is off", async () => {
  assert.deepEqual(await refused(bearer(UNKNOWN_KEY), options({ modes: { relay: false } })), [
    401,
    "invalid_api_key",
  ]);
});

Deno.test("a refusal tells how to authenticate, and never the key", async () => {
  const thrown = await identify(bearer("wrong-secret-key"), options({ modes: { relay: false } })).catch((
    error,
  ) => error);
  assert.ok(thrown instanceof HttpFault);
  assert.equal(thrown.headers["www-authenticate"], "Bearer");
  assert.doesNotMatch(JSON.stringify(thrown.body), /wrong-secret-key/);
});

const PRECEDENCE: { name: string; key: string; hints?: Partial<Hints>; provider: string; sent?: string }[] = [
  { name: "the shape alone", key: OPENAI_KEY, provider: "OpenAI" },
  {
    name: "the shape, for a model that anybody may have",
    key: GITEE_KEY,
    hints: { model: "Kolors" },
    provider: "Gitee",
  },
  {
    name: "a named provider before the shape",
    key: OPENAI_KEY,
    hints: { provider: "newapi" },
    provider: "NewApi",
  },
  {
    name: "a named provider by its alias",
    key: UNKNOWN_KEY,
    hints: { provider: "OpenAI-Compatible" },
    provider: "NewApi",
  },
  {
    name: "a named provider before the key's prefix and the model's",
    key: `gitee:${GITEE_KEY}`,
    hints: { provider: "doubao", model: "openai/gpt-image-2" },
    provider: "Doubao",
    sent: GITEE_KEY,
  },
  {
    name: "the key's prefix before the model's",
    key: `gitee:${OPENAI_KEY}`,
    hints: { model: "openai/gpt-image-2" },
    provider: "Gitee",
    sent: OPENAI_KEY,
  },
  {
    name: "the key's prefix before its shape",
    key: `Gitee:${OPENAI_KEY}`,
    provider: "Gitee",
    sent: OPENAI_KEY,
  },
  {
    name: "the key's prefix, the rest having colons",
    key: "newapi:a:b:c",
    provider: "NewApi",
    sent: "a:b:c",
  },
  {
    name: "the model's prefix before the shape",
    key: OPENAI_KEY,
    hints: { model: "newapi/flux" },
    provider: "NewApi",
  },
  {
    name: "the model's prefix for a shape that nobody has",
    key: UNKNOWN_KEY,
    hints: { model: "Gitee/Kolors" },
    provider: "Gitee",
  },
  {
    name: "the shape, where its service has model names with slashes",
    key: NEWAPI_KEY,
    hints: { model: "openai/gpt-image-2" },
    provider: "NewApi",
  },
  {
    name: "the shape, where the model's slash is of no provider",
    key: GITEE_KEY,
    hints: { model: "black-forest/FLUX" },
    provider: "Gitee",
  },
];
for (const { name, key, hints, provider, sent = key } of PRECEDENCE) {
  Deno.test(`a key's provider is settled by ${name}`, () => {
    const caller = callerOf({ providerKey: key }, { model: "auto", ...hints }, options());
    assert.ok(caller.mode === "relay");
    assert.deepEqual([caller.provider.name, caller.key], [provider, sent]);
  });
}

Deno.test("a client stays a client, whatever the request says", () => {
  const hints = { provider: "openai", model: "gitee/Kolors" };
  assert.deepEqual(callerOf({ client: ADA }, hints, options()), { mode: "backend", client: ADA });
});

Deno.test("a key that nothing settles is a 401 that says how to settle it", () => {
  for (const key of [UNKNOWN_KEY, "nobody:abc", ":abc", "gitee:"]) {
    try {
      callerOf({ providerKey: key }, { model: "auto" }, options());
      assert.fail(key);
    } catch (thrown) {
      assert.deepEqual(fault(thrown), [401, "invalid_api_key"]);
      assert.match((thrown as Error).message, /X-Provider/);
    }
  }
});

function failed(providerKey: string, hints: Hints, given = options()) {
  try {
    callerOf({ providerKey }, hints, given);
  } catch (thrown) {
    if (thrown instanceof Failed) return thrown.failure;
    throw thrown;
  }
  assert.fail("a caller was found");
}

Deno.test("a provider that does not exist is the caller's error, and never a guess by shape", () => {
  const failure = failed(OPENAI_KEY, { provider: "nobody", model: "auto" });
  assert.deepEqual([failure.kind, failure.param], ["invalid_request", "provider"]);
  assert.equal(failure.message, 'There is no provider "nobody"');
});

Deno.test("a key of a provider that is switched off goes nowhere", () => {
  const isEnabled = (provider: Provider) => provider.name !== "OpenAI";
  const failure = failed(OPENAI_KEY, { model: "auto" }, options({ isEnabled }));
  assert.deepEqual([failure.kind, failure.param], ["invalid_request", "provider"]);
  assert.match(failure.message, /OpenAI is switched off/);
});
