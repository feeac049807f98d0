/** What a well-behaved server never shows: replies that are wrong, late or none of S3. */
import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { paintPng } from "../testing/painting.ts";
import { createS3Blobs } from "./blobs_s3.ts";

const png = paintPng({ width: 8, height: 8 });
const SECRET = "the-secret-key-of-the-test";

interface Seen {
  method: string;
  path: string;
  headers: Headers;
}

/** A bucket behind which something else answers. */
function before(answer: (seen: Seen, request: Request) => Response | Promise<Response>) {
  const clock = new FakeClock();
  const seen: Seen[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const one = { method: request.method, path: pathname + search, headers: request.headers };
    seen.push(one);
    await request.bytes();
    return await answer(one, request);
  });
  const endpoint = `http://127.0.0.1:${server.addr.port}`;
  const blobs = createS3Blobs(
    { endpoint, bucket: "fotos", accessKey: "THE-ACCESS-KEY", secretKey: SECRET, pathStyle: true },
    { clock },
  );
  return {
    blobs,
    clock,
    seen,
    async [Symbol.asyncDispose]() {
      blobs[Symbol.dispose]();
      await server.shutdown();
    },
  };
}

function refusal(status: number, code: string, message = "no", headers: HeadersInit = {}): Response {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return new Response(body, { status, headers: { "content-type": "application/xml", ...headers } });
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => undefined, (error) => error);
  assert.ok(error instanceof Error);
  assert.ok(!Deno.inspect(error).includes(SECRET));
  return error.message;
}

Deno.test("each refusal is told in words that say what to do", async () => {
  const rows: [Response, RegExp][] = [
    [refusal(403, "SignatureDoesNotMatch"), /: the credentials are refused \(SignatureDoesNotMatch\)$/],
    [refusal(403, "AccessDenied"), /: the credentials do not allow it \(AccessDenied\)$/],
    [new Response(null, { status: 403 }), /: the credentials do not allow it \(/],
    [refusal(404, "NoSuchBucket"), /: there is no such bucket \(NoSuchBucket\)$/],
    [refusal(301, "PermanentRedirect"), /: the bucket is in another region \(PermanentRedirect\)$/],
    [refusal(400, "AuthorizationHeaderMalformed"), /: the bucket is in another region \(/],
    [refusal(507, "XMinioStorageFull"), /: no room is left \(XMinioStorageFull\)$/],
    [refusal(503, "SlowDown"), /: the server asks for fewer requests \(SlowDown\)$/],
    [
      refusal(400, "InvalidArgument", `Unsupported header ${SECRET}`),
      /: the server answered 400 \(InvalidArgument: Unsupported header \[…\]\)$/,
    ],
    [
      new Response("<!doctype html><title>Not found</title>", {
        status: 404,
        headers: { "content-type": "text/html" },
      }),
      /: the server answered 404, as no bucket does; is the endpoint right\?/,
    ],
    [new Response("Bad gateway", { status: 502 }), /: the server answered 502/],
  ];
  for (const [reply, words] of rows) {
    await using it = await before(() => reply.clone());
    const reason = await reasonOf(it.blobs.put("a.png", png, {}));
    assert.match(reason, /^Cannot store a.png in the bucket fotos: /);
    assert.match(reason, words);
    const checked = await it.blobs.check();
    assert.ok(!checked.ok && words.test(checked.reason), JSON.stringify(checked));
  }
});

Deno.test("a host that nobody knows is told by its name", async () => {
  using blobs = createS3Blobs({
    endpoint: "http://s3.nowhere.invalid",
    bucket: "fotos",
    accessKey: "A",
    secretKey: SECRET,
  });
  const reason = await reasonOf(blobs.stat("a.png"));
  assert.match(
    reason,
    /the bucket fotos: no host (is known|can be looked up) for http:\/\/s3.nowhere.invalid/,
  );
});

Deno.test("a web page where a bucket should be does not pass a check", async () => {
  await using it = await before(() => new Response("<html>Welcome</html>"));
  const checked = await it.blobs.check();
  assert.deepEqual(checked.ok, false);
});

Deno.test("a clock that stays wrong is told with the difference", async () => {
  const date = new Date(Date.now() + 3_600_000).toUTCString();
  await using it = await before(() => refusal(403, "RequestTimeTooSkewed", "no", { date }));
  const reason = await reasonOf(it.blobs.put("a.png", png, {}));
  assert.match(reason, /: this machine's clock is 60 minutes behind the server's \(RequestTimeTooSkewed\)$/);
});

Deno.test("a server that never answers is given up", async () => {
  const late = Promise.withResolvers<Response>();
  await using it = await before(() => late.promise);
  for (
    const [work, limit] of [[() => it.blobs.stat("a.png"), 20_000], [
      () => it.blobs.put("a.png", png, {}),
      120_000,
    ]] as const
  ) {
    const given = reasonOf(work());
    await it.clock.passSleep(limit);
    assert.match(await given, /: no answer came in time from http:\/\/127.0.0.1:\d+ \(TimeoutError\)$/);
  }
  late.resolve(new Response());
});

Deno.test("whoever leaves is heard at once, and gets their own reason", async () => {
  const late = Promise.withResolvers<Response>();
  const arrived = Promise.withResolvers<void>();
  await using it = await before(() => {
    arrived.resolve();
    return late.promise;
  });
  const leaving = new AbortController();
  const given = reasonOf(it.blobs.open("a.png", undefined, leaving.signal));
  await arrived.promise;
  leaving.abort(new Error("the client left"));
  assert.equal(await given, "the client left");
  late.resolve(new Response());
});

/** An answer that gives some of an image, and ends when `until` resolves. */
function halfAnImage(until?: Promise<void>): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(png.subarray(0, 10)),
    pull: async (controller) => {
      await until;
      controller.close();
    },
  }, { highWaterMark: 0 });
  return new Response(body, {
    headers: { "content-length": String(png.length), "content-type": "image/png" },
  });
}

Deno.test("an image that breaks off is never taken for a whole one", async () => {
  await using it = await before(() => halfAnImage());
  const blob = await it.blobs.open("a.png");
  await assert.rejects(new Response(blob!.bytes).bytes());
});

Deno.test("an image that stalls is given up", async () => {
  const end = Promise.withResolvers<void>();
  await using it = await before(() => halfAnImage(end.promise));
  const blob = await it.blobs.open("a.png");
  const reader = blob!.bytes.getReader();
  assert.equal((await reader.read()).value!.length, 10);
  const next = assert.rejects(reader.read(), /the bucket's answer stalled/);
  await it.clock.passSleep(30_000);
  await next;
  end.resolve();
});

Deno.test("nothing is sent that only Amazon knows", async () => {
  await using it = await before(({ method, path }) =>
    method === "POST" && path.includes("uploads")
      ? new Response(
        "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
      )
      : method === "POST" && path.includes("uploadId")
      ? new Response("<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")
      : method === "POST"
      ? new Response("<DeleteResult></DeleteResult>")
      : new Response(null, { headers: { etag: '"e"' } })
  );
  await it.blobs.put("a.png", new Uint8Array(6 * 1024 * 1024), {});
  await it.blobs.put("b.png", png, {});
  await it.blobs.remove("a.png");
  const removal = it.seen.at(-1)!;
  assert.equal(removal.path, "/fotos/?delete=");
  assert.match(removal.headers.get("content-md5") ?? "", /^[\w+/]{22}==$/);
  assert.ok(it.seen.length >= 7, `${it.seen.length} requests`);
  for (const { method, path, headers } of it.seen) {
    const unknown = [...headers.keys()].filter((name) =>
      /checksum|acl|expect|storage-class|trailer|transfer-encoding/.test(name)
    );
    assert.deepEqual(unknown, [], `${method} ${path}`);
    assert.match(headers.get("user-agent") ?? "", /^ImgRouter/);
  }
});

Deno.test("what the server says it stored and did not is an error", async () => {
  await using it = await before(() =>
    new Response(
      "<DeleteResult><Error><Key>a.png</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>",
    )
  );
  assert.match(
    await reasonOf(it.blobs.remove("a.png")),
    /^Cannot remove a.png from the bucket fotos: the credentials do not allow it \(AccessDenied\)$/,
  );
});
