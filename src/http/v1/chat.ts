/** `/v1/chat/completions`: pictures by conversation. An image request in disguise. */
import { z } from "@hono/zod-openapi";
import type { ImageRequest } from "../../core/request.ts";
import { isRecord } from "../../core/record.ts";
import type { Result } from "../../gateway/handle.ts";
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
  paddedReply,
  prepare,
  type Prepared,
  progressComment,
  readKnown,
  resultHeaders,
  run,
} from "./endpoint.ts";
import { readFields, wishesOf } from "./fields.ts";
import { addressOf } from "./images_reply.ts";
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
    return answerInText(c, edge, chat, background.answer, Boolean(fields.stream));
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
  const make = () => run(c, edge, prepared, { wantsBytes: chat.form !== "link" });
  const body = async (result: Result) =>
    JSON.stringify(
      completion(named(chat, result), {
        ...await contentOf(c, edge, chat, result),
        usage: chatUsage(result),
      }),
    );
  if (edge.settings().keepAlive) return paddedReply(c, edge, async () => body(await make()));
  const result = await make();
  return jsonReply(await body(result), resultHeaders(result));
}

/** Pictures as text, or beside it; never both, or apps show them twice. */
async function contentOf(
  c: EdgeContext,
  edge: Edge,
  { form }: Chat,
  { pictures }: Result,
): Promise<{ content: string; images: string[] }> {
  const urls = await Promise.all(
    pictures.map((picture) =>
      form === "link" ? addressOf(picture, linkTo(c, edge)) : picture.media.dataUrl()
    ),
  );
  if (form === "images") return { content: caption(urls.length), images: urls };
  return { content: chatContent(urls.map((url) => ({ url }))), images: [] };
}

function named({ head }: Chat, { model }: Result): ReplyHead {
  return head.model === "auto" ? { ...head, model } : head;
}

function answerInText(c: EdgeContext, edge: Edge, chat: Chat, answer: string, streams: boolean): Response {
  const usage = textUsage("", answer);
  if (!streams) return jsonReply(JSON.stringify(completion(chat.head, { content: answer, usage })));
  const chunk = chunks(chat.head, chat);
  return eventStream(c, edge, {
    beat: () => ": waiting\n\n",
    write: async (out) => {
      const events = [chunk.role(), chunk.content(answer), ...chunk.end(usage)];
      await out.write(events.map(event).join("") + DONE);
    },
  });
}

function streamed(c: EdgeContext, edge: Edge, chat: Chat, prepared: Prepared): Response {
  const chunk = chunks(chat.head, chat);
  const { kind } = edge.settings().heartbeat;
  return eventStream(c, edge, {
    beat: (count) => {
      if (kind === "zero-width") return event(chunk.content("\u200b"));
      // Relays drop comments, and some clients' timers see only real chunks.
      return kind === "empty" || count % 3 === 0 ? event(chunk.beat()) : ": waiting\n\n";
    },
    write: async (out) => {
      await out.write(event(chunk.role()));
      try {
        const result = await run(c, edge, prepared, {
          wantsBytes: chat.form !== "link",
          onProgress: (share) => void out.write(progressComment(share)),
        });
        const { content, images } = await contentOf(c, edge, chat, result);
        const pieces = isRelay(c) ? splitForRelays(content) : [content];
        for (const piece of pieces) await out.write(event(chunk.content(piece)));
        if (images.length > 0) await out.write(event(chunk.images(images)));
        await out.write(chunk.end(chatUsage(result)).map(event).join("") + DONE);
      } catch (error) {
        await out.write(
          chunk.failure(errorReply(error, c.get("mode")).body.error).map(event).join("") + DONE,
        );
      }
    },
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
