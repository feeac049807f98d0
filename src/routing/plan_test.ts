import assert from "node:assert/strict";
import fc from "fast-check";
import { Failed } from "../core/failure.ts";
import { Media } from "../core/media.ts";
import { canDo, operationOf, type Provider } from "../core/provider.ts";
import { type ImageRequest, TASKS } from "../core/request.ts";
import { findProvider, PROVIDERS } from "../providers/registry.ts";
import { imageRequest } from "../testing/image_request.ts";
import { countFor, plan, type PlanOptions, planRelay, type Step } from "./plan.ts";
import { STRATEGIES, type StrategyName } from "./strategies.ts";
import { model, planning, provider } from "./test_kit.ts";

const picture = Media.fromBase64("aGk=");
const pictures = (count: number) => Array.from({ length: count }, () => picture);

const studio = provider("Studio", [
  model("painter", { rating: 90, prices: { images: [{ usd: 0.2 }] }, wishes: ["quality", "steps"] }),
  model("painter-mini", { maxInputs: 1, mask: false }),
], { successors: { "painter-0": "painter" }, aliases: ["atelier"] });
const sketch = provider("Sketch", [
  model("pencil", { tasks: ["generate"], prices: { images: [{ usd: 0.01 }] } }),
]);
const shop = provider("Shop", [model("painter", { maxInputs: 2, mask: false, rating: 20 })]);
const relay = provider("Relay", [model("*")], { unlisted: { pattern: /./, like: "*" } });
const local = provider("Local", [model("local-painter")], { weight: 0 });
const ALL = [studio, sketch, shop, local];

function planned(wanted: Partial<ImageRequest>, options: PlanOptions): string[] {
  return plan(imageRequest(wanted), options).map(({ name }) => name).sort();
}

function failing(task: () => Step[]) {
  try {
    const steps = task();
    assert.fail(`a plan was made: ${steps.map(({ name }) => name)}`);
  } catch (thrown) {
    if (thrown instanceof Failed) return thrown.failure;
    throw thrown;
  }
}

const failed = (wanted: Partial<ImageRequest>, options: PlanOptions) =>
  failing(() => plan(imageRequest(wanted), options));

for (const name of ["auto", "", "AUTO", "default"]) {
  Deno.test(`model ${JSON.stringify(name)} asks every enabled provider that can do the task`, () => {
    assert.deepEqual(planned({ model: name }, planning(ALL)), [
      "Shop/painter",
      "Sketch/pencil",
      "Studio/painter",
    ]);
    const off = planning(ALL, { settings: { Shop: { enabled: false } } });
    assert.deepEqual(planned({ model: name }, off), ["Sketch/pencil", "Studio/painter"]);
  });
}

Deno.test("an alias leads to its provider with its configured model", () => {
  for (const modelMap of ["dall-e-3, gpt-image-1", "gpt-image-1，dall-e-3"]) {
    const options = planning(ALL, { settings: { Studio: { text: { model: "painter-mini", modelMap } } } });
    assert.deepEqual(planned({ model: "dall-e-3" }, options), ["Studio/painter-mini"]);
    assert.deepEqual(planned({ model: "gpt-image-1" }, options), ["Studio/painter-mini"]);
  }
});

Deno.test("a model that is known leads to all providers that have it", () => {
  assert.deepEqual(planned({ model: "painter" }, planning(ALL)), ["Shop/painter", "Studio/painter"]);
});

Deno.test("provider/model leads to that one, by any name of the provider in any case", () => {
  for (const model of ["Shop/painter", "shop/painter", "SHOP/Painter"]) {
    assert.deepEqual(planned({ model }, planning(ALL)), ["Shop/painter"]);
  }
  assert.deepEqual(planned({ model: "atelier/painter-mini" }, planning(ALL)), ["Studio/painter-mini"]);
  assert.deepEqual(planned({ model: "studio/auto" }, planning(ALL)), ["Studio/painter"]);
});

Deno.test("an id with a slash of its own stays as it is", () => {
  const discovered = { Relay: [{ id: "studio/painter" }] };
  assert.deepEqual(planned({ model: "studio/painter" }, planning([studio, relay], { discovered })), [
    "Relay/studio/painter",
  ]);
  assert.deepEqual(planned({ model: "relay/some/thing" }, planning([studio, relay])), ["Relay/some/thing"]);
});

Deno.test("a provider's name before the slash says more than another provider's pattern", () => {
  const anything = provider("Anything", [model("base")], {
    unlisted: { pattern: /^\w+\/\w+/, like: "base" },
  });
  const options = planning([studio, anything]);
  assert.deepEqual(planned({ model: "studio/painter" }, options), ["Studio/painter"]);
  assert.deepEqual(planned({ model: "owner/painting" }, options), ["Anything/owner/painting"]);
});

Deno.test("an id that only a pattern knows is unknown where no key is there for it", () => {
  const anything = provider("Anything", [model("base")], {
    unlisted: { pattern: /^\w+\/\w+/, like: "base" },
  });
  const options = planning([studio, anything], { isUsable: (provider) => provider === studio });
  assert.deepEqual(planned({ model: "owner/painting" }, options), ["Studio/painter"]);
});

Deno.test("who is called without a key is asked last of all, by name, unless the owner chose its model", () => {
  const open = provider("Open", [model("painter"), model("doodle")]);
  const isAnonymous = (provider: Provider) => provider === open;
  const options = planning([open, shop], { isAnonymous });
  assert.deepEqual(planned({ model: "painter" }, options), ["Shop/painter"]);
  assert.deepEqual(planned({ model: "doodle" }, options), ["Open/doodle"]);
  assert.deepEqual(planned({ model: "auto" }, options), ["Shop/painter"]);
  assert.equal(failed({ model: "auto" }, planning([open], { isAnonymous })).code, "no_provider");
  const chosen = planning([open], { isAnonymous, settings: { Open: { text: { model: "doodle" } } } });
  assert.deepEqual(planned({ model: "auto" }, chosen), ["Open/doodle"]);
});

Deno.test("provider/model with a model that is not there is unknown, whatever the setting", () => {
  for (const unknownModel of ["fallback", "error"] as const) {
    const { kind, param } = failed({ model: "studio/nothing" }, planning(ALL, { unknownModel }));
    assert.deepEqual([kind, param], ["model_not_found", "model"]);
  }
});

Deno.test("an unknown model is treated as auto, and that is told", () => {
  const steps = plan(imageRequest({ model: "nothing" }), planning(ALL));
  assert.equal(steps.length, 3);
  for (const { notes } of steps) assert.deepEqual(notes, ["model: nothing is not known, chosen as for auto"]);
});

Deno.test("an unknown model is an error where the owner wants that", () => {
  const { kind, code, param, message } = failed(
    { model: "nothing" },
    planning(ALL, { unknownModel: "error" }),
  );
  assert.deepEqual([kind, code, param], ["model_not_found", "model_not_found", "model"]);
  assert.match(message, /"nothing" does not exist here; GET \/v1\/models lists/);
});

Deno.test("auto is never unknown", () => {
  assert.equal(planned({ model: "auto" }, planning(ALL, { unknownModel: "error" })).length, 3);
});

Deno.test("a retired model leads to its successor, and that is told", () => {
  const options = planning(ALL, { unknownModel: "error" });
  for (
    const wanted of [{ model: "painter-0" }, { model: "studio/painter-0" }, {
      model: "painter-0",
      provider: "studio",
    }]
  ) {
    const [step, ...others] = plan(imageRequest(wanted), options);
    assert.equal(step!.name, "Studio/painter");
    assert.equal(step!.request.model, "painter");
    assert.deepEqual(step!.notes, ["model: painter-0 was retired, painter was used"]);
    assert.deepEqual(others, []);
  }
});

Deno.test("an alias for a retired id wins over its successor", () => {
  const options = planning(ALL, { settings: { Sketch: { text: { modelMap: "painter-0" } } } });
  assert.deepEqual(planned({ model: "painter-0" }, options), ["Sketch/pencil"]);
});

Deno.test("a successor that no key is there for is not a choice", () => {
  const options = planning(ALL, { isUsable: (provider) => provider !== studio });
  assert.deepEqual(planned({ model: "painter-0" }, options), ["Shop/painter", "Sketch/pencil"]);
});

Deno.test("a weight of 0 is never chosen by itself", () => {
  assert.ok(!planned({}, planning(ALL)).includes("Local/local-painter"));
  const options = planning(ALL, { settings: { Studio: { text: { weight: 0 } } } });
  assert.deepEqual(planned({}, options), ["Shop/painter", "Sketch/pencil"]);
});

Deno.test("a weight of 0 is used when it is named, by model, alias or provider", () => {
  const options = planning(ALL, { settings: { Local: { text: { modelMap: "mine" } } } });
  for (
    const wanted of [{ model: "local-painter" }, { model: "mine" }, { model: "local/auto" }, {
      provider: "local",
    }]
  ) {
    assert.deepEqual(planned(wanted, options), ["Local/local-painter"]);
  }
});

Deno.test("where only a weight of 0 is left there is nobody to ask", () => {
  const failure = failed({}, planning([local]));
  assert.equal(failure.kind, "overloaded");
  assert.match(failure.message, /^No provider is set up for this: enable one/);
});

Deno.test("only routes that can do the task, take the inputs and know masks are candidates", () => {
  const edit = (count: number, more: Partial<ImageRequest> = {}) =>
    planned({ task: "edit", inputs: pictures(count), ...more }, planning(ALL));
  assert.deepEqual(edit(1), ["Shop/painter", "Studio/painter"]);
  assert.deepEqual(edit(3), ["Studio/painter"]);
  assert.deepEqual(edit(1, { mask: picture }), ["Studio/painter"]);
  assert.deepEqual(edit(2, { model: "painter", mask: picture }), ["Studio/painter"]);
});

Deno.test("a variation is done by who can edit", () => {
  const names = planned({ task: "variation", prompt: "", inputs: pictures(1) }, planning(ALL));
  assert.deepEqual(names, ["Shop/painter", "Studio/painter"]);
});

const UNABLE: { name: string; wanted: Partial<ImageRequest>; param: string; message: RegExp }[] = [
  {
    name: "can't do the task",
    wanted: { task: "edit", inputs: pictures(1), model: "pencil" },
    param: "model",
    message: /^pencil can't edit images/,
  },
  {
    name: "takes fewer inputs",
    wanted: { task: "blend", inputs: pictures(9), model: "studio/painter" },
    param: "image",
    message: /^painter takes 4 input image\(s\) at most, and got 9/,
  },
  {
    name: "knows no mask, with the advice of one that does",
    wanted: { task: "edit", inputs: pictures(1), mask: picture, model: "painter-mini" },
    param: "mask",
    message: /^painter-mini can't be limited to a mask; models that can: painter$/,
  },
  {
    name: "has no model for the task",
    wanted: { task: "edit", inputs: pictures(1), provider: "sketch" },
    param: "model",
    message: /^Sketch can't edit images/,
  },
];
for (const { name, wanted, param, message } of UNABLE) {
  Deno.test(`naming one that ${name} is the caller's error and says so`, () => {
    const failure = failed(wanted, planning(ALL));
    assert.deepEqual([failure.kind, failure.param], ["invalid_request", param]);
    assert.match(failure.message, message);
  });
}

Deno.test("a provider that the caller insists on is the only one asked", () => {
  for (const name of ["Shop", "shop"]) {
    assert.deepEqual(planned({ provider: name }, planning(ALL)), ["Shop/painter"]);
    assert.deepEqual(planned({ provider: name, model: "painter" }, planning(ALL)), ["Shop/painter"]);
    assert.deepEqual(planned({ provider: name, model: "shop/painter" }, planning(ALL)), ["Shop/painter"]);
  }
});

Deno.test("a model that the provider does not have is replaced by its own, told, or an error", () => {
  const [step] = plan(imageRequest({ provider: "sketch", model: "painter" }), planning(ALL));
  assert.equal(step!.name, "Sketch/pencil");
  assert.deepEqual(step!.notes, ["model: painter is not known, chosen as for auto"]);
  const failure = failed({ provider: "sketch", model: "painter" }, planning(ALL, { unknownModel: "error" }));
  assert.equal(failure.kind, "model_not_found");
});

Deno.test("an alias of the provider that the caller insists on is understood", () => {
  const options = planning(ALL, {
    settings: { Studio: { text: { modelMap: "best" } }, Shop: { text: { modelMap: "best" } } },
  });
  assert.deepEqual(planned({ provider: "shop", model: "best" }, options), ["Shop/painter"]);
  assert.deepEqual(planned({ model: "best" }, options), ["Shop/painter", "Studio/painter"]);
});

Deno.test("a provider that is unknown or switched off is the caller's error, and those there are get listed", () => {
  const options = planning(ALL, { settings: { Shop: { enabled: false } } });
  const off = failed({ provider: "shop" }, options);
  assert.deepEqual([off.kind, off.param], ["invalid_request", "provider"]);
  assert.equal(off.message, "The provider Shop is switched off; enabled are: Studio, Sketch, Local");
  assert.match(failed({ model: "shop/painter" }, options).message, /Shop is switched off/);
  assert.match(
    failed({ provider: "nobody" }, options).message,
    /^There is no provider "nobody"; enabled are/,
  );
});

Deno.test("a provider without models of its own has to be told one", () => {
  const options = planning([studio, relay]);
  assert.deepEqual(planned({ provider: "relay", model: "flux" }, options), ["Relay/flux"]);
  const failure = failed({ provider: "relay" }, options);
  assert.deepEqual([failure.kind, failure.param], ["invalid_request", "model"]);
  assert.match(failure.message, /^Relay has no model of its own: name one in "model"/);
});

Deno.test("providers that no key is there for are left out, and named where none is left", () => {
  const options = planning(ALL, { isUsable: (provider) => provider === shop });
  assert.deepEqual(planned({}, options), ["Shop/painter"]);
  const failure = failed({ model: "painter" }, planning(ALL, { isUsable: () => false }));
  assert.deepEqual([failure.kind, failure.code], ["overloaded", "no_provider"]);
  assert.match(failure.message, /^No key is set up for Studio, Shop: add one/);
});

Deno.test("whether a key is there is asked for the model that will be used", () => {
  const options = planning(ALL, { isUsable: (_provider, id) => id === "pencil" });
  assert.deepEqual(planned({}, options), ["Sketch/pencil"]);
});

Deno.test("a client is held to its models and providers", () => {
  const limited = (models: string[], providers: string[]) =>
    planning(ALL, { allowed: { models, providers } });
  assert.deepEqual(planned({}, limited([], [])), ["Shop/painter", "Sketch/pencil", "Studio/painter"]);
  assert.deepEqual(planned({}, limited(["painter"], [])), ["Shop/painter", "Studio/painter"]);
  assert.deepEqual(planned({}, limited([], ["shop", "SKETCH"])), ["Shop/painter", "Sketch/pencil"]);
  assert.deepEqual(planned({}, limited(["painter"], ["Shop"])), ["Shop/painter"]);
});

Deno.test("what a client may not use is a 403 that names it, before anything is said about abilities", () => {
  const options = planning(ALL, { allowed: { models: ["pencil"], providers: [] } });
  for (const wanted of [{ model: "painter" }, { model: "studio/painter" }, { provider: "shop" }]) {
    const { kind, status, code, param } = failed(wanted, options);
    assert.deepEqual([kind, status, code, param], ["not_permitted", 403, "model_not_permitted", "model"]);
  }
  assert.match(failed({ model: "painter" }, options).message, /may not use painter$/);
});

Deno.test("routes are ordered by the strategy", () => {
  const first = (options: Partial<PlanOptions>, wanted: Partial<ImageRequest> = {}) =>
    plan(imageRequest(wanted), planning(ALL, options))[0]!.name;
  assert.equal(first({ strategy: "cost" }), "Sketch/pencil");
  assert.equal(first({ strategy: "quality" }), "Sketch/pencil");
  assert.equal(first({ strategy: "quality" }, { prompt: "a photorealistic fox" }), "Studio/painter");
  const latencyOf = (name: string) => name === "Shop/painter" ? 10 : 20;
  assert.equal(first({ strategy: "latency", latencyOf }), "Shop/painter");
  const weights = planning(ALL, { settings: { Sketch: { text: { weight: 11 } } } });
  assert.equal(plan(imageRequest(), weights)[0]!.name, "Sketch/pencil");
  assert.equal(
    plan(imageRequest(), { ...weights, strategy: "weighted", dice: () => 0.99 })[0]!.name,
    "Shop/painter",
  );
});

Deno.test("prices are compared for what each route would really make", () => {
  const small = provider("Small", [
    model("s", { sizes: { kind: "listed", sizes: ["512x512"] }, prices: { megapixel: 0.1 } }),
  ]);
  const large = provider("Large", [model("l", { prices: { megapixel: 0.05 } })]);
  const options = planning([large, small], { strategy: "cost" });
  const [first] = plan(imageRequest({ size: { width: 2048, height: 2048 } }), options);
  assert.equal(first!.name, "Small/s");
});

Deno.test("what an owner set fills what the caller left out", () => {
  const text = { size: "1536x1024", quality: "high", steps: 30, n: 3 };
  const options = planning([studio], { settings: { Studio: { text } } });
  const steps = plan(imageRequest(), options);
  assert.deepEqual(steps[0]!.request.size, { width: 1536, height: 1024 });
  assert.deepEqual([steps[0]!.request.quality, steps[0]!.request.steps], ["high", 30]);
  assert.equal(countFor(undefined, steps), 3);
  assert.deepEqual(steps[0]!.notes, []);
});

Deno.test("what an owner set never overrides what the caller sent", () => {
  const text = { size: "1536x1024", quality: "high", steps: 30, n: 3 };
  const options = planning([studio], { settings: { Studio: { text } } });
  const size = { width: 512, height: 512 };
  const steps = plan(imageRequest({ size, quality: "auto", steps: 1, n: 1 }), options);
  const { request } = steps[0]!;
  assert.deepEqual([request.size, request.quality, request.steps], [size, "auto", 1]);
  assert.equal(countFor(1, steps), 1);
  const shaped = plan(imageRequest({ ratio: 1 }), options)[0]!.request;
  assert.deepEqual([shaped.size!.width / shaped.size!.height, shaped.ratio], [1, 1]);
});

Deno.test("a default that a model does not know is neither sent nor told", () => {
  const options = planning([sketch], { settings: { Sketch: { text: { quality: "high", steps: 30 } } } });
  const [step] = plan(imageRequest(), options);
  assert.deepEqual([step!.request.quality, step!.request.steps, step!.notes], [undefined, undefined, []]);
});

Deno.test("a default size may be a shape", () => {
  const options = planning([studio], { settings: { Studio: { text: { size: "2:1" } } } });
  const { size } = plan(imageRequest(), options)[0]!.request;
  assert.ok(Math.abs(size!.width / size!.height - 2) < 0.1);
});

Deno.test("each task has defaults of its own", () => {
  const settings = { Studio: { text: { n: 2 }, edit: { n: 4 } } };
  const options = planning([studio], { settings });
  assert.equal(countFor(undefined, plan(imageRequest(), options)), 2);
  for (const task of ["edit", "variation"] as const) {
    assert.equal(countFor(undefined, plan(imageRequest({ task, inputs: pictures(1) }), options)), 4);
  }
});

Deno.test("a count is one where nobody says anything, and never more than ten by a setting", () => {
  assert.equal(countFor(undefined, plan(imageRequest(), planning([studio]))), 1);
  for (const [n, count] of [[99, 10], [0, 1]] as const) {
    const options = planning([studio], { settings: { Studio: { defaultCount: n } } });
    assert.equal(countFor(undefined, plan(imageRequest(), options)), count);
  }
});

Deno.test("a step has its own copy of the request, with the model's own id", () => {
  const request = Object.freeze(imageRequest({ model: "SHOP/PAINTER", style: "anime" }));
  const [step] = plan(request, planning(ALL));
  assert.equal(step!.request.model, "painter");
  assert.match(step!.request.prompt, /anime/);
  assert.equal(request.prompt, "a fox");
});

Deno.test("names that every object has are unknown models like any other", () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    assert.equal(failed({ model: name }, planning(ALL, { unknownModel: "error" })).kind, "model_not_found");
    assert.equal(planned({ model: name }, planning(ALL)).length, 3);
  }
});

const relayed = (wanted: Partial<ImageRequest>, options: PlanOptions, of = studio) =>
  planRelay(imageRequest(wanted), of, options);

Deno.test("a relay's plan is one step at the provider of the key", () => {
  const options = planning(ALL, { isUsable: () => false });
  for (const model of ["auto", "painter", "studio/painter", "Atelier/PAINTER"]) {
    assert.deepEqual(relayed({ model }, options).map(({ name }) => name), ["Studio/painter"]);
  }
  assert.deepEqual(relayed({ model: "pencil" }, options).map(({ name }) => name), ["Studio/painter"]);
});

Deno.test("a relay's provider is asked whatever its weight", () => {
  assert.equal(relayed({}, planning(ALL), local)[0]!.name, "Local/local-painter");
});

Deno.test("a relay's unknown model becomes the provider's own and is told, or is an error", () => {
  const [step] = relayed({ model: "nothing" }, planning(ALL));
  assert.deepEqual([step!.name, step!.notes], ["Studio/painter", [
    "model: nothing is not known, chosen as for auto",
  ]]);
  assert.equal(
    failing(() => relayed({ model: "nothing" }, planning(ALL, { unknownModel: "error" }))).kind,
    "model_not_found",
  );
});

Deno.test("a relay's retired model leads to its successor", () => {
  const [step] = relayed({ model: "painter-0" }, planning(ALL, { unknownModel: "error" }));
  assert.deepEqual([step!.name, step!.notes], ["Studio/painter", [
    "model: painter-0 was retired, painter was used",
  ]]);
});

Deno.test("a relay's alias leads to the configured model, also at a provider that takes any id", () => {
  const settings = {
    Studio: { text: { model: "painter-mini", modelMap: "best" } },
    Relay: { text: { model: "flux", modelMap: "best" } },
  };
  const options = planning([studio, relay, shop], { settings, unknownModel: "error" });
  assert.equal(relayed({ model: "best" }, options)[0]!.name, "Studio/painter-mini");
  assert.equal(relayed({ model: "best" }, options, relay)[0]!.name, "Relay/flux");
  assert.equal(failing(() => relayed({ model: "best" }, options, shop)).kind, "model_not_found");
});

Deno.test("a relay that asks for what its provider can't do is told so", () => {
  const edit = { task: "edit", inputs: pictures(1) } as const;
  assert.match(failing(() => relayed(edit, planning(ALL), sketch)).message, /^Sketch can't edit images/);
  assert.match(
    failing(() => relayed({ ...edit, mask: picture, model: "painter-mini" }, planning(ALL))).message,
    /^painter-mini can't be limited to a mask; models that can: painter$/,
  );
});

Deno.test("a relay has to name a model where its provider has none of its own", () => {
  const options = planning([relay]);
  assert.equal(relayed({ model: "flux" }, options, relay)[0]!.name, "Relay/flux");
  assert.match(failing(() => relayed({}, options, relay)).message, /^Relay has no model of its own/);
});

Deno.test("defaults of the owner hold for relays, too", () => {
  const options = planning([studio], { settings: { Studio: { text: { size: "1536x1024" } } } });
  assert.deepEqual(relayed({}, options)[0]!.request.size, { width: 1536, height: 1024 });
});

const ids = PROVIDERS.flatMap(({ models, successors }) => [
  ...models.map(({ id }) => id),
  ...Object.keys(successors ?? {}),
]);
const name = fc.oneof(
  fc.constantFrom("auto", "", "best", ...ids),
  fc.tuple(fc.constantFrom(...PROVIDERS.map((provider) => provider.name)), fc.constantFrom("auto", ...ids))
    .map((parts) => parts.join("/")),
  fc.constantFrom("constructor", "__proto__", "/", "//", "a/", "/b"),
  fc.string({ unit: "binary" }),
);
const anyRequest = fc.record({
  task: fc.constantFrom(...TASKS),
  model: name,
  provider: fc.option(fc.constantFrom(...PROVIDERS.map((provider) => provider.name), "nobody"), {
    nil: undefined,
  }),
  inputs: fc.nat(20).map(pictures),
  mask: fc.option(fc.constant(picture), { nil: undefined }),
}).map(imageRequest);
const anyOptions = fc.record({
  strategy: fc.constantFrom(...Object.keys(STRATEGIES) as StrategyName[]),
  unknownModel: fc.constantFrom("fallback" as const, "error" as const),
  roll: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
}).map(({ roll, ...options }) => ({
  ...planning([...PROVIDERS], { ...options, settings: { Gitee: { text: { modelMap: "best" } } } }),
  findProvider,
  dice: () => roll,
}));

function checkSteps(steps: Step[], request: ImageRequest): void {
  assert.ok(steps.length > 0);
  for (const { route: { provider, model }, operation } of steps) {
    assert.ok(canDo(model, request.task));
    assert.equal(operation, operationOf(provider, request.task));
    assert.ok(request.inputs.length <= (model.maxInputs ?? 1));
    assert.ok(!request.mask || model.mask);
  }
  assert.equal(new Set(steps.map(({ name }) => name)).size, steps.length, "no route is asked twice");
}

Deno.test("no plan holds a step that can't do what is asked, and nothing but a Failed is ever thrown", () => {
  fc.assert(
    fc.property(anyRequest, anyOptions, fc.constantFrom(...PROVIDERS), (request, options, own) => {
      for (const make of [() => plan(request, options), () => planRelay(request, own, options)]) {
        try {
          checkSteps(make(), request);
        } catch (thrown) {
          if (!(thrown instanceof Failed)) throw thrown;
          assert.ok(["invalid_request", "model_not_found", "overloaded"].includes(thrown.failure.kind));
        }
      }
    }),
    { numRuns: 2000 },
  );
});
