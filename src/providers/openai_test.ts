import assert from "node:assert/strict";
import OpenAI from "openai";
import { systemClock } from "../core/clock.ts";
import { readImageFacts } from "../core/media.ts";
import { incorrectKey, OPENAI_ERRORS, openAiError } from "../testing/openai_errors.ts";
import { OPENAI_MODELS } from "../testing/openai_requests.ts";
import { type OpenAiService, openAiService } from "../testing/openai_service.ts";
import { startGateway } from "../testing/gateway.ts";
import { paint, paintPng } from "../testing/painting.ts";
import { providerCall } from "../testing/provider_call.ts";
import { dataUrl, given, pictures, refusal } from "../testing/provider_replies.ts";
import { sent, startProviderScene } from "../testing/provider_scene.ts";
import type { Refusal } from "../testing/reply.ts";
import { openAi } from "./openai.ts";

/** A gateway before a scripted OpenAI, and a caller who brings a key. */
function startScene() {
  const service = openAiService();
  return startProviderScene({ service, env: { OPENAI_BASE_URL: service.url }, clock: systemClock });
}

const small = paintPng({ width: 64, height: 48 });
const other = paintPng({ width: 48, height: 48, seed: 2 });
const mask = paintPng({ width: 64, height: 48, transparent: true });

/** The parts of a form in their order; files by type and content, since their names are free. */
async function partsOf(form: FormData | undefined): Promise<[string, string][]> {
  return await Promise.all([...form!].map(async ([name, value]): Promise<[string, string]> => {
    if (typeof value === "string") return [name, value];
    return [name, `${value.type} ${(await value.bytes()).toBase64()}`];
  }));
}

/** The events of a stream, without their images. */
async function eventsOf(response: Response): Promise<string[]> {
  const text = await response.text();
  return text.split("\n\n").flatMap((frame) => {
    const data = /^data: (\{.*\})$/m.exec(frame)?.[1];
    if (!data) return [];
    const { type, partial_image_index: index, b64_json, error } = JSON.parse(data);
    if (error) return [`error ${error.code}`];
    assert.ok(readImageFacts(Uint8Array.fromBase64(b64_json)), type);
    return [index === undefined ? type : `${type} ${index}`];
  });
}

Deno.test("OpenAI is sent what a GPT image model takes, and nothing of the form of its reply", async () => {
  await using scene = await startScene();
  const response = await scene.generate();
  const [picture] = await pictures(response);
  assert.deepEqual(readImageFacts(picture!), { type: "image/png", width: 1024, height: 1024 });
  const { method, path, headers, json } = scene.service.lastCall;
  assert.deepEqual([method, path], ["POST", "/v1/images/generations"]);
  assert.equal(headers.get("authorization"), `Bearer ${scene.key}`);
  assert.deepEqual(json, { model: "gpt-image-2", prompt: "a fox", n: 1 });
});

Deno.test("OpenAI's base address works as a host alone, too", async () => {
  await using service = openAiService();
  await using gateway = await startGateway({ env: { OPENAI_BASE_URL: service.origin } });
  const response = await gateway.post("/v1/images/generations", { prompt: "a fox" }, service.newKey());
  await response.body?.cancel();
  assert.deepEqual([response.status, service.lastCall.path], [200, "/v1/images/generations"]);
});

Deno.test("each OpenAI model gets of all wishes what it takes", async () => {
  await using scene = await startScene();
  const wishes = {
    n: 2,
    size: "1536x1024",
    quality: "max",
    background: "opaque",
    moderation: "low",
    output_format: "webp",
    output_compression: 50,
    input_fidelity: "high",
    user: "somebody",
    seed: 5,
    steps: 20,
    guidance_scale: 4,
    negative_prompt: "dogs",
    style: "vivid",
  };
  const shared = {
    prompt: "a fox",
    n: 2,
    size: "1536x1024",
    background: "opaque",
    moderation: "low",
    output_format: "webp",
    output_compression: 50,
    user: "somebody",
  };
  for (const { id } of openAi.models) {
    await pictures(await scene.generate({ model: id, ...wishes, input_fidelity: undefined }));
    const quality = OPENAI_MODELS[id]!.qualities.includes("max") ? "max" : "high";
    assert.deepEqual(sent(scene), { model: id, ...shared, quality }, id);
    await pictures(await scene.edit({ model: id, ...wishes, ...given(small) }));
    const fidelity = scene.service.lastCall.form!.get("input_fidelity");
    assert.equal(fidelity, id === "gpt-image-1.5" ? "high" : null, id);
  }
});

for (
  const [model, wish, size] of [
    ["gpt-image-2", { size: "1000x1000" }, "1008x1008"],
    ["gpt-image-2", { size: "512x512" }, "816x816"],
    ["gpt-image-2.6-flare", { size: "3840x2160" }, "3840x2160"],
    ["gpt-image-1.5", { size: "1792x1024" }, "1536x1024"],
    ["gpt-image-1-mini", { size: "512x512" }, "1024x1024"],
    ["chatgpt-image-latest", { aspect_ratio: "9:16" }, "1024x1536"],
  ] as const
) {
  Deno.test(`OpenAI's ${model} hears ${JSON.stringify(wish)} as ${size}`, async () => {
    await using scene = await startScene();
    const [picture] = await pictures(await scene.generate({ model, ...wish }));
    assert.equal(sent(scene).size, size);
    const { width, height } = readImageFacts(picture!)!;
    assert.equal(`${width}x${height}`, size);
  });
}

Deno.test("ten images of OpenAI are one call, and what they cost is counted by tokens", async () => {
  await using scene = await startScene();
  const response = await scene.generate({ n: 10, quality: "low" });
  const body = await response.json();
  assert.equal(body.data.length, 10);
  assert.equal(scene.service.imageCalls.length, 1);
  assert.equal(body.usage.output_tokens, 2720);
  // 2 tokens of text at $5 and 2720 of images at $30 a million.
  assert.equal(Number(response.headers.get("x-imgrouter-cost-usd")), (2 * 5 + 2720 * 30) / 1e6);
});

Deno.test("provider_params are merged into OpenAI's request last", async () => {
  await using scene = await startScene();
  const provider_params = { complexity: "low", n: 1 };
  await pictures(await scene.generate({ model: "gpt-image-2.6-sunburst", n: 1, provider_params }));
  assert.deepEqual(sent(scene), { model: "gpt-image-2.6-sunburst", prompt: "a fox", ...provider_params });
});

Deno.test("names that OpenAI has retired lead to what it offers instead", async () => {
  await using scene = await startScene();
  for (const model of ["dall-e-2", "dall-e-3", "gpt-image-1"]) {
    await pictures(await scene.generate({ model }));
    assert.equal(sent(scene).model, "gpt-image-2");
  }
});

Deno.test("an input of a type that OpenAI does not take is sent as PNG", async () => {
  await using scene = await startScene();
  const gif = await paint({ width: 30, height: 30, format: "gif" });
  await pictures(await scene.edit({ images: [{ image_url: dataUrl(gif, "image/gif") }] }));
  assert.equal((scene.service.lastCall.form!.get("image") as File).type, "image/png");
});

for (const path of ["generations", "edits"] as const) {
  Deno.test(`previews of OpenAI's ${path} are handed on as they come, before the image`, async () => {
    await using scene = await startScene();
    using gate = scene.service.hold("last event");
    const images = path === "edits" ? given(small) : {};
    const body = { prompt: "a fox", stream: true, partial_images: 2, ...images };
    const response = await scene.gateway.post(`/v1/images/${path}`, body, scene.key);
    let text = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.split(".partial_image\n").length === 3 && gate.waiting === 1) {
        assert.equal(text.includes(".completed"), false);
        gate.release();
      }
    }
    const kind = path === "edits" ? "image_edit" : "image_generation";
    assert.deepEqual(await eventsOf(new Response(text)), [
      `${kind}.partial_image 0`,
      `${kind}.partial_image 1`,
      `${kind}.completed`,
    ]);
    const { json, form } = scene.service.lastCall;
    const { stream, partial_images } = (json ?? Object.fromEntries(form!)) as Record<string, unknown>;
    assert.deepEqual([String(stream), String(partial_images)], ["true", "2"]);
  });
}

Deno.test("a stream without previews asks OpenAI for the image alone", async () => {
  await using scene = await startScene();
  const events = await eventsOf(await scene.generate({ stream: true }));
  assert.deepEqual(events, ["image_generation.completed"]);
  assert.deepEqual(sent(scene), { model: "gpt-image-2", prompt: "a fox", n: 1 });
});

for (
  const [name, fault, code] of [
    ["that ends after its previews", "truncated", "no_image"],
    ["that says nothing", "empty", "no_image"],
    [
      "that ends with an error",
      {
        lastEvent: {
          event: "error",
          data: { type: "error", error: { code: "server_error", message: "Oops" } },
        },
      },
      "server_error",
    ],
    [
      "that ends with a refusal",
      {
        lastEvent: { data: { error: { code: "moderation_blocked", message: "Your request was rejected" } } },
      },
      "content_policy_violation",
    ],
    ["that ends with no JSON", { lastEvent: { data: "Bad Gateway" } }, "provider_malformed_reply"],
  ] as const
) {
  Deno.test(`a stream of OpenAI ${name} is an error, whatever previews came`, async () => {
    await using scene = await startScene();
    scene.service.fail(fault);
    const events = await eventsOf(await scene.generate({ stream: true, partial_images: 1 }));
    assert.equal(events.at(-1), `error ${code}`);
    assert.equal(events.some((event) => event.includes("completed")), false);
  });
}

Deno.test("a service that answers a stream with plain JSON is understood all the same", async () => {
  await using scene = await startScene();
  scene.service.fail({ status: 200, body: { created: 1, data: [{ b64_json: small.toBase64() }] } });
  const events = await eventsOf(await scene.generate({ stream: true, partial_images: 1 }));
  assert.deepEqual(events, ["image_generation.completed"]);
});

for (
  const [name, body, status, code] of [
    ["no data", { created: 1 }, 502, "no_image"],
    ["no images", { created: 1, data: [] }, 502, "no_image"],
    ["an empty image", { created: 1, data: [{ b64_json: "" }] }, 502, "no_image"],
    ["what is no base64", { created: 1, data: [{ b64_json: "~~~" }] }, 502, "provider_malformed_reply"],
    [
      "what is no image",
      { created: 1, data: [{ b64_json: btoa("hello") }] },
      502,
      "provider_malformed_reply",
    ],
    ["data of another shape", { created: 1, data: "hello" }, 502, "provider_malformed_reply"],
  ] as const
) {
  Deno.test(`a reply of OpenAI with ${name} is an error`, async () => {
    await using scene = await startScene();
    scene.service.fail({ status: 200, body });
    const told = await refusal(await scene.generate());
    assert.deepEqual([told.status, told.code], [status, code]);
  });
}

Deno.test("counts of tokens that are not there, or of another shape, cost nothing but the exact price", async () => {
  await using scene = await startScene();
  const data = [{ b64_json: paintPng({ width: 1024, height: 1024 }).toBase64() }];
  for (const usage of [undefined, null, { total_tokens: "many" }]) {
    scene.service.fail({ status: 200, body: { created: 1, data, usage } });
    const response = await scene.generate({ quality: "high" });
    assert.equal((await pictures(response)).length, 1);
    assert.equal(response.headers.get("x-imgrouter-cost-usd"), "0.211");
  }
});

const FAILURES: [name: string, refusal: Refusal, status: number, code: string][] = [
  ["insufficient_quota", OPENAI_ERRORS.insufficient_quota, 402, "insufficient_quota"],
  ["credit_balance_exhausted", OPENAI_ERRORS.credit_balance_exhausted, 402, "credit_balance_exhausted"],
  ["billing_hard_limit_reached", OPENAI_ERRORS.billing_hard_limit_reached, 402, "billing_hard_limit_reached"],
  ["billing_not_active", OPENAI_ERRORS.billing_not_active, 402, "billing_not_active"],
  ["rate_limit_exceeded", OPENAI_ERRORS.rate_limit_exceeded, 429, "rate_limit_exceeded"],
  ["slow_down", OPENAI_ERRORS.slow_down, 503, "slow_down"],
  ["server_is_overloaded", OPENAI_ERRORS.server_is_overloaded, 503, "server_is_overloaded"],
  ["server_error", OPENAI_ERRORS.server_error, 503, "server_error"],
  ["organization_not_verified", OPENAI_ERRORS.organization_not_verified, 403, "model_not_permitted"],
  [
    "unsupported_country_region_territory",
    OPENAI_ERRORS.unsupported_country_region_territory,
    403,
    "unsupported_country_region_territory",
  ],
  ["moderation_blocked", OPENAI_ERRORS.moderation_blocked, 400, "content_policy_violation"],
  ["content_policy_violation", OPENAI_ERRORS.content_policy_violation, 400, "content_policy_violation"],
  [
    "an input against the policy",
    openAiError(400, "The image was rejected", { code: "image_content_policy_violation" }),
    400,
    "content_policy_violation",
  ],
  [
    "a limit of spending",
    openAiError(429, "Limit reached", { code: "project_spend_limit_exceeded" }),
    402,
    "project_spend_limit_exceeded",
  ],
  [
    "a limit of use",
    openAiError(429, "Limit reached", { code: "organization_usage_limit_exceeded" }),
    402,
    "organization_usage_limit_exceeded",
  ],
  [
    "a quota without a code",
    openAiError(429, "You exceeded your current quota, please check your plan."),
    402,
    "insufficient_quota",
  ],
  ["a bad key", incorrectKey("sk-proj-abcdefghijklmnop"), 401, "invalid_api_key"],
  [
    "no organization",
    openAiError(401, "You must be a member of an organization", { code: "no_organization" }),
    401,
    "invalid_api_key",
  ],
  [
    "a model that is gone",
    openAiError(404, "The model does not exist", { code: "model_not_found" }),
    404,
    "model_not_found",
  ],
  [
    "a model that is gone, by 400",
    openAiError(400, "The model does not exist", { code: "model_not_found" }),
    404,
    "model_not_found",
  ],
  [
    "an unknown parameter",
    openAiError(400, "Unknown parameter: 'x'.", { code: "unknown_parameter", param: "x" }),
    400,
    "unknown_parameter",
  ],
  [
    "a bad image",
    openAiError(400, "Invalid image file", { code: "image_parse_error", param: "image" }),
    400,
    "image_parse_error",
  ],
];

for (const [name, fault, status, code] of FAILURES) {
  Deno.test(`OpenAI's word for ${name} is understood`, async () => {
    await using scene = await startScene();
    scene.service.fail(fault);
    const told = await refusal(await scene.generate());
    assert.deepEqual([told.status, told.code], [status, code]);
    const { error } = fault.body as { error: { message: string; param: string | null } };
    assert.equal(told.param, error.param);
    if (!error.message.includes("sk-")) assert.ok(told.message.includes(error.message), told.message);
    assert.equal(scene.service.calls.length, 1);
  });
}

Deno.test("all refusals that the scripted OpenAI has are in the table above", () => {
  const names = FAILURES.map(([name]) => name);
  assert.deepEqual(Object.keys(OPENAI_ERRORS).filter((name) => !names.includes(name)), []);
});

Deno.test("the wait that OpenAI asks for in words is heeded", async () => {
  await using scene = await startScene();
  scene.service.fail(OPENAI_ERRORS.rate_limit_exceeded);
  const response = await scene.generate();
  await response.body?.cancel();
  assert.equal(response.headers.get("retry-after"), "52");
});

Deno.test("OpenAI's list tells of image models alone", async () => {
  await using service = openAiService();
  const call = providerCall({ provider: openAi, baseUrl: service.url, key: service.newKey() });
  const told = async () => (await openAi.listModels!(call)).map(({ id }) => id);
  assert.deepEqual(await told(), Object.keys(OPENAI_MODELS));
  service.fail(
    { status: 200, body: { data: ["gpt-5.5", "gpt-image-3", "dall-e-3", "tts-2"].map((id) => ({ id })) } },
    1,
    "models",
  );
  assert.deepEqual(await told(), ["gpt-image-3"]);
});

function sdkOf({ service, key }: { service: OpenAiService; key: string }): OpenAI {
  return new OpenAI({ apiKey: key, baseURL: service.url, maxRetries: 0 });
}

Deno.test("OpenAI's own SDK sends the same for the same generation", async () => {
  await using scene = await startScene();
  const wishes = {
    model: "gpt-image-2",
    prompt: "a fox",
    n: 2,
    size: "1536x1024",
    quality: "high",
    background: "transparent",
    moderation: "low",
    output_format: "webp",
    output_compression: 50,
    user: "somebody",
  } as const;
  await sdkOf(scene).images.generate(wishes);
  await pictures(await scene.generate(wishes));
  const [theirs, ours] = scene.service.imageCalls;
  assert.deepEqual([ours!.method, ours!.path, ours!.key], [theirs!.method, theirs!.path, theirs!.key]);
  assert.deepEqual(ours!.json, theirs!.json);
  for (const name of ["accept", "content-type"]) {
    assert.equal(ours!.headers.get(name), theirs!.headers.get(name), name);
  }
});

for (const count of [1, 2]) {
  Deno.test(`OpenAI's own SDK sends the same for an edit of ${count} with a mask`, async () => {
    await using scene = await startScene();
    const bytes = [small, other].slice(0, count);
    const files = bytes.map((one) => new File([one], "fox.png", { type: "image/png" }));
    const wishes = {
      model: "gpt-image-1.5",
      prompt: "a hat",
      n: 2,
      size: "1024x1024",
      quality: "low",
      input_fidelity: "high",
      output_format: "jpeg",
    } as const;
    await sdkOf(scene).images.edit({
      ...wishes,
      image: count === 1 ? files[0]! : files,
      mask: new File([mask], "mask.png", { type: "image/png" }),
    });
    await pictures(await scene.edit({ ...wishes, ...given(...bytes), mask: { image_url: dataUrl(mask) } }));
    const [theirs, ours] = scene.service.imageCalls;
    assert.deepEqual([ours!.method, ours!.path, ours!.key], [theirs!.method, theirs!.path, theirs!.key]);
    // Parts may stand in any order, but images among themselves keep the caller's.
    const sorted = (parts: [string, string][]) =>
      parts.toSorted(([one], [other]) => one < other ? -1 : +(one > other));
    assert.deepEqual(sorted(await partsOf(ours!.form)), sorted(await partsOf(theirs!.form)));
  });
}

Deno.test("OpenAI's own SDK sends the same for a stream", async () => {
  await using scene = await startScene();
  const wishes = { model: "gpt-image-2", prompt: "a fox", n: 1, stream: true, partial_images: 1 } as const;
  const types: string[] = [];
  for await (const { type } of await sdkOf(scene).images.generate(wishes)) types.push(type);
  const events = await eventsOf(await scene.generate(wishes));
  assert.deepEqual(events, ["image_generation.partial_image 0", "image_generation.completed"]);
  assert.deepEqual(types, ["image_generation.partial_image", "image_generation.completed"]);
  const [theirs, ours] = scene.service.imageCalls;
  assert.deepEqual(ours!.json, theirs!.json);
});
