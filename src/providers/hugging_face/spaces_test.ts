import assert from "node:assert/strict";
import { Client } from "@gradio/client";
import { Failed } from "../../core/failure.ts";
import { readImageFacts } from "../../core/media.ts";
import { startGateway, type TestGateway } from "../../testing/gateway.ts";
import { type AppFunction, MAKE } from "../../testing/gradio_app.ts";
import { type HuggingFaceService, huggingFaceService } from "../../testing/hugging_face_service.ts";
import { imageRequest } from "../../testing/image_request.ts";
import { paintPng } from "../../testing/painting.ts";
import { providerCall } from "../../testing/provider_call.ts";
import { dataUrl, picture, refusal } from "../../testing/provider_replies.ts";
import { Refusal } from "../../testing/reply.ts";
import { RushingClock } from "../../testing/rushing_clock.ts";
import { closedPort } from "../../testing/scripted_service.ts";
import { type SpaceService, spaceService } from "../../testing/space_service.ts";
import { huggingFace } from "./mod.ts";
import { fillArguments, KNOWN_SPACES } from "./space_signatures.ts";
import { createSpaces } from "./spaces.ts";

interface Scene extends AsyncDisposable {
  hub: HuggingFaceService;
  main: SpaceService;
  backup: SpaceService;
  gateway: TestGateway;
  ask(path: string, body?: Record<string, unknown>): Promise<Response>;
}

/**
 * A gateway with two Spaces on hosts of their own behind `painter` and `painter-edit`, one at the provider's own
 * host behind `home`, and no token. A client asks.
 */
async function startScene({ env = {}, functions, prefix, file = {} }: {
  env?: Record<string, string>;
  functions?: AppFunction[];
  prefix?: string;
  file?: Record<string, unknown>;
} = {}): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const hub = stack.use(huggingFaceService());
  const main = stack.use(spaceService({ functions, prefix }));
  const backup = stack.use(spaceService());
  const gateway = stack.use(
    await startGateway({
      clock: new RushingClock(),
      env: { HUGGINGFACE_BASE_URL: hub.url, GATEWAY_API_KEYS: "client-key", MAX_RETRIES: "0", ...env },
      file: {
        hfModelMap: {
          painter: { main: main.url, backup: backup.url },
          "painter-edit": { main: `${main.url}/`, backup: "" },
          home: { main: hub.url },
          nowhere: { main: "" },
        },
        ...file,
      },
    }),
  );
  const held = stack.move();
  return {
    hub,
    main,
    backup,
    gateway,
    ask: (path, body) =>
      gateway.post(
        `/v1/images/${path}`,
        { prompt: "a fox", model: "painter", response_format: "b64_json", ...body },
        "client-key",
      ),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

const small = paintPng({ width: 320, height: 256 });

Deno.test("a Space that nothing is known of says what it wants, and makes a picture without any token", async () => {
  await using scene = await startScene();
  const response = await scene.ask("generations", { seed: 11, steps: 6, size: "768x512" });
  assert.equal(response.headers.get("x-imgrouter-model"), "painter");
  const facts = readImageFacts(await picture(response));
  assert.deepEqual([facts?.width, facts?.height], [768, 512]);
  assert.deepEqual(scene.main.app.asked, [{ fn: "generate_image", data: ["a fox", 512, 768, 6, 11, false] }]);
  assert.deepEqual(
    scene.main.calls.map(({ method, path }) => `${method} ${path.replace(/[0-9a-f]{32}/, "ID")}`),
    [
      "GET /config",
      "GET /gradio_api/info",
      "POST /gradio_api/call/generate_image",
      "GET /gradio_api/call/generate_image/ID",
      "GET /gradio_api/file=/tmp/gradio/1/image%201.png",
    ],
  );
  for (const { headers } of scene.main.calls) assert.equal(headers.get("authorization"), null);
});

Deno.test("without a seed the Space draws one, and takes the steps that it or the owner thinks best", async () => {
  await using scene = await startScene();
  await picture(await scene.ask("generations"));
  assert.deepEqual(scene.main.app.asked[0]!.data, ["a fox", 1024, 1024, 9, 42, true]);

  await using owned = await startScene({ file: { providers: { HuggingFace: { defaultSteps: 4 } } } });
  await picture(await owned.ask("generations"));
  assert.equal(owned.main.app.asked[0]!.data[3], 4);
});

Deno.test("an edit is uploaded first, and handed over as Gradio wants files named", async () => {
  await using scene = await startScene();
  const images = [small, paintPng({ width: 64, height: 64, seed: 3 })].map((bytes) => ({
    image_url: dataUrl(bytes),
  }));
  await picture(await scene.ask("edits", { model: "painter-edit", images }));
  const { app } = scene.main;
  assert.equal(app.uploads.size, 2);
  assert.deepEqual(await [...app.uploads.values()][0]!.bytes(), new Uint8Array(small));
  const [{ fn, data } = { fn: "", data: [] }] = app.asked;
  assert.equal(fn, "infer");
  assert.deepEqual(
    data[0],
    [...app.uploads.keys()].map((path) => ({
      image: { path, orig_name: "image.png", mime_type: "image/png", meta: { _type: "gradio.FileData" } },
      caption: null,
    })),
  );
  assert.deepEqual(data.slice(1), ["a fox", 0, true, 1, 4, 1024, 1024, false]);
});

Deno.test("parameters of the caller's own reach a Space by name, and its function may be named", async () => {
  const functions = [MAKE, { ...MAKE, name: "special", id: 7 }];
  await using scene = await startScene({ functions });
  await picture(
    await scene.ask("generations", {
      provider_params: { api_name: "/special", seed: 9, randomize_seed: false },
    }),
  );
  assert.deepEqual(scene.main.app.asked, [{ fn: "special", data: ["a fox", 1024, 1024, 9, 9, false] }]);
});

Deno.test("a Space from before Gradio 5 has its paths at the root", async () => {
  await using scene = await startScene({ prefix: "" });
  await picture(await scene.ask("generations"));
  assert.ok(scene.main.calls.some(({ path }) => path === "/call/generate_image"));
});

Deno.test("wishes that a Space has no argument for are told, and an optional image stays empty", async () => {
  const functions: AppFunction[] = [{
    name: "run",
    id: 1,
    parameters: [
      { name: "image", component: "Image" },
      { name: "prompt", component: "Textbox" },
      { name: "style", component: "Dropdown", default: "none" },
    ],
  }];
  await using scene = await startScene({ functions });
  const response = await scene.ask("generations", { seed: 4, size: "512x512" });
  const notes = response.headers.get("x-imgrouter-notes")!;
  assert.match(notes, /size: not offered by the Space/);
  assert.match(notes, /seed: not offered by the Space/);
  await picture(response);
  assert.deepEqual(scene.main.app.asked[0]!.data, [null, "a fox", "none"]);
});

Deno.test("a token goes to a Space at the provider's own host, and to no other", async () => {
  await using scene = await startScene();
  const key = scene.hub.newKey();
  for (const model of ["home", "painter"]) {
    const body = { prompt: "a fox", model, response_format: "b64_json" };
    await picture(await scene.gateway.post("/v1/images/generations", body, key));
  }
  assert.ok(scene.hub.calls.length > 3);
  for (const call of scene.hub.calls) assert.equal(call.key, key);
  assert.ok(scene.main.calls.length > 3);
  for (const call of scene.main.calls) assert.equal(call.headers.get("authorization"), null);
});

Deno.test("the key goes to the hub, the router and Spaces over TLS, and nowhere else", () => {
  const { ownHosts, baseUrl } = huggingFace;
  assert.deepEqual(ownHosts, ["huggingface.co", "router.huggingface.co", "*.hf.space"]);
  assert.equal(baseUrl, "https://router.huggingface.co");
  for (const { hosts = [] } of huggingFace.models) {
    for (const host of hosts) assert.match(host, /^https:\/\/[a-z0-9-]+\.hf\.space$/);
  }
});

for (
  const [what, fault] of [
    ["whose queue is full", new Refusal(503, { detail: "Queue is full. Max size is 20 and size is 20." })],
    ["that is gone", new Refusal(404, "<html>404</html>")],
    ["that is private", new Refusal(401, "<html>401</html>")],
    ["that is asleep", new Refusal(503, "<html>starting</html>")],
    [
      "with a login of its own",
      new Refusal(401, { detail: { error: "Not authenticated", auth_message: "hello" } }),
    ],
  ] as [string, Refusal][]
) {
  Deno.test(`a Space ${what} is followed by its backup, and that is told`, async () => {
    await using scene = await startScene();
    scene.main.app.script({ refusal: fault });
    const response = await scene.ask("generations");
    await picture(response);
    assert.match(response.headers.get("x-imgrouter-notes")!, /could not do it, .* was asked/);
    assert.equal(scene.backup.app.asked.length, 1);
  });
}

Deno.test("a Space that can't be reached is followed by its backup", async () => {
  await using scene = await startScene();
  await scene.main[Symbol.asyncDispose]();
  await picture(await scene.ask("generations"));
});

Deno.test("a refused prompt, and a used-up allowance, are no reason to ask the backup", async () => {
  await using scene = await startScene();
  const refused = await refusal(await scene.ask("generations", { prompt: "something forbidden" }));
  assert.deepEqual([refused.status, refused.code], [400, "content_policy_violation"]);
  scene.main.app.script({ events: [{ event: "error", data: { error: QUOTA } }] });
  assert.equal((await refusal(await scene.ask("generations"))).status, 503);
  assert.equal(scene.backup.calls.length, 0);
});

const QUOTA = "You have exceeded your free GPU quota (60s requested vs. 0s left). Try again in 3:02:01";

for (
  const [what, data, status, code] of [
    ["used-up time on a processor", { error: QUOTA }, 402, "insufficient_quota"],
    ["an aborted task", { error: "GPU task aborted" }, 503, "provider_unavailable"],
    [
      "no free processor",
      { error: "No GPU was available after 60s. Retry later" },
      503,
      "provider_unavailable",
    ],
    ["an error that isn't shown", { error: null, visible: true, duration: 10 }, 503, "provider_unavailable"],
    ["an unexpected error", "Error while executing", 503, "provider_unavailable"],
    ["a refusal", { error: "NSFW content detected" }, 400, "content_policy_violation"],
  ] as [string, unknown, number, string][]
) {
  Deno.test(`an event with ${what} is told as ${status}`, async () => {
    await using scene = await startScene();
    scene.hub.space.script({
      events: [{ event: "heartbeat", data: null }, { event: "error", data: toData(data) }],
    });
    const body = { prompt: "a fox", model: "home" };
    const told = await refusal(await scene.gateway.post("/v1/images/generations", body, scene.hub.newKey()));
    assert.deepEqual([told.status, told.code], [status, code]);
  });
}

/** Texts go over the wire as JSON, too. */
function toData(data: unknown): unknown {
  return typeof data === "string" ? JSON.stringify(data) : data;
}

Deno.test("a used-up allowance tells when it is back, and leaves the token to the router", async () => {
  await using hub = huggingFaceService();
  await using gateway = await startGateway({
    clock: new RushingClock(),
    env: {
      HUGGINGFACE_BASE_URL: hub.url,
      HUGGINGFACE_API_KEY: hub.newKey(),
      GATEWAY_API_KEYS: "client-key",
      MAX_RETRIES: "0",
    },
    file: { hfModelMap: { home: { main: hub.url } } },
  });
  const ask = async (model: string) => {
    const body = { prompt: "a fox", model };
    const response = await gateway.post("/v1/images/generations", body, "client-key");
    await response.body?.cancel();
    return response.status;
  };
  hub.space.script({ events: [{ event: "error", data: { error: QUOTA } }] });
  assert.equal(await ask("home"), 503);
  const calls = hub.calls.length;
  assert.equal(await ask("home"), 503);
  assert.equal(hub.calls.length, calls, "the token rests for the Space");
  assert.equal(await ask("black-forest-labs/FLUX.1-schnell"), 200);
});

for (
  const [words, wait] of [
    [QUOTA, ((3 * 60 + 2) * 60 + 1) * 1000],
    ["You have exceeded your GPU quota. Try again in 1 day, 0:00:30", (24 * 3600 + 30) * 1000],
    ["You have exceeded your GPU quota", undefined],
  ] as const
) {
  Deno.test(`"${words}" ${wait ? `asks for a pause of ${wait} ms` : "names no pause"}`, async () => {
    await using space = spaceService();
    space.app.script({ events: [{ event: "error", data: { error: words } }] });
    await assert.rejects(createSpaces()(imageRequest(), directCall(space).call), (error) => {
      assert.ok(error instanceof Failed);
      const { kind, modelOnly, retryAfterMs } = error.failure;
      assert.deepEqual([kind, modelOnly, retryAfterMs], ["out_of_credit", true, wait]);
      return true;
    });
  });
}

Deno.test("events that arrive in pieces are put together", async () => {
  await using scene = await startScene();
  scene.main.app.script({ pieceBytes: 7 });
  assert.ok(readImageFacts(await picture(await scene.ask("generations"))));
});

for (
  const [what, outputs] of [
    ["a gallery", (url: string) => [[{ image: { url, path: "/x" }, caption: null }], 5]],
    ["an address", (url: string) => [url, 5]],
    ["a path on its machine", (_url: string, path: string) => [{ path }, 5]],
    ["an image after a text", (url: string) => ["done", { url }, "Seed used: 5"]],
    ["base64", () => [dataUrl(small), 5]],
  ] as [string, (url: string, path: string) => unknown[]][]
) {
  Deno.test(`a Space may give ${what}`, async () => {
    await using scene = await startScene();
    scene.main.app.script({ outputs });
    assert.ok(readImageFacts(await picture(await scene.ask("generations"))));
  });
}

for (const outputs of [[], [null, 5], [{}], ["no image today"]]) {
  Deno.test(`a Space that gives ${JSON.stringify(outputs)} gave no image`, async () => {
    await using scene = await startScene();
    for (const { app } of [scene.main, scene.backup]) app.script({ outputs: () => outputs });
    const { status, code } = await refusal(await scene.ask("generations"));
    assert.deepEqual([status, code], [502, "no_image"]);
  });
}

Deno.test("an image at a foreign host is fetched through the guard", async () => {
  await using scene = await startScene({ env: { ALLOW_HOSTS: "" } });
  scene.main.app.script({ outputs: () => ["http://127.0.0.1:9/metadata"] });
  assert.equal((await refusal(await scene.ask("generations", { model: "painter" }))).status, 502);
});

Deno.test("a stream that breaks off is opened again, and an event that is gone then counts as lost", async () => {
  await using scene = await startScene();
  scene.main.fail("reset midway");
  const body = { model: "painter-edit", images: [{ image_url: dataUrl(small) }] };
  const { status, code } = await refusal(await scene.ask("edits", body));
  assert.deepEqual([status, code], [502, "no_image"]);
  const [first, ...again] = scene.main.imageCalls;
  assert.ok(again.length > 1);
  for (const { path } of again) assert.equal(path, first!.path);
  assert.equal(scene.main.app.asked.length, 1, "the work is asked for once");
});

Deno.test("a Space without a function that fits is passed over", async () => {
  const upscale: AppFunction = {
    name: "upscale",
    id: 1,
    parameters: [{ name: "image", component: "Image" }],
  };
  const caption = { ...MAKE, name: "caption", id: 3, returns: ["Textbox"] };
  await using scene = await startScene({ functions: [upscale, caption] });
  await picture(await scene.ask("generations"));
  assert.equal(scene.main.app.asked.length, 0);
  assert.equal(scene.backup.app.asked.length, 1);
});

Deno.test("a call is taken back when the client leaves", async () => {
  await using scene = await startScene();
  using gate = scene.main.hold("last event");
  const leaving = new AbortController();
  const asked = scene.gateway.post(
    "/v1/images/generations",
    { prompt: "a fox", model: "painter" },
    "client-key",
    { signal: leaving.signal },
  );
  await scene.main.until(() => gate.waiting > 0);
  leaving.abort();
  await assert.rejects(asked, { name: "AbortError" });
  await scene.main.until(() => scene.main.app.cancelled.length > 0);
  const [{ session_hash, fn_index, event_id }] = scene.main.app.cancelled as [Record<string, unknown>];
  const call = scene.main.calls.find(({ path }) => path.endsWith("/call/generate_image"))!;
  assert.deepEqual(
    { session_hash, fn_index, event_id },
    {
      session_hash: (call.json as { session_hash: string }).session_hash,
      fn_index: 2,
      event_id: "1".padStart(32, "0"),
    },
  );
});

Deno.test("auto never sends a prompt to a Space without a token, unless the owner chose its model", async () => {
  await using scene = await startScene();
  const { status, message } = await refusal(await scene.ask("generations", { model: "auto" }));
  assert.equal(status, 503);
  assert.match(message, /No provider is set up|No key is set up/);
  assert.equal(scene.main.calls.length, 0);

  await scene.gateway.app.settings.update({ providers: { HuggingFace: { text: { model: "painter" } } } });
  await picture(await scene.ask("generations", { model: "auto" }));
  assert.equal(scene.main.app.asked.length, 1);
});

Deno.test("a model that also waits behind a key is not asked for at a Space without one", async () => {
  await using scene = await startScene({
    env: { GITEE_API_KEY: "A".repeat(40), GITEE_BASE_URL: closedPort() },
  });
  await scene.gateway.app.settings.update((file) => {
    file.hfModelMap = { "z-image-turbo": { main: scene.main.url } };
  });
  const response = await scene.ask("generations", { model: "z-image-turbo" });
  assert.equal(response.status, 503);
  await response.body?.cancel();
  assert.equal(scene.main.calls.length, 0);
});

Deno.test("the map of Spaces may change while the gateway runs, and moves models that are known", async () => {
  await using scene = await startScene();
  await scene.gateway.app.settings.update((file) => {
    file.hfModelMap = { "Z-Image-Turbo": { main: scene.backup.url } };
  });
  await picture(await scene.ask("generations", { model: "z-image-turbo", provider: "HuggingFace" }));
  assert.equal(scene.backup.app.asked.length, 1);
  const { data } = await (await fetch(`${scene.gateway.url}/v1/models`)).json();
  const ids = data.map(({ id }: { id: string }) => id);
  assert.equal(ids.includes("painter"), false);
});

/** Calls `operation` as the gateway does, with Spaces that are known by their hosts. */
function directCall(space: SpaceService) {
  const notes: string[] = [];
  const call = providerCall({
    provider: huggingFace,
    baseUrl: "https://router.huggingface.co",
    hosts: [space.url],
    onNote: (text) => notes.push(text),
  });
  return { call, notes };
}

const host = (space: SpaceService) => new URL(space.url).host;

Deno.test("of a known Space nothing is asked but the picture", async () => {
  await using space = spaceService();
  const known = KNOWN_SPACES["mrfakename-z-image-turbo.hf.space"]!;
  const ask = createSpaces({ known: { [host(space)]: known } });
  const made = await ask(
    imageRequest({ seed: 3, size: { width: 512, height: 768 } }),
    directCall(space).call,
  );
  assert.equal(made.images[0]!.seed, 3);
  assert.deepEqual(space.calls.map(({ path }) => path.split("/")[2]), ["call", "call"]);
  assert.deepEqual(space.app.asked[0]!.data, ["a fox", 768, 512, 9, 3, false]);
});

Deno.test("a known Space that changed is asked what it wants now", async () => {
  for (const change of [{ ...MAKE, name: "renamed" }, { ...MAKE, parameters: MAKE.parameters.slice(0, 3) }]) {
    await using space = spaceService({ functions: [change] });
    const ask = createSpaces({
      known: { [host(space)]: KNOWN_SPACES["mrfakename-z-image-turbo.hf.space"]! },
    });
    const { images } = await ask(imageRequest(), directCall(space).call);
    assert.equal(images.length, 1);
    assert.equal(space.app.asked.at(-1)!.fn, change.name);
  }
});

Deno.test("a function that is known by its number alone is looked up", async () => {
  await using space = spaceService();
  const { fn: _named, ...numbered } = KNOWN_SPACES["mrfakename-z-image-turbo.hf.space"]!;
  const ask = createSpaces({ known: { [host(space)]: numbered } });
  await ask(imageRequest(), directCall(space).call);
  assert.equal(space.app.asked[0]!.fn, "generate_image");
});

Deno.test("an argument that must be there and can't be filled is told by its name", async () => {
  const functions: AppFunction[] = [{
    name: "run",
    id: 1,
    parameters: [{ name: "prompt", component: "Textbox" }, { name: "mood", component: "Textbox" }],
  }];
  await using space = spaceService({ functions });
  await assert.rejects(
    createSpaces()(imageRequest(), directCall(space).call),
    (error) =>
      error instanceof Failed && error.failure.kind === "model_not_found" && /"mood"/.test(error.message),
  );
  await createSpaces()(imageRequest({ providerParams: { mood: "calm" } }), directCall(space).call);
  assert.deepEqual(space.app.asked[0]!.data, ["a fox", "calm"]);
});

Deno.test("more images than a Space takes are an error, not left out", async () => {
  const functions: AppFunction[] = [{
    name: "run",
    id: 1,
    parameters: [{ name: "image", component: "Image" }, { name: "prompt", component: "Textbox" }],
  }];
  await using scene = await startScene({ functions });
  const image = { image_url: dataUrl(small) };
  const { status, message } = await refusal(
    await scene.ask("edits", { model: "painter-edit", images: [image, image] }),
  );
  assert.equal(status, 400);
  assert.match(message, /takes 1 input image\(s\), and got 2/);
});

const request = imageRequest({
  seed: 5,
  steps: 8,
  guidance: 2,
  negativePrompt: "rain",
  size: { width: 640, height: 512 },
});
const turbo = ["a fox", 512, 640, 8, 5, false];
const file = {
  path: "/tmp/1.png",
  orig_name: "image.png",
  mime_type: "image/png",
  meta: { _type: "gradio.FileData" as const },
};

for (
  const [space, expected] of Object.entries({
    "mrfakename-z-image-turbo": turbo,
    "luca115-z-image-turbo": turbo,
    "linoyts-z-image-portrait": turbo,
    "prokofyev8-z-image-portrait": turbo,
    "yingzhac-z-image-nsfw": turbo,
    "mrfakename-z-image": ["a fox", "rain", 512, 640, 8, 2, 5, false],
    "black-forest-labs-flux-1-schnell": ["a fox", 5, false, 640, 512, 8],
    "linoyts-qwen-image-edit-2511-fast": [
      [{ image: file, caption: null }],
      ...["a fox", 5, false, 2, 8, 512, 640, false],
    ],
  })
) {
  Deno.test(`arguments of ${space} stand in its order`, () => {
    const files = space.includes("edit") ? [file] : [];
    const known = KNOWN_SPACES[`${space}.hf.space`]!;
    assert.deepEqual(fillArguments(known, request, files, () => {}), expected);
  });
}

Deno.test("uploads, arguments and tokens are those of Gradio's own client", async () => {
  await using scene = await startScene();
  const { hub } = scene;
  const key = hub.newKey();
  const body = { prompt: "a fox", model: "home-edit", seed: 5, images: [{ image_url: dataUrl(small) }] };
  await scene.gateway.app.settings.update((settings) => {
    settings.hfModelMap = { "home-edit": { main: hub.url } };
  });
  await (await scene.gateway.post("/v1/images/edits", body, key)).body?.cancel();
  const ours = hub.calls.filter(({ path }) => path === "/gradio_api/upload");

  const token = key as `hf_${string}`;
  const client = await Client.connect(hub.url, { token, record_history: false });
  await client.predict("/infer", {
    images: [{ image: new File([small], "image.png", { type: "image/png" }), caption: null }],
    prompt: "a fox",
    seed: 5,
    randomize_seed: false,
  });
  client.close();

  const [mine, theirs] = hub.calls.filter(({ path }) => path === "/gradio_api/upload");
  assert.equal(ours[0], mine);
  assert.deepEqual([...mine!.form!.keys()], [...theirs!.form!.keys()]);
  assert.equal(mine!.key, theirs!.key);
  assert.deepEqual(
    await (mine!.form!.get("files") as File).bytes(),
    await (theirs!.form!.get("files") as File).bytes(),
  );

  // The client calls by the queue and a number, we by the name: what the function is given is the same.
  const [asked, again] = hub.space.asked;
  assert.equal(asked!.fn, again!.fn);
  const plain = (data: unknown[]) => {
    const [gallery, ...rest] = data as [{ image: { path: string; meta: unknown } }[], ...unknown[]];
    return [gallery.map(({ image: { path, meta } }) => [path.replace(/\d+-/, ""), meta]), ...rest];
  };
  assert.deepEqual(plain(asked!.data), plain(again!.data));
});
