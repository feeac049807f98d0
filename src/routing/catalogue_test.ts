import assert from "node:assert/strict";
import { blockOf, type Route, routeName, successorOf } from "./catalogue.ts";
import { catalogueOf, model, provider } from "./test_kit.ts";

const studio = provider("Studio", [
  model("Painter-1", { rating: 80, prices: { images: [{ usd: 0.1 }] } }),
  model("editor-1", { tasks: ["edit"] }),
], {
  defaults: { edit: "editor-1" },
  successors: { "painter-0": "Painter-1" },
  unlisted: { pattern: /^painter-x/, like: "Painter-1" },
});
const sketch = provider("Sketch", [model("pencil", { tasks: ["generate"] })], { weight: 0 });
const relay = provider("Relay", [model("*")], { unlisted: { pattern: /./, like: "*" } });

const names = (routes: (Route | undefined)[]) => routes.map((route) => route && routeName(route));

Deno.test("providers that are switched off are in no route", () => {
  const catalogue = catalogueOf([studio, sketch], { Studio: { enabled: false } });
  assert.deepEqual(catalogue.providers, [sketch]);
  assert.deepEqual(catalogue.named("Painter-1", "generate"), []);
});

Deno.test("models are those that are registered and those that were discovered, each once", () => {
  const discovered = {
    Relay: [{ id: "flux" }, { id: "sdxl" }],
    Studio: [{ id: "Painter-1" }, { id: "new" }],
  };
  const catalogue = catalogueOf([studio, relay], {}, discovered);
  assert.deepEqual(catalogue.modelsOf(relay).map(({ id }) => id), ["flux", "sdxl"]);
  assert.deepEqual(catalogue.modelsOf(studio).map(({ id }) => id), ["Painter-1", "editor-1", "new"]);
});

Deno.test("a model that was discovered has the limits of its kind, and neither its price nor its rating", () => {
  const catalogue = catalogueOf([studio], {}, {
    Studio: [{ id: "painter-x2" }, { id: "small", maxInputs: 1 }],
  });
  const [, , known, told] = catalogue.modelsOf(studio);
  assert.deepEqual([known!.maxInputs, known!.mask, known!.prices, known!.rating], [
    4,
    true,
    undefined,
    undefined,
  ]);
  assert.equal(told!.maxInputs, 1);
});

Deno.test("an owner may add, hide and price models", () => {
  const models = {
    "Painter-1": { hidden: false, usdPerImage: 0.5 },
    "editor-1": { hidden: true },
    "mine": { hidden: false, like: "editor-1" },
    "ours": { hidden: false, tasks: ["blend" as const] },
  };
  const rows = catalogueOf([studio], { Studio: { models } }).modelsOf(studio);
  assert.deepEqual(rows.map(({ id }) => id), ["Painter-1", "mine", "ours"]);
  assert.deepEqual(rows[0]!.prices, { images: [{ usd: 0.5 }] });
  assert.deepEqual(rows[1]!.tasks, ["edit"]);
  assert.deepEqual(rows[2]!.tasks, ["blend"]);
});

Deno.test("a model that its owner hid is not let through by a pattern of ids either", () => {
  const hidden = catalogueOf([studio], { Studio: { models: { "painter-x9": { hidden: true } } } });
  assert.deepEqual(names(catalogueOf([studio]).named("painter-x9", "generate")), ["Studio/painter-x9"]);
  assert.deepEqual(hidden.named("painter-x9", "generate"), []);
});

Deno.test("without a name a provider answers with the configured model, else with its own choice", () => {
  const catalogue = catalogueOf([studio]);
  assert.deepEqual(names([catalogue.defaultRoute(studio, "generate")]), ["Studio/Painter-1"]);
  assert.deepEqual(names([catalogue.defaultRoute(studio, "edit")]), ["Studio/editor-1"]);
  const configured = catalogueOf([studio], { Studio: { text: { model: "painter-x9" } } });
  assert.deepEqual(names([configured.defaultRoute(studio, "generate")]), ["Studio/painter-x9"]);
});

Deno.test("a configured model that was retired leads to its successor", () => {
  const catalogue = catalogueOf([studio], { Studio: { text: { model: "painter-0" } } });
  assert.deepEqual(names([catalogue.defaultRoute(studio, "generate")]), ["Studio/Painter-1"]);
});

Deno.test("a provider without a model or an operation for a task has no default for it", () => {
  assert.equal(catalogueOf([sketch]).defaultRoute(sketch, "edit"), undefined);
  assert.equal(catalogueOf([relay]).defaultRoute(relay, "generate"), undefined);
  const mute = provider("Mute", [model("any")], { operations: {} });
  assert.equal(catalogueOf([mute]).defaultRoute(mute, "generate"), undefined);
});

Deno.test("a model's name is found in any case, and the exact spelling first", () => {
  const twins = provider("Twins", [model("KOLORS"), model("Kolors")]);
  const catalogue = catalogueOf([twins, studio]);
  assert.deepEqual(names(catalogue.named("PAINTER-1", "generate")), ["Studio/Painter-1"]);
  assert.deepEqual(names(catalogue.named("Kolors", "generate")), ["Twins/Kolors"]);
  assert.deepEqual(names(catalogue.named("kolors", "generate")), ["Twins/KOLORS"]);
});

Deno.test("a name leads to every provider that has it", () => {
  const other = provider("Other", [model("Painter-1")]);
  const catalogue = catalogueOf([studio, other, sketch]);
  assert.deepEqual(names(catalogue.named("Painter-1", "generate")), ["Studio/Painter-1", "Other/Painter-1"]);
});

Deno.test("an id that is not listed goes to providers that know its kind, not to those that take anything", () => {
  const catalogue = catalogueOf([studio, relay]);
  assert.deepEqual(names(catalogue.named("painter-x7", "generate")), ["Studio/painter-x7"]);
  assert.deepEqual(catalogue.named("anything", "generate"), []);
  assert.deepEqual(names([catalogue.route(relay, "anything", "generate")]), ["Relay/anything"]);
  assert.equal(catalogue.route(studio, "anything", "generate"), undefined);
});

Deno.test("an id of a model at another address has that model's limits, and not those of its provider's other ids", () => {
  const abroad = provider("Abroad", [
    model("painter-1"),
    model("painter-2", { maxInputs: 9, namesakes: ["x-painter-2"] }),
  ], { unlisted: { pattern: /^x-/, like: "painter-1" } });
  const catalogue = catalogueOf([abroad]);
  const told = (id: string) => catalogue.route(abroad, id, "generate")?.model;
  assert.deepEqual([told("x-painter-2")?.id, told("x-painter-2")?.maxInputs], ["x-painter-2", 9]);
  assert.equal(told("x-painter-2")?.namesakes, undefined);
  assert.equal(told("x-painter-3")?.like, "painter-1");
  assert.equal(catalogue.modelsOf(abroad).length, 2);
});

for (const modelMap of ["dall-e-3,dall-e-2", "dall-e-2，dall-e-3", " dall-e-3 , ，dall-e-2，"]) {
  Deno.test(`aliases are read from ${JSON.stringify(modelMap)}`, () => {
    const catalogue = catalogueOf([studio, sketch], { Studio: { text: { model: "painter-x1", modelMap } } });
    for (const alias of ["dall-e-2", "dall-e-3"]) {
      assert.deepEqual(names(catalogue.named(alias, "generate")), ["Studio/painter-x1"]);
    }
    assert.deepEqual(catalogue.aliases().map(({ name }) => name).sort(), ["dall-e-2", "dall-e-3"]);
    assert.deepEqual(catalogue.named("", "generate"), []);
  });
}

Deno.test("an alias holds for its task, and wins over a model of that name", () => {
  const catalogue = catalogueOf([studio, sketch], {
    Studio: { edit: { modelMap: "pencil" } },
    Sketch: { text: { modelMap: "Painter-1" } },
  });
  assert.deepEqual(names(catalogue.named("Painter-1", "generate")), ["Sketch/pencil"]);
  assert.deepEqual(names(catalogue.named("Painter-1", "edit")), ["Studio/Painter-1"]);
  assert.deepEqual(names(catalogue.named("pencil", "edit")), ["Studio/editor-1"]);
  assert.deepEqual(names(catalogue.named("pencil", "generate")), ["Sketch/pencil"]);
});

Deno.test("one alias may lead to several providers", () => {
  const catalogue = catalogueOf([studio, sketch], {
    Studio: { text: { modelMap: "best" } },
    Sketch: { text: { modelMap: "best" } },
  });
  assert.deepEqual(names(catalogue.named("best", "generate")), ["Studio/Painter-1", "Sketch/pencil"]);
});

Deno.test("a variation is set up as an edit is", () => {
  assert.equal(blockOf("variation"), "edit");
  const catalogue = catalogueOf([studio], { Studio: { edit: { weight: 3, model: "Painter-1" } } });
  const route = catalogue.defaultRoute(studio, "variation")!;
  assert.deepEqual([routeName(route), route.weight], ["Studio/Painter-1", 3]);
});

Deno.test("a weight is the task's, else the provider's, else 10", () => {
  const catalogue = catalogueOf([studio, sketch], { Studio: { edit: { weight: 0 } } });
  const weight = (name: string, task: "generate" | "edit") => catalogue.named(name, task)[0]!.weight;
  assert.deepEqual([
    weight("Painter-1", "generate"),
    weight("Painter-1", "edit"),
    weight("pencil", "generate"),
  ], [
    10,
    0,
    0,
  ]);
});

Deno.test("a task's own count and steps come before the provider's", () => {
  const catalogue = catalogueOf([studio], {
    Studio: { defaultCount: 2, defaultSteps: 20, edit: { n: 3, steps: 30 } },
  });
  const { settings: text } = catalogue.defaultRoute(studio, "generate")!;
  const { settings: edit } = catalogue.defaultRoute(studio, "edit")!;
  assert.deepEqual([text.n, text.steps, edit.n, edit.steps], [2, 20, 3, 30]);
});

Deno.test("names that every object has are no models and no successors", () => {
  const catalogue = catalogueOf([studio]);
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    assert.equal(successorOf(studio, name), undefined);
    assert.equal(catalogue.route(studio, name, "generate"), undefined);
    assert.deepEqual(catalogue.named(name, "generate"), []);
  }
});
