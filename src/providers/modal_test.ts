import assert from "node:assert/strict";
import type { FailureKind } from "../core/failure.ts";
import { readImageFacts } from "../core/media.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { FileHost } from "../testing/file_host.ts";
import { startGateway, type TestGateway } from "../testing/gateway.ts";
import { platformError } from "../testing/modal_requests.ts";
import { type ModalAuth, modalService, type ModalShape } from "../testing/modal_service.ts";
import { paintPng } from "../testing/painting.ts";
import { dataUrl, given, made, means, refusal } from "../testing/provider_replies.ts";
import { startProviderScene } from "../testing/provider_scene.ts";

/** A gateway before scripted apps, and a caller who brings a key to them. */
function startScene({ auth, path = "", file }: { auth?: ModalAuth; path?: string; file?: unknown } = {}) {
  const service = modalService({ auth });
  return startProviderScene({
    service,
    env: { MODAL_BASE_URL: service.url + path },
    file,
    clock: new FakeClock(),
    fields: { provider: "Modal" },
  });
}

const small = paintPng({ width: 32, height: 32 });
const mask = paintPng({ width: 32, height: 32, transparent: true });
const WISHES = {
  size: "768x512",
  seed: 5,
  steps: 20,
  guidance_scale: 3.5,
  negative_prompt: "dogs",
  quality: "high",
  user: "somebody",
};

Deno.test("an app that speaks OpenAI's dialect hears it under /v1, and the proxy token in its two headers", async () => {
  await using scene = await startScene();
  assert.equal(await made(await scene.generate(WISHES)), 1);
  const [call] = scene.service.calls;
  assert.deepEqual([call!.method, call!.path], ["POST", "/v1/images/generations"]);
  const [id, secret] = scene.key.split(":");
  assert.deepEqual(
    ["modal-key", "modal-secret", "authorization"].map((name) => call!.headers.get(name)),
    [id, secret, null],
  );
  assert.deepEqual(call!.json, {
    prompt: "a fox",
    n: 1,
    size: "768x512",
    seed: 5,
    num_inference_steps: 20,
    guidance_scale: 3.5,
    negative_prompt: "dogs",
    response_format: "b64_json",
  });
});

Deno.test("an app is told the model's name where the caller named one", async () => {
  await using scene = await startScene({ path: "/v1" });
  await made(await scene.generate({ model: "acme/flux-dev" }));
  await made(await scene.edit({ model: "acme/flux-dev", ...given(small) }));
  assert.deepEqual(scene.service.calls.map(({ path }) => path), [
    "/v1/images/generations",
    "/v1/images/edits",
  ]);
  assert.equal((scene.service.calls[0]!.json as { model: string }).model, "acme/flux-dev");
  assert.equal(scene.service.calls[1]!.form!.get("model"), "acme/flux-dev");
});

Deno.test("an edit in OpenAI's dialect is a form of files", async () => {
  await using scene = await startScene();
  await made(await scene.edit({ ...given(small), mask: { image_url: dataUrl(mask) }, seed: 5 }));
  const one = scene.service.lastCall.form!;
  assert.deepEqual([...one.keys()].sort(), ["image", "mask", "n", "prompt", "response_format", "seed"]);
  assert.deepEqual(await (one.get("image") as File).bytes(), small);
  assert.deepEqual(await (one.get("mask") as File).bytes(), mask);
  await made(await scene.edit(given(small, mask)));
  assert.equal(scene.service.lastCall.form!.getAll("image[]").length, 2);
});

Deno.test("several images are as many calls of one each, since an app need not know of counts", async () => {
  await using scene = await startScene();
  assert.equal(await made(await scene.generate({ n: 3 })), 3);
  assert.deepEqual(scene.service.calls.map(({ json }) => (json as { n: number }).n), [1, 1, 1]);
});

Deno.test("an app of one address gets all there is in one JSON object", async () => {
  await using scene = await startScene();
  await made(
    await scene.edit({
      model: "modal-json",
      ...WISHES,
      ...given(small, mask),
      mask: { image_url: dataUrl(mask) },
      provider_params: { steps: 30 },
    }),
  );
  const { method, path, json } = scene.service.lastCall;
  assert.deepEqual([method, path], ["POST", "/"]);
  assert.deepEqual(json, {
    prompt: "a fox",
    negative_prompt: "dogs",
    width: 768,
    height: 512,
    num_images: 1,
    seed: 5,
    steps: 30,
    guidance: 3.5,
    images: [dataUrl(small), dataUrl(mask)],
    mask: dataUrl(mask),
  });
});

const SHAPES: ModalShape[] = [
  "objects",
  "addresses",
  "own addresses",
  "texts",
  "data URIs",
  "one",
  "output",
  "bytes",
];

for (const shape of SHAPES) {
  Deno.test(`an app may hand its picture over as ${shape}`, async () => {
    await using scene = await startScene();
    scene.service.shape = shape;
    const response = await scene.generate({ model: "modal-json", size: "64x48" });
    const body = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body));
    const bytes = Uint8Array.fromBase64(body.data[0].b64_json);
    assert.deepEqual(readImageFacts(bytes), { type: "image/png", width: 64, height: 48 });
  });
}

Deno.test("a picture at the app's own address is fetched with the key, and one elsewhere without", async () => {
  await using scene = await startScene();
  scene.service.shape = "own addresses";
  await made(await scene.generate({ model: "modal-json" }));
  assert.deepEqual([scene.service.lastCall.path, scene.service.lastCall.key], ["/files/1.png", scene.key]);
  scene.service.shape = "addresses";
  await made(await scene.generate({ model: "modal-json" }));
  const secrets = scene.key.split(":");
  const [fetched] = scene.service.files.calls;
  assert.equal(
    [...fetched!.headers.values()].some((value) => secrets.some((secret) => value.includes(secret))),
    false,
  );
});

Deno.test("an app that answers with a picture gets its words in the query", async () => {
  await using scene = await startScene();
  const provider_params = { lora: "fox", strength: 0.5 };
  const response = await scene.generate({ model: "modal-raw", ...WISHES, provider_params });
  await made(response);
  assert.match(response.headers.get("x-imgrouter-notes") ?? "", /size: modal-raw chooses it by itself/);
  const { method, path, query } = scene.service.lastCall;
  assert.deepEqual([method, path, Object.fromEntries(query)], ["GET", "/", {
    prompt: "a fox",
    seed: "5",
    lora: "fox",
    strength: "0.5",
  }]);
  const told = await refusal(await scene.edit({ model: "modal-raw", ...given(small) }));
  assert.deepEqual([told.status, told.param], [400, "model"]);
});

Deno.test("an app that wants its query by POST gets it so", async () => {
  await using scene = await startScene();
  // The app at this address takes JSON and misses it, in FastAPI's words.
  const told = await refusal(
    await scene.generate({ model: "modal-raw", provider_params: { method: "POST" } }),
  );
  assert.deepEqual([told.status, told.param], [400, "prompt"]);
  assert.deepEqual([scene.service.lastCall.method, `${scene.service.lastCall.query}`], [
    "POST",
    "prompt=a+fox",
  ]);
});

Deno.test("how an app speaks is chosen by a name in the settings, or by a request", async () => {
  const file = { providers: { Modal: { models: { "my-fox": { like: "modal-raw" } } } } };
  await using scene = await startScene({ file });
  await made(await scene.generate({ model: "my-fox" }));
  assert.equal(scene.service.lastCall.method, "GET");
  await made(await scene.generate({ provider_params: { contract: "json", steps: 3 } }));
  assert.deepEqual(scene.service.lastCall.json, { prompt: "a fox", num_images: 1, steps: 3 });
  const wrong = await refusal(await scene.generate({ provider_params: { contract: "soap" } }));
  assert.deepEqual([wrong.status, wrong.param], [400, "provider_params.contract"]);
  const edit = await refusal(await scene.edit({ ...given(small), provider_params: { contract: "raw" } }));
  assert.deepEqual([edit.status, edit.param], [400, "image"]);
});

for (const model of ["modal-openai", "modal-json", "modal-raw"]) {
  Deno.test(`${model}: a long call is followed with GET and the key until there is a result, and sent once`, async () => {
    await using scene = await startScene();
    scene.service.redirect(3);
    assert.equal(await made(await scene.generate({ model })), 1);
    const [first, ...hops] = scene.service.calls;
    assert.equal(first!.query.has("__modal_function_call_id"), false);
    assert.equal(hops.length, 3);
    for (const { method, path, key, query, headers, json } of hops) {
      assert.deepEqual([method, path, key, json], ["GET", first!.path, scene.key, undefined]);
      assert.match(query.get("__modal_function_call_id") ?? "", /^fc-/);
      assert.equal(headers.get("content-type"), null);
    }
  });
}

Deno.test("a long edit is sent once as a form and followed without it", async () => {
  await using scene = await startScene();
  scene.service.redirect(1);
  await made(await scene.edit(given(small)));
  assert.deepEqual(scene.service.calls.map(({ method, path }) => `${method} ${path}`), [
    "POST /v1/images/edits",
    "GET /v1/images/edits",
  ]);
});

Deno.test("what an app refuses after a long time is told as it would have been at once", async () => {
  await using scene = await startScene();
  scene.service.redirect(1);
  const told = await refusal(await scene.generate({ model: "modal-json", prompt: "something forbidden" }));
  assert.deepEqual([told.status, told.code], [400, "content_policy_violation"]);
  scene.service.fail({ status: 404, body: { detail: "no such checkpoint" } }, 1, "tasks");
  means(await refusal(await scene.generate()), "model_not_found");
});

Deno.test("a result that is gone is an empty reply, and is not asked for again", async () => {
  await using scene = await startScene();
  scene.service.redirect(1);
  const { status, body, headers } = platformError(404, "invalid function call");
  scene.service.fail({ status, body, headers }, 1, "tasks");
  means(await refusal(await scene.generate()), "empty_reply");
  assert.equal(scene.service.calls.length, 2);
});

Deno.test("a wait that breaks off is taken up again, and the call is not sent anew", async () => {
  await using scene = await startScene();
  scene.service.redirect(2);
  scene.service.fail("reset", 1, "tasks");
  const asked = scene.generate();
  await scene.clock.passSleep(500, 5000);
  assert.equal(await made(await asked), 1);
  assert.deepEqual(scene.service.calls.map(({ method }) => method), ["POST", "GET", "GET"]);
});

Deno.test("redirects without end end after twenty", async () => {
  await using scene = await startScene();
  scene.service.redirect(1000);
  means(await refusal(await scene.generate()), "overloaded");
  assert.equal(scene.service.calls.length, 21);
});

Deno.test("the key does not follow to another host, nor anywhere for other redirects", async () => {
  await using scene = await startScene();
  await using other = new FileHost();
  scene.service.fail({ status: 303, headers: { location: `${other.url}/1.png` } });
  means(await refusal(await scene.generate()), "malformed_reply");
  scene.service.fail({ status: 303 });
  means(await refusal(await scene.generate()), "malformed_reply");
  scene.service.fail({ status: 307, headers: { location: `${scene.service.url}/v1/images/generations` } });
  means(await refusal(await scene.generate()), "malformed_reply");
  assert.equal(other.calls.length, 0);
  assert.equal(scene.service.calls.length, 3);
});

for (const tells of ["call_id", "result_url"] as const) {
  Deno.test(`an app that begins a call of its own and tells its ${tells} is asked for the result`, async () => {
    await using scene = await startScene();
    scene.service.spawn(tells, 3);
    const asked = scene.generate({ model: "modal-json" });
    for (let pause = 1; pause <= 2; pause++) await scene.clock.passSleep(500, 5000);
    assert.equal(await made(await asked), 1);
    const [, ...questions] = scene.service.calls;
    assert.deepEqual(questions.map(({ method }) => method), ["GET", "GET", "GET"]);
    assert.ok(questions.every(({ path, key }) => /^\/result\/fc-/.test(path) && key === scene.key));
  });
}

Deno.test("a call that was begun without a word of where its result will be is a malformed reply", async () => {
  await using scene = await startScene();
  scene.service.fail({ status: 202, body: {} });
  means(await refusal(await scene.generate()), "malformed_reply");
});

Deno.test("an app with a password of its own gets it as a bearer token", async () => {
  await using scene = await startScene({ auth: "bearer" });
  await made(await scene.generate());
  assert.equal(scene.service.lastCall.headers.get("authorization"), `Bearer ${scene.key}`);
});

Deno.test("an app without any lock is used without a key, but only by those who name it", async () => {
  await using service = modalService({ auth: "none" });
  const env = { GATEWAY_API_KEYS: "client-key", MAX_RETRIES: "0" };
  await using gateway = await startGateway({ env: { ...env, MODAL_BASE_URL: service.url } });
  const ask = async (gateway: TestGateway, fields: Record<string, unknown>) => {
    const response = await gateway.post(
      "/v1/images/generations",
      { prompt: "a fox", ...fields },
      "client-key",
    );
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await ask(gateway, { model: "modal-json" }), 200);
  assert.deepEqual(
    ["modal-key", "authorization"].map((name) => service.lastCall.headers.get(name)),
    [null, null],
  );
  assert.equal(await ask(gateway, {}), 503);
  assert.equal(service.calls.length, 1);
  await using nowhere = await startGateway({ env });
  assert.equal(await ask(nowhere, { model: "modal-json" }), 503);
  assert.equal(nowhere.app.usable().includes("Modal"), false);
});

Deno.test("a key can't be passed on to Modal before somebody said where that is", async () => {
  await using gateway = await startGateway();
  const told = await refusal(
    await gateway.post("/v1/images/generations", { prompt: "a fox" }, "wk-abcdefghij:ws-abcdefghij"),
  );
  assert.deepEqual([told.status, told.param], [400, "provider"]);
  assert.match(told.message, /base URL has to be configured/);
});

const plain = (status: number, text: string) => {
  const { body, headers } = platformError(status, text);
  return { status, body, headers };
};

const FAILURES: [name: string, reply: { status: number; body?: unknown }, kind: FailureKind][] = [
  ["a missing token", plain(401, "missing credentials for proxy authorization"), "key_rejected"],
  ["a wrong token", plain(401, "invalid credentials for proxy authorization"), "key_rejected"],
  ["a token that the app rejects", { status: 403, body: { detail: "Forbidden" } }, "key_rejected"],
  ["the older word for a missing token", { status: 407 }, "key_rejected"],
  ["an app that is stopped", plain(404, "invalid function call"), "model_not_found"],
  ["a workspace over its budget", plain(404, "workspace ac-Ab0 is disabled"), "out_of_credit"],
  ["an app that wants to be paid", { status: 402, body: { detail: "no credit" } }, "out_of_credit"],
  ["a redirect taken wrongly", plain(400, "bad redirect method"), "malformed_reply"],
  ["a redirect taken wrongly, by another status", plain(405, "bad redirect method"), "malformed_reply"],
  [
    "a function that took too long",
    plain(500, "internal error: function execution timed out"),
    "timed_out",
  ],
  ["a crash", plain(500, "internal error: function was terminated by signal"), "overloaded"],
  ["an error nobody caught", { status: 500, body: "Internal Server Error" }, "overloaded"],
  ["no container", { status: 503 }, "overloaded"],
  ["a bad gateway", { status: 502 }, "overloaded"],
  ["too many calls", { status: 429 }, "rate_limited"],
  ["a filter", { status: 400, body: { error: { code: "nsfw_detected", message: "no" } } }, "refused"],
  [
    "a filter in good spirits",
    { status: 200, body: { error: { type: "safety", message: "no" } } },
    "refused",
  ],
  [
    "a bad value",
    { status: 400, body: { error: { code: "invalid_value", param: "size" } } },
    "invalid_request",
  ],
  ["no picture at all", { status: 200, body: { data: [] } }, "empty_reply"],
  ["a web page", { status: 200, body: "<html>" }, "malformed_reply"],
];

for (const [name, reply, kind] of FAILURES) {
  Deno.test(`Modal: ${name} means ${kind}`, async () => {
    await using scene = await startScene();
    scene.service.fail(reply, 5);
    means(await refusal(await scene.generate()), kind);
  });
}

Deno.test("what FastAPI complains of is told with the field", async () => {
  await using scene = await startScene();
  const inJson = await refusal(
    await scene.generate({ model: "modal-json", provider_params: { width: "wide" } }),
  );
  assert.deepEqual([inJson.status, inJson.param], [400, "width"]);
  const inQuery = await refusal(
    await scene.generate({ model: "modal-raw", provider_params: { seed: "five" } }),
  );
  assert.deepEqual([inQuery.status, inQuery.param], [400, "seed"]);
});
