import assert from "node:assert/strict";
import sharp from "sharp";
import { readImageFacts } from "../core/media.ts";
import { blackForestLabsService } from "../testing/black_forest_labs_service.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { FileHost } from "../testing/file_host.ts";
import { startGateway } from "../testing/gateway.ts";
import { paint, paintPng } from "../testing/painting.ts";
import { dataUrl, given, pictures, refusal } from "../testing/provider_replies.ts";
import { doublingPauses, startProviderScene, wishesSent } from "../testing/provider_scene.ts";
import { Refusal } from "../testing/reply.ts";
import { blackForestLabs } from "./black_forest_labs.ts";

/** A gateway before a scripted Black Forest Labs, and a caller who brings a key. */
function startScene({ env = {}, states = ["Ready"] }: {
  env?: Record<string, string>;
  states?: string[];
} = {}) {
  const service = blackForestLabsService();
  service.scriptJobs({ states });
  return startProviderScene({
    service,
    env: { BFL_BASE_URL: service.url, ...env },
    clock: new FakeClock(),
    wait: doublingPauses,
  });
}

const small = paintPng({ width: 320, height: 256 });
const other = paintPng({ width: 256, height: 256, seed: 2 });

Deno.test("FLUX takes a job, is asked at the address it named, and gives the picture without seeing the key there", async () => {
  await using scene = await startScene({ states: ["Pending", "Pending", "Ready"] });
  const response = await scene.generate({}, 3);
  const [picture] = await pictures(response);
  assert.deepEqual(readImageFacts(picture!), { type: "image/jpeg", width: 1024, height: 1024 });
  const [submitted, ...questions] = scene.service.calls;
  assert.deepEqual([submitted!.method, submitted!.path], ["POST", "/v1/flux-2-pro"]);
  assert.deepEqual(submitted!.json, { prompt: "a fox" });
  assert.equal(submitted!.headers.get("accept"), "application/json");
  assert.equal(questions.length, 3);
  for (const { method, path, query } of questions) {
    const id = "00000000-0000-4000-8000-000000000001";
    assert.deepEqual([method, path, `${query}`], ["GET", "/eu/v1/get_result", `id=${id}`]);
  }
  for (const { headers } of scene.service.calls) {
    assert.equal(headers.get("x-key"), scene.key);
    assert.equal(headers.get("authorization"), null);
  }
  const [fetched] = scene.service.files.calls;
  assert.equal([...fetched!.headers.values()].some((value) => value.includes(scene.key)), false);
  assert.equal(response.headers.get("x-imgrouter-cost-usd"), "0.03");
});

Deno.test("FLUX's base address works with and without its version", async () => {
  await using service = blackForestLabsService();
  service.scriptJobs({ states: ["Ready"] });
  for (const url of [service.url, service.origin]) {
    const clock = new FakeClock();
    await using gateway = await startGateway({ clock, dice: () => 0.5, env: { BFL_BASE_URL: url } });
    const reply = gateway.post("/v1/images/generations", { prompt: "a fox" }, service.newKey());
    await doublingPauses(clock);
    const response = await reply;
    await response.body?.cancel();
    assert.equal(response.status, 200, url);
  }
});

for (
  const [model, wish, expected, made] of [
    ["flux-2-pro", { size: "1024x768" }, { width: 1024, height: 768 }, "1024x768"],
    ["flux-2-max", { size: "1000x1000" }, { width: 1008, height: 1008 }, "1008x1008"],
    ["flux-2-klein-4b", { size: "4096x4096" }, { width: 2000, height: 2000 }, "2000x2000"],
    ["flux-2-pro", { aspect_ratio: "16:9" }, { width: 1360, height: 768 }, "1360x768"],
    ["flux-kontext-pro", { size: "1536x1024" }, { aspect_ratio: "3:2" }, "1254x836"],
    ["flux-kontext-max", { aspect_ratio: "9:21" }, { aspect_ratio: "9:21" }, "670x1564"],
    ["flux-pro-1.1-ultra", { size: "1024x1024" }, { aspect_ratio: "1:1" }, "1024x1024"],
    ["flux-pro-1.1", { size: "2048x1024" }, { width: 1440, height: 736 }, "1440x736"],
  ] as const
) {
  Deno.test(`${model} hears ${JSON.stringify(wish)} as ${JSON.stringify(expected)}`, async () => {
    await using scene = await startScene();
    const [picture] = await pictures(await scene.generate({ model, ...wish }));
    assert.deepEqual(wishesSent(scene), expected);
    const { width, height } = readImageFacts(picture!)!;
    assert.equal(`${width}x${height}`, made);
  });
}

Deno.test("each FLUX model gets of all wishes what it takes, whatever its values", async () => {
  await using scene = await startScene();
  const wishes = {
    seed: 5,
    steps: 99,
    guidance_scale: 0,
    negative_prompt: "dogs",
    lora_weights: { "a/b": 1 },
    quality: "high",
    style: "natural",
    background: "opaque",
    moderation: "low",
    output_format: "webp",
    output_compression: 50,
    user: "somebody",
  };
  const heard: Record<string, unknown> = {};
  for (const { id, tasks, mask } of blackForestLabs.models) {
    const images = tasks.includes("generate") ? {} : {
      ...given(small),
      ...mask && { mask: { image_url: dataUrl(paintPng({ width: 320, height: 256, transparent: true })) } },
    };
    const ask = tasks.includes("generate") ? scene.generate : scene.edit;
    await pictures(await ask({ model: id, ...wishes, ...images }));
    const { image: _image, input_image: _input, mask: _mask, ...rest } = wishesSent(scene);
    heard[id] = rest;
  }
  const flux2 = { seed: 5, safety_tolerance: 5, output_format: "webp" };
  const flux1 = { ...flux2, output_format: "png" };
  assert.deepEqual(heard, {
    "flux-2-pro": flux2,
    "flux-2-pro-preview": flux2,
    "flux-2-max": flux2,
    "flux-2-flex": { ...flux2, steps: 50, guidance: 1.5 },
    "flux-2-klein-9b": flux2,
    "flux-2-klein-9b-preview": flux2,
    "flux-2-klein-4b": flux2,
    "flux-kontext-max": flux1,
    "flux-kontext-pro": flux1,
    "flux-pro-1.1": flux1,
    "flux-pro-1.1-ultra": { ...flux1, raw: true },
    "flux-dev": { ...flux1, steps: 50, guidance: 1.5 },
    "flux-pro-1.0-fill": { ...flux1, steps: 50, guidance: 1.5 },
    "flux-pro-1.0-expand": { ...flux1, steps: 50, guidance: 1.5 },
    "flux-tools/erase-v1": {},
    "flux-tools/outpainting-v1": {},
  });
});

Deno.test("numbers beyond an endpoint's bounds are moved to them, and that is told", async () => {
  await using scene = await startScene();
  const response = await scene.generate({ model: "flux-dev", steps: 70, guidance_scale: 9 });
  const notes = response.headers.get("x-imgrouter-notes") ?? "";
  assert.match(notes, /steps: 70 became 50/);
  assert.match(notes, /guidance_scale: 9 became 5/);
  await pictures(response);
});

Deno.test("provider_params are merged into FLUX's request last", async () => {
  await using scene = await startScene();
  const provider_params = { safety_tolerance: 0, prompt_upsampling: false };
  await pictures(await scene.generate({ model: "flux-2-flex", moderation: "low", provider_params }));
  assert.deepEqual(wishesSent(scene), provider_params);
});

Deno.test("FLUX joins up to eight images, each in a field of its own", async () => {
  await using scene = await startScene();
  const images = Array.from({ length: 8 }, (_, seed) => paintPng({ width: 256, height: 256, seed }));
  await pictures(await scene.edit(given(...images)));
  assert.deepEqual(
    wishesSent(scene),
    Object.fromEntries(
      images.map((
        bytes,
        index,
      ) => [index === 0 ? "input_image" : `input_image_${index + 1}`, bytes.toBase64()]),
    ),
  );
  const told = await refusal(await scene.edit({ model: "flux-kontext-pro", ...given(...images) }, 0));
  assert.equal(told.status, 400);
  assert.match(told.message, /takes 4 input image/);
});

Deno.test("FLUX fetches an input by itself where the caller gave an address", async () => {
  await using scene = await startScene();
  const image_url = "https://example.com/a fox.png?signature=1";
  const edit = { images: [{ image_url }, { image_url: dataUrl(small) }] };
  await pictures(await scene.edit({ model: "flux-kontext-max", ...edit }));
  assert.deepEqual(wishesSent(scene), { input_image: image_url, input_image_2: small.toBase64() });
});

Deno.test("an input that is too small for FLUX is refused before it is asked, and one of another type converted", async () => {
  await using scene = await startScene();
  const told = await refusal(await scene.edit(given(paintPng({ width: 255, height: 400 })), 0));
  assert.deepEqual([told.status, told.param], [400, "image"]);
  assert.match(told.message, /256 pixels or more/);
  assert.equal(scene.service.calls.length, 0);
  const gif = await paint({ width: 300, height: 300, format: "gif" });
  await pictures(await scene.edit({ images: [{ image_url: dataUrl(gif, "image/gif") }] }));
  assert.equal(
    readImageFacts(Uint8Array.fromBase64(wishesSent(scene).input_image as string))?.type,
    "image/png",
  );
});

/** A mask of 320x256 with a hole of 64x64 at the upper left. */
async function holedMask(): Promise<Uint8Array> {
  const hole = { create: { width: 64, height: 64, channels: 4 as const, background: "#ffff" } };
  return new Uint8Array(
    await sharp({ create: { width: 320, height: 256, channels: 4, background: "#f00f" } })
      .composite([{ input: hole, left: 0, top: 0, blend: "dest-out" }]).png().toBuffer(),
  );
}

for (const [model, prompt] of [["flux-pro-1.0-fill", "a fox"], ["flux-tools/erase-v1", undefined]] as const) {
  Deno.test(`${model} gets the mask white where OpenAI's is see-through`, async () => {
    await using scene = await startScene();
    const mask = { image_url: dataUrl(await holedMask()) };
    await pictures(await scene.edit({ model, ...given(small), mask }));
    const { path, json } = scene.service.imageCalls[0]!;
    const body = json as Record<string, string>;
    assert.equal(path, `/v1/${model}`);
    assert.deepEqual(
      Object.keys(body).sort(),
      prompt ? ["image", "mask", "prompt"] : ["image", "mask"],
    );
    assert.equal(body.prompt, prompt);
    assert.equal(body.image, small.toBase64());
    const grey = await sharp(Uint8Array.fromBase64(body.mask!)).toColourspace("b-w").raw().toBuffer();
    assert.deepEqual([grey.length, grey[10 * 320 + 10], grey[200 * 320 + 200]], [320 * 256, 255, 0]);
  });
}

Deno.test("a mask is not sent to a FLUX model that has none, and those that have one are named", async () => {
  await using scene = await startScene();
  const mask = { image_url: dataUrl(await holedMask()) };
  const told = await refusal(await scene.edit({ model: "flux-2-pro", ...given(small), mask }, 0));
  assert.deepEqual([told.status, told.param], [400, "mask"]);
  assert.match(told.message, /models that can: flux-pro-1\.0-fill/);
});

for (
  const [size, margins] of [
    ["640x512", { left: 160, right: 160, top: 128, bottom: 128 }],
    ["321x256", { left: 0, right: 1, top: 0, bottom: 0 }],
    ["8000x256", { left: 2048, right: 2048, top: 0, bottom: 0 }],
  ] as const
) {
  Deno.test(`flux-pro-1.0-expand makes ${size} of 320x256 by what is added on each side`, async () => {
    await using scene = await startScene();
    await pictures(await scene.edit({ model: "flux-pro-1.0-expand", ...given(small), size }));
    assert.deepEqual(wishesSent(scene), { image: small.toBase64(), ...margins });
  });
}

Deno.test("flux-tools/outpainting-v1 hears the new size as it is", async () => {
  await using scene = await startScene();
  await pictures(
    await scene.edit({ model: "flux-tools/outpainting-v1", ...given(small), size: "640x512" }),
  );
  assert.deepEqual(wishesSent(scene), { input_image: small.toBase64(), width: 640, height: 512 });
});

Deno.test("FLUX 1 varies the picture that is given for a prompt, and other models by an edit", async () => {
  for (const [model, field] of [["flux-pro-1.1", "image_prompt"], ["flux-2-max", "input_image"]] as const) {
    await using scene = await startScene();
    const form = new FormData();
    form.set("image", new File([small], "fox.png", { type: "image/png" }));
    form.set("model", model);
    form.set("response_format", "b64_json");
    const reply = fetch(`${scene.gateway.url}/v1/images/variations`, {
      method: "POST",
      headers: { authorization: `Bearer ${scene.key}` },
      body: form,
    });
    await doublingPauses(scene.clock);
    assert.equal((await pictures(await reply)).length, 1);
    assert.deepEqual(wishesSent(scene), { [field]: small.toBase64() });
  }
});

Deno.test("FLUX tells its seed, and the prompt where it wrote another", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["Ready"], result: { prompt: "a red fox in the snow" } });
  const { data: [rewritten] } = await (await scene.generate()).json();
  assert.equal(rewritten.revised_prompt, "a red fox in the snow");
  scene.service.scriptJobs({ states: ["Ready"] });
  const { data: [same] } = await (await scene.generate()).json();
  assert.equal(same.revised_prompt, undefined);
});

for (
  const [name, cost, expected] of [
    ["in credits", 4.5, "0.045"],
    ["not at all, so the price list counts", null, "0.03"],
  ] as const
) {
  Deno.test(`FLUX tells what it costs ${name}`, async () => {
    await using scene = await startScene();
    scene.service.scriptJobs({ states: ["Ready"], cost });
    const response = await scene.generate();
    await response.body?.cancel();
    assert.equal(response.headers.get("x-imgrouter-cost-usd"), expected);
  });
}

Deno.test("FLUX.2 is priced by each million pixels that was begun", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["Ready"], cost: null });
  for (
    const [model, size, usd] of [
      ["flux-2-pro", "1024x1024", "0.03"],
      ["flux-2-pro", "1536x1024", "0.045"],
      ["flux-2-max", "1984x1984", "0.16"],
      ["flux-2-flex", "1600x1600", "0.128"],
      ["flux-2-pro-preview", "1024x1024", null],
    ] as const
  ) {
    const response = await scene.generate({ model, size });
    await response.body?.cancel();
    assert.equal(response.headers.get("x-imgrouter-cost-usd"), usd, `${model} ${size}`);
  }
});

const STATES: [states: string[], status: number, code: string, text: RegExp][] = [
  [
    ["Pending", "Request Moderated"],
    400,
    "content_policy_violation",
    /^Request Moderated: Moderation Reasons: Derivative Works Filter, Nudity$/,
  ],
  [["Content Moderated"], 400, "content_policy_violation", /^Content Moderated: Moderation Reasons/],
  [["Error"], 503, "provider_unavailable", /Error: Moderation Reasons/],
  [["Pending", "Failed"], 503, "provider_unavailable", /Failed: Moderation Reasons/],
];

for (const [states, status, code, text] of STATES) {
  Deno.test(`a FLUX job that goes ${states.join(", ")} is told as ${code}, with its details`, async () => {
    await using scene = await startScene();
    const details = { "Moderation Reasons": ["Derivative Works Filter", "Nudity"] };
    scene.service.scriptJobs({ states, details });
    const told = await refusal(await scene.generate({}, states.length));
    assert.deepEqual([told.status, told.code], [status, code]);
    assert.match(told.message, text);
    assert.equal(scene.service.imageCalls.length, 1);
  });
}

Deno.test("a prompt that FLUX moderates after taking it on is the caller's 400", async () => {
  await using scene = await startScene();
  const told = await refusal(await scene.generate({ prompt: "something forbidden" }, 2));
  assert.deepEqual([told.status, told.code], [400, "content_policy_violation"]);
});

Deno.test("a state that FLUX did not have before is waited out", async () => {
  await using scene = await startScene({ states: ["Queued", "Ready"] });
  assert.equal((await pictures(await scene.generate({}, 2))).length, 1);
});

for (const notFoundStatus of [200, 404]) {
  Deno.test(`a FLUX job that is not found at first, told with ${notFoundStatus}, is asked for again`, async () => {
    await using scene = await startScene();
    const lost = "Task not found";
    scene.service.scriptJobs({ states: [lost, lost, "Pending", lost, "Ready"], notFoundStatus });
    assert.equal((await pictures(await scene.generate({}, 5))).length, 1);
  });

  Deno.test(`a FLUX job that stays unknown, told with ${notFoundStatus}, is lost after six questions`, async () => {
    await using scene = await startScene();
    scene.service.scriptJobs({ states: ["Task not found"], notFoundStatus });
    const told = await refusal(await scene.generate({}, 6));
    assert.deepEqual([told.status, told.code], [502, "no_image"]);
    assert.match(told.message, /Task not found/);
    assert.equal(scene.service.imageCalls.length, 1);
  });
}

Deno.test("questions that FLUX can't answer for a while cost nothing but time", async () => {
  await using scene = await startScene({ states: ["Pending", "Pending", "Ready"] });
  scene.service.fail({ status: 503, body: { detail: "busy" } }, 2, "tasks");
  assert.equal((await pictures(await scene.generate({}, 3))).length, 1);
  assert.equal(scene.service.imageCalls.length, 1);
});

Deno.test("a finished FLUX job without a picture is none", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ states: ["Ready"], result: { sample: null } });
  const told = await refusal(await scene.generate());
  assert.deepEqual([told.status, told.code], [502, "no_image"]);
});

Deno.test("the id of a FLUX job is added to an address that lacks it", async () => {
  await using scene = await startScene();
  for (const address of ["/eu/v1/get_result", "/eu/v1/get_result?region=eu"]) {
    scene.service.scriptJobs({
      states: ["Ready"],
      submitted: { polling_url: `${scene.service.origin}${address}` },
    });
    assert.equal((await pictures(await scene.generate())).length, 1);
  }
});

Deno.test("a FLUX job without an address is asked for at the base address", async () => {
  await using scene = await startScene();
  scene.service.scriptJobs({ submitted: { polling_url: undefined } });
  const reply = scene.generate({}, 6);
  await (await reply).body?.cancel();
  const { path, query } = scene.service.lastCall;
  assert.equal(`${path}?${query}`, "/v1/get_result?id=00000000-0000-4000-8000-000000000001");
});

Deno.test("FLUX's key is not sent to an address outside its hosts", async () => {
  await using scene = await startScene();
  await using stranger = new FileHost();
  scene.service.scriptJobs({ submitted: { polling_url: `${stranger.url}/get_result?id=1` } });
  const told = await refusal(await scene.generate());
  assert.deepEqual([told.status, told.code], [502, "provider_malformed_reply"]);
  assert.match(told.message, /the key is not sent there/);
  assert.equal(stranger.calls.length, 0);
});

const FAILURES: [name: string, refusal: Refusal, status: number, code: string, text: RegExp][] = [
  [
    "a bad key",
    new Refusal(403, { detail: "Not authenticated - Invalid Authentication" }),
    401,
    "invalid_api_key",
    /Invalid Authentication/,
  ],
  ["no key", new Refusal(403, { detail: "Not authenticated" }), 401, "invalid_api_key", /Not authenticated/],
  [
    "a bad key in its other dialect",
    new Refusal(401, { error: "unauthorized", message: "Invalid API key" }),
    401,
    "invalid_api_key",
    /Invalid API key/,
  ],
  [
    "something else that is forbidden",
    new Refusal(403, { detail: "Finetunes are not enabled for this account" }),
    403,
    "model_not_permitted",
    /Finetunes/,
  ],
  ["no credits", new Refusal(402, { detail: "Insufficient credits." }), 402, "insufficient_quota", /credits/],
  [
    "bad params",
    new Refusal(422, {
      detail: [{ loc: ["body", "width"], msg: "Input should be a multiple of 16", type: "x" }],
    }),
    400,
    "invalid_value",
    /^width: Input should be a multiple of 16$/,
  ],
  ["a bad body", new Refusal(400, { detail: "parsing failed" }), 400, "invalid_value", /^parsing failed$/],
  [
    "an endpoint that is not there",
    new Refusal(404, { detail: "Not Found" }),
    404,
    "model_not_found",
    /Not Found/,
  ],
  ["too many jobs", new Refusal(429, { detail: "Too many" }), 429, "rate_limit_exceeded", /Too many/],
  ["an error inside", new Refusal(500, { detail: "Oops" }), 503, "provider_unavailable", /Oops/],
  ["no capacity", new Refusal(503, { detail: "No capacity" }), 503, "provider_unavailable", /No capacity/],
  ["a reply without an id", new Refusal(200, { polling_url: null }), 502, "provider_malformed_reply", /id/],
];

for (const [name, fault, status, code, text] of FAILURES) {
  Deno.test(`FLUX's word for ${name} is understood`, async () => {
    await using scene = await startScene();
    scene.service.fail(fault);
    const told = await refusal(await scene.generate({}, 0));
    assert.deepEqual([told.status, told.code], [status, code]);
    assert.match(told.message, text);
    assert.equal(scene.service.calls.length, 1);
  });
}

Deno.test("the field that FLUX refuses is named to the caller who sent it", async () => {
  await using scene = await startScene();
  const told = await refusal(await scene.generate({ provider_params: { safety_tolerance: 9 } }, 0));
  assert.deepEqual([told.status, told.param], [400, "safety_tolerance"]);
});

Deno.test("FLUX's wait in its other dialect is heeded", async () => {
  await using scene = await startScene();
  scene.service.fail({ status: 429, body: { error: "rate_limited", message: "slow down", retry_after: 9 } });
  const response = await scene.generate({}, 0);
  await response.body?.cancel();
  assert.deepEqual([response.status, response.headers.get("retry-after")], [429, "9"]);
});

Deno.test("an old key of FLUX, which looks like another provider's, is used where the caller says whose it is", async () => {
  await using scene = await startScene();
  const key = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
  const reply = scene.gateway.post(
    "/v1/images/generations",
    { prompt: "a fox", provider: "bfl", response_format: "b64_json" },
    key,
  );
  await doublingPauses(scene.clock);
  assert.equal((await pictures(await reply)).length, 1);
  assert.equal(scene.service.calls.every((call) => call.key === key), true);
});

Deno.test("FLUX makes several images by as many jobs", async () => {
  await using scene = await startScene();
  const reply = scene.generate({ n: 3 }, 0);
  await scene.clock.sleeping(375, 3);
  await scene.clock.pass(375);
  assert.equal((await pictures(await reply)).length, 3);
  assert.equal(scene.service.imageCalls.length, 3);
});

Deno.test("an unknown FLUX.2 model is asked for by its id, with the fields of its family", async () => {
  await using scene = await startScene();
  const told = await refusal(await scene.generate({ model: "flux-2-ultra" }, 0));
  assert.deepEqual([told.status, told.code], [404, "model_not_found"]);
  assert.equal(scene.service.lastCall.path, "/v1/flux-2-ultra");
});

Deno.test("two inputs of FLUX keep the caller's order", async () => {
  await using scene = await startScene();
  await pictures(await scene.edit({ model: "flux-2-flex", ...given(other, small) }));
  assert.deepEqual(wishesSent(scene), { input_image: other.toBase64(), input_image_2: small.toBase64() });
});
