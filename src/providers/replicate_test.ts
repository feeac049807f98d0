import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import Replicate from "replicate";
import sharp from "sharp";
import { readImageFacts } from "../core/media.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { paintPng } from "../testing/painting.ts";
import { dataUrl, pictures, refusal } from "../testing/provider_replies.ts";
import { startProviderScene } from "../testing/provider_scene.ts";
import { notFound, problem, REPLICATE_MODELS } from "../testing/replicate_requests.ts";
import { type ReplicateService, replicateService } from "../testing/replicate_service.ts";
import type { Refusal } from "../testing/reply.ts";
import { replicate } from "./replicate.ts";

/**
 * A gateway before a scripted Replicate, and a caller who brings a key. Its pauses are of 375, 750, 1500 and 2250 ms,
 * which nobody else makes.
 */
function startScene(env: Record<string, string> = {}, file?: unknown) {
  const service = replicateService();
  return startProviderScene({
    service,
    env: { REPLICATE_BASE_URL: service.url, ...env },
    file,
    clock: new FakeClock(),
  });
}

const SCHNELL = "black-forest-labs/flux-schnell";
const SDXL = "stability-ai/sdxl";
const SDXL_VERSION = "39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b";
const small = paintPng({ width: 64, height: 48 });

function inputOf(service: ReplicateService): Record<string, unknown> {
  return (service.imageCalls.at(-1)!.json as { input: Record<string, unknown> }).input;
}

Deno.test("Replicate is asked for an official model by its name, and holds the submission open", async () => {
  await using scene = await startScene();
  const [picture] = await pictures(await scene.generate());
  assert.ok(readImageFacts(picture!));
  const [call, ...more] = scene.service.calls;
  assert.deepEqual(more, []);
  assert.equal(`${call!.method} ${call!.path}`, `POST /v1/models/${SCHNELL}/predictions`);
  assert.equal(call!.headers.get("authorization"), `Bearer ${scene.key}`);
  assert.equal(call!.headers.get("prefer"), "wait=10");
  assert.deepEqual(call!.json, { input: { prompt: "a fox", num_outputs: 1 } });
  // Results lie elsewhere, and nobody shows a key there.
  assert.deepEqual(scene.service.files.calls.map(({ headers }) => headers.get("authorization")), [null]);
});

for (
  const [model, path, body] of [
    [SDXL, "predictions", { version: SDXL_VERSION }],
    [`${SDXL}:${SDXL_VERSION}`, "predictions", { version: SDXL_VERSION }],
    [SDXL_VERSION, "predictions", { version: SDXL_VERSION }],
    [`Replicate/somebody/painter:${"b".repeat(64)}`, "predictions", { version: "b".repeat(64) }],
    ["deployments/acme/flux-2-pro", "deployments/acme/flux-2-pro/predictions", {}],
  ] as const
) {
  Deno.test(`${model.slice(0, 40)} is asked for at ${path}`, async () => {
    await using scene = await startScene();
    await pictures(await scene.generate({ model }));
    const { input: _input, ...rest } = scene.service.imageCalls[0]!.json as Record<string, unknown>;
    assert.equal(scene.service.imageCalls[0]!.path, `/v1/${path}`);
    assert.deepEqual(rest, body);
  });
}

Deno.test("a model of which nothing is known gets the prompt, and what the caller adds to it", async () => {
  await using scene = await startScene();
  const model = `somebody/painter:${"b".repeat(64)}`;
  const reply = await scene.generate({ model, size: "512x512", seed: 3, provider_params: { style: "ink" } });
  assert.match(reply.headers.get("x-imgrouter-notes")!, /size: .* chooses it by itself; seed: not offered/);
  await pictures(reply);
  assert.deepEqual(inputOf(scene.service), { prompt: "a fox", style: "ink" });
});

Deno.test("a model that is set up to be like a listed one gets the inputs of that one", async () => {
  await using scene = await startScene({}, {
    providers: { Replicate: { models: { [`me/tuned:${SDXL_VERSION}`]: { like: SDXL } } } },
  });
  await pictures(
    await scene.generate({ model: `me/tuned:${SDXL_VERSION}`, size: "768x512", n: 2, steps: 30 }),
  );
  assert.deepEqual(inputOf(scene.service), {
    prompt: "a fox",
    width: 768,
    height: 512,
    num_outputs: 2,
    num_inference_steps: 30,
  });
});

for (
  const [model, wish, input] of [
    [SCHNELL, { size: "1344x768" }, { num_outputs: 1, aspect_ratio: "16:9", megapixels: "1" }],
    [SCHNELL, { size: "512x512" }, { num_outputs: 1, aspect_ratio: "1:1", megapixels: "0.25" }],
    [SCHNELL, { aspect_ratio: "9:16" }, { num_outputs: 1, aspect_ratio: "9:16", megapixels: "1" }],
    [SCHNELL, { n: 4, seed: 7, steps: 30 }, { num_outputs: 4, seed: 7, num_inference_steps: 4 }],
    [SCHNELL, { output_format: "jpeg", output_compression: 70 }, {
      num_outputs: 1,
      output_format: "jpg",
      output_quality: 70,
    }],
    ["black-forest-labs/flux-dev", { guidance_scale: 30, steps: 20 }, {
      num_outputs: 1,
      guidance: 10,
      num_inference_steps: 20,
    }],
    ["black-forest-labs/flux-1.1-pro", { size: "1440x810" }, {
      aspect_ratio: "custom",
      width: 1440,
      height: 800,
    }],
    ["black-forest-labs/flux-1.1-pro-ultra", { size: "2048x1024", output_format: "webp" }, {
      aspect_ratio: "16:9",
      output_format: "png",
    }],
    ["black-forest-labs/flux-kontext-max", { aspect_ratio: "2:1" }, { aspect_ratio: "2:1" }],
    ["black-forest-labs/flux-2-pro", { size: "2048x1024", seed: 1 }, {
      aspect_ratio: "custom",
      width: 2048,
      height: 1024,
      seed: 1,
    }],
    ["black-forest-labs/flux-2-klein", {}, {}],
    [SDXL, { size: "1024x1536", negative_prompt: "fog", guidance_scale: 0.5 }, {
      num_outputs: 1,
      width: 1024,
      height: 1536,
      negative_prompt: "fog",
      guidance_scale: 1,
    }],
  ] as const
) {
  Deno.test(`${model} hears ${JSON.stringify(wish)} as ${JSON.stringify(input)}`, async () => {
    await using scene = await startScene();
    const n = "n" in wish ? wish.n : 1;
    assert.equal((await pictures(await scene.generate({ model, ...wish }))).length, n);
    assert.equal(scene.service.imageCalls.length, 1);
    assert.deepEqual(inputOf(scene.service), { prompt: "a fox", ...input });
  });
}

for (const model of replicate.models.filter(({ id }) => id !== "*")) {
  Deno.test(`${model.id} is accepted by its service for all of its tasks with all of its wishes`, async () => {
    await using scene = await startScene();
    const wishes = {
      seed: 1,
      steps: 500,
      guidance_scale: 100,
      negative_prompt: "fog",
      output_format: "png",
    };
    const images = Array.from({ length: model.maxInputs ?? 1 }, () => ({ image_url: dataUrl(small) }));
    const mask = model.mask ? { image_url: dataUrl(small) } : undefined;
    for (const task of model.tasks) {
      const operation = task === "generate" ? "generations" : task === "variation" ? "variations" : "edits";
      const prompt = task === "variation" ? undefined : "a fox";
      const inputs = task === "generate"
        ? {}
        : task === "blend"
        ? { images }
        : { images: images.slice(0, 1), mask };
      await pictures(
        await scene.ask(operation, { prompt, ...wishes, model: model.id, size: "1024x768", ...inputs }),
      );
    }
    assert.equal(scene.service.imageCalls.length, model.tasks.length);
    assert.ok(REPLICATE_MODELS[model.id], "the scripted service knows it");
  });
}

for (
  const [model, body, input] of [
    ["black-forest-labs/flux-kontext-pro", {}, { input_image: dataUrl(small) }],
    ["black-forest-labs/flux-2-max", {}, {
      input_images: [dataUrl(small)],
      aspect_ratio: "match_input_image",
    }],
    ["black-forest-labs/flux-2-max", { size: "1024x1024" }, {
      input_images: [dataUrl(small)],
      aspect_ratio: "custom",
      width: 1024,
      height: 1024,
    }],
    ["black-forest-labs/flux-dev", { size: "512x512", n: 2 }, { image: dataUrl(small), num_outputs: 2 }],
    [SDXL, {}, { image: dataUrl(small), num_outputs: 1 }],
  ] as const
) {
  Deno.test(`${model} edits ${JSON.stringify(body)} with ${Object.keys(input)}`, async () => {
    await using scene = await startScene();
    await pictures(await scene.edit({ model, image: dataUrl(small), ...body }));
    assert.deepEqual(inputOf(scene.service), { prompt: "a fox", ...input });
  });
}

Deno.test("an edit that keeps the size of its input says so", async () => {
  await using scene = await startScene();
  const model = "black-forest-labs/flux-dev";
  const reply = await scene.edit({ model, image: dataUrl(small), size: "512x512" });
  assert.match(reply.headers.get("x-imgrouter-notes")!, /size: \S+ keeps that of the input image/);
  await pictures(reply);
});

Deno.test("a variation is made by the input that guides a picture without being edited", async () => {
  await using scene = await startScene();
  await pictures(await scene.ask("variations", { prompt: undefined, image: dataUrl(small) }));
  const { path } = scene.service.imageCalls[0]!;
  assert.equal(path, "/v1/models/black-forest-labs/flux-1.1-pro/predictions");
  const { prompt, ...input } = inputOf(scene.service);
  assert.ok(prompt);
  assert.deepEqual(input, { image_prompt: dataUrl(small) });
});

Deno.test("several images are blended in one list, in the caller's order", async () => {
  await using scene = await startScene();
  const images = [1, 2, 3].map((seed) => dataUrl(paintPng({ width: 32, height: 32, seed })));
  await pictures(await scene.edit({ image: images }));
  assert.equal(scene.service.imageCalls[0]!.path, "/v1/models/black-forest-labs/flux-2-pro/predictions");
  assert.deepEqual(inputOf(scene.service).input_images, images);
});

Deno.test("a mask that is see-through where an edit may happen goes out white there", async () => {
  await using scene = await startScene();
  const mask = paintPng({ width: 64, height: 48, transparent: true });
  const model = "black-forest-labs/flux-fill-dev";
  await pictures(await scene.edit({ model, image: dataUrl(small), mask: dataUrl(mask) }));
  const { mask: sent, ...input } = inputOf(scene.service);
  const bytes = Uint8Array.fromBase64(String(sent).split(",")[1]!);
  const { channels } = await sharp(bytes).stats();
  assert.deepEqual(channels.map(({ min, max }) => [min, max]), [[255, 255]]);
  assert.deepEqual(input, {
    prompt: "a fox",
    image: dataUrl(small),
    num_outputs: 1,
    megapixels: "match_input",
  });
});

Deno.test("the address of an input is passed on as it is", async () => {
  await using scene = await startScene();
  const url = scene.service.files.put(small, "image/png");
  await pictures(await scene.edit({ image: url }));
  assert.equal(inputOf(scene.service).input_image, url);
  assert.equal(scene.service.files.calls.filter(({ path }) => url.endsWith(path)).length, 0);
});

/** Noise, which no format makes smaller: more than a data URI may be. */
const large = new Uint8Array(
  await sharp(randomBytes(320 * 320 * 3), {
    raw: { width: 320, height: 320, channels: 3 },
  }).png().toBuffer(),
);

Deno.test("a large input is uploaded with the same key, and named by its address", async () => {
  await using scene = await startScene();
  assert.ok(large.length > 256 * 1024);
  await pictures(await scene.edit({ image: dataUrl(large) }));
  const upload = scene.service.calls[0]!;
  assert.equal(`${upload.method} ${upload.path}`, "POST /v1/files");
  assert.equal(upload.key, scene.key);
  const [file] = scene.service.uploads;
  assert.equal(file!.type, "image/png");
  assert.deepEqual(await file!.bytes(), large);
  assert.equal(inputOf(scene.service).input_image, `${scene.service.url}/files/upload1`);
});

Deno.test("what is not done while the submission was held open is asked for, with growing pauses", async () => {
  await using scene = await startScene();
  scene.service.scriptPredictions({
    states: ["starting", "queued", "processing", "processing", "succeeded"],
  });
  const reply = scene.generate();
  for (const ms of [375, 750, 1500, 2250]) await scene.clock.passSleep(ms);
  assert.equal((await pictures(await reply)).length, 1);
  const [submission, ...questions] = scene.service.calls;
  assert.equal(submission!.status, 201);
  assert.equal(questions.length, 4);
  for (const { method, path, key } of questions) {
    assert.match(`${method} ${path}`, /^GET \/v1\/predictions\/[a-z0-9]{26}$/);
    assert.equal(key, scene.key);
  }
});

Deno.test("a submission that is told as accepted is waited for like any other", async () => {
  await using scene = await startScene();
  scene.service.scriptPredictions({ states: ["processing", "succeeded"] });
  const reply = scene.generate();
  await scene.clock.passSleep(375);
  await pictures(await reply);
  assert.equal(scene.service.calls[0]!.status, 202);
});

Deno.test("the bar that a model prints is told as progress to those who stream", async () => {
  await using scene = await startScene();
  const logs = "Using seed: 7\n  0%|          | 0/28\n 36%|███▌      | 10/28 [00:02<00:04]\n";
  scene.service.scriptPredictions({ states: ["processing", "processing", "succeeded"], logs });
  const reply = await scene.gateway.post("/v1/chat/completions", {
    model: SCHNELL,
    messages: [{ role: "user", content: "a fox" }],
    stream: true,
  }, scene.key);
  const text = reply.text();
  await scene.clock.passSleep(375);
  await scene.clock.passSleep(750);
  assert.match(await text, /36 ?%/);
});

Deno.test("a prediction is cancelled when its client leaves", async () => {
  await using scene = await startScene();
  scene.service.scriptPredictions({ states: ["starting", "processing"] });
  const client = new AbortController();
  const reply = scene.ask("generations", {}, { signal: client.signal });
  await scene.clock.passSleep(375);
  await scene.service.until(() => scene.service.calls.length === 2);
  client.abort();
  await assert.rejects(reply, { name: "AbortError" });
  await scene.service.until(() => scene.service.lastCall.path.endsWith("/cancel"));
  assert.match(scene.service.lastCall.path, /^\/v1\/predictions\/[a-z0-9]{26}\/cancel$/);
  assert.equal(scene.service.lastCall.method, "POST");
  assert.equal(scene.service.lastCall.key, scene.key);
});

/** States in which a prediction ends without an image, and what a relay caller is told. */
const ENDINGS: [states: string[], error: string | null, status: number, code: string][] = [
  [["failed"], "All generated images contained NSFW content. Try again.", 400, "content_policy_violation"],
  [["failed"], "The input or output was flagged as sensitive. (E005)", 400, "content_policy_violation"],
  [["failed"], "Request moderated by the safety system", 400, "content_policy_violation"],
  [["failed"], "Prediction interrupted; please retry (code: PA)", 502, "no_image"],
  [["failed"], "An unknown error occurred (E1000)", 502, "no_image"],
  [["failed"], "CUDA out of memory (E1001)", 502, "no_image"],
  [["failed"], "Director: timeout waiting for start (E6716)", 503, "provider_unavailable"],
  [["failed"], "Queue is full", 503, "provider_unavailable"],
  [["failed"], null, 502, "no_image"],
  [["canceled"], null, 504, "provider_timeout"],
  [["aborted"], null, 504, "provider_timeout"],
];

for (const [states, error, status, code] of ENDINGS) {
  for (const when of ["at once", "later"]) {
    Deno.test(`a prediction that is ${states} ${when} with ${JSON.stringify(error)} is told as ${code}`, async () => {
      await using scene = await startScene();
      scene.service.scriptPredictions({ states: when === "later" ? ["starting", ...states] : states, error });
      const reply = scene.generate();
      if (when === "later") await scene.clock.passSleep(375);
      const told = await refusal(await reply);
      assert.deepEqual([told.status, told.code], [status, code]);
      if (error && status === 400) assert.ok(told.message.includes(error.slice(0, 20)), told.message);
      assert.equal(scene.service.imageCalls.length, 1);
    });
  }
}

Deno.test("a prompt that moderation refuses is told as such after one call, with the reason", async () => {
  await using scene = await startScene();
  const { status, code, message } = await refusal(await scene.generate({ prompt: "forbidden" }));
  assert.deepEqual([status, code], [400, "content_policy_violation"]);
  assert.match(message, /NSFW content/);
});

/** Replies that are no success, and what a relay caller is told. */
const REFUSALS: [name: string, refused: Refusal, status: number, code: string, param?: string][] = [
  ["a bad token", problem(401, "Invalid or expired API token.", "Unauthenticated"), 401, "invalid_api_key"],
  ["no credit", problem(402, "You have insufficient credit to run this model."), 402, "insufficient_quota"],
  ["no permission", problem(403, "You do not have permission."), 403, "model_not_permitted"],
  ["an unknown model", notFound(), 404, "model_not_found"],
  [
    "a version that is not there",
    problem(422, "The specified version does not exist (or perhaps you don't have permission to use it?)"),
    404,
    "model_not_found",
  ],
  ["a version that is missing", problem(422, "- version is required\n"), 404, "model_not_found"],
  [
    "a model where a version belongs",
    problem(422, "- Additional property model is not allowed\n"),
    404,
    "model_not_found",
  ],
  [
    "an input that is off, even if it is about safety",
    {
      ...problem(422, ""),
      body: {
        title: "Input validation failed",
        detail: "- input.safety_tolerance: Must be less than or equal to 6\n",
        status: 422,
        invalid_fields: [{ type: "number_lte", field: "input.safety_tolerance", description: "Must be …" }],
      },
    },
    400,
    "invalid_value",
    "safety_tolerance",
  ],
  ["a rate limit", problem(429, "Request was throttled."), 429, "rate_limit_exceeded"],
  ["a crash", problem(500, "Internal server error"), 503, "provider_unavailable"],
  ["a gateway's time-out", problem(504, ""), 504, "provider_timeout"],
];

for (const [name, refused, status, code, param] of REFUSALS) {
  Deno.test(`Replicate's reply to ${name} is told as ${code}`, async () => {
    await using scene = await startScene();
    scene.service.fail(refused);
    const told = await refusal(await scene.generate());
    assert.deepEqual([told.status, told.code, told.param ?? undefined], [status, code, param]);
  });
}

Deno.test("the wait that a throttled request is told in words is passed on", async () => {
  await using scene = await startScene();
  scene.service.limit(scene.key);
  assert.equal((await refusal(await scene.generate())).retryAfter, "30");
  scene.service.limit(scene.key, { retryAfter: 7 });
  assert.equal((await refusal(await scene.generate())).retryAfter, "7");
});

Deno.test("an upload that is refused is told like any call", async () => {
  await using scene = await startScene();
  scene.service.fail(problem(402, "You have insufficient credit."), 1, "tasks");
  const told = await refusal(await scene.edit({ image: dataUrl(large) }));
  assert.deepEqual([told.status, told.code], [402, "insufficient_quota"]);
  assert.equal(scene.service.imageCalls.length, 0);
});

Deno.test("a question that fails is asked again, and the prediction is not made twice", async () => {
  await using scene = await startScene();
  scene.service.scriptPredictions({ states: ["starting", "succeeded"] });
  scene.service.fail(problem(503, "busy"), 1, "tasks");
  scene.service.fail(notFound(), 1, "tasks");
  const reply = scene.generate();
  for (let turn = 0; turn < 3; turn++) await scene.clock.passSleep(375, 1500);
  await pictures(await reply);
  assert.equal(scene.service.imageCalls.length, 1);
});

Deno.test("a prediction that stays unknown is given up after some questions", async () => {
  await using scene = await startScene();
  scene.service.scriptPredictions({ states: ["starting"] });
  scene.service.fail(notFound(), 99, "tasks");
  const reply = scene.generate();
  for (let turn = 0; turn < 6; turn++) await scene.clock.passSleep(375, 2250);
  assert.equal((await refusal(await reply)).code, "no_image");
});

const painted = dataUrl(paintPng({ width: 20, height: 10 }));
for (
  const [name, output, expected] of [
    ["a data URI", painted, 1],
    ["a list of data URIs", [painted, painted], 2],
    ["nothing, since it was deleted", null, "no_image"],
    ["an empty list", [], "no_image"],
    ["an object", { image: painted }, "provider_malformed_reply"],
    ["an address inside our network", "http://169.254.169.254/", "provider_malformed_reply"],
  ] as const
) {
  Deno.test(`${name} as output gives ${expected}`, async () => {
    await using scene = await startScene();
    scene.service.scriptPredictions({ output });
    const reply = await scene.generate({ n: 2 });
    if (typeof expected === "string") assert.equal((await refusal(reply)).code, expected);
    else {
      // What is missing, since only safe images are handed out, is made by another call.
      assert.equal((await pictures(reply)).length, 2);
      assert.equal(scene.service.imageCalls.length, 2 / expected);
    }
  });
}

for (const fault of ["garbage", "truncated", "reset midway"] as const) {
  Deno.test(`a reply that is ${fault} is not paid for twice`, async () => {
    await using scene = await startScene({ MAX_RETRIES: "3" });
    scene.service.fail(fault);
    assert.equal((await refusal(await scene.generate())).code, "provider_malformed_reply");
    assert.equal(scene.service.imageCalls.length, 1);
  });
}

Deno.test("a model that is not listed leads to Replicate only if it was chosen", async () => {
  const client = "client-key-of-a-test";
  await using scene = await startScene({
    GATEWAY_API_KEYS: client,
    REPLICATE_API_KEY: "r8_" + "Pool".repeat(9) + "0",
  });
  const version = "b".repeat(64);
  const ask = (model: string, provider?: string) =>
    scene.gateway.post("/v1/images/generations", { prompt: "a fox", model, provider }, client);
  const guessed = await ask(`somebody/painter:${version}`);
  assert.match(guessed.headers.get("x-imgrouter-notes")!, /is not known, chosen as for auto/);
  assert.equal(guessed.headers.get("x-imgrouter-model"), SCHNELL);
  await guessed.body?.cancel();
  for (const reply of [await ask(`Replicate/somebody/painter:${version}`), await ask(version, "Replicate")]) {
    await reply.body?.cancel();
    assert.deepEqual((scene.service.lastCall.json as Record<string, unknown>).version, version);
  }
});

Deno.test("a key of Replicate's leads there, even if a model's owner has the name of another provider", async () => {
  await using scene = await startScene();
  assert.equal(
    (await refusal(await scene.generate({ model: "openai/gpt-image-2" }))).code,
    "model_not_found",
  );
  assert.equal(scene.service.lastCall.path, "/v1/models/openai/gpt-image-2/predictions");
});

interface Wire {
  line: string;
  prefer: string | null;
  authorization: string | null;
  type: string | null;
  body: unknown;
}

function wireOf(service: ReplicateService): Wire[] {
  return service.calls.map(({ method, path, headers, json }) => ({
    line: `${method} ${path.replace(/[a-z0-9]{26}/, ":id")}`,
    prefer: headers.get("prefer"),
    authorization: headers.get("authorization"),
    type: headers.get("content-type"),
    body: json,
  }));
}

for (const model of [SCHNELL, `${SDXL}:${SDXL_VERSION}`] as const) {
  Deno.test(`for ${model.slice(0, 32)} Replicate's own SDK sends what we send`, async () => {
    await using scene = await startScene();
    scene.service.scriptPredictions({ states: ["starting", "succeeded"] });
    const reply = scene.generate({ model, provider_params: { num_outputs: 1, seed: 5 } });
    await scene.clock.passSleep(375);
    await pictures(await reply);
    const ours = wireOf(scene.service);
    scene.service.calls.length = 0;

    const sdk = new Replicate({ auth: scene.key, baseUrl: scene.service.url, useFileOutput: false });
    await sdk.run(model, {
      input: { prompt: "a fox", num_outputs: 1, seed: 5 },
      wait: { mode: "block", timeout: 10 },
    });
    // The SDK names a type for questions, too, though they have no body.
    const theirs = wireOf(scene.service).map((call) =>
      call.body === undefined ? { ...call, type: null } : call
    );
    assert.deepEqual(ours, theirs);
    assert.deepEqual(ours.map(({ line }) => line.split(" ")[0]), ["POST", "GET"]);
  });
}

Deno.test("Replicate's own SDK uploads and cancels as we do", async () => {
  await using service = replicateService();
  const sdk = new Replicate({ auth: service.newKey(), baseUrl: service.url });
  const { urls } = await sdk.files.create(new File([large], "input.png", { type: "image/png" }));
  const upload = service.lastCall;
  assert.equal(`${upload.method} ${upload.path}`, "POST /v1/files");
  // The SDK adds empty metadata, which is optional and nothing to us.
  assert.deepEqual([...upload.form!.keys()], ["content", "metadata"]);
  assert.equal(urls.get, `${service.url}/files/upload1`);
  service.scriptPredictions({ states: ["starting"] });
  const { id } = await sdk.predictions.create({ model: SCHNELL, input: { prompt: "a fox" } });
  assert.equal((await sdk.predictions.cancel(id)).status, "canceled");
  assert.equal(service.lastCall.path, `/v1/predictions/${id}/cancel`);
});
