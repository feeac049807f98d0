import assert from "node:assert/strict";
import OpenAI from "openai";
import { systemClock } from "../core/clock.ts";
import { readImageFacts } from "../core/media.ts";
import { startGateway } from "../testing/gateway.ts";
import { paint, paintPng } from "../testing/painting.ts";
import { badField, POLLINATIONS_ERRORS, publishableLimit } from "../testing/pollinations_errors.ts";
import { POLLINATIONS_MODELS } from "../testing/pollinations_requests.ts";
import { pollinationsService } from "../testing/pollinations_service.ts";
import { providerCall } from "../testing/provider_call.ts";
import { dataUrl, given, pictures, refusal } from "../testing/provider_replies.ts";
import { assertUnderstood, sent, startProviderScene } from "../testing/provider_scene.ts";
import type { Refusal } from "../testing/reply.ts";
import { pollinations } from "./pollinations.ts";

/** A gateway before a scripted Pollinations, and a caller who brings a key. */
function startScene() {
  const service = pollinationsService();
  return startProviderScene({ service, env: { POLLINATIONS_BASE_URL: service.url }, clock: systemClock });
}

const small = paintPng({ width: 64, height: 48 });
const other = paintPng({ width: 48, height: 48, seed: 2 });

Deno.test("Pollinations is asked in OpenAI's dialect, for one image and with the model named", async () => {
  await using scene = await startScene();
  const response = await scene.generate({ size: "1024x768" });
  const [picture] = await pictures(response);
  assert.deepEqual(readImageFacts(picture!), { type: "image/jpeg", width: 1024, height: 768 });
  const { method, path, headers, json } = scene.service.lastCall;
  assert.deepEqual([method, path], ["POST", "/v1/images/generations"]);
  assert.equal(headers.get("authorization"), `Bearer ${scene.key}`);
  assert.deepEqual(json, { model: "zimage", prompt: "a fox", size: "1024x768" });
  assert.equal(response.headers.get("x-imgrouter-cost-usd"), "0.004");
});

Deno.test("Pollinations' base address works with and without its version", async () => {
  await using service = pollinationsService();
  for (const url of [service.url, `${service.url}/v1`, `${service.url}/v1/`]) {
    await using gateway = await startGateway({ env: { POLLINATIONS_BASE_URL: url } });
    const response = await gateway.post("/v1/images/generations", { prompt: "a fox" }, service.newKey());
    await response.body?.cancel();
    assert.equal(response.status, 200, url);
  }
});

Deno.test("each Pollinations model gets of all wishes what it takes", async () => {
  await using scene = await startScene();
  const wishes = {
    seed: 2 ** 40,
    steps: 30,
    guidance_scale: 4,
    negative_prompt: "dogs",
    lora_weights: { "a/b": 1 },
    quality: "hd",
    background: "transparent",
    moderation: "low",
    output_format: "webp",
    user: "somebody",
  };
  const plain = { seed: 2 ** 31 - 1 };
  const extras: Record<string, object> = {
    zimage: { guidance_scale: 4, negative_prompt: "dogs" },
    flux: { guidance_scale: 4, negative_prompt: "dogs" },
    gptimage: { quality: "high", transparent: true },
    "gptimage-large": { quality: "high", transparent: true },
    "gpt-image-2": { quality: "high", transparent: true },
  };
  for (const { id, tasks } of pollinations.models) {
    const makes = tasks.includes("generate");
    await pictures(
      makes
        ? await scene.generate({ model: `Pollinations/${id}`, ...wishes })
        : await scene.edit({ model: `Pollinations/${id}`, ...wishes, ...given(dataUrl(small)) }),
    );
    const { model, prompt, image: _image, ...rest } = sent(scene);
    assert.deepEqual([model, prompt], [id, "a fox"]);
    assert.deepEqual(rest, { ...plain, ...extras[id], ...makes && { user: "somebody" } }, id);
  }
});

Deno.test("Pollinations makes several images by as many calls, each with a seed of its own", async () => {
  await using scene = await startScene();
  const made = await pictures(await scene.generate({ n: 3 }));
  assert.equal(new Set(made.map((bytes) => bytes.toBase64())).size, 3);
  assert.equal(scene.service.imageCalls.length, 3);
});

Deno.test("the same seed gives the same image of Pollinations", async () => {
  await using scene = await startScene();
  const [one] = await pictures(await scene.generate({ seed: 5 }));
  const [two] = await pictures(await scene.generate({ seed: 5 }));
  assert.deepEqual(one, two);
});

Deno.test("provider_params are merged into Pollinations' request last", async () => {
  await using scene = await startScene();
  const provider_params = { safe: "nsfw,privacy", seed: -1, response_format: "url" };
  await pictures(await scene.generate({ seed: 5, provider_params }));
  assert.deepEqual(sent(scene), { model: "zimage", prompt: "a fox", ...provider_params });
  const [fetched] = scene.service.files.calls;
  assert.equal([...fetched!.headers.values()].some((value) => value.includes(scene.key)), false);
});

Deno.test("Pollinations edits and joins by JSON, with addresses and bytes in the caller's order", async () => {
  await using scene = await startScene();
  const address = "https://example.com/a fox, resting|running.png?signature=1";
  await pictures(await scene.edit({ ...given(dataUrl(small)), size: "640x480", seed: 5, user: "somebody" }));
  assert.equal(scene.service.lastCall.path, "/v1/images/edits");
  assert.deepEqual(sent(scene), {
    model: "klein",
    prompt: "a fox",
    size: "640x480",
    seed: 5,
    image: [{ image_url: dataUrl(small) }],
  });
  await pictures(await scene.edit({ model: "seedream", ...given(address, dataUrl(other)) }));
  assert.deepEqual(sent(scene).image, [{ image_url: address }, { image_url: dataUrl(other) }]);
});

Deno.test("an input of a type that few services take goes to Pollinations as PNG", async () => {
  await using scene = await startScene();
  const gif = await paint({ width: 30, height: 30, format: "gif" });
  await pictures(await scene.edit(given(dataUrl(gif, "image/gif"))));
  const [{ image_url }] = sent(scene).image as [{ image_url: string }];
  assert.match(image_url, /^data:image\/png;base64,/);
});

Deno.test("a large input is put into Pollinations' own store, and its address is sent", async () => {
  await using scene = await startScene();
  const large = new Uint8Array(5_000_001);
  large.set(small);
  await pictures(await scene.edit(given(dataUrl(large), dataUrl(other))));
  const upload = scene.service.calls.find(({ path }) => path === "/upload");
  assert.equal(upload?.headers.get("authorization"), `Bearer ${scene.key}`);
  const file = upload?.form?.get("file") as File;
  assert.deepEqual([file.name, file.type, file.size], ["input.png", "image/png", large.length]);
  const [first, second] = sent(scene).image as { image_url: string }[];
  assert.ok(first!.image_url.startsWith(scene.service.files.url), first!.image_url);
  assert.equal(second!.image_url, dataUrl(other));
});

Deno.test("no Pollinations model is given more images than it takes", async () => {
  await using scene = await startScene();
  for (const { id, tasks, maxInputs = 1 } of pollinations.models) {
    const { most } = POLLINATIONS_MODELS[id]!;
    assert.equal(tasks.includes("edit") ? maxInputs : 0, most, id);
    assert.equal(tasks.includes("blend"), most > 1, id);
  }
  const four = given(...[1, 2, 3, 4].map((seed) => dataUrl(paintPng({ width: 20, height: 20, seed }))));
  const told = await refusal(await scene.edit({ model: "nanobanana", ...four }));
  assert.equal(told.status, 400);
  assert.equal(scene.service.calls.length, 0);
});

Deno.test("Pollinations' prices are those of its list", () => {
  for (const { id, prices } of pollinations.models) {
    const listed = POLLINATIONS_MODELS[id]!.pricing.completionImageTokens;
    // One has another price for edits, one is charged by tokens of about that sum.
    if (typeof listed === "number" && id !== "qwen-image") assert.equal(prices?.images?.[0]?.usd, listed, id);
  }
});

Deno.test("a vector image of Pollinations is handed on as such", async () => {
  await using scene = await startScene();
  const [picture] = await pictures(await scene.generate({ model: "recraft-v4.1-vector", size: "640x480" }));
  assert.deepEqual(readImageFacts(picture!), { type: "image/svg+xml", width: 640, height: 480 });
});

Deno.test("a prompt that Pollinations only repeats is no revised prompt", async () => {
  await using scene = await startScene();
  const revised = async () => (await (await scene.generate()).json()).data[0].revised_prompt;
  assert.equal(await revised(), undefined);
  scene.service.revises = (prompt) => `${prompt}, [address removed]`;
  assert.equal(await revised(), "a fox, [address removed]");
});

for (const name of ["sana", "z-image", "z-image-turbo", "turbo"]) {
  Deno.test(`Pollinations' ${name} is asked for by the name of its model`, async () => {
    await using scene = await startScene();
    await pictures(await scene.generate({ model: name, provider: "Pollinations" }));
    assert.equal(sent(scene).model, name === "sana" ? "dreamshaper" : "zimage");
  });
}

const FAILURES: [name: keyof typeof POLLINATIONS_ERRORS, status: number, code: string][] = [
  ["unauthorized", 401, "invalid_api_key"],
  ["insufficient_balance", 402, "INSUFFICIENT_BALANCE"],
  ["key_budget", 402, "KEY_BUDGET_EXHAUSTED"],
  ["payment_required", 402, "PAYMENT_REQUIRED"],
  ["forbidden", 403, "FORBIDDEN"],
  ["unknown_model", 404, "BAD_REQUEST"],
  ["image_download", 400, "failed_to_download_image"],
  ["image_url", 400, "invalid_image_url"],
  ["image_too_large", 400, "image_too_large"],
  ["image_type", 400, "unsupported_image_media_type"],
  ["not_found", 404, "NOT_FOUND"],
  ["body_too_large", 400, "PAYLOAD_TOO_LARGE"],
  ["body_type", 400, "UNSUPPORTED_MEDIA_TYPE"],
  ["content_policy", 400, "content_policy_violation"],
  ["unprocessable", 400, "content_policy_violation"],
  ["rate_limited", 429, "RATE_LIMITED"],
  ["internal", 503, "INTERNAL_ERROR"],
  ["bad_gateway", 503, "BAD_GATEWAY"],
  ["unavailable", 503, "SERVICE_UNAVAILABLE"],
  ["gateway_timeout", 504, "GATEWAY_TIMEOUT"],
  ["content_blocked", 400, "content_policy_violation"],
  ["invalid_safe", 400, "invalid_safe"],
  ["safety_unavailable", 503, "service_unavailable"],
];

for (const [name, status, code] of FAILURES) {
  Deno.test(`Pollinations' refusal ${name} is understood`, async () => {
    await using scene = await startScene();
    const fault: Refusal = POLLINATIONS_ERRORS[name];
    const { error } = fault.body as { error: { message: string } };
    await assertUnderstood(scene, fault, { status, code, message: error.message });
  });
}

Deno.test("all refusals that Pollinations has are in the table above", () => {
  assert.deepEqual(FAILURES.map(([name]) => name), Object.keys(POLLINATIONS_ERRORS));
});

Deno.test("the field that Pollinations refuses is named to the caller who sent it", async () => {
  await using scene = await startScene();
  scene.service.fail(badField("size", "Invalid string"));
  const told = await refusal(await scene.generate());
  assert.deepEqual([told.status, told.param], [400, "size"]);
});

Deno.test("the allowance of a publishable Pollinations key is told with the time to wait", async () => {
  await using scene = await startScene();
  scene.service.fail(publishableLimit(45));
  const response = await scene.generate();
  const told = await refusal(response);
  assert.deepEqual([told.status, response.headers.get("retry-after")], [429, "45"]);
  assert.match(told.message, /publishable key/);
});

Deno.test("Pollinations' list tells of image models alone, with prices and whether they take images", async () => {
  await using service = pollinationsService();
  const call = providerCall({ provider: pollinations, baseUrl: service.url, key: service.newKey() });
  const told = new Map((await pollinations.listModels!(call)).map((model) => [model.id, model]));
  assert.deepEqual([...told.keys()], Object.keys(POLLINATIONS_MODELS));
  const { tasks, prices } = told.get("painter/cats")!;
  assert.deepEqual([tasks, prices], [["generate", "edit"], { images: [{ usd: 0.001 }] }]);
  assert.deepEqual(told.get("zimage")!.tasks, ["generate"]);
  const { textIn, imageIn, imageOut } = told.get("gptimage")!.prices!.tokens!;
  assert.deepEqual([textIn, imageIn, imageOut].map((usd) => Number(usd.toFixed(6))), [0.3, 0.3, 30]);
});

Deno.test("OpenAI's SDK, pointed at Pollinations, sends the same for the same wishes", async () => {
  await using scene = await startScene();
  const client = new OpenAI({ apiKey: scene.key, baseURL: `${scene.service.url}/v1`, maxRetries: 0 });
  await client.images.generate({ model: "gptimage", prompt: "a fox", size: "1024x1024", quality: "high" });
  await pictures(await scene.generate({ model: "gptimage", size: "1024x1024", quality: "high" }));
  const [theirs, ours] = scene.service.imageCalls;
  assert.deepEqual([ours!.method, ours!.path, ours!.key], [theirs!.method, theirs!.path, theirs!.key]);
  assert.deepEqual(ours!.json, theirs!.json);
});

Deno.test("an edit that OpenAI's SDK sends as a form shows Pollinations the same image", async () => {
  await using scene = await startScene();
  const client = new OpenAI({ apiKey: scene.key, baseURL: `${scene.service.url}/v1`, maxRetries: 0 });
  const image = [small, other].map((bytes) => new File([bytes], "fox.png", { type: "image/png" }));
  await client.images.edit({ model: "klein", prompt: "a hat", image, size: "1024x1024" });
  await pictures(
    await scene.edit({ prompt: "a hat", size: "1024x1024", ...given(dataUrl(small), dataUrl(other)) }),
  );
  const [theirs, ours] = scene.service.imageCalls;
  assert.deepEqual([ours!.method, ours!.path, ours!.key], [theirs!.method, theirs!.path, theirs!.key]);
  // The SDK knows no edits by JSON; the texts are the same, and the files are the ones of the data URIs.
  const { image: references, ...texts } = ours!.json as { image: { image_url: string }[] };
  const parts = [...theirs!.form!];
  assert.deepEqual(Object.fromEntries(parts.filter(([, value]) => typeof value === "string")), texts);
  const files = parts.flatMap(([name, value]) => name === "image[]" ? [value as File] : []);
  assert.deepEqual(
    await Promise.all(files.map(async (file) => dataUrl(await file.bytes()))),
    references.map(({ image_url }) => image_url),
  );
});
