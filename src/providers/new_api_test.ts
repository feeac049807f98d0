import assert from "node:assert/strict";
import OpenAI from "openai";
import { readImageFacts } from "../core/media.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { FileHost } from "../testing/file_host.ts";
import { startGateway } from "../testing/gateway.ts";
import {
  newApiError,
  type NewApiOptions,
  newApiService,
  type TaskScript,
} from "../testing/new_api_service.ts";
import { paintPng } from "../testing/painting.ts";
import { providerCall } from "../testing/provider_call.ts";
import { dataUrl, given, pictures, refusal } from "../testing/provider_replies.ts";
import { assertUnderstood, startProviderScene } from "../testing/provider_scene.ts";
import type { Refusal } from "../testing/reply.ts";
import { newApi } from "./new_api.ts";

/** A gateway before a scripted relay, and a caller who brings a key of it. */
function startScene(options: NewApiOptions & { task?: TaskScript } = {}) {
  const service = newApiService(options);
  if (options.task) service.scriptTasks(options.task);
  return startProviderScene({
    service,
    env: { NEWAPI_BASE_URL: service.url },
    clock: new FakeClock(),
    fields: { provider: "NewApi", model: "gpt-image-2" },
    wait: async (clock, questions = 0) => {
      for (let turn = 1; turn <= questions; turn++) await clock.passSleep(750, 3750);
    },
  });
}

const small = paintPng({ width: 64, height: 48 });
const other = paintPng({ width: 48, height: 48, seed: 2 });

Deno.test("a relay is sent all wishes by the names that most services have for them", async () => {
  await using scene = await startScene();
  await pictures(
    await scene.generate({
      model: "seedream-4.5",
      n: 2,
      size: "640x480",
      quality: "high",
      style: "vivid",
      background: "opaque",
      moderation: "low",
      seed: 5,
      steps: 20,
      guidance_scale: 4,
      negative_prompt: "dogs",
      output_format: "webp",
      output_compression: 50,
      user: "somebody",
      lora_weights: { "a/b": 1 },
      provider_params: { watermark: false, seed: 6 },
    }),
  );
  const { method, path, headers, json } = scene.service.lastCall;
  assert.deepEqual([method, path], ["POST", "/v1/images/generations"]);
  assert.equal(headers.get("authorization"), `Bearer ${scene.key}`);
  assert.deepEqual(json, {
    model: "seedream-4.5",
    prompt: "a fox",
    n: 1,
    size: "640x480",
    quality: "high",
    style: "vivid",
    background: "opaque",
    moderation: "low",
    seed: 6,
    num_inference_steps: 20,
    guidance_scale: 4,
    negative_prompt: "dogs",
    output_format: "webp",
    output_compression: 50,
    user: "somebody",
    response_format: "b64_json",
    watermark: false,
  });
  assert.equal(scene.service.imageCalls.length, 2);
});

for (const model of ["gpt-image-2", "openai/gpt-image-1.5", "chatgpt-image-latest"]) {
  Deno.test(`a relay is not told the form of the reply for ${model}, which refuses to hear of it`, async () => {
    await using scene = await startScene({ models: [model], answers: "b64_json" });
    await pictures(await scene.generate({ model }));
    assert.deepEqual(scene.service.lastCall.json, { model, prompt: "a fox", n: 1 });
  });
}

Deno.test("a relay's base address works as a host alone, too", async () => {
  await using service = newApiService();
  await using gateway = await startGateway({ env: { NEWAPI_BASE_URL: service.origin } });
  const body = { provider: "NewApi", model: "flux-1.1-pro", prompt: "a fox" };
  const response = await gateway.post("/v1/images/generations", body, service.newKey());
  await response.body?.cancel();
  assert.deepEqual([response.status, service.lastCall.path], [200, "/v1/images/generations"]);
});

Deno.test("a relay gets an edit as a form, with the images in the caller's order", async () => {
  await using scene = await startScene();
  await pictures(await scene.edit({ ...given(small), mask: { image_url: dataUrl(other) }, size: "640x480" }));
  const one = scene.service.lastCall;
  assert.equal(one.path, "/v1/images/edits");
  assert.deepEqual([...one.form!.keys()], ["model", "prompt", "n", "size", "image", "mask"]);
  assert.deepEqual(await (one.form!.get("image") as File).bytes(), small);
  assert.deepEqual(await (one.form!.get("mask") as File).bytes(), other);
  await pictures(await scene.edit({ model: "seedream-4.5", ...given(other, small) }));
  const several = scene.service.lastCall.form!;
  assert.equal(several.get("response_format"), "b64_json");
  const bytes = await Promise.all(several.getAll("image[]").map((part) => (part as File).bytes()));
  assert.deepEqual(bytes, [other, small]);
});

Deno.test("a relay that gives an address although it was asked for base64 is fetched from, without the key", async () => {
  await using scene = await startScene({ answers: "url" });
  const [picture] = await pictures(await scene.generate({ model: "flux-1.1-pro" }));
  assert.equal(readImageFacts(picture!)?.type, "image/png");
  const [fetched] = scene.service.files.calls;
  assert.equal([...fetched!.headers.values()].some((value) => value.includes(scene.key)), false);
});

for (
  const [name, item] of [
    ["a data URI where base64 is agreed on", { b64_json: dataUrl(small) }],
    ["a data URI where an address is agreed on", { url: dataUrl(small) }],
    ["an empty address beside base64", { url: "", b64_json: small.toBase64() }],
    ["an empty base64 beside a data URI", { b64_json: "", url: dataUrl(small) }],
  ] as const
) {
  Deno.test(`a relay that gives ${name} is understood`, async () => {
    await using scene = await startScene();
    scene.service.fail({ status: 200, body: { created: 1, data: [item] } });
    assert.deepEqual(await pictures(await scene.generate()), [small]);
  });
}

for (
  const [name, body, status, code, text] of [
    [
      "an error",
      { error: { message: "upstream error", type: "new_api_error", code: "bad_response" } },
      502,
      "bad_response",
      /upstream error/,
    ],
    [
      "an error beside empty data",
      { data: [], error: { message: "额度不足", code: "insufficient_user_quota" } },
      402,
      "insufficient_user_quota",
      /额度不足/,
    ],
    [
      "a refusal",
      { error: { message: "rejected by the safety system", code: "moderation_blocked" } },
      400,
      "content_policy_violation",
      /safety system/,
    ],
    ["an error in a text", { error: "upstream error" }, 502, "provider_malformed_reply", /upstream error/],
    [
      "a message alone",
      { success: false, message: "No available channel for model x" },
      404,
      "model_not_found",
      /No available channel/,
    ],
    ["other words alone", { code: 1, message: "try later" }, 502, "1", /try later/],
    ["no image at all", { created: 1, data: [] }, 502, "no_image", /without any image/],
    ["nothing of an image", { created: 1, data: [{}] }, 502, "no_image", /without any image/],
    ["a chat", { id: "chatcmpl-1", choices: [{ message: { content: "Sorry" } }] }, 502, "no_image", /image/],
  ] as const
) {
  Deno.test(`a relay that answers 200 with ${name} has failed`, async () => {
    await using scene = await startScene();
    scene.service.fail({ status: 200, body });
    const told = await refusal(await scene.generate());
    assert.deepEqual([told.status, told.code], [status, code]);
    assert.match(told.message, text);
    assert.equal(scene.service.calls.length, 1);
  });
}

const FAILURES: [name: string, refusal: Refusal, status: number, code: string][] = [
  ["a bad key", newApiError(401, "Invalid token"), 401, "invalid_api_key"],
  [
    "an empty account",
    newApiError(403, "User quota is not enough", "insufficient_user_quota"),
    402,
    "insufficient_user_quota",
  ],
  ["an empty account in words", newApiError(403, "User quota is not enough"), 402, "insufficient_quota"],
  ["an empty account in Chinese", newApiError(403, "用户额度不足"), 402, "insufficient_quota"],
  ["an unpaid bill", newApiError(429, "Billing not active", "billing_not_active"), 402, "billing_not_active"],
  [
    "a model that is not allowed",
    newApiError(403, "This token has no access to model x"),
    403,
    "model_not_permitted",
  ],
  [
    "a model without a channel",
    newApiError(503, "No available channel for model x", "model_not_found"),
    404,
    "model_not_found",
  ],
  [
    "a model without a channel in words",
    newApiError(503, "No available channel for model x"),
    404,
    "model_not_found",
  ],
  [
    "a model without a channel in Chinese",
    newApiError(503, "当前分组下对于模型 x 无可用渠道"),
    404,
    "model_not_found",
  ],
  ["too many requests", newApiError(429, "You have reached the request limit"), 429, "rate_limit_exceeded"],
  ["a refused prompt", newApiError(400, "rejected", "moderation_blocked"), 400, "content_policy_violation"],
  [
    "sensitive words",
    newApiError(400, "rejected", "sensitive_words_detected"),
    400,
    "content_policy_violation",
  ],
  [
    "a bad parameter",
    newApiError(400, "Invalid request, field size", "invalid_request"),
    400,
    "invalid_request",
  ],
  ["being out of service", newApiError(502, "bad gateway"), 503, "provider_unavailable"],
  ["taking too long", newApiError(504, "upstream timed out"), 504, "provider_timeout"],
];

for (const [name, fault, status, code] of FAILURES) {
  Deno.test(`a relay's word for ${name} is understood`, async () => {
    await using scene = await startScene();
    const { error } = fault.body as { error: { message: string } };
    await assertUnderstood(scene, fault, { status, code, message: error.message });
  });
}

type Task = { id: string; origin: string };
type Image = { url: string; b64_json: string; id: string };

/** Tasks as resellers tell of them, and how they tell the result. */
const TASKS: [name: string, script: TaskScript, questions: number][] = [
  ["an id alone, and OpenAI's data at its end", {
    submitted: ({ id }: Task) => ({ task_id: id }),
    polled: [() => ({ status: "processing" }), ({ b64_json }: Image) => ({ data: [{ b64_json }] })],
  }, 2],
  ["a list of tasks, and addresses in a list at its end", {
    submitted: ({ id }: Task) => ({ code: 200, data: [{ status: "submitted", task_id: id }] }),
    polled: [
      ({ id }: Image) => ({ code: 200, data: { id, status: "processing", progress: 36 } }),
      ({ id, url }: Image) => ({
        code: 200,
        data: { id, status: "completed", progress: 100, result: { images: [{ url: [url] }] } },
      }),
    ],
  }, 2],
  ["a task as an object, and its results as a list", {
    submitted: ({ id }: Task) => ({ id, object: "image.generation.task", status: "pending", progress: 0 }),
    polled: [({ id, url }: Image) => ({ id, status: "completed", results: [url] })],
  }, 1],
  ["a wrapped task, and a wrapped result", {
    submitted: ({ id }: Task) => ({
      code: "success",
      message: "",
      data: { task_id: id, status: "SUBMITTED" },
    }),
    polled: [({ id, url }: Image) => ({
      code: "success",
      data: { task_id: id, status: "SUCCESS", progress: "100%", data: { image_url: url } },
    })],
  }, 1],
  ["an address to ask at", {
    submitted: ({ id, origin }: Task) => ({
      id,
      status: "queued",
      status_url: `${origin}/v1/queue/${id}/state`,
    }),
    polled: [({ url }: Image) => ({ status: "succeeded", output: url })],
    at: "/v1/queue",
  }, 1],
  ["an address without its host", {
    submitted: ({ id }: Task) => ({ id, state: "queued", urls: { get: `/v1/queue/${id}/state` } }),
    polled: [({ b64_json }: Image) => ({ state: "done", output: [`data:image/png;base64,${b64_json}`] })],
    at: "/v1/queue",
  }, 1],
  ["a task that is asked for where it was made", {
    submitted: ({ id }: Task) => ({ taskId: id }),
    polled: [({ b64_json }: Image) => ({ status: "finished", images: [{ b64_json }] })],
    at: "/v1/images/generations",
  }, 1],
  ["a submission that is a success without an image", {
    submitted: ({ id }: Task) => ({ task_id: id, task_status: "SUCCEED" }),
    polled: [({ url }: Image) => ({ task_status: "SUCCEED", output_images: [], outputs: [url] })],
  }, 1],
];

for (const [name, task, questions] of TASKS) {
  Deno.test(`a reseller's task is recognised and asked for: ${name}`, async () => {
    await using scene = await startScene({ task });
    const [picture] = await pictures(await scene.generate({ size: "640x480" }, questions));
    assert.deepEqual(readImageFacts(picture!), { type: "image/png", width: 640, height: 480 });
    assert.equal(scene.service.imageCalls.length, 1);
    for (const call of scene.service.calls) assert.equal(call.key, scene.key);
    assert.equal(scene.service.files.calls.every(({ key }) => key === undefined), true);
  });
}

Deno.test("a reseller's task is asked for when it edits, too", async () => {
  await using scene = await startScene({ task: TASKS[0]![1] });
  assert.equal((await pictures(await scene.edit(given(small), 2))).length, 1);
});

Deno.test("a reseller's task that is done at once is not asked for", async () => {
  const task: TaskScript = { submitted: ({ id }) => ({ id, status: "succeeded", output: [dataUrl(small)] }) };
  await using scene = await startScene({ task });
  assert.deepEqual(await pictures(await scene.generate()), [small]);
  assert.equal(scene.service.calls.length, 1);
});

for (
  const [name, polled, status, code, text] of [
    ["failed", { status: "failed" }, 502, "no_image", /the task ended as failed/],
    [
      "failed with a reason",
      { status: "FAILURE", fail_reason: "worker lost" },
      502,
      "no_image",
      /worker lost/,
    ],
    ["failed with a text", { status: "error", error: "worker lost" }, 502, "no_image", /worker lost/],
    [
      "was refused",
      { data: { status: "failed", error: { code: "content_policy_violation", message: "rejected" } } },
      400,
      "content_policy_violation",
      /rejected/,
    ],
    ["was cancelled", { status: "cancelled" }, 502, "no_image", /cancelled/],
    ["is done without an image", { status: "completed", results: [] }, 502, "no_image", /without any image/],
  ] as const
) {
  Deno.test(`a reseller's task that ${name} ends with ${status}`, async () => {
    const task: TaskScript = { submitted: ({ id }) => ({ task_id: id }), polled: [() => polled] };
    await using scene = await startScene({ task });
    const told = await refusal(await scene.generate({}, 1));
    assert.deepEqual([told.status, told.code], [status, code]);
    assert.match(told.message, text);
    assert.equal(scene.service.imageCalls.length, 1);
  });
}

Deno.test("a reseller's task that failed when it was handed in is not asked for", async () => {
  const task: TaskScript = {
    submitted: ({ id }) => ({ task_id: id, status: "failed", message: "额度不足" }),
  };
  await using scene = await startScene({ task });
  assert.equal((await refusal(await scene.generate())).status, 402);
  assert.equal(scene.service.calls.length, 1);
});

Deno.test("a reseller's task that can't be asked for anywhere is told as such, after six questions", async () => {
  const task: TaskScript = { submitted: ({ id }) => ({ task_id: id }), at: "/elsewhere" };
  await using scene = await startScene({ task });
  const told = await refusal(await scene.generate({}, 6));
  assert.deepEqual([told.status, told.code], [502, "no_image"]);
  assert.match(told.message, /answered with the task task-1 instead of an image/);
  assert.equal(scene.service.imageCalls.length, 1);
});

Deno.test("a reseller's task is not asked for at a foreign host, which would see the key", async () => {
  await using stranger = new FileHost();
  const task: TaskScript = {
    submitted: ({ id }) => ({ id, status: "queued", status_url: `${stranger.url}/1` }),
  };
  await using scene = await startScene({ task });
  const told = await refusal(await scene.generate({}, 1));
  assert.deepEqual([told.status, told.code], [502, "provider_malformed_reply"]);
  assert.match(told.message, /the key is not sent there/);
  assert.equal(stranger.calls.length, 0);
});

Deno.test("a relay tells of its models by their ids", async () => {
  await using service = newApiService();
  const call = providerCall({ provider: newApi, baseUrl: service.url, key: service.newKey() });
  assert.deepEqual(await newApi.listModels!(call), [
    { id: "gpt-image-2" },
    { id: "flux-1.1-pro" },
    { id: "seedream-4.5" },
  ]);
});

Deno.test("OpenAI's SDK, pointed at a relay, sends the same for the same wishes", async () => {
  await using scene = await startScene();
  const client = new OpenAI({ apiKey: scene.key, baseURL: scene.service.url, maxRetries: 0 });
  const wishes = { model: "gpt-image-2", prompt: "a fox", n: 1, size: "1536x1024", quality: "high" } as const;
  await client.images.generate(wishes);
  await pictures(await scene.generate(wishes));
  const [theirs, ours] = scene.service.imageCalls;
  assert.deepEqual([ours!.method, ours!.path, ours!.key], [theirs!.method, theirs!.path, theirs!.key]);
  assert.deepEqual(ours!.json, theirs!.json);
});
