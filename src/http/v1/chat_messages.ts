/**
 * Finds the wish in a chat conversation: the words of the last user turn and the pictures to work on, out of
 * all the shapes in which chat apps write pictures into messages. Pure, and linear in the size of its input,
 * because histories with many megabytes of base64 are normal here.
 */
import { Failed } from "../../core/failure.ts";

/** A picture as the conversation names it: an http(s) address, a data URI, or a path of our own (`/storage/…`). */
export interface ImageRef {
  url: string;
}

/** What a conversation asks for. */
export interface ChatWish {
  /** Follows from the number of images: none, one, several. */
  task: "generate" | "edit" | "blend";
  /** The text of the last user turn without its pictures; empty if that turn holds pictures alone. */
  prompt: string;
  /** Those of the last user turn, else those of the newest assistant turn that has any; each one once. */
  images: ImageRef[];
}

/**
 * Reads a conversation as OpenAI's chat API and its many clients write it.
 * The last user turn counts even if other messages follow it. Only that turn is held to its form: what is
 * odd in the history is skipped, since whoever replays it did not write it.
 * @throws Failed `invalid_request` with the path of the field that is at fault.
 */
export function readMessages(messages: unknown): ChatWish {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalid("messages", "expected an array of at least one message");
  }
  const odd = messages.findIndex((message) => !isFields(message));
  if (odd >= 0) throw invalid(`messages[${odd}]`, "expected an object with 'role' and 'content'");
  const last = messages.findLastIndex((message) => message.role === "user");
  if (last < 0) throw invalid("messages", "expected at least one message with the role 'user'");

  const wish = collect(messages[last], `messages[${last}]`);
  if (wish.faults[0]) throw invalid(wish.faults[0].param, wish.faults[0].expected);
  const prompt = joined(wish.texts);
  if (prompt === "" && wish.urls.length === 0) {
    throw invalid(`messages[${last}].content`, "expected words, a picture, or both in the last user message");
  }
  const urls = [...new Set(wish.urls.length > 0 ? wish.urls : newestAssistantPictures(messages))];
  return {
    task: urls.length === 0 ? "generate" : urls.length === 1 ? "edit" : "blend",
    prompt,
    images: urls.map((url) => ({ url })),
  };
}

/** Reads one message of any form, for those who only look: its role, its words, and how many pictures it holds. */
export function glance(message: unknown): { role: string; text: string; pictures: number } {
  if (!isFields(message)) return { role: "", text: "", pictures: 0 };
  const { texts, urls } = collect(message, "");
  return {
    role: typeof message.role === "string" ? message.role : "",
    text: joined(texts),
    pictures: urls.length,
  };
}

type Fields = Record<string, unknown>;

/** What was found in one message. */
interface Collected {
  texts: string[];
  urls: string[];
  faults: { param: string; expected: string }[];
}

function newestAssistantPictures(messages: Fields[]): string[] {
  for (const message of messages.toReversed()) {
    if (message.role !== "assistant") continue;
    const { urls } = collect(message, "");
    if (urls.length > 0) return urls;
  }
  return [];
}

function collect(message: Fields, at: string): Collected {
  const found: Collected = { texts: [], urls: [], faults: [] };
  const { content, images } = message;
  if (Array.isArray(content)) {
    content.forEach((part, index) => collectPart(part, `${at}.content[${index}]`, found));
  } else {
    collectText(content, `${at}.content`, "expected a string, an array of parts, or null", found);
  }
  if (Array.isArray(images)) {
    images.forEach((image, index) => collectImage(image, `${at}.images[${index}]`, found));
  }
  return found;
}

function collectPart(part: unknown, at: string, found: Collected): void {
  if (typeof part === "string") return collectText(part, at, "expected text", found);
  if (!isFields(part)) return;
  switch (part.type) {
    case "text":
    case "input_text":
    case "output_text":
      return collectText(part.text, `${at}.text`, "expected a string", found);
    case "image_url":
    case "input_image":
    case "image":
      return collectImage(part, at, found);
  }
}

function collectText(text: unknown, param: string, expected: string, found: Collected): void {
  if (text === null || text === undefined) return;
  if (typeof text !== "string") {
    found.faults.push({ param, expected });
    return;
  }
  const { words, urls } = takePictures(text);
  found.texts.push(words);
  for (const url of urls) found.urls.push(url);
}

/** Where the different dialects keep a picture, from the outside in. */
const IMAGE_KEYS = ["image_url", "source", "image", "url", "data", "b64_json"];

function collectImage(image: unknown, at: string, found: Collected): void {
  let value = image;
  let param = at;
  let type: unknown;
  // No dialect nests deeper than part → source → data; whatever does is not followed.
  for (let depth = 0; depth < 3 && isFields(value); depth++) {
    const fields: Fields = value;
    const usual = depth > 0 ? "url" : fields.type === "image" ? "image" : "image_url";
    const key = IMAGE_KEYS.find((name) => fields[name] !== undefined) ?? usual;
    type = fields.mediaType ?? fields.mimeType ?? fields.media_type ?? type;
    value = fields[key];
    param += `.${key}`;
  }
  const url = typeof value === "string" ? asAddress(value) ?? fromBase64(value, type) : undefined;
  if (url !== undefined) found.urls.push(url);
  else found.faults.push({ param, expected: "expected an http(s) address, a base64 data URI, or base64" });
}

/** The address as it stands, if a picture can be at it. */
function asAddress(written: string): string | undefined {
  const url = written.trim();
  if (/^data:[^,]{0,200};base64,./is.test(url) || url.startsWith("/storage/")) return url;
  return /^https?:\/\//i.test(url) && URL.canParse(url) ? url : undefined;
}

/** Bare base64 made a data URI; by its first characters alone, as no picture is shorter than these. */
function fromBase64(written: string, type: unknown): string | undefined {
  const base64 = written.trim();
  if (!/^[\w+/-]{32}/.test(base64)) return undefined;
  const named = typeof type === "string" && /^image\/[\w.+-]{1,40}$/.test(type) ? type : "image/png";
  return `data:${named};base64,${base64}`;
}

/** Stands in replayed histories where a picture was; it is no picture, and no words either. */
const PLACEHOLDER = /^[ \t]*\[(?:image|图片)\][ \t]*$/gim;

function joined(texts: string[]): string {
  return texts.join("\n").replace(PLACEHOLDER, "").trim();
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(param: string, expected: string): Failed {
  return new Failed({ kind: "invalid_request", message: `Cannot read '${param}': ${expected}`, param });
}

/**
 * Takes the markdown images and bare data URIs out of a text.
 * One pass with a stack of open brackets, as in CommonMark's own algorithm; each attempt to read a target
 * stops before the next attempt can begin, so no character is looked at more than a few times.
 */
function takePictures(text: string): { words: string; urls: string[] } {
  const mark = /\\.|!?\[|\]\(?|data:image\//gis;
  const open: number[] = [];
  const urls: string[] = [];
  let words = "";
  let kept = 0;
  const take = (url: string, start: number, end: number) => {
    urls.push(url);
    words += text.slice(kept, start);
    kept = mark.lastIndex = end;
  };
  for (let found = mark.exec(text); found; found = mark.exec(text)) {
    const sign = found[0];
    if (sign === "![") open.push(found.index);
    else if (sign === "[") open.push(-1);
    else if (sign.startsWith("]")) {
      const start = open.pop() ?? -1;
      const target = sign === "](" && start >= 0 ? readTarget(text, mark.lastIndex) : undefined;
      if (target) take(target.url, start, target.end);
    } else if (sign.length > 2) {
      const uri = matchAt(DATA_URI, text, found.index);
      if (uri) take(uri[0], found.index, DATA_URI.lastIndex);
    }
  }
  return { words: words + text.slice(kept), urls };
}

const DATA_URI = /data:image\/[\w.+-]{1,40}(?:;[\w.=+-]{1,40}){0,4};base64,[\w+/=%-]+/iy;
const ANGLED = /\s*<([^<>\n]*)>/y;
const ADDRESS_START = /\s*(https?:\/\/(?:\[[\da-f:.]{2,45}\])?|data:image\/|\/storage\/)/iy;
const CLOSING = /(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*\)/y;

/** Reads what stands behind `](`: an address, perhaps in `<…>`, perhaps with a title, and the closing parenthesis. */
function readTarget(text: string, from: number): { url: string; end: number } | undefined {
  const angled = matchAt(ANGLED, text, from);
  const bare = angled ? undefined : matchAt(ADDRESS_START, text, from);
  if (!angled && !bare) return undefined;
  const end = angled ? ANGLED.lastIndex : endOfAddress(text, ADDRESS_START.lastIndex);
  const url = asAddress(angled ? angled[1]! : text.slice(ADDRESS_START.lastIndex - bare![1]!.length, end));
  return url !== undefined && matchAt(CLOSING, text, end) ? { url, end: CLOSING.lastIndex } : undefined;
}

/**
 * A bare address ends at a blank, or at a parenthesis that it did not open itself. Brackets end it as well:
 * RFC 3986 has them escaped behind the host, and stopping there is what keeps the whole reading linear.
 */
function endOfAddress(text: string, from: number): number {
  const stop = /[\s<>[\]()]/g;
  stop.lastIndex = from;
  let depth = 0;
  for (let found = stop.exec(text); found; found = stop.exec(text)) {
    if (found[0] === "(") depth++;
    else if (found[0] !== ")" || depth-- === 0) return found.index;
  }
  return text.length;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
