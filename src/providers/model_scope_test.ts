import assert from "node:assert/strict";
import { readImageFacts } from "../core/media.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { startGateway } from "../testing/gateway.ts";
import { MODEL_SCOPE_ERRORS, modelScopeError, plainModelScopeError } from "../testing/model_scope_errors.ts";
import { MODEL_SCOPE_MODELS } from "../testing/model_scope_requests.ts";
import { modelScopeService } from "../testing/model_scope_service.ts";
import { paint, paintPng } from "../testing/painting.ts";
import { providerCall } from "../testing/provider_call.ts";
import { dataUrl, given, pictures, refusal } from "../testing/provider_replies.ts";
import { assertUnderstood, sent, startProviderScene } from "../testing/provider_scene.ts";
import type { Refusal } from "../testing/reply.ts";
import { modelScope } from "./model_scope.ts";

/** A gateway before a scripted ModelScope, and a caller who brings a key. */
function startScene(states = ["SUCCEED"]) {
  const service = modelScopeService();
  service.scriptTasks({ states });
  return startProviderScene({
    service,
    env: { MODELSCOPE_BASE_URL: service.url },
    clock: new FakeClock(),
    wait: async (clock, questions = 1) => {
      for (let turn = 1; turn <= questions; turn++) await clock.passSleep(1500, 3750);
    },
  });
}

const small = paintPng({ width: 64, height: 48 });
const other = paintPng({ width: 48, height: 48, seed: 2 });

Deno.test("ModelScope takes a task, is asked for it, and gives the picture without seeing the key there", async () => {
  await using scene = await startScene(["PENDING", "PROCESSING", "RUNNING", "SUCCEED"]);
  const response = await scene.generate({}, 4);
  const [picture] = await pictures(response);
  assert.deepEqual(readImageFacts(picture!), { type: "image/png", width: 1024, height: 1024 });
  const [submitted, ...questions] = scene.service.calls;
  assert.deepEqual([submitted!.method, submitted!.path], ["POST", "/v1/images/generations"]);
  assert.deepEqual(submitted!.json, { model: "Tongyi-MAI/Z-Image-Turbo", prompt: "a fox" });
  assert.equal(submitted!.headers.get("x-modelscope-async-mode"), "true");
  assert.equal(questions.length, 4);
  for (const { method, path, headers } of questions) {
    assert.deepEqual([method, path], ["GET", "/v1/tasks/4000000"]);
    assert.equal(headers.get("x-modelscope-task-type"), "image_generation");
  }
  for (const { headers } of scene.service.calls) {
    assert.equal(headers.get("authorization"), `Bearer ${scene.key}`);
  }
  const [fetched] = scene.service.files.calls;
  assert.equal([...fetched!.headers.values()].some((value) => value.includes(scene.key)), false);
  assert.equal(response.headers.get("x-imgrouter-cost-usd"), "0");
});

for (
  const [model, wish, size] of [
    ["Tongyi-MAI/Z-Image-Turbo", { size: "1024x768" }, "1024x768"],
    ["Tongyi-MAI/Z-Image-Turbo", { size: "256x256" }, "512x512"],
    ["Tongyi-MAI/Z-Image", { size: "4096x4096" }, "2048x2048"],
    ["Qwen/Qwen-Image", { size: "2048x1024" }, "1664x832"],
    ["Qwen/Qwen-Image-2512", { size: "1000x1000" }, "1000x1000"],
    ["black-forest-labs/FLUX.2-dev", { size: "1536x1024" }, "1024x680"],
    ["MAILAND/majicflus_v1", { size: "1025x1025" }, "1024x1024"],
    ["Qwen/Qwen-Image", { aspect_ratio: "16:9" }, "1368x768"],
  ] as const
) {
  Deno.test(`${model} hears ${JSON.stringify(wish)} as ${size}`, async () => {
    await using scene = await startScene();
    const [picture] = await pictures(await scene.generate({ model, ...wish }));
    assert.equal(sent(scene).size, size);
    const { width, height } = readImageFacts(picture!)!;
    assert.equal(`${width}x${height}`, size);
  });
}

Deno.test("each ModelScope model gets of all wishes what the service takes, within its bounds", async () => {
  await using scene = await startScene();
  const wishes = {
    seed: 2 ** 40,
    steps: 150,
    guidance_scale: 1,
    negative_prompt: "dogs",
    lora_weights: { "a/b": 0.25, "c/d": 0.75 },
    quality: "high",
    style: "natural",
    background: "opaque",
    moderation: "low",
    output_format: "webp",
    output_compression: 50,
    user: "somebody",
  };
  for (const { id, tasks } of modelScope.models) {
    const ask = tasks.includes("generate") ? scene.generate : scene.edit;
    const images = tasks.includes("generate") ? {} : given(dataUrl(small));
    const response = await ask({ model: id, ...wishes, ...images });
    const notes = response.headers.get("x-imgrouter-notes") ?? "";
    await pictures(response);
    const { image_url: _image, ...rest } = sent(scene);
    assert.deepEqual(rest, {
      model: id,
      prompt: "a fox",
      negative_prompt: "dogs",
      seed: 2 ** 31 - 1,
      steps: 100,
      guidance: 1.5,
      loras: { "a/b": 0.25, "c/d": 0.75 },
    });
    assert.match(notes, /steps: 150 became 100/);
    assert.match(notes, /quality: not offered/);
  }
});

Deno.test("weights of LoRAs are brought to what ModelScope takes: six at most, with a sum of one", async () => {
  await using scene = await startScene();
  const response = await scene.generate({ lora_weights: { "a/a": 1, "b/b": 3 } });
  assert.match(response.headers.get("x-imgrouter-notes") ?? "", /lora_weights: brought to a sum of 1/);
  await pictures(response);
  assert.deepEqual(sent(scene).loras, { "b/b": 0.75, "a/a": 0.25 });
  const many = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`a/${index}`, index + 1]));
  await pictures(await scene.generate({ lora_weights: many }));
  assert.deepEqual(Object.keys(sent(scene).loras as object), ["a/7", "a/6", "a/5", "a/4", "a/3", "a/2"]);
});

Deno.test("provider_params are merged into ModelScope's request last", async () => {
  await using scene = await startScene();
  await pictures(await scene.generate({ steps: 8, provider_params: { steps: 9, loras: "a/b" } }));
  assert.deepEqual([sent(scene).steps, sent(scene).loras], [9, "a/b"]);
});

Deno.test("ModelScope edits at the same address, and joins images in the caller's order", async () => {
  await using scene = await startScene();
  await pictures(await scene.edit({ ...given(dataUrl(small)), size: "640x480" }));
  assert.deepEqual(sent(scene), {
    model: "Qwen/Qwen-Image-Edit-2511",
    prompt: "a fox",
    size: "640x480",
    image_url: [dataUrl(small)],
  });
  assert.equal(scene.service.imageCalls[0]!.path, "/v1/images/generations");
  await pictures(
    await scene.edit({ model: "Qwen/Qwen-Image-Edit-2509", ...given(dataUrl(other), dataUrl(small)) }),
  );
  assert.deepEqual(sent(scene).image_url, [dataUrl(other), dataUrl(small)]);
});

Deno.test("ModelScope fetches an input by itself where the caller gave an address", async () => {
  await using scene = await startScene();
  const address = "https://example.com/a fox.png?signature=1";
  await pictures(await scene.edit(given(address, dataUrl(small))));
  assert.deepEqual(sent(scene).image_url, [address, dataUrl(small)]);
});

Deno.test("an input of a type that few services take goes to ModelScope as PNG", async () => {
  await using scene = await startScene();
  const gif = await paint({ width: 30, height: 30, format: "gif" });
  await pictures(await scene.edit(given(dataUrl(gif, "image/gif"))));
  assert.match((sent(scene).image_url as string[])[0]!, /^data:image\/png;base64,/);
});

Deno.test("more images than a ModelScope model takes are refused before it is asked", async () => {
  await using scene = await startScene();
  const four = given(...[1, 2, 3, 4].map((seed) => dataUrl(paintPng({ width: 20, height: 20, seed }))));
  for (
    const [model, images] of [["Qwen/Qwen-Image-Edit-2511", four], [
      "Qwen/Qwen-Image-Edit",
      given(dataUrl(small), dataUrl(other)),
    ]] as const
  ) {
    assert.equal((await refusal(await scene.edit({ model, ...images }, 0))).status, 400);
  }
  assert.equal(scene.service.calls.length, 0);
});

Deno.test("ModelScope makes several images by as many tasks", async () => {
  await using scene = await startScene();
  const reply = scene.generate({ n: 3 }, 0);
  await scene.service.until(() => scene.service.imageCalls.length === 3);
  await scene.clock.passSleep(1500, 3750);
  const made = await pictures(await reply);
  assert.equal(new Set(made.map((bytes) => bytes.toBase64())).size, 3);
});

for (
  const [name, submitted] of [
    ["its images already", (url: string) => ({ task_id: "1", output_images: [url] })],
    ["its images in the old form", (url: string) => ({ task_id: undefined, images: [{ url }] })],
  ] as const
) {
  Deno.test(`a submission that brings ${name} is not asked for again`, async () => {
    await using scene = await startScene();
    scene.service.scriptTasks({ submitted: submitted(scene.service.files.put(small, "image/png")) });
    assert.deepEqual((await pictures(await scene.generate({}, 0)))[0], small);
    assert.equal(scene.service.calls.length, 1);
  });
}

Deno.test("a number as the id of a ModelScope task is as good as a text", async () => {
  await using scene = await startScene();
  scene.service.scriptTasks({ states: ["SUCCEED"], submitted: { task_id: 4_000_000 } });
  assert.equal((await pictures(await scene.generate())).length, 1);
});

Deno.test("a ModelScope submission without a task is no answer", async () => {
  await using scene = await startScene();
  scene.service.scriptTasks({ submitted: { task_id: undefined } });
  const told = await refusal(await scene.generate({}, 0));
  assert.deepEqual([told.status, told.code], [502, "provider_malformed_reply"]);
});

for (
  const [name, result] of [
    ["output_images", (url: string) => ({ output_images: [url] })],
    ["outputs.output_images", (url: string) => ({ outputs: { output_images: [url] } })],
    ["data.output_images", (url: string) => ({ data: { output_images: [url] } })],
  ] as const
) {
  Deno.test(`the result of a ModelScope task is found in ${name}`, async () => {
    await using scene = await startScene();
    scene.service.scriptTasks({ states: ["SUCCEED"], result });
    assert.equal((await pictures(await scene.generate())).length, 1);
  });
}

const STATES: [state: string, questions: number, status: number, code?: string][] = [
  ["SUCCEED", 1, 200],
  ["SUCCEEDED", 1, 200],
  ["FAILED", 1, 502, "no_image"],
];

for (const [state, questions, status, code] of STATES) {
  Deno.test(`a ModelScope task that is ${state} ends with ${status}`, async () => {
    await using scene = await startScene([state]);
    const response = await scene.generate({}, questions);
    const { error } = await response.json();
    assert.deepEqual([response.status, error?.code], [status, code]);
    assert.equal(scene.service.imageCalls.length, 1);
  });
}

for (const state of ["PENDING", "PROCESSING", "RUNNING", "WARMING_UP"]) {
  Deno.test(`a ModelScope task that is ${state} is asked for again`, async () => {
    await using scene = await startScene([state, "SUCCEED"]);
    assert.equal((await pictures(await scene.generate({}, 2))).length, 1);
    assert.equal(scene.service.calls.length, 3);
  });
}

for (
  const [errors, code, text] of [
    [{ message: "Data inspection failed: inappropriate content" }, "content_policy_violation", /inspection/],
    [{ message: "CUDA out of memory" }, "no_image", /CUDA out of memory/],
    [undefined, "no_image", /the task failed/],
  ] as const
) {
  Deno.test(`a ModelScope task that failed with ${JSON.stringify(errors)} is told as ${code}`, async () => {
    await using scene = await startScene();
    scene.service.scriptTasks({ states: ["FAILED"], errors: errors ?? null });
    const told = await refusal(await scene.generate({ prompt: "a sensitive fox" }));
    assert.equal(told.code, code);
    assert.match(told.message, text);
    assert.equal(scene.service.imageCalls.length, 1);
  });
}

Deno.test("a finished ModelScope task without a picture is none", async () => {
  await using scene = await startScene();
  scene.service.scriptTasks({ states: ["SUCCEED"], result: () => ({ output_images: [] }) });
  const told = await refusal(await scene.generate());
  assert.deepEqual([told.status, told.code], [502, "no_image"]);
});

Deno.test("questions that ModelScope can't answer for a while cost nothing but time", async () => {
  await using scene = await startScene();
  scene.service.fail(MODEL_SCOPE_ERRORS.busy, 2, "tasks");
  scene.service.fail(MODEL_SCOPE_ERRORS.limit_requests, 1, "tasks");
  assert.equal((await pictures(await scene.generate({}, 4))).length, 1);
  assert.equal(scene.service.imageCalls.length, 1);
});

Deno.test("a ModelScope task that stays unknown is lost after six questions", async () => {
  await using scene = await startScene();
  scene.service.fail(modelScopeError(404, "task not found"), 20, "tasks");
  const told = await refusal(await scene.generate({}, 6));
  assert.deepEqual([told.status, told.code], [502, "no_image"]);
  assert.match(told.message, /4000000 is not known/);
});

const FAILURES: [name: string, refusal: Refusal, status: number, code: string][] = [
  ["a bad token", MODEL_SCOPE_ERRORS.invalid_token, 401, "invalid_api_key"],
  ["an account that is not bound", MODEL_SCOPE_ERRORS.not_bound, 401, "invalid_api_key"],
  ["an account that is not verified", MODEL_SCOPE_ERRORS.not_real_name, 401, "invalid_api_key"],
  ["a model for others", MODEL_SCOPE_ERRORS.forbidden, 403, "model_not_permitted"],
  ["a model that nobody serves", MODEL_SCOPE_ERRORS.no_provider, 404, "model_not_found"],
  ["a wrong id of a model", MODEL_SCOPE_ERRORS.invalid_model_id, 404, "model_not_found"],
  ["a model that is gone", MODEL_SCOPE_ERRORS.no_model, 404, "model_not_found"],
  ["a model's day that is used up", MODEL_SCOPE_ERRORS.model_quota, 402, "insufficient_quota"],
  ["an account that is used up", MODEL_SCOPE_ERRORS.insufficient_quota, 402, "insufficient_quota"],
  ["too few points", MODEL_SCOPE_ERRORS.magicubes, 402, "insufficient_quota"],
  ["too few points as 429", modelScopeError(429, "魔粒余额不足"), 402, "insufficient_quota"],
  ["too many requests", MODEL_SCOPE_ERRORS.limit_requests, 429, "limit_requests"],
  ["a burst", MODEL_SCOPE_ERRORS.limit_burst_rate, 429, "limit_burst_rate"],
  ["a refused prompt", MODEL_SCOPE_ERRORS.inspection, 400, "content_policy_violation"],
  [
    "a refused prompt without a code",
    plainModelScopeError(400, "The content policy forbids this"),
    400,
    "content_policy_violation",
  ],
  ["a bad parameter", plainModelScopeError(400, "steps is out of range"), 400, "invalid_value"],
  ["an error inside", MODEL_SCOPE_ERRORS.internal, 503, "provider_unavailable"],
  ["being busy", MODEL_SCOPE_ERRORS.busy, 503, "provider_unavailable"],
];

for (const [name, fault, status, code] of FAILURES) {
  Deno.test(`ModelScope's word for ${name} is understood`, async () => {
    await using scene = await startScene();
    const { error, errors } = fault.body as Record<string, { message: string }>;
    await assertUnderstood(scene, fault, { status, code, message: (error ?? errors)!.message });
  });
}

Deno.test("a key whose day is used up for one ModelScope model goes on with the others", async () => {
  await using service = modelScopeService();
  service.scriptTasks({ states: ["SUCCEED"] });
  const clock = new FakeClock();
  await using gateway = await startGateway({
    clock,
    dice: () => 0.5,
    env: {
      MODELSCOPE_BASE_URL: service.url,
      MODELSCOPE_API_KEY: service.newKey(),
      GATEWAY_API_KEYS: "client-key",
      MAX_RETRIES: "0",
    },
  });
  const ask = async (model: string, questions: number) => {
    const reply = gateway.post("/v1/images/generations", { prompt: "a fox", model }, "client-key");
    for (let turn = 1; turn <= questions; turn++) await clock.passSleep(1500, 3750);
    const response = await reply;
    await response.body?.cancel();
    return response.status;
  };
  service.fail(MODEL_SCOPE_ERRORS.model_quota);
  assert.equal(await ask("ModelScope/Qwen/Qwen-Image", 0), 503);
  assert.equal(await ask("ModelScope/Qwen/Qwen-Image", 0), 503);
  assert.equal(service.imageCalls.length, 1);
  assert.equal(await ask("ModelScope/Qwen/Qwen-Image-2512", 1), 200);
});

Deno.test("ModelScope works the same without the headers that tell what is left of the day", async () => {
  await using scene = await startScene();
  scene.service.tellsQuota = false;
  assert.equal((await pictures(await scene.generate())).length, 1);
});

Deno.test("an OAuth token is ModelScope's, too", () => {
  assert.match("ms_oauth0123456789abcdef", modelScope.keys.pattern);
});

Deno.test("ModelScope's list tells of image models alone, each with the limits of its family", async () => {
  await using service = modelScopeService();
  const call = providerCall({ provider: modelScope, baseUrl: service.url, key: service.newKey() });
  const told = await modelScope.listModels!(call);
  assert.deepEqual(told.map(({ id }) => id), [...MODEL_SCOPE_MODELS.keys()]);
  for (const { id, tasks, maxInputs = 1, sizes } of told) {
    const { edge, images } = MODEL_SCOPE_MODELS.get(id)!;
    assert.equal(tasks?.includes("generate"), images === 0, id);
    assert.ok(images === 0 || maxInputs >= images, id);
    assert.deepEqual(sizes?.kind === "free" && sizes.edge, edge, id);
  }
});
