import assert from "node:assert/strict";
import { canDo, type Model, type Operation, operationOf, type Provider } from "./provider.ts";
import type { Task } from "./request.ts";

const generate: Operation = () => Promise.resolve({ images: [] });
const edit: Operation = () => Promise.resolve({ images: [] });
const blend: Operation = () => Promise.resolve({ images: [] });
const model = (...tasks: Task[]): Model => ({ id: "painter", tasks });
const provider = (operations: Provider["operations"]): Provider => ({
  name: "Studio",
  keys: { pattern: /^studio-/, sample: "studio-1", send: () => ({}) },
  models: [model("generate")],
  operations,
});

Deno.test("a variation is an edit where there is nothing of its own", () => {
  assert.ok(canDo(model("edit"), "variation"));
  assert.ok(!canDo(model("generate"), "variation"));
  assert.equal(operationOf(provider({ generate, edit }), "variation"), edit);
});

Deno.test("a model blends only if it says so, with the edit operation where there is no other", () => {
  assert.ok(!canDo(model("edit"), "blend"));
  assert.ok(canDo(model("blend"), "blend"));
  assert.equal(operationOf(provider({ edit }), "blend"), edit);
  assert.equal(operationOf(provider({ edit, blend }), "blend"), blend);
});

Deno.test("nothing stands in for making from words", () => {
  assert.equal(operationOf(provider({ edit }), "generate"), undefined);
  assert.equal(operationOf(provider({ generate }), "edit"), undefined);
});
