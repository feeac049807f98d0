import assert from "node:assert/strict";
import sharp from "sharp";
import type { Clock } from "../core/clock.ts";
import type { FailureKind } from "../core/failure.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { startGateway } from "../testing/gateway.ts";
import { type MidjourneyDialect, midjourneyError, submitted } from "../testing/midjourney_requests.ts";
import { type MidjourneyService, midjourneyService, toneOf } from "../testing/midjourney_service.ts";
import { paintPng } from "../testing/painting.ts";
import { dataUrl, given, means, refusal } from "../testing/provider_replies.ts";
import { startProviderScene } from "../testing/provider_scene.ts";
import { RushingClock } from "../testing/rushing_clock.ts";

const DIALECTS: MidjourneyDialect[] = ["nov", "trueai", "relay"];

/** A gateway before a scripted proxy, and a caller who brings its secret. */
function startScene({ dialect, path = "/mj", clock = new RushingClock() }: {
  dialect?: MidjourneyDialect;
  path?: string;
  clock?: Clock;
} = {}) {
  const service = midjourneyService({ dialect });
  return startProviderScene({ service, env: { MIDJOURNEY_BASE_URL: service.origin + path }, clock });
}

/** The pictures of a reply: their sizes, and the greys in their middle and in their quarters. */
async function pictures(response: Response) {
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return await Promise.all(body.data.map(async ({ b64_json }: { b64_json: string }) => {
    const { data, info } = await sharp(Uint8Array.fromBase64(b64_json)).toColourspace("b-w").raw().toBuffer({
      resolveWithObject: true,
    });
    const { width, height } = info;
    const at = (x: number, y: number) => data[Math.floor(y * height) * width + Math.floor(x * width)];
    const tones = new Set([at(0.1, 0.1), at(0.9, 0.1), at(0.1, 0.9), at(0.9, 0.9)]);
    return { size: `${width}x${height}`, tones: [...tones] };
  }));
}

const notes = (response: Response) => response.headers.get("x-imgrouter-notes") ?? "";
const submissions = ({ service }: { service: MidjourneyService }) =>
  service.imageCalls.map(({ path, json }) => [path.replace("/mj/submit/", ""), json]);
const small = paintPng({ width: 32, height: 32 });
const other = paintPng({ width: 32, height: 32, seed: 2 });

for (const dialect of DIALECTS) {
  Deno.test(`${dialect}: a task is handed in, asked for with the secret, and gives one quarter of its grid`, async () => {
    await using scene = await startScene({ dialect });
    assert.deepEqual(await pictures(await scene.generate()), [{ size: "128x128", tones: [toneOf(1, 1)] }]);
    assert.deepEqual(submissions(scene), [["imagine", { prompt: "a fox" }]]);
    const [, ...questions] = scene.service.calls.filter(({ path }) => !path.startsWith("/mj/image/"));
    assert.deepEqual(questions.map(({ method, path }) => `${method} ${path}`), [
      "GET /mj/task/1732180123000456/fetch",
      "GET /mj/task/1732180123000456/fetch",
      "GET /mj/task/1732180123000456/fetch",
      "GET /mj/task/1732180123000456/fetch",
    ]);
    for (const { headers } of scene.service.calls) {
      assert.deepEqual([headers.get("mj-api-secret"), headers.get("authorization")], [scene.key, null]);
    }
    for (const { headers } of scene.service.files.calls) {
      assert.equal([...headers.values()].some((value) => value.includes(scene.key)), false);
    }
    assert.equal(scene.service.files.calls.length, dialect === "relay" ? 0 : 1);
  });
}

Deno.test("a task is asked for every two or three seconds", async () => {
  const clock = new FakeClock();
  await using scene = await startScene({ clock });
  const asked = scene.generate();
  const pauses: number[] = [];
  for (let turn = 1; turn <= 4; turn++) pauses.push(await clock.passSleep(1000, 3000));
  assert.equal((await pictures(await asked)).length, 1);
  assert.deepEqual(pauses, [1500, 2250, 2250, 2250]);
});

Deno.test("up to four pictures are the quarters of one grid, from the index on, and more are of further grids", async () => {
  await using scene = await startScene();
  const tones = async (body: Record<string, unknown>) =>
    (await pictures(await scene.generate(body))).flatMap(({ tones }) => tones);
  assert.deepEqual(await tones({ n: 4 }), [1, 2, 3, 4].map((place) => toneOf(1, place)));
  assert.deepEqual(
    await tones({ n: 3, provider_params: { index: 3 } }),
    [3, 4, 1].map((place) => toneOf(2, place)),
  );
  assert.equal(scene.service.imageCalls.length, 2);
  assert.equal(new Set(await tones({ n: 6 })).size, 6);
  assert.equal(scene.service.imageCalls.length, 4);
});

for (const type of ["jpeg", "webp", "png"] as const) {
  Deno.test(`a grid that came as ${type} is cut into pictures of that type`, async () => {
    await using scene = await startScene();
    const grid = await sharp(new Uint8Array(64 * 48), { raw: { width: 64, height: 48, channels: 1 } })
      .toFormat(type).toBuffer();
    const imageUrl = scene.service.files.put(new Uint8Array(grid), `image/${type}`);
    scene.service.scriptTasks({ states: ["SUCCESS"], task: { imageUrl } });
    const body = await (await scene.generate()).json();
    const { format, width, height } = await sharp(Uint8Array.fromBase64(body.data[0].b64_json)).metadata();
    assert.deepEqual([format, width, height], [type, 32, 24]);
  });
}

Deno.test("a whole grid is one picture, so two of them are two tasks", async () => {
  await using scene = await startScene();
  const grids = await pictures(await scene.generate({ n: 2, provider_params: { grid: "whole" } }));
  assert.deepEqual(
    grids.map(({ size, tones }) => [size, tones.length]),
    [["256x256", 4], ["256x256", 4]],
  );
  assert.deepEqual(submissions(scene), [["imagine", { prompt: "a fox" }], ["imagine", { prompt: "a fox" }]]);
});

Deno.test("pictures that are told apart from each other are not cut", async () => {
  await using scene = await startScene({ dialect: "trueai" });
  scene.service.scriptTasks({ apart: true });
  assert.deepEqual(
    await pictures(await scene.generate({ n: 2 })),
    [1, 2].map((place) => ({ size: "256x256", tones: [toneOf(1, place)] })),
  );
});

const upscaled = [2, 3].map((place) => ({ size: "256x256", tones: [toneOf(1, place)] }));
const upscale = { n: 2, provider_params: { grid: "upscale", index: 2 } };

Deno.test("nov: pictures are upscaled by changes of their task", async () => {
  await using scene = await startScene({ dialect: "nov" });
  assert.deepEqual(await pictures(await scene.generate(upscale)), upscaled);
  const taskId = "1732180123000456";
  assert.deepEqual(submissions(scene).slice(1), [
    ["change", { taskId, action: "UPSCALE", index: 2 }],
    ["change", { taskId, action: "UPSCALE", index: 3 }],
  ]);
});

for (const dialect of ["trueai", "relay"] as const) {
  Deno.test(`${dialect}: pictures are upscaled by the buttons of their task`, async () => {
    await using scene = await startScene({ dialect });
    assert.deepEqual(await pictures(await scene.generate(upscale)), upscaled);
    assert.deepEqual(
      submissions(scene).slice(1).map(([path, body]) => [path, (body as { customId: string }).customId]),
      [2, 3].map((place) => [
        "action",
        `MJ::JOB::upsample::${place}::00000000-0000-4000-8000-000000000001`,
      ]),
    );
  });
}

Deno.test("a picture that can't be upscaled is cut out of its grid, and that is told", async () => {
  for (const script of [{ upscales: false }, { task: { buttons: [] } }]) {
    await using scene = await startScene({ dialect: "trueai" });
    scene.service.scriptTasks(script);
    const response = await scene.generate(upscale);
    assert.match(notes(response), /grid: there is no upscale of this picture/);
    assert.deepEqual((await pictures(response)).map(({ size }) => size), ["128x128", "128x128"]);
  }
});

for (
  const [param, provider_params] of [
    ["grid", { grid: "half" }],
    ["index", { index: 5 }],
    ["index", { grid: "upscale", index: "1" }],
  ] as const
) {
  Deno.test(`${JSON.stringify(provider_params)} is refused before anything is asked for`, async () => {
    await using scene = await startScene();
    const told = await refusal(await scene.generate({ provider_params }));
    assert.deepEqual([told.status, told.param], [400, `provider_params.${param}`]);
    assert.equal(scene.service.calls.length, 0);
  });
}

for (
  const [model, body, prompt] of [
    ["midjourney", { size: "1536x1024" }, "a fox --ar 3:2"],
    ["midjourney", { size: "1000x1000" }, "a fox --ar 1:1"],
    ["midjourney", { aspect_ratio: "9:16" }, "a fox --ar 9:16"],
    ["midjourney", { seed: 7, negative_prompt: "dogs, cats" }, "a fox --seed 7 --no dogs, cats"],
    ["midjourney", { style: "natural" }, "a fox --raw"],
    ["midjourney", { style: "vivid", steps: 20, quality: "high", guidance_scale: 3 }, "a fox"],
    ["midjourney-v7", { size: "1024x1792" }, "a fox --ar 9:16 --v 7"],
    ["midjourney-v6.1", {}, "a fox --v 6.1"],
    ["midjourney-niji", {}, "a fox --niji"],
    ["midjourney-niji-6", {}, "a fox --niji 6"],
    [
      "midjourney-v7",
      { prompt: "a fox --ar 2:3 --v 6", size: "1024x1024", seed: 1 },
      "a fox --ar 2:3 --v 6 --seed 1",
    ],
  ] as const
) {
  Deno.test(`${model} hears ${JSON.stringify(body)} as "${prompt}"`, async () => {
    await using scene = await startScene();
    await pictures(await scene.generate({ model, ...body }));
    assert.deepEqual(submissions(scene), [["imagine", { prompt }]]);
  });
}

Deno.test("provider_params are merged into the task", async () => {
  await using scene = await startScene({ dialect: "trueai" });
  const provider_params = { botType: "NIJI_JOURNEY", accountFilter: { modes: ["FAST"] }, grid: "quarter" };
  await pictures(await scene.generate({ provider_params }));
  const { grid: _grid, ...rest } = provider_params;
  assert.deepEqual(submissions(scene), [["imagine", { prompt: "a fox", ...rest }]]);
});

for (const dialect of ["trueai", "relay"] as const) {
  Deno.test(`${dialect}: one picture is edited by the editor`, async () => {
    await using scene = await startScene({ dialect });
    await pictures(await scene.edit({ ...given(small), size: "1024x1536" }));
    assert.deepEqual(submissions(scene), [["edits", { prompt: "a fox --ar 2:3", image: dataUrl(small) }]]);
  });
}

Deno.test("nov: where there is no editor the picture is a reference, and that is told", async () => {
  await using scene = await startScene({ dialect: "nov" });
  const response = await scene.edit(given(small));
  assert.match(notes(response), /edit: this proxy has no editor/);
  await pictures(response);
  assert.deepEqual(submissions(scene), [
    ["edits", { prompt: "a fox", image: dataUrl(small) }],
    ["imagine", { prompt: "a fox", base64Array: [dataUrl(small)] }],
  ]);
});

Deno.test("several pictures are references of one task", async () => {
  await using scene = await startScene({ dialect: "trueai" });
  await pictures(await scene.ask("blend", { images: [dataUrl(small), dataUrl(other)] }));
  assert.deepEqual(submissions(scene), [
    ["imagine", { prompt: "a fox", base64Array: [dataUrl(small), dataUrl(other)] }],
  ]);
});

for (
  const [size, dimensions] of [
    ["1024x1536", "PORTRAIT"],
    ["1024x1024", "SQUARE"],
    ["1792x1024", "LANDSCAPE"],
    [undefined, "SQUARE"],
  ]
) {
  Deno.test(`midjourney-blend joins pictures without words, ${size} as ${dimensions}`, async () => {
    await using scene = await startScene();
    const images = [dataUrl(small), dataUrl(other)];
    const response = await scene.ask("blend", { model: "midjourney-blend", images, size });
    assert.match(notes(response), /prompt: midjourney-blend joins images without words/);
    await pictures(response);
    assert.deepEqual(submissions(scene), [["blend", { base64Array: images, dimensions }]]);
  });
}

for (const code of [1, 21, 22] as const) {
  Deno.test(`a task that is taken on with code ${code} is waited for`, async () => {
    await using scene = await startScene();
    scene.service.scriptTasks({ code });
    assert.equal((await pictures(await scene.generate())).length, 1);
  });
}

const CODES: [code: number, more: Record<string, unknown>, kind: FailureKind][] = [
  [3, {}, "overloaded"],
  [4, {}, "invalid_request"],
  [4, { description: "quota_not_enough" }, "out_of_credit"],
  [5, {}, "overloaded"],
  [9, {}, "overloaded"],
  [9, { description: "提交失败，队列已满" }, "rate_limited"],
  [23, {}, "rate_limited"],
  [24, { properties: { bannedWord: "forbidden" } }, "refused"],
  [30, {}, "rate_limited"],
  [1, { result: null }, "malformed_reply"],
];

for (const dialect of ["nov", "relay"] as const) {
  for (const [code, more, kind] of CODES) {
    Deno.test(`${dialect}: code ${code} ${JSON.stringify(more)} means ${kind}`, async () => {
      await using scene = await startScene({ dialect });
      const { status, body } = code === 1
        ? { status: 200, body: submitted(code, more) }
        : midjourneyError(dialect, code, more);
      scene.service.fail({ status, body }, 5);
      means(await refusal(await scene.generate()), kind);
    });
  }
}

Deno.test("a banned word is told", async () => {
  await using scene = await startScene();
  const told = await refusal(await scene.generate({ prompt: "something forbidden" }));
  assert.deepEqual([told.status, told.code], [400, "content_policy_violation"]);
  assert.match(told.message, /可能包含敏感词: forbidden/);
});

const REASONS: [reason: string, kind: FailureKind][] = [
  ["[Banned prompt detected] The word is banned", "refused"],
  ["[Pending mod message] Blocked by AI moderator", "refused"],
  ["违规内容", "refused"],
  ["[Subscription required] You need to subscribe", "out_of_credit"],
  ["You have no fast hours left", "out_of_credit"],
  ["[Queue full] Your job queue is full", "rate_limited"],
  ["[Invalid parameter] Invalid value", "invalid_request"],
  ["[Invalid link] Could not fetch image", "invalid_request"],
  ["任务超时", "timed_out"],
  ["[Action needed to continue]", "empty_reply"],
  ["", "empty_reply"],
];

for (const [failReason, kind] of REASONS) {
  Deno.test(`a task that failed for "${failReason}" means ${kind}`, async () => {
    await using scene = await startScene();
    scene.service.scriptTasks({ states: ["IN_PROGRESS 20%", "FAILURE"], failReason });
    means(await refusal(await scene.generate()), kind);
    assert.equal(scene.service.imageCalls.length, 1);
  });
}

for (
  const [state, kind] of [
    ["NOT_START", undefined],
    ["SUBMITTED 0%", undefined],
    ["IN_PROGRESS", undefined],
    ["IN_PROGRESS 99%", undefined],
    ["SOMETHING_NEW 5%", undefined],
    ["CANCEL", "timed_out"],
    ["FAILURE", "invalid_request"],
  ] as const
) {
  Deno.test(`a task that is ${state} ${kind ? `means ${kind}` : "is waited for"}`, async () => {
    await using scene = await startScene({ dialect: "trueai" });
    scene.service.scriptTasks({ states: [state, "SUCCESS"] });
    const response = await scene.generate();
    if (kind) means(await refusal(response), kind);
    else assert.equal((await pictures(response)).length, 1);
  });
}

Deno.test("a task that waits for a dialog has it confirmed, once, with its words", async () => {
  await using scene = await startScene({ dialect: "trueai" });
  scene.service.scriptTasks({ asks: true });
  assert.equal((await pictures(await scene.generate({ seed: 7 }))).length, 1);
  assert.deepEqual(submissions(scene), [
    ["imagine", { prompt: "a fox --seed 7" }],
    ["modal", { taskId: "1732180123000456", prompt: "a fox --seed 7" }],
  ]);
});

for (const dialect of DIALECTS) {
  Deno.test(`${dialect}: a task that nobody knows any more is given up after some questions`, async () => {
    const clock = new FakeClock();
    await using scene = await startScene({ dialect, clock });
    const asked = scene.generate();
    await scene.service.until(() => scene.service.calls.length === 1);
    scene.service.forget();
    for (let turn = 1; turn <= 6; turn++) await clock.passSleep(1000, 3000);
    means(await refusal(await asked), "empty_reply");
    assert.equal(scene.service.calls.length, 7);
  });

  Deno.test(`${dialect}: a wrong secret is a dead key`, async () => {
    await using scene = await startScene({ dialect });
    scene.service.reject(scene.key);
    means(await refusal(await scene.generate()), "key_rejected");
    scene.service.restore(scene.key);
    scene.service.fail({ status: 403 });
    means(await refusal(await scene.generate()), "key_rejected");
    scene.service.fail({ status: 429 });
    means(await refusal(await scene.generate()), "rate_limited");
    scene.service.drain(scene.key);
    means(await refusal(await scene.generate()), "out_of_credit");
  });
}

Deno.test("a task is taken back when its client leaves, where the proxy can", async () => {
  const clock = new FakeClock();
  await using scene = await startScene({ dialect: "trueai", clock });
  const leaving = new AbortController();
  const asked = scene.ask("generations", {}, { signal: leaving.signal });
  await clock.passSleep(1000, 3000);
  await scene.service.until(() => scene.service.calls.length === 2);
  leaving.abort();
  await assert.rejects(asked, { name: "AbortError" });
  await scene.service.until(() => scene.service.lastCall.path.endsWith("/cancel"));
  assert.deepEqual([scene.service.lastCall.method, scene.service.lastCall.path], [
    "POST",
    "/mj/task/1732180123000456/cancel",
  ]);
});

Deno.test("a stream tells how far the grid is, and shows it as it grows", async () => {
  await using scene = await startScene();
  scene.service.scriptTasks({ previews: true });
  const text = await (await scene.generate({ stream: true, partial_images: 2 })).text();
  for (const progress of [": progress 0%", ": progress 20%", ": progress 60%"]) {
    assert.ok(text.includes(progress), progress);
  }
  assert.equal(text.match(/^event: image_generation\.partial_image$/gm)?.length, 2);
  assert.equal(text.match(/^event: image_generation\.completed$/gm)?.length, 1);
});

Deno.test("a preview that can't be had harms nothing", async () => {
  await using scene = await startScene();
  scene.service.scriptTasks({ states: ["IN_PROGRESS 20%", "SUCCESS"], previews: true });
  scene.service.files.fail({ status: 404 });
  const text = await (await scene.generate({ stream: true, partial_images: 1 })).text();
  assert.equal(text.includes("partial_image\n"), false);
  assert.equal(text.match(/^event: image_generation\.completed$/gm)?.length, 1);
});

for (const path of ["", "/", "/mj", "/mj-fast/mj"]) {
  Deno.test(`the proxy at ".${path}" is found`, async () => {
    await using scene = await startScene({ path });
    await pictures(await scene.generate());
    assert.equal(
      scene.service.calls[0]!.path,
      `${path.length > 1 ? path : "/mj"}/submit/imagine`,
    );
  });
}

Deno.test("an address at which there is no proxy is told with what was expected", async () => {
  await using scene = await startScene({ path: "/api" });
  const told = await refusal(await scene.generate());
  means(told, "unreachable");
  assert.match(told.message, /http:\/\/host:8080\/mj/);
});

Deno.test("Midjourney is asked only by those who name it, with or without a secret", async () => {
  for (const secret of [true, false]) {
    await using service = midjourneyService({ secret });
    await using gateway = await startGateway({
      clock: new RushingClock(),
      env: {
        MIDJOURNEY_BASE_URL: service.url,
        GATEWAY_API_KEYS: "client-key",
        MAX_RETRIES: "0",
        ...secret && { MIDJOURNEY_API_KEY: "any-text-at-all" },
      },
    });
    const ask = async (body: Record<string, unknown>) => {
      const response = await gateway.post(
        "/v1/images/generations",
        { prompt: "a fox", ...body },
        "client-key",
      );
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await ask({}), 503);
    assert.equal(service.calls.length, 0);
    assert.equal(await ask({ provider: "Midjourney" }), 200);
    assert.equal(await ask({ model: "midjourney-v7" }), 200);
    assert.equal(service.calls[0]!.headers.get("mj-api-secret"), secret ? "any-text-at-all" : null);
  }
});
