import { deepEqual, doesNotMatch, equal, match, ok, rejects } from "node:assert/strict";
import { configureLog } from "../src/log/log.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import type { GatewayOptions } from "../src/testing/gateway.ts";
import { OPENAI_ERRORS } from "../src/testing/openai_errors.ts";
import { pollinationsService } from "../src/testing/pollinations_service.ts";
import type { Fault } from "../src/testing/reply.ts";
import { type TextService, textService } from "../src/testing/text_service.ts";
import { eventsOf, inBothModes, pictureFile, pictureUri, type Stage, stage } from "./client_kit.ts";

const CHINESE = "雪地里的一只红狐狸";
const TRANSLATED = `In English: ${CHINESE}`;
const ENGLISH = "a red fox in the snow";
const EXPANDED = `${ENGLISH}, in golden light`;

interface Scene extends Stage {
  text: TextService;
  /** Asks for an image; gives what the first item says, and the prompt that the provider got. */
  make(
    body: Record<string, unknown>,
    options?: { key?: string; headers?: Record<string, string> },
  ): Promise<{ revised?: string; sent: string; notes: string }>;
  /** The prompt that the provider got last. */
  sent(): string;
}

/** A gateway with an optimizer. @param optimizer merged into its settings in the file */
async function scene(
  optimizer: Record<string, unknown> = {},
  { file, env, ...options }: GatewayOptions = {},
): Promise<Scene> {
  await using begun = new AsyncDisposableStack();
  const text = begun.use(textService());
  const on = begun.use(
    await stage({
      ...options,
      env: { ...text.env, ...env },
      file: { promptOptimizer: optimizer, ...file as object },
    }),
  );
  const stack = begun.move();
  const sent = () => {
    const { json, form } = on.openai.imageCalls.at(-1)!;
    return String(form?.get("prompt") ?? (json as { prompt: string }).prompt);
  };
  return {
    ...on,
    text,
    sent,
    make: async (body, options) => {
      const response = await on.send("images/generations", { model: "gpt-image-2", ...body }, options);
      const reply = await response.json();
      equal(response.status, 200, JSON.stringify(reply).slice(0, 300));
      return {
        revised: reply.data[0].revised_prompt,
        sent: sent(),
        notes: response.headers.get("x-imgrouter-notes") ?? "",
      };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

inBothModes("a prompt that is not English is translated, which the reply tells", async (mode) => {
  await using on = await scene();
  const { revised, sent, notes } = await on.make({ prompt: CHINESE }, { key: on.key(mode) });
  deepEqual([revised, sent], [TRANSLATED, TRANSLATED]);
  match(notes, /prompt: translated into English/);
  deepEqual(on.text.asked, [CHINESE]);
  equal(on.text.lastCall.key, on.text.key);
});

Deno.test("an English prompt is not translated, and the text model not asked", async () => {
  await using on = await scene();
  const { revised, sent } = await on.make({ prompt: ENGLISH });
  deepEqual([revised, sent], [undefined, ENGLISH]);
  deepEqual(on.text.calls, []);
});

Deno.test("a prompt is translated, then expanded, each with the operator's own words", async () => {
  const own = { translatePrompt: "Please translate.", expandPrompt: "Please enrich." };
  await using on = await scene({ enableExpand: true, ...own });
  const { revised } = await on.make({ prompt: CHINESE });
  equal(revised, `${TRANSLATED}, in golden light`);
  const systems = on.text.calls.map(({ json }) => (json as { messages: { content: string }[] }).messages[0]);
  deepEqual(systems.map((message) => message?.content), [own.translatePrompt, own.expandPrompt]);
});

Deno.test("system prompts that were exchanged in the file are put right", async () => {
  await using on = await scene({
    enableExpand: true,
    translatePrompt: "请扩写用户的提示词，增加细节",
    expandPrompt: "Translate the prompt into English",
  });
  equal((await on.make({ prompt: ENGLISH })).revised, EXPANDED);
  const { messages } = on.text.lastCall.json as { messages: { content: string }[] };
  equal(messages[0]?.content, "请扩写用户的提示词，增加细节");
});

Deno.test("words for a style stay behind the new prompt", async () => {
  await using on = await scene();
  const { sent, revised } = await on.make({ prompt: CHINESE, style: "watercolor" });
  equal(revised, TRANSLATED);
  match(sent, /^In English: 雪地里的一只红狐狸, watercolor painting/);
});

const SWITCHES: [string, Record<string, unknown>, Record<string, string>, string | undefined][] = [
  ["prompt_optimizer false", { prompt_optimizer: false }, {}, undefined],
  ["promptOptimizer false", { promptOptimizer: false }, {}, undefined],
  ["the header", {}, { "x-prompt-optimizer": "off" }, undefined],
  ["translate false", { prompt_optimizer: { translate: false } }, {}, undefined],
  ["a body that overrules the header", { prompt_optimizer: true }, { "x-prompt-optimizer": "off" }, "both"],
  ["prompt_optimizer true", { prompt_optimizer: true }, {}, "both"],
  ["the header on", {}, { "x-prompt-optimizer": "on" }, "both"],
  ["expand alone", { prompt_optimizer: { expand: true, translate: false } }, {}, "expanded"],
];

for (const [name, body, headers, done] of SWITCHES) {
  Deno.test(`a request can switch the optimizer: ${name}`, async () => {
    await using on = await scene();
    const { revised } = await on.make({ prompt: CHINESE, ...body }, { headers });
    const expected = { both: `${TRANSLATED}, in golden light`, expanded: `${CHINESE}, in golden light` };
    equal(revised, done && expected[done as keyof typeof expected]);
    if (!done) deepEqual(on.text.calls, []);
  });
}

Deno.test("a switch that is none is the caller's fault, told by its name", async () => {
  await using on = await scene();
  const reply = await on.send("images/generations", { prompt: CHINESE, prompt_optimizer: "perhaps" });
  const { error } = await reply.json();
  deepEqual([reply.status, error.param], [400, "prompt_optimizer"]);
  match(error.message, /expected true, false, or an object/);
});

Deno.test("a task of the provider that is asked first may differ from what holds for all", async () => {
  const providers = {
    OpenAI: {
      text: { promptOptimizer: { translate: false } },
      edit: { promptOptimizer: { expand: true } },
    },
  };
  await using on = await scene({}, { file: { providers } });
  equal((await on.make({ prompt: CHINESE })).revised, undefined);
  const edit = { model: "gpt-image-2", prompt: CHINESE, image: pictureUri() };
  const { data } = await (await on.send("images/edits", edit)).json();
  equal(data[0].revised_prompt, `${TRANSLATED}, in golden light`);
  equal((await on.make({ prompt: CHINESE, prompt_optimizer: { translate: true } })).revised, TRANSLATED);
});

Deno.test("it runs once for several images and several tries", async () => {
  await using on = await scene();
  on.openai.fail(OPENAI_ERRORS.server_is_overloaded, 2);
  const reply = await on.send("images/generations", { model: "gpt-image-2", prompt: CHINESE, n: 3 });
  const { data } = await reply.json();
  deepEqual(data.map((item: { revised_prompt: string }) => item.revised_prompt), Array(3).fill(TRANSLATED));
  ok(on.openai.imageCalls.length > 1);
  ok(on.openai.imageCalls.every(({ json }) => (json as { prompt: string }).prompt === TRANSLATED));
  equal(on.text.calls.length, 1);
});

Deno.test("a form can switch it, and edits pass it", async () => {
  await using on = await scene();
  const send = (fields: Record<string, string>) => {
    const form = new FormData();
    form.append("image", pictureFile());
    for (const [name, value] of Object.entries({ model: "gpt-image-2", prompt: CHINESE, ...fields })) {
      form.append(name, value);
    }
    return on.send("images/edits", form).then((reply) => reply.json());
  };
  equal((await send({})).data[0].revised_prompt, TRANSLATED);
  equal((await send({ prompt_optimizer: "false" })).data[0].revised_prompt, undefined);
  equal((await send({ prompt_optimizer: '{"translate": false}' })).data[0].revised_prompt, undefined);
  equal(on.text.calls.length, 1);
});

Deno.test("a stream tells the new prompt with each finished image", async () => {
  await using on = await scene();
  const body = { model: "gpt-image-2", prompt: CHINESE, stream: true };
  const events = await eventsOf(await on.send("images/generations", body));
  const completed = events.find(({ type }) => type === "image_generation.completed");
  equal(completed?.revised_prompt, TRANSLATED);
});

Deno.test("chat passes it and shows nothing of it, and its background tasks do not", async () => {
  await using on = await scene();
  const chat = async (content: string) => {
    const messages = [{ role: "user", content }];
    const reply = await on.send("chat/completions", { model: "gpt-image-2", messages });
    return (await reply.json()).choices[0].message.content as string;
  };
  doesNotMatch(await chat(CHINESE), /English/);
  equal(on.sent(), TRANSLATED);
  await chat("你好");
  await chat("使用四到五个字直接返回这句话的简要主题，不要解释、不要标点");
  deepEqual(on.text.asked, [CHINESE]);
});

Deno.test("a variation without words asks nobody", async () => {
  await using on = await scene({ enableExpand: true });
  const reply = await on.send("images/variations", { model: "gpt-image-2", image: pictureUri() });
  equal(reply.status, 200);
  await reply.body?.cancel();
  deepEqual(on.text.calls, []);
});

Deno.test("the picture is stored with the prompt as it was written and as it was used", async () => {
  await using on = await scene();
  await on.make({ prompt: CHINESE });
  const [name] = await on.gateway.stored();
  const record = await on.gateway.app.stores.pictures.get(name!);
  equal(record?.prompt, CHINESE);
  equal(record?.revisedPrompt, TRANSLATED);
});

Deno.test("a provider's own rewriting is what the reply tells", async () => {
  await using pollinations = pollinationsService();
  await using on = await scene({}, { env: { POLLINATIONS_BASE_URL: pollinations.url } });
  pollinations.revises = (prompt) => `${prompt} (theirs)`;
  const key = pollinations.newKey();
  const reply = await on.send("images/generations", { prompt: CHINESE, response_format: "b64_json" }, {
    key,
  });
  equal((await reply.json()).data[0].revised_prompt, `${TRANSLATED} (theirs)`);
});

const FAULTS: [string, Fault | ((text: TextService) => void)][] = [
  ["an error", { status: 500, body: { error: { message: "out of order" } } }],
  ["a page instead of JSON", "garbage"],
  ["half a reply", "truncated"],
  ["a broken connection", "reset"],
  ["a reply of another shape", { status: 200, body: { choices: [] } }],
  ["a redirect", { status: 307, headers: { location: "http://127.0.0.1:9/elsewhere" } }],
  ["a reply without end", { status: 200, body: { choices: "x".repeat(2 ** 21) } }],
  ["a key that it quotes", (text) => text.reject(text.key)],
  ["an empty answer", (text) => text.answer = () => "  \n"],
  ["no answer at all", (text) => text.answer = () => null],
  ["thoughts without an answer", (text) => text.answer = () => "<think>the user wants a fox"],
  ["an answer that was cut off", (text) => text.finishReason = "length"],
  ["a refusal", (text) => text.finishReason = "content_filter"],
];

for (const [name, fault] of FAULTS) {
  Deno.test(`what goes wrong with the text model costs nothing but the rewriting: ${name}`, async () => {
    const lines: string[] = [];
    await using _log = configureLog({ level: "info", format: "json", write: (line) => lines.push(line) });
    await using on = await scene();
    if (typeof fault === "function") fault(on.text);
    else on.text.fail(fault);
    const { revised, sent, notes } = await on.make({ prompt: CHINESE });
    deepEqual([revised, sent], [undefined, CHINESE]);
    match(notes, /prompt: could not be translated into English, it stays as it was/);
    equal(on.text.calls.length, 1);
    const told = lines.filter((line) => line.includes("Could not translate a prompt"));
    equal(told.length, 1);
    match(told[0]!, /"requestId":"req_/);
    for (const line of lines) ok(!line.includes(on.text.key), line);
  });
}

Deno.test("a text model that hangs is waited for no longer than its own limit", async () => {
  const clock = new FakeClock();
  await using on = await scene({ enableExpand: true }, { clock });
  on.text.fail("hang");
  const reply = on.make({ prompt: CHINESE });
  await on.text.until(() => on.text.calls.length === 1);
  equal(on.openai.imageCalls.length, 0);
  await clock.pass(15_000);
  deepEqual((await reply).revised, undefined);
  equal(on.text.calls.length, 1);
});

Deno.test("a translation is kept where expanding it fails", async () => {
  await using on = await scene({ enableExpand: true });
  const { answer } = on.text;
  on.text.answer = (system, text) => /translat/i.test(system) ? answer(system, text) : "";
  equal((await on.make({ prompt: CHINESE })).revised, TRANSLATED);
});

Deno.test("a client who leaves while the prompt is rewritten ends it, and no provider is asked", async () => {
  // The scripted service notices that a caller left only where the request came in one piece.
  await using on = await scene({ translatePrompt: "Translate." });
  on.text.fail("hang");
  const client = new AbortController();
  const reply = on.gateway.post(
    "/v1/images/generations",
    { prompt: CHINESE },
    on.key("backend"),
    { signal: client.signal },
  );
  reply.catch(() => {});
  await on.text.until(() => on.text.calls.length === 1);
  client.abort();
  await rejects(reply, { name: "AbortError" });
  await on.text.until(() => on.text.aborted === 1);
  await on.gateway.app.settled();
  equal(on.openai.imageCalls.length, 0);
});

Deno.test("what a prompt makes the text model say stays within the limits", async () => {
  await using on = await scene({ translateMaxLength: 100, enableExpand: true, expandMaxLength: 120 });
  on.text.answer = () => "many words ".repeat(50_000);
  const { revised = "" } = await on.make({ prompt: CHINESE });
  ok(revised.length <= 120 && revised.length > 50, revised);
  equal(
    (await on.make({ prompt: "狐".repeat(101), prompt_optimizer: { expand: false } })).revised,
    undefined,
  );
  deepEqual(on.text.calls.length, 2);
});

const ANSWERS: [unknown, string][] = [
  ['"A red fox."', "A red fox."],
  ["“A red fox.”", "A red fox."],
  ["```text\nA red fox.\n```", "A red fox."],
  ["Here is the prompt:\n\n```\nA red fox.\n```\nEnjoy!", "A red fox."],
  ['<think>\nA fox, then.\n</think>\n\n"A red fox."', "A red fox."],
  ["so it is a fox</think>A red fox.", "A red fox."],
  [[{ type: "text", text: "A red " }, { type: "text", text: "fox." }], "A red fox."],
];

for (const [answer, prompt] of ANSWERS) {
  Deno.test(`the prompt is found in ${JSON.stringify(answer).slice(0, 60)}`, async () => {
    await using on = await scene();
    on.text.answer = () => answer;
    equal((await on.make({ prompt: CHINESE })).revised, prompt);
  });
}

Deno.test("relay callers can be left out, and are told when they ask for it", async () => {
  await using on = await scene({ relay: false });
  const asked = { prompt: CHINESE, prompt_optimizer: true };
  const { revised, notes } = await on.make(asked, { key: on.key("relay") });
  equal(revised, undefined);
  match(notes, /prompt_optimizer: not available here/);
  equal((await on.make({ prompt: CHINESE }, { key: on.key("backend") })).revised, TRANSLATED);
});

Deno.test("without a text model nothing is rewritten, also where it is asked for", async () => {
  await using on = await stage();
  const asked = { model: "gpt-image-2", prompt: CHINESE, prompt_optimizer: true };
  const reply = await on.send("images/generations", asked);
  match(reply.headers.get("x-imgrouter-notes") ?? "", /prompt_optimizer: not available here/);
  equal((await reply.json()).data[0].revised_prompt, undefined);
});
