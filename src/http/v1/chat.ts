/** `/v1/chat/completions`: pictures by conversation. An image request in disguise. */
import { z } from "@hono/zod-openapi";
import type { ImageRequest } from "../../core/request.ts";
import { isRecord } from "../../core/record.ts";
import type { Result } from "../../gateway/story.ts";
import { callerOf } from "../auth.ts";
import { documented, type EdgeApp, errorResponses } from "../documented.ts";
import type { Edge, EdgeContext } from "../edge.ts";
import { errorReply } from "../errors.ts";
import { recognise } from "./background_tasks.ts";
import { readMessages } from "./chat_messages.ts";
import {
  caption,
  chatContent,
  chunks,
  completion,
  DONE,
  event,
  type ReplyHead,
  splitForRelays,
  textUsage,
} from "./chat_reply.ts";
import {
  eventStream,
  inputOptions,
  jsonReply,
  linkTo,
  NEUTRAL_PROMPT,
  prepare,
  type Prepared,
  progressComment,
  readKnown,
  run,
  textReply,
} from "./endpoint.ts";
import { readFields, wishesOf } from "./fields.ts";
import { filled, whole } from "./filled_text.ts";
import { addressOf, dataUriAt } from "./images_reply.ts";
import { toMedia } from "./inputs.ts";
import { chatUsage } from "./usage.ts";

/** How pictures travel in a reply: as links or data URIs in its text, or beside it. */
type Form = "link" | "data_uri" | "images";

interface Chat {
  head: ReplyHead;
  includeUsage: boolean;
  form: Form;
}

/** Adds the chat endpoint. */
export function addChat(app: EdgeApp, edge: Edge): void {
  documented(app, {
    method: "post",
    path: "/v1/chat/completions",
    tags: ["Chat"],
    summary: "Make, edit and blend images by conversation",
    description: "Words alone make an image; with one image in play it is edited; several are blended. " +
      "Titles, tags and connection checks that chat apps send are answered with text, without a provider.",
    security: [{ key: [] }],
    request: { body: { required: true, content: { "application/json": { schema: ChatRequest } } } },
    responses: {
      200: {
        description:
          "A chat completion whose text holds the pictures; with `stream: true` as server-sent events.",
        content: {
          "application/json": { schema: z.looseObject({ id: z.string() }) },
          "text/event-stream": { schema: { type: "string" } },
        },
      },
      ...errorResponses,
    },
  }, (c) => handleChat(c, edge));
}

/** Answers a request to the chat endpoint, at whatever path it stands. @throws Failed, HttpFault */
export async function handleChat(c: EdgeContext, edge: Edge): Promise<Response> {
  const { fields: raw } = await readKnown(c, edge);
  // In chat, `response_format` is about text, and 0 pictures means that nobody counted.
  const { messages, response_format, ...rest } = raw;
  const fields = readFields({ ...rest, n: rest.n === 0 ? undefined : rest.n });
  const chat: Chat = {
    head: {
      id: `chatcmpl-${c.get("requestId")}`,
      created: Math.floor(edge.clock.now() / 1000),
      model: fields.model ?? "auto",
    },
    includeUsage: isRecord(raw.stream_options) && raw.stream_options.include_usage === true,
    form: Array.isArray(raw.modalities) && raw.modalities.includes("image")
      ? "images"
      : edge.settings().chatImages,
  };
  const background = Array.isArray(messages) && recognise(messages, {
    maxTokens: asNumber(raw.max_tokens) ?? asNumber(raw.max_completion_tokens),
    responseFormat: response_format,
    model: fields.model,
  });
  if (background) {
    callerOf(c.get("identity")!, {
      provider: c.req.header("x-provider") ?? fields.provider,
      model: fields.model ?? "",
    }, edge.auth);
    return answerInText(chat, background.answer, Boolean(fields.stream));
  }
  const wish = readMessages(messages);
  const options = inputOptions(c, edge);
  const request: ImageRequest = {
    ...wishesOf(fields),
    partialImages: 0,
    task: wish.task,
    prompt: readFields({ prompt: wish.prompt }).prompt ?? NEUTRAL_PROMPT,
    inputs: await Promise.all(
      wish.images.map(({ url }, index) => toMedia(url, `messages (image ${index + 1})`, options)),
    ),
  };
  const prepared = prepare(c, edge, request);
  if (fields.stream) return streamed(c, edge, chat, prepared);
  return await jsonReply(
    c,
    edge,
    () => run(c, edge, prepared, { wantsBytes: chat.form !== "link", mayStream: true }),
    (result) => {
      const usage = chatUsage(result);
      return JSON.stringify(completion(named(chat, result), { ...contentOf(c, edge, chat, result), usage }));
    },
  );
}

/** Pictures as text, or beside it; never both, or apps show them twice. */
function contentOf(
  c: EdgeContext,
  edge: Edge,
  { form }: Chat,
  { pictures }: Result,
): { content: string; images: string[] } {
  const urls = pictures.map((picture, index) =>
    form === "link" ? addressOf(picture, index, linkTo(c, edge)) : dataUriAt(picture, index)
  );
  if (form === "images") return { content: caption(urls.length), images: urls };
  return { content: chatContent(urls.map((url) => ({ url }))), images: [] };
}

function named({ head }: Chat, { model }: Result): ReplyHead {
  return head.model === "auto" ? { ...head, model } : head;
}

function answerInText(chat: Chat, answer: string, streams: boolean): Response {
  const usage = textUsage("", answer);
  if (!streams) return textReply("json", JSON.stringify(completion(chat.head, { content: answer, usage })));
  const chunk = chunks(chat.head, chat);
  const events = [chunk.role(), chunk.content(answer), ...chunk.end(usage)];
  return textReply("events", events.map(event).join("") + DONE);
}

function streamed(c: EdgeContext, edge: Edge, chat: Chat, prepared: Prepared): Response {
  const chunk = chunks(chat.head, chat);
  const { kind } = edge.settings().heartbeat;
  const textOf = (result: Result) => contentOf(c, edge, chat, result).content;
  return eventStream(edge, {
    first: event(chunk.role()),
    beat: (count) => {
      if (kind === "zero-width") return event(chunk.content("\u200b"));
      // Relays drop comments, and some clients' timers see only real chunks.
      return kind === "empty" || count % 3 === 0 ? event(chunk.beat()) : ": waiting\n\n";
    },
    work: async (say) => {
      const result = await run(c, edge, prepared, {
        wantsBytes: chat.form !== "link",
        mayStream: !isRelay(c),
        onProgress: (share) => say(progressComment(share)),
      });
      const lines = isRelay(c) ? splitForRelays(await whole(filled(result, textOf))) : undefined;
      return filled(result, (result) => {
        const { images } = contentOf(c, edge, chat, result);
        const events = [
          ...(lines ?? [textOf(result)]).map(chunk.content),
          ...images.length > 0 ? [chunk.images(images)] : [],
          ...chunk.end(chatUsage(result)),
        ];
        return events.map(event).join("") + DONE;
      });
    },
    fail: (error) => chunk.failure(errorReply(error, c.get("mode")).body.error).map(event).join("") + DONE,
  });
}

/** Relays written in Go speak with its own client, and some of them lose long lines; apps want a whole link at once. */
function isRelay(c: EdgeContext): boolean {
  return /^Go-http-client\b/.test(c.req.header("user-agent") ?? "");
}

function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

const ChatRequest = z.looseObject({
  model: z.string().optional().openapi({ example: "auto" }),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).openapi({
    example: [{ role: "user", content: "A red fox in the snow" }],
  }),
  stream: z.boolean().optional(),
  n: z.int().optional(),
  size: z.string().optional(),
  modalities: z.array(z.string()).optional().openapi({
    description: "With `image` in it, pictures come as `message.images`.",
  }),
}).openapi("ChatRequest");
