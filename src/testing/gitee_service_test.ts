import assert from "node:assert/strict";
import { readImageFacts } from "../core/media.ts";
import { flatGiteeError, GITEE_ERRORS } from "./gitee_errors.ts";
import { type GiteeService, giteeService } from "./gitee_service.ts";
import { paintPng } from "./painting.ts";

function generate(
  service: GiteeService,
  body: Record<string, unknown>,
  key = service.newKey(),
): Promise<Response> {
  return fetch(`${service.url}/images/generations`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "z-image-turbo", prompt: "a cat", ...body }),
  });
}

function picture(): File {
  return new File([paintPng({ width: 20, height: 20 })], "image0.png", { type: "image/png" });
}

function submit(
  service: GiteeService,
  path: string,
  model: string,
  change: (form: FormData) => void = () => {},
  key = service.newKey(),
): Promise<Response> {
  const form = new FormData();
  form.set("model", model);
  form.set("prompt", "a hat");
  form.set("image", picture());
  change(form);
  return fetch(`${service.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: form,
  });
}

async function refusalOf(response: Response): Promise<[number, string]> {
  return [response.status, (await response.json()).error.message];
}

Deno.test("Gitee makes a picture as base64, or puts it on another host", async () => {
  await using gitee = giteeService();
  const inline = await (await generate(gitee, { size: "2048x1152", n: 1, num_inference_steps: 9 })).json();
  assert.equal(inline.data[0].type, "image/png");
  const facts = readImageFacts(Uint8Array.fromBase64(inline.data[0].b64_json));
  assert.deepEqual(facts, { type: "image/png", width: 2048, height: 1152 });

  const linked = await (await generate(gitee, { width: 768, height: 1024, response_format: "url" })).json();
  const { url, b64_json } = linked.data[0];
  assert.equal(b64_json, undefined);
  assert.notEqual(new URL(url).origin, gitee.origin);
  const bytes = await (await fetch(url)).bytes();
  assert.deepEqual(readImageFacts(bytes), { type: "image/png", width: 768, height: 1024 });
});

for (
  const [name, body, message] of [
    ["a missing prompt", { prompt: undefined }, /prompt/],
    ["a missing model", { model: undefined }, /model/],
    ["an unknown model", { model: "FLUX_1-dev" }, /Service not found/],
    ["a model of edits", { model: "Qwen-Image-Edit" }, /Service not found/],
    ["two images", { n: 2 }, /parameter n/],
    ["a size that z-image-turbo has not", { size: "1000x1000" }, /size must be one of/],
    ["a size in other words", { size: "1024*1024" }, /parameter size/],
    ["size in both ways", { size: "1024x1024", width: 1024 }, /exclude/],
    ["too many steps", { num_inference_steps: 30 }, /num_inference_steps/],
    ["a foreign field", { quality: "high" }, /quality/],
    ["a forbidden prompt", { prompt: "something forbidden" }, /sensitive/],
  ] as [string, Record<string, unknown>, RegExp][]
) {
  Deno.test(`Gitee refuses ${name}`, async () => {
    await using gitee = giteeService();
    const [status, told] = await refusalOf(await generate(gitee, body));
    assert.equal(status, 400);
    assert.match(told, message);
  });
}

Deno.test("Gitee knows keys of 30 to 60 letters and digits, and tells an empty one by a 400", async () => {
  await using gitee = giteeService();
  for (const key of ["A".repeat(29), "A".repeat(61), `sk-${"A".repeat(40)}`]) {
    assert.deepEqual(await refusalOf(await generate(gitee, {}, key)), [401, "Invalid token."]);
  }
  const key = "a".repeat(30);
  gitee.drain(key);
  const told = [400, "Today the free API access limit exceeded."];
  assert.deepEqual(await refusalOf(await generate(gitee, {}, key)), told);
  gitee.limit(key);
  assert.equal((await refusalOf(await generate(gitee, {}, key)))[0], 429);
  gitee.restore(key);
  assert.equal((await (await generate(gitee, {}, key)).json()).data.length, 1);
});

Deno.test("Gitee fails in both of its error shapes on demand", async () => {
  await using gitee = giteeService();
  gitee.fail(GITEE_ERRORS.unavailable);
  gitee.fail(flatGiteeError(GITEE_ERRORS.no_resource));
  assert.deepEqual(await refusalOf(await generate(gitee, {})), [503, "Service Temporarily Unavailable"]);
  const flat = await (await generate(gitee, {})).json();
  assert.equal(flat.error, "Bad Request");
  assert.match(flat.message, /no available resources/);
});

Deno.test("Gitee edits pictures that come as a form, several under one name", async () => {
  await using gitee = giteeService();
  const response = await submit(gitee, "/images/edits", "Qwen-Image-Edit", (form) => {
    form.append("image", picture());
    form.set("num_inference_steps", "4");
    form.set("cfg_scale", "1.5");
    form.set("size", "640x480");
    form.set("lora_weights", '{"url":"https://example.com/lora","weight":1}');
  });
  const { data: [image] } = await response.json();
  const facts = readImageFacts(Uint8Array.fromBase64(image.b64_json));
  assert.deepEqual(facts, { type: "image/png", width: 640, height: 480 });
  assert.equal(gitee.lastCall.form?.getAll("image").length, 2);
});

for (
  const [name, change] of [
    ["without a picture", (form) => form.delete("image")],
    ["with six pictures", (form) => [1, 2, 3, 4, 5].forEach(() => form.append("image", picture()))],
    ["with OpenAI's name for many", (form) => form.set("image[]", picture())],
    ["with a picture that is none", (form) => form.set("image", new File(["hi"], "a.png"))],
    ["with two images asked for", (form) => form.set("n", "2")],
    ["with weights that are not JSON", (form) => form.set("lora_weights", "heavy")],
  ] as [string, (form: FormData) => void][]
) {
  Deno.test(`Gitee refuses an edit ${name}`, async () => {
    await using gitee = giteeService();
    assert.equal((await refusalOf(await submit(gitee, "/images/edits", "Qwen-Image-Edit", change)))[0], 400);
  });
}

Deno.test("Gitee takes JSON for an edit only with an address", async () => {
  await using gitee = giteeService();
  const edit = async (body: Record<string, unknown>) => {
    const response = await fetch(`${gitee.url}/images/edits`, {
      method: "POST",
      headers: { authorization: `Bearer ${gitee.newKey()}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "Qwen-Image-Edit", prompt: "a hat", ...body }),
    });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await edit({ image_url: "https://example.com/cat.png" }), 200);
  assert.equal(await edit({ image: paintPng({ width: 20, height: 20 }).toBase64() }), 400);
  assert.equal(await edit({}), 400);
});

Deno.test("Gitee works on a task from poll to poll, then tells price and address of the result", async () => {
  await using gitee = giteeService();
  const key = gitee.newKey();
  const submitted = await (await submit(gitee, "/async/images/edits", "Qwen-Image-Edit-2511", (form) => {
    form.set("task_types", "id");
  }, key)).json();
  assert.equal(submitted.status, "waiting");
  const headers = { authorization: `Bearer ${key}` };
  const poll = async () => (await fetch(`${gitee.url}/task/${submitted.task_id}`, { headers })).json();
  assert.deepEqual([(await poll()).status, (await poll()).status], ["waiting", "in_progress"]);
  const done = await poll();
  assert.deepEqual([done.status, done.price], ["success", 0.1]);
  const bytes = await (await fetch(done.output.file_url)).bytes();
  assert.equal(readImageFacts(bytes)?.type, "image/png");
  assert.equal(gitee.imageCalls.length, 1);
  assert.equal(gitee.files.calls.length, 1);
  const again = await (await fetch(submitted.urls.get, { headers })).json();
  assert.equal(again.status, "success");
});

Deno.test("Gitee hands over a task's result as base64, or tells why there is none", async () => {
  await using gitee = giteeService();
  const key = gitee.newKey();
  const finish = async () => {
    const { task_id } =
      await (await submit(gitee, "/async/images/edits", "LongCat-Image-Edit", undefined, key)).json();
    return (await fetch(`${gitee.url}/task/${task_id}`, { headers: { authorization: `Bearer ${key}` } }))
      .json();
  };
  gitee.scriptTasks({ states: ["success"], result: "b64_json" });
  const { output } = await finish();
  assert.equal(readImageFacts(Uint8Array.fromBase64(output.b64_json))?.type, "image/png");
  gitee.scriptTasks({ states: ["failure"], error: "out of memory" });
  const failed = await finish();
  assert.deepEqual([failed.output.error, failed.price], ["out of memory", null]);
});

Deno.test("Gitee cancels a task, and shows it to nobody but its owner", async () => {
  await using gitee = giteeService();
  const key = gitee.newKey();
  const headers = { authorization: `Bearer ${key}` };
  const { task_id, urls } =
    await (await submit(gitee, "/async/images/edits", "FLUX.1-Kontext-dev", undefined, key))
      .json();
  await (await fetch(urls.cancel, { method: "POST", headers })).json();
  const poll = await (await fetch(urls.get, { headers })).json();
  assert.equal(poll.status, "cancelled");
  const stranger = { authorization: `Bearer ${gitee.newKey()}` };
  assert.equal((await refusalOf(await fetch(`${gitee.url}/task/${task_id}`, { headers: stranger })))[0], 404);
  assert.equal((await refusalOf(await fetch(`${gitee.url}/task/none`, { headers })))[0], 404);
});

Deno.test("Gitee spoils polls when asked to, and leaves the task alone", async () => {
  await using gitee = giteeService();
  gitee.scriptTasks({ states: ["success"] });
  gitee.fail(GITEE_ERRORS.unavailable, 1, "tasks");
  const key = gitee.newKey();
  const { urls } = await (await submit(gitee, "/async/images/edits", "LongCat-Image-Edit", undefined, key))
    .json();
  const headers = { authorization: `Bearer ${key}` };
  assert.equal((await refusalOf(await fetch(urls.get, { headers })))[0], 503);
  assert.equal((await (await fetch(urls.get, { headers })).json()).status, "success");
});

Deno.test("Gitee refuses a task that counts its pictures wrongly or wants a model of the other path", async () => {
  await using gitee = giteeService();
  const twoTypes = await submit(gitee, "/async/images/edits", "LongCat-Image-Edit", (form) => {
    form.append("task_types", "id");
    form.append("task_types", "style");
  });
  assert.match((await refusalOf(twoTypes))[1], /task_types/);
  const wrongModel = await submit(gitee, "/async/images/edits", "Qwen-Image-Edit");
  assert.deepEqual(await refusalOf(wrongModel), [400, "Service not found."]);
  const noForm = await fetch(`${gitee.url}/async/images/edits`, {
    method: "POST",
    headers: { authorization: `Bearer ${gitee.newKey()}`, "content-type": "application/json" },
    body: "{}",
  });
  assert.equal((await refusalOf(noForm))[0], 400);
});
