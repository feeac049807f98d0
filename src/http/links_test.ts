import assert from "node:assert/strict";
import fc from "fast-check";
import { ownPicture, publicBase } from "./links.ts";

const PROXY = "10.0.0.2";

interface Arrival {
  headers?: Record<string, string>;
  peer?: string;
  trustedProxies?: string[];
  publicBaseUrl?: string;
}

function baseOf(
  { headers = {}, peer = PROXY, trustedProxies = ["10.0.0.0/8"], publicBaseUrl }: Arrival,
): string {
  const request = new Request("http://gateway:10001/v1/images/generations?x=1", { headers });
  return publicBase(request, peer, { trustedProxies, publicBaseUrl });
}

const FORWARDED = { "x-forwarded-proto": "https", "x-forwarded-host": "img.example" };

Deno.test("a configured address counts before anything else, without its slash", () => {
  for (
    const publicBaseUrl of [
      "https://pictures.example/api",
      "https://pictures.example/api/",
      "https://pictures.example/api//",
    ]
  ) {
    assert.equal(baseOf({ publicBaseUrl, headers: FORWARDED }), "https://pictures.example/api");
  }
});

Deno.test("without a proxy the address is the one that was asked", () => {
  assert.equal(baseOf({}), "http://gateway:10001");
});

Deno.test("a trusted proxy says how it was asked", () => {
  assert.equal(baseOf({ headers: FORWARDED }), "https://img.example");
  assert.equal(baseOf({ headers: { "x-forwarded-proto": "https" } }), "https://gateway:10001");
  assert.equal(baseOf({ headers: { "x-forwarded-host": "img.example:8443" } }), "http://img.example:8443");
  assert.equal(
    baseOf({ headers: { ...FORWARDED, "x-forwarded-prefix": "/gateway/" } }),
    "https://img.example/gateway",
  );
  assert.equal(
    baseOf({ headers: { ...FORWARDED, "x-forwarded-host": "[2001:db8::1]:443" } }),
    "https://[2001:db8::1]:443",
  );
});

Deno.test("of a row of proxies the first says what the client asked", () => {
  const headers = { "x-forwarded-proto": "https, http", "x-forwarded-host": "img.example , inner.example" };
  assert.equal(baseOf({ headers }), "https://img.example");
});

const TRUST: { peer: string | undefined; trustedProxies: string[]; isTrusted: boolean }[] = [
  { peer: "10.1.2.3", trustedProxies: ["10.0.0.0/8"], isTrusted: true },
  { peer: "10.1.2.3", trustedProxies: ["10.1.2.3"], isTrusted: true },
  { peer: "::ffff:10.1.2.3", trustedProxies: ["10.0.0.0/8"], isTrusted: true },
  { peer: "10.1.2.3", trustedProxies: ["::ffff:10.1.2.3"], isTrusted: true },
  { peer: "2001:db8::7", trustedProxies: ["192.168.0.1", "2001:db8::/32"], isTrusted: true },
  { peer: "2001:db8::7", trustedProxies: ["2001:db8:0::7"], isTrusted: true },
  { peer: "11.1.2.3", trustedProxies: ["10.0.0.0/8"], isTrusted: false },
  { peer: "10.1.2.4", trustedProxies: ["10.1.2.3"], isTrusted: false },
  { peer: "::1", trustedProxies: ["127.0.0.1"], isTrusted: false },
  { peer: "10.1.2.3", trustedProxies: [], isTrusted: false },
  { peer: "unix:/run/gateway.sock", trustedProxies: ["10.0.0.0/8"], isTrusted: false },
];
for (const { peer, trustedProxies, isTrusted } of TRUST) {
  Deno.test(`${peer} is ${isTrusted ? "" : "not "}believed where [${trustedProxies}] are trusted`, () => {
    const expected = isTrusted ? "https://img.example" : "http://gateway:10001";
    assert.equal(baseOf({ headers: FORWARDED, peer, trustedProxies }), expected);
  });
}

Deno.test("a sender whose address is not known is not believed", () => {
  const request = new Request("http://gateway:10001/", { headers: FORWARDED });
  assert.equal(publicBase(request, undefined, { trustedProxies: ["0.0.0.0/0"] }), "http://gateway:10001");
});

Deno.test("what a trusted proxy passes on can't become anything but an address", () => {
  const printable = fc.stringMatching(/^[ -~]{0,40}$/);
  fc.assert(
    fc.property(printable, printable, printable, (proto, host, prefix) => {
      const headers = { "x-forwarded-proto": proto, "x-forwarded-host": host, "x-forwarded-prefix": prefix };
      assert.match(baseOf({ headers }), /^https?:\/\/[\w.:[\]-]+(\/[\w.-]+)*$/);
    }),
    { numRuns: 1000 },
  );
  for (const host of ["evil.example/path", "user@evil.example", 'x"><script>', "a b"]) {
    assert.equal(baseOf({ headers: { ...FORWARDED, "x-forwarded-host": host } }), "http://gateway:10001");
  }
  assert.equal(
    baseOf({ headers: { ...FORWARDED, "x-forwarded-proto": "javascript" } }),
    "http://gateway:10001",
  );
});

const BASES = ["https://img.example", "http://127.0.0.1:10001"];

Deno.test("a link to a picture of ours is known by its base or by its path", () => {
  for (
    const address of [
      "/storage/fox.png",
      "https://img.example/storage/fox.png",
      "http://127.0.0.1:10001/storage/fox.png",
    ]
  ) {
    for (const end of ["", "?w=200", "#top", "?w=200#top"]) {
      assert.equal(ownPicture(address + end, BASES), "fox.png");
    }
  }
  assert.equal(ownPicture("/storage/%E7%8B%90%E7%8B%B8.png", BASES), "狐狸.png");
});

Deno.test("other addresses are not ours", () => {
  for (
    const address of [
      "https://evil.example/storage/fox.png",
      "https://img.example.evil.example/storage/fox.png",
      "https://img.example/other/fox.png",
      "https://img.example/storage/",
      "/storage/",
      "/storage/?w=1",
      "/storage/%E7",
      "storage/fox.png",
      "data:image/png;base64,AAAA",
      "",
    ]
  ) assert.equal(ownPicture(address, BASES), undefined, address);
});

Deno.test("no address breaks the look at it", () => {
  const hostile = fc.tuple(
    fc.constantFrom("", "/storage/", ...BASES, ...BASES.map((base) => `${base}/storage/`)),
    fc.string(),
  )
    .map((parts) => parts.join(""));
  fc.assert(fc.property(hostile, (address) => {
    const name = ownPicture(address, BASES);
    assert.ok(name === undefined || name.length > 0);
  }));
});
