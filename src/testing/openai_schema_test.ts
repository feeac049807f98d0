import assert from "node:assert/strict";
import { assertMatches } from "./openai_schema.ts";

Deno.test("assertMatches() accepts a body as OpenAI describes it", () => {
  assertMatches("ErrorResponse", { error: { message: "no", type: "server_error", param: null, code: null } });
  assertMatches("ImagesResponse", { created: 1, data: [{ b64_json: "aGk=" }], size: "1024x1024" });
});

Deno.test("assertMatches() lists each difference by its place", () => {
  const body = { data: [{ b64_json: 1 }], size: "640x480" };
  assert.throws(() => assertMatches("ImagesResponse", body), (error: Error) => {
    assert.ok(error instanceof assert.AssertionError);
    assert.match(error.message, /Not a valid ImagesResponse/);
    assert.match(error.message, /the body must have required property 'created'/);
    assert.match(error.message, /\/data\/0\/b64_json must be string/);
    assert.match(error.message, /\/size must be equal to one of the allowed values: 1024x1024/);
    return true;
  });
});
