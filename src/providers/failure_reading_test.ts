import assert from "node:assert/strict";
import fc from "fast-check";
import type { FailureKind } from "../core/failure.ts";
import type { FailureRow } from "../core/provider.ts";
import { type ErrorBody, readErrorBody, readFailure } from "./failure_reading.ts";

const NOW = Date.UTC(2026, 5, 1, 12);

interface Wait {
  name: string;
  headers?: Record<string, string>;
  message?: string;
  body?: Record<string, unknown>;
  ms: number | undefined;
}

/** What an object says, without what it leaves open. */
function defined<T extends object>(said: T): Partial<T> {
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as Partial<T>;
}

const STATUSES: [number, FailureKind][] = [
  [400, "invalid_request"],
  [401, "key_rejected"],
  [402, "out_of_credit"],
  [403, "not_permitted"],
  [404, "model_not_found"],
  [408, "timed_out"],
  [413, "invalid_request"],
  [415, "invalid_request"],
  [422, "invalid_request"],
  [429, "rate_limited"],
  [500, "overloaded"],
  [502, "overloaded"],
  [503, "overloaded"],
  [504, "timed_out"],
  [529, "overloaded"],
  [200, "malformed_reply"],
  [302, "malformed_reply"],
  [418, "malformed_reply"],
];
for (const [status, kind] of STATUSES) {
  Deno.test(`status ${status} alone means ${kind}`, () => {
    assert.deepEqual(defined(readFailure({ status, body: "" })), {
      kind,
      status,
      message: `HTTP ${status}`,
    });
  });
}

const rows: FailureRow[] = [
  { kind: "refused", code: /moderation/ },
  { kind: "out_of_credit", status: 429, text: /insufficient|余额/ },
  { kind: "model_not_found", status: 400, code: /no_model/, text: /does not exist/ },
  { kind: "overloaded", status: 429, code: /^busy$/ },
  { kind: "rate_limited", status: 400 },
];
const ROWS: { name: string; status: number; error: Record<string, unknown>; kind: FailureKind }[] = [
  {
    name: "a code, whatever the status",
    status: 500,
    error: { code: "moderation_blocked" },
    kind: "refused",
  },
  {
    name: "a type, where the code says nothing",
    status: 400,
    error: { type: "moderation" },
    kind: "refused",
  },
  { name: "a status with its words", status: 429, error: { message: "账户余额不足" }, kind: "out_of_credit" },
  { name: "a status with its code", status: 429, error: { code: "busy" }, kind: "overloaded" },
  {
    name: "all three",
    status: 400,
    error: { code: "no_model", message: "it does not exist" },
    kind: "model_not_found",
  },
  {
    name: "the next row where one condition fails",
    status: 400,
    error: { code: "no_model" },
    kind: "rate_limited",
  },
  {
    name: "the first row of several",
    status: 429,
    error: { code: "moderation", message: "insufficient" },
    kind: "refused",
  },
  {
    name: "the status, where no row matches",
    status: 429,
    error: { code: "slow_down" },
    kind: "rate_limited",
  },
];
for (const { name, status, error, kind } of ROWS) {
  Deno.test(`a provider's own table goes before the status: ${name}`, () => {
    assert.equal(readFailure({ status, body: JSON.stringify({ error }) }, rows).kind, kind);
  });
}

const WAITS: Wait[] = [
  { name: "seconds", headers: { "retry-after": "20" }, ms: 20_000 },
  { name: "parts of a second", headers: { "retry-after": "1.5" }, ms: 1500 },
  { name: "at once", headers: { "retry-after": "0" }, ms: 0 },
  { name: "an HTTP date", headers: { "retry-after": "Mon, 01 Jun 2026 12:01:30 GMT" }, ms: 90_000 },
  { name: "an HTTP date that is past", headers: { "retry-after": "Mon, 01 Jun 2026 11:00:00 GMT" }, ms: 0 },
  { name: "milliseconds", headers: { "retry-after-ms": "1234" }, ms: 1234 },
  {
    name: "milliseconds before seconds",
    headers: { "retry-after-ms": "500", "retry-after": "1" },
    ms: 500,
  },
  { name: "seconds after nonsense", headers: { "retry-after-ms": "soon", "retry-after": "3" }, ms: 3000 },
  { name: "words in seconds", message: "Please try again in 12.3s.", ms: 12_300 },
  { name: "words in seconds, written out", message: "Try again after 7 seconds", ms: 7000 },
  { name: "words in milliseconds", message: "Please try again in 250ms.", ms: 250 },
  { name: "milliseconds in full", message: "Please try again in 500 milliseconds.", ms: 500 },
  { name: "seconds in full", message: "retry after 51.84 seconds.", ms: 51_840 },
  { name: "minutes and seconds", message: "Please try again in 1m30s.", ms: 90_000 },
  { name: "hours and minutes in full", message: "try again in 1 hour 5 minutes", ms: 3_900_000 },
  { name: "a word that begins like a unit", message: "try again in 5 moons", ms: undefined },
  { name: "words in minutes", message: "retry after 2 minutes", ms: 120_000 },
  { name: "a header before words", headers: { "retry-after": "5" }, message: "try again in 9s", ms: 5000 },
  {
    name: "words after a header that is nonsense",
    headers: { "retry-after": "soon" },
    message: "retry in 9s",
    ms: 9000,
  },
  { name: "the body", body: { retry_after: 4 }, ms: 4000 },
  { name: "a header before the body", headers: { "retry-after": "5" }, body: { retry_after: 4 }, ms: 5000 },
  { name: "nothing", ms: undefined },
  { name: "words without a number", message: "Please try again later", ms: undefined },
];
for (const { name, headers = {}, message = "", body: more, ms } of WAITS) {
  Deno.test(`the wait is read from ${name}`, () => {
    const body = JSON.stringify({ error: { message }, ...more });
    const reply = { status: 429, headers: new Headers(headers), body };
    assert.equal(readFailure(reply, [], NOW).retryAfterMs, ms);
  });
}

const BODIES: { name: string; body: unknown; read: ErrorBody }[] = [
  {
    name: "OpenAI's",
    body: { error: { message: "no", type: "invalid_request_error", code: "invalid_value", param: "size" } },
    read: { message: "no", type: "invalid_request_error", code: "invalid_value", param: "size" },
  },
  {
    name: "OpenAI's with nothing but words",
    body: { error: { message: "no", type: null, code: null, param: null } },
    read: { message: "no" },
  },
  {
    name: "wrapped in an array",
    body: [{ error: { code: 429, message: "slow down", status: "RESOURCE_EXHAUSTED" } }],
    read: { message: "slow down", code: "RESOURCE_EXHAUSTED", type: "RESOURCE_EXHAUSTED" },
  },
  {
    name: "flat",
    body: { code: "AccessDenied", message: "no" },
    read: { message: "no", code: "AccessDenied" },
  },
  {
    name: "a text under error",
    body: { error: "model is loading", estimated_time: 20 },
    read: { message: "model is loading" },
  },
  {
    name: "a detail",
    body: { detail: "Invalid token." },
    read: { message: "Invalid token." },
  },
  {
    name: "a description and a number for a code",
    body: { description: "queue is full", type: "upstream_error", code: 23 },
    read: { message: "queue is full", code: "23", type: "upstream_error" },
  },
  {
    name: "FastAPI's complaint about a field",
    body: { detail: [{ type: "int_type", loc: ["body", "size", "width"], msg: "not a number" }] },
    read: { message: "size.width: not a number", param: "size.width" },
  },
  {
    name: "a wait in the body",
    body: { message: "slow down", retry_after: 7 },
    read: { message: "slow down", waitMs: 7000 },
  },
  {
    name: "an object of another shape",
    body: { fault: { reason: "odd" } },
    read: { message: '{"fault":{"reason":"odd"}}' },
  },
  {
    name: "a list of errors that is one",
    body: { errors: { message: "wrong size", code: "bad_size" }, request_id: "1" },
    read: { message: "wrong size", code: "bad_size" },
  },
  {
    name: "the fields of zod's flattened error",
    body: {
      error: { code: "BAD_REQUEST", message: "bad input", details: { fieldErrors: { size: ["too large"] } } },
    },
    read: { message: "bad input", code: "BAD_REQUEST", param: "size" },
  },
];
for (const { name, body, read } of BODIES) {
  Deno.test(`an error body is understood: ${name}`, () => {
    assert.deepEqual(defined(readErrorBody(JSON.stringify(body))), read);
  });
}

Deno.test("a code that repeats the status is none", () => {
  for (const code of [429, "429"]) {
    assert.equal(readFailure({ status: 429, body: JSON.stringify({ error: { code } }) }).code, undefined);
  }
  assert.equal(readFailure({ status: 429, body: '{"error":{"code":1302}}' }).code, "1302");
});

Deno.test("plain text and pages are told in words", () => {
  assert.equal(readErrorBody("upstream connect error").message, "upstream connect error");
  assert.equal(
    readErrorBody(
      "<html><head><title>502 Bad Gateway</title></head>\n<body>\n<h1>502 Bad Gateway</h1></body></html>",
    ).message,
    "502 Bad Gateway 502 Bad Gateway",
  );
  assert.equal(readErrorBody("").message, "");
});

Deno.test("a long error is cut", () => {
  assert.equal(readErrorBody("x".repeat(10_000)).message.length, 500);
  assert.equal(readErrorBody(JSON.stringify({ error: { message: "x".repeat(10_000) } })).message.length, 500);
});

Deno.test("no reply breaks the reading", () => {
  const body = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.constantFrom("null", "[]", "[null]", "{", '"x"', "7"),
  );
  const header = fc.oneof(
    fc.constantFrom("-1", "", "Infinity", "1e999", "NaN", "0x10"),
    fc.stringMatching(/^[ -~]{0,30}$/),
  );
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), body, header, header, (status, body, after, ms) => {
      const headers = new Headers({ "retry-after": after, "retry-after-ms": ms });
      const failure = readFailure({ status, headers, body }, rows, NOW);
      assert.equal(failure.status, status);
      assert.equal(typeof failure.message, "string");
      assert.ok(failure.message.length <= 500);
      assert.ok(failure.retryAfterMs === undefined || failure.retryAfterMs >= 0);
    }),
    { numRuns: 1000 },
  );
});
