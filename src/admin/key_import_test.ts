import assert from "node:assert/strict";
import fc from "fast-check";
import { leaks } from "./key_import.ts";

const KEY = "sk-proj-a1B2c3D4e5F6g7H8";

Deno.test("a name that shows a run of its key, in whatever case, tells too much", () => {
  for (
    const name of [
      "Imported Key sk-proj-...",
      "ends in f6g7h8",
      KEY.toUpperCase(),
      "Imported Key whatever...",
    ]
  ) {
    assert.equal(leaks(name, KEY), true, name);
  }
});

Deno.test("a name that looks like a key of any kind is none", () => {
  assert.equal(leaks(`the other one ${"x1Y2".repeat(8)}`, KEY), true);
});

Deno.test("names that people give are kept", () => {
  for (const name of ["mine", "Gitee 7", "sk-main", "公司的账号", "backup of March 2026"]) {
    assert.equal(leaks(name, KEY), false, name);
  }
});

Deno.test("no name that is kept shares six characters in a row with its key", () => {
  const key = fc.stringMatching(/^[A-Za-z0-9_-]{20,60}$/);
  const cut = fc.tuple(fc.nat(), fc.nat(20), fc.string());
  fc.assert(fc.property(key, cut, (key, [start, length, around]) => {
    const part = key.slice(start % key.length, start % key.length + length);
    if (leaks(around + part, key)) return;
    for (let at = 0; at + 6 <= key.length; at++) {
      assert.ok(!(around + part).toLowerCase().includes(key.slice(at, at + 6).toLowerCase()));
    }
  }));
});
