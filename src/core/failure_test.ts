import assert from "node:assert/strict";
import { type Consequence, CONSEQUENCES, Failed, type FailureKind, toFailure } from "./failure.ts";

const ROWS = Object.entries(CONSEQUENCES) as [FailureKind, Consequence][];

/** Next, key, status for a relay's caller, status for a backend's: the contract, said once more. */
const EXPECTED: Record<FailureKind, [Consequence["next"], Consequence["key"], number, number]> = {
  invalid_request: ["stop", "keep", 400, 400],
  refused: ["stop", "keep", 400, 400],
  key_rejected: ["same route", "retire", 401, 503],
  not_permitted: ["same route", "rest", 403, 503],
  out_of_credit: ["same route", "long rest", 402, 503],
  rate_limited: ["same route", "rest", 429, 429],
  at_capacity: ["next route", "keep", 429, 429],
  model_not_found: ["next route", "keep", 404, 404],
  overloaded: ["next route", "keep", 503, 503],
  unreachable: ["next route", "keep", 503, 503],
  timed_out: ["next route", "keep", 504, 504],
  malformed_reply: ["next route", "keep", 502, 502],
  empty_reply: ["next route", "keep", 502, 502],
  cancelled: ["stop", "keep", 499, 499],
};

for (const [kind, row] of ROWS) {
  Deno.test(`${kind} leads where the contract says`, () => {
    assert.deepEqual([row.next, row.key, row.relay, row.backend], EXPECTED[kind]);
  });
}

Deno.test("a failure touches the key only if another key may help, and the route only if another route may", () => {
  for (const [kind, { next, key, blamesRoute }] of ROWS) {
    assert.equal(key !== "keep", next === "same route", kind);
    if (blamesRoute) assert.equal(next, "next route", kind);
  }
});

Deno.test("the caller's own faults are 4xx that no client sends again", () => {
  for (const kind of ["invalid_request", "refused", "cancelled"] as const) {
    const { relay, backend, clientMayRetry, blamesRoute }: Consequence = CONSEQUENCES[kind];
    for (const status of [relay, backend]) assert.ok(status >= 400 && status < 500 && status !== 429, kind);
    assert.equal(clientMayRetry, false);
    assert.equal(blamesRoute, false);
  }
});

Deno.test("a caller with a gateway key is never told that our key is at fault", () => {
  for (const [kind, { backend }] of ROWS) assert.ok(![401, 402, 403].includes(backend), kind);
});

Deno.test("only what surely was not begun may be asked again by itself or by the client", () => {
  const again = ROWS.filter(([, row]) => row.again).map(([kind]) => kind);
  assert.deepEqual(again, ["rate_limited", "overloaded", "unreachable"]);
  const retried = ROWS.filter(([, row]) => row.clientMayRetry).map(([kind]) => kind);
  assert.deepEqual(retried, ["rate_limited", "at_capacity"]);
});

Deno.test("what strangers read has no word that makes relays disable a channel", () => {
  const words =
    /credit|balance|quota|exceeded|permission|denied|billing|api.?key|unauthori[sz]ed|authentication/i;
  for (const [kind, { told }] of ROWS) {
    assert.doesNotMatch(told, words, kind);
    assert.match(told, /^[a-z].*[a-z]$/, "a phrase that follows a provider's name");
  }
});

const open = () => new AbortController().signal;
const closed = AbortSignal.abort();

Deno.test("what an adapter throws is kept as it is", () => {
  const failure = { kind: "refused", message: "no", status: 400, code: "moderation" } as const;
  assert.equal(toFailure(new Failed(failure), open(), open()), failure);
});

Deno.test("a caller who left counts before anything else", () => {
  for (const thrown of [new Failed({ kind: "refused", message: "no" }), new TypeError("x"), "text"]) {
    assert.equal(toFailure(thrown, closed, closed).kind, "cancelled");
  }
});

Deno.test("a reached limit is a time-out, unless the provider said more", () => {
  const aborted = new DOMException("The signal has been aborted", "AbortError");
  assert.equal(toFailure(aborted, open(), closed).kind, "timed_out");
  assert.equal(
    toFailure(new Failed({ kind: "overloaded", message: "busy" }), open(), closed).kind,
    "overloaded",
  );
});

/** Messages as Deno's `fetch` and undici throw them. */
const NETWORK: { name: string; thrown: Error; kind: FailureKind }[] = [
  {
    name: "a refused connection",
    thrown: new TypeError(
      "error sending request for url (http://127.0.0.1:1/): client error (Connect): tcp connect error: Connection refused (os error 111)",
    ),
    kind: "unreachable",
  },
  {
    name: "a name that is not known",
    thrown: new TypeError(
      "error sending request for url (http://nowhere.invalid/): client error (Connect): dns error: failed to lookup address information",
    ),
    kind: "unreachable",
  },
  {
    name: "a bad certificate",
    thrown: new TypeError("client error (Connect): invalid peer certificate: UnknownIssuer"),
    kind: "unreachable",
  },
  {
    name: "a refused connection of undici",
    thrown: new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:1") }),
    kind: "unreachable",
  },
  {
    name: "a connection that broke under way",
    thrown: new TypeError("error reading a body from connection: connection reset"),
    kind: "malformed_reply",
  },
  {
    name: "a broken socket",
    thrown: new Error("other side closed: socket hang up"),
    kind: "malformed_reply",
  },
];
for (const { name, thrown, kind } of NETWORK) {
  Deno.test(`${name} is ${kind}`, () => assert.equal(toFailure(thrown, open(), open()).kind, kind));
}

Deno.test("whatever else is thrown is a reply that could not be read", () => {
  for (const thrown of [new Error("odd"), "text", undefined, null, 7, { toString: () => "thing" }]) {
    const failure = toFailure(thrown, open(), open());
    assert.equal(failure.kind, "malformed_reply");
    assert.equal(typeof failure.message, "string");
  }
});

Deno.test("a real connection to nobody is unreachable", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const thrown = await fetch(`http://127.0.0.1:${port}/`).catch((error) => error);
  assert.equal(toFailure(thrown, open(), open()).kind, "unreachable");
});

Deno.test("why nobody was reached is told, without the address, which may hold a key", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response());
  const { port } = server.addr;
  const told = async (url: string) => toFailure(await fetch(url).catch((error) => error), open(), open());
  const wrongProtocol = await told(`https://127.0.0.1:${port}/?key=secret-1`);
  await server.shutdown();
  const refused = await told(`http://127.0.0.1:${port}/?key=secret-1`);
  assert.deepEqual([wrongProtocol.kind, refused.kind], ["unreachable", "unreachable"]);
  assert.match(refused.message, /connection refused/i);
  for (const { message } of [wrongProtocol, refused]) {
    assert.doesNotMatch(message, /secret-1|fetch failed/);
    assert.notEqual(message, "");
  }
});

Deno.test("Failed tells its failure and keeps what was underneath for the log", () => {
  const cause = new Error("socket");
  const failed = new Failed({ kind: "overloaded", message: "busy" }, cause);
  assert.equal(failed.message, "busy");
  assert.equal(failed.cause, cause);
  assert.equal(failed.name, "Failed");
});
