import assert from "node:assert/strict";
import fc from "fast-check";
import { Failed } from "../../core/failure.ts";
import { type ChatWish, glance, readMessages } from "./chat_messages.ts";

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk";
const DATA = `data:image/png;base64,${PNG}`;
const CAT = "https://pictures.example/cat.png";
const DOG = "https://pictures.example/dog.png?w=2&sig=a%2Fb";

const user = (content: unknown, more = {}) => ({ role: "user", content, ...more });
const assistant = (content: unknown, more = {}) => ({ role: "assistant", content, ...more });
const text = (words: string) => ({ type: "text", text: words });
const urls = ({ images }: ChatWish) => images.map(({ url }) => url);

function assertInvalid(messages: unknown, param: string): void {
  assert.throws(() => readMessages(messages), (error) => {
    assert(error instanceof Failed);
    assert.equal(error.failure.kind, "invalid_request");
    assert.equal(error.failure.param, param);
    return true;
  });
}

Deno.test("readMessages() takes the words of the last user turn, whatever follows it", () => {
  const wish = readMessages([
    { role: "system", content: "You paint." },
    user("a cat"),
    assistant("Which colour?"),
    user("  a red fox\nin snow "),
    { role: "tool", content: "tool says", tool_call_id: "1" },
    assistant("Sure, here it"),
    { role: "developer", content: [text("be brief")] },
  ]);
  assert.deepEqual(wish, { task: "generate", prompt: "a red fox\nin snow", images: [] });
});

Deno.test("readMessages() joins text parts and skips part types it does not know", () => {
  const wish = readMessages([
    user([
      text("a cat"),
      { type: "input_text", text: "on a roof" },
      "at night",
      {
        type: "input_audio",
        input_audio: {},
      },
      7,
      null,
    ]),
  ]);
  assert.equal(wish.prompt, "a cat\non a roof\nat night");
});

const FORMS: { name: string; content: unknown; url: string }[] = [
  {
    name: "image_url object",
    content: [{ type: "image_url", image_url: { url: CAT, detail: "auto" } }],
    url: CAT,
  },
  { name: "image_url string", content: [{ type: "image_url", image_url: DATA }], url: DATA },
  { name: "input_image", content: [{ type: "input_image", image_url: CAT }], url: CAT },
  {
    name: "image with base64 and mediaType",
    content: [{ type: "image", image: PNG, mediaType: "image/jpeg" }],
    url: `data:image/jpeg;base64,${PNG}`,
  },
  {
    name: "image with base64 and mimeType",
    content: [{ type: "image", image: PNG, mimeType: "image/webp" }],
    url: `data:image/webp;base64,${PNG}`,
  },
  { name: "image with base64 alone", content: [{ type: "image", image: PNG }], url: DATA },
  {
    name: "image with a media type that is none",
    content: [{ type: "image", image: PNG, mediaType: "a,b" }],
    url: DATA,
  },
  { name: "image with a data URI", content: [{ type: "image", image: DATA }], url: DATA },
  { name: "image with a URL", content: [{ type: "image", image: CAT }], url: CAT },
  {
    name: "image with a base64 source",
    content: [{ type: "image", source: { type: "base64", media_type: "image/gif", data: PNG } }],
    url: `data:image/gif;base64,${PNG}`,
  },
  {
    name: "image with a URL source",
    content: [{ type: "image", source: { type: "url", url: CAT } }],
    url: CAT,
  },
  { name: "markdown", content: `![a cat](${CAT})`, url: CAT },
  { name: "markdown with a title", content: `![cat]( ${DOG} "a title (really)" )`, url: DOG },
  {
    name: "markdown in angle brackets",
    content: `![cat](<https://x.example/a b.png>)`,
    url: "https://x.example/a b.png",
  },
  { name: "markdown with a data URI", content: `![](${DATA})`, url: DATA },
  { name: "markdown with our own path", content: "![image1](/storage/a.png)", url: "/storage/a.png" },
  {
    name: "markdown with parentheses in the address",
    content: "![x](https://x.example/fox_(animal).png)",
    url: "https://x.example/fox_(animal).png",
  },
  { name: "markdown with brackets in its alt text", content: `![a [very] red \\] fox](${CAT})`, url: CAT },
  {
    name: "markdown at an IPv6 host",
    content: "![x](http://[::1]:10001/a.png)",
    url: "http://[::1]:10001/a.png",
  },
  { name: "markdown inside a link", content: `[![x](${CAT})](https://elsewhere.example)`, url: CAT },
  { name: "markdown in a text part", content: [text(`![x](${CAT})`)], url: CAT },
  { name: "bare data URI", content: `look: ${DATA} there`, url: DATA },
];

for (const { name, content, url } of FORMS) {
  Deno.test(`readMessages() finds a picture in either role: ${name}`, () => {
    const asked = readMessages([user(content), assistant("ok")]);
    assert.deepEqual(urls(asked), [url]);
    assert.equal(asked.task, "edit");
    assert.deepEqual(urls(readMessages([user("a cat"), assistant(content), user("bluer")])), [url]);
  });
}

const NO_PICTURES = [
  "[Image]",
  "[a link](https://x.example/cat.png)",
  "\\![escaped](https://x.example/cat.png)",
  "![relative](cat.png)",
  "![sandbox](sandbox:/mnt/data/cat.png)",
  "![script](javascript:alert(1))",
  "![open](https://x.example/cat.png",
  "![two](https://x.example/a.png https://x.example/b.png)",
  "Wow![ no ] (https://x.example/cat.png)",
  "Wow![\n\nsee [this](https://x.example/cat.png)",
];

for (const content of NO_PICTURES) {
  Deno.test(`readMessages() sees no picture in ${JSON.stringify(content)}`, () => {
    const wish = readMessages([user("a cat"), assistant(content), user("bluer")]);
    assert.deepEqual(wish, { task: "generate", prompt: "bluer", images: [] });
  });
}

Deno.test("readMessages() takes pictures out of the prompt and keeps the words around them", () => {
  const wish = readMessages([user(`Make ![one](${CAT}) look like ${DATA}!\n[Image]\nPlease.`)]);
  assert.equal(wish.task, "blend");
  assert.deepEqual(urls(wish), [CAT, DATA]);
  assert.match(wish.prompt, /^Make\s+look like !\s+Please\.$/);
});

Deno.test("readMessages() keeps the order of pictures and drops repeated ones", () => {
  const part = (url: string) => ({ type: "image_url", image_url: { url } });
  const wish = readMessages([
    user([part(DOG), text(`![](${CAT}) join`), part(DOG), part(DATA)], { images: [CAT] }),
  ]);
  assert.deepEqual(urls(wish), [DOG, CAT, DATA]);
  assert.equal(wish.task, "blend");
});

Deno.test("readMessages() allows a last user turn of pictures alone", () => {
  const wish = readMessages([user([{ type: "image_url", image_url: { url: CAT } }])]);
  assert.deepEqual(wish, { task: "edit", prompt: "", images: [{ url: CAT }] });
});

Deno.test("readMessages() prefers the user's own pictures to the assistant's", () => {
  const wish = readMessages([user("a cat"), assistant(`![x](${CAT})`), user(`![x](${DOG}) in blue`)]);
  assert.deepEqual(urls(wish), [DOG]);
});

Deno.test("readMessages() goes back to the newest assistant turn that has a picture", () => {
  const images = [{ type: "image_url", image_url: { url: DATA } }];
  const wish = readMessages([
    user("a cat"),
    assistant(`![x](${CAT})`),
    user("in blue"),
    assistant("", { images }),
    user("thanks"),
    assistant("[Image]"),
    assistant(null),
    user("now at night"),
  ]);
  assert.deepEqual(wish, { task: "edit", prompt: "now at night", images: [{ url: DATA }] });
});

Deno.test("readMessages() does not go back to pictures of earlier user turns", () => {
  const wish = readMessages([user(`![x](${CAT}) hm`), assistant("no"), user("a dog")]);
  assert.equal(wish.task, "generate");
});

Deno.test("readMessages() forgives the history what it does not forgive the last user turn", () => {
  const odd = [{ type: "image_url", image_url: { url: "" } }, { type: "text", text: 5 }];
  assert.equal(readMessages([user(odd), assistant(odd, { images: [null] }), user("a cat")]).task, "generate");
});

Deno.test("readMessages() names the field that is at fault", () => {
  const good = [{ role: "system", content: "x" }, user("a cat"), assistant("ok")];
  assertInvalid(undefined, "messages");
  assertInvalid({ role: "user" }, "messages");
  assertInvalid([], "messages");
  assertInvalid([{ role: "system", content: "a cat" }], "messages");
  assertInvalid([user("a cat"), "text"], "messages[1]");
  assertInvalid([user("a cat"), null], "messages[1]");
  assertInvalid([user(" \n")], "messages[0].content");
  assertInvalid([user(null)], "messages[0].content");
  assertInvalid([user("[Image]")], "messages[0].content");
  assertInvalid([user({ type: "text" })], "messages[0].content");
  assertInvalid([...good, user([{ type: "text", text: 1 }])], "messages[3].content[0].text");
  const image = (image_url?: unknown) => [...good, user([text("x"), { type: "image_url", image_url }])];
  assertInvalid(image({ url: 5 }), "messages[3].content[1].image_url.url");
  assertInvalid(image({ url: "ftp://x.example/a.png" }), "messages[3].content[1].image_url.url");
  assertInvalid(image({}), "messages[3].content[1].image_url.url");
  assertInvalid(image("http://[bad"), "messages[3].content[1].image_url");
  assertInvalid(image(), "messages[3].content[1].image_url");
  assertInvalid([user([{ type: "image", mediaType: "image/png" }])], "messages[0].content[0].image");
  assertInvalid([user([{ type: "image", source: { data: "short" } }])], "messages[0].content[0].source.data");
  assertInvalid(
    [user("x", { images: [{ type: "image_url", image_url: { url: 1 } }] })],
    "messages[0].images[0].image_url.url",
  );
});

Deno.test("readMessages() shows nothing of a picture in an error", () => {
  try {
    readMessages([user([{ type: "image_url", image_url: { url: `file:///secret,${PNG}` } }])]);
    assert.fail("expected a failure");
  } catch (error) {
    assert(error instanceof Failed);
    assert(!error.message.includes("secret"));
  }
});

Deno.test("glance() reads anything without complaint", () => {
  assert.deepEqual(glance(user(`a ![x](${CAT}) cat`)), { role: "user", text: "a  cat", pictures: 1 });
  assert.deepEqual(glance({ content: 7 }), { role: "", text: "", pictures: 0 });
  assert.deepEqual(glance(null), { role: "", text: "", pictures: 0 });
});

const MIB = 2 ** 20;

Deno.test("readMessages() reads a ten-megabyte data URI in text and in parts without harming it", () => {
  const big = `data:image/png;base64,${"AAAA".repeat(2.5 * MIB)}`;
  const wish = readMessages([user([text(`![x](${big}) and ${big.slice(0, -4)}`), {
    type: "image_url",
    image_url: { url: big },
  }])]);
  assert.deepEqual(urls(wish).map(({ length }) => length), [big.length, big.length - 4]);
  assert.equal(wish.prompt, "and");
});

const HOSTILE = [
  "![](",
  "![",
  "[",
  "](",
  "![](<",
  "![](http://x",
  '![](http://x "',
  "![](http://x '",
  "![](http://x (",
  "![](http://x(",
  "![x](data:image/png;base64,AAAA",
  "data:image/png;base64,",
  "data:image/png;a",
  "![](/storage/",
  "![](http://[",
  "\\![",
  "![](\n",
  " \n",
  "[Image]",
  "()",
];

for (const unit of HOSTILE) {
  // Quadratic would take hours.
  Deno.test(`readMessages() gets through five megabytes of ${JSON.stringify(unit)}`, () => {
    const content = `a cat\n${unit.repeat(5 * MIB / unit.length)}\n![x](${CAT})`;
    const wish = readMessages([user(content)]);
    assert(urls(wish).includes(CAT) || wish.prompt.includes(CAT));
    assert(wish.prompt.startsWith("a cat"));
  });
}

Deno.test("readMessages() survives addresses, brackets and nesting without measure", () => {
  const long = `![x](http://x.example/${"(a)".repeat(MIB)})`;
  assert.equal(urls(readMessages([user(long)]))[0]?.length, long.length - "![x]()".length);
  const params = `data:image/png${";a=b".repeat(MIB)};base64,AAAA`;
  assert.equal(readMessages([user(params)]).prompt, params);
  const deep = JSON.parse(`${'{"url":'.repeat(5000)}1${"}".repeat(5000)}`);
  assertInvalid([user([{ type: "image_url", image_url: deep }])], "messages[0].content[0].image_url.url.url");
});

const base64 = fc.base64String({ minLength: 48, maxLength: 400 });
const dataUri = fc.tuple(fc.constantFrom("png", "jpeg", "webp"), base64).map(([type, data]) =>
  `data:image/${type};base64,${data}`
);
const address = fc.webUrl({ withQueryParameters: true }).map((url) => url.replace(/[()[\]<>'"\\]/g, "x"));
const picture = fc.oneof(dataUri, address, fc.uuid().map((id) => `/storage/${id}.png`));
const words = fc.lorem({ maxCount: 6 });

/** One content that holds exactly the given pictures. */
const inParts = (list: string[]) =>
  fc.tuple(
    words,
    ...list.map((url) =>
      fc.constantFrom<object>(
        { type: "image_url", image_url: { url } },
        { type: "image_url", image_url: url },
        { type: "input_image", image_url: url },
        { type: "image", image: url },
        { type: "text", text: `see ![alt](${url}) here` },
        { type: "text", text: `![](<${url}> "title")` },
      )
    ),
  ).map(([said, ...parts]) => [text(said), { type: "unknown" }, ...parts]);
const inText = (list: string[]) =>
  fc.constant(`draw\n${list.map((url, i) => `![image${i}](${url})`).join("\n")}`);

Deno.test("property: as many pictures come out as were put in, and none is left in the prompt", () => {
  const conversation = fc.uniqueArray(picture, { maxLength: 5 }).chain((list) =>
    fc.oneof(inParts(list), inText(list)).map((content) => ({ list, content }))
  );
  fc.assert(fc.property(conversation, ({ list, content }) => {
    const asked = readMessages([user(content), assistant("ok")]);
    assert.deepEqual(urls(asked), list);
    assert(!asked.prompt.includes("base64") && !asked.prompt.includes("!["));
    const replayed = readMessages([user("x"), assistant(content), user("y")]);
    assert.deepEqual(urls(replayed), list);
    assert.equal(replayed.task, ["generate", "edit"][list.length] ?? "blend");
  }));
});

Deno.test("property: no conversation makes readMessages() throw anything but a Failed", () => {
  const scrap = fc.array(
    fc.constantFrom(
      "![",
      "](",
      "]",
      "[",
      ")",
      "(",
      "<",
      ">",
      "\\",
      '"',
      "http://",
      "data:image/png;base64,",
      "AAAA",
      " ",
      "\n",
      "é",
      "\ud800",
    ),
    { maxLength: 40 },
  ).map((list) => list.join(""));
  const url = fc.oneof(picture, scrap, fc.anything());
  const part = fc.oneof(
    fc.record({ type: fc.constantFrom("text", "input_text"), text: fc.oneof(scrap, fc.anything()) }, {
      requiredKeys: [],
    }),
    fc.record({
      type: fc.constantFrom("image_url", "input_image", "image"),
      image_url: fc.oneof(url, fc.record({ url })),
    }),
    fc.record({
      type: fc.constant("image"),
      source: fc.oneof(url, fc.record({ data: url, media_type: fc.anything() })),
    }),
    fc.anything(),
  );
  const message = fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({
        role: fc.constantFrom("system", "developer", "user", "assistant", "tool", "function", 1),
        content: fc.oneof(scrap, fc.array(part, { maxLength: 4 }), fc.anything()),
        images: fc.oneof(fc.array(part, { maxLength: 3 }), fc.anything()),
      }, { requiredKeys: ["role"] }),
    },
    { weight: 1, arbitrary: fc.anything() },
  );
  fc.assert(
    fc.property(fc.oneof(fc.array(message, { maxLength: 6 }), fc.anything()), (messages) => {
      try {
        const { prompt, images } = readMessages(messages);
        assert(prompt !== "" || images.length > 0);
        for (const { url } of images) {
          assert.match(url.slice(0, 60), /^(https?:\/\/|data:[^,]*;base64,|\/storage\/)/i);
        }
      } catch (error) {
        assert(error instanceof Failed, String(error));
        assert.equal(error.failure.kind, "invalid_request");
        assert(error.failure.param?.startsWith("messages"));
      }
    }),
    { numRuns: 2000 },
  );
});
