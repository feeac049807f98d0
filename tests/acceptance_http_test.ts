/** What clients and relays need besides pictures: errors, keys, addresses, browsers, the list of models. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { CLIENT_KEY, stage } from "./client_kit.ts";

const MODEL = "gpt-image-2";
const FOX = { model: MODEL, prompt: "a fox" };

Deno.test("every error is OpenAI's object, as JSON, with its status and the id of the request", async () => {
  await using on = await stage();
  const cases: [string, unknown, RequestInit & { key?: string }, number][] = [
    ["images/generations", { model: MODEL }, {}, 400],
    ["images/generations", FOX, { key: "nobody-knows-me" }, 401],
    ["images/generations", FOX, { headers: { "content-type": "image/png" } }, 415],
    ["images/edits", FOX, {}, 400],
    ["chat/completions", { messages: "a fox" }, {}, 400],
    ["responses", { input: "a fox" }, {}, 404],
    ["models", {}, {}, 405],
  ];
  for (const [path, body, init, status] of cases) {
    const response = await on.send(path, body, init);
    equal(response.headers.get("content-type"), "application/json");
    match(response.headers.get("x-request-id") ?? "", /^req_/);
    ok((await response.json()).error.message.length > 0);
    equal(response.status, status, path);
  }
  const broken = await on.fetch(`${on.baseURL}/chat/completions`, {
    method: "POST",
    body: '{"model": ',
    headers: { authorization: `Bearer ${CLIENT_KEY}`, "content-type": "application/json" },
  });
  deepEqual([broken.status, (await broken.json()).error.code], [400, "invalid_json"]);
});

Deno.test("refusals and bad input are a 400 that nobody should repeat", async () => {
  await using on = await stage();
  for (const body of [{ ...FOX, prompt: "something forbidden" }, { ...FOX, size: "huge" }]) {
    const response = await on.send("images/generations", body);
    await response.body?.cancel();
    deepEqual([response.status, response.headers.get("x-should-retry")], [400, "false"]);
  }
});

Deno.test("a limit of the rate tells the seconds to wait, a minute at most", async () => {
  for (const [told, waited] of [[7, 7], [3600, 60]] as const) {
    await using on = await stage();
    on.openai.limit(on.key("relay"), { retryAfter: told });
    const response = await on.send("images/generations", FOX, { key: on.key("relay") });
    await response.body?.cancel();
    deepEqual([response.status, Number(response.headers.get("retry-after"))], [429, waited]);
  }
});

Deno.test("a dead key of ours is told in words that make no relay switch a channel off", async () => {
  for (const trouble of ["reject", "drain"] as const) {
    await using on = await stage();
    on.openai[trouble](on.poolKey);
    const response = await on.send("images/generations", FOX);
    const { message, type, code } = (await response.json()).error;
    equal(response.status, 503);
    ok(!/credit|balance|quota|permission|api key|billing/i.test(message), message);
    ok(!["authentication_error", "insufficient_quota", "permission_error", "forbidden"].includes(type), type);
    ok(!["invalid_api_key", "insufficient_quota"].includes(code), code);
    ok(Number(response.headers.get("retry-after")) >= 1);
  }
});

Deno.test("an unknown key is the caller's own fault, and says so", async () => {
  await using on = await stage();
  const response = await on.send("images/generations", FOX, { key: "nobody-knows-me" });
  deepEqual([response.status, (await response.json()).error.code], [401, "invalid_api_key"]);
});

Deno.test("keys are read from each header that clients use, and words for none are none", async () => {
  await using on = await stage();
  const status = async (headers: Record<string, string>) => {
    const response = await on.fetch(`${on.baseURL}/images/generations`, {
      method: "POST",
      body: JSON.stringify(FOX),
      headers: { "content-type": "application/json", ...headers },
    });
    await response.body?.cancel();
    return response.status;
  };
  for (
    const headers of [
      { authorization: `Bearer ${CLIENT_KEY}` },
      { authorization: `bearer   ${CLIENT_KEY} ` },
      { authorization: CLIENT_KEY },
      { "api-key": CLIENT_KEY },
      { "x-api-key": ` ${CLIENT_KEY}` },
      { authorization: "Bearer null", "x-api-key": CLIENT_KEY },
    ] as Record<string, string>[]
  ) equal(await status(headers), 200, JSON.stringify(headers));
  for (const word of ["Bearer null", "Bearer undefined", "Bearer ", "Bearer"]) {
    equal(await status({ authorization: word }), 401, word);
  }
});

Deno.test("work ends when the client hangs up, in streams and where blanks are sent", async () => {
  for (const [file, stream] of [[undefined, true], [{ system: { keepAlive: true } }, false]] as const) {
    await using on = await stage({ file });
    using gate = on.openai.hold();
    const response = await on.send("images/generations", { ...FOX, stream });
    await on.openai.until(() => gate.waiting === 1);
    await response.body!.cancel();
    await on.openai.until(() => on.openai.aborted === 1);
    equal(on.openai.imageCalls.length, 1);
  }
});

Deno.test("a browser may ask for everything, from anywhere, with all headers of OpenAI's client", async () => {
  await using on = await stage();
  const asked = "authorization, content-type, x-stainless-lang, x-stainless-retry-count";
  for (const path of ["images/generations", "chat/completions", "models", "nothing/here"]) {
    for (const origin of [{ origin: "https://chat.example" }, {}] as Record<string, string>[]) {
      const response = await fetch(`${on.baseURL}/${path}`, {
        method: "OPTIONS",
        headers: {
          ...origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": asked,
        },
      });
      const { headers } = response;
      equal(response.status, 204, path);
      equal(headers.get("access-control-allow-origin"), "*");
      equal(headers.get("access-control-allow-headers")?.replaceAll(/,\s*/g, ", "), asked);
      for (const method of ["GET", "POST", "OPTIONS"]) {
        match(headers.get("access-control-allow-methods")!, new RegExp(method));
      }
      ok(Number(headers.get("access-control-max-age")) > 0);
    }
  }
});

Deno.test("a browser may read answers, errors and streams, and the headers that it needs of them", async () => {
  await using on = await stage();
  const headers = { origin: "https://chat.example" };
  const responses = [
    await on.send("images/generations", FOX, { headers }),
    await on.send("images/generations", {}, { headers }),
    await on.send("images/generations", FOX, { headers, key: "nobody-knows-me" }),
    await on.send("images/generations", { ...FOX, stream: true }, { headers }),
    await on.send("responses", {}, { headers }),
  ];
  for (const response of responses) {
    await response.text();
    equal(response.headers.get("access-control-allow-origin"), "*");
    const exposed = response.headers.get("access-control-expose-headers") ?? "";
    for (const name of ["x-request-id", "retry-after", "retry-after-ms", "x-should-retry"]) {
      ok(exposed.split(/,\s*/).includes(name), name);
    }
  }
});

Deno.test("base addresses with /v1 twice, once or never, and with slashes too many, all work", async () => {
  await using on = await stage();
  const bodies: [string, unknown][] = [
    ["images/generations", FOX],
    ["chat/completions", { model: MODEL, messages: [{ role: "user", content: "a fox" }] }],
  ];
  for (const prefix of ["/v1", "/v1/v1", "", "//v1/", "/v1/chat/completions/v1"]) {
    for (const [path, body] of bodies) {
      const response = await on.gateway.post(`${prefix}/${path}/?api-version=2025-04-01`, body, CLIENT_KEY);
      await response.body?.cancel();
      equal(response.status, 200, `${prefix}/${path}`);
    }
  }
});

Deno.test("what this gateway has not is a 404 in JSON that says what there is instead", async () => {
  await using on = await stage();
  for (
    const [method, path, hint] of [
      ["POST", "v1/responses", /chat\/completions/],
      ["POST", "v1/embeddings", /images only/],
      ["GET", "v1/dashboard/billing/usage?start_date=2026-01-01", /billing/],
      ["GET", "dashboard/billing/subscription", /billing/],
    ] as const
  ) {
    const response = await on.fetch(`${on.gateway.url}/${path}`, {
      method,
      headers: { authorization: `Bearer ${CLIENT_KEY}` },
    });
    const { error } = await response.json();
    equal(response.status, 404, path);
    match(error.message, hint);
  }
});

Deno.test("the list of models is there without a key, with what apps read of it", async () => {
  await using on = await stage();
  // At its start the gateway asks once which models there are.
  await on.openai.until(() => on.openai.calls.length === 1);
  const response = await on.fetch(`${on.baseURL}/models`);
  const { object, data } = await response.json();
  deepEqual([response.status, object], [200, "list"]);
  for (const model of data) {
    deepEqual([model.object, typeof model.created, typeof model.owned_by], ["model", "number", "string"]);
    ok(model.name && model.context_length > 0);
    deepEqual(model.architecture.output_modalities, ["image"]);
    ok(model.architecture.input_modalities.includes("text"));
    // LobeChat hides what has one of these in its name.
    ok(!/dall-e|ada|tts|whisper|embedding|davinci|curie|babbage|moderation/.test(model.id), model.id);
  }
  ok(data.find(({ id }: { id: string }) => id === MODEL).architecture.input_modalities.includes("image"));
  equal(on.openai.calls.length, 1, "the list comes from memory");
});

Deno.test("names that clients have built in are answered by the models of today", async () => {
  await using on = await stage();
  for (const model of ["gpt-image-1", "dall-e-3", "dall-e-2"]) {
    const response = await on.send("images/generations", { model, prompt: "a fox" });
    await response.body?.cancel();
    equal(response.status, 200, model);
    equal((on.openai.lastCall.json as { model: string }).model, MODEL);
  }
});
