import assert from "node:assert/strict";
import fc from "fast-check";
import { recognise, type RequestClues } from "./background_tasks.ts";

const user = (content: unknown) => ({ role: "user", content });
const system = (content: string) => ({ role: "system", content });
const assistant = (content: string) => ({ role: "assistant", content });

const HISTORY = `### Chat History:
<chat_history>
USER: A red fox in deep snow, please, at dawn
ASSISTANT: ![image1](https://x.example/1.png)
USER: now with "title": and "tags" in it
</chat_history>`;
const openWebUi = (instructions: string) => [user(`### Task:\n${instructions}\n${HISTORY}`)];

const TALK = [user("A red fox in deep snow, please"), assistant("![image1](https://x.example/1.png)")];
const FOX = "A red fox in deep";

const TASKS: { name: string; messages: unknown[]; clues?: RequestClues; answer: string }[] = [
  {
    name: "Open WebUI title",
    messages: openWebUi(
      'Generate a concise title.\n### Output:\nJSON format: { "title": "your concise title here" }',
    ),
    answer: JSON.stringify({ title: FOX }),
  },
  {
    name: "Open WebUI tags",
    messages: openWebUi('Generate 1-3 broad tags.\nJSON format: { "tags": ["tag1", "tag2"] }'),
    answer: '{"tags":[]}',
  },
  {
    name: "Open WebUI follow-ups",
    messages: openWebUi('Suggest 3-5 follow-ups.\nJSON format: { "follow_ups": ["Question 1?"] }'),
    answer: '{"follow_ups":[]}',
  },
  {
    name: "Open WebUI search queries",
    messages: openWebUi('Respond in the format: { "queries": ["query1"] }'),
    answer: '{"queries":[]}',
  },
  {
    name: "Open WebUI autocompletion",
    messages: [
      user(`### Task:\nReturn: \`{ "text": "" }\`.\n${HISTORY}\n<type>General</type>\n<text>a fox</text>`),
    ],
    answer: '{"text":""}',
  },
  {
    name: "Open WebUI image prompt",
    messages: [
      user(
        '### Task:\nJSON format:\n{\n "prompt": "…"\n}\n<chat_history>\nUSER: a fox\nASSISTANT: ok\nUSER: a blue fox\n</chat_history>',
      ),
    ],
    answer: '{"prompt":"a blue fox"}',
  },
  {
    name: "Open WebUI title in plain text",
    messages: [user(`Create a concise, 3-5 word title for the chat.\n${HISTORY}`)],
    answer: FOX,
  },
  {
    name: "Open WebUI title without a block",
    messages: [
      user(
        "Create a concise, 3-5 word phrase as a header for the following query, avoiding the use of the word 'title': A red fox in deep snow",
      ),
    ],
    answer: FOX,
  },
  {
    name: "Open WebUI title without a block",
    messages: [
      user(
        "Here is the query:\nA red fox in deep snow\n\nCreate a concise, 3-5 word phrase with an emoji as a title.",
      ),
    ],
    answer: FOX,
  },
  {
    name: "Open WebUI emoji",
    messages: [
      user(
        "Your task is to reflect the speaker's likely facial expression through a fitting emoji.\n\nMessage: ```fox```",
      ),
    ],
    answer: "🙂",
  },
  {
    name: "Open WebUI merge",
    messages: [
      user(
        'You have been provided with a set of responses from various models to the latest user query: "a fox"\n…',
      ),
    ],
    answer: "Pictures cannot be merged here. Please choose the answer that you like best.",
  },
  {
    name: "Open WebUI tool choice",
    messages: [
      system("Available Tools: []\n\nYour task is to choose and return the correct tool(s) from the list."),
      user("Query: a red fox"),
    ],
    answer: '{"tool_calls":[]}',
  },
  {
    name: "NextChat title",
    messages: [
      ...TALK,
      user("Please generate a four to five word title summarizing our conversation without any lead-in."),
    ],
    answer: FOX,
  },
  {
    name: "NextChat title",
    messages: [user("雪地里的红狐狸"), user("使用四到五个字直接返回这句话的简要主题，不要解释、不要标点")],
    answer: "雪地里的红狐狸",
  },
  {
    name: "NextChat compression",
    messages: [
      ...TALK,
      user("bluer"),
      system("Summarize the discussion briefly in 200 words or less to use as a prompt."),
    ],
    answer: "The user asked for these pictures: A red fox in deep snow, please; bluer",
  },
  {
    name: "LobeChat title",
    messages: [
      system(
        "You are a professional conversation summarizer. Generate a concise title.\nRules:\n- Output ONLY the title",
      ),
      user("user: A red fox in deep snow\nassistant: ![](https://x.example/1.png)"),
    ],
    answer: FOX,
  },
  {
    name: "LobeChat title",
    messages: [
      system(
        'You are a professional conversation summarizer.\n- Return one JSON object with a single "title" string',
      ),
      user(
        "<task>\nGenerate a title.\n</task>\n\n<conversation>\n<user>\nA red fox in deep snow\n</user>\n</conversation>",
      ),
    ],
    answer: JSON.stringify({ title: FOX }),
  },
  {
    name: "LobeChat compression",
    messages: [
      user(
        "<chat_history>\n<user>a fox</user>\n<user>bluer</user>\n</chat_history>\n\nPlease summarize the above conversation.",
      ),
    ],
    answer: "The user asked for these pictures: a fox; bluer",
  },
  {
    name: "LibreChat title",
    messages: [
      user(
        "Provide a concise, 5-word-or-less title for the conversation, using its same language.\n\nConversation:\nUser: A red fox in deep snow\nAI: ok",
      ),
    ],
    answer: FOX,
  },
  {
    name: "LibreChat title",
    messages: [
      user(
        "Write a concise title for this conversation in the detected language. Title in 5 Words or Less.\nUser: A red fox in deep snow\nAI: ok",
      ),
    ],
    answer: FOX,
  },
  {
    name: "LibreChat title and language",
    messages: [
      user(
        "Analyze this conversation and provide:\n1. The detected language\n2. A concise title in it (5 words or less)\n\nUser: A red fox in deep snow\nAI: ok",
      ),
    ],
    clues: { responseFormat: { type: "json_schema", json_schema: { name: "x", schema: {} } } },
    answer: JSON.stringify({ title: FOX }),
  },
  {
    name: "title by schema",
    messages: [user("Reworded by somebody.\nUser: A red fox in deep snow\nAI: ok")],
    clues: {
      responseFormat: {
        type: "json_schema",
        json_schema: { name: "title", schema: { type: "object", properties: { title: { type: "string" } } } },
      },
    },
    answer: JSON.stringify({ title: FOX }),
  },
  {
    name: "Chatbox name",
    messages: [
      user(
        "Based on the chat history, give this conversation a name.\nKeep it short.\n\n```\nYou are a helpful assistant.\n\n---------\n\nA red fox in deep snow\n\n---------\n\nok\n```\n\nThe name is:",
      ),
    ],
    answer: FOX,
  },
  {
    name: "Cherry Studio topic",
    messages: [
      system(
        "You are an assistant skilled in conversation. You need to summarize the user's conversation into a title within 10 words.",
      ),
      user('[{"role":"user","mainText":"A red fox in deep snow"},{"role":"assistant","mainText":"ok"}]'),
    ],
    answer: FOX,
  },
  {
    name: "Cherry Studio topic",
    messages: [
      system("You need to summarize the user's conversation into a title within 10 words."),
      user("A red fox in deep snow"),
      user("bluer"),
    ],
    answer: FOX,
  },
  {
    name: "Cherry Studio topic, Chinese",
    messages: [
      system("你是一名擅长会话的助理，你需要将用户的会话总结为 10 个字以内的标题"),
      user("A red fox in deep snow"),
    ],
    answer: FOX,
  },
  {
    name: "one-api channel test",
    messages: [user("Output only your specific model name with no additional text.")],
    clues: { model: "flux" },
    answer: "flux",
  },
];

for (const { name, messages, clues, answer } of TASKS) {
  Deno.test(`recognise() answers for free: ${name}, with ${answer.slice(0, 40)}`, () => {
    assert.deepEqual(recognise(messages, clues), { name, answer });
  });
}

const GREETINGS: unknown[][] = [
  [user("hi")],
  [user("Hi!")],
  [user([{ type: "text", text: "Hello, " }])],
  [system("test"), user("hi")],
  [user("你好？")],
  [user("ping"), system("x")],
  [user("test")],
  [user("hey 👋")],
];

for (const messages of GREETINGS) {
  Deno.test(`recognise() greets back: ${JSON.stringify(messages)}`, () => {
    const task = recognise(messages);
    assert.equal(task?.name, "probe by greeting");
    assert.notEqual(task.answer, "");
  });
}

Deno.test("recognise() takes a request for so few tokens that no picture can be meant as a probe", () => {
  assert.equal(recognise([user("a cat")], { maxTokens: 16 })?.name, "probe by token limit");
  assert.equal(recognise([user("a cat")], { maxTokens: 1 })?.name, "probe by token limit");
  for (const maxTokens of [undefined, 0, -1, 17, 4096]) {
    assert.equal(recognise([user("a cat")], { maxTokens }), undefined);
  }
});

const IMAGE = { type: "image_url", image_url: { url: "https://x.example/1.png" } };

const WISHES: unknown[][] = [
  [user("hello kitty")],
  [user("hi-fi tower, vintage")],
  [user("test card")],
  [user("a cute cat")],
  [user("ping pong")],
  [user([{ type: "text", text: "hello" }, IMAGE])],
  [...TALK, user("hello")],
  [...TALK, user("test")],
  [user("A poster that says: give this conversation a name tag")],
  [user("A book cover with a concise title of five words or less")],
  [user("Generate a concise title card for the film 'Conversation'")],
  [user("a painting of a professional conversation summarizer")],
  [user("Analyze this conversation piece: a vase")],
  [user("an infographic: explain tea in 200 words or less")],
  [system("You are a painter. Answer in 200 words or less."), user("a fox")],
  [user("a fox"), system("Stay in character, in 200 words or less.")],
  [user("### Task: paint a fox")],
  [user("a banner with the text <chat_history>")],
  [user("a chat bubble that says 'user: hi'")],
  [user("")],
  [user([IMAGE])],
  [],
  [null, 5, "text"],
];

for (const messages of WISHES) {
  Deno.test(`recognise() leaves a wish for a picture alone: ${JSON.stringify(messages).slice(0, 90)}`, () => {
    assert.equal(recognise(messages, { responseFormat: { type: "text" }, maxTokens: 4096 }), undefined);
  });
}

Deno.test("recognise() calls a conversation without words of the user an image", () => {
  assert.equal(recognise([user([IMAGE]), user("A four to five word title")])?.answer, "Image");
});

Deno.test("recognise() comes to an end with five megabytes of anything", () => {
  for (const unit of ["<chat_history>", "user: \n", "```you are ", "\n", "here is the query: ", "[", "hi "]) {
    const much = unit.repeat(5 * 2 ** 20 / unit.length);
    recognise([system(`Available Tools: ${much}`), user(`four to five word title ${much}`), system(much)]);
    assert.doesNotThrow(() => recognise([user(`<chat_history>${much}</chat_history> "prompt"`)]));
  }
});

Deno.test("property: recognise() never throws, and never answers with nothing", () => {
  const turn = fc.record({
    role: fc.constantFrom("system", "user", "assistant", 3),
    content: fc.oneof(fc.string(), fc.constantFrom("hi", HISTORY, "four to five word title"), fc.anything()),
  }, { requiredKeys: [] });
  fc.assert(
    fc.property(fc.array(fc.oneof(turn, fc.anything())), fc.anything(), (messages, responseFormat) => {
      assert.notEqual(recognise(messages, { responseFormat })?.answer, "");
    }),
  );
});
