import assert from "node:assert/strict";
import { readImageFacts } from "../core/media.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { startGateway } from "../testing/gateway.ts";
import { flatGiteeError, GITEE_ERRORS, giteeError } from "../testing/gitee_errors.ts";
import { EDIT_MODELS, TASK_MODELS, TEXT_MODELS } from "../testing/gitee_requests.ts";
import { type GiteeService, giteeService } from "../testing/gitee_service.ts";
import { paint, paintPng } from "../testing/painting.ts";
import { providerCall } from "../testing/provider_call.ts";
import { dataUrl, given, pictures, refusal } from "../testing/provider_replies.ts";
import { assertUnderstood, startProviderScene } from "../testing/provider_scene.ts";
import type { Refusal } from "../testing/reply.ts";
import { gitee } from "./gitee.ts";

const TASK_MODEL = "Qwen-Image-Edit-2511";

/** A gateway before a scripted Gitee AI, and a caller who brings a key. */
function startScene() {
  const service = giteeService();
  return startProviderScene({
    service,
    env: { GITEE_BASE_URL: service.url },
    clock: new FakeClock(),
    wait: async (clock, questions = 0) => {
      for (let turn = 1; turn <= questions; turn++) await clock.passSleep(1500, 7500);
    },
  });
}

const small = paintPng({ width: 64, height: 48 });
const other = paintPng({ width: 48, height: 48, seed: 2 });
const mask = paintPng({ width: 64, height: 48, transparent: true });

/** The parts of the last form in their order; files by name, type and content. */
async function parts({ service }: { service: GiteeService }): Promise<[string, string][]> {
  const form = service.imageCalls.at(-1)!.form!;
  return await Promise.all([...form].map(async ([name, value]): Promise<[string, string]> => {
    if (typeof value === "string") return [name, value];
    return [name, `${value.name} ${value.type} ${(await value.bytes()).toBase64()}`];
  }));
}

const file = (name: string, bytes: Uint8Array) => `${name}.png image/png ${bytes.toBase64()}`;

Deno.test("Gitee is asked in OpenAI's dialect, without a count, for base64", async () => {
  await using scene = await startScene();
  const [picture] = await pictures(await scene.generate({ size: "1024x768" }));
  assert.deepEqual(readImageFacts(picture!), { type: "image/png", width: 1024, height: 768 });
  const { method, path, headers, json } = scene.service.lastCall;
  assert.deepEqual([method, path], ["POST", "/v1/images/generations"]);
  assert.equal(headers.get("authorization"), `Bearer ${scene.key}`);
  assert.deepEqual(json, {
    model: "z-image-turbo",
    prompt: "a fox",
    size: "1024x768",
    response_format: "b64_json",
  });
});

Deno.test("Gitee gets wishes as flat fields, LoRAs as a list, and no more steps than its model takes", async () => {
  await using scene = await startScene();
  const response = await scene.generate({
    seed: 5,
    steps: 40,
    guidance_scale: 3.5,
    negative_prompt: "dogs",
    lora_weights: { "https://example.com/a": 0.5, "https://example.com/b": 1 },
    quality: "high",
    output_format: "webp",
    user: "somebody",
  });
  const notes = response.headers.get("x-imgrouter-notes") ?? "";
  assert.match(notes, /steps: 40 became 25/);
  assert.match(notes, /quality: not offered/);
  const [picture] = await pictures(response);
  assert.equal(readImageFacts(picture!)?.type, "image/webp");
  assert.deepEqual(scene.service.lastCall.json, {
    model: "z-image-turbo",
    prompt: "a fox",
    seed: 5,
    num_inference_steps: 25,
    guidance_scale: 3.5,
    negative_prompt: "dogs",
    lora_weights: [
      { url: "https://example.com/a", weight: 0.5 },
      { url: "https://example.com/b", weight: 1 },
    ],
    response_format: "b64_json",
    user: "somebody",
  });
  await pictures(await scene.generate({ model: "Kolors", steps: 40 }));
  assert.equal((scene.service.lastCall.json as Record<string, unknown>).num_inference_steps, 40);
});

for (
  const [model, wish, size] of [
    ["z-image-turbo", { size: "1000x1000" }, "1024x1024"],
    ["z-image-turbo", { size: "1920x1080" }, "2048x1152"],
    ["z-image-turbo", { aspect_ratio: "9:16" }, "576x1024"],
    ["Qwen-Image", { size: "1000x1000" }, "1008x1008"],
    ["FLUX.1-dev", { size: "4096x4096" }, "2048x2048"],
  ] as const
) {
  Deno.test(`Gitee's ${model} hears ${JSON.stringify(wish)} as ${size}`, async () => {
    await using scene = await startScene();
    await pictures(await scene.generate({ model, ...wish }));
    assert.equal((scene.service.lastCall.json as Record<string, unknown>).size, size);
  });
}

Deno.test("Gitee makes several images by as many calls", async () => {
  await using scene = await startScene();
  assert.equal((await pictures(await scene.generate({ n: 3 }))).length, 3);
  assert.equal(scene.service.imageCalls.length, 3);
});

Deno.test("provider_params are merged into Gitee's request last", async () => {
  await using scene = await startScene();
  const provider_params = { response_format: "url", num_inference_steps: 12 };
  await pictures(await scene.generate({ steps: 8, provider_params }));
  const { response_format, num_inference_steps } = scene.service.lastCall.json as Record<string, unknown>;
  assert.deepEqual([response_format, num_inference_steps], ["url", 12]);
  const [fetched] = scene.service.files.calls;
  assert.equal([...fetched!.headers.values()].some((value) => value.includes(scene.key)), false);
});

Deno.test("Gitee edits and joins by a form, all images under one name, in the caller's order", async () => {
  await using scene = await startScene();
  await pictures(
    await scene.edit({
      ...given(small, other),
      mask: { image_url: dataUrl(mask) },
      size: "640x480",
      steps: 8,
      seed: 5,
      guidance_scale: 1.5,
      negative_prompt: "dogs",
      lora_weights: { "https://example.com/a": 1 },
    }),
  );
  assert.equal(scene.service.lastCall.path, "/v1/images/edits");
  assert.deepEqual(await parts(scene), [
    ["model", "Qwen-Image-Edit"],
    ["prompt", "a fox"],
    ["size", "640x480"],
    ["seed", "5"],
    ["num_inference_steps", "8"],
    ["guidance_scale", "1.5"],
    ["negative_prompt", "dogs"],
    ["response_format", "b64_json"],
    ["lora_weights", '{"url":"https://example.com/a","weight":1}'],
    ["image", file("image0", small)],
    ["image", file("image1", other)],
    ["mask", file("mask", mask)],
  ]);
});

Deno.test("Gitee gets five images at most, and none of a type that few services take", async () => {
  await using scene = await startScene();
  const six = given(...[1, 2, 3, 4, 5, 6].map((seed) => paintPng({ width: 20, height: 20, seed })));
  assert.equal((await refusal(await scene.edit(six))).status, 400);
  assert.equal(scene.service.calls.length, 0);
  const gif = await paint({ width: 30, height: 30, format: "gif" });
  await pictures(await scene.edit({ images: [{ image_url: dataUrl(gif, "image/gif") }] }));
  const [, sent] = (await parts(scene)).find(([name]) => name === "image")!;
  assert.match(sent, /^image0\.png image\/png /);
});

Deno.test("an edit by a newer Gitee model is a task that is handed in once and asked for until it is done", async () => {
  await using scene = await startScene();
  const asked = scene.edit({
    model: TASK_MODEL,
    ...given(small, other),
    size: "640x480",
    steps: 4,
    guidance_scale: 1,
    seed: 5,
    negative_prompt: "dogs",
  }, 3);
  const [picture] = await pictures(await asked);
  assert.deepEqual(readImageFacts(picture!), { type: "image/png", width: 640, height: 480 });
  const [submitted, ...questions] = scene.service.calls;
  assert.deepEqual([submitted!.method, submitted!.path], ["POST", "/v1/async/images/edits"]);
  assert.deepEqual(await parts(scene), [
    ["model", TASK_MODEL],
    ["prompt", "a fox"],
    ["size", "640x480"],
    ["seed", "5"],
    ["num_inference_steps", "4"],
    ["guidance_scale", "1"],
    ["task_types", "id"],
    ["task_types", "id"],
    ["image", file("image0", small)],
    ["image", file("image1", other)],
  ]);
  assert.equal(questions.length, 3);
  for (const { method, path, headers } of questions) {
    assert.deepEqual([method, path], ["GET", "/v1/task/TASK0000000000000000000000000001"]);
    assert.equal(headers.get("authorization"), `Bearer ${scene.key}`);
  }
  const [fetched] = scene.service.files.calls;
  assert.equal([...fetched!.headers.values()].some((value) => value.includes(scene.key)), false);
});

Deno.test("what the images of a Gitee task are there for can be said", async () => {
  await using scene = await startScene();
  scene.service.scriptTasks({ states: ["success"] });
  const provider_params = { task_types: ["id", "style"] };
  await pictures(await scene.edit({ model: TASK_MODEL, ...given(small, other), provider_params }, 1));
  assert.deepEqual(scene.service.imageCalls[0]!.form!.getAll("task_types"), ["id", "style"]);
});

for (const state of ["waiting", "in_progress", "processing", "is_process", "queued_anew"]) {
  Deno.test(`a Gitee task that is ${state} is asked for again`, async () => {
    await using scene = await startScene();
    scene.service.scriptTasks({ states: [state, "success"] });
    assert.equal((await pictures(await scene.edit({ model: TASK_MODEL, ...given(small) }, 2))).length, 1);
  });
}

for (
  const [state, status, code] of [
    ["failure", 502, "no_image"],
    ["failed", 502, "no_image"],
    ["cancelled", 504, "provider_timeout"],
    ["canceled", 504, "provider_timeout"],
  ] as const
) {
  Deno.test(`a Gitee task that is ${state} ends with ${status}`, async () => {
    await using scene = await startScene();
    scene.service.scriptTasks({ states: [state], error: "out of memory" });
    const told = await refusal(await scene.edit({ model: TASK_MODEL, ...given(small) }, 1));
    assert.deepEqual([told.status, told.code], [status, code]);
    assert.match(told.message, state.startsWith("fail") ? /out of memory/ : /the task ended as cancel/);
    assert.equal(scene.service.imageCalls.length, 1);
  });
}

for (
  const [name, error, status, code] of [
    ["a text", "The content is sensitive.", 400, "content_policy_violation"],
    ["a code", { code: "content_policy", message: "The task failed." }, 400, "content_policy_violation"],
    ["other words", { code: "oom", message: "out of memory" }, 502, "oom"],
    ["nothing", null, 502, "no_image"],
  ] as const
) {
  Deno.test(`a Gitee task that failed with ${name} ends with ${status}`, async () => {
    await using scene = await startScene();
    scene.service.scriptTasks({ states: ["failure"], error });
    const told = await refusal(await scene.edit({ model: TASK_MODEL, ...given(small) }, 1));
    assert.deepEqual([told.status, told.code], [status, code]);
  });
}

for (
  const [name, result] of [
    ["file_url", ({ url }: { url: string }) => ({ file_url: url, b64_json: "not this one" })],
    ["image as an address", ({ url }: { url: string }) => ({ image: url })],
    ["image as base64", ({ b64_json }: { b64_json: string }) => ({ image: b64_json })],
    ["url", ({ url }: { url: string }) => ({ url })],
    ["b64_json", ({ b64_json }: { b64_json: string }) => ({ b64_json })],
    ["b64_json as a data URI", ({ b64_json }: { b64_json: string }) => ({
      b64_json: `data:image/png;base64,${b64_json}`,
    })],
    ["data.b64_json", ({ b64_json }: { b64_json: string }) => ({ data: { b64_json } })],
    ["data[].b64_json", ({ b64_json }: { b64_json: string }) => ({ data: [{ b64_json }] })],
    ["data[].url", ({ url }: { url: string }) => ({ data: [{ url }] })],
  ] as const
) {
  Deno.test(`the result of a Gitee task is found in ${name}`, async () => {
    await using scene = await startScene();
    scene.service.scriptTasks({ states: ["success"], result });
    assert.equal((await pictures(await scene.edit({ model: TASK_MODEL, ...given(small) }, 1))).length, 1);
  });
}

Deno.test("a finished Gitee task without a picture is none", async () => {
  await using scene = await startScene();
  scene.service.scriptTasks({ states: ["success"], result: () => ({}) });
  const told = await refusal(await scene.edit({ model: TASK_MODEL, ...given(small) }, 1));
  assert.deepEqual([told.status, told.code], [502, "no_image"]);
});

Deno.test("a Gitee task that is done when it is handed in is not asked for", async () => {
  await using scene = await startScene();
  scene.service.scriptTasks({ submitted: { status: "success", output: { b64_json: other.toBase64() } } });
  assert.deepEqual(await pictures(await scene.edit({ model: TASK_MODEL, ...given(small) })), [other]);
  assert.equal(scene.service.calls.length, 1);
});

Deno.test("a Gitee submission without a task is no answer", async () => {
  await using scene = await startScene();
  scene.service.scriptTasks({ submitted: { task_id: undefined } });
  const told = await refusal(await scene.edit({ model: TASK_MODEL, ...given(small) }));
  assert.deepEqual([told.status, told.code], [502, "provider_malformed_reply"]);
});

for (
  const [name, body, code] of [
    [
      "an error",
      { error: "Bad Request", message: "The task failed: sensitive content" },
      "content_policy_violation",
    ],
    ["an error in a text", { error: "worker lost" }, "no_image"],
    ["a message", { message: "worker lost" }, "no_image"],
  ] as const
) {
  Deno.test(`a question about a Gitee task that is answered with ${name} alone ends it`, async () => {
    await using scene = await startScene();
    scene.service.fail({ status: 200, body }, 1, "tasks");
    const told = await refusal(await scene.edit({ model: TASK_MODEL, ...given(small) }, 1));
    assert.equal(told.code, code);
    assert.equal(scene.service.imageCalls.length, 1);
  });
}

Deno.test("questions that Gitee can't answer for a while cost nothing but time", async () => {
  await using scene = await startScene();
  scene.service.scriptTasks({ states: ["success"] });
  scene.service.fail(GITEE_ERRORS.unavailable, 2, "tasks");
  scene.service.fail(giteeError(404, "Task not found"), 1, "tasks");
  assert.equal((await pictures(await scene.edit({ model: TASK_MODEL, ...given(small) }, 4))).length, 1);
  assert.equal(scene.service.imageCalls.length, 1);
});

Deno.test("a Gitee task that stays unknown is lost after six questions", async () => {
  await using scene = await startScene();
  scene.service.fail(giteeError(404, "Task not found"), 20, "tasks");
  const told = await refusal(await scene.edit({ model: TASK_MODEL, ...given(small) }, 6));
  assert.deepEqual([told.status, told.code], [502, "no_image"]);
});

Deno.test("a Gitee task is cancelled when the client leaves", async () => {
  await using scene = await startScene();
  const leaving = new AbortController();
  const reply = scene.gateway.post(
    "/v1/images/edits",
    { prompt: "a fox", model: TASK_MODEL, ...given(small) },
    scene.key,
    { signal: leaving.signal },
  );
  await scene.service.until(() => scene.service.calls[0]?.status === 200);
  await scene.clock.passSleep(1500);
  leaving.abort();
  await assert.rejects(reply, { name: "AbortError" });
  await scene.service.until(() => scene.service.lastCall.path.endsWith("/cancel"));
  const { method, path, key } = scene.service.lastCall;
  const cancelled = "/api/v1/task/TASK0000000000000000000000000001/cancel";
  assert.deepEqual([method, path, key], ["POST", cancelled, scene.key]);
});

const FAILURES: [name: string, refusal: Refusal, status: number, code: string][] = [
  ["a bad key", GITEE_ERRORS.invalid_token, 401, "invalid_api_key"],
  ["a bad key by 400", giteeError(400, "Invalid token."), 401, "invalid_api_key"],
  ["a day that is used up", GITEE_ERRORS.free_limit, 402, "insufficient_quota"],
  ["a day that is used up by 429", giteeError(429, "免费额度已用完"), 402, "insufficient_quota"],
  ["a model that is not bought", GITEE_ERRORS.no_resource, 402, "insufficient_quota"],
  ["a token without resources", giteeError(400, "The token has no resources"), 402, "insufficient_quota"],
  ["an empty account", giteeError(400, "Insufficient balance"), 402, "insufficient_quota"],
  ["a service that is not there", GITEE_ERRORS.service_not_found, 404, "model_not_found"],
  ["a refused prompt", GITEE_ERRORS.content, 400, "content_policy_violation"],
  ["a missing parameter", giteeError(400, "必传参数: image is required"), 400, "invalid_value"],
  ["too many requests", giteeError(429, "Too many requests"), 429, "rate_limit_exceeded"],
  ["being out of service", GITEE_ERRORS.unavailable, 503, "provider_unavailable"],
];

for (const [name, refused, status, code] of FAILURES) {
  for (const [shape, fault] of [["nested", refused], ["flat", flatGiteeError(refused)]] as const) {
    Deno.test(`Gitee's word for ${name} is understood in the ${shape} shape`, async () => {
      await using scene = await startScene();
      const { error } = refused.body as { error: { message: string } };
      await assertUnderstood(scene, fault, { status, code, message: error.message });
    });
  }
}

Deno.test("a Gitee key rests for a model that is not bought, and altogether when its day is used up", async () => {
  await using service = giteeService();
  await using gateway = await startGateway({
    clock: new FakeClock(),
    env: {
      GITEE_BASE_URL: service.url,
      GITEE_API_KEY: service.newKey(),
      GATEWAY_API_KEYS: "client-key",
      MAX_RETRIES: "0",
    },
  });
  const ask = async (model: string) => {
    const response = await gateway.post(
      "/v1/images/generations",
      { prompt: "a fox", model: `Gitee/${model}` },
      "client-key",
    );
    await response.body?.cancel();
    return [response.status, service.imageCalls.length];
  };
  service.fail(GITEE_ERRORS.no_resource);
  assert.deepEqual(await ask("Kolors"), [503, 1]);
  assert.deepEqual(await ask("Kolors"), [503, 1]);
  assert.deepEqual(await ask("Qwen-Image"), [200, 2]);
  service.fail(GITEE_ERRORS.free_limit);
  assert.deepEqual(await ask("Qwen-Image"), [503, 3]);
  assert.deepEqual(await ask("z-image-turbo"), [503, 3]);
});

Deno.test("Gitee's list tells of models that make or edit images at once, each with its tasks", async () => {
  await using service = giteeService();
  const call = providerCall({ provider: gitee, baseUrl: service.url, key: service.newKey() });
  const told = new Map((await gitee.listModels!(call)).map(({ id, tasks }) => [id, tasks]));
  assert.deepEqual(new Set(told.keys()), new Set([...TEXT_MODELS, ...EDIT_MODELS]));
  assert.deepEqual(told.get("z-image-turbo"), ["generate"]);
  assert.deepEqual(told.get("Qwen-Image-Edit"), ["edit", "blend"]);
  assert.deepEqual(told.get("Kolors"), ["generate", "edit", "blend"]);
  assert.equal(told.has(TASK_MODELS[0]!), false);
});
