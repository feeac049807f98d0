import assert from "node:assert/strict";
import runpodSdk from "runpod-sdk";
import { readImageFacts } from "../core/media.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { paintPng } from "../testing/painting.ts";
import { dataUrl, pictures, refusal } from "../testing/provider_replies.ts";
import { startProviderScene } from "../testing/provider_scene.ts";
import { RUNPOD_ENDPOINTS } from "../testing/runpod_requests.ts";
import { OWN_ENDPOINTS, runPodError, type RunPodService, runPodService } from "../testing/runpod_service.ts";
import { Refusal } from "../testing/reply.ts";
import { runPod } from "./runpod.ts";

/**
 * A gateway before a scripted RunPod, and a caller who brings a key. Its pauses are of 750, 1500, 3000 and 3750 ms,
 * which nobody else makes.
 */
function startScene(env: Record<string, string> = {}, file?: unknown) {
  const service = runPodService();
  return startProviderScene({
    service,
    env: { RUNPOD_BASE_URL: service.url, ...env },
    file,
    clock: new FakeClock(),
  });
}

const PLAIN = `endpoint:${OWN_ENDPOINTS.plain}`;
const SDXL = `endpoint:${OWN_ENDPOINTS.sdxl}`;
const COMFY = `endpoint:${OWN_ENDPOINTS.comfyui}`;
const small = paintPng({ width: 64, height: 48 });

function inputOf(service: RunPodService): Record<string, unknown> {
  return (service.imageCalls.at(-1)!.json as { input: Record<string, unknown> }).input;
}

/** Lets the pauses pass that a job of one's own takes until it is done. */
async function patiently(scene: { clock: FakeClock }, reply: Promise<Response>): Promise<Response> {
  await scene.clock.passSleep(750);
  await scene.clock.passSleep(1500);
  return await reply;
}

Deno.test("RunPod holds the submission to a public endpoint open, and tells what it cost", async () => {
  await using scene = await startScene();
  const reply = await scene.generate();
  assert.equal(reply.headers.get("x-imgrouter-cost-usd"), "0.005");
  const [picture] = await pictures(reply);
  assert.ok(readImageFacts(picture!));
  const [call, ...more] = scene.service.calls;
  assert.deepEqual(more, []);
  assert.equal(`${call!.method} ${call!.path}?${call!.query}`, "POST /v2/z-image-turbo/runsync?wait=10000");
  assert.equal(call!.headers.get("authorization"), `Bearer ${scene.key}`);
  assert.deepEqual(call!.json, { input: { prompt: "a fox" } });
  // Results lie elsewhere, and nobody shows a key there.
  assert.deepEqual(scene.service.files.calls.map(({ headers }) => headers.get("authorization")), [null]);
});

for (
  const [model, wish, input] of [
    ["black-forest-labs-flux-1-schnell", {
      size: "1000x500",
      steps: 40,
      guidance_scale: 12,
      negative_prompt: "fog",
      output_format: "webp",
    }, {
      width: 1024,
      height: 512,
      num_inference_steps: 8,
      guidance: 10,
      negative_prompt: "fog",
      image_format: "png",
    }],
    ["black-forest-labs-flux-1-dev", { steps: 40, output_format: "jpeg" }, {
      num_inference_steps: 40,
      image_format: "jpeg",
    }],
    ["qwen-image-t2i", { size: "1024x1024", seed: 5 }, { size: "1024*1024", seed: 5 }],
    ["seedream-v4-t2i", { size: "2048x2048" }, { size: "2048*2048" }],
    ["z-image-turbo", { aspect_ratio: "16:9", output_format: "webp" }, {
      size: "1280*720",
      output_format: "webp",
    }],
    ["p-image-t2i", { size: "1536x1024" }, { aspect_ratio: "3:2" }],
    ["wan-2-6-t2i", { size: "4096x1024" }, { size: "2560*640" }],
    ["qwen-image-t2i", { provider_params: { enable_safety_checker: false } }, {
      enable_safety_checker: false,
    }],
  ] as const
) {
  Deno.test(`${model} hears ${JSON.stringify(wish)} as ${JSON.stringify(input)}`, async () => {
    await using scene = await startScene();
    await pictures(await scene.generate({ model, ...wish }));
    assert.deepEqual(inputOf(scene.service), { prompt: "a fox", ...input });
  });
}

for (
  const [model, count, wish, input] of [
    ["black-forest-labs-flux-1-kontext-dev", 1, { size: "1024x1024" }, { size: "1024*1024" }],
    ["qwen-image-edit", 1, { size: "1024x1024", output_format: "jpeg" }, { output_format: "jpeg" }],
    ["qwen-image-edit-2511", 3, { size: "1280x1536" }, { size: "1280*1536" }],
    ["seedream-v4-edit", 2, {}, {}],
    ["nano-banana-edit", 4, {}, {}],
    ["nano-banana-pro-edit", 1, { size: "3840x2160" }, { aspect_ratio: "16:9", resolution: "4k" }],
    ["nano-banana-pro-edit", 2, { size: "2048x2048" }, { aspect_ratio: "1:1", resolution: "2k" }],
    ["google-nano-banana-2-edit", 2, { size: "1024x1024" }, { aspect_ratio: "1:1", resolution: "1k" }],
    ["google-nano-banana-2-edit", 1, { aspect_ratio: "9:16" }, { aspect_ratio: "9:16" }],
    ["z-image-turbo", 1, {}, {}],
    ["p-image-edit", 5, { aspect_ratio: "3:4" }, { aspect_ratio: "3:4" }],
  ] as const
) {
  Deno.test(`${model} edits ${count} image(s) with ${JSON.stringify(wish)}`, async () => {
    await using scene = await startScene();
    const image = Array.from(
      { length: count },
      (_, seed) => dataUrl(paintPng({ width: 32, height: 32, seed })),
    );
    await pictures(await scene.edit({ model, image, ...wish }));
    const { prompt, image: one, images = [one], ...rest } = inputOf(scene.service);
    assert.equal(prompt, "a fox");
    assert.deepEqual(images, image);
    assert.deepEqual(rest, input);
  });
}

for (const { id, tasks, maxInputs = 1 } of runPod.models.filter(({ id }) => !id.endsWith("*"))) {
  Deno.test(`${id} is accepted by its endpoint for all of its tasks with all of its wishes`, async () => {
    await using scene = await startScene();
    const wishes = {
      model: id,
      seed: 1,
      steps: 500,
      guidance_scale: 100,
      negative_prompt: "fog",
      output_format: "png",
    };
    for (const task of tasks) {
      const images = Array.from({ length: task === "blend" ? maxInputs : 1 }, () => dataUrl(small));
      const send = task === "generate" ? scene.generate : scene.edit;
      for (const size of ["1024x1024", "640x1536", "4096x2304", undefined]) {
        await pictures(await send({ ...wishes, size, ...task === "generate" ? {} : { image: images } }));
      }
    }
    assert.ok(RUNPOD_ENDPOINTS[id], "the scripted service knows it");
  });
}

Deno.test("several images are made by as many calls", async () => {
  await using scene = await startScene();
  assert.equal((await pictures(await scene.generate({ n: 3 }))).length, 3);
  assert.equal(scene.service.imageCalls.length, 3);
});

Deno.test("the address of an input is passed on as it is", async () => {
  await using scene = await startScene();
  const url = scene.service.files.put(small, "image/png");
  await pictures(await scene.edit({ image: url }));
  assert.deepEqual(inputOf(scene.service).images, [url]);
});

Deno.test("a public endpoint that is not listed can be added with what it is like", async () => {
  await using scene = await startScene({}, {
    providers: { RunPod: { models: { "qwen-image-t2i-lora": { like: "qwen-image-t2i" } } } },
  });
  scene.service.fail(runPodError(404, "endpoint not found"));
  await refusal(await scene.generate({ model: "qwen-image-t2i-lora", size: "1024x1024" }));
  assert.equal(scene.service.lastCall.path, "/v2/qwen-image-t2i-lora/runsync");
  assert.deepEqual(scene.service.lastCall.json, { input: { prompt: "a fox", size: "1024*1024" } });
});

Deno.test("an endpoint of one's own is asked without holding the line, and gets the plainest inputs", async () => {
  await using scene = await startScene();
  const reply = scene.generate({
    model: PLAIN,
    size: "800x600",
    seed: 5,
    steps: 30,
    guidance_scale: 4,
    negative_prompt: "fog",
    provider_params: { sampler: "euler" },
  });
  const [picture] = await pictures(await patiently(scene, reply));
  const { width, height } = readImageFacts(picture!)!;
  assert.deepEqual([width, height], [800, 600]);
  const [submission, ...questions] = scene.service.calls;
  assert.equal(
    `${submission!.method} ${submission!.path}?${submission!.query}`,
    `POST /v2/${OWN_ENDPOINTS.plain}/run?`,
  );
  assert.deepEqual(submission!.json, {
    input: {
      prompt: "a fox",
      width: 800,
      height: 600,
      seed: 5,
      num_inference_steps: 30,
      guidance_scale: 4,
      negative_prompt: "fog",
      sampler: "euler",
    },
  });
  assert.equal(questions.length, 2);
  for (const { method, path, key } of questions) {
    assert.match(
      `${method} ${path}`,
      new RegExp(`^GET /v2/${OWN_ENDPOINTS.plain}/status/c80ffee4-[-0-9]+-u1$`),
    );
    assert.equal(key, scene.key);
  }
});

Deno.test("a plain endpoint gets one image as one, several as a list, and a mask", async () => {
  await using scene = await startScene();
  const images = [1, 2].map((seed) => dataUrl(paintPng({ width: 32, height: 32, seed })));
  const mask = dataUrl(paintPng({ width: 32, height: 32, transparent: true }));
  await pictures(await patiently(scene, scene.edit({ model: PLAIN, image: images[0], mask })));
  assert.deepEqual(inputOf(scene.service), { prompt: "a fox", image: images[0], mask });
  await pictures(await patiently(scene, scene.edit({ model: PLAIN, image: images })));
  assert.deepEqual(inputOf(scene.service), { prompt: "a fox", images });
});

const BY_REQUEST = { provider_params: { mapping: "sdxl" } };
const BY_SETTINGS = { providers: { RunPod: { models: { [SDXL]: { like: "worker-sdxl:*" } } } } };

for (
  const [where, params, file, calls] of [
    ["in the request", BY_REQUEST, undefined, 2],
    ["in the settings", {}, BY_SETTINGS, 1],
  ] as const
) {
  Deno.test(`worker-sdxl, named ${where}, gets its own inputs and gives its own output`, async () => {
    await using scene = await startScene({}, file);
    const reply = scene.generate({ model: SDXL, size: "1024x768", n: 2, steps: 25, ...params });
    // Only the settings can tell before a call that it makes two at once.
    assert.equal((await pictures(await patiently(scene, reply))).length, 2);
    assert.equal(scene.service.imageCalls.length, calls);
    assert.deepEqual(inputOf(scene.service), {
      prompt: "a fox",
      width: 1024,
      height: 768,
      num_images: 2 / calls,
      num_inference_steps: 25,
    });
  });
}

Deno.test("worker-sdxl gets its input image by address, and nothing else", async () => {
  await using scene = await startScene({}, BY_SETTINGS);
  const url = scene.service.files.put(small, "image/png");
  await pictures(await patiently(scene, scene.edit({ model: SDXL, image: url })));
  assert.equal(inputOf(scene.service).image_url, url);
  const told = await refusal(await scene.edit({ model: SDXL, image: dataUrl(small) }));
  assert.deepEqual([told.status, told.param], [400, "image"]);
  assert.match(told.message, /PUBLIC_BASE_URL or an image bed/);
});

const workflow = {
  3: { class_type: "KSampler", inputs: { seed: "{{seed}}", steps: "{{steps}}", model: ["4", 0] } },
  5: { class_type: "EmptyLatentImage", inputs: { width: "{{width}}", height: "{{height}}", batch_size: 1 } },
  6: { class_type: "CLIPTextEncode", inputs: { text: "{{prompt}}, masterpiece" } },
  7: { class_type: "CLIPTextEncode", inputs: { text: "{{negative_prompt}}" } },
};

Deno.test("worker-comfyui gets the caller's graph with its marks filled in", async () => {
  await using scene = await startScene();
  const params = { mapping: "comfyui", workflow };
  const reply = scene.generate({
    model: COMFY,
    size: "640x480",
    seed: 9,
    steps: 12,
    provider_params: params,
  });
  assert.equal((await pictures(await patiently(scene, reply))).length, 1);
  assert.deepEqual(inputOf(scene.service), {
    workflow: {
      3: { class_type: "KSampler", inputs: { seed: 9, steps: 12, model: ["4", 0] } },
      5: { class_type: "EmptyLatentImage", inputs: { width: 640, height: 480, batch_size: 1 } },
      6: { class_type: "CLIPTextEncode", inputs: { text: "a fox, masterpiece" } },
      7: { class_type: "CLIPTextEncode", inputs: { text: "" } },
    },
  });
});

Deno.test("a seed that a graph asks for and nobody named is drawn anew for each picture", async () => {
  await using scene = await startScene();
  const params = {
    mapping: "comfyui",
    workflow: { 3: { class_type: "KSampler", inputs: { seed: "{{seed}}" } } },
  };
  await pictures(await patiently(scene, scene.generate({ model: COMFY, n: 2, provider_params: params })));
  const seeds = scene.service.imageCalls.map(({ json }) =>
    (json as { input: { workflow: { 3: { inputs: { seed: unknown } } } } }).input.workflow[3].inputs.seed
  );
  assert.ok(seeds.every((seed) => typeof seed === "number" && Number.isInteger(seed)));
  assert.notEqual(seeds[0], seeds[1]);
});

Deno.test("input images go to ComfyUI as files that the graph's marks name", async () => {
  await using scene = await startScene();
  const load = (image: string) => ({ class_type: "LoadImage", inputs: { image } });
  const graph = { 1: load("{{image}}"), 2: load("{{image2}}"), 3: load("{{mask}}") };
  const images = [1, 2].map((seed) => dataUrl(paintPng({ width: 32, height: 32, seed })));
  const mask = dataUrl(paintPng({ width: 32, height: 32, transparent: true }));
  const params = { mapping: "comfyui", workflow: graph };
  await pictures(
    await patiently(scene, scene.edit({ model: COMFY, image: images, mask, provider_params: params })),
  );
  assert.deepEqual(inputOf(scene.service), {
    workflow: { 1: load("image1.png"), 2: load("image2.png"), 3: load("mask.png") },
    images: [
      { name: "image1.png", image: images[0] },
      { name: "image2.png", image: images[1] },
      { name: "mask.png", image: mask },
    ],
  });
});

const graphWith = (text: string) => ({ 1: { class_type: "CLIPTextEncode", inputs: { text } } });
for (
  const [name, params, param, message] of [
    ["no graph", { mapping: "comfyui" }, "provider_params.workflow", /expected the graph/],
    [
      "a graph that is a list",
      { mapping: "comfyui", workflow: [] },
      "provider_params.workflow",
      /expected the/,
    ],
    [
      "a graph with a mark for nothing",
      { mapping: "comfyui", workflow: graphWith("{{steps}}") },
      "provider_params.workflow",
      /request has no steps/,
    ],
    [
      "a graph with an image too many",
      { mapping: "comfyui", workflow: graphWith("at {{image3}}") },
      "provider_params.workflow",
      /request has no image3/,
    ],
    [
      "a graph with a mark of its own",
      { mapping: "comfyui", workflow: graphWith("{{colour}}") },
      "provider_params.workflow",
      /\{\{colour\}\} is not known/,
    ],
    ["an unknown mapping", { mapping: "a1111" }, "provider_params.mapping", /plain, sdxl, comfyui/],
    [
      "a mapping that is an object's own member",
      { mapping: "constructor" },
      "provider_params.mapping",
      /expected/,
    ],
  ] as const
) {
  Deno.test(`${name} is refused before any call`, async () => {
    await using scene = await startScene();
    const told = await refusal(await scene.generate({ model: COMFY, provider_params: params }));
    assert.deepEqual([told.status, told.param], [400, param]);
    assert.match(told.message, message);
    assert.equal(scene.service.calls.length, 0);
  });
}

const bytes = paintPng({ width: 20, height: 10 });
const PICTURE = bytes.toBase64();
/** Forms in which workers give images; the first member that holds one counts. */
const OUTPUTS: [name: string, output: unknown, count: number][] = [
  ["addresses in images", { images: ["PAINTED", "PAINTED"], image_url: "PAINTED" }, 2],
  ["data URIs in images", { images: [dataUrl(bytes)] }, 1],
  ["objects with base64", { images: [{ filename: "1.png", type: "base64", data: PICTURE }] }, 1],
  ["objects with addresses", { images: [{ filename: "1.png", type: "s3_url", data: "PAINTED" }] }, 1],
  ["objects with url", { images: [{ url: "PAINTED" }] }, 1],
  ["image_url", { image_url: "PAINTED", result: "nothing" }, 1],
  ["result", { result: "PAINTED", cost: 0.02 }, 1],
  ["image in base64", { image: PICTURE }, 1],
  ["image in base64 of several lines", { image: PICTURE.replace(/.{60}/g, "$&\r\n") }, 1],
  ["message of an older worker", { message: PICTURE, status: "success" }, 1],
  ["a text alone", "PAINTED", 1],
  ["a list alone", ["PAINTED", { image: PICTURE }], 2],
];

for (const [name, output, count] of OUTPUTS) {
  Deno.test(`a worker's output as ${name} is understood`, async () => {
    await using scene = await startScene({}, BY_SETTINGS);
    scene.service.scriptJobs({ states: ["COMPLETED"], output });
    // Two at once are asked for; what is missing then is made by another call.
    assert.equal((await pictures(await scene.generate({ model: SDXL, n: 2 }))).length, 2);
    assert.equal(scene.service.imageCalls.length, 2 / count);
  });
}

/** Outputs of jobs that ended well without an image. */
const EMPTY: [name: string, output: unknown, status: number, code: string][] = [
  ["an error beside no image", { error: "Workflow validation failed: node 3" }, 502, "no_image"],
  [
    "errors beside no images",
    { images: [], errors: ["node 3: NSFW content"] },
    400,
    "content_policy_violation",
  ],
  ["a complaint about an input", { error: "prompt is a required input." }, 400, "invalid_value"],
  [
    "words where an image belongs",
    { message: "done without any image at all, sorry about that" },
    502,
    "no_image",
  ],
  ["nothing", null, 502, "no_image"],
  ["a number", 7, 502, "no_image"],
  [
    "an address inside our network",
    { image_url: "http://169.254.169.254/" },
    502,
    "provider_malformed_reply",
  ],
  ["base64 that is no image", { image: "QUJD".repeat(20) }, 502, "provider_malformed_reply"],
];

for (const [name, output, status, code] of EMPTY) {
  Deno.test(`a job that ends with ${name} is told as ${code}`, async () => {
    await using scene = await startScene();
    scene.service.scriptJobs({ states: ["COMPLETED"], output });
    const told = await refusal(await scene.generate({ model: PLAIN }));
    assert.deepEqual([told.status, told.code], [status, code]);
  });
}

/** States in which a job ends without an image, and what a relay caller is told. */
const ENDINGS: [state: string, error: unknown, status: number, code: string, param?: string][] = [
  ["FAILED", { error_message: "CUDA out of memory" }, 502, "no_image"],
  ["FAILED", "handler crashed", 502, "no_image"],
  ["FAILED", undefined, 502, "no_image"],
  ["FAILED", ["width should be <class 'int'> type, not <class 'str'>."], 400, "invalid_value", "width"],
  [
    "FAILED",
    { error_message: "Unexpected input. enable_safety_checker is not a valid input option." },
    400,
    "invalid_value",
    "enable_safety_checker",
  ],
  ["FAILED", "num_images does not meet the constraints.", 400, "invalid_value", "num_images"],
  ["FAILED", "NSFW content detected", 400, "content_policy_violation"],
  ["FAILED", { error_message: "blocked by content moderation" }, 400, "content_policy_violation"],
  ["FAILED", "The prompt contains sensitive words", 400, "content_policy_violation"],
  ["FAILED", "Violation of the content policy", 400, "content_policy_violation"],
  ["FAILED", "Not enough credits to run this endpoint", 402, "insufficient_quota"],
  ["CANCELLED", undefined, 504, "provider_timeout"],
  ["TIMED_OUT", undefined, 504, "provider_timeout"],
];

for (const [state, error, status, code, param] of ENDINGS) {
  for (const when of ["at once", "later"]) {
    Deno.test(`a job that is ${state} ${when} with ${JSON.stringify(error)} is told as ${code}`, async () => {
      await using scene = await startScene();
      scene.service.scriptJobs({ states: when === "later" ? ["IN_QUEUE", state] : [state], error });
      const reply = scene.generate();
      if (when === "later") await scene.clock.passSleep(750);
      const told = await refusal(await reply);
      assert.deepEqual([told.status, told.code, told.param ?? undefined], [status, code, param]);
      assert.equal(scene.service.imageCalls.length, 1);
    });
  }
}

Deno.test("each state that is no end is waited through, and one that nobody knows, too", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["IN_QUEUE", "IN_PROGRESS", "RUNNING", "WARMING_UP", "COMPLETED"] });
  const reply = scene.generate();
  for (const ms of [750, 1500, 3000, 3750]) await scene.clock.passSleep(ms);
  assert.equal((await pictures(await reply)).length, 1);
  assert.match(scene.service.lastCall.path, /^\/v2\/z-image-turbo\/status\/sync-/);
});

Deno.test("a prompt that is refused for its content is told as such after one call", async () => {
  await using scene = await startScene();
  const { status, code, message } = await refusal(await scene.generate({ prompt: "forbidden" }));
  assert.deepEqual([status, code], [400, "content_policy_violation"]);
  assert.match(message, /safety checker/);
  assert.equal(scene.service.calls.length, 1);
});

/** Replies that are no success, and what a relay caller is told. */
const REFUSALS: [name: string, refused: Refusal, status: number, code: string][] = [
  ["a bad key, without words", new Refusal(401, undefined), 401, "invalid_api_key"],
  [
    "a key without access",
    new Refusal(403, { title: "Forbidden", status: 403, detail: "no" }),
    403,
    "model_not_permitted",
  ],
  ["an endpoint that is not there", runPodError(404, "endpoint not found"), 404, "model_not_found"],
  ["no balance", new Refusal(402, { title: "Insufficient balance", status: 402 }), 402, "insufficient_quota"],
  [
    "a bad parameter",
    new Refusal(400, {
      id: "x",
      status: "FAILED",
      error: "Invalid parameter: width must be divisible by 64",
    }),
    400,
    "invalid_value",
  ],
  ["a prompt refused at once", runPodError(400, "NSFW prompt"), 400, "content_policy_violation"],
  ["too many requests", runPodError(429, "slow down"), 429, "rate_limit_exceeded"],
  ["a crash", new Refusal(500, undefined), 503, "provider_unavailable"],
];

for (const [name, refused, status, code] of REFUSALS) {
  Deno.test(`RunPod's reply to ${name} is told as ${code}`, async () => {
    await using scene = await startScene();
    scene.service.fail(refused);
    const told = await refusal(await scene.generate());
    assert.deepEqual([told.status, told.code], [status, code]);
  });
}

Deno.test("what RunPod's own validator says is passed on with the field", async () => {
  await using scene = await startScene();
  const params = { mapping: "sdxl", num_images: 9 };
  const told = await refusal(
    await patiently(scene, scene.generate({ model: SDXL, provider_params: params })),
  );
  assert.deepEqual([told.status, told.param], [400, "num_images"]);
});

Deno.test("a job is cancelled when its client leaves", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["IN_QUEUE"] });
  const client = new AbortController();
  const reply = scene.ask("generations", { model: PLAIN }, { signal: client.signal });
  await scene.clock.passSleep(750);
  await scene.service.until(() => scene.service.calls.length === 2);
  client.abort();
  await assert.rejects(reply, { name: "AbortError" });
  await scene.service.until(() => scene.service.lastCall.path.includes("/cancel/"));
  const { method, path, key } = scene.service.lastCall;
  assert.match(
    `${method} ${path}`,
    new RegExp(`^POST /v2/${OWN_ENDPOINTS.plain}/cancel/c80ffee4-[-0-9]+-u1$`),
  );
  assert.equal(key, scene.key);
});

Deno.test("a job whose result is gone is given up after some questions, and not made again", async () => {
  await using scene = await startScene({ MAX_RETRIES: "3" });
  scene.service.scriptJobs({ states: ["IN_PROGRESS"] });
  const reply = scene.generate();
  await scene.clock.passSleep(750);
  await scene.service.until(() => scene.service.calls.length === 2);
  scene.service.forget();
  for (let turn = 0; turn < 6; turn++) await scene.clock.passSleep(750, 3750);
  assert.equal((await refusal(await reply)).code, "no_image");
  assert.equal(scene.service.imageCalls.length, 1);
});

Deno.test("endpoints of one's own need no other name than that, with a gateway key, too", async () => {
  const client = "client-key-of-a-test";
  await using scene = await startScene({
    GATEWAY_API_KEYS: client,
    RUNPOD_API_KEY: "rpa_" + "POOL".repeat(10),
    GEMINI_API_KEY: "AIza" + "0".repeat(35),
  });
  const reply = scene.gateway.post(
    "/v1/images/generations",
    { prompt: "a fox", model: PLAIN, response_format: "b64_json" },
    client,
  );
  assert.equal((await pictures(await patiently(scene, reply))).length, 1);
  const headers = { authorization: `Bearer ${client}` };
  const listed = await (await fetch(`${scene.gateway.url}/v1/models`, { headers })).json();
  const ids: string[] = listed.data.map(({ id }: { id: string }) => id);
  assert.ok(ids.includes("z-image-turbo"));
  assert.deepEqual(ids.filter((id) => id.endsWith("*")), []);
});

interface Wire {
  line: string;
  authorization: string | null;
  body: unknown;
}

function wireOf(service: RunPodService): Wire[] {
  return service.calls.map(({ method, path, headers, json }) => ({
    line: `${method} ${path.replace(/c80ffee4-[-0-9]+-u1/, ":id")}`,
    authorization: headers.get("authorization"),
    body: json,
  }));
}

Deno.test("RunPod's own SDK sends what we send: handing in, asking and cancelling", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["IN_QUEUE"] });
  const client = new AbortController();
  const reply = scene.ask("generations", { model: PLAIN, seed: 5 }, { signal: client.signal });
  await scene.clock.passSleep(750);
  await scene.service.until(() => scene.service.calls.length === 2);
  client.abort();
  await assert.rejects(reply, { name: "AbortError" });
  await scene.service.until(() => scene.service.calls.length === 3);
  const ours = wireOf(scene.service);
  scene.service.calls.length = 0;

  const endpoint = runpodSdk(scene.key, { baseUrl: scene.service.url }).endpoint(OWN_ENDPOINTS.plain)!;
  const { id } = await endpoint.run({ input: { prompt: "a fox", seed: 5 } });
  assert.equal((await endpoint.status(id)).status, "IN_QUEUE");
  await endpoint.cancel(id);
  assert.deepEqual(ours, wireOf(scene.service));
});

Deno.test("RunPod's own SDK holds a submission open as we do", async () => {
  await using scene = await startScene();
  await pictures(await scene.generate());
  const ours = wireOf(scene.service);
  scene.service.calls.length = 0;
  const endpoint = runpodSdk(scene.key, { baseUrl: scene.service.url }).endpoint("z-image-turbo")!;
  const { status } = await endpoint.runSync({ input: { prompt: "a fox" } }, 10_000);
  assert.equal(status, "COMPLETED");
  assert.deepEqual(ours, wireOf(scene.service));
  assert.equal(scene.service.lastCall.query.get("wait"), "10000");
});
