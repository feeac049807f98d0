import assert from "node:assert/strict";
import {
  ApiError,
  type GenerateContentConfig,
  GoogleGenAI,
  HarmBlockThreshold,
  HarmCategory,
} from "@google/genai";
import sharp from "sharp";
import { systemClock } from "../core/clock.ts";
import { readImageFacts } from "../core/media.ts";
import {
  GEMINI_ERRORS,
  geminiError,
  listedGeminiError,
  modelNotFound,
  quotaError,
  rpc,
} from "../testing/gemini_errors.ts";
import { GEMINI_MODELS } from "../testing/gemini_requests.ts";
import { type GeminiService, geminiService } from "../testing/gemini_service.ts";
import { startGateway } from "../testing/gateway.ts";
import { paint, paintPng } from "../testing/painting.ts";
import { providerCall } from "../testing/provider_call.ts";
import { dataUrl, pictures, refusal } from "../testing/provider_replies.ts";
import { startProviderScene } from "../testing/provider_scene.ts";
import type { Refusal } from "../testing/reply.ts";
import { gemini } from "./gemini.ts";

/** A gateway before a scripted Gemini, and a caller who brings a key. */
function startScene(env: Record<string, string> = {}) {
  const service = geminiService();
  return startProviderScene({ service, env: { GEMINI_BASE_URL: service.url, ...env }, clock: systemClock });
}

const small = paintPng({ width: 64, height: 48 });

Deno.test("Gemini is asked for an image alone, with the key in its own header", async () => {
  await using scene = await startScene();
  const [picture] = await pictures(await scene.generate());
  assert.deepEqual(readImageFacts(picture!), { type: "image/png", width: 1024, height: 1024 });
  const { method, path, query, headers, json } = scene.service.lastCall;
  assert.equal(`${method} ${path}?${query}`, "POST /v1beta/models/gemini-3.1-flash-image:generateContent?");
  assert.equal(headers.get("x-goog-api-key"), scene.key);
  assert.equal(headers.get("authorization"), null);
  assert.deepEqual(json, {
    contents: [{ role: "user", parts: [{ text: "a fox" }] }],
    generationConfig: { responseModalities: ["IMAGE"] },
  });
});

Deno.test("Gemini's base address works with and without its version", async () => {
  await using service = geminiService();
  for (const url of [service.url, service.origin, `${service.url}/`]) {
    await using gateway = await startGateway({ env: { GEMINI_BASE_URL: url } });
    const response = await gateway.post("/v1/images/generations", { prompt: "a fox" }, service.newKey());
    await response.body?.cancel();
    assert.equal(response.status, 200, url);
  }
});

for (
  const [model, wish, imageConfig, made] of [
    ["gemini-3.1-flash-image", { size: "1024x1024" }, { aspectRatio: "1:1" }, "1024x1024"],
    ["gemini-3.1-flash-image", { size: "512x512" }, { aspectRatio: "1:1", imageSize: "512" }, "512x512"],
    ["gemini-3.1-flash-image", { size: "1536x1024" }, { aspectRatio: "3:2" }, "1264x848"],
    ["gemini-3.1-flash-image", { aspect_ratio: "1:8" }, { aspectRatio: "1:8" }, "384x3072"],
    ["gemini-nano-banana-2.1", { size: "3840x2160" }, { aspectRatio: "16:9", imageSize: "2K" }, "2752x1536"],
    ["gemini-3-pro-image", { size: "4096x4096" }, { aspectRatio: "1:1", imageSize: "4K" }, "4096x4096"],
    ["gemini-3-pro-image", { aspect_ratio: "21:9" }, { aspectRatio: "21:9" }, "1584x672"],
    ["gemini-3.1-flash-lite-image", { size: "2048x2048" }, { aspectRatio: "1:1" }, "1024x1024"],
    ["gemini-2.5-flash-image", { size: "1792x1024" }, { aspectRatio: "16:9" }, "1344x768"],
    ["gemini-2.5-flash-image", { aspect_ratio: "4:5" }, { aspectRatio: "4:5" }, "896x1152"],
  ] as const
) {
  Deno.test(`${model} hears ${JSON.stringify(wish)} as ${JSON.stringify(imageConfig)}`, async () => {
    await using scene = await startScene();
    const [picture] = await pictures(await scene.generate({ model, ...wish }));
    const { generationConfig } = scene.service.lastCall.json as { generationConfig: Record<string, unknown> };
    assert.deepEqual(generationConfig.imageConfig, imageConfig);
    const { width, height } = readImageFacts(picture!)!;
    assert.equal(`${width}x${height}`, made);
  });
}

Deno.test("every size that a row of Gemini's lists is one that its service makes exactly", async () => {
  await using scene = await startScene();
  for (const { id, sizes } of gemini.models) {
    assert.equal(sizes?.kind, "listed");
    const known = GEMINI_MODELS[id]!;
    const resolutions = known.resolutions?.length ?? 1;
    assert.equal(sizes.sizes.length, Object.keys(known.shapes).length * resolutions, id);
    // One of each resolution; the shapes within it differ by the same factor.
    for (const size of sizes.sizes.filter((_, index) => index % Object.keys(known.shapes).length === 1)) {
      const [picture] = await pictures(await scene.generate({ model: id, size }));
      const { width, height } = readImageFacts(picture!)!;
      assert.equal(`${width}x${height}`, size, id);
    }
  }
});

Deno.test("Gemini makes several images by as many calls, and tells seed and moderation in its own words", async () => {
  await using scene = await startScene();
  const made = await pictures(await scene.generate({ n: 3, seed: 7, moderation: "low", quality: "high" }));
  assert.equal(made.length, 3);
  assert.equal(scene.service.imageCalls.length, 3);
  for (const { json } of scene.service.imageCalls) {
    assert.deepEqual(json, {
      contents: [{ role: "user", parts: [{ text: "a fox" }] }],
      generationConfig: { responseModalities: ["IMAGE"], seed: 7 },
      safetySettings: ["HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT"].map((name) => ({
        category: `HARM_CATEGORY_${name}`,
        threshold: "BLOCK_ONLY_HIGH",
      })),
    });
  }
});

Deno.test("Gemini edits: the words first, then each image with its true type, in the caller's order", async () => {
  await using scene = await startScene();
  const jpeg = await paint({ width: 80, height: 60, format: "jpeg" });
  // The caller is wrong about the second one's type.
  const images = [{ image_url: dataUrl(small) }, { image_url: dataUrl(jpeg) }];
  const [picture] = await pictures(await scene.edit({ prompt: "put a hat on it", images }));
  assert.deepEqual(scene.service.lastCall.json, {
    contents: [{
      role: "user",
      parts: [
        { text: "put a hat on it" },
        { inlineData: { mimeType: "image/png", data: small.toBase64() } },
        { inlineData: { mimeType: "image/jpeg", data: jpeg.toBase64() } },
      ],
    }],
    generationConfig: { responseModalities: ["IMAGE"] },
  });
  // Without a size it follows its first input.
  const { width, height } = readImageFacts(picture!)!;
  assert.equal(`${width}x${height}`, "1200x896");
});

Deno.test("Gemini gets an input of another type as png", async () => {
  await using scene = await startScene();
  const gif = await paint({ width: 64, height: 64, format: "gif" });
  const response = await scene.edit({ images: [{ image_url: dataUrl(gif, "image/gif") }] });
  assert.match(response.headers.get("x-imgrouter-notes") ?? "", /image: gif of 64x64 was sent as png/);
  await pictures(response);
});

Deno.test("Gemini has no masks: one is sent as an image, white where to edit, with words, and that is told", async () => {
  await using scene = await startScene();
  const holes = await sharp({ create: { width: 64, height: 48, channels: 4, background: "#000f" } })
    .composite([{
      input: { create: { width: 10, height: 10, channels: 4, background: "#ffff" } },
      left: 5,
      top: 5,
      blend: "dest-out",
    }]).png().toBuffer();
  const response = await scene.edit({
    images: [{ image_url: dataUrl(small) }],
    mask: { image_url: dataUrl(holes) },
  });
  assert.match(response.headers.get("x-imgrouter-notes") ?? "", /mask: Gemini has no masks/);
  await pictures(response);
  const [{ text }, image, mask] = (scene.service.lastCall.json as {
    contents: [{ parts: [{ text: string }, unknown, { inlineData: { mimeType: string; data: string } }] }];
  }).contents[0].parts;
  assert.match(text, /^a fox\n\nThe last image is a mask of the first one/);
  assert.deepEqual(image, { inlineData: { mimeType: "image/png", data: small.toBase64() } });
  const pixels = await sharp(Uint8Array.fromBase64(mask.inlineData.data)).toColourspace("b-w").raw()
    .toBuffer({ resolveWithObject: true });
  assert.deepEqual([pixels.info.width, pixels.info.height, pixels.info.channels], [64, 48, 1]);
  assert.deepEqual([pixels.data[10 * 64 + 10], pixels.data[30 * 64 + 30]], [255, 0]);
});

Deno.test("Gemini varies an image by an edit with neutral words", async () => {
  await using scene = await startScene();
  const form = new FormData();
  form.set("image", new File([small], "fox.png", { type: "image/png" }));
  form.set("response_format", "b64_json");
  const response = await fetch(`${scene.gateway.url}/v1/images/variations`, {
    method: "POST",
    headers: { authorization: `Bearer ${scene.key}` },
    body: form,
  });
  assert.equal((await pictures(response)).length, 1);
  assert.equal(scene.service.imageCalls.length, 1);
});

Deno.test("provider_params reach into Gemini's own request and leave the rest of it as it is", async () => {
  await using scene = await startScene();
  const params = {
    generationConfig: { temperature: 0.5, imageConfig: { imageSize: "2K" } },
    tools: [{ googleSearch: {} }],
  };
  await pictures(await scene.generate({ aspect_ratio: "16:9", seed: 3, provider_params: params }));
  assert.deepEqual(scene.service.lastCall.json, {
    contents: [{ role: "user", parts: [{ text: "a fox" }] }],
    generationConfig: {
      responseModalities: ["IMAGE"],
      imageConfig: { aspectRatio: "16:9", imageSize: "2K" },
      seed: 3,
      temperature: 0.5,
    },
    tools: [{ googleSearch: {} }],
  });
});

Deno.test("Gemini's thoughts are no pictures", async () => {
  await using scene = await startScene();
  const params = { generationConfig: { thinkingConfig: { includeThoughts: true } } };
  const made = await pictures(await scene.generate({ provider_params: params }));
  const plain = await pictures(await scene.generate());
  assert.equal(made.length, 1);
  // The draft was painted as the second one of its call, and the picture as the first.
  const { width, height } = readImageFacts(made[0]!)!;
  assert.deepEqual(made[0], await paint({ width, height, seed: 1 }));
  assert.equal(plain.length, 1);
});

Deno.test("what Gemini says of a picture's type is not believed", async () => {
  await using scene = await startScene();
  const jpeg = await paint({ width: 64, height: 64, format: "jpeg" });
  scene.service.fail({
    status: 200,
    body: {
      candidates: [{
        content: { parts: [{ inlineData: { mimeType: "image/png", data: jpeg.toBase64() } }] },
        finishReason: "STOP",
      }],
    },
  });
  const [picture] = await pictures(await scene.generate());
  assert.equal(readImageFacts(picture!)?.type, "image/jpeg");
});

Deno.test("Gemini's token counts are passed on and priced", async () => {
  await using scene = await startScene();
  const response = await scene.edit({
    model: "gemini-3-pro-image",
    size: "4096x4096",
    images: [{ image_url: dataUrl(small) }],
  });
  // 2 text tokens and 258 of the input at $2, 2000 of the output at $120 a million.
  assert.equal(Number(response.headers.get("x-imgrouter-cost-usd")).toFixed(5), "0.24052");
  const { usage } = await response.json();
  assert.deepEqual([usage.input_tokens, usage.output_tokens], [260, 2000]);
  assert.equal(usage.input_tokens_details.image_tokens, 258);
});

for (
  const [model, asked] of [
    ["imagen-4.0-generate-001", "gemini-3.1-flash-image"],
    ["imagen-4.0-ultra-generate-001", "gemini-3-pro-image"],
    ["Gemini/imagen-4.0-fast-generate-001", "gemini-2.5-flash-image"],
    ["gemini-2.5-flash-image-preview", "gemini-2.5-flash-image"],
  ]
) {
  Deno.test(`${model}, which Google has stopped, is made by ${asked}`, async () => {
    await using scene = await startScene();
    const response = await scene.generate({ model });
    assert.match(response.headers.get("x-imgrouter-notes") ?? "", new RegExp(`retired, ${asked} was used`));
    await pictures(response);
    assert.equal(scene.service.lastCall.path, `/v1beta/models/${asked}:generateContent`);
  });
}

Deno.test("a Gemini model that is newer than this program is asked for by its id, and no other path", async () => {
  await using scene = await startScene();
  const { status, code } = await refusal(await scene.generate({ model: "gemini-4-flash-image" }));
  assert.deepEqual([status, code], [404, "NOT_FOUND"]);
  assert.equal(scene.service.lastCall.path, "/v1beta/models/gemini-4-flash-image:generateContent");
  await pictures(await scene.generate({ model: "gemini-image/../../cachedContents" }));
  assert.equal(scene.service.lastCall.path, "/v1beta/models/gemini-3.1-flash-image:generateContent");
});

const FAILURES: [name: string, refusal: Refusal, status: number, code: string, text: RegExp][] = [
  ["a key that is not valid", GEMINI_ERRORS.invalid_key, 401, "invalid_api_key", /API key not valid/],
  ["a key that is not found", GEMINI_ERRORS.unknown_key, 401, "invalid_api_key", /API Key not found/],
  ["a leaked key", GEMINI_ERRORS.leaked_key, 401, "invalid_api_key", /leaked/],
  ["no key at all", GEMINI_ERRORS.no_key, 401, "invalid_api_key", /unregistered callers/],
  ["an API that is switched off", GEMINI_ERRORS.service_disabled, 403, "SERVICE_DISABLED", /disabled/],
  ["a region without the service", GEMINI_ERRORS.region, 403, "FAILED_PRECONDITION", /location/],
  ["a shape of another model", GEMINI_ERRORS.aspect_ratio, 400, "INVALID_ARGUMENT", /^Aspect ratio is not/],
  ["a request that is too large", GEMINI_ERRORS.too_large, 400, "INVALID_ARGUMENT", /^Request payload size/],
  ["an unknown model", modelNotFound("gemini-9"), 404, "NOT_FOUND", /models\/gemini-9/],
  ["no prepaid credit", GEMINI_ERRORS.no_credit, 402, "RESOURCE_EXHAUSTED", /credits/],
  [
    "a minute's quota",
    GEMINI_ERRORS.per_minute,
    429,
    "GenerateRequestsPerMinutePerProjectPerModel-PaidTier:20",
    /quota/,
  ],
  [
    "a day's quota",
    GEMINI_ERRORS.per_day,
    402,
    "GenerateRequestsPerDayPerProjectPerModel-PaidTier:250",
    /quota/,
  ],
  [
    "a free tier without any images",
    GEMINI_ERRORS.free_tier,
    402,
    "GenerateRequestsPerMinutePerProjectPerModel-FreeTier:0",
    /quota/,
  ],
  [
    "a quota of none that is told in words",
    geminiError(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: x, limit: 0, model: y"),
    402,
    "RESOURCE_EXHAUSTED",
    /limit: 0/,
  ],
  ["an error inside", GEMINI_ERRORS.internal, 503, "INTERNAL", /internal error/],
  ["an overloaded model", GEMINI_ERRORS.unavailable, 503, "UNAVAILABLE", /overloaded/],
  ["a deadline of its own", GEMINI_ERRORS.deadline, 504, "DEADLINE_EXCEEDED", /Deadline/],
];

for (const [name, fault, status, code, text] of FAILURES) {
  Deno.test(`Gemini's word for ${name} is understood, also as a list of one`, async () => {
    await using scene = await startScene();
    for (const form of [fault, listedGeminiError(fault)]) {
      scene.service.fail(form);
      const told = await refusal(await scene.generate());
      assert.deepEqual([told.status, told.code], [status, code]);
      assert.match(told.message, text);
      assert.ok(!told.message.includes(scene.key));
    }
    assert.equal(scene.service.imageCalls.length, 2);
  });
}

Deno.test("Gemini's own hint says when to come back", async () => {
  await using scene = await startScene();
  scene.service.fail(GEMINI_ERRORS.per_minute);
  const limited = await scene.generate();
  await limited.body?.cancel();
  assert.deepEqual([limited.status, limited.headers.get("retry-after")], [429, "4"]);
  scene.service.limit(scene.key, { retryAfter: 12 });
  const again = await scene.generate();
  await again.body?.cancel();
  assert.equal(again.headers.get("retry-after"), "12");
});

Deno.test("a field that Gemini does not know is named to the caller who sent it", async () => {
  await using scene = await startScene();
  const told = await refusal(
    await scene.generate({ provider_params: { generationConfig: { aspectRatio: "1:1" } } }),
  );
  assert.deepEqual([told.status, told.param], [400, "generation_config"]);
  assert.match(told.message, /Unknown name "aspectRatio" at 'generation_config'/);
});

Deno.test("Gemini's keys of a pool take turns when one is used up", async () => {
  await using service = geminiService();
  const [first, second] = [service.newKey(), service.newKey()];
  await using gateway = await startGateway({
    env: {
      GEMINI_BASE_URL: service.url,
      GEMINI_API_KEYS: `${first},${second}`,
      GATEWAY_API_KEYS: "client-key-1",
    },
  });
  const ask = async () => {
    const response = await gateway.post(
      "/v1/images/generations",
      { model: "gemini-2.5-flash-image", prompt: "a fox" },
      "client-key-1",
    );
    await response.body?.cancel();
    return response.status;
  };
  service.fail(quotaError("GenerateRequestsPerDayPerProjectPerModel", { quotaValue: "100" }));
  assert.equal(await ask(), 200);
  const [spent, good] = service.imageCalls.map(({ key }) => key);
  assert.notEqual(spent, good);
  assert.equal(await ask(), 200);
  assert.equal(service.lastCall.key, good);
});

Deno.test("a prompt that Gemini blocks is the caller's 400, with the reason", async () => {
  await using scene = await startScene();
  const told = await refusal(await scene.generate({ prompt: "something forbidden" }));
  assert.deepEqual([told.status, told.code], [400, "content_policy_violation"]);
  assert.equal(told.message, "the prompt was blocked: PROHIBITED_CONTENT");
});

for (
  const [finishReason, kind] of [
    ["SAFETY", "refused"],
    ["IMAGE_SAFETY", "refused"],
    ["IMAGE_PROHIBITED_CONTENT", "refused"],
    ["PROHIBITED_CONTENT", "refused"],
    ["BLOCKLIST", "refused"],
    ["SPII", "refused"],
    ["RECITATION", "refused"],
    ["IMAGE_RECITATION", "refused"],
    ["NO_IMAGE", "empty"],
    ["IMAGE_OTHER", "empty"],
    ["OTHER", "empty"],
    ["LANGUAGE", "empty"],
    ["MAX_TOKENS", "empty"],
    ["STOP", "empty"],
    ["A_NEW_ONE", "empty"],
  ] as const
) {
  Deno.test(`a candidate of Gemini's that ends with ${finishReason} is ${kind}`, async () => {
    await using scene = await startScene();
    const content = { role: "model", parts: [{ text: "I'd rather not." }] };
    scene.service.fail({ status: 200, body: { candidates: [{ content, finishReason }] } });
    const told = await refusal(await scene.generate());
    const expected = kind === "refused" ? [400, "content_policy_violation"] : [502, "no_image"];
    assert.deepEqual([told.status, told.code], expected);
    assert.match(told.message, new RegExp(`${finishReason}: I'd rather not\\.`));
  });
}

for (
  const [name, body, status, code] of [
    ["nothing at all", {}, 502, "no_image"],
    ["no candidates", { candidates: [] }, 502, "no_image"],
    ["a candidate without content", { candidates: [{ finishReason: "STOP" }] }, 502, "no_image"],
    ["candidates that are no list", { candidates: "none" }, 502, "provider_malformed_reply"],
    [
      "data that is no picture",
      { candidates: [{ content: { parts: [{ inlineData: { mimeType: "image/png", data: "aGk=" } }] } }] },
      502,
      "provider_malformed_reply",
    ],
  ] as const
) {
  Deno.test(`a good status with ${name} from Gemini is no image`, async () => {
    await using scene = await startScene();
    scene.service.fail({ status: 200, body });
    const told = await refusal(await scene.generate());
    assert.deepEqual([told.status, told.code], [status, code]);
  });
}

Deno.test("too many references for a model are refused before Gemini is asked", async () => {
  await using scene = await startScene();
  const images = Array.from({ length: 4 }, () => ({ image_url: dataUrl(small) }));
  const told = await refusal(await scene.edit({ model: "gemini-2.5-flash-image", images }));
  assert.equal(told.status, 400);
  assert.match(told.message, /takes 3 input image.*gemini-3-pro-image/);
  assert.equal(scene.service.calls.length, 0);
  assert.equal((await pictures(await scene.edit({ model: "gemini-3-pro-image", images }))).length, 1);
});

Deno.test("of the models that Gemini lists, those that give images by content are told", async () => {
  await using service = geminiService();
  const call = providerCall({ provider: gemini, baseUrl: service.url, key: service.newKey() });
  const ids = (await gemini.listModels!(call)).map(({ id }) => id);
  assert.deepEqual(ids, [...Object.keys(GEMINI_MODELS), "gemini-4-flash-image"]);
});

/** The SDK asks for `v1` unless told otherwise; the image models are documented under `v1beta`. */
function sdkOptions(service: GeminiService) {
  return { baseUrl: service.origin, apiVersion: "v1beta" };
}

Deno.test("Google's own SDK sends the same for the same wishes", async () => {
  await using scene = await startScene();
  const client = new GoogleGenAI({ apiKey: scene.key, httpOptions: sdkOptions(scene.service) });
  const config: GenerateContentConfig = {
    responseModalities: ["IMAGE"],
    imageConfig: { aspectRatio: "3:2", imageSize: "2K" },
    seed: 11,
    safetySettings: [
      HarmCategory.HARM_CATEGORY_HARASSMENT,
      HarmCategory.HARM_CATEGORY_HATE_SPEECH,
      HarmCategory.HARM_CATEGORY_SEXUALLY_EXPLICIT,
      HarmCategory.HARM_CATEGORY_DANGEROUS_CONTENT,
    ].map((category) => ({ category, threshold: HarmBlockThreshold.BLOCK_ONLY_HIGH })),
  };
  const reply = await client.models.generateContent({
    model: "gemini-3-pro-image",
    contents: ["put a hat on it", { inlineData: { mimeType: "image/png", data: small.toBase64() } }],
    config,
  });
  const { data = "" } = reply.candidates?.[0]?.content?.parts?.[0]?.inlineData ?? {};
  assert.equal(readImageFacts(Uint8Array.fromBase64(data))?.width, 2528);
  await pictures(
    await scene.edit({
      model: "gemini-3-pro-image",
      prompt: "put a hat on it",
      images: [{ image_url: dataUrl(small) }],
      size: "2528x1696",
      seed: 11,
      moderation: "low",
    }),
  );
  const [theirs, ours] = scene.service.imageCalls;
  assert.deepEqual([ours!.method, ours!.path, ours!.key], [theirs!.method, theirs!.path, theirs!.key]);
  assert.deepEqual(ours!.json, theirs!.json);
});

Deno.test("Google's own SDK reads the scripted refusals as such", async () => {
  await using service = geminiService();
  const client = new GoogleGenAI({ apiKey: service.newKey(), httpOptions: sdkOptions(service) });
  service.fail(geminiError(400, "INVALID_ARGUMENT", "no", [rpc("BadRequest", { fieldViolations: [] })]));
  await assert.rejects(
    client.models.generateContent({ model: "gemini-2.5-flash-image", contents: "a fox" }),
    (error: unknown) => error instanceof ApiError && error.status === 400,
  );
});
