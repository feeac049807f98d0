import assert from "node:assert/strict";
import fc from "fast-check";
import { findProvider, PROVIDERS, recogniseKey } from "../providers/registry.ts";
import { type ReadKey, readKeys } from "./key_reading.ts";

const GITEE = "A1B2C3D4".repeat(5);
const OPENAI = "sk-proj-" + "a1B2".repeat(12);
const HF = "hf_" + "q".repeat(34);

async function read(text: string, only?: string): Promise<ReadKey[]> {
  const options = {
    findProvider,
    recogniseKey,
    providers: PROVIDERS,
    only: only ? findProvider(only) : undefined,
  };
  return (await Array.fromAsync(readKeys(text, options))).flat();
}

/** `provider name key @address`, as far as they are there. */
async function told(text: string, only?: string): Promise<string[]> {
  return (await read(text, only)).map(({ provider, name, key, baseUrl, enabled }) =>
    [
      provider?.name ?? "?",
      name,
      key,
      baseUrl && `@${baseUrl}`,
      enabled === false && "off",
    ].filter(Boolean).join(" ")
  );
}

Deno.test("a list of keys is sorted to providers by their shapes, a line each", async () => {
  assert.deepEqual(await told(`${GITEE}\n\n# a remark\n  ${OPENAI}\r\n${HF}\nwhatever`), [
    `Gitee ${GITEE}`,
    `OpenAI ${OPENAI}`,
    `HuggingFace ${HF}`,
    "? whatever",
  ]);
});

Deno.test("lines are counted as an editor counts them", async () => {
  assert.deepEqual((await read(`\n${GITEE}\n\n${HF}`)).map(({ line }) => line), [2, 4]);
});

Deno.test("a provider before the key settles whose it is, whatever it looks like", async () => {
  assert.deepEqual(
    await told(`gitee:some-odd-key\nbfl:${GITEE}\nModelScope ${GITEE}\nMidjourney,secret-of-mine`),
    [
      "Gitee some-odd-key",
      `BlackForestLabs ${GITEE}`,
      `ModelScope ${GITEE}`,
      "Midjourney secret-of-mine",
    ],
  );
});

Deno.test("rows without a header are read in any order of their cells, with any usual separator", async () => {
  assert.deepEqual(
    await told(`mine,${GITEE}\n${HF};second one\n"a, b"\t${OPENAI}\nsk-main,${OPENAI}\n${GITEE}，中文名`),
    [
      `Gitee mine ${GITEE}`,
      `HuggingFace second one ${HF}`,
      `OpenAI a, b ${OPENAI}`,
      `OpenAI sk-main ${OPENAI}`,
      `Gitee 中文名 ${GITEE}`,
    ],
  );
});

Deno.test("several keys on a line are several keys", async () => {
  assert.deepEqual(await told(`${GITEE},${HF}`), [`Gitee ${GITEE}`, `HuggingFace ${HF}`]);
});

Deno.test("a table with a header is read by its columns, also where a cell holds several lines", async () => {
  const text =
    `id,Name,Type,Key,Status,Base_URL\n1,first,1,"sk-${"a".repeat(40)}\nsk-${"b".repeat(40)}",1,\n` +
    `2,other,45,ark-${"c".repeat(20)},2,`;
  assert.deepEqual(await told(text), [
    `OpenAI sk-${"a".repeat(40)}`,
    `OpenAI sk-${"b".repeat(40)}`,
    `Doubao other ark-${"c".repeat(20)} off`,
  ]);
});

Deno.test("a table with a quote that is never closed loses none of its lines", async () => {
  assert.deepEqual(await told(`name,key\n"mine,${GITEE}\nother,${HF}`).then((list) => list.slice(-2)), [
    `Gitee mine ${GITEE}`,
    `HuggingFace other ${HF}`,
  ]);
});

Deno.test("a file of variables is read by their names", async () => {
  assert.deepEqual(await told(`export GITEE_API_KEYS=${GITEE},${GITEE}2\nBFL_API_KEY="${HF}"`), [
    `Gitee ${GITEE}`,
    `Gitee ${GITEE}2`,
    `BlackForestLabs ${HF}`,
  ]);
});

Deno.test("img-router's settings give the keys of their pools, and no other secret in them", async () => {
  const file = {
    system: { globalAccessKey: OPENAI },
    promptOptimizer: { apiKey: OPENAI, baseUrl: "https://llm.example/v1" },
    keyPools: {
      Gitee: [{ id: "1", key: GITEE, name: "mine", enabled: false }],
      NewApi: [{ key: "sk-x1y2", baseUrl: "https://gateway.example/v1", models: ["gpt-image-1"] }],
      HuggingFace: [HF],
    },
  };
  assert.deepEqual(await told(JSON.stringify(file)), [
    `Gitee mine ${GITEE} off`,
    "NewApi sk-x1y2 @https://gateway.example/v1",
    `HuggingFace ${HF}`,
  ]);
});

Deno.test("channels of new-api become keys of the services they lead to", async () => {
  const channel = {
    id: 1,
    type: 1,
    name: "c",
    key: `${OPENAI}\n${OPENAI}2`,
    models: "gpt-image-2,dall-e-3",
    status: 1,
  };
  const text = JSON.stringify({
    success: true,
    data: {
      items: [
        channel,
        { ...channel, key: OPENAI, base_url: "https://relay.example" },
        { ...channel, key: GITEE, base_url: "https://ai.gitee.com" },
        { ...channel, type: 14, key: "sk-ant-" + "a".repeat(40) },
        { ...channel, type: 24, key: "AIzaSomething", status: 3 },
      ],
    },
  });
  assert.deepEqual(await told(text), [
    `OpenAI ${OPENAI}`,
    `OpenAI ${OPENAI}2`,
    `NewApi c ${OPENAI} @https://relay.example/v1`,
    `Gitee c ${GITEE}`,
    `? c sk-ant-${"a".repeat(40)}`,
    "Gemini c AIzaSomething off",
  ]);
});

Deno.test("groups of gpt-load become keys of the services they lead to", async () => {
  const text = JSON.stringify({
    group: { name: "pool", channel_type: "openai", upstreams: [{ url: "https://relay.example", weight: 1 }] },
    keys: [{ key_value: OPENAI, status: "active" }, { key_value: `${OPENAI}2`, status: "invalid" }],
  });
  assert.deepEqual(await told(text), [
    `NewApi pool ${OPENAI} @https://relay.example/v1`,
    `NewApi pool ${OPENAI}2 @https://relay.example/v1 off`,
  ]);
});

Deno.test("a provider that was chosen gets all keys of the text", async () => {
  assert.deepEqual(await told(`${OPENAI}\nodd-key-of-mine\nname of it,another-odd-key`, "Gitee"), [
    `Gitee ${OPENAI}`,
    "Gitee odd-key-of-mine",
    "Gitee name of it another-odd-key",
  ]);
});

Deno.test("no text whatever makes reading fail, and every key read stands in it", async () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom(GITEE, OPENAI, `gitee:${GITEE}`, "name,key", '"', "{", "[[["),
  );
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 400 }),
    fc.array(line).map((lines) => lines.join("\n")),
    fc.json(),
  );
  await fc.assert(fc.asyncProperty(text, async (text) => {
    for (const { key, line } of await read(text)) {
      assert.ok(key.length > 0);
      assert.ok(line >= 1);
    }
  }));
});

Deno.test("every key of a list is read once and keeps its provider, whatever stands around it", async () => {
  const name = fc.stringMatching(/^[a-z]{1,12}$/);
  const key = fc.constantFrom(...PROVIDERS.filter(({ keyless }) => !keyless)).map((provider) => ({
    provider: provider.name,
    key: provider.keys.sample,
  }));
  const row = fc.tuple(
    key,
    name,
    fc.constantFrom("key", "name,key", "key,name", "provider:key", "provider,key"),
  );
  await fc.assert(fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
    const lines = rows.map(([{ provider, key }, name, form]) =>
      form.replaceAll(/provider|name|key/g, (word) => ({ provider, name, key })[word]!)
    );
    const expected = rows.map(([{ provider, key }]) => `${provider} ${key}`);
    const found = (await read(`\n${lines.join("\n")}`)).map(({ provider, key }) =>
      `${provider?.name} ${key}`
    );
    assert.deepEqual(found, expected);
  }));
});

Deno.test("ten thousand lines let others have their turn while they are read", async () => {
  const text = Array.from({ length: 10_000 }, (_, index) => `name ${index},${GITEE}${index}`).join("\n");
  let turns = 0;
  const ticking = setInterval(() => turns++, 0);
  const keys = await read(text);
  clearInterval(ticking);
  assert.equal(keys.length, 10_000);
  assert.ok(turns >= 10, `${turns} turns`);
});
