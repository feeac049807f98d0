import assert from "node:assert/strict";
import { systemClock } from "../core/clock.ts";
import type { FailureKind } from "../core/failure.ts";
import { type DoubaoCode, doubaoError } from "../testing/doubao_errors.ts";
import { doubaoService } from "../testing/doubao_service.ts";
import { FileHost } from "../testing/file_host.ts";
import { startGateway } from "../testing/gateway.ts";
import { paintPng } from "../testing/painting.ts";
import { dataUrl, given, made, means, refusal } from "../testing/provider_replies.ts";
import { sent, startProviderScene } from "../testing/provider_scene.ts";
import { doubao } from "./doubao.ts";

const PRO = "doubao-seedream-5-0-pro-260628";
const FLASH = "doubao-seedream-5-0-flash-260915";
const LITE = "doubao-seedream-5-0-260128";
const FOUR_FIVE = "doubao-seedream-4-5-251128";
const FOUR = "doubao-seedream-4-0-250828";

/** A gateway before a scripted Doubao, and a caller who brings a key. */
function startScene() {
  const service = doubaoService();
  return startProviderScene({ service, env: { DOUBAO_BASE_URL: service.url }, clock: systemClock });
}

const small = paintPng({ width: 32, height: 32 });

Deno.test("Doubao is asked once and at once, and its result is fetched without the key", async () => {
  await using scene = await startScene();
  const response = await scene.generate();
  assert.equal(await made(response), 1);
  assert.deepEqual(scene.service.calls.map(({ method, path }) => [method, path]), [
    ["POST", "/api/v3/images/generations"],
  ]);
  assert.equal(scene.service.lastCall.headers.get("authorization"), `Bearer ${scene.key}`);
  assert.deepEqual(sent(scene), {
    model: PRO,
    prompt: "a fox",
    size: "1024x1024",
    response_format: "url",
  });
  const [fetched] = scene.service.files.calls;
  assert.equal([...fetched!.headers.values()].some((value) => value.includes(scene.key)), false);
  assert.equal(response.headers.get("x-imgrouter-cost-usd"), "0.042");
});

for (
  const [model, wish, size] of [
    [PRO, { size: "1536x1024" }, "1536x1024"],
    [PRO, { size: "4096x4096" }, "2048x2048"],
    [PRO, { size: "512x512" }, "1024x1024"],
    [PRO, { aspect_ratio: "16:9" }, "1280x720"],
    [PRO, { aspect_ratio: "9:21" }, "648x1512"],
    [FLASH, { size: "1024x1536" }, "1024x1536"],
    [LITE, { size: "1024x1024" }, "2048x2048"],
    [LITE, { size: "3000x3000" }, "3000x3000"],
    [LITE, { aspect_ratio: "4:3" }, "2304x1728"],
    [FOUR_FIVE, {}, "2048x2048"],
    [FOUR_FIVE, { size: "1024x1024" }, "2048x2048"],
    [FOUR_FIVE, { size: "1792x1024" }, "2848x1600"],
    [FOUR_FIVE, { size: "1024x1536" }, "1664x2496"],
    [FOUR_FIVE, { size: "1500x500" }, "3326x1109"],
    [FOUR_FIVE, { aspect_ratio: "16:9" }, "2848x1600"],
    [FOUR, { aspect_ratio: "16:9" }, "2560x1440"],
    [FOUR, { size: "960x960" }, "960x960"],
    [FOUR, { size: "4000x200" }, "3840x240"],
  ] as const
) {
  Deno.test(`${model} hears ${JSON.stringify(wish)} as ${size}, and takes it`, async () => {
    await using scene = await startScene();
    const response = await scene.generate({ model, ...wish });
    assert.equal(await made(response), 1);
    assert.equal(sent(scene).size, size);
    const isChanged = "size" in wish && wish.size !== size;
    assert.equal((response.headers.get("x-imgrouter-notes") ?? "").includes("size:"), isChanged);
  });
}

Deno.test("every recommended size of every model is one that the service takes as it is", async () => {
  await using scene = await startScene();
  for (const { id, sizes } of doubao.models) {
    const preferred = sizes?.kind === "free" ? sizes.preferred ?? [] : [];
    assert.ok(preferred.length >= 10, id);
    for (const size of preferred) {
      const reply = await fetch(`${scene.service.url}/images/generations`, {
        method: "POST",
        headers: { authorization: `Bearer ${scene.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: id, prompt: "a fox", size }),
      });
      await reply.body?.cancel();
      assert.equal(reply.status, 200, `${id}: ${size}`);
    }
  }
});

Deno.test("Doubao gets one image as a text and several as a list", async () => {
  await using scene = await startScene();
  const other = dataUrl(paintPng({ width: 32, height: 32, seed: 2 }));
  await made(await scene.edit(given(dataUrl(small))));
  assert.equal(sent(scene).image, dataUrl(small));
  await made(await scene.edit(given(dataUrl(small), other)));
  assert.deepEqual(sent(scene).image, [dataUrl(small), other]);
});

Deno.test("Doubao fetches an input at a secure address by itself, and is given the bytes of any other", async () => {
  await using scene = await startScene();
  await using files = new FileHost();
  const secure = "https://example.com/a fox.png?signature=1";
  await made(await scene.edit(given(secure, files.put(small, "image/png"))));
  assert.deepEqual(sent(scene).image, [secure, dataUrl(small)]);
});

Deno.test("inputs that Doubao would refuse are told, or converted, before it is asked", async () => {
  await using scene = await startScene();
  const tiny = await refusal(await scene.edit(given(dataUrl(paintPng({ width: 14, height: 40 })))));
  assert.deepEqual([tiny.status, tiny.param], [400, "image"]);
  const many = await refusal(await scene.edit(given(...Array<string>(11).fill(dataUrl(small)))));
  assert.deepEqual([many.status, many.param], [400, "image"]);
  assert.equal(scene.service.calls.length, 0);
  await made(await scene.edit({ model: FOUR, ...given(...Array<string>(11).fill(dataUrl(small))) }));
  const large = paintPng({ width: 7000, height: 6000 });
  const response = await scene.edit(given(dataUrl(large)));
  await made(response);
  assert.match(response.headers.get("x-imgrouter-notes") ?? "", /image: png of 7000x6000 was sent as png/);
});

Deno.test("Doubao hears of no wish that it has no field for", async () => {
  await using scene = await startScene();
  const wishes = {
    quality: "high",
    seed: 5,
    steps: 20,
    guidance_scale: 3,
    negative_prompt: "dogs",
    user: "somebody",
    output_compression: 50,
  };
  for (const { id } of doubao.models) {
    await made(await scene.generate({ model: id, output_format: "png", ...wishes }));
    const { model: _model, prompt: _prompt, size: _size, ...rest } = sent(scene);
    const takesFormat = id.includes("-5-0-");
    assert.deepEqual(rest, {
      response_format: "url",
      ...takesFormat && { output_format: "png" },
    }, id);
  }
});

Deno.test("webp is not Doubao's, and the caller is told that jpeg was made", async () => {
  await using scene = await startScene();
  const response = await scene.generate({ output_format: "webp" });
  await made(response);
  assert.equal(sent(scene).output_format, undefined);
  assert.match(response.headers.get("x-imgrouter-notes") ?? "", /output_format: webp is not offered/);
});

Deno.test("provider_params reach Doubao as they are", async () => {
  await using scene = await startScene();
  const provider_params = {
    watermark: false,
    size: "3K",
    tools: [{ type: "web_search" }],
    optimize_prompt_options: { mode: "standard" },
    response_format: "b64_json",
  };
  assert.equal(await made(await scene.generate({ model: LITE, provider_params })), 1);
  assert.deepEqual(sent(scene), { model: LITE, prompt: "a fox", ...provider_params });
  assert.equal(scene.service.files.calls.length, 0);
});

Deno.test("ids of Doubao's models abroad are passed on with the limits of the same models here", async () => {
  await using scene = await startScene();
  for (
    const [model, size] of [
      ["dola-seedream-5-0-pro-260628", "2048x2048"],
      ["doubao-seedream-5-0-lite-260128", "4096x4096"],
      ["seedream-4-5-251128", "4096x4096"],
      ["ep-20260101000000-abcde", "4096x4096"],
    ]
  ) {
    await made(await scene.generate({ model, size: "5000x5000" }));
    assert.deepEqual([sent(scene).model, sent(scene).size], [model, size]);
  }
});

Deno.test("a model that Doubao has shut down is made up for by its successor, which is told", async () => {
  await using scene = await startScene();
  const response = await scene.generate({ model: "doubao-seedream-3-0-t2i-250415" });
  await made(response);
  assert.equal(sent(scene).model, FOUR);
  assert.match(response.headers.get("x-imgrouter-notes") ?? "", /was retired/);
});

Deno.test("several images are as many calls of one each", async () => {
  await using scene = await startScene();
  assert.equal(await made(await scene.generate({ n: 3 })), 3);
  assert.deepEqual(
    scene.service.imageCalls.map(({ json }) =>
      Object.keys(json as object).some((name) => name.startsWith("sequential"))
    ),
    [false, false, false],
  );
});

const series = { sequential_image_generation: "auto" };

Deno.test("a series is one call that makes as many as are missing", async () => {
  await using scene = await startScene();
  assert.equal(await made(await scene.generate({ model: FOUR_FIVE, n: 4, provider_params: series })), 4);
  assert.equal(scene.service.imageCalls.length, 1);
  assert.deepEqual(sent(scene).sequential_image_generation_options, { max_images: 4 });
});

Deno.test("a series and its inputs are fifteen at most, so a longer one takes two calls", async () => {
  await using scene = await startScene();
  const images = given(...Array<string>(8).fill(dataUrl(small)));
  assert.equal(
    await made(await scene.edit({ model: FOUR_FIVE, n: 9, ...images, provider_params: series })),
    9,
  );
  assert.deepEqual(
    scene.service.imageCalls.map(({ json }) =>
      (json as { sequential_image_generation_options: unknown }).sequential_image_generation_options
    ).sort((a, b) => JSON.stringify(b).localeCompare(JSON.stringify(a))),
    [{ max_images: 7 }, { max_images: 2 }],
  );
});

for (const code of ["OutputImageSensitiveContentDetected", "InternalServiceError"] as const) {
  Deno.test(`a series from which ${code} took a picture is completed by another call`, async () => {
    await using scene = await startScene();
    scene.service.spoil({ 1: code });
    assert.equal(await made(await scene.generate({ model: FOUR_FIVE, n: 3, provider_params: series })), 3);
    const missing = code === "InternalServiceError" ? 2 : 1;
    assert.deepEqual(sent(scene).sequential_image_generation_options, { max_images: missing });
  });
}

Deno.test("a picture that is refused with status 200 is a refusal, and its reason is told", async () => {
  await using scene = await startScene();
  scene.service.spoil({ 0: "OutputImageSensitiveContentDetected" });
  const told = await refusal(await scene.generate());
  assert.deepEqual([told.status, told.code], [400, "content_policy_violation"]);
  assert.match(told.message, /generated image may contain sensitive content/);
});

Deno.test("a stream that provider_params asks for is read to its end", async () => {
  await using scene = await startScene();
  const provider_params = { ...series, stream: true };
  assert.equal(await made(await scene.generate({ model: FOUR_FIVE, n: 2, provider_params })), 2);
  scene.service.spoil({ 0: "OutputImageSensitiveContentDetected" });
  const told = await refusal(
    await scene.generate({ model: FOUR_FIVE, provider_params: { stream: true } }),
  );
  assert.deepEqual([told.status, told.code], [400, "content_policy_violation"]);
  scene.service.fail({ lastEvent: { data: { error: { code: "ServerOverloaded", message: "busy" } } } });
  assert.equal(await made(await scene.generate({ model: FOUR_FIVE, provider_params: { stream: true } })), 1);
});

/** Every code of Ark, and what it means. */
const FAILURES: [code: DoubaoCode, kind: FailureKind][] = [
  ["MissingParameter", "invalid_request"],
  ["InvalidParameter", "invalid_request"],
  ["InvalidImageURL.InvalidFormat", "invalid_request"],
  ["InputTextSensitiveContentDetected", "refused"],
  ["InputImageSensitiveContentDetected.PrivacyInformation", "refused"],
  ["OutputImageSensitiveContentDetected", "refused"],
  ["InvalidEndpoint.ClosedEndpoint", "model_not_found"],
  ["AuthenticationError", "key_rejected"],
  ["InvalidAccountStatus", "key_rejected"],
  ["AccountOverdueError", "out_of_credit"],
  ["OperationDenied.ServiceOverdue", "out_of_credit"],
  ["AccessDenied", "not_permitted"],
  ["OperationDenied.ServiceNotOpen", "not_permitted"],
  ["InvalidEndpointOrModel.NotFound", "model_not_found"],
  ["InvalidEndpointOrModel.ModelIDAccessDisabled", "not_permitted"],
  ["ModelNotOpen", "not_permitted"],
  ["ModelAccountIpmRateLimitExceeded", "rate_limited"],
  ["RateLimitExceeded.EndpointRPMExceeded", "rate_limited"],
  ["RequestBurstTooFast", "rate_limited"],
  ["QuotaExceeded", "out_of_credit"],
  ["SetLimitExceeded", "out_of_credit"],
  ["ServerOverloaded", "overloaded"],
  ["InternalServiceError", "overloaded"],
];

for (const [code, kind] of FAILURES) {
  Deno.test(`${code} of Doubao means ${kind}`, async () => {
    await using scene = await startScene();
    const { status, body, headers } = doubaoError(code, { param: "size" });
    scene.service.fail({ status, body, headers }, 5);
    means(await refusal(await scene.generate()), kind);
  });
}

Deno.test("a quota of Doubao's that is used up is that of the model alone", async () => {
  await using service = doubaoService();
  await using gateway = await startGateway({
    env: {
      DOUBAO_BASE_URL: service.url,
      DOUBAO_API_KEY: service.newKey(),
      GATEWAY_API_KEYS: "client-key",
      MAX_RETRIES: "0",
    },
  });
  const ask = async (model: string) => {
    const response = await gateway.post("/v1/images/generations", { model, prompt: "a fox" }, "client-key");
    await response.body?.cancel();
    return response.status;
  };
  const { status, body } = doubaoError("QuotaExceeded");
  service.fail({ status, body });
  assert.deepEqual([await ask(PRO), await ask(PRO), await ask(FLASH)], [503, 503, 200]);
  assert.equal(service.imageCalls.length, 2);
});
