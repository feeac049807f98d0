/**
 * Chat apps and relays use the chat model for more than chat: titles, tags, follow-ups, connection checks.
 * None of that wants a picture, so it is recognised by its wording and answered with text at once, for free.
 * A real wish that is taken for one costs a user the picture, so every row asks for words that nobody draws.
 */
import { glance } from "./chat_messages.ts";

/** What the request says beside its messages. */
export interface RequestClues {
  /** `max_tokens` or `max_completion_tokens`. */
  maxTokens?: number;
  /** `response_format` as it came. */
  responseFormat?: unknown;
  /** The model's name as the client wrote it. */
  model?: string;
}

/** A request that is answered without a picture. */
export interface BackgroundTask {
  /** Which row recognised it, for the log. */
  name: string;
  /** The whole answer; never empty. JSON where JSON was asked for. */
  answer: string;
}

/**
 * Tells whether a request is a background task or a probe, and what to answer.
 * @returns `undefined` for everything that may be a wish for a picture.
 */
export function recognise(messages: unknown[], clues: RequestClues = {}): BackgroundTask | undefined {
  const chat = look(messages, clues);
  const row = ROWS.find(({ matches }) => matches(chat));
  return row && { name: row.name, answer: row.answer(chat) };
}

interface Chat extends RequestClues {
  /** Text of the system and developer turns. */
  system: string;
  /** Text of the last user turn. */
  asked: string;
  /** Text of the very last message, if that is a system message. */
  closing: string;
  /** Whether nothing was said but one user turn, without pictures. */
  alone: boolean;
  /** Text of each user turn, oldest first. */
  said: string[];
}

interface Row {
  name: string;
  matches(chat: Chat): boolean;
  answer(chat: Chat): string;
}

function look(messages: unknown[], clues: RequestClues): Chat {
  const turns = messages.map(glance);
  const users = turns.filter(({ role }) => role === "user");
  const last = turns.at(-1);
  return {
    ...clues,
    system: turns.filter(({ role }) => isSystem(role)).map(({ text }) => text).join("\n"),
    asked: users.at(-1)?.text ?? "",
    closing: last && isSystem(last.role) ? last.text : "",
    alone: users.length === 1 && users[0]!.pictures === 0 && turns.every(({ role }) => role !== "assistant"),
    said: users.map(({ text }) => text),
  };
}

const isSystem = (role: string) => role === "system" || role === "developer";

const GREETING = "Hello! Describe a picture, and I will make it.";
const PROBE_WORDS = new Set(["hi", "hello", "hey", "test", "ping", "你好"]);

/** First match wins: probes, then what is told by its own wording, then Open WebUI's family of templates. */
const ROWS: Row[] = [
  {
    name: "probe by token limit",
    matches: ({ maxTokens = 0 }) => maxTokens >= 1 && maxTokens <= 16,
    answer: () => GREETING,
  },
  {
    name: "probe by greeting",
    matches: ({ alone, asked }) => alone && isProbeWord(asked),
    answer: () => GREETING,
  },
  {
    name: "one-api channel test",
    matches: asks(/^output only your specific model name/i),
    answer: ({ model }) => model || "imgrouter",
  },

  titleAskedInChat("NextChat title", /four to five word title|使用四到五个字直接返回/i),
  titleAskedInChat("Chatbox name", /give this conversation a (?:name|title)\./i),
  titleAskedInChat(
    "LibreChat title",
    /^\W*(?:please )?(?:provide|write|generate) a concise,? (?:(?:5|five)-word-or-less )?title for (?:the|this) conversation/i,
  ),
  titleAskedInChat(
    "LibreChat title and language",
    /^\W*analyze this conversation and provide:\s[^]{0,120}\btitle\b/i,
  ),
  titleAskedInChat(
    "Open WebUI title without a block",
    /create a concise, 3-5 word (?:title|phrase) (?:as|with)\b/i,
  ),
  titleToldBySystem("LobeChat title", /^\s*you are a professional conversation summarizer\b/i),
  titleToldBySystem("Cherry Studio topic", /summarize the user's conversation into a title within 10 words/i),
  titleToldBySystem("Cherry Studio topic, Chinese", /将用户的会话总结为\s*10\s*个字以内的标题/),
  {
    name: "title by schema",
    matches: ({ responseFormat }) => schemaHas(responseFormat, "title"),
    answer: ({ asked, said }) => titleAsJson(asked, said),
  },

  {
    name: "NextChat compression",
    matches: ({ closing }) =>
      /summarize the discussion[^]{0,40}in 200 words or less|总结一下对话内容[^]{0,40}200 字以内/i.test(
        closing,
      ),
    answer: ({ said }) => recap(said),
  },
  {
    name: "LobeChat compression",
    matches: asks(/<\/chat_history>\s*please summarize the above conversation/i),
    answer: ({ asked }) => recap([...asked.matchAll(USER_LINES)].map(([, line]) => line!)),
  },
  {
    name: "Open WebUI emoji",
    matches: asks(
      /^your task is to reflect the speaker's likely facial expression through a fitting emoji/i,
    ),
    answer: () => "🙂",
  },
  {
    name: "Open WebUI merge",
    matches: asks(
      /^you have been provided with a set of responses from various models to the latest user query/i,
    ),
    answer: () => "Pictures cannot be merged here. Please choose the answer that you like best.",
  },
  {
    name: "Open WebUI tool choice",
    matches: ({ system }) =>
      /^\s*available tools:[^]*(?:return the correct tool|no tools match)/i.test(system),
    answer: () => JSON.stringify({ tool_calls: [] }),
  },

  openWebUi("follow-ups", "follow_ups", () => []),
  openWebUi("search queries", "queries", () => []),
  openWebUi("tags", "tags", () => []),
  openWebUi("autocompletion", "text", () => ""),
  openWebUi(
    "image prompt",
    "prompt",
    (history) => [...history.matchAll(USER_LINES)].at(-1)?.[1]?.trim() ?? "",
  ),
  openWebUi("title", "title", (history) => titleFrom(history, [])),
  {
    name: "Open WebUI title in plain text",
    matches: ({ asked }) => splitTemplate(asked) !== undefined,
    answer: ({ asked }) => titleFrom(splitTemplate(asked)?.history ?? "", []),
  },
];

function asks(pattern: RegExp): Row["matches"] {
  return (chat) => pattern.test(chat.asked);
}

/** A row for an app that asks for a title with a last user message: that one is not what the user said. */
function titleAskedInChat(name: string, pattern: RegExp): Row {
  return {
    name,
    matches: asks(pattern),
    answer: ({ asked, said, responseFormat }) => {
      const earlier = said.slice(0, -1);
      return isJson(responseFormat) ? titleAsJson(asked, earlier) : titleFrom(asked, earlier);
    },
  };
}

/** A row for an app that asks with a system message, and gives the conversation as user messages. */
function titleToldBySystem(name: string, pattern: RegExp): Row {
  return {
    name,
    matches: ({ system }) => pattern.test(system),
    answer: ({ asked, said, system, responseFormat }) =>
      isJson(responseFormat) || system.includes('"title"')
        ? titleAsJson(asked, said)
        : titleFrom(asked, said),
  };
}

/**
 * A row for one of Open WebUI's templates: a `<chat_history>` block, and around it the key of the JSON that is
 * wanted. An administrator may have reworded all the rest (backend/open_webui/config.py).
 */
function openWebUi(name: string, key: string, value: (history: string) => unknown): Row {
  return {
    name: `Open WebUI ${name}`,
    matches: ({ asked }) => splitTemplate(asked)?.instructions.includes(`"${key}"`) ?? false,
    answer: ({ asked }) => JSON.stringify({ [key]: value(splitTemplate(asked)?.history ?? "") }),
  };
}

function splitTemplate(text: string): { instructions: string; history: string } | undefined {
  const start = text.indexOf("<chat_history>");
  const end = text.lastIndexOf("</chat_history>");
  if (start < 0 || end < start) return undefined;
  return {
    instructions: text.slice(0, start) + text.slice(end),
    history: text.slice(start + "<chat_history>".length, end),
  };
}

function isProbeWord(text: string): boolean {
  if (text.length > 16) return false;
  return PROBE_WORDS.has(text.normalize("NFKC").toLowerCase().replace(/[\p{P}\p{S}\s]+/gu, ""));
}

const USER_LINES = /(?:^|\n)[ \t]*(?:<user>\s*|(?:user|human):[ \t]*)([^\n<]+)/gi;

/** How apps quote a conversation inside one text; the first group is what the user said first. */
const QUOTED = [
  new RegExp(USER_LINES.source, "i"),
  /"(?:mainText|content)"\s*:\s*"([^"\\]+)/,
  /the word 'title':\s*([^\n]+)/i,
  /here is the (?:query|conversation):[\s-]*([^\n]+)/i,
  /```\s*(?:you are [^\n]*\n\s*-{5,}\s+)?([^\n]+)/i,
];

/** A title in the user's own words, from a quoted conversation or else from the turns themselves. */
function titleFrom(quoting: string, said: string[]): string {
  const beginning = quoting.slice(0, 20_000);
  for (const pattern of QUOTED) {
    const title = firstWords(pattern.exec(beginning)?.[1] ?? "");
    if (title) return title;
  }
  return said.map(firstWords).find((title) => title !== "") ?? "Image";
}

function titleAsJson(quoting: string, said: string[]): string {
  return JSON.stringify({ title: titleFrom(quoting, said) });
}

/** Five words at most; a segmenter finds them in scripts without blanks, too. */
function firstWords(text: string): string {
  // Made when it is needed: one that lies ready keeps 4 MB of tables in memory.
  const segmenter = new Intl.Segmenter("en", { granularity: "word" });
  const segments = [...segmenter.segment(text.slice(0, 200))];
  const words = segments.filter(({ isWordLike }) => isWordLike).slice(0, 5);
  const [first, last] = [words[0], words.at(-1)];
  return first && last ? text.slice(first.index, last.index + last.segment.length).replace(/\s+/g, " ") : "";
}

/** A short account of the conversation, which the app keeps in place of its history. */
function recap(said: string[]): string {
  const wishes = said.map((text) => text.trim().slice(0, 200)).filter((text) => text !== "").slice(-5);
  return wishes.length > 0
    ? `The user asked for these pictures: ${wishes.join("; ")}`
    : "The user asked for pictures.";
}

function isJson(format: unknown): boolean {
  const type = field(format, "type");
  return type === "json_object" || type === "json_schema";
}

function schemaHas(format: unknown, key: string): boolean {
  const properties = field(field(field(format, "json_schema"), "schema"), "properties");
  return field(properties, key) !== undefined;
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
