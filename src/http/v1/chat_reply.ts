/**
 * Builds what OpenAI's chat endpoint answers, as objects and as lines of a stream, in the order and with the
 * fields without which one client or another shows nothing. Pure: the caller waits, sends and counts.
 */

/** What every object of one answer has in common. */
export interface ReplyHead {
  /** Such as `chatcmpl-…`; the same in all chunks. */
  id: string;
  /** Seconds since the Unix epoch; the same in all chunks. */
  created: number;
  model: string;
}

/** Tokens as chat counts them. Relays bill by them and count for themselves where they are zero or missing. */
export interface ChatUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** OpenAI's error object. */
export interface ChatError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

/** A picture beside the text, as OpenRouter's dialect has it. */
export interface ReplyImage {
  type: "image_url";
  image_url: { url: string };
}

interface Delta {
  role?: "assistant";
  content?: string;
  refusal?: null;
  images?: (ReplyImage & { index: number })[];
}

/** One chunk of a streamed answer. */
export interface ChatChunk extends ReplyHead {
  object: "chat.completion.chunk";
  choices: { index: 0; delta: Delta; logprobs: null; finish_reason: "stop" | null }[];
  usage?: ChatUsage | null;
}

/** An answer in one piece. */
export interface ChatCompletion extends ReplyHead {
  object: "chat.completion";
  choices: [{
    index: 0;
    message: { role: "assistant"; content: string; refusal: null; images?: ReplyImage[] };
    logprobs: null;
    finish_reason: "stop";
  }];
  usage: ChatUsage;
}

/**
 * An answer in one piece.
 * @param answer `images` are URLs or data URIs that go beside the text; the text is never empty.
 */
export function completion(
  { id, created, model }: ReplyHead,
  { content, images = [], usage }: { content: string; images?: string[]; usage: ChatUsage },
): ChatCompletion {
  const message = {
    role: "assistant" as const,
    content: content || caption(images.length),
    refusal: null,
    ...(images.length > 0 && { images: images.map(replyImage) }),
  };
  return {
    id,
    object: "chat.completion",
    created,
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: "stop" }],
    usage,
  };
}

/**
 * The chunks of one streamed answer. Send `role()` as soon as the request is known to be valid, `beat()` while
 * waiting, then text and pictures, then `end()`; each as `event(chunk)`, and `DONE` after the last.
 * @param options `includeUsage`: the client's `stream_options.include_usage`.
 */
export function chunks(
  { id, created, model }: ReplyHead,
  { includeUsage = false }: { includeUsage?: boolean } = {},
): {
  role(): ChatChunk;
  /** A delta that says nothing: keeps relays awake that swallow comments. */
  beat(): ChatChunk;
  content(text: string): ChatChunk;
  /** Pictures beside the text, alone in their chunk: some readers drop text that comes with them. */
  images(urls: string[]): ChatChunk;
  /** The finish, with an empty delta; usage in a chunk of its own if it was asked for, else on the finish. */
  end(usage: ChatUsage): ChatChunk[];
  /** A failure after the headers: words for those who show only text, then the error for all others. */
  failure(error: ChatError): [ChatChunk, { error: ChatError }];
} {
  const head = { id, object: "chat.completion.chunk" as const, created, model };
  const chunk = (delta: Delta, finish_reason: "stop" | null = null): ChatChunk => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    ...(includeUsage && { usage: null }),
  });
  return {
    role: () => chunk({ role: "assistant", content: "", refusal: null }),
    beat: () => chunk({ content: "" }),
    content: (text) => chunk({ content: text }),
    images: (urls) => chunk({ images: urls.map((url, index) => ({ ...replyImage(url), index })) }),
    end: (usage) =>
      includeUsage ? [chunk({}, "stop"), { ...head, choices: [], usage }] : [{ ...chunk({}, "stop"), usage }],
    failure: (error) => [chunk({ content: `Error: ${error.message}` }), { error }],
  };
}

/** One server-sent event: `data: ` with its blank, on one line, closed by an empty one. */
export function event(body: object): string {
  return `data: ${JSON.stringify(body)}\n\n`;
}

/** The event that ends a stream. */
export const DONE = "data: [DONE]\n\n";

/** Text for an answer whose pictures are not in its text: some apps call an answer without text an error. */
export function caption(count: number): string {
  return count === 1 ? "Here is the picture." : count > 1 ? `Here are ${count} pictures.` : "Done.";
}

/**
 * Pictures as text, one markdown image a line.
 * @param pictures `url`: http(s) address or data URI; `alt`: `image1`, `image2` … unless given.
 */
export function chatContent(pictures: { url: string; alt?: string }[]): string {
  return pictures.map(({ url, alt }, index) => `![${safeAlt(alt) || `image${index + 1}`}](${safeUrl(url)})`)
    .join("\n");
}

function safeAlt(alt = ""): string {
  return alt.replace(/[[\]\\`<>!\s]+/g, " ").trim().slice(0, 100).trim();
}

/** Escapes what would end a markdown target early; the brackets of an IPv6 host must stay. */
function safeUrl(url: string): string {
  return url.replace(
    /^(https?:\/\/\[[\da-f:.]+\])|[\s()<>[\]\\"'`\p{Cc}]/giu,
    (found, host?: string) => host ?? escaped(found),
  );
}

function escaped(text: string): string {
  return [...new TextEncoder().encode(text)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

/**
 * Splits text so that no line of the stream is longer than `maxBytes`: one relay loses every line above 64 KB
 * without a word. For data URIs in text behind such relays only; others need the whole link in one delta.
 * @param maxBytes of the line, of which 1024 are kept for what surrounds the text.
 */
export function splitForRelays(content: string, maxBytes = 32 * 1024): string[] {
  const room = Math.max(maxBytes - 1024, 16);
  const pieces: string[] = [];
  let start = 0;
  let size = 0;
  for (let at = 0; at < content.length;) {
    const code = content.codePointAt(at)!;
    const cost = bytesInJson(code);
    if (size + cost > room) {
      pieces.push(content.slice(start, at));
      start = at;
      size = 0;
    }
    size += cost;
    at += code > 0xffff ? 2 : 1;
  }
  pieces.push(content.slice(start));
  return pieces;
}

function bytesInJson(code: number): number {
  if (code < 0x20 || (code >= 0xd800 && code <= 0xdfff)) return 6;
  if (code === 0x22 || code === 0x5c) return 2;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code > 0xffff ? 4 : 3;
}

/** Usage of an exchange of texts, estimated at four characters a token; no part of it is zero. */
export function textUsage(asked: string, answered: string): ChatUsage {
  const prompt_tokens = Math.max(1, Math.ceil(asked.length / 4));
  const completion_tokens = Math.max(1, Math.ceil(answered.length / 4));
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

function replyImage(url: string): ReplyImage {
  return { type: "image_url", image_url: { url } };
}
