import assert from "node:assert/strict";
import { remembered } from "./remembered.ts";

/** A function that counts how often it works, and its remembering twin. */
function scene(memory: Parameters<typeof remembered>[1]) {
  const asked: string[] = [];
  return {
    asked,
    length: remembered((text) => {
      asked.push(text);
      return text === "" ? undefined : text.length;
    }, memory),
  };
}

Deno.test("each text is worked out once, even where that gives nothing", () => {
  const { asked, length } = scene({ most: 10 });
  assert.deepEqual(["a", "bc", "", "a", "bc", ""].map(length), [1, 2, undefined, 1, 2, undefined]);
  assert.deepEqual(asked, ["a", "bc", ""]);
});

Deno.test("long texts are not kept", () => {
  const { asked, length } = scene({ most: 10, longest: 2 });
  assert.deepEqual(["abc", "abc", "ab", "ab"].map(length), [3, 3, 2, 2]);
  assert.deepEqual(asked, ["abc", "abc", "ab"]);
});

Deno.test("no more texts are kept than there is room for", () => {
  const { asked, length } = scene({ most: 2 });
  for (const text of ["a", "b", "c", "c", "a"]) length(text);
  assert.deepEqual(asked, ["a", "b", "c", "a"]);
});

Deno.test("what throws is tried again", () => {
  let broken = true;
  const work = remembered((text) => {
    if (broken) throw new Error("not now");
    return text;
  }, { most: 1 });
  assert.throws(() => work("a"), /not now/);
  broken = false;
  assert.equal(work("a"), "a");
});
