import assert from "node:assert/strict";
import fc from "fast-check";
import { normalPath } from "./paths.ts";

const ENDPOINTS = [
  "images/generations",
  "images/edits",
  "images/variations",
  "images/blend",
  "chat/completions",
  "models",
  "models/auto",
  "models/gpt-image-2",
  "models/black-forest-labs/FLUX.1-schnell",
];

const slashes = fc.integer({ min: 1, max: 4 }).map((count) => "/".repeat(count));
const base = fc.constantFrom("http://127.0.0.1:10001", "https://img.example", "http://[::1]:8080");
const query = fc.constantFrom(
  "",
  "?",
  "?api-version=2025-04-01-preview",
  "?a=/v1/models//&b=http://x/y",
  "#top",
);

/** A known endpoint as clients really ask for it: `/v1` as often as they like, slashes as many. */
const spelled = fc.record({
  base,
  versions: fc.integer({ min: 0, max: 3 }),
  endpoint: fc.constantFrom(...ENDPOINTS),
  joints: fc.array(slashes, { minLength: 12, maxLength: 12 }),
  end: fc.constantFrom("", "/", "//"),
  query,
}).map(({ base, versions, endpoint, joints, end, query }) => {
  const parts = [...Array(versions).fill("v1"), ...endpoint.split("/")];
  return { url: base + parts.map((part, index) => joints[index] + part).join("") + end + query, endpoint };
});

Deno.test("an endpoint is found however often /v1 and slashes are written", () => {
  fc.assert(
    fc.property(spelled, ({ url, endpoint }) => assert.equal(normalPath(url), `/v1/${endpoint}`, url)),
    {
      numRuns: 1000,
    },
  );
});

const SPELLINGS: [string, string][] = [
  ["/v1/v1/chat/completions", "/v1/chat/completions"],
  ["/chat/completions", "/v1/chat/completions"],
  ["/images/generations/", "/v1/images/generations"],
  ["//v1//images//edits", "/v1/images/edits"],
  ["/v1/chat/completions/v1/chat/completions", "/v1/chat/completions"],
  ["/v1/chat/completions/chat/completions", "/v1/chat/completions"],
  ["/v1/chat/completions/v1/images/generations", "/v1/images/generations"],
  ["/v1/chat/completions/models", "/v1/models"],
  ["/chat/completions/v1/models?limit=1", "/v1/models"],
  ["/v1/models?api-version=1", "/v1/models"],
  ["/", "/"],
  ["//", "/"],
  ["/health/", "/health"],
  ["/admin/", "/admin"],
  ["/storage/a.png?w=100", "/storage/a.png"],
  ["/api//keys/", "/api/keys"],
  ["/v1/responses", "/v1/responses"],
  ["/embeddings", "/embeddings"],
  ["/dashboard/billing/usage", "/dashboard/billing/usage"],
  ["/v1/modelsx", "/v1/modelsx"],
  ["/images", "/images"],
];
for (const [asked, path] of SPELLINGS) {
  Deno.test(`${asked} is ${path}`, () => assert.equal(normalPath(`http://127.0.0.1:10001${asked}`), path));
}

Deno.test("an address without a path is the root", () => assert.equal(normalPath("http://img.example"), "/"));

Deno.test("any path stays a path, and a path that was led back stays where it is", () => {
  fc.assert(
    fc.property(base, fc.webPath(), query, (base, path, query) => {
      const once = normalPath(`${base}/${path}${query}`);
      assert.match(once, /^\/[^?#]*$/);
      assert.ok(!once.includes("//"));
      assert.equal(normalPath(base + once), once);
    }),
    { numRuns: 1000 },
  );
});
