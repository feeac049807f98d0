import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeClock } from "../testing/fake_clock.ts";
import { Links } from "./signed_links.ts";

const BASE = "https://images.example/gateway";

function links({ seconds = 60, key = 1 } = {}) {
  const clock = new FakeClock();
  return { clock, links: new Links({ clock, key: new Uint8Array(32).fill(key), seconds: () => seconds }) };
}

/** Name and query of an address, as a server reads them. */
function read(address: string) {
  const url = new URL(address);
  return {
    name: decodeURIComponent(url.pathname.split("/").at(-1)!),
    query: Object.fromEntries(url.searchParams),
  };
}

Deno.test("property: what is signed counts for its own name, with its own key, until its end", () => {
  const word = fc.string({ unit: "grapheme", minLength: 1 }).filter((name) => name.isWellFormed());
  fc.assert(fc.property(word, word, (one, other) => {
    const { links: ours, clock } = links();
    const { name, query } = read(ours.to(BASE, `${one}.png`));
    assert.equal(name, `${one}.png`);
    assert.deepEqual(ours.check(name, query), { until: clock.now() + 60_000 });
    if (one !== other) assert.equal(ours.check(`${other}.png`, query), "not signed");
    assert.equal(links({ key: 2 }).links.check(name, query), "not signed");
  }));
});

Deno.test("property: what is not signed is told apart from what has expired, whatever it says", () => {
  const text = fc.option(fc.string(), { nil: undefined });
  const { links: ours } = links();
  fc.assert(fc.property(text, text, (expires, signature) => {
    assert.equal(ours.check("a.png", { expires, signature }), "not signed");
  }));
});

Deno.test("a link that has to work for longer than others does", async () => {
  const { links: ours, clock } = links();
  const { name, query } = read(ours.to(BASE, "a.png", { atLeast: 600 }));
  await clock.pass(599_000);
  assert.equal(typeof ours.check(name, query), "object");
  await clock.pass(1_000);
  assert.equal(ours.check(name, query), "expired");
});

Deno.test("where links are not signed they are short and work for ever", () => {
  const { links: ours } = links({ seconds: 0 });
  assert.equal(ours.to(BASE, "a b.png", { atLeast: 600 }), `${BASE}/storage/a%20b.png`);
  assert.equal(ours.check("a b.png", {}), "open");
});
