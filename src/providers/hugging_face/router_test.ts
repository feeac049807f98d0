import assert from "node:assert/strict";
import { InferenceClient } from "@huggingface/inference";
import { readImageFacts } from "../../core/media.ts";
import { type HuggingFaceService, huggingFaceService } from "../../testing/hugging_face_service.ts";
import { paintPng } from "../../testing/painting.ts";
import { dataUrl, given, picture, refusal } from "../../testing/provider_replies.ts";
import { startProviderScene } from "../../testing/provider_scene.ts";
import type { RecordedCall } from "../../testing/recorded_call.ts";
import { Refusal } from "../../testing/reply.ts";
import { RushingClock } from "../../testing/rushing_clock.ts";

/** A gateway before a scripted Hugging Face, and a caller who brings a token. */
function startScene() {
  const service = huggingFaceService();
  return startProviderScene({
    service,
    env: { HUGGINGFACE_BASE_URL: service.url },
    clock: new RushingClock(),
  });
}

const small = paintPng({ width: 320, height: 256 });
const other = paintPng({ width: 256, height: 256, seed: 2 });

const wished = { seed: 5, steps: 20, guidance_scale: 3.5, negative_prompt: "rain", size: "768x512" };
const usual = { seed: 5, num_inference_steps: 20, guidance_scale: 3.5, negative_prompt: "rain" };

const DEV = "black-forest-labs/FLUX.1-dev";
const SD3 = "stabilityai/stable-diffusion-3-medium-diffusers";

for (
  const { service, model, path, body, notes = "" } of [
    {
      service: "hf-inference",
      model: SD3,
      path: `/hf-inference/models/${SD3}`,
      body: { inputs: "a fox", parameters: { ...usual, width: 768, height: 512 } },
    },
    {
      service: "fal-ai",
      model: DEV,
      path: "/fal-ai/fal-ai/flux/dev",
      body: { ...usual, prompt: "a fox", image_size: { width: 768, height: 512 } },
    },
    {
      service: "together",
      model: "black-forest-labs/FLUX.1-schnell:together",
      path: "/together/v1/images/generations",
      body: {
        ...usual,
        num_inference_steps: undefined,
        steps: 20,
        width: 768,
        height: 512,
        prompt: "a fox",
        response_format: "base64",
        model: "black-forest-labs/FLUX.1-schnell",
      },
    },
    {
      service: "nscale",
      model: "black-forest-labs/FLUX.1-schnell",
      path: "/nscale/v1/images/generations",
      body: { prompt: "a fox", model: "black-forest-labs/FLUX.1-schnell", response_format: "b64_json" },
      notes: "size: not offered by nscale, left out; seed: not offered by nscale, left out",
    },
    {
      service: "replicate",
      model: `${DEV}:replicate`,
      path: "/replicate/v1/models/black-forest-labs/flux-dev/predictions",
      body: { input: { ...usual, prompt: "a fox", width: 768, height: 512 } },
    },
    {
      service: "wavespeed",
      model: `${DEV}:wavespeed`,
      path: "/wavespeed/api/v3/wavespeed-ai/flux-dev",
      body: { ...usual, prompt: "a fox", size: "768*512" },
    },
    {
      service: "zai-org",
      model: "zai-org/GLM-Image",
      path: "/zai-org/api/paas/v4/async/images/generations",
      body: { prompt: "a fox", model: "glm-image", size: "768x512" },
      notes: "seed: not offered by zai-org, left out",
    },
  ]
) {
  Deno.test(`Hugging Face has ${service} make a picture in its own words, with the token for the router alone`, async () => {
    await using scene = await startScene();
    const response = await scene.generate({ model, ...wished });
    assert.match(response.headers.get("x-imgrouter-notes") ?? "", new RegExp(notes));
    const facts = readImageFacts(await picture(response));
    assert.deepEqual([facts?.width, facts?.height], service === "nscale" ? [1024, 1024] : [768, 512]);
    const [hub, asked, ...questions] = scene.service.calls;
    assert.equal(hub!.path, `/api/models/${model.split(":")[0]}`);
    assert.equal(hub!.query.get("expand[]"), "inferenceProviderMapping");
    assert.deepEqual([asked!.method, asked!.path], ["POST", path]);
    assert.deepEqual(asked!.json, JSON.parse(JSON.stringify(body)));
    for (const call of [hub, asked, ...questions]) assert.equal(call!.key, scene.key);
    for (const call of scene.service.files.calls) assert.equal(call.key, undefined);
  });
}

for (
  const { service, model, inputs, body } of [
    {
      service: "hf-inference",
      model: "timbrooks/instruct-pix2pix",
      inputs: [small],
      body: { inputs: small.toBase64(), parameters: { prompt: "a fox" } },
    },
    {
      service: "fal-ai",
      model: "black-forest-labs/FLUX.2-klein-9B",
      inputs: [small, other],
      body: { prompt: "a fox", image_url: dataUrl(small), image_urls: [dataUrl(small), dataUrl(other)] },
    },
    {
      service: "together",
      model: "black-forest-labs/FLUX.1-Kontext-dev",
      inputs: [small],
      body: {
        prompt: "a fox",
        response_format: "base64",
        model: "black-forest-labs/FLUX.1-kontext-dev",
        image_url: dataUrl(small),
      },
    },
    {
      service: "together",
      model: "black-forest-labs/FLUX.2-dev",
      inputs: [small, other],
      body: {
        prompt: "a fox",
        response_format: "base64",
        model: "black-forest-labs/FLUX.2-dev",
        reference_images: [dataUrl(small), dataUrl(other)],
      },
    },
    {
      service: "replicate",
      model: "black-forest-labs/FLUX.2-klein-9B:replicate",
      inputs: [small],
      body: {
        input: {
          prompt: "a fox",
          image: dataUrl(small),
          images: [dataUrl(small)],
          input_image: dataUrl(small),
          input_images: [dataUrl(small)],
        },
      },
    },
    {
      service: "wavespeed",
      model: "black-forest-labs/FLUX.2-dev:wavespeed",
      inputs: [small],
      body: { prompt: "a fox", image: small.toBase64(), images: [small.toBase64()] },
    },
  ]
) {
  Deno.test(`Hugging Face hands ${inputs.length} image(s) to ${service} as ${model} wants them`, async () => {
    await using scene = await startScene();
    assert.ok(readImageFacts(await picture(await scene.edit({ model, ...given(...inputs) }))));
    const asked = scene.service.imageCalls.at(-1)!;
    assert.ok(asked.path.startsWith(`/${service}/`), asked.path);
    assert.deepEqual(asked.json, body);
  });
}

Deno.test("a service is named after the model, or among the parameters, and so is who pays", async () => {
  await using scene = await startScene();
  await picture(await scene.generate({ model: `${DEV}:wavespeed` }));
  assert.match(scene.service.imageCalls.at(-1)!.path, /^\/wavespeed\//);
  await picture(
    await scene.generate({
      model: DEV,
      provider_params: { provider: "fal-ai", bill_to: "acme", enable_safety_checker: true },
    }),
  );
  const asked = scene.service.imageCalls.at(-1)!;
  assert.match(asked.path, /^\/fal-ai\//);
  assert.equal(asked.headers.get("x-hf-bill-to"), "acme");
  assert.deepEqual(asked.json, { prompt: "a fox", enable_safety_checker: true });
});

Deno.test("the hub is asked once for a model, whether it answers with an object or a list, and the first that is live serves", async () => {
  await using scene = await startScene();
  scene.service.mappings["someone/painter"] = [
    { provider: "nowhere", providerId: "x", status: "live", task: "text-to-image" },
    { provider: "together", providerId: "t", status: "staging", task: "text-to-image" },
    { provider: "fal-ai", providerId: "e", status: "live", task: "image-to-image" },
    { provider: "nscale", providerId: "n", status: "live", task: "text-to-image" },
  ];
  for (let turn = 0; turn < 3; turn++) await picture(await scene.generate({ model: "someone/painter" }));
  assert.deepEqual(scene.service.calls.map(({ path }) => path.split("/")[1]), [
    "api",
    "nscale",
    "nscale",
    "nscale",
  ]);
});

Deno.test("a model that its service stopped is looked up anew", async () => {
  await using scene = await startScene();
  await picture(await scene.generate({ model: "black-forest-labs/FLUX.1-schnell" }));
  const { mappings } = scene.service;
  mappings["black-forest-labs/FLUX.1-schnell"] = {
    together: { providerId: "schnell", status: "live", task: "text-to-image" },
  };
  const gone = await refusal(await scene.generate({ model: "black-forest-labs/FLUX.1-schnell" }));
  assert.deepEqual([gone.status, gone.code], [404, "model_not_found"]);
  await picture(await scene.generate({ model: "black-forest-labs/FLUX.1-schnell" }));
  assert.match(scene.service.imageCalls.at(-1)!.path, /^\/together\//);
});

for (
  const [what, model, words] of [
    ["a model that the hub doesn't have", "someone/nothing", /does not know this model|Repository not found/],
    ["a service that doesn't serve the model", `${DEV}:nscale`, /fal-ai, replicate, wavespeed/],
    ["a model that only edits", "timbrooks/instruct-pix2pix", /pictures from words/],
  ] as const
) {
  Deno.test(`Hugging Face: ${what} is not found`, async () => {
    await using scene = await startScene();
    const { status, code, message } = await refusal(await scene.generate({ model }));
    assert.deepEqual([status, code], [404, "model_not_found"]);
    assert.match(message, words);
  });
}

Deno.test("weights for another model go to fal as such, by their file at the hub, as strong as is wished", async () => {
  await using scene = await startScene();
  const model = "painter/strokes-lora";
  await picture(await scene.generate({ model, lora_weights: { [model]: 0.7, "https://x.example/a": 0.5 } }));
  assert.deepEqual(scene.service.imageCalls[0]!.json, {
    prompt: "a fox",
    model_name: "stabilityai/stable-diffusion-xl-base-1.0",
    loras: [
      { path: "https://huggingface.co/painter/strokes-lora/resolve/main/strokes.safetensors", scale: 0.7 },
      { path: "https://x.example/a", scale: 0.5 },
    ],
  });
});

Deno.test("a version at Replicate goes into the body, and a prediction that isn't ready is asked for", async () => {
  await using scene = await startScene();
  scene.service.mappings["someone/old"] = {
    replicate: { providerId: "someone/old:abc123", status: "live", task: "text-to-image" },
  };
  scene.service.scriptJobs({ states: ["starting", "processing", "succeeded"] });
  await picture(await scene.generate({ model: "someone/old" }));
  const [, asked, ...questions] = scene.service.calls;
  assert.equal(asked!.path, "/replicate/v1/predictions");
  assert.equal(asked!.headers.get("prefer"), "wait");
  assert.deepEqual(asked!.json, { input: { prompt: "a fox" }, version: "abc123" });
  assert.deepEqual(questions.map(({ path }) => path), Array(2).fill("/replicate/v1/predictions/job-1"));
});

/** A model that each service serves. */
const SERVED: Record<string, string> = {
  "hf-inference": SD3,
  "fal-ai": DEV,
  together: "black-forest-labs/FLUX.1-schnell:together",
  nscale: "black-forest-labs/FLUX.1-schnell",
  replicate: `${DEV}:replicate`,
  wavespeed: `${DEV}:wavespeed`,
  "zai-org": "zai-org/GLM-Image",
};

for (const [service, model] of Object.entries(SERVED)) {
  Deno.test(`a prompt that ${service} refuses is refused by Hugging Face`, async () => {
    await using scene = await startScene();
    const { status, code } = await refusal(await scene.generate({ model, prompt: "something forbidden" }));
    assert.deepEqual([status, code], [400, "content_policy_violation"]);
  });
}

for (
  const [service, state, status] of [
    ["fal-ai", "IN_QUEUE", 200],
    ["fal-ai", "IN_PROGRESS", 200],
    ["fal-ai", "SOMETHING_NEW", 200],
    ["replicate", "starting", 200],
    ["replicate", "processing", 200],
    ["replicate", "failed", 503],
    ["replicate", "canceled", 503],
    ["replicate", "aborted", 503],
    ["wavespeed", "created", 200],
    ["wavespeed", "processing", 200],
    ["wavespeed", "failed", 503],
    ["zai-org", "PROCESSING", 200],
    ["zai-org", "FAIL", 503],
  ] as const
) {
  Deno.test(`a job of ${service} that is ${state} ${status === 200 ? "is waited for" : "failed"}`, async () => {
    await using scene = await startScene();
    const done = {
      "fal-ai": "COMPLETED",
      replicate: "succeeded",
      wavespeed: "completed",
      "zai-org": "SUCCESS",
    };
    scene.service.scriptJobs({ states: [state, done[service]], error: "out of memory" });
    const response = await scene.generate({ model: SERVED[service] });
    assert.equal(response.status, status);
    await response.body?.cancel();
    const submissions = scene.service.imageCalls.length;
    assert.equal(submissions, 1, "a job is handed in once");
  });
}

Deno.test("a picture that fal's or WaveSpeed's checker blackened counts as refused", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ isUnsafe: true });
  for (const service of ["fal-ai", "wavespeed"]) {
    const { status, code } = await refusal(await scene.generate({ model: SERVED[service] }));
    assert.deepEqual([service, status, code], [service, 400, "content_policy_violation"]);
  }
});

Deno.test("a failure that fal tells where the result should be is read as any other", async () => {
  await using scene = await startScene();
  const detail = [{ loc: ["body", "seed"], msg: "Input should be less than 10", type: "less_than" }];
  scene.service.scriptJobs({ refusal: new Refusal(422, { detail }) });
  const { status, message } = await refusal(await scene.generate({ model: DEV }));
  assert.equal(status, 400);
  assert.match(message, /less than 10/);
});

Deno.test("WaveSpeed's failures in a good reply are failures", async () => {
  await using scene = await startScene();
  const body = { code: 402, message: "Insufficient credits", data: null };
  scene.service.fail({ status: 200, body });
  assert.equal((await refusal(await scene.generate({ model: SERVED.wavespeed }))).status, 402);
});

for (
  const [what, fault, expected] of [
    ["an unknown model", [400, { error: "Model not supported by provider nscale" }], [
      404,
      "model_not_found",
    ]],
    ["a bad request", [400, { error: "prompt is too long" }], [400, "invalid_value"]],
    ["a bad token", [401, { error: "Invalid username or password." }], [401, "invalid_api_key"]],
    ["used-up credit", [402, { error: "Payment Required" }], [402, "insufficient_quota"]],
    ["used-up credit told with 403", [403, {
      error: "You have exceeded your monthly included credits for Inference Providers.",
    }], [402, "insufficient_quota"]],
    ["a token without the permission", [403, {
      error: "This authentication method does not have sufficient permissions to call Inference Providers",
    }], [403, "model_not_permitted"]],
    ["a model that is gone", [404, { error: "Not Found" }], [404, "model_not_found"]],
    ["a model that was stopped", [410, { message: "deprecated and no longer supported" }], [
      404,
      "model_not_found",
    ]],
    ["a bad parameter", [422, { detail: "width must be a multiple of 8" }], [400, "invalid_value"]],
    ["too many requests", [429, { error: "Too Many Requests" }], [429, "rate_limit_exceeded"]],
    ["a model that loads", [503, { error: "Model is currently loading" }], [503, "provider_unavailable"]],
    ["a service that is down", [500, "<html>oops</html>"], [503, "provider_unavailable"]],
  ] as [string, [number, unknown], [number, string]][]
) {
  Deno.test(`Hugging Face's router: ${what} is told as ${expected[0]}`, async () => {
    await using scene = await startScene();
    const [status, body] = fault;
    scene.service.fail({ status, body });
    const told = await refusal(await scene.generate({ model: "black-forest-labs/FLUX.1-schnell" }));
    assert.equal(told.status, expected[0], told.message);
    assert.equal(told.code, expected[1]);
    assert.ok(!JSON.stringify(told).includes(scene.key));
  });
}

for (const fault of ["garbage", "truncated", "empty"] as const) {
  Deno.test(`a ${fault} reply of a service behind the router is an error`, async () => {
    await using scene = await startScene();
    scene.service.fail(fault);
    assert.equal(
      (await refusal(await scene.generate({ model: "black-forest-labs/FLUX.1-schnell" }))).status,
      502,
    );
  });
}

Deno.test("a job of fal is taken back when the client leaves", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["IN_QUEUE"] });
  const leaving = new AbortController();
  const asked = scene.gateway.post("/v1/images/generations", { prompt: "a fox", model: DEV }, scene.key, {
    signal: leaving.signal,
  });
  await scene.service.until(() => scene.service.calls.some(({ path }) => path.endsWith("/status")));
  leaving.abort();
  await assert.rejects(asked, { name: "AbortError" });
  await scene.service.until(() => scene.service.cancelled.length > 0);
  assert.deepEqual(scene.service.cancelled, ["job-1"]);
});

/** What the vendor's own client sends for the same wish, led to the scripted service. */
async function bySdk(
  { service, key }: { service: HuggingFaceService; key: string },
  ask: (client: InferenceClient, fetch: typeof globalThis.fetch) => Promise<unknown>,
): Promise<RecordedCall[]> {
  const before = service.calls.length;
  const led: typeof fetch = (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    return fetch(`${service.url}${url.pathname}${url.search}`, init);
  };
  await ask(new InferenceClient(key), led);
  return service.calls.slice(before);
}

/** What must be equal: method, path, query, token and body. */
function wire({ method, path, query, key, json }: RecordedCall) {
  return { method, path, query: [...query], key, json };
}

for (
  const [service, model] of [
    ["nscale", "black-forest-labs/FLUX.1-schnell"],
    ["together", "black-forest-labs/FLUX.1-schnell"],
    ["hf-inference", SD3],
    ["replicate", DEV],
  ] as const
) {
  Deno.test(`the calls for ${service} are those of the vendor's own client`, async () => {
    await using scene = await startScene();
    await picture(await scene.generate({ model: `${model}:${service}` }));
    const ours = scene.service.calls.map(wire);
    const args = { model, provider: service, inputs: "a fox" };
    const theirs = await bySdk(scene, (client, fetch) =>
      // Of Replicate's picture the address is enough: its bytes would be fetched past the scripted service.
      service === "replicate"
        ? client.textToImage(args, { fetch, outputType: "url" })
        : client.textToImage(args, { fetch }));
    // The client asks the hub once in its life and keeps the answer for all its callers. With fal-ai, wavespeed
    // and zai-org it asks for its jobs by the global fetch, so that nothing could lead it here.
    const posted = (calls: { method: string }[]) => calls.filter(({ method }) => method === "POST");
    assert.equal(posted(theirs).length, 1);
    assert.deepEqual(posted(theirs.map(wire)), posted(ours));
  });
}

Deno.test("an edit by hf-inference is sent as the vendor's own client does it", async () => {
  await using scene = await startScene();
  const model = "timbrooks/instruct-pix2pix";
  await picture(await scene.edit({ model, ...given(small) }));
  const ours = wire(scene.service.imageCalls.at(-1)!);
  await bySdk(scene, (client, fetch) =>
    client.imageToImage({
      model,
      provider: "hf-inference",
      inputs: new Blob([small], { type: "image/png" }),
      parameters: { prompt: "a fox" },
    }, { fetch }));
  assert.deepEqual(wire(scene.service.imageCalls.at(-1)!), ours);
});
