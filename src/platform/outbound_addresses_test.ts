import assert from "node:assert/strict";
import { checkedAddresses, isPublicAddress, parseAllowedHost } from "./outbound_addresses.ts";

/** One address of each range that is not the public internet, and its edges. */
const SPECIAL = [
  ...["0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.1", "100.100.100.200"],
  ...["100.127.255.255", "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254"],
  ...[
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
  ],
  ...["192.88.99.1", "192.168.0.1", "192.168.255.255", "192.175.48.1", "198.18.0.1", "198.19.255.255"],
  ...["198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
  ...["::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1"],
  ...["64:ff9b::127.0.0.1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::"],
  ...["2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff::1"],
  ...["2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "2620:4f:8000::1", "3fff::1", "4000::1", "5f00::1"],
  ...["fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1"],
  ...["2606:4700::1111%eth0"],
];
const PUBLIC = [
  ...["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"],
  ...["128.0.0.1", "168.63.129.17", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255"],
  ...["198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::1"],
];

Deno.test("an address of a special range is never public", () => {
  for (const address of SPECIAL) assert.equal(isPublicAddress(address), false, address);
});

Deno.test("the neighbours of special ranges are public", () => {
  for (const address of PUBLIC) assert.equal(isPublicAddress(address), true, address);
});

Deno.test("what is not an address is not public", () => {
  for (
    const text of ["", "example.com", "1.1.1", "0x1.1.1.1", "01.1.1.1", "1.1.1.1/8", "[::1]", "8.8.8.8 "]
  ) {
    assert.equal(isPublicAddress(text), false, text);
  }
});

const at = (...addresses: string[]) => () =>
  Promise.resolve(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));

const check = (url: string, allowHosts: string[], ...addresses: string[]) =>
  checkedAddresses(new URL(url), allowHosts, at(...addresses)).then((found) =>
    found.map(({ address }) => address)
  );

const refused = { name: "Failed", message: /security\.allowHosts/ };

Deno.test("a name that leads to a special address is refused, alone and beside public addresses", async () => {
  for (const address of SPECIAL) {
    await assert.rejects(check("https://a.example/", [], address), refused, address);
    await assert.rejects(check("https://a.example/", [], "8.8.8.8", address), refused, address);
    await assert.rejects(check("https://a.example/", [], address, "8.8.8.8"), refused, address);
  }
});

Deno.test("a name with public addresses alone gives all of them", async () => {
  assert.deepEqual(await check("https://a.example/", [], "8.8.8.8", "2606:4700::1"), [
    "8.8.8.8",
    "2606:4700::1",
  ]);
});

Deno.test("a name without an address, or with something else than addresses, is refused", async () => {
  await assert.rejects(check("https://a.example/", ["a.example"]), /could not be resolved/);
  await assert.rejects(check("https://a.example/", ["a.example"], "localhost"), /could not be resolved/);
});

Deno.test("localhost names mean loopback, whatever a resolver says", async () => {
  for (const host of ["localhost", "LOCALHOST", "a.localhost", "localhost."]) {
    await assert.rejects(check(`http://${host}/`, [], "8.8.8.8"), refused, host);
  }
  assert.deepEqual(await check("http://localhost/", ["127.0.0.0/8"], "8.8.8.8"), ["127.0.0.1"]);
});

Deno.test("the message does not tell where a name leads to", async () => {
  const error = await check("http://a.example/", [], "10.9.8.7").catch(String);
  assert.doesNotMatch(String(error), /10\.9/);
});

for (
  const [entry, url, address] of [
    ["cam.lan", "http://cam.lan/", "10.0.0.1"],
    ["cam.lan", "http://cam.lan:8080/", "10.0.0.1"],
    [" CAM.lan. ", "https://cam.LAN./", "10.0.0.1"],
    ["bücher.lan", "http://xn--bcher-kva.lan/", "10.0.0.1"],
    ["cam.lan:8080", "http://cam.lan:8080/", "10.0.0.1"],
    ["cam.lan:80", "http://cam.lan/", "10.0.0.1"],
    ["cam.lan:443", "https://cam.lan/", "10.0.0.1"],
    ["10.0.0.1", "http://10.0.0.1/", "10.0.0.1"],
    ["10.0.0.1", "http://cam.lan/", "10.0.0.1"],
    ["10.0.0.1:81", "http://10.0.0.1:81/", "10.0.0.1"],
    ["10.0.0.0/8", "http://10.1.2.3/", "10.1.2.3"],
    ["10.0.0.0/8", "http://cam.lan/", "10.1.2.3"],
    ["10.0.0.0/8", "http://cam.lan/", "::ffff:10.1.2.3"],
    ["fd00::/8", "http://[fd12::1]/", "fd12::1"],
    ["::1", "http://[::1]/", "::1"],
    ["[::1]", "http://[::1]/", "::1"],
    ["[::1]:82", "http://[::1]:82/", "::1"],
  ] as const
) {
  Deno.test(`allowHosts ${JSON.stringify(entry)} lets ${url} reach ${address}`, async () => {
    assert.deepEqual(await check(url, [entry], address), [address]);
  });
}

for (
  const [entry, url, address] of [
    ["cam.lan", "http://x.cam.lan/", "10.0.0.1"],
    ["cam.lan", "http://cam.lan.evil.example/", "10.0.0.1"],
    ["cam.lan", "http://evilcam.lan/", "10.0.0.1"],
    ["cam.lan:8080", "http://cam.lan/", "10.0.0.1"],
    ["cam.lan:8080", "http://cam.lan:8081/", "10.0.0.1"],
    ["10.0.0.1:81", "http://cam.lan/", "10.0.0.1"],
    ["10.0.0.1", "http://10.0.0.10/", "10.0.0.10"],
    ["10.0.0.0/24", "http://10.0.1.1/", "10.0.1.1"],
    ["::1/128", "http://127.0.0.1/", "127.0.0.1"],
    ["010.0.0.0/8", "http://10.0.0.1/", "10.0.0.1"],
    ["*", "http://10.0.0.1/", "10.0.0.1"],
    ["*.lan", "http://cam.lan/", "10.0.0.1"],
    ["", "http://cam.lan/", "10.0.0.1"],
  ] as const
) {
  Deno.test(`allowHosts ${JSON.stringify(entry)} does not let ${url} reach ${address}`, async () => {
    await assert.rejects(check(url, [entry], address), refused);
  });
}

Deno.test("a connection goes only to the listed part of a host's addresses", async () => {
  assert.deepEqual(await check("http://a.example/", ["10.0.0.0/8"], "192.168.0.1", "10.0.0.1"), ["10.0.0.1"]);
});

Deno.test("an entry that is neither a host nor a network is not understood", () => {
  for (
    const entry of [
      ...["", " ", "*", "a b", "http://cam.lan", "cam.lan/x", "10.0.0.0/33", "cam.lan:99999", "cam.lan:x"],
      ...["u@cam.lan", "cam.lan?x", "[::1", "300.1.1.1", "::1:::"],
    ]
  ) assert.equal(parseAllowedHost(entry), undefined, entry);
});
