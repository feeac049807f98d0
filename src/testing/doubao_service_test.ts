import assert from "node:assert/strict";
import { readImageFacts } from "../core/media.ts";
import { doubaoError } from "./doubao_errors.ts";
import { type DoubaoService, doubaoService } from "./doubao_service.ts";
import { paintPng } from "./painting.ts";

const PRO = "doubao-seedream-5-0-pro-260628";
const FLASH = "doubao-seedream-5-0-flash-260915";
const LITE = "doubao-seedream-5-0-260128";
const FOUR = "doubao-seedream-4-0-250828";
const FOUR_FIVE = "doubao-seedream-4-5-251128";

function ask(
  service: DoubaoService,
  body: Record<string, unknown>,
  key = service.newKey(),
): Promise<Response> {
  return fetch(`${service.url}/images/generations`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: FOUR_FIVE, prompt: "a cat", ...body }),
  });
}

async function refusalOf(response: Response): Promise<[number, string, string]> {
  const { error } = await response.json();
  assert.equal(typeof error.message, "string");
  assert.equal(typeof error.type, "string");
  return [response.status, error.code, error.param];
}

function pictures(count: number, width = 20, height = 20): string[] {
  const url = `data:image/png;base64,${paintPng({ width, height }).toBase64()}`;
  return Array<string>(count).fill(url);
}

async function eventsOf(response: Response): Promise<{ event?: string; data: string }[]> {
  return (await response.text()).split("\n\n").filter(Boolean).map((block) => ({
    event: block.match(/^event: (.*)$/m)?.[1],
    data: block.match(/^data: (.*)$/m)?.[1] ?? "",
  }));
}

Deno.test("Doubao hands a jpeg over by a URL on another host, which needs no key", async () => {
  await using doubao = doubaoService();
  const reply = await (await ask(doubao, {})).json();
  assert.deepEqual(reply.usage, { generated_images: 1, output_tokens: 16_384, total_tokens: 16_384 });
  assert.equal(reply.data.length, 1);
  const { url, size, output_format } = reply.data[0];
  assert.deepEqual([size, output_format], ["2048x2048", undefined]);
  assert.notEqual(new URL(url).origin, doubao.origin);
  const bytes = await (await fetch(url)).bytes();
  assert.deepEqual(readImageFacts(bytes), { type: "image/jpeg", width: 2048, height: 2048 });
  assert.equal(doubao.files.lastCall.headers.get("authorization"), null);
  const gone = await fetch(`${doubao.files.url}/none.jpeg`);
  assert.equal(gone.status, 404);
  await gone.body?.cancel();
});

Deno.test("Doubao gives base64 and the format asked for", async () => {
  await using doubao = doubaoService();
  const body = {
    model: LITE,
    response_format: "b64_json",
    output_format: "png",
    size: "2304x1728",
    watermark: false,
  };
  const { data: [image] } = await (await ask(doubao, body)).json();
  assert.deepEqual([image.url, image.size, image.output_format], [undefined, "2304x1728", "png"]);
  assert.deepEqual(readImageFacts(Uint8Array.fromBase64(image.b64_json)), {
    type: "image/png",
    width: 2304,
    height: 1728,
  });
});

Deno.test("Doubao knows UUIDs and ark- keys, and says in a header what it thinks of others", async () => {
  await using doubao = doubaoService();
  const good = await ask(doubao, {}, `ark-${crypto.randomUUID()}`);
  await good.body?.cancel();
  assert.equal(good.status, 200);
  const bad = await ask(doubao, {}, "sk-0123456789012345678901234567890");
  assert.equal(bad.headers.get("x-error-code"), "AuthN_MissOrInvalidAuthorizationHeader");
  assert.deepEqual(await refusalOf(bad), [401, "AuthenticationError", ""]);
});

Deno.test("Doubao tells rejected, unpaid and hasty keys apart", async () => {
  await using doubao = doubaoService();
  const key = doubao.newKey();
  doubao.reject(key);
  assert.deepEqual(await refusalOf(await ask(doubao, {}, key)), [401, "AuthenticationError", ""]);
  doubao.drain(key);
  assert.deepEqual(await refusalOf(await ask(doubao, {}, key)), [403, "AccountOverdueError", ""]);
  doubao.limit(key, { retryAfter: 3 });
  const limited = await ask(doubao, {}, key);
  assert.equal(limited.headers.get("retry-after"), "3");
  assert.deepEqual(await refusalOf(limited), [429, "ModelAccountIpmRateLimitExceeded", ""]);
});

Deno.test("Doubao serves inference endpoints by their id", async () => {
  await using doubao = doubaoService({ endpoints: { "ep-20260202000000-bcdef": LITE } });
  const good = await ask(doubao, { model: "ep-20260202000000-bcdef", size: "3K" });
  assert.equal((await good.json()).data[0].size, "3072x3072");
  const unknown = await ask(doubao, { model: "ep-20260101000000-abcde" });
  assert.deepEqual(await refusalOf(unknown), [404, "InvalidEndpointOrModel.NotFound", ""]);
});

for (
  const [model, good, bad] of [
    [PRO, ["1K", "1.5K", "2K", "1280x720", "2720x1700"], ["3K", "4K", "640x480", "2816x1664"]],
    [FLASH, ["1K", "1.5K"], ["4K"]],
    [LITE, ["2K", "3K", "4K", "2560x1440"], ["1K", "1024x1024", "4096x4097"]],
    [FOUR_FIVE, ["2K", "4K", "4096x4096"], ["1K", "3K", "1920x1080", "adaptive", "2k", "2048*2048", "auto"]],
    [FOUR, ["1K", "2K", "4K", "1280x720", "3840x240"], ["3K", "512x512", "4000x240", "5000x4000"]],
  ] as const
) {
  Deno.test(`Doubao allows ${model} its own sizes`, async () => {
    await using doubao = doubaoService();
    for (const size of good) {
      const response = await ask(doubao, { model, size });
      await response.body?.cancel();
      assert.equal(response.status, 200, size);
    }
    for (const size of bad) {
      assert.deepEqual(
        await refusalOf(await ask(doubao, { model, size })),
        [400, "InvalidParameter", "size"],
        size,
      );
    }
  });
}

for (
  const [name, body, refusal] of [
    ["a missing model", { model: undefined }, [400, "MissingParameter", "model"]],
    ["a missing prompt", { prompt: undefined }, [400, "MissingParameter", "prompt"]],
    ["an unknown model", { model: "gpt-image-2" }, [404, "InvalidEndpointOrModel.NotFound", ""]],
    ["a retired model", { model: "doubao-seedream-3-0-t2i-250415" }, [
      404,
      "InvalidEndpointOrModel.NotFound",
      "",
    ]],
    ["a count", { n: 2 }, [400, "InvalidParameter", "n"]],
    ["a mask", { mask: pictures(1)[0] }, [400, "InvalidParameter", "mask"]],
    ["a seed", { seed: 1 }, [400, "InvalidParameter", "seed"]],
    ["a watermark that is no boolean", { watermark: "false" }, [400, "InvalidParameter", "watermark"]],
    ["an unknown reply form", { response_format: "base64" }, [400, "InvalidParameter", "response_format"]],
    ["a format on a 4.x model", { output_format: "png" }, [400, "InvalidParameter", "output_format"]],
    ["web search on a 4.x model", { tools: [{ type: "web_search" }] }, [400, "InvalidParameter", "tools"]],
    ["streaming on pro", { model: PRO, stream: true }, [400, "InvalidParameter", "stream"]],
    [
      "groups on flash",
      { model: FLASH, sequential_image_generation: "disabled" },
      [400, "InvalidParameter", "sequential_image_generation"],
    ],
    [
      "fast prompts on 4.5",
      { optimize_prompt_options: { mode: "fast" } },
      [400, "InvalidParameter", "optimize_prompt_options.mode"],
    ],
    [
      "transparency without an input",
      { model: PRO, background: "transparent", output_format: "png" },
      [400, "InvalidParameter", "background"],
    ],
    ["fifteen references", { image: pictures(15) }, [400, "InvalidParameter", "image"]],
    ["eleven references on pro", { model: PRO, image: pictures(11) }, [400, "InvalidParameter", "image"]],
    ["a picture without its prefix", { image: pictures(1)[0]!.slice(22) }, [
      400,
      "InvalidImageURL.InvalidFormat",
      "image",
    ]],
    ["a picture in capitals", { image: pictures(1)[0]!.replace("png", "PNG") }, [
      400,
      "InvalidImageURL.InvalidFormat",
      "image",
    ]],
    ["a tiny picture", { image: pictures(1, 14, 20) }, [400, "InvalidParameter", "image"]],
    ["a picture that is a strip", { image: pictures(1, 20, 400) }, [400, "InvalidParameter", "image"]],
    [
      "references and images beyond fifteen",
      {
        image: pictures(10),
        sequential_image_generation: "auto",
        sequential_image_generation_options: { max_images: 6 },
      },
      [400, "InvalidParameter", "sequential_image_generation_options.max_images"],
    ],
    ["a forbidden prompt", { prompt: "something forbidden" }, [400, "InputTextSensitiveContentDetected", ""]],
  ] as [string, Record<string, unknown>, [number, string, string]][]
) {
  Deno.test(`Doubao refuses ${name}`, async () => {
    await using doubao = doubaoService();
    assert.deepEqual(await refusalOf(await ask(doubao, body)), refusal);
  });
}

Deno.test("Doubao takes references as a list or as one, by data URL or https", async () => {
  await using doubao = doubaoService();
  for (const image of [pictures(1)[0], pictures(14), ["https://example.com/a.png", ...pictures(1)]]) {
    const response = await ask(doubao, { image });
    await response.body?.cancel();
    assert.equal(response.status, 200);
  }
});

Deno.test("Doubao makes one image unless a group is asked for, and then as many as are allowed", async () => {
  await using doubao = doubaoService();
  const group = {
    sequential_image_generation: "auto",
    sequential_image_generation_options: { max_images: 3 },
  };
  const one = await (await ask(doubao, { sequential_image_generation: "disabled" })).json();
  const three = await (await ask(doubao, group)).json();
  assert.deepEqual([one.data.length, three.data.length], [1, 3]);
  assert.equal(new Set(three.data.map(({ url }: { url: string }) => url)).size, 3);
});

Deno.test("Doubao goes on after a refused image of a group, and stops after a broken one", async () => {
  await using doubao = doubaoService();
  const group = {
    sequential_image_generation: "auto",
    sequential_image_generation_options: { max_images: 4 },
  };
  doubao.spoil({ 1: "OutputImageSensitiveContentDetected", 2: "InternalServiceError" });
  const { data, usage, error } = await (await ask(doubao, group)).json();
  const codes = data.map((item: { error?: { code: string } }) => item.error?.code);
  assert.deepEqual(codes, [undefined, "OutputImageSensitiveContentDetected", "InternalServiceError"]);
  assert.deepEqual([usage.generated_images, error], [1, undefined]);
});

Deno.test("Doubao answers with 200 and an error if it made nothing", async () => {
  await using doubao = doubaoService();
  doubao.spoil({ 0: "OutputImageSensitiveContentDetected" });
  const response = await ask(doubao, {});
  const body = await response.json();
  assert.deepEqual([response.status, body.error.code], [200, "OutputImageSensitiveContentDetected"]);
  assert.equal(body.data, undefined);
});

Deno.test("Doubao streams a group image by image, with its failures, to the end", async () => {
  await using doubao = doubaoService();
  doubao.spoil({ 1: "OutputImageSensitiveContentDetected" });
  const response = await ask(doubao, {
    stream: true,
    sequential_image_generation: "auto",
    sequential_image_generation_options: { max_images: 2 },
  });
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  const events = await eventsOf(response);
  assert.deepEqual(events.map(({ event }) => event), [
    "image_generation.partial_succeeded",
    "image_generation.partial_failed",
    "image_generation.completed",
    undefined,
  ]);
  const [made, failed, completed] = events.slice(0, 3).map(({ data }) => JSON.parse(data));
  assert.deepEqual([made.type, made.image_index, made.size], [events[0]!.event, 0, "2048x2048"]);
  assert.deepEqual([failed.image_index, failed.error.code], [1, "OutputImageSensitiveContentDetected"]);
  assert.equal(completed.usage.generated_images, 1);
  assert.equal(events[3]!.data, "[DONE]");
});

Deno.test("Doubao refuses bad parameters of a stream as plain JSON", async () => {
  await using doubao = doubaoService();
  assert.deepEqual(await refusalOf(await ask(doubao, { stream: true, size: "1K" })), [
    400,
    "InvalidParameter",
    "size",
  ]);
});

Deno.test("Doubao fails with any of its codes on demand", async () => {
  await using doubao = doubaoService();
  doubao.fail(doubaoError("QuotaExceeded"));
  doubao.fail(doubaoError("ServerOverloaded", { retryAfter: 2 }));
  assert.deepEqual(await refusalOf(await ask(doubao, {})), [429, "QuotaExceeded", ""]);
  assert.equal((await refusalOf(await ask(doubao, {})))[1], "ServerOverloaded");
});

Deno.test("Doubao has neither edits nor forms", async () => {
  await using doubao = doubaoService();
  const headers = { authorization: `Bearer ${doubao.newKey()}` };
  const edits = await fetch(`${doubao.url}/images/edits`, { method: "POST", headers, body: "{}" });
  assert.equal((await refusalOf(edits))[0], 404);
  const form = await fetch(`${doubao.url}/images/generations`, {
    method: "POST",
    headers,
    body: new FormData(),
  });
  assert.equal((await refusalOf(form))[0], 400);
});
