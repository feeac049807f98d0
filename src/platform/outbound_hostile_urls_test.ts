import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, BlockList, connect as connectSocket, createServer, isIP } from "node:net";
import fc from "fast-check";
import { Failed } from "../core/failure.ts";
import { createOutbound } from "./outbound.ts";
import type { Address } from "./outbound_addresses.ts";
import type { ConnectTo } from "./outbound_connection.ts";

/** URLs that must not lead to a connection, by the trick they try. */
const HOSTILE: Record<string, string[]> = {
  "loopback in every spelling": [
    ...["http://127.0.0.1/", "https://127.0.0.1/", "http://127.0.0.1:80/", "http://127.0.0.1:6379/"],
    ...[
      "http://127.1/",
      "http://127.0.1/",
      "http://127.000.000.001/",
      "http://2130706433/",
      "http://0177.0.0.1/",
    ],
    ...[
      "http://0177.1/",
      "http://017700000001/",
      "http://0x7f.0.0.1/",
      "http://0x7f.1/",
      "http://0x7f000001/",
    ],
    ...["http://0X7F000001/", "http://0x7f.0x0.0x0.0x1/", "http://0x7f.0.1/", "http://127.0x0.00.1/"],
    ...["http://127.0.0.1./", "http://127.1./", "http://2130706433./", "http://127.255.255.255/"],
    ...["http://127.65535/", "http://127.0.0xffff/", "http://00000000177.0.0.1/", "http://0x0000007f.1/"],
    ...[
      "http:127.0.0.1/",
      "http:/127.0.0.1/",
      "http:\\\\127.0.0.1\\",
      "http:////127.0.0.1/",
      "HTTP://127.0.0.1/",
    ],
    ...[" http://127.0.0.1/ ", "\thttp://127.0.0.1/", "ht\ntp://127.0.0.1/", "http://127.0.\n0.1/"],
    ...[
      "http://127.0.0.1/?a@example.com",
      "http://127.0.0.1#@example.com/",
      "http://127.0.0.1\\@example.com/",
    ],
  ],
  "digits and dots of other scripts": [
    ...["http://１２７.０.０.１/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://127．0．0．1/"],
    ...["http://127｡0｡0｡1/", "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏/", "http://⑫⑦.0.0.1/", "http://𝟭𝟮𝟳.1/", "http://１２７.1/"],
    ...["http://0ｘ7f.1/", "http://２１３０７０６４３３/", "http://1⑥9.254.169.254/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/"],
    ...[
      "http://ｌｏｃａｌｈｏｓｔ/",
      "http://𝓁ocalhost/",
      "http://loc\u00ADalhost/",
      "http://local\u200Bhost/",
    ],
  ],
  "percent-encoded hosts": [
    ...["http://%31%32%37.0.0.1/", "http://127%2e0%2e0%2e1/", "http://%6c%6f%63%61%6c%68%6f%73%74/"],
    ...[
      "http://localhost%2e/",
      "http://%30%78%37%66.1/",
      "http://127.0.0.1%2f@example.com/",
      "http://a%00b/",
    ],
    ...["http://169%2E254%2E169%2E254/latest/meta-data/", "http://%E2%91%A0%E2%91%A1%E2%91%A6.1/"],
  ],
  "localhost names": [
    ...["http://localhost/", "http://LOCALHOST/", "http://LocalHost:8080/", "http://localhost./"],
    ...[
      "http://a.localhost/",
      "http://a.b.localhost./",
      "https://localhost/",
      "http://example.com.localhost/",
    ],
  ],
  "unspecified, private, shared and link-local IPv4": [
    ...["http://0.0.0.0/", "http://0/", "http://0x0/", "http://00/", "http://0.1/", "http://0.0.0.1/"],
    ...[
      "http://10.0.0.1/",
      "http://10.255.255.255/",
      "http://012.0.0.1/",
      "http://0xa.1/",
      "http://167772161/",
    ],
    ...["http://172.16.0.1/", "http://172.31.255.255/", "http://2886729729/", "http://192.168.0.1/"],
    ...["http://192.168.1/", "http://0xc0a80001/", "http://3232235521/", "http://0300.0250.0.1/"],
    ...[
      "http://100.64.0.1/",
      "http://100.100.100.200/latest/",
      "http://100.127.255.254/",
      "http://0x64.0x40.1/",
    ],
    ...["http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/"],
    ...["http://0xa9.0xfe.0xa9.0xfe/", "http://0251.0376.0251.0376/", "http://169.254.43518/"],
    ...[
      "http://169.16689662/",
      "http://169.254.169.254./",
      "http://169.254.169.253/",
      "http://168.63.129.16/",
    ],
  ],
  "reserved IPv4": [
    ...["http://192.0.0.1/", "http://192.0.0.192/", "http://192.0.2.1/", "http://198.51.100.1/"],
    ...["http://203.0.113.1/", "http://198.18.0.1/", "http://198.19.255.255/", "http://192.88.99.1/"],
    ...["http://224.0.0.1/", "http://239.255.255.255/", "http://240.0.0.1/", "http://255.255.255.255/"],
    ...["http://4294967295/", "http://0xffffffff/", "http://037777777777/", "http://192.175.48.1/"],
  ],
  "special IPv6": [
    ...["http://[::]/", "http://[::0]/", "http://[0:0:0:0:0:0:0:0]/", "http://[::1]/", "http://[::1]:8080/"],
    ...["http://[0:0:0:0:0:0:0:1]/", "http://[0000:0000:0000:0000:0000:0000:0000:0001]/", "http://[::0:1]/"],
    ...[
      "http://[fe80::1]/",
      "http://[febf::1]/",
      "http://[fec0::1]/",
      "http://[fc00::1]/",
      "http://[FD00::1]/",
    ],
    ...["http://[fd00:ec2::254]/latest/", "http://[ff02::1]/", "http://[ff0e::1]/", "http://[2001:db8::1]/"],
    ...["http://[3fff::1]/", "http://[100::1]/", "http://[2001:2::1]/", "http://[2001:10::1]/"],
    ...["http://[2001:20::1]/", "http://[4000::1]/", "http://[5f00::1]/", "http://[e000::1]/"],
  ],
  "IPv4 wrapped in IPv6": [
    ...["http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::FFFF:7F00:0001]/"],
    ...[
      "http://[0:0:0:0:0:ffff:127.0.0.1]/",
      "http://[::ffff:10.0.0.1]/",
      "http://[::ffff:169.254.169.254]/",
    ],
    ...[
      "http://[::ffff:a9fe:a9fe]/",
      "http://[::ffff:8.8.8.8]/",
      "http://[::127.0.0.1]/",
      "http://[::7f00:1]/",
    ],
    ...["http://[::ffff:0:127.0.0.1]/", "http://[64:ff9b::127.0.0.1]/", "http://[64:ff9b::a9fe:a9fe]/"],
    ...["http://[64:ff9b:1::7f00:1]/", "http://[2002:7f00:1::]/", "http://[2002:a00:1::1]/"],
    ...[
      "http://[2002:a9fe:a9fe::1]/",
      "http://[2001:0:7f00:1::]/",
      "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    ],
  ],
  "scoped and broken IPv6": [
    ...[
      "http://[fe80::1%25eth0]/",
      "http://[fe80::1%eth0]/",
      "http://[::1%251]/",
      "http://[::1/",
      "http://::1/",
    ],
    ...["http://[::1]x/", "http://[]/", "http://[127.0.0.1]/", "http://[::ffff:127.1]/", "http://[:::1]/"],
    ...["http://[::12345]/", "http://[v1.::1]/"],
  ],
  "user names and passwords": [
    ...["http://user@example.com/", "http://user:pass@example.com/", "http://:pass@example.com/"],
    ...["http://example.com@127.0.0.1/", "http://example.com:80@127.0.0.1:22/", "http://a@b@127.0.0.1/"],
    ...["http://example.com%40127.0.0.1/", "http://@127.0.0.1/", "http://%75ser@example.com/"],
    ...["http://example.com%5c@127.0.0.1@example.com/", "https://token@example.com/"],
  ],
  "other schemes": [
    ...[
      "file:///etc/passwd",
      "file://127.0.0.1/etc/passwd",
      "ftp://example.com/a.png",
      "gopher://127.0.0.1:6379/_",
    ],
    ...[
      "data:image/png;base64,iVBORw0KGgo=",
      "javascript:alert(1)",
      "blob:http://example.com/1",
      "ws://example.com/",
    ],
    ...["wss://example.com/", "dict://127.0.0.1:11211/", "ldap://127.0.0.1/", "unix:/var/run/docker.sock"],
    ...[
      "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
      "about:blank",
      "view-source:http://example.com/",
      "s3://bucket/a",
    ],
    ...["jar:http://example.com!/", "chrome://settings", "node:fs", "npm:left-pad", "httpss://example.com/"],
  ],
  "no host, or none that can be": [
    ...[
      "",
      " ",
      "http://",
      "http:///",
      "https://",
      "http:",
      "//example.com/a.png",
      "/a.png",
      "example.com/a.png",
    ],
    ...["http://.", "http://..", "http://./", "http://。/", "http://example..com/", "http://example.com../"],
    ...[
      "http://.example.com/",
      "http://127.0.0.1../",
      "http://exa mple.com/",
      "http://exa<mple.com/",
      "http://?",
    ],
    ...[
      "http://#",
      "http://:80/",
      "http://example.com:99999/",
      "http://example.com:-1/",
      "http://example.com:x/",
    ],
    ...[
      "http://1.2.3.4.5/",
      "http://256.256.256.256/",
      "http://99999999999/",
      "http://0x100000000/",
      "http://1.2.3.08/",
    ],
    ...[
      "http://xn--/",
      `http://${"a".repeat(64)}.${"b.".repeat(120)}com/`,
      "null",
      "undefined",
      "[object Object]",
    ],
  ],
  "names that resolve to what they should not": [
    ...["http://loopback.test/", "http://loopback.test./", "http://LOOPBACK.test/", "https://loopback.test/"],
    ...["http://metadata.test/latest/", "http://mixed.test/", "http://mapped.test/", "http://scoped.test/"],
    ...["http://v6.test/", "http://nothing.test/", "http://rubbish.test/", "http://unknown.test/"],
    ...["http://octal.test/", "http://redis/", "http://metadata.google.internal/"],
  ],
};

const NAMES: Record<string, string[]> = {
  "loopback.test": ["127.0.0.1"],
  "metadata.test": ["169.254.169.254"],
  "metadata.google.internal": ["169.254.169.254"],
  "mixed.test": ["93.184.216.34", "10.0.0.1"],
  "mapped.test": ["::ffff:10.0.0.1"],
  "scoped.test": ["fe80::1%eth0"],
  "v6.test": ["::1"],
  "nothing.test": [],
  "rubbish.test": ["not an address"],
  "octal.test": ["0177.0.0.1"],
  "redis": ["172.17.0.2"],
  "example.com": ["93.184.216.34"],
};

const addresses = (list: string[]): Address[] => list.map((address) => ({ address, family: isIP(address) }));

/** A guard that connects to nothing and remembers where it would have connected to. */
function watched() {
  const reached: string[] = [];
  const outbound = createOutbound({
    allowHosts: () => [],
    resolve: (name) =>
      NAMES[name] ? Promise.resolve(addresses(NAMES[name])) : Promise.reject(new Error("ENOTFOUND")),
    connect: (checked) => (_, callback) => {
      reached.push(...checked.map(({ address }) => address));
      callback(new Error("nothing leaves the machine"), null);
    },
  });
  return { reached, outbound };
}

for (const [trick, urls] of Object.entries(HOSTILE)) {
  Deno.test(`fetchImage() connects to nothing for ${trick} (${urls.length} URLs)`, async () => {
    const { reached, outbound } = watched();
    await using _ = outbound;
    for (const url of urls) {
      const failure = await outbound.fetchImage(url).then(() => assert.fail(url), failureOf);
      assert.equal(failure.kind, "invalid_request", url);
      assert.equal(failure.code, "invalid_image_url", url);
      assert.deepEqual(reached, [], url);
    }
  });
}

Deno.test("fetchImage() connects to public addresses, however they are spelled", async () => {
  const { reached, outbound } = watched();
  await using _ = outbound;
  for (
    const url of ["http://8.8.8.8/", "http://0x08080808:81/", "http://134744072/", "https://[2606:4700::1]/"]
  ) {
    await assert.rejects(outbound.fetchImage(url), /could not be reached/);
  }
  await assert.rejects(outbound.fetchImage("https://EXAMPLE.com./a.png"), /could not be reached/);
  assert.deepEqual(reached, ["8.8.8.8", "8.8.8.8", "8.8.8.8", "2606:4700::1", "93.184.216.34"]);
});

Deno.test("a URL's path and query never come back in a message", async () => {
  const { outbound } = watched();
  await using _ = outbound;
  for (
    const url of [
      "http://127.0.0.1/?sig=s3cret",
      "ftp://u:s3cret@a/",
      "http://u:s3cret@a/",
      "https://example.com/s3cret",
    ]
  ) {
    const { message } = await outbound.fetchImage(url).then(() => assert.fail(url), failureOf);
    assert.doesNotMatch(message, /s3cret/);
  }
});

/** IANA's special-purpose registries, written down a second time so that the guard is not its own judge. */
const special = new BlockList();
for (
  const range of [
    ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
    ...[
      "192.0.0.0/24",
      "192.0.2.0/24",
      "192.31.196.0/24",
      "192.52.193.0/24",
      "192.88.99.0/24",
      "192.168.0.0/16",
    ],
    ...[
      "192.175.48.0/24",
      "198.18.0.0/15",
      "198.51.100.0/24",
      "203.0.113.0/24",
      "224.0.0.0/3",
      "::/3",
      "4000::/2",
    ],
    ...["8000::/1", "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"],
  ]
) {
  const [network, bits] = range.split("/");
  special.addSubnet(network!, Number(bits), isIP(network!) === 6 ? "ipv6" : "ipv4");
}

const octet = fc.oneof(fc.nat(255), fc.constantFrom(0, 10, 100, 127, 168, 169, 172, 192, 198, 224, 254, 255));
const ipv4 = fc.tuple(octet, octet, octet, octet);
const group = fc.oneof(
  fc.nat(0xffff),
  fc.constantFrom(0, 1, 0x64, 0x100, 0x2001, 0x2002, 0xdb8, 0x7f00, 0xff9b, 0xfc00, 0xfe80, 0xffff),
);
const ipv6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) =>
  groups.map((one) => one.toString(16)).join(":")
);
const dotted = ipv4.map((parts) => parts.join("."));
const spelled = fc.tuple(ipv4, fc.nat(5)).map(([parts, spelling]) => {
  const number = parts.reduce((sum, part) => sum * 256 + part, 0);
  return [
    parts.join("."),
    String(number),
    `0x${number.toString(16)}`,
    parts.map((part) => `0${part.toString(8)}`).join("."),
    `${parts[0]}.${number % 2 ** 24}`,
    `${parts.join("。")}.`,
  ][spelling]!;
});
const name = fc.stringMatching(/^[a-z]{1,8}\.(test|localhost|example)$/);
const host = fc.oneof(spelled, ipv6.map((address) => `[${address}]`), name);
const url = fc.tuple(fc.constantFrom("http", "https"), host, fc.constantFrom("", ":81")).map((parts) =>
  `${parts[0]}://${parts[1]}${parts[2]}/`
);
const answers = fc.array(fc.oneof(dotted, ipv6, dotted.map((address) => `::ffff:${address}`)), {
  maxLength: 3,
});

Deno.test("no chain of URLs and redirects ever leads to a connection to a special address", async () => {
  let total = 0;
  let redirects: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      const next = redirects.shift();
      socket.end(
        `HTTP/1.1 ${next ? `302 Found\r\nlocation: ${next}` : "404 Not Found"}\r\ncontent-length: 0\r\n\r\n`,
      );
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  const reached: string[] = [];
  /** Remembers the address, and lets the local server speak in its place. */
  const connect: ConnectTo = (checked) => (_, callback) => {
    reached.push(...checked.map(({ address }) => address));
    const socket = connectSocket(port, "127.0.0.1", () => callback(null, socket));
  };
  let found: string[][] = [];
  await using outbound = createOutbound({
    allowHosts: () => [],
    resolve: () => Promise.resolve(addresses(found.shift() ?? [])),
    connect,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(url, { minLength: 1, maxLength: 4 }),
      fc.array(answers, { minLength: 4, maxLength: 4 }),
      async ([first, ...rest], names) => {
        redirects = rest;
        found = names;
        reached.length = 0;
        await assert.rejects(outbound.fetchImage(first!), Failed);
        for (const address of reached) {
          assert.equal(special.check(address, isIP(address) === 6 ? "ipv6" : "ipv4"), false, address);
        }
        total += reached.length;
      },
    ),
    { numRuns: 1500 },
  );
  assert.ok(total > 200, `only ${total} connections were made`);
  server.close();
});

function failureOf(error: unknown) {
  assert.ok(error instanceof Failed, String(error));
  return error.failure;
}
