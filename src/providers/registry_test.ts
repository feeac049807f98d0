import assert from "node:assert/strict";
import fc from "fast-check";
import { canDo, operationOf } from "../core/provider.ts";
import { TASKS } from "../core/request.ts";
import { parseRatio, parseSize } from "../core/size.ts";
import { findProvider, PROVIDERS, recogniseKey } from "./registry.ts";

const letters = (least: number, most: number) =>
  fc.stringMatching(new RegExp(`^[A-Za-z0-9]{${least},${most}}$`));
const tail = fc.stringMatching(/^[A-Za-z0-9]{20,64}$/);
const after = (...prefixes: string[]) =>
  fc.tuple(fc.constantFrom(...prefixes), tail).map((parts) => parts.join(""));

/** The contract's table; the first row that matches wins. */
const SHAPES: { provider: string; keys: fc.Arbitrary<string> }[] = [
  { provider: "Mock", keys: after("mock-") },
  { provider: "HuggingFace", keys: after("hf_") },
  { provider: "ModelScope", keys: after("ms-") },
  { provider: "Pollinations", keys: after("pk_", "sk_") },
  { provider: "Replicate", keys: after("r8_") },
  { provider: "RunPod", keys: after("rpa_") },
  { provider: "Gemini", keys: fc.stringMatching(/^AIza[A-Za-z0-9_-]{35}$/) },
  { provider: "BlackForestLabs", keys: after("bfl_") },
  { provider: "Doubao", keys: after("ark-") },
  { provider: "Doubao", keys: fc.uuid() },
  { provider: "Doubao", keys: fc.uuid().map((uuid) => uuid.toUpperCase()) },
  { provider: "Doubao", keys: fc.uuid().map((uuid) => `ark-${uuid}`) },
  { provider: "NewApi", keys: after("sk-newapi-") },
  { provider: "OpenAI", keys: after("sk-", "sk-proj-", "sk-svcacct-", "sk-None-") },
  { provider: "Modal", keys: fc.tuple(tail, tail).map(([id, secret]) => `wk-${id}:ws-${secret}`) },
  { provider: "Midjourney", keys: after("mj-") },
  { provider: "Gitee", keys: letters(30, 60).filter((key) => !key.startsWith("AIza")) },
];

for (const { provider, keys } of SHAPES.filter(({ provider }) => findProvider(provider))) {
  Deno.test(`keys such as ${fc.sample(keys, { seed: 7, numRuns: 1 })[0]} are ${provider}'s`, () => {
    fc.assert(fc.property(keys, (key) => assert.equal(recogniseKey(key)?.name, provider)), { numRuns: 500 });
  });
}

for (const provider of PROVIDERS) {
  Deno.test(`${provider.name}: its sample of a key is recognised as its own`, () => {
    assert.equal(recogniseKey(provider.keys.sample), provider);
  });

  Deno.test(`${provider.name}: a key is recognised as often as one asks`, () => {
    assert.ok(
      !provider.keys.pattern.global && !provider.keys.pattern.sticky,
      "such a pattern remembers where it was",
    );
  });

  Deno.test(`${provider.name}: it is found by each of its names, in any case, and by no other`, () => {
    for (const name of [provider.name, ...provider.aliases ?? []]) {
      for (const spelling of [name, name.toLowerCase(), name.toUpperCase(), ` ${name} `]) {
        assert.equal(findProvider(spelling), provider);
      }
    }
    assert.equal(findProvider(`${provider.name}x`), undefined);
  });

  Deno.test(`${provider.name}: its models have ids of their own, sizes that can be read, and operations for all tasks`, () => {
    const ids = provider.models.map(({ id }) => id.toLowerCase());
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.length > 0);
    for (const { id, tasks, sizes, defaultSize, rating, qualities, wishes } of provider.models) {
      assert.ok(tasks.length > 0, id);
      for (const task of tasks) assert.ok(operationOf(provider, task), `${id}: ${task}`);
      if (sizes?.kind === "listed") {
        for (const size of sizes.sizes) assert.ok(parseSize(size), `${id}: ${size}`);
      }
      if (sizes?.kind === "ratios") {
        for (const ratio of sizes.ratios) assert.ok(parseRatio(ratio), `${id}: ${ratio}`);
      }
      if (defaultSize !== undefined) assert.ok(parseSize(defaultSize), `${id}: ${defaultSize}`);
      if (rating !== undefined) assert.ok(rating >= 0 && rating <= 100, id);
      if (qualities) assert.ok(wishes?.includes("quality"), `${id} lists qualities and takes none`);
    }
  });

  Deno.test(`${provider.name}: defaults, successors and models to be like are there and can do it`, () => {
    const find = (id: string) => provider.models.find((model) => model.id === id);
    for (const task of TASKS) {
      const id = provider.defaults?.[task];
      if (id !== undefined) assert.ok(find(id) && canDo(find(id)!, task), `${task}: ${id}`);
    }
    for (const [retired, successor] of Object.entries(provider.successors ?? {})) {
      assert.ok(find(successor), `${retired}: ${successor}`);
      assert.equal(find(retired), undefined, `${retired} is both retired and listed`);
    }
    if (provider.unlisted) {
      assert.ok(find(provider.unlisted.like));
      assert.ok(!provider.unlisted.pattern.global);
    }
  });

  Deno.test(`${provider.name}: prices are sums of money, and rows with conditions come before the one without`, () => {
    for (const { id, prices } of provider.models) {
      const { images = [], megapixel = 0, tokens } = prices ?? {};
      for (const usd of [...images.map(({ usd }) => usd), megapixel]) {
        assert.ok(usd >= 0 && usd < 5, `${id}: ${usd} an image`);
      }
      for (const usd of Object.values(tokens ?? {})) {
        assert.ok(usd > 0 && usd < 1000, `${id}: ${usd} a million tokens`);
      }
      const open = images.findIndex(({ quality, maxPixels, square }) =>
        quality === undefined && maxPixels === undefined && square === undefined
      );
      assert.ok(open === -1 || open === images.length - 1, `${id}: a row that is never reached`);
    }
  });
}

Deno.test("no name means two providers", () => {
  const names = PROVIDERS.flatMap(({ name, aliases = [] }) => [name, ...aliases]).map((name) =>
    name.toLowerCase()
  );
  assert.equal(new Set(names).size, names.length);
});

Deno.test("what is no key is nobody's", () => {
  for (
    const key of [
      "",
      " ",
      "null",
      "undefined",
      "password",
      "Bearer sk-abc",
      "a b c",
      "sk-",
      "mock-",
      "x".repeat(29),
      "x".repeat(61),
    ]
  ) {
    assert.equal(recogniseKey(key), undefined, key);
  }
});

Deno.test("no text breaks the recognition, and none costs noticeable time", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 2000 }),
    fc.tuple(fc.constantFrom("sk-", "sk-newapi-", "ark-", "mock-", "AIza", "0".repeat(8) + "-"), fc.string())
      .map((parts) => parts.join("")),
    fc.constantFrom("a".repeat(100_000), "sk-" + "-".repeat(100_000) + "!", "0-".repeat(50_000)),
  );
  fc.assert(fc.property(hostile, (text) => {
    const provider = recogniseKey(text);
    assert.ok(provider === undefined || PROVIDERS.includes(provider));
    findProvider(text);
  }));
});
