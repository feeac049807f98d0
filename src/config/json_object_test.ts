import fc from "fast-check";
import assert from "node:assert/strict";
import { isObject, mergePatch } from "./json_object.ts";

const jsonObject = fc.jsonValue().filter(isObject);

Deno.test("mergePatch() merges objects, replaces all else and removes what is null", () => {
  const base = { a: { b: 1, c: [1, 2] }, d: "x", e: 5 };
  assert.deepEqual(mergePatch(base, { a: { c: [3] }, d: null, e: { f: null, g: 1 } }), {
    a: { b: 1, c: [3] },
    e: { g: 1 },
  });
  assert.deepEqual(base, { a: { b: 1, c: [1, 2] }, d: "x", e: 5 });
});

Deno.test("mergePatch() takes a member called __proto__ for a member", () => {
  const merged = mergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}'));
  assert.equal(Object.getPrototypeOf(merged), Object.prototype);
  assert.equal(JSON.stringify(merged), '{"__proto__":{"polluted":true}}');
});

Deno.test("mergePatch() is the same done twice as once, and keeps what the change does not name", () => {
  fc.assert(fc.property(jsonObject, jsonObject, (base, patch) => {
    const once = mergePatch(base, patch);
    assert.deepEqual(mergePatch(once, patch), once);
    for (const member of Object.keys(base)) {
      if (!Object.hasOwn(patch, member)) assert.deepEqual(once[member], base[member]);
    }
  }));
});
