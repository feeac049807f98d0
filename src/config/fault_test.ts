import assert from "node:assert/strict";
import { describeFault, showValue } from "./fault.ts";

Deno.test("describeFault() names the place, the setting, what was found and what is allowed", () => {
  const fault = {
    where: "PORT",
    path: "system.port",
    found: '"abc"',
    expected: "a whole number from 0 to 65535",
  };
  assert.equal(
    describeFault(fault),
    'PORT: system.port: found "abc", expected a whole number from 0 to 65535',
  );
  assert.equal(
    describeFault({ ...fault, path: "" }),
    'PORT: found "abc", expected a whole number from 0 to 65535',
  );
});

Deno.test("showValue() keeps to one short line and shows no password, query or key", () => {
  assert.equal(showValue("a\nb"), '"a\\nb"');
  assert.equal(showValue("ftp://user:pass@host/x?key=1"), '"ftp://…@host/x?…"');
  assert.equal(showValue("sk-proj-0123456789abcdef"), '"sk-p…"');
  assert.ok(showValue("x y ".repeat(100)).length < 70);
  assert.equal(showValue({ key: "secret" }), "an object");
  assert.equal(showValue(undefined), "nothing");
});
