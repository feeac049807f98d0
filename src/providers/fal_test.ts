import assert from "node:assert/strict";
import sharp from "sharp";
import fc from "fast-check";
import { readImageFacts } from "../core/media.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { EXHAUSTED, falService, modelError, requestError } from "../testing/fal_service.ts";
import { FileHost } from "../testing/file_host.ts";
import { paint, paintPng } from "../testing/painting.ts";
import { dataUrl, given, pictures, refusal } from "../testing/provider_replies.ts";
import { doublingPauses, startProviderScene, wishesSent } from "../testing/provider_scene.ts";
import { Refusal } from "../testing/reply.ts";
import { fal } from "./fal.ts";
import { recogniseKey } from "./registry.ts";

/** A gateway before a scripted fal, and a caller who brings a key. */
function startScene({ states = ["COMPLETED"] }: { states?: string[] } = {}) {
  const service = falService();
  service.scriptJobs({ states });
  return startProviderScene({
    service,
    env: { FAL_BASE_URL: service.url },
    clock: new FakeClock(),
    wait: doublingPauses,
  });
}

const small = paintPng({ width: 320, height: 256 });
const other = paintPng({ width: 256, height: 256, seed: 2 });

Deno.test("fal takes a job, is asked and fetched from at the addresses it named, and its files never see the key", async () => {
  await using scene = await startScene({ states: ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"] });
  const response = await scene.generate({ model: "fal-ai/flux/schnell", size: "1024x1024" }, 3);
  const [picture] = await pictures(response);
  assert.deepEqual(readImageFacts(picture!), { type: "image/jpeg", width: 1024, height: 1024 });
  const [submitted, ...asked] = scene.service.calls;
  assert.deepEqual([submitted!.method, submitted!.path], ["POST", "/fal-ai/flux/schnell"]);
  assert.deepEqual(submitted!.json, {
    prompt: "a fox",
    num_images: 1,
    image_size: { width: 1024, height: 1024 },
  });
  const address = "/fal-ai/flux/requests/00000000-0000-4000-8000-000000000001";
  assert.deepEqual(asked.map(({ method, path, status }) => [method, path, status]), [
    ["GET", `${address}/status`, 202],
    ["GET", `${address}/status`, 202],
    ["GET", `${address}/status`, 200],
    ["GET", address, 200],
  ]);
  for (const { headers } of scene.service.calls) {
    assert.equal(headers.get("authorization"), `Key ${scene.key}`);
  }
  const [fetched] = scene.service.files.calls;
  assert.equal([...fetched!.headers.values()].some((value) => value.includes(scene.key)), false);
  assert.equal(response.headers.get("x-imgrouter-cost-usd"), "0.003146");
});

Deno.test("a key of fal is an id and a secret, and neither part is one by itself", () => {
  const hex = (count: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${count}}$`));
  fc.assert(fc.property(fc.uuid(), hex(32), (id, secret) => {
    assert.equal(recogniseKey(`${id}:${secret}`), fal);
    for (
      const text of [
        id,
        secret,
        `${id}:`,
        `:${secret}`,
        `${id}:${secret}0`,
        `gitee:${secret}`,
        `doubao:${id}`,
        `fal:${id}:${secret}`,
      ]
    ) {
      assert.notEqual(recogniseKey(text), fal, text);
    }
  }));
});

for (const prefix of ["", "fal:", "Fal:", "fal.ai:"]) {
  Deno.test(`a key of fal written as ${prefix}ID:SECRET arrives whole`, async () => {
    await using scene = await startScene();
    const reply = scene.gateway.post("/v1/images/generations", { prompt: "a fox" }, `${prefix}${scene.key}`);
    await doublingPauses(scene.clock);
    const response = await reply;
    await response.body?.cancel();
    assert.equal(response.status, 200);
    assert.equal(scene.service.calls.every(({ key }) => key === scene.key), true);
  });
}

for (
  const [model, wish, expected, made] of [
    ["flux/dev", { size: "1000x1000" }, { image_size: { width: 1008, height: 1008 } }, "1008x1008"],
    ["flux/dev", { aspect_ratio: "16:9" }, { image_size: { width: 1360, height: 768 } }, "1360x768"],
    ["flux-2", { size: "4096x4096" }, { image_size: { width: 2048, height: 2048 } }, "2048x2048"],
    ["flux/schnell", {}, {}, "1024x768"],
    ["flux-pro/v1.1-ultra", { size: "1536x1024" }, { aspect_ratio: "3:2" }, "1254x836"],
    ["nano-banana", { aspect_ratio: "4:5" }, { aspect_ratio: "4:5" }, "916x1145"],
  ] as const
) {
  Deno.test(`fal-ai/${model} hears ${JSON.stringify(wish)} as ${JSON.stringify(expected)}`, async () => {
    await using scene = await startScene();
    const [picture] = await pictures(await scene.generate({ model: `fal-ai/${model}`, ...wish }));
    assert.deepEqual(wishesSent(scene), { num_images: 1, ...expected });
    const { width, height } = readImageFacts(picture!)!;
    assert.equal(`${width}x${height}`, made);
  });
}

Deno.test("each model of fal gets of all wishes what it takes, within its bounds", async () => {
  await using scene = await startScene();
  const wishes = {
    seed: 5,
    steps: 99,
    guidance_scale: 0,
    negative_prompt: "dogs",
    quality: "high",
    style: "natural",
    background: "opaque",
    moderation: "low",
    output_format: "webp",
    output_compression: 50,
    user: "somebody",
  };
  const heard: Record<string, unknown> = {};
  for (const { id, tasks, mask } of fal.models.filter(({ id }) => id !== "*")) {
    const isEdit = !tasks.includes("generate");
    const images = isEdit ? given(small) : {};
    const masks = mask
      ? { mask: { image_url: dataUrl(paintPng({ width: 320, height: 256, transparent: true })) } }
      : {};
    await pictures(
      await (isEdit ? scene.edit : scene.generate)({ model: id, ...wishes, ...images, ...masks }),
    );
    const { image_url: _image, image_urls: _images, mask_url: _mask, ...rest } = wishesSent(scene);
    heard[id] = rest;
  }
  const banana = { num_images: 1, output_format: "jpeg" };
  const pro = { ...banana, seed: 5 };
  const flux = { ...pro, num_inference_steps: 50, guidance_scale: 1 };
  const { num_images: _count, ...single } = pro;
  assert.deepEqual(heard, {
    "fal-ai/flux/schnell": { ...flux, num_inference_steps: 12 },
    "fal-ai/flux/dev": flux,
    "fal-ai/flux/dev/image-to-image": flux,
    "fal-ai/flux-pro/v1.1": pro,
    "fal-ai/flux-pro/v1.1-ultra": pro,
    "fal-ai/flux-pro/kontext": pro,
    "fal-ai/flux-pro/kontext/max": pro,
    "fal-ai/flux-2": flux,
    "fal-ai/flux-2/edit": flux,
    "fal-ai/flux-2-pro": single,
    "fal-ai/flux-general/inpainting": flux,
    "fal-ai/qwen-image": flux,
    "fal-ai/nano-banana": banana,
    "fal-ai/nano-banana/edit": banana,
  });
});

Deno.test("provider_params are merged into fal's input last", async () => {
  await using scene = await startScene();
  const provider_params = { num_inference_steps: 4, acceleration: "high" };
  await pictures(await scene.generate({ model: "fal-ai/flux/dev", steps: 30, provider_params }));
  assert.deepEqual(wishesSent(scene), { num_images: 1, ...provider_params });
});

Deno.test("fal makes up to four images by one job, and a model without a count by as many jobs", async () => {
  await using scene = await startScene();
  assert.equal((await pictures(await scene.generate({ model: "fal-ai/flux/dev", n: 4 }))).length, 4);
  assert.deepEqual(wishesSent(scene), { num_images: 4 });
  assert.equal(scene.service.imageCalls.length, 1);
  const reply = scene.generate({ model: "fal-ai/flux-2-pro", n: 2 }, 0);
  await scene.clock.sleeping(375, 2);
  await scene.clock.pass(375);
  assert.equal((await pictures(await reply)).length, 2);
  assert.equal(scene.service.imageCalls.length, 3);
});

Deno.test("fal gets one image as image_url, and several in the caller's order as image_urls", async () => {
  await using scene = await startScene();
  await pictures(await scene.edit({ model: "fal-ai/flux-pro/kontext", ...given(small) }));
  assert.deepEqual(wishesSent(scene), { num_images: 1, image_url: dataUrl(small) });
  for (const [images, model] of [[[small], "flux-2/edit"], [[other, small], "nano-banana/edit"]] as const) {
    await pictures(await scene.edit({ model: `fal-ai/${model}`, ...given(...images) }));
    assert.deepEqual(wishesSent(scene), { num_images: 1, image_urls: images.map((bytes) => dataUrl(bytes)) });
  }
});

Deno.test("fal fetches an input by itself where the caller gave an address, and gets a type that it knows", async () => {
  await using scene = await startScene();
  const image_url = "https://example.com/a fox.png?signature=1";
  await pictures(await scene.edit({ model: "fal-ai/flux-pro/kontext", images: [{ image_url }] }));
  assert.deepEqual(wishesSent(scene), { num_images: 1, image_url });
  const gif = await paint({ width: 300, height: 300, format: "gif" });
  await pictures(
    await scene.edit({
      model: "fal-ai/flux-pro/kontext",
      images: [{ image_url: dataUrl(gif, "image/gif") }],
    }),
  );
  assert.match(String(wishesSent(scene).image_url), /^data:image\/png;base64,/);
});

Deno.test("fal's mask is white where OpenAI's is see-through", async () => {
  await using scene = await startScene();
  const hole = { create: { width: 64, height: 64, channels: 4 as const, background: "#ffff" } };
  const mask = await sharp({ create: { width: 320, height: 256, channels: 4, background: "#f00f" } })
    .composite([{ input: hole, left: 0, top: 0, blend: "dest-out" }]).png().toBuffer();
  const model = "fal-ai/flux-general/inpainting";
  await pictures(await scene.edit({ model, ...given(small), mask: { image_url: dataUrl(mask) } }));
  const { image_url, mask_url } = wishesSent(scene);
  assert.equal(image_url, dataUrl(small));
  const white = Uint8Array.fromBase64(String(mask_url).replace("data:image/png;base64,", ""));
  const grey = await sharp(white).toColourspace("b-w").raw().toBuffer();
  assert.deepEqual([grey.length, grey[10 * 320 + 10], grey[200 * 320 + 200]], [320 * 256, 255, 0]);
  const told = await refusal(
    await scene.edit({
      model: "fal-ai/flux-pro/kontext",
      ...given(small),
      mask: { image_url: dataUrl(mask) },
    }, 0),
  );
  assert.deepEqual([told.status, told.param], [400, "mask"]);
  assert.match(told.message, /fal-ai\/flux-general\/inpainting/);
});

Deno.test("any other model of fal is asked for by its id, with the commonest inputs", async () => {
  await using scene = await startScene();
  const provider_params = { style: "ink" };
  await pictures(await scene.edit({ model: "somebody/painter", ...given(small), provider_params }));
  assert.equal(scene.service.imageCalls[0]!.path, "/somebody/painter");
  assert.deepEqual(wishesSent(scene), { image_url: dataUrl(small), style: "ink" });
  const told = await refusal(await scene.generate({ model: "fal-ai/nothing" }, 0));
  assert.deepEqual([told.status, told.code], [404, "model_not_found"]);
});

for (
  const [name, result] of [
    ["a single image", { images: undefined, image: { url: dataUrl(small) } }],
    ["an image in a data address", { images: [{ url: dataUrl(small) }], has_nsfw_concepts: undefined }],
  ] as const
) {
  Deno.test(`fal's result may be ${name}`, async () => {
    await using scene = await startScene();
    scene.service.scriptJobs({ states: ["COMPLETED"], result });
    assert.deepEqual(await pictures(await scene.generate()), [small]);
  });
}

Deno.test("an image that fal's safety checker held back is none, and where all are the caller is told why", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["COMPLETED"], result: { has_nsfw_concepts: [true] } });
  const told = await refusal(await scene.generate());
  assert.deepEqual([told.status, told.code], [400, "content_policy_violation"]);
  assert.match(told.message, /safety checker/);
  assert.equal(scene.service.files.calls.length, 0, "the black picture is not even fetched");
});

Deno.test("an image among several that fal's safety checker held back is noted, and made anew", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["COMPLETED"], result: { has_nsfw_concepts: [false, true, false] } });
  const reply = scene.generate({ n: 3 });
  await doublingPauses(scene.clock);
  const response = await reply;
  assert.match(response.headers.get("x-imgrouter-notes") ?? "", /1 of 3 images were held back/);
  assert.equal((await pictures(response)).length, 3);
  assert.deepEqual(scene.service.imageCalls.map(({ json }) => (json as { num_images: number }).num_images), [
    3,
    1,
  ]);
});

Deno.test("a finished job of fal without a picture is none", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["COMPLETED"], result: { images: [] } });
  const told = await refusal(await scene.generate());
  assert.deepEqual([told.status, told.code], [502, "no_image"]);
});

Deno.test("a result of fal that is said to be in progress is asked for again, and so is an unknown state", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["THINKING", "COMPLETED"], early: 2 });
  assert.equal((await pictures(await scene.generate({}, 4))).length, 1);
  assert.equal(scene.service.imageCalls.length, 1);
});

Deno.test("questions that fal can't answer for a while cost nothing but time", async () => {
  await using scene = await startScene({ states: ["IN_QUEUE", "COMPLETED"] });
  scene.service.fail(requestError(503, "runner_connection_error", "busy"), 2, "tasks");
  assert.equal((await pictures(await scene.generate({}, 3))).length, 1);
  assert.equal(scene.service.imageCalls.length, 1);
});

Deno.test("fal's job is taken back at the address it named when the client leaves", async () => {
  await using scene = await startScene({ states: ["IN_QUEUE"] });
  const leaving = new AbortController();
  const reply = scene.gateway.post("/v1/images/generations", { prompt: "a fox" }, scene.key, {
    signal: leaving.signal,
  });
  await doublingPauses(scene.clock);
  leaving.abort();
  await assert.rejects(reply, { name: "AbortError" });
  await scene.service.until(() => scene.service.calls.at(-1)?.method === "PUT");
  await scene.gateway.app.settled();
  const { path, status } = scene.service.lastCall;
  assert.equal(path, "/fal-ai/flux/requests/00000000-0000-4000-8000-000000000001/cancel");
  assert.equal(status, 202);
});

for (const name of ["status_url", "response_url"] as const) {
  Deno.test(`fal's key is not sent to a ${name} outside its hosts`, async () => {
    await using scene = await startScene();
    await using stranger = new FileHost();
    const address = `${stranger.url}/requests/1`;
    if (name === "status_url") scene.service.scriptJobs({ submitted: { status_url: address } });
    else scene.service.scriptJobs({ states: ["COMPLETED"], told: { response_url: address } });
    const response = await scene.generate();
    const told = await refusal(response);
    assert.deepEqual([told.status, told.code], [502, "provider_malformed_reply"]);
    assert.match(told.message, /the key is not sent there/);
    assert.equal(stranger.calls.length, 0);
  });
}

const PROMPT = ["body", "prompt"];

/** What a model or its runner says in the place of the result. */
const RESULTS: [name: string, refusal: Refusal, status: number, code: string, text: RegExp][] = [
  [
    "moderation",
    modelError(422, "content_policy_violation", PROMPT, "flagged"),
    400,
    "content_policy_violation",
    /^prompt: flagged$/,
  ],
  [
    "an image that is too large",
    modelError(422, "image_too_large", ["body", "image_url"], "4096 pixels at most"),
    400,
    "image_too_large",
    /^image_url: 4096/,
  ],
  [
    "an image that it could not fetch",
    modelError(422, "file_download_error", ["body", "image_url"], "Failed to download"),
    400,
    "file_download_error",
    /Failed to download/,
  ],
  [
    "no picture",
    modelError(422, "no_media_generated", PROMPT, "nothing came"),
    502,
    "no_image",
    /nothing came/,
  ],
  [
    "a service that is down",
    modelError(500, "downstream_service_unavailable", ["body"], "try later"),
    503,
    "provider_unavailable",
    /try later/,
  ],
  [
    "a fault of the other service",
    modelError(400, "downstream_service_error", ["body"], "oops"),
    503,
    "provider_unavailable",
    /oops/,
  ],
  [
    "a time limit of the model",
    modelError(504, "generation_timeout", ["body"], "too long"),
    504,
    "provider_timeout",
    /too long/,
  ],
  [
    "a time limit of the queue",
    requestError(504, "request_timeout", "Request timed out"),
    504,
    "provider_timeout",
    /Request timed out/,
  ],
  ["a bad request", requestError(400, "bad_request", "no such thing"), 400, "invalid_value", /no such thing/],
  [
    "a job that somebody took back",
    requestError(499, "client_cancelled", "Request was cancelled"),
    504,
    "provider_timeout",
    /cancelled/,
  ],
];

for (const [name, fault, status, code, text] of RESULTS) {
  Deno.test(`fal's word for ${name} in the place of a result is understood at once`, async () => {
    await using scene = await startScene();
    scene.service.scriptJobs({ states: ["COMPLETED"], refusal: fault });
    const told = await refusal(await scene.generate());
    assert.deepEqual([told.status, told.code], [status, code], told.message);
    assert.match(told.message, text);
    assert.equal(scene.service.calls.length, 3);
  });
}

Deno.test("a runner of fal that fails is asked for its result some more times, since it may have made it", async () => {
  await using scene = await startScene();
  const fault = requestError(500, "runner_server_error", "Internal Server Error");
  scene.service.scriptJobs({ states: ["COMPLETED"], refusal: fault });
  const told = await refusal(await scene.generate({}, 6));
  assert.deepEqual([told.status, told.code], [503, "provider_unavailable"]);
  assert.equal(scene.service.imageCalls.length, 1);
});

Deno.test("a field that a model of fal refuses is named to the caller who sent it", async () => {
  await using scene = await startScene();
  const told = await refusal(await scene.generate({ provider_params: { colour: "red" } }));
  assert.deepEqual([told.status, told.code, told.param], [400, "extra_forbidden", "colour"]);
});

/** What the queue says of a submission. */
const SUBMISSIONS: [name: string, refusal: Refusal, status: number, code: string, text: RegExp][] = [
  [
    "a bad key",
    new Refusal(401, { detail: "No user found for Key ID and Secret" }),
    401,
    "invalid_api_key",
    /No user found/,
  ],
  ["no balance", EXHAUSTED, 402, "insufficient_quota", /Exhausted balance/],
  [
    "an account that has to be topped up",
    new Refusal(403, { detail: "User is locked. Reason: TOP_UP." }),
    402,
    "insufficient_quota",
    /TOP_UP/,
  ],
  [
    "an account that was locked",
    new Refusal(403, { detail: "User is locked. Reason: Admin lock." }),
    401,
    "invalid_api_key",
    /Admin lock/,
  ],
  [
    "something else that is forbidden",
    new Refusal(403, { detail: "Access to this model is restricted" }),
    403,
    "model_not_permitted",
    /restricted/,
  ],
  ["too many jobs", new Refusal(429, { detail: "Too many" }), 429, "rate_limit_exceeded", /Too many/],
  [
    "no runner",
    requestError(503, "runner_scheduling_failure", "No runner"),
    503,
    "provider_unavailable",
    /No runner/,
  ],
  [
    "an answer without a job",
    new Refusal(200, { status: "IN_QUEUE" }),
    502,
    "provider_malformed_reply",
    /request_id/,
  ],
];

for (const [name, fault, status, code, text] of SUBMISSIONS) {
  Deno.test(`fal's word for ${name} is understood`, async () => {
    await using scene = await startScene();
    scene.service.fail(fault);
    const told = await refusal(await scene.generate({}, 0));
    assert.deepEqual([told.status, told.code], [status, code], told.message);
    assert.match(told.message, text);
    assert.equal(scene.service.calls.length, 1);
  });
}
