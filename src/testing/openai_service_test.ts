import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";
import { readImageFacts } from "../core/media.ts";
import { assertMatches } from "./openai_schema.ts";
import { type OpenAiService, openAiService } from "./openai_service.ts";
import { paint, paintPng } from "./painting.ts";

function clientOf(service: OpenAiService): OpenAI {
  return new OpenAI({ apiKey: service.newKey(), baseURL: service.url, maxRetries: 0 });
}

/** What the service says to a generation that differs from a good one. */
async function refusalOf(
  service: OpenAiService,
  body: Record<string, unknown>,
): Promise<{ status: number; code: string | null; param: string | null }> {
  const response = await fetch(`${service.url}/images/generations`, {
    method: "POST",
    headers: { authorization: `Bearer ${service.newKey()}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-image-2", prompt: "a cat", ...body }),
  });
  const reply = await response.json();
  assertMatches("ErrorResponse", reply);
  return { status: response.status, code: reply.error.code, param: reply.error.param };
}

function png(width = 64, height = 64): File {
  return new File([paintPng({ width, height })], "cat.png", { type: "image/png" });
}

function maskOf(width = 64, height = 64): File {
  return new File([paintPng({ width, height, transparent: true })], "mask.png", { type: "image/png" });
}

Deno.test("OpenAI makes pictures of the size and format asked for, and tells what they cost", async () => {
  await using openai = openAiService();
  const reply = await clientOf(openai).images.generate({
    model: "gpt-image-2",
    prompt: "a cat",
    n: 2,
    size: "1536x1024",
    quality: "high",
    output_format: "jpeg",
    output_compression: 80,
  });
  assertMatches("ImagesResponse", reply);
  const pictures = (reply.data ?? []).map(({ b64_json }) => b64_json!);
  assert.equal(new Set(pictures).size, 2);
  for (const picture of pictures) {
    assert.deepEqual(readImageFacts(Uint8Array.fromBase64(picture)), {
      type: "image/jpeg",
      width: 1536,
      height: 1024,
    });
  }
  assert.equal(reply.usage?.output_tokens, 2 * 4160 * 1.5);
  assert.equal(reply.usage?.total_tokens, reply.usage!.input_tokens + reply.usage!.output_tokens);
});

Deno.test("OpenAI takes any size within the limits of newer models, and three sizes on older ones", async () => {
  await using openai = openAiService();
  const client = clientOf(openai);
  for (const size of ["1536x864", "3840x2160", "2160x3840"]) {
    const reply = await client.images.generate({ model: "gpt-image-2.5-flare", prompt: "a cat", size });
    assert.equal(reply.size, size);
  }
  for (const size of ["1000x1000", "3840x1024", "4096x2048", "512x512", "big", "1024×1024"]) {
    assert.deepEqual(await refusalOf(openai, { size }), {
      status: 400,
      code: "invalid_value",
      param: "size",
    });
  }
  const older = await refusalOf(openai, { model: "gpt-image-1.5", size: "1536x864" });
  assert.deepEqual(older, { status: 400, code: "invalid_value", param: "size" });
});

for (
  const [name, body, code, param] of [
    ["a legacy response_format", { response_format: "b64_json" }, "unknown_parameter", "response_format"],
    ["a legacy style", { style: "vivid" }, "unknown_parameter", "style"],
    ["a foreign field", { negative_prompt: "dogs" }, "unknown_parameter", "negative_prompt"],
    ["a missing prompt", { prompt: undefined }, "missing_required_parameter", "prompt"],
    ["a missing model", { model: undefined }, "missing_required_parameter", "model"],
    ["an endless prompt", { prompt: "a".repeat(32_001) }, "invalid_value", "prompt"],
    ["a count as text", { n: "2" }, "invalid_type", "n"],
    ["no image at all", { n: 0 }, "invalid_value", "n"],
    ["too many images", { n: 11 }, "invalid_value", "n"],
    ["a legacy quality", { quality: "hd" }, "invalid_value", "quality"],
    ["a quality of newer models", { quality: "max" }, "invalid_value", "quality"],
    [
      "transparency in a jpeg",
      { background: "transparent", output_format: "jpeg" },
      "invalid_value",
      "background",
    ],
    ["compression of a png", { output_compression: 50 }, "invalid_value", "output_compression"],
    ["an unknown format", { output_format: "bmp" }, "invalid_value", "output_format"],
    ["four previews", { stream: true, partial_images: 4 }, "invalid_value", "partial_images"],
    ["planning on a model without", { complexity: "high" }, "invalid_value", "complexity"],
    ["gif on a model without", { output_format: "gif" }, "invalid_value", "output_format"],
    [
      "a gif that streams",
      { model: "gpt-image-2.6-flare", output_format: "gif", stream: true },
      "invalid_value",
      "output_format",
    ],
    ["the fidelity of an edit", { input_fidelity: "high" }, "unknown_parameter", "input_fidelity"],
  ] as const
) {
  Deno.test(`OpenAI refuses ${name}`, async () => {
    await using openai = openAiService();
    assert.deepEqual(await refusalOf(openai, body), { status: 400, code, param });
  });
}

Deno.test("OpenAI allows the finer qualities and planning where they exist", async () => {
  await using openai = openAiService();
  const client = clientOf(openai);
  const fine = await client.images.generate({
    model: "gpt-image-2.5-sunburst",
    prompt: "a cat",
    quality: "max",
  });
  const planned = await client.images.generate({
    model: "gpt-image-2.6-sunburst",
    prompt: "a cat",
    complexity: "low",
    output_format: "gif",
    frame_count: 4,
  });
  assert.equal(fine.quality, "max");
  assert.equal(readImageFacts(Uint8Array.fromBase64(planned.data![0]!.b64_json!))?.type, "image/gif");
});

Deno.test("OpenAI no longer knows its retired models, nor ever knew others", async () => {
  await using openai = openAiService();
  for (const model of ["gpt-image-1", "dall-e-3", "dall-e-2", "flux-1.1-pro"]) {
    assert.deepEqual(await refusalOf(openai, { model }), {
      status: 404,
      code: "model_not_found",
      param: "model",
    });
  }
  const image = await toFile(paintPng({ width: 64, height: 64 }), "cat.png", { type: "image/png" });
  await assert.rejects(clientOf(openai).images.createVariation({ image }), OpenAI.NotFoundError);
});

Deno.test("OpenAI blocks a forbidden prompt as its SDK expects it", async () => {
  await using openai = openAiService();
  await assert.rejects(
    clientOf(openai).images.generate({ model: "gpt-image-2", prompt: "something forbidden" }),
    (error: Error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.type, "image_generation_user_error");
      assert.equal(error.code, "moderation_blocked");
      assert.match(error.requestID ?? "", /^req_/);
      return true;
    },
  );
});

Deno.test("OpenAI tells bad, empty and hasty keys apart by the SDK's error classes", async () => {
  await using openai = openAiService();
  const keys = [openai.newKey(), openai.newKey(), openai.newKey()] as const;
  openai.reject(keys[0]);
  openai.drain(keys[1]);
  openai.limit(keys[2]);
  const ask = (apiKey: string) =>
    new OpenAI({ apiKey, baseURL: openai.url, maxRetries: 0 }).images.generate({
      model: "gpt-image-2",
      prompt: "a cat",
    });
  await assert.rejects(ask(keys[0]), OpenAI.AuthenticationError);
  await assert.rejects(ask("not-a-key-of-openai-at-all"), OpenAI.AuthenticationError);
  await assert.rejects(ask(keys[1]), { name: "Error", status: 429, code: "insufficient_quota" });
  await assert.rejects(ask(keys[2]), OpenAI.RateLimitError);
});

Deno.test("OpenAI never quotes a whole key back", async () => {
  await using openai = openAiService();
  const key = openai.newKey();
  openai.reject(key);
  const response = await fetch(`${openai.url}/models`, { headers: { authorization: `Bearer ${key}` } });
  const body = await response.text();
  assert.match(body, /Incorrect API key provided/);
  assert.ok(!body.includes(key));
});

Deno.test("OpenAI wants a key, the right path and method, and JSON that is JSON", async () => {
  await using openai = openAiService();
  const authorization = `Bearer ${openai.newKey()}`;
  const ask = async (path: string, init: RequestInit) => {
    const response = await fetch(`${openai.url}${path}`, init);
    const body = await response.json();
    assertMatches("ErrorResponse", body);
    return [response.status, body.error.code];
  };
  const json = { authorization, "content-type": "application/json" };
  assert.deepEqual(await ask("/models", {}), [401, null]);
  assert.deepEqual(await ask("/models", { headers: { authorization: "Basic abc" } }), [401, null]);
  assert.deepEqual(await ask("/pictures(", { headers: { authorization } }), [404, null]);
  assert.deepEqual(await ask("/images/generations", { headers: { authorization } }), [
    405,
    "method_not_supported",
  ]);
  assert.deepEqual(await ask("/images/generations", { method: "POST", headers: json, body: "{" }), [
    400,
    null,
  ]);
  const form = new FormData();
  form.set("prompt", "a cat");
  const wrong = await ask("/images/generations", { method: "POST", headers: { authorization }, body: form });
  assert.deepEqual(wrong, [400, "unsupported_content_type"]);
});

Deno.test("OpenAI lists its image models", async () => {
  await using openai = openAiService();
  const { data } = await clientOf(openai).models.list();
  assertMatches("ListModelsResponse", { object: "list", data });
  assert.ok(data.some(({ id }) => id === "gpt-image-2"));
  assertMatches("Model", await clientOf(openai).models.retrieve("gpt-image-2"));
  await assert.rejects(clientOf(openai).models.retrieve("dall-e-3"), OpenAI.NotFoundError);
});

Deno.test("OpenAI streams previews, then the picture with its usage", async () => {
  await using openai = openAiService();
  const stream = await clientOf(openai).images.generate({
    model: "gpt-image-2",
    prompt: "a cat",
    stream: true,
    partial_images: 2,
  });
  const types: string[] = [];
  for await (const event of stream) {
    assertMatches("ImageGenStreamEvent", event);
    types.push(
      event.type === "image_generation.partial_image" ? `preview ${event.partial_image_index}` : event.type,
    );
  }
  assert.deepEqual(types, ["preview 0", "preview 1", "image_generation.completed"]);
});

Deno.test("OpenAI edits one picture, several, and a part under a mask", async () => {
  await using openai = openAiService();
  const client = clientOf(openai);
  const edit = { model: "gpt-image-1.5", prompt: "a hat", input_fidelity: "high" } as const;
  const one = await client.images.edit({ ...edit, image: png() });
  const several = await client.images.edit({ ...edit, image: [png(), png(20, 30)], n: 2 });
  const masked = await client.images.edit({ ...edit, image: png(), mask: maskOf() });
  for (const reply of [one, several, masked]) assertMatches("ImagesResponse", reply);
  assert.equal(several.data?.length, 2);
  assert.equal(
    several.usage!.input_tokens_details.image_tokens,
    2 * one.usage!.input_tokens_details.image_tokens,
  );
  assert.deepEqual(openai.calls.map(({ form }) => form?.getAll("image[]").length), [0, 2, 0]);
});

Deno.test("OpenAI streams edits under their own names", async () => {
  await using openai = openAiService();
  const stream = await clientOf(openai).images.edit({
    model: "gpt-image-2",
    prompt: "a hat",
    image: png(),
    stream: true,
    partial_images: 1,
  });
  const types: string[] = [];
  for await (const event of stream) {
    assertMatches("ImageEditStreamEvent", event);
    types.push(event.type);
  }
  assert.deepEqual(types, ["image_edit.partial_image", "image_edit.completed"]);
});

Deno.test("OpenAI takes pictures of an edit as addresses in JSON", async () => {
  await using openai = openAiService();
  const dataUrl = `data:image/png;base64,${paintPng({ width: 8, height: 8 }).toBase64()}`;
  const edit = async (body: Record<string, unknown>) => {
    const response = await fetch(`${openai.url}/images/edits`, {
      method: "POST",
      headers: { authorization: `Bearer ${openai.newKey()}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-image-2", prompt: "a hat", ...body }),
    });
    const reply = await response.json();
    if (response.ok) assertMatches("ImagesResponse", reply);
    return response.status;
  };
  assert.equal(
    await edit({ images: [{ image_url: "https://example.com/cat.png" }, { image_url: dataUrl }] }),
    200,
  );
  assert.equal(await edit({ images: [{ image_url: "http://example.com/cat.png" }] }), 400);
  assert.equal(await edit({ images: [{ image_url: dataUrl, file_id: "file-1" }] }), 400);
  assert.equal(await edit({ images: [{}] }), 400);
  assert.equal(await edit({ images: [{ file_id: "file-1" }] }), 404);
  assert.equal(await edit({ images: [] }), 400);
  assert.equal(await edit({ image: dataUrl }), 400);
});

for (
  const [name, change, code] of [
    ["an edit without a picture", (form) => form.delete("image"), "missing_required_parameter"],
    [
      "a picture that is repeated without brackets",
      (form) => form.append("image", png()),
      "duplicate_parameter",
    ],
    ["a picture that is text", (form) => form.set("image", "https://example.com/cat.png"), "invalid_type"],
    [
      "a picture of no type",
      (form) => form.set("image", new Blob([paintPng({ width: 8, height: 8 })])),
      "unsupported_file_mimetype",
    ],
    [
      "a picture that is none",
      (form) => form.set("image", new File(["hi"], "a.png", { type: "image/png" })),
      "image_parse_error",
    ],
    [
      "an empty file",
      (form) => form.set("image", new File([], "a.png", { type: "image/png" })),
      "empty_image_file",
    ],
    ["a mask of another size", (form) => form.set("mask", maskOf(32, 32)), "invalid_image_format"],
    ["a mask without transparency", (form) => form.set("mask", png()), "invalid_image_format"],
    ["fidelity on a model without", (form) => form.set("input_fidelity", "low"), "invalid_value"],
    ["a foreign field", (form) => form.set("seed", "1"), "unknown_parameter"],
    ["a count that is no number", (form) => form.set("n", "two"), "invalid_type"],
    ["seventeen pictures", (form) => {
      form.delete("image");
      for (let count = 0; count < 17; count++) form.append("image[]", png());
    }, "invalid_value"],
  ] as [string, (form: FormData) => void, string][]
) {
  Deno.test(`OpenAI refuses ${name}`, async () => {
    await using openai = openAiService();
    const form = new FormData();
    form.set("model", "gpt-image-2");
    form.set("prompt", "a hat");
    form.set("n", "1");
    form.set("image", png());
    change(form);
    const response = await fetch(`${openai.url}/images/edits`, {
      method: "POST",
      headers: { authorization: `Bearer ${openai.newKey()}` },
      body: form,
    });
    const body = await response.json();
    assertMatches("ErrorResponse", body);
    assert.deepEqual([response.status, body.error.code], [400, code]);
  });
}

Deno.test("OpenAI takes a mask whose first picture is a jpeg", async () => {
  await using openai = openAiService();
  const bytes = await paint({ width: 64, height: 64, format: "jpeg" });
  const image = await toFile(bytes, "cat.jpg", { type: "image/jpeg" });
  const reply = await clientOf(openai).images.edit({
    model: "gpt-image-2",
    prompt: "a hat",
    image,
    mask: maskOf(),
  });
  assert.equal(reply.data?.length, 1);
});
