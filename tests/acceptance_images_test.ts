/** The image endpoints, asked as chat apps and relays ask them, by their own fields. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { paintPng } from "../src/testing/painting.ts";
import {
  assertLink,
  assertPicture,
  eventsOf,
  inBothModes,
  pictureFile,
  pictureUri,
  type Stage,
  stage,
} from "./client_kit.ts";

const MODEL = "gpt-image-2";
const SMALL = { prompt: "a fox", size: "64x64" };
const MOCK = { key: "mock-demo" };

function form(fields: Record<string, string | Blob | (string | Blob)[]>): FormData {
  const body = new FormData();
  for (const [name, values] of Object.entries(fields)) {
    for (const value of [values].flat()) body.append(name, value);
  }
  return body;
}

async function items(response: Response): Promise<Record<string, string>[]> {
  const body = await response.json();
  deepEqual(
    [response.status, response.headers.get("content-type")],
    [200, "application/json"],
    JSON.stringify(body).slice(0, 300),
  );
  return body.data;
}

async function errorOf(response: Response) {
  return { status: response.status, ...(await response.json()).error };
}

async function sentFiles(on: Stage, name: string): Promise<Uint8Array[]> {
  return await Promise.all((on.openai.lastCall.form!.getAll(name) as File[]).map((file) => file.bytes()));
}

Deno.test("a generation that names no form is base64 for GPT image names, as Open WebUI, LibreChat and Cherry Studio read it", async () => {
  await using on = await stage();
  for (const model of ["gpt-image-1", "gpt-image-2", "chatgpt-image-latest"]) {
    const body = { model, prompt: "a fox", n: 1, size: "1024x1024", quality: "auto" };
    const data = await items(await on.send("images/generations", body));
    deepEqual(Object.keys(data[0]!), ["b64_json"]);
    assertPicture(data[0]!.b64_json);
  }
});

Deno.test("a generation that names no form is a link for every other name", async () => {
  await using on = await stage();
  const [item] = await items(await on.send("images/generations", { ...SMALL, model: "auto" }, MOCK));
  deepEqual(Object.keys(item!), ["url"]);
  await assertLink(item!.url, on);
});

inBothModes(
  "Open WebUI's generation gets base64 and no link beside it, which it would fetch instead",
  async (mode) => {
    await using on = await stage();
    const body = { model: "some-name", prompt: "a fox", n: 1, size: "512x512", response_format: "b64_json" };
    const [item] = await items(
      await on.send("images/generations?api-version=2025-04-01", {
        ...body,
        model: mode === "relay" ? MODEL : "auto",
      }, { key: on.key(mode) }),
    );
    deepEqual(Object.keys(item!), ["b64_json"]);
  },
);

Deno.test("Open WebUI's edit, a form without a form of reply, gets base64", async () => {
  await using on = await stage();
  const one = form({
    model: MODEL,
    prompt: "a hat",
    image: pictureFile(),
    n: "1",
    size: "1024x1024",
    background: "transparent",
  });
  assertPicture((await items(await on.send("images/edits", one)))[0]!.b64_json);
  const two = form({
    model: MODEL,
    prompt: "a hat",
    "image[]": [pictureFile("a.png"), pictureFile("b.png", { seed: 2 })],
  });
  assertPicture((await items(await on.send("images/edits", two)))[0]!.b64_json);
});

Deno.test("NextChat's DALL·E request for one picture is answered by today's model", async () => {
  await using on = await stage();
  const body = {
    model: "dall-e-3",
    prompt: "a fox",
    response_format: "b64_json",
    n: 1,
    size: "1024x1024",
    quality: "hd",
    style: "vivid",
  };
  const [item] = await items(await on.send("images/generations", body));
  assertPicture(item!.b64_json);
  equal((on.openai.lastCall.json as { model: string }).model, MODEL);
});

Deno.test("LobeChat's generation with all that its panel offers is understood", async () => {
  await using on = await stage();
  const body = {
    model: "mock-painter",
    prompt: "a fox",
    n: 1,
    aspectRatio: "16:9",
    seed: 7,
    steps: 20,
    cfg: 3.5,
    imageUrl: null,
    imageUrls: [],
  };
  const bytes = await assertLink((await items(await on.send("images/generations", body, MOCK)))[0]!.url, on);
  const { width, height } = pngSize(bytes);
  ok(Math.abs(width / height - 16 / 9) < 0.02, `${width}x${height}`);
});

Deno.test("LobeChat's edit keeps the names of its form", async () => {
  await using on = await stage();
  const body = form({
    model: MODEL,
    prompt: "a hat",
    image: pictureFile(),
    n: "1",
    input_fidelity: "high",
    size: "1024x1536",
  });
  const [item] = await items(await on.send("images/edits", body));
  deepEqual(pngSize(assertPicture(item!.b64_json)), { width: 1024, height: 1536 });
});

Deno.test("Cherry Studio's painting page speaks SiliconFlow and gets links", async () => {
  await using on = await stage();
  const body = {
    model: "mock-painter",
    prompt: "a fox",
    negative_prompt: "dogs",
    image_size: "64x96",
    batch_size: 2,
    seed: "42",
    num_inference_steps: 20,
    guidance_scale: 4.5,
    prompt_enhancement: true,
  };
  const data = await items(await on.send("images/generations", body, MOCK));
  equal(data.length, 2);
  for (const { url } of data) deepEqual(pngSize(await assertLink(url, on)), { width: 64, height: 96 });
  const gpt = await items(
    await on.send("images/generations", {
      model: MODEL,
      prompt: "a fox",
      image_size: "1024x1024",
      batch_size: 1,
    }),
  );
  deepEqual(Object.keys(gpt[0]!), ["url"]);
});

Deno.test("Cherry Studio's edit with one picture under the name of a list is an edit", async () => {
  await using on = await stage();
  const body = form({ model: "gpt-image-1", prompt: "a hat", "image[]": pictureFile() });
  assertPicture((await items(await on.send("images/edits", body)))[0]!.b64_json);
  equal((await sentFiles(on, "image")).length, 1);
});

Deno.test("a relay's channel test by image is answered with exactly one picture", async () => {
  await using on = await stage();
  const body = { model: "mock-painter", prompt: "a cute cat", n: 1, size: "1024x1024" };
  equal(
    (await items(
      await on.send("images/generations", body, { ...MOCK, headers: { "user-agent": "Go-http-client/1.1" } }),
    )).length,
    1,
  );
});

Deno.test("no reply is a list without pictures: an empty one of a provider is an error", async () => {
  await using on = await stage();
  on.openai.fail("empty", 9);
  const response = await on.send("images/generations", { model: MODEL, prompt: "a fox" });
  equal(response.headers.get("x-should-retry"), "false");
  const { status, message } = await errorOf(response);
  equal(status, 502);
  match(message, /without an image/);
});

Deno.test("as many pictures come as were asked for, from a model that makes fewer at once", async () => {
  await using on = await stage();
  for (const n of [1, "3", 10]) {
    const data = await items(
      await on.send("images/generations", { ...SMALL, n, response_format: "url" }, MOCK),
    );
    equal(new Set(data.map(({ url }) => url)).size, Number(n));
  }
  equal((await items(await on.send("images/generations", { ...SMALL, n: null }, MOCK))).length, 1);
});

Deno.test("a number of pictures out of bounds is refused by name, and nobody is asked", async () => {
  await using on = await stage();
  for (const n of [0, 11, -1, 1.5, "many"]) {
    const response = await on.send("images/generations", { model: MODEL, prompt: "a fox", n });
    equal(response.headers.get("x-should-retry"), "false");
    const { status, param } = await errorOf(response);
    deepEqual([status, param], [400, "n"], String(n));
  }
  equal(on.openai.imageCalls.length, 0);
});

Deno.test("input files count under any of their names, in any order, whatever they call themselves", async () => {
  await using on = await stage();
  const pictures = [1, 2, 3].map((seed) => paintPng({ width: 64, height: 64, seed }));
  const unnamed = pictures.map((bytes) => new File([bytes], "blob", { type: "application/octet-stream" }));
  for (
    const names of [["image", "image", "image"], ["image[]", "image[]", "image[]"], [
      "image[0]",
      "image[1]",
      "image[2]",
    ]]
  ) {
    const body = new FormData();
    unnamed.forEach((file, index) => body.append(names[index]!, file));
    body.append("prompt", "join them");
    body.append("model", MODEL);
    await items(await on.send("images/edits", body));
    deepEqual(await sentFiles(on, "image[]"), pictures);
  }
});

Deno.test("input pictures come as links of ours, data URIs or base64 in text fields and in JSON", async () => {
  await using on = await stage({ env: { ALLOW_HOSTS: "" } });
  const [made] = await items(await on.send("images/generations", SMALL, MOCK));
  const own = await assertLink(made!.url, on);
  const uri = pictureUri(5);
  const wanted = [own, Uint8Array.fromBase64(uri.split(",")[1]!)];
  await items(
    await on.send("images/edits", form({ model: MODEL, prompt: "join", "image[]": [made!.url!, uri] })),
  );
  deepEqual(await sentFiles(on, "image[]"), wanted);
  const json = { model: MODEL, prompt: "join", images: [{ image_url: made!.url }, { image_url: uri }] };
  await items(await on.send("images/edits", json));
  deepEqual(await sentFiles(on, "image[]"), wanted);
  await items(await on.send("images/edits", { model: MODEL, prompt: "a hat", image: uri.split(",")[1] }));
  deepEqual(await sentFiles(on, "image"), [wanted[1]]);
});

Deno.test("a mask goes along, from forms and from JSON", async () => {
  await using on = await stage();
  const mask = paintPng({ width: 64, height: 64, transparent: true });
  const fields = { model: MODEL, prompt: "a hat" };
  await items(
    await on.send("images/edits", form({ ...fields, mask: new Blob([mask]), image: pictureFile() })),
  );
  deepEqual(await sentFiles(on, "mask"), [mask]);
  const image_url = `data:image/png;base64,${mask.toBase64()}`;
  await items(
    await on.send("images/edits", { ...fields, mask: { image_url }, images: [{ image_url: pictureUri() }] }),
  );
  deepEqual(await sentFiles(on, "mask"), [mask]);
});

Deno.test("a size is understood in every spelling that clients have for it", async () => {
  await using on = await stage();
  const wide = { width: 96, height: 64 };
  for (
    const fields of [
      { size: "96x64" },
      { size: "96*64" },
      { size: "96×64" },
      { image_size: "96x64" },
      { width: 96, height: 64 },
      { width: "96", height: "64" },
    ]
  ) {
    const [item] = await items(
      await on.send("images/generations", { prompt: "a fox", response_format: "b64_json", ...fields }, MOCK),
    );
    deepEqual(pngSize(assertPicture(item!.b64_json)), wide, JSON.stringify(fields));
  }
});

Deno.test("a shape is understood in every spelling that clients have for it", async () => {
  await using on = await stage();
  for (
    const fields of [
      { size: "3:2" },
      { aspect_ratio: "3:2" },
      { aspectRatio: "3:2" },
      { image_config: { aspect_ratio: "3:2" } },
      { extra_body: { google: { image_config: { aspect_ratio: "3:2" } } } },
    ]
  ) {
    await items(await on.send("images/generations", { model: "gpt-image-1.5", prompt: "a fox", ...fields }));
    equal((on.openai.lastCall.json as { size: string }).size, "1536x1024", JSON.stringify(fields));
  }
});

Deno.test("fields that nobody knows, nulls and blanks are as if they weren't there", async () => {
  await using on = await stage();
  const body = {
    model: MODEL,
    prompt: "a fox",
    n: null,
    size: null,
    quality: "",
    user: null,
    stream: null,
    response_format: null,
    logprobs: true,
    sampler_name: "Euler",
  };
  await items(await on.send("images/generations", body));
  deepEqual(on.openai.lastCall.json, { model: MODEL, prompt: "a fox", n: 1 });
});

Deno.test("a stream of pictures names each event by its type, one completed event a picture", async () => {
  await using on = await stage();
  const body = { model: MODEL, prompt: "a fox", n: 2, stream: true };
  const events = await eventsOf(await on.send("images/generations", body));
  deepEqual(events.map(({ type }) => type), ["image_generation.completed", "image_generation.completed"]);
  for (const { usage } of events) ok((usage as { output_tokens: number }).output_tokens > 0);
});

Deno.test("a form that says stream=true is answered with events", async () => {
  await using on = await stage();
  const body = form({
    model: MODEL,
    prompt: "a hat",
    image: pictureFile(),
    stream: "true",
    partial_images: "1",
  });
  const events = await eventsOf(await on.send("images/edits", body));
  deepEqual(events.map(({ type }) => type), ["image_edit.partial_image", "image_edit.completed"]);
});

Deno.test("only the body decides about streaming, never Accept", async () => {
  await using on = await stage();
  const plain = await on.send("images/generations", SMALL, {
    ...MOCK,
    headers: { accept: "text/event-stream" },
  });
  equal((await items(plain)).length, 1);
  const stream = await on.send("images/generations", { ...SMALL, stream: true }, {
    ...MOCK,
    headers: { accept: "application/json" },
  });
  equal((await eventsOf(stream)).length, 1);
});

Deno.test("usage of pictures is never zero, also where the provider counts nothing", async () => {
  await using on = await stage();
  const { usage } = await (await on.send("images/generations", SMALL, MOCK)).json();
  ok(usage.input_tokens > 0 && usage.output_tokens > 0);
  equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
  ok(usage.input_tokens_details.text_tokens > 0);
});

Deno.test("a picture's link needs no key and tells everything that viewers and caches want to know", async () => {
  await using on = await stage();
  const [item] = await items(await on.send("images/generations", SMALL, MOCK));
  const response = await fetch(item!.url!, {
    headers: { authorization: "Bearer of nothing", origin: "https://chat.example" },
  });
  const bytes = await response.bytes();
  deepEqual(
    ["content-type", "content-length", "access-control-allow-origin"].map((name) =>
      response.headers.get(name)
    ),
    ["image/png", String(bytes.length), "*"],
  );
  match(response.headers.get("cache-control") ?? "", /max-age=31536000/);
});

Deno.test("links begin with the public address, or with what a trusted proxy tells of it", async () => {
  const forwarded = { "x-forwarded-proto": "https", "x-forwarded-host": "img.example" };
  for (
    const [env, base] of [
      [{ PUBLIC_BASE_URL: "https://pub.example/img/" }, /^https:\/\/pub\.example\/img\/storage\//],
      [{ TRUSTED_PROXIES: "127.0.0.1" }, /^https:\/\/img\.example\/storage\//],
      [{}, /^http:\/\/127\.0\.0\.1:\d+\/storage\//],
    ] as [Record<string, string>, RegExp][]
  ) {
    await using on = await stage({ env });
    const [item] = await items(await on.send("images/generations", SMALL, { ...MOCK, headers: forwarded }));
    match(item!.url!, base);
  }
});

Deno.test("pictures are png or jpeg unless another form was asked for, and named truly", async () => {
  await using on = await stage();
  for (const format of [undefined, "png", "jpeg", "webp"]) {
    const [item] = await items(
      await on.send("images/generations", { ...SMALL, output_format: format }, MOCK),
    );
    const response = await fetch(item!.url!);
    await response.body?.cancel();
    equal(response.headers.get("content-type"), `image/${format ?? "png"}`);
    match(item!.url!, format === "jpeg" ? /\.jpe?g$/ : new RegExp(`\\.${format ?? "png"}$`));
  }
});

Deno.test("a slow picture can be waited for behind blanks, which JSON readers skip", async () => {
  await using on = await stage({ file: { system: { keepAlive: true, heartbeat: { interval: 100 } } } });
  using gate = on.openai.hold();
  const response = await on.send("images/generations", { model: MODEL, prompt: "a fox" });
  equal(response.status, 200);
  const reader = response.body!.getReader();
  const first = await reader.read();
  equal(new TextDecoder().decode(first.value), " ");
  gate.release();
  let text = " ";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += new TextDecoder().decode(part.value);
  }
  assertPicture(JSON.parse(text).data[0].b64_json);
});

Deno.test("variations take a form with one image, and JSON", async () => {
  await using on = await stage();
  const body = form({ image: pictureFile(), n: "2", size: "64x64", response_format: "b64_json" });
  equal((await items(await on.send("images/variations", body, MOCK))).length, 2);
  await items(await on.send("images/variations", { image: pictureUri(), size: "64x64" }, MOCK));
  const { status, param } = await errorOf(await on.send("images/variations", form({ n: "1" }), MOCK));
  deepEqual([status, param], [400, "image"]);
});

Deno.test("sixteen large pictures fit into one body, and a larger body is refused as JSON", async () => {
  await using on = await stage();
  const large = new Uint8Array(3_000_000);
  large.set(paintPng({ width: 64, height: 64 }));
  const files = Array.from({ length: 16 }, () => new File([large], "large.png", { type: "image/png" }));
  await items(await on.send("images/edits", form({ model: MODEL, prompt: "join", "image[]": files })));
  equal((await sentFiles(on, "image[]")).length, 16);

  await using tight = await stage({ env: { MAX_BODY_BYTES: "1000" } });
  const { status, code } = await errorOf(
    await tight.send("images/generations", { prompt: "x".repeat(2000) }),
  );
  deepEqual([status, code], [413, "body_too_large"]);
});

function pngSize(png: Uint8Array): { width: number; height: number } {
  const view = new DataView(png.buffer, png.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}
