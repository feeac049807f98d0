import assert from "node:assert/strict";
import fc from "fast-check";
import type { ImageRequest } from "../core/request.ts";
import { imageRequest } from "../testing/image_request.ts";
import type { Route } from "./catalogue.ts";
import { type Situation, STRATEGIES, type StrategyName } from "./strategies.ts";

interface Facts {
  weight?: number;
  rating?: number;
  latency?: number;
  price?: number;
}

const facts = new WeakMap<Route, Facts>();

function route(id: string, known: Facts = {}): Route {
  const made: Route = {
    provider: {
      name: "Studio",
      keys: { pattern: /^studio-/, sample: "studio-1", send: () => ({}) },
      models: [],
      operations: {},
    },
    model: { id, tasks: ["generate"], rating: known.rating },
    weight: known.weight ?? 10,
    settings: {},
  };
  facts.set(made, known);
  return made;
}

function order(
  strategy: StrategyName,
  routes: Route[],
  { dice = () => 0, ...wanted }: Partial<ImageRequest> & { dice?: Situation["dice"] } = {},
): string[] {
  const situation: Situation = {
    request: imageRequest(wanted),
    dice,
    latencyOf: (route) => facts.get(route)!.latency,
    priceOf: (route) => facts.get(route)!.price,
  };
  return STRATEGIES[strategy](routes, situation).map(({ model }) => model.id);
}

/** How often each route came first when `rolls` throws were spread evenly. */
function firsts(strategy: StrategyName, routes: Route[], rolls: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let roll = 0; roll < rolls; roll++) {
    const first = order(strategy, routes, { dice: () => (roll + 0.5) / rolls })[0]!;
    counts[first] = (counts[first] ?? 0) + 1;
  }
  return counts;
}

/** The same dice on every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}

Deno.test("cascade asks the higher weight first", () => {
  const routes = [
    route("low", { weight: 1 }),
    route("high", { weight: 30 }),
    route("middle", { weight: 10 }),
  ];
  for (const roll of [0, 0.3, 0.6, 0.999]) {
    assert.deepEqual(order("cascade", routes, { dice: () => roll }), ["high", "middle", "low"]);
  }
});

Deno.test("cascade shares evenly among equals", () => {
  const routes = ["a", "b", "c"].map((id) => route(id));
  const dice = seeded(1);
  const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
  for (let turn = 0; turn < 3000; turn++) counts[order("cascade", routes, { dice })[0]!]!++;
  for (const [id, count] of Object.entries(counts)) assert.ok(count > 850 && count < 1150, `${id}: ${count}`);
});

Deno.test("weighted draws in proportion to the weights", () => {
  const routes = [route("one", { weight: 1 }), route("three", { weight: 3 }), route("six", { weight: 6 })];
  assert.deepEqual(firsts("weighted", routes, 1000), { one: 100, three: 300, six: 600 });
});

Deno.test("weighted keeps the routes that were not drawn behind the one that was", () => {
  const routes = [route("one", { weight: 1 }), route("nine", { weight: 9 })];
  assert.deepEqual(order("weighted", routes, { dice: () => 0.05 }), ["one", "nine"]);
  assert.deepEqual(order("weighted", routes, { dice: () => 0.5 }), ["nine", "one"]);
});

Deno.test("weighted never draws a weight of nothing before one of something", () => {
  const routes = [route("named", { weight: 0 }), route("some", { weight: 1 })];
  for (const roll of [0, 0.5, 0.999]) {
    assert.equal(order("weighted", routes, { dice: () => roll })[0], "some");
  }
});

Deno.test("latency asks the fastest first, and one that was never measured before all", () => {
  const routes = [route("slow", { latency: 9000 }), route("fast", { latency: 1000 }), route("new")];
  assert.deepEqual(order("latency", routes), ["new", "fast", "slow"]);
});

Deno.test("latency lets the weight decide between equals", () => {
  const routes = [route("light", { latency: 10, weight: 1 }), route("heavy", { latency: 10, weight: 2 })];
  assert.deepEqual(order("latency", routes), ["heavy", "light"]);
});

Deno.test("cost asks the cheapest first, and an unknown price last", () => {
  const routes = [
    route("unknown"),
    route("dear", { price: 0.2 }),
    route("free", { price: 0 }),
    route("cheap", { price: 0.01 }),
  ];
  assert.deepEqual(order("cost", routes), ["free", "cheap", "dear", "unknown"]);
});

const PLAIN = [
  route("best", { rating: 95, price: 0.2 }),
  route("cheap", { rating: 40, price: 0.01 }),
  route("unrated"),
];

for (
  const wish of [
    { prompt: "a photorealistic fox" },
    { prompt: "a photo-realistic fox" },
    { prompt: "Photograph of a fox" },
    { prompt: "a realistic fox" },
    { prompt: "一只狐狸的照片" },
    { prompt: "写实风格的狐狸" },
    { style: "realistic" },
    { qualityEnhancers: ["high_detail"] },
  ]
) {
  Deno.test(`quality asks the best-rated first for ${JSON.stringify(wish)}`, () => {
    assert.deepEqual(order("quality", PLAIN, wish), ["best", "cheap", "unrated"]);
  });
}

for (const wish of [{ prompt: "a cartoon fox" }, { prompt: "an unrealistic fox" }, { style: "anime" }]) {
  Deno.test(`quality asks the cheapest first for ${JSON.stringify(wish)}`, () => {
    assert.deepEqual(order("quality", PLAIN, wish), ["cheap", "best", "unrated"]);
  });
}

const number = fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined });
const anyRoutes = fc.array(
  fc.record({ weight: fc.nat(100), rating: number, latency: number, price: number }),
  { maxLength: 20 },
).map((all) => all.map((known, index) => route(`model-${index}`, known)));

for (const strategy of Object.keys(STRATEGIES) as StrategyName[]) {
  Deno.test(`${strategy} gives each route exactly once and leaves its input alone`, () => {
    fc.assert(fc.property(
      anyRoutes,
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.constantFrom("a fox", "a photo of a fox"),
      (routes, roll, prompt) => {
        const before = routes.map(({ model }) => model.id);
        const given = order(strategy, routes, { dice: () => roll, prompt });
        assert.deepEqual([...given].sort(), [...before].sort());
        assert.deepEqual(routes.map(({ model }) => model.id), before);
      },
    ));
  });
}
