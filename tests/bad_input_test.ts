import assert from "node:assert/strict";
import { connect } from "node:net";
import fc from "fast-check";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { type OpenAiService, openAiService } from "../src/testing/openai_service.ts";
import { paintPng } from "../src/testing/painting.ts";
import { refused } from "./drill_scene.ts";

interface Stage extends AsyncDisposable {
  gateway: TestGateway;
  openai: OpenAiService;
  key: string;
  /** Sends any body to an image endpoint and gives what was said against it, after nothing came of it. */
  refused(path: string, body: BodyInit, headers?: Record<string, string>): Promise<[number, string | null]>;
  /** The same with JSON. */
  refusedJson(body: unknown, path?: string): Promise<[number, string | null]>;
}

const GENERATIONS = "/v1/images/generations";
const EDITS = "/v1/images/edits";

/** No private host is allowed, so that addresses inside the network are refused. */
async function startStage(env: Record<string, string> = {}): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const openai = stack.use(openAiService());
  const gateway = stack.use(
    await startGateway({ env: { ALLOW_HOSTS: "", OPENAI_BASE_URL: openai.url, ...env } }),
  );
  const key = openai.newKey();
  const send = async (path: string, body: BodyInit, headers: Record<string, string> = {}) => {
    const error = await refused(
      fetch(`${gateway.url}${path}`, {
        method: "POST",
        body,
        headers: { authorization: `Bearer ${key}`, ...headers },
      }),
    );
    assert.ok(error.status < 500, `${error.status} ${error.message}`);
    assert.equal(error.mayRetry, false);
    assert.deepEqual(await gateway.stored(), []);
    assert.equal(openai.calls.length, 0, "the provider is left in peace");
    return [error.status, error.param] as [number, string | null];
  };
  const held = stack.move();
  return {
    gateway,
    openai,
    key,
    refused: send,
    refusedJson: (body, path = GENERATIONS) =>
      send(path, JSON.stringify(body), { "content-type": "application/json" }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

const picture = () => new File([paintPng({ width: 64, height: 64 })], "a.png", { type: "image/png" });

function form(entries: [string, string | File][]): FormData {
  const form = new FormData();
  for (const [name, value] of entries) form.append(name, value);
  return form;
}

Deno.test("JSON that is broken, or no object, is refused", async () => {
  await using stage = await startStage();
  for (const text of ["", "{", '{"prompt":', "[]", "null", "42", '"a cat"', "prompt=a cat&", "\u0000"]) {
    for (const path of [GENERATIONS, EDITS, "/v1/images/blend", "/v1/chat/completions"]) {
      assert.deepEqual(await stage.refused(path, text, { "content-type": "application/json" }), [400, null]);
    }
  }
});

Deno.test("a field of the wrong type or out of its range is refused by its name", async () => {
  await using stage = await startStage();
  const wrong: Record<string, unknown[]> = {
    prompt: [42, [], {}, true, "  ", "x".repeat(2 * 1024 * 1024)],
    model: [42, [], {}, "m".repeat(300)],
    n: [0, 11, -1, 1.5, "many", [], {}, 1e300],
    size: ["huge", "1024", "0x0", "1024x", {}, [], "-5x5", "1e3x1e3"],
    width: [0, "wide"],
    aspect_ratio: ["wide", 1, "0:0"],
    quality: [1, {}],
    style: [1, {}],
    background: ["pink", 1],
    moderation: ["none"],
    output_format: ["gif", 1],
    output_compression: [-1, 101, "much"],
    response_format: ["png", 1],
    stream: ["perhaps", 2, {}],
    partial_images: [-1, 4, "x"],
    seed: ["x", 1.5],
    steps: [0, 501, "x"],
    guidance_scale: [-1, "x"],
    negative_prompt: [1],
    quality_enhancers: ["sparkle", ["sparkle"], 1],
    lora_weights: [[1], "x", { a: "b" }],
    user: [1, {}],
    provider: ["nobody", 1],
    provider_params: ["x", [1], 1],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const [status, param] = await stage.refusedJson({ prompt: "a cat", [name]: value });
      const seen = `${name}: ${JSON.stringify(value).slice(0, 60)} was answered with ${status} ${param}`;
      assert.equal(status, 400, seen);
      assert.ok(
        param === name || param?.startsWith(`${name}.`) || (name === "width" && param === "height"),
        seen,
      );
    }
  }
});

Deno.test("a request without a prompt, or with nothing to work on, says what is missing", async () => {
  await using stage = await startStage();
  assert.deepEqual(await stage.refusedJson({}), [400, "prompt"]);
  assert.deepEqual(await stage.refusedJson({ prompt: null }), [400, "prompt"]);
  assert.deepEqual(await stage.refusedJson({ prompt: "a cat" }, EDITS), [400, "image"]);
  assert.deepEqual(await stage.refused(EDITS, form([["prompt", "a cat"]])), [400, "image"]);
  assert.deepEqual(await stage.refused(EDITS, form([["image", picture()]])), [400, "prompt"]);
  assert.deepEqual(await stage.refusedJson({}, "/v1/chat/completions"), [400, "messages"]);
  assert.deepEqual(await stage.refusedJson({ messages: [] }, "/v1/chat/completions"), [400, "messages"]);
});

Deno.test("what is not an image is refused as one, in every form", async () => {
  await using stage = await startStage();
  const text = new File(["these are words"], "a.png", { type: "image/png" });
  const empty = new File([], "a.png", { type: "image/png" });
  const svg = new File(["<svg xmlns='http://www.w3.org/2000/svg'/>"], "a.svg", { type: "image/svg+xml" });
  for (const file of [text, empty, svg]) {
    assert.deepEqual(await stage.refused(EDITS, form([["prompt", "x"], ["image", file]])), [400, "image"]);
    assert.deepEqual(
      await stage.refused(EDITS, form([["prompt", "x"], ["image", picture()], ["mask", file]])),
      [
        400,
        "mask",
      ],
    );
  }
  for (
    const image of [
      "not base64 at all!",
      btoa("these are words, and no picture at all"),
      `data:text/plain;base64,${btoa("these are words, and no picture at all")}`,
      "data:image/png,abc",
      "data:image/png;base64,",
      "data:image/png;base64,%%%",
      "ftp://example.com/a.png",
      "file:///etc/passwd",
      42,
      true,
      {},
      { url: 42 },
      { file_id: "file-1" },
    ]
  ) {
    const [status, param] = await stage.refusedJson({ prompt: "x", image }, EDITS);
    const seen = `${JSON.stringify(image)}: ${status} ${param}`;
    assert.equal(status, 400, seen);
    assert.match(param ?? "", /^image/, seen);
  }
});

Deno.test("more than 16 images are refused, a form with many parts as a whole", async () => {
  await using stage = await startStage();
  const many = Array.from({ length: 17 }, (): [string, File] => ["image[]", picture()]);
  assert.deepEqual(await stage.refused(EDITS, form([["prompt", "x"], ...many])), [400, "image"]);
  const crowd = Array.from({ length: 300 }, (_, index): [string, string] => [`field${index}`, "x"]);
  assert.deepEqual(await stage.refused(EDITS, form([["prompt", "x"], ...crowd])), [400, null]);
  const list = Array.from(
    { length: 17 },
    () => `data:image/png;base64,${paintPng({ width: 8, height: 8 }).toBase64()}`,
  );
  assert.deepEqual(await stage.refusedJson({ prompt: "x", images: list }, EDITS), [400, "image"]);
});

Deno.test("an address inside the network is never fetched for a caller", async () => {
  await using stage = await startStage();
  for (
    const url of [
      `${stage.openai.origin}/v1/models`,
      "http://169.254.169.254/latest/meta-data/",
      "http://localhost:1/",
      "http://[::1]:1/a.png",
      "http://[::ffff:127.0.0.1]/a.png",
      "http://0x7f.1/a.png",
      "http://2130706433/a.png",
      "http://10.0.0.1/a.png",
      "http://user:password@127.0.0.1/",
    ]
  ) {
    const [status, param] = await stage.refusedJson({ prompt: "x", image: url }, EDITS);
    assert.deepEqual([status, param], [400, "image"], url);
    const chat = {
      messages: [{
        role: "user",
        content: [{ type: "text", text: "x" }, { type: "image_url", image_url: { url } }],
      }],
    };
    assert.equal((await stage.refusedJson(chat, "/v1/chat/completions"))[0], 400, url);
  }
});

Deno.test("names that look like places in a list are only names", async () => {
  await using stage = await startStage();
  for (const name of ["image[0]", "image[999999999]", "image[]"]) {
    const body = form([["prompt", "a cat"], [name, picture()]]);
    const reply = await fetch(`${stage.gateway.url}${EDITS}`, {
      method: "POST",
      body,
      headers: { authorization: "Bearer mock-demo" },
    });
    assert.equal((await reply.json()).data.length, 1, name);
  }
  assert.equal((await stage.gateway.stored()).length, 3);
  await Deno.remove(`${stage.gateway.dataDir}/storage`, { recursive: true });
  for (const name of ["image[-1]", "image[x]", "__proto__", "constructor", "toString"]) {
    assert.deepEqual(
      await stage.refused(EDITS, form([["prompt", "x"], [name, picture()]])),
      [400, "image"],
      name,
    );
  }
});

Deno.test("forms without a boundary, cut off or with nameless parts are refused", async () => {
  await using stage = await startStage();
  const multipart = (boundary: string) => ({ "content-type": `multipart/form-data${boundary}` });
  const nameless = "--b\r\ncontent-disposition: form-data\r\n\r\na cat\r\n--b--\r\n";
  assert.deepEqual(await stage.refused(EDITS, nameless, multipart("")), [400, null]);
  assert.deepEqual(await stage.refused(EDITS, "", multipart("; boundary=b")), [400, null]);
  assert.deepEqual(await stage.refused(EDITS, "no form", multipart("; boundary=b")), [400, null]);
  assert.deepEqual(await stage.refused(EDITS, nameless, multipart("; boundary=b")), [400, "prompt"]);
  const whole = '--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\na cat\r\n--b--\r\n';
  for (const length of [3, 10, 60, whole.length - 8]) {
    assert.deepEqual(await stage.refused(EDITS, whole.slice(0, length), multipart("; boundary=b")), [
      400,
      null,
    ]);
  }
});

Deno.test("a body that is too large is refused with 413", async () => {
  await using stage = await startStage({ MAX_BODY_BYTES: "1000" });
  const large = JSON.stringify({ prompt: "x".repeat(2000) });
  const type = { "content-type": "application/json" };
  assert.deepEqual(await stage.refused(GENERATIONS, large, type), [413, null]);
  assert.deepEqual(await stage.refused(EDITS, form([["prompt", "x".repeat(2000)]])), [413, null]);
});

Deno.test("a body that is too large is refused with 413 even if it does not say its length", async () => {
  await using stage = await startStage({ MAX_BODY_BYTES: "1000" });
  for (const type of ["application/json", "multipart/form-data; boundary=b"]) {
    const body = new Blob(["x".repeat(2000)]).stream();
    assert.deepEqual(await stage.refused(EDITS, body, { "content-type": type }), [413, null]);
  }
});

Deno.test("a content type that nobody can read is a 415", async () => {
  await using stage = await startStage();
  for (const type of ["image/png", "application/xml", "application/octet-stream"]) {
    assert.deepEqual(await stage.refused(GENERATIONS, "x", { "content-type": type }), [415, null], type);
  }
});

Deno.test("unknown paths are 404, wrong methods 405 with those that are right, both as JSON", async () => {
  await using stage = await startStage();
  const { url } = stage.gateway;
  for (
    const path of ["/nothing", "/v1/nothing", "/v1/embeddings", "/v1/responses", "/storage/", "/%ff", "/v1//"]
  ) {
    assert.equal((await refused(fetch(`${url}${path}`))).status, 404, path);
  }
  for (
    const [method, path, allow] of [
      ["GET", GENERATIONS, "POST"],
      ["DELETE", "/v1/chat/completions", "POST"],
      ["POST", "/v1/models", "GET"],
      ["PUT", "/storage/a.png", "GET"],
      ["POST", "/health", "GET"],
    ] as const
  ) {
    const reply = await fetch(`${url}${path}`, { method, headers: { authorization: "Bearer mock-demo" } });
    assert.match(reply.headers.get("allow") ?? "", new RegExp(allow));
    assert.equal((await refused(reply)).status, 405, `${method} ${path}`);
  }
  assert.deepEqual(stage.openai.calls, []);
});

Deno.test("huge headers are refused or ignored, and the gateway goes on", async () => {
  await using stage = await startStage();
  const { url } = stage.gateway;
  const reply = await fetch(`${url}${GENERATIONS}`, {
    method: "POST",
    body: '{"prompt":"a cat"}',
    headers: { authorization: `Bearer ${"x".repeat(10_000)}`, "x-request-id": "y".repeat(5000) },
  });
  assert.ok((reply.headers.get("x-request-id") ?? "").length <= 128);
  assert.equal((await refused(reply)).status, 401);
  const enormous = await fetch(`${url}${GENERATIONS}`, {
    method: "POST",
    body: "{}",
    headers: { "x-noise": "x".repeat(1024 * 1024) },
  }).then((reply) => (reply.body?.cancel(), reply.status), () => 400);
  assert.ok(enormous >= 400 && enormous < 500);
  assert.equal((await (await fetch(`${url}/health`)).json()).status, "ok");
});

Deno.test("a client that leaves in the middle of its own body does no harm", async () => {
  await using stage = await startStage();
  const { hostname, port } = new URL(stage.gateway.url);
  for (const type of ["application/json", "multipart/form-data; boundary=b"]) {
    const socket = connect(Number(port), hostname);
    const head = [
      `POST ${EDITS} HTTP/1.1`,
      "host: x",
      `authorization: Bearer ${stage.key}`,
      `content-type: ${type}`,
    ];
    await new Promise<void>((resolve) =>
      socket.write([...head, "content-length: 5000", "", '{"prompt'].join("\r\n"), () => resolve())
    );
    await new Promise<void>((resolve) => socket.once("close", () => resolve()).destroy());
  }
  assert.equal((await (await fetch(`${stage.gateway.url}/health`)).json()).status, "ok");
  assert.deepEqual(stage.openai.calls, []);
});

Deno.test("structures nested without end are refused", async () => {
  await using stage = await startStage();
  const deep = "[".repeat(20_000) + "]".repeat(20_000);
  const json = { "content-type": "application/json" };
  for (
    const [path, body, param] of [
      [GENERATIONS, `{"prompt":${deep}}`, "prompt"],
      [GENERATIONS, `{"prompt":"x","provider_params":{"a":${deep}}}`, "provider_params"],
      [EDITS, `{"prompt":"x","image":${deep}}`, "image"],
      ["/v1/chat/completions", `{"messages":${deep}}`, "messages[0]"],
    ] as const
  ) {
    const [status, seen] = await stage.refused(path, body, json);
    assert.equal(status, 400);
    assert.equal(seen?.startsWith(param), true, `${seen}`);
  }
  const nested = '{"extra_body":'.repeat(20_000) + "{}" + "}".repeat(20_000);
  assert.deepEqual(await stage.refused(GENERATIONS, nested, json), [400, "prompt"]);
});

/** What any body may come to: nothing that is our fault, and nothing upstream unless an image came of it. */
async function assertHarmless(stage: Stage, path: string, body: BodyInit, type: string): Promise<void> {
  const { gateway, openai, key } = stage;
  const before = openai.calls.length;
  const reply = await fetch(`${gateway.url}${path}`, {
    method: "POST",
    body,
    headers: { authorization: `Bearer ${key}`, "content-type": type },
  });
  const text = await reply.text();
  assert.ok(reply.status < 500, `${reply.status} ${text.slice(0, 300)}`);
  if (reply.status !== 200) assert.equal(openai.calls.length, before, text.slice(0, 300));
}

const FIELDS = [
  "prompt",
  "model",
  "n",
  "size",
  "image",
  "images",
  "mask",
  "messages",
  "seed",
  "provider",
  "extra_body",
];

Deno.test("random JSON never breaks the gateway and never reaches a provider unless it is good", async () => {
  await using stage = await startStage();
  const member = fc.constantFrom(...FIELDS, "__proto__", "constructor", "imageConfig", "google");
  const body = fc.oneof(fc.jsonValue(), fc.dictionary(member, fc.jsonValue(), { maxKeys: 5 }));
  const path = fc.constantFrom(
    GENERATIONS,
    EDITS,
    "/v1/images/variations",
    "/v1/images/blend",
    "/v1/chat/completions",
  );
  await fc.assert(
    fc.asyncProperty(
      path,
      body,
      (path, body) => assertHarmless(stage, path, JSON.stringify(body), "application/json"),
    ),
    { numRuns: 250 },
  );
});

Deno.test("random forms never break the gateway and never reach a provider", async () => {
  await using stage = await startStage();
  const piece = fc.oneof(
    fc.constantFrom(
      "--b",
      "--",
      "\r\n",
      "\r\n\r\n",
      "content-disposition: form-data",
      '; name="image"',
      '; name="',
    ),
    fc.constantFrom(
      '; filename="a.png"',
      "content-type: image/png",
      "\r\n--b--\r\n",
      "; name*=UTF-8''x",
      ":",
    ),
    fc.string(),
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(piece, { maxLength: 20 }).map((pieces) => new TextEncoder().encode(`--b\r\n${pieces.join("")}`)),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (bytes) => {
      await assertHarmless(stage, EDITS, new Uint8Array(bytes), "multipart/form-data; boundary=b");
      assert.equal(stage.openai.calls.length, 0);
    }),
    { numRuns: 250 },
  );
});

Deno.test("random conversations never break the gateway and never reach a provider unless they are good", async () => {
  await using stage = await startStage();
  const part = fc.record({
    type: fc.constantFrom("text", "image_url", "image", "input_image", "tool"),
    text: fc.jsonValue(),
    image_url: fc.oneof(
      fc.jsonValue(),
      fc.record({ url: fc.oneof(fc.webUrl({ validSchemes: ["ftp"] }), fc.string()) }),
    ),
    source: fc.jsonValue(),
  }, { requiredKeys: ["type"] });
  const message = fc.oneof(
    fc.jsonValue(),
    fc.record({
      role: fc.constantFrom("user", "assistant", "system", "tool"),
      content: fc.oneof(fc.string(), fc.jsonValue(), fc.array(part, { maxLength: 4 })),
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 5 }),
      fc.boolean(),
      (messages, stream) =>
        assertHarmless(
          stage,
          "/v1/chat/completions",
          JSON.stringify({ messages, stream: stream && undefined }),
          "application/json",
        ),
    ),
    { numRuns: 250 },
  );
});
