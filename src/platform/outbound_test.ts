import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { Clock } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import { paint, paintPng } from "../testing/painting.ts";
import { createOutbound, type OutboundOptions } from "./outbound.ts";
import { connectTo } from "./outbound_connection.ts";

const MEBIBYTE = 1024 * 1024;
const png = paintPng({ width: 8, height: 8 });
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A reply as it goes over the wire. */
function reply(head: string, body: string | Uint8Array = ""): Uint8Array {
  const bytes = typeof body === "string" ? bytesOf(body) : body;
  const length = /content-length|transfer-encoding/i.test(head) ? "" : `\r\ncontent-length: ${bytes.length}`;
  return Buffer.concat([bytesOf(`HTTP/1.1 ${head}${length}\r\n\r\n`), bytes]);
}

type Answer = Uint8Array | ((socket: Socket, port: number) => void);

interface Site extends AsyncDisposable {
  port: number;
  url: string;
  /** The heads of the requests that came in. */
  requests: string[];
  /** Resolves once `count` requests are in. */
  arrived(count: number): Promise<void>;
}

/** Serves answers on loopback, one a request, the last one for ever. */
async function site(...answers: Answer[]): Promise<Site> {
  return await serve(createServer(), "http", answers);
}

async function serve(server: Server, scheme: string, answers: Answer[]): Promise<Site> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  server.on(scheme === "https" ? "secureConnection" : "connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.once("data", (data) => {
      requests.push(String(data));
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      if (typeof answer === "function") answer(socket, port);
      else socket.end(answer);
      waiting.forEach((check) => check());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}/a.png?size=8`,
    requests,
    arrived: (count) =>
      new Promise((resolve) => {
        const check = () => requests.length >= count && resolve();
        waiting.push(check);
        check();
      }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** A guard that may reach the given site and nothing else that is local. */
function guard(site: Site, options: Partial<OutboundOptions> = {}) {
  return createOutbound({ allowHosts: () => [`127.0.0.1:${site.port}`], ...options });
}

async function failureOf(work: Promise<unknown>) {
  const error = await work.then(() => assert.fail("it should have failed"), (thrown) => thrown);
  assert.ok(error instanceof Failed, String(error));
  return error.failure;
}

Deno.test("fetchImage() gives the bytes of an image, byte for byte", async () => {
  await using host = await site(reply("200 OK\r\ncontent-type: image/png", png));
  await using outbound = guard(host);
  assert.deepEqual(await outbound.fetchImage(host.url), new Uint8Array(png));
});

Deno.test("fetchImage() believes the content, not the declared type", async () => {
  for (const format of ["png", "jpeg", "webp", "gif"] as const) {
    const image = await paint({ width: 16, height: 16, format });
    await using host = await site(reply("200 OK\r\ncontent-type: text/html", image));
    await using outbound = guard(host);
    assert.deepEqual(await outbound.fetchImage(host.url), new Uint8Array(image), format);
  }
});

Deno.test("fetchImage() reads a body of several megabytes whose length is not declared", async () => {
  const image = Buffer.concat([png, new Uint8Array(5 * MEBIBYTE)]);
  await using host = await site((socket) => {
    socket.write("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
    socket.end(Buffer.concat([bytesOf("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"), image]));
  });
  await using outbound = guard(host);
  assert.equal((await outbound.fetchImage(host.url)).length, image.length);
});

Deno.test("fetchImage() follows three redirects, relative ones too", async () => {
  await using host = await site(
    reply("301 Moved\r\nlocation: /b.png\r\nset-cookie: id=1"),
    reply("307 Elsewhere\r\nlocation: ?c"),
    reply("303 See Other\r\nlocation: ../d.png#part"),
    reply("200 OK", png),
  );
  await using outbound = guard(host);
  assert.equal((await outbound.fetchImage(host.url)).length, png.length);
  const lines = host.requests.map((head) => head.split("\r\n")[0]);
  assert.deepEqual(lines, [
    "GET /a.png?size=8 HTTP/1.1",
    "GET /b.png HTTP/1.1",
    "GET /b.png?c HTTP/1.1",
    "GET /d.png HTTP/1.1",
  ]);
});

Deno.test("a request says who asks and nothing about anybody else", async () => {
  await using host = await site(
    reply("302 Found\r\nlocation: /b.png\r\nset-cookie: id=1"),
    reply("200 OK", png),
  );
  await using outbound = guard(host);
  await outbound.fetchImage(host.url);
  for (const head of host.requests) {
    const headers = head.trim().split("\r\n").slice(1).map((line) => line.toLowerCase()).sort();
    assert.deepEqual(headers, [
      "accept-encoding: identity",
      "accept: */*",
      "connection: close",
      `host: 127.0.0.1:${host.port}`,
      "user-agent: imgrouter",
    ]);
  }
});

Deno.test("a name is looked up once, kept as Host, and connected to at the address that was checked", async () => {
  await using host = await site(reply("200 OK", png));
  const asked: string[] = [];
  await using outbound = guard(host, {
    resolve: (name) => {
      asked.push(name);
      return Promise.resolve([{ address: "127.0.0.1", family: 4 }]);
    },
  });
  await outbound.fetchImage(`http://pictures.example:${host.port}/a.png`);
  assert.deepEqual(asked, ["pictures.example"]);
  assert.match(host.requests[0]!, new RegExp(`\r\nhost: pictures\\.example:${host.port}\r\n`, "i"));
});

Deno.test("a name whose first address does not answer is reached at the next one", async () => {
  await using host = await site(reply("200 OK", png));
  await using outbound = guard(host, {
    allowHosts: () => ["pictures.example"],
    resolve: () => Promise.resolve([{ address: "::1", family: 6 }, { address: "127.0.0.1", family: 4 }]),
  });
  assert.equal((await outbound.fetchImage(`http://pictures.example:${host.port}/`)).length, png.length);
});

Deno.test("a resolver that changes its mind between two hops is checked at each of them", async () => {
  await using host = await site(reply("302 Found\r\nlocation: /again"), reply("200 OK", png));
  const answers = ["127.0.0.1", "10.0.0.1"];
  await using outbound = guard(host, {
    resolve: () => Promise.resolve([{ address: answers.shift()!, family: 4 }]),
  });
  const { message } = await failureOf(outbound.fetchImage(`http://rebind.example:${host.port}/`));
  assert.match(message, /security\.allowHosts/);
  assert.equal(host.requests.length, 1);
});

Deno.test("no connection is kept for a later request, whose address would not have been checked", async () => {
  await using host = await site((socket) => socket.write(reply("200 OK\r\nconnection: keep-alive", png)));
  let allowed = [`127.0.0.1:${host.port}`];
  await using outbound = guard(host, { allowHosts: () => allowed });
  await outbound.fetchImage(host.url);
  await outbound.fetchImage(host.url);
  assert.equal(host.requests.length, 2);
  allowed = [];
  assert.match((await failureOf(outbound.fetchImage(host.url))).message, /security\.allowHosts/);
  assert.equal(host.requests.length, 2);
});

Deno.test("a connection that ends elsewhere than at a checked address is dropped before anything is sent", async () => {
  await using host = await site(reply("200 OK", png));
  await using outbound = guard(host, {
    connect: (_, signal) => connectTo([{ address: "127.0.0.2", family: 4 }], signal),
    allowHosts: () => ["127.0.0.0/8"],
  });
  await failureOf(outbound.fetchImage(host.url));
  assert.deepEqual(host.requests, []);
});

// A key for nothing but this: a certificate for images.example, valid until 2126.
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIo88vRG1fR5SQoiR
I+8Fi55FRFpPyMYA3OCbOgcVPC6hRANCAAT5E711vMpzcUSyvBsL93puv1ccwDow
HtTC99A9dO8g6pFB49GemVP1yexHA2ofl4+GxaMEc86rGXbeE+qm+/SS
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBozCCAUqgAwIBAgIUaLiKpyHkkP4iUTWViK/UNugenBAwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOaW1hZ2VzLmV4YW1wbGUwIBcNMjYxMTIxMDMyMTM1WhgPMjEy
NjEwMjgwMzIxMzVaMBkxFzAVBgNVBAMMDmltYWdlcy5leGFtcGxlMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAE+RO9dbzKc3FEsrwbC/d6br9XHMA6MB7UwvfQPXTv
IOqRQePRnplT9cnsRwNqH5ePhsWjBHPOqxl23hPqpvv0kqNuMGwwHQYDVR0OBBYE
FEGKe4F5rF7TAEUGrgeeNYgSy0nKMB8GA1UdIwQYMBaAFEGKe4F5rF7TAEUGrgee
NYgSy0nKMA8GA1UdEwEB/wQFMAMBAf8wGQYDVR0RBBIwEIIOaW1hZ2VzLmV4YW1w
bGUwCgYIKoZIzj0EAwIDRwAwRAIgVhMOHtgQpDlu9UYWD65sTQoVXzmCvx7FGjy1
H7Dqy9ICIFeH09BTzn6xmJaR54tDADwNp1Iq4mE45rplodtMxjix
-----END CERTIFICATE-----`;

const secureSite = (...answers: Answer[]) =>
  serve(createTlsServer({ key: KEY, cert: CERTIFICATE }), "https", answers);

const secureGuard = (host: Site) =>
  guard(host, {
    resolve: () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]),
    connect: (addresses, signal) => connectTo(addresses, signal, { ca: CERTIFICATE }),
  });

Deno.test("over TLS the name of the URL is the one that the certificate must have", async () => {
  await using host = await secureSite(reply("200 OK", png));
  await using outbound = secureGuard(host);
  assert.equal((await outbound.fetchImage(`https://images.example:${host.port}/`)).length, png.length);
  assert.equal((await outbound.fetchImage(`https://images.example.:${host.port}/`)).length, png.length);
  const { message } = await failureOf(outbound.fetchImage(`https://other.example:${host.port}/`));
  assert.match(message, /could not be reached/);
  assert.equal(host.requests.length, 2);
});

Deno.test("a certificate of an unknown issuer is not accepted", async () => {
  await using host = await secureSite(reply("200 OK", png));
  await using outbound = guard(host);
  await failureOf(outbound.fetchImage(host.url));
  assert.deepEqual(host.requests, []);
});

Deno.test("a redirect from https to http is refused", async () => {
  await using host = await secureSite(reply("302 Found\r\nlocation: http://images.example/"));
  await using outbound = secureGuard(host);
  const { message } = await failureOf(outbound.fetchImage(`https://images.example:${host.port}/`));
  assert.match(message, /from https to http/);
});

const redirect = (location: string) => reply(`302 Found\r\nlocation: ${location}`);
const blocked = /security\.allowHosts/;

/** A header that claims an enormous picture. */
const pngBomb = Uint8Array.from(png);
new DataView(pngBomb.buffer).setUint32(16, 100_000);
new DataView(pngBomb.buffer).setUint32(20, 100_000);
const gifBomb = Uint8Array.of(...bytesOf("GIF89a"), 255, 255, 255, 255, 0, 0, 0, 0x3b);
const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"></svg>';

/** What a hostile or broken server may send, and what the caller is told. */
const REPLIES: [name: string, answer: Answer, told: RegExp][] = [
  [
    "a redirect to another port",
    (socket, port) => socket.end(redirect(`http://127.0.0.1:${port + 1}/`)),
    blocked,
  ],
  ["a redirect to a private address", redirect("http://10.0.0.1/"), blocked],
  ["a redirect to cloud metadata", redirect("http://169.254.169.254/latest/"), blocked],
  ["a redirect to IPv6 loopback", redirect("http://[::1]/"), blocked],
  ["a redirect to a mapped address", redirect("http://[::ffff:127.0.0.1]/"), blocked],
  ["a redirect to a decimal address", redirect("http://2130706433/"), blocked],
  ["a redirect to localhost", redirect("http://localhost/"), blocked],
  ["a redirect without a scheme", redirect("//10.0.0.1/a.png"), blocked],
  ["a redirect with backslashes", redirect("\\\\10.0.0.1\\a.png"), blocked],
  ["a redirect to a file", redirect("file:///etc/passwd"), /http/],
  ["a redirect to a data URL", redirect("data:image/png;base64,iVBORw0KGgo="), /http/],
  ["a redirect to a script", redirect("javascript:alert(1)"), /http/],
  ["a redirect to ftp", redirect("ftp://example.com/a.png"), /http/],
  ["a redirect with credentials", redirect("http://u:p@example.com/"), /password/],
  ["a redirect to nonsense", redirect("http://[/"), /not a valid URL/],
  ["a redirect without a target", reply("302 Found"), /without saying where/],
  ["a redirect with two targets", reply("302 Found\r\nlocation: /a\r\nlocation: /b"), /without saying where/],
  ["a redirect to itself", redirect("/a.png"), /more than 3 redirects/],
  ["a redirect of raw bytes", redirect("/\xe9\xff"), /more than 3 redirects/],
  ["300", reply("300 Multiple Choices\r\nlocation: /b"), /got 300/],
  ["304", reply("304 Not Modified"), /got 304/],
  ["305", reply("305 Use Proxy\r\nlocation: http://10.0.0.1/"), /got 305/],
  ["400", reply("400 Bad Request", png), /got 400/],
  ["401", reply("401 Unauthorized\r\nwww-authenticate: Basic", png), /got 401/],
  ["403", reply("403 Forbidden", png), /got 403/],
  ["404", reply("404 Not Found", png), /got 404/],
  ["407", reply("407 Proxy Authentication Required", png), /got 407/],
  ["416", reply("416 Range Not Satisfiable", png), /got 416/],
  ["500", reply("500 Internal Server Error", png), /got 500/],
  ["503", reply("503 Service Unavailable\r\nretry-after: 1", png), /got 503/],
  ["204", reply("204 No Content"), /got 204/],
  ["206", reply("206 Partial Content\r\ncontent-range: bytes 0-9/99", png), /got 206/],
  [
    "an upgrade",
    reply("101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade"),
    /could not be reached/,
  ],
  ["an empty body", reply("200 OK"), /is empty/],
  [
    "a declared length beyond the limit",
    reply("200 OK\r\ncontent-length: 1048577", png),
    /larger than 1048576/,
  ],
  [
    "a body beyond the limit",
    reply(
      "200 OK\r\nconnection: close\r\ntransfer-encoding: identity, chunked",
      [
        "100001",
        "x".repeat(MEBIBYTE + 1),
        "0",
        "",
        "",
      ].join("\r\n"),
    ),
    /larger than 1048576/,
  ],
  ["an endless body", endless("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(65_536)), /larger than 1048576/],
  [
    "an endless chunked body",
    endless(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
      `10000\r\n${"x".repeat(65_536)}\r\n`,
    ),
    /larger than 1048576/,
  ],
  ["a body shorter than declared", reply("200 OK\r\ncontent-length: 9999", png), /broke off/],
  ["a body longer than declared", reply("200 OK\r\ncontent-length: 10", png), /not an image/],
  [
    "a chunked body without an end",
    reply("200 OK\r\ntransfer-encoding: chunked", "5\r\nhello\r\n"),
    /broke off/,
  ],
  [
    "a chunk of a size that is none",
    reply("200 OK\r\ntransfer-encoding: chunked", "zz\r\nhello\r\n"),
    /Cannot fetch/,
  ],
  ["two lengths", reply("200 OK\r\ncontent-length: 1\r\ncontent-length: 2", png), /could not be reached/],
  ["a negative length", reply("200 OK\r\ncontent-length: -1", png), /could not be reached/],
  [
    "a length beyond all numbers",
    reply("200 OK\r\ncontent-length: 99999999999999999999", png),
    /Cannot fetch/,
  ],
  [
    "a page that is called an image",
    reply("200 OK\r\ncontent-type: image/png", "<html></html>"),
    /not an image/,
  ],
  [
    "a page with an image behind it",
    reply("200 OK", Buffer.concat([bytesOf("<html>"), png])),
    /not an image/,
  ],
  ["JSON that is called an image", reply("200 OK\r\ncontent-type: image/png", '{"a":1}'), /not an image/],
  ["a PDF", reply("200 OK", "%PDF-1.7\n"), /not an image/],
  ["a PNG that ends after its signature", reply("200 OK", png.subarray(0, 8)), /not an image/],
  ["an SVG", reply("200 OK\r\ncontent-type: image/svg+xml", svg), /SVG/],
  [
    "an SVG that is called PNG",
    reply("200 OK\r\ncontent-type: image/png", `<?xml version="1.0"?>${svg}`),
    /SVG/,
  ],
  ["gzip", reply("200 OK\r\ncontent-encoding: gzip", gzipSync(png)), /compressed/],
  ["brotli", reply("200 OK\r\ncontent-encoding: br", brotliCompressSync(png)), /compressed/],
  [
    "double compression",
    reply("200 OK\r\ncontent-encoding: gzip, gzip", gzipSync(gzipSync(png))),
    /compressed/,
  ],
  [
    "a gzip bomb",
    reply("200 OK\r\ncontent-encoding: gzip", gzipSync(new Uint8Array(50 * MEBIBYTE))),
    /compressed/,
  ],
  ["an undeclared gzip bomb", reply("200 OK", gzipSync(new Uint8Array(50 * MEBIBYTE))), /not an image/],
  ["a PNG that claims 10 gigapixels", reply("200 OK", pngBomb), /100000x100000/],
  ["a GIF that claims 4 gigapixels", reply("200 OK", gifBomb), /65535x65535/],
  ["a hang-up instead of a reply", (socket) => socket.destroy(), /could not be reached/],
  ["a reset instead of a reply", (socket) => socket.resetAndDestroy(), /could not be reached/],
  ["a reset amid the body", (socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhello", () => socket.resetAndDestroy());
  }, /Cannot fetch/],
  ["something else than HTTP", bytesOf("SSH-2.0-OpenSSH_9.6\r\n"), /could not be reached/],
  ["a reply without a status line", Uint8Array.from(png), /could not be reached/],
  ["enormous headers", reply(`200 OK\r\nx-long: ${"x".repeat(200_000)}`, png), /could not be reached/],
  [
    "endless headers",
    endless("HTTP/1.1 200 OK\r\n", "x-more: and more\r\n".repeat(100)),
    /could not be reached/,
  ],
];

/** Sends `piece` again and again for as long as somebody listens. */
function endless(head: string, piece: string): Answer {
  return (socket) => {
    const send = () => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on("drain", send).write(head);
    send();
  };
}

for (const [name, answer, told] of REPLIES) {
  Deno.test(`fetchImage() refuses ${name}`, async () => {
    await using host = await site(answer);
    await using outbound = guard(host, { maxBytes: MEBIBYTE });
    const failure = await failureOf(outbound.fetchImage(host.url));
    assert.equal(failure.kind, "invalid_request");
    assert.equal(failure.code, "invalid_image_url");
    assert.match(failure.message, told);
    assert.doesNotMatch(failure.message, /size=8/);
  });
}

Deno.test("fetchImage() refuses a loop of two addresses", async () => {
  await using host = await site(redirect("/b"), redirect("/a"), redirect("/b"), redirect("/a"));
  await using outbound = guard(host);
  assert.match((await failureOf(outbound.fetchImage(host.url))).message, /more than 3 redirects/);
  assert.equal(host.requests.length, 4);
});

Deno.test("fetchImage() refuses loopback that the operator has not listed", async () => {
  await using host = await site(reply("200 OK", png));
  await using outbound = createOutbound({ allowHosts: () => [] });
  for (const name of ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433"]) {
    assert.match(
      (await failureOf(outbound.fetchImage(`http://${name}:${host.port}/`))).message,
      blocked,
      name,
    );
  }
  assert.deepEqual(host.requests, []);
});

Deno.test("open() gives type, headers and a body that comes as it is read", async () => {
  await using host = await site(
    reply('200 OK\r\ncontent-type: Image/PNG; x=1\r\netag: "a"\r\nx-odd: \xe9', png),
  );
  await using outbound = guard(host);
  const { type, headers, body } = await outbound.open(host.url, { accept: ["image/*", "video/mp4"] });
  assert.equal(type, "image/png");
  assert.equal(headers.get("etag"), '"a"');
  assert.equal((await new Response(body).bytes()).length, png.length);
  assert.match(host.requests[0]!, /\r\naccept: image\/\*, video\/mp4\r\n/);
});

Deno.test("open() refuses a declared type that is not welcome", async () => {
  await using host = await site(reply("200 OK\r\ncontent-type: text/html", "<p>"));
  await using outbound = guard(host);
  const { message } = await failureOf(outbound.open(host.url, { accept: ["image/*"] }));
  assert.match(message, /expected image\/\*, got text\/html/);
});

Deno.test("open() has a limit of bytes of its own, up to the last of them", async () => {
  await using host = await site(
    reply("200 OK\r\nconnection: close\r\ntransfer-encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
  );
  await using outbound = guard(host);
  const { body } = await outbound.open(host.url, { maxBytes: 5 });
  assert.equal(await new Response(body).text(), "hello");
  const cut = await outbound.open(host.url, { maxBytes: 4 });
  assert.match((await failureOf(new Response(cut.body).text())).message, /larger than 4 bytes/);
});

Deno.test("cancelling a body hangs up", async () => {
  const hungUp = Promise.withResolvers<void>();
  await using host = await site((socket) => {
    socket.on("close", () => hungUp.resolve());
    endlessly(socket);
  });
  await using outbound = guard(host);
  const { body } = await outbound.open(host.url);
  await body.cancel();
  await hungUp.promise;
});

const endlessly = endless("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(65_536)) as (socket: Socket) => void;
const silent: Answer = () => {};

/** Time that passes when it is told to. */
class FakeClock implements Clock {
  #now = 0;
  #timers = new Set<{ at: number; fire: () => void }>();
  #awaited = { count: 0, done: () => {} };
  now = () => this.#now;

  /** Resolves as soon as that many timers run. */
  started(count: number): Promise<void> {
    return new Promise((done) => {
      this.#awaited = { count, done };
      if (this.#timers.size === count) done();
    });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((fire) => this.#timers.add({ at: this.#now + ms, fire }));
  }

  timeout(ms: number): { signal: AbortSignal } & Disposable {
    const controller = new AbortController();
    const timer = { at: this.#now + ms, fire: () => controller.abort() };
    this.#timers.add(timer);
    if (this.#timers.size === this.#awaited.count) this.#awaited.done();
    return { signal: controller.signal, [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.fire();
    }
  }

  get running(): number {
    return this.#timers.size;
  }
}

Deno.test("a name that is never resolved is given up after 10 s", async () => {
  await using host = await site(silent);
  const clock = new FakeClock();
  await using outbound = guard(host, { clock, resolve: () => new Promise(() => {}) });
  const failure = failureOf(outbound.fetchImage("http://slow.example/"));
  clock.advance(10_000);
  assert.match((await failure).message, /no connection within 10 s/);
  assert.equal(clock.running, 0);
});

Deno.test("a TLS handshake that is never answered is given up after 10 s, and hung up", async () => {
  const hungUp = Promise.withResolvers<void>();
  await using host = await site((socket) => void socket.on("close", () => hungUp.resolve()));
  const clock = new FakeClock();
  await using outbound = guard(host, { clock });
  const failure = failureOf(outbound.fetchImage(host.url.replace("http", "https")));
  await host.arrived(1);
  clock.advance(10_000);
  assert.match((await failure).message, /no connection within 10 s/);
  await hungUp.promise;
});

Deno.test("a server that takes the request and says nothing is given up after 20 s", async () => {
  await using host = await site(silent);
  const clock = new FakeClock();
  await using outbound = guard(host, { clock });
  const failure = failureOf(outbound.fetchImage(host.url));
  await host.arrived(1);
  clock.advance(19_999);
  clock.advance(1);
  assert.match((await failure).message, /no first byte within 20 s/);
  assert.equal(clock.running, 0);
});

Deno.test("a body that stops is given up after 15 s without a byte", async () => {
  await using host = await site((socket) =>
    void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
  );
  const clock = new FakeClock();
  await using outbound = guard(host, { clock });
  const reader = (await outbound.open(host.url)).body.getReader();
  await reader.read();
  const failure = failureOf(reader.read());
  await clock.started(2); // the limit of the whole, and that of idling
  clock.advance(14_999);
  clock.advance(1);
  assert.match((await failure).message, /no next bytes within 15 s/);
  assert.equal(clock.running, 0);
});

Deno.test("a body that trickles is given up 30 s after the beginning, redirects included", async () => {
  let trickle: Socket | undefined;
  await using host = await site(redirect("/b"), (socket) => {
    trickle = socket;
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nh");
  });
  const clock = new FakeClock();
  await using outbound = guard(host, { clock });
  const reader = (await outbound.open(host.url)).body.getReader();
  for (let piece = 0; piece < 3; piece++) {
    await reader.read();
    clock.advance(9_000);
    trickle!.write("x");
  }
  await reader.read();
  const failure = failureOf(reader.read());
  clock.advance(3_000);
  assert.match((await failure).message, /did not end within 30 s/);
});

Deno.test("a reader that takes its time does not make the server look idle", async () => {
  await using host = await site(reply("200 OK", png));
  const clock = new FakeClock();
  await using outbound = guard(host, { clock });
  const { body } = await outbound.open(host.url);
  clock.advance(25_000);
  assert.equal((await new Response(body).bytes()).length, png.length);
  assert.equal(clock.running, 0);
});

Deno.test("a body that nobody reads is let go when its time is over", async () => {
  const hungUp = Promise.withResolvers<void>();
  await using host = await site((socket) => {
    socket.on("close", () => hungUp.resolve());
    endlessly(socket);
  });
  const clock = new FakeClock();
  await using outbound = guard(host, { clock });
  const { body } = await outbound.open(host.url);
  clock.advance(30_000);
  await hungUp.promise;
  assert.match((await failureOf(new Response(body).bytes())).message, /did not end within 30 s/);
});

const gone = new Error("the client left");

Deno.test("the caller's abort is heard before anything was done", async () => {
  await using host = await site(reply("200 OK", png));
  await using outbound = guard(host);
  await assert.rejects(outbound.fetchImage(host.url, AbortSignal.abort(gone)), gone);
  assert.deepEqual(host.requests, []);
});

Deno.test("the caller's abort is heard while a name is looked up", async () => {
  await using host = await site(silent);
  await using outbound = guard(host, { resolve: () => new Promise(() => {}) });
  const caller = new AbortController();
  const fetched = outbound.fetchImage("http://slow.example/", caller.signal);
  caller.abort(gone);
  await assert.rejects(fetched, gone);
});

Deno.test("the caller's abort is heard while the connection is made", async () => {
  await using host = await site(silent);
  await using outbound = guard(host);
  const caller = new AbortController();
  const fetched = outbound.fetchImage(host.url.replace("http", "https"), caller.signal);
  host.arrived(1).then(() => caller.abort(gone));
  await assert.rejects(fetched, gone);
});

Deno.test("the caller's abort is heard while the reply is waited for", async () => {
  await using host = await site(silent);
  await using outbound = guard(host);
  const caller = new AbortController();
  const fetched = outbound.fetchImage(host.url, caller.signal);
  host.arrived(1).then(() => caller.abort(gone));
  await assert.rejects(fetched, gone);
});

Deno.test("the caller's abort is heard amid the body", async () => {
  await using host = await site((socket) =>
    void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
  );
  await using outbound = guard(host);
  const caller = new AbortController();
  const reader = (await outbound.open(host.url, { signal: caller.signal })).body.getReader();
  await reader.read();
  const next = reader.read();
  caller.abort(gone);
  await assert.rejects(next, gone);
});

Deno.test("disposing of the guard ends what is under way and lets nothing new begin", async () => {
  await using host = await site(silent);
  const outbound = guard(host);
  const failure = failureOf(outbound.fetchImage(host.url));
  await host.arrived(1);
  await outbound[Symbol.asyncDispose]();
  assert.equal((await failure).kind, "cancelled");
  assert.equal((await failureOf(outbound.fetchImage(host.url))).kind, "cancelled");
});

Deno.test("the size of an image is looked for in its first 2 MiB only, because searching costs time", async () => {
  const jpeg = await paint({ width: 8, height: 8, format: "jpeg" });
  const segment = Uint8Array.of(0xff, 0xe1, 0xff, 0xff, ...new Uint8Array(0xfffd));
  const withSegments = (count: number) =>
    Buffer.concat([jpeg.subarray(0, 2), ...Array<Uint8Array>(count).fill(segment), jpeg.subarray(2)]);
  await using host = await site(reply("200 OK", withSegments(31)), reply("200 OK", withSegments(33)));
  await using outbound = guard(host);
  assert.equal((await outbound.fetchImage(host.url)).length, withSegments(31).length);
  assert.match((await failureOf(outbound.fetchImage(host.url))).message, /not an image/);
});
