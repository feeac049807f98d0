import assert from "node:assert/strict";
import fc from "fast-check";
import { assertMatches } from "../../testing/openai_schema.ts";
import { readMessages } from "./chat_messages.ts";
import {
  caption,
  type ChatChunk,
  chatContent,
  chunks,
  completion,
  DONE,
  event,
  splitForRelays,
  textUsage,
} from "./chat_reply.ts";

const HEAD = { id: "chatcmpl-1", created: 1_769_903_998, model: "flux" };
const USAGE = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 };
const PNG = "data:image/png;base64,iVBORw0KGgo=";

Deno.test("completion() is a chat completion as OpenAI describes it", () => {
  const body = completion(HEAD, { content: "![image1](https://x.example/1.png)", usage: USAGE });
  assertMatches("CreateChatCompletionResponse", body);
  assert.equal(body.choices[0].message.content, "![image1](https://x.example/1.png)");
  assert.equal("images" in body.choices[0].message, false);
});

Deno.test("completion() puts pictures beside the text, which is never empty", () => {
  const body = completion(HEAD, { content: "", images: [PNG, PNG], usage: USAGE });
  assertMatches("CreateChatCompletionResponse", body);
  const { content, images } = body.choices[0].message;
  assert.equal(content, "Here are 2 pictures.");
  assert.deepEqual(images, [PNG, PNG].map((url) => ({ type: "image_url", image_url: { url } })));
});

function stream(includeUsage: boolean): ChatChunk[] {
  const { role, beat, content, images, end } = chunks(HEAD, { includeUsage });
  return [role(), beat(), content(caption(1)), images([PNG]), ...end(USAGE)];
}

for (const includeUsage of [true, false]) {
  Deno.test(`chunks() are as OpenAI describes them, usage ${includeUsage ? "" : "not "}asked for`, () => {
    for (const chunk of stream(includeUsage)) {
      assertMatches("CreateChatCompletionStreamResponse", chunk);
      assert.equal(chunk.id, HEAD.id);
      assert.equal(chunk.created, HEAD.created);
      for (const { delta, index } of chunk.choices) {
        assert.equal(index, 0);
        if ("content" in delta) assert.equal(typeof delta.content, "string");
      }
    }
  });
}

Deno.test("chunks() begin with the role and keep pictures apart from text", () => {
  const [role, beat, content, images] = stream(false).map(({ choices }) => choices[0]?.delta);
  assert.deepEqual(role, { role: "assistant", content: "", refusal: null });
  assert.deepEqual(beat, { content: "" });
  assert.deepEqual(content, { content: "Here is the picture." });
  assert.deepEqual(images, { images: [{ type: "image_url", image_url: { url: PNG }, index: 0 }] });
});

Deno.test("chunks() end with an empty delta, and usage in a chunk without choices if it was asked for", () => {
  const [finish, usage, ...none] = chunks(HEAD, { includeUsage: true }).end(USAGE);
  assert.deepEqual(finish?.choices, [{ index: 0, delta: {}, logprobs: null, finish_reason: "stop" }]);
  assert.equal(finish?.usage, null);
  assert.deepEqual(usage?.choices, []);
  assert.deepEqual(usage?.usage, USAGE);
  assert.deepEqual(none, []);
});

Deno.test("chunks() carry usage on the finish if it was not asked for", () => {
  const ends = chunks(HEAD).end(USAGE);
  assert.equal(ends.length, 1);
  assert.deepEqual(ends[0]?.choices[0]?.delta, {});
  assert.equal(ends[0]?.choices[0]?.finish_reason, "stop");
  assert.deepEqual(ends[0]?.usage, USAGE);
  assert.equal("usage" in chunks(HEAD).content("x"), false);
});

Deno.test("a failure in a stream is told in words and then as an error", () => {
  const error = { message: "The provider refused.", type: "server_error", param: null, code: "refused" };
  const [words, body] = chunks(HEAD).failure(error);
  assertMatches("CreateChatCompletionStreamResponse", words);
  assert.equal(words.choices[0]?.delta.content, "Error: The provider refused.");
  assertMatches("ErrorResponse", body);
});

Deno.test("event() is one line with its blank, closed by an empty line", () => {
  assert.equal(event({ content: "a\nb" }), 'data: {"content":"a\\nb"}\n\n');
  assert.equal(DONE, "data: [DONE]\n\n");
});

Deno.test("chatContent() writes one numbered markdown image a line", () => {
  assert.equal(
    chatContent([{ url: "https://x.example/1.png" }, { url: PNG, alt: "a [red]\nfox" }, {
      url: "/storage/3.png",
    }]),
    `![image1](https://x.example/1.png)\n![a red fox](${PNG})\n![image3](/storage/3.png)`,
  );
});

Deno.test("chatContent() escapes whatever would break the link", () => {
  assert.equal(
    chatContent([{ url: "https://x.example/a (1)[2] <b>\n\u3000.png" }, { url: "http://[::1]:10001/a.png" }]),
    "![image1](https://x.example/a%20%281%29%5B2%5D%20%3Cb%3E%0A%E3%80%80.png)\n![image2](http://[::1]:10001/a.png)",
  );
});

Deno.test("property: what chatContent() writes, readMessages() finds again", () => {
  const path = fc.string({ unit: "grapheme", maxLength: 30 }).map((tail) =>
    `https://x.example/${tail}?${tail}`
  );
  const url = fc.oneof(
    path.filter(URL.canParse),
    fc.base64String({ minLength: 4 }).map((d) => `data:image/png;base64,${d}`),
  );
  const picture = fc.record({ url, alt: fc.string() });
  fc.assert(fc.property(fc.uniqueArray(picture, { maxLength: 5, selector: (p) => p.url }), (pictures) => {
    const content = chatContent(pictures);
    const lines = pictures.length > 0 ? content.split("\n") : [];
    assert.equal(lines.length, pictures.length);
    const { images } = readMessages([{ role: "assistant", content }, { role: "user", content: "x" }]);
    const written = lines.map((line) => line.slice(line.indexOf("](") + 2, -1));
    assert.deepEqual(images.map(({ url }) => url), [...new Set(written)]);
  }));
});

Deno.test("splitForRelays() leaves short text in one piece", () => {
  assert.deepEqual(splitForRelays("![image1](https://x.example/1.png)"), [
    "![image1](https://x.example/1.png)",
  ]);
  assert.deepEqual(splitForRelays(""), [""]);
});

Deno.test("splitForRelays() keeps every line of the stream within 32 KiB and loses nothing", () => {
  const content = `![image1](data:image/png;base64,${"AAAA".repeat(2 ** 18)})`;
  const pieces = splitForRelays(content);
  assert.equal(pieces.join(""), content);
  const { content: chunk } = chunks({ ...HEAD, model: "m".repeat(200) });
  for (const piece of pieces) assert(event(chunk(piece)).length <= 32 * 1024);
  assert.equal(pieces.length, Math.ceil(content.length / (31 * 1024)));
});

Deno.test("property: splitForRelays() counts bytes of JSON and splits no character", () => {
  const room = 40;
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (content) => {
    const pieces = splitForRelays(content, 1024 + room);
    assert.equal(pieces.join(""), content);
    for (const piece of pieces) {
      assert(new TextEncoder().encode(JSON.stringify(piece)).length - 2 <= room);
      assert(!content.isWellFormed() || piece.isWellFormed());
    }
  }));
});

Deno.test("textUsage() has no zero in it and adds up", () => {
  assert.deepEqual(textUsage("", ""), { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 });
  assert.deepEqual(textUsage("12345", "1234"), { prompt_tokens: 2, completion_tokens: 1, total_tokens: 3 });
});
