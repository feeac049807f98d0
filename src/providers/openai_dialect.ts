/**
 * OpenAI's images dialect, which many services speak. What they do differently is said in options:
 * names of fields, names of form parts, and whether they may be told the form of the reply.
 */
import { z } from "@hono/zod-openapi";
import { Failed } from "../core/failure.ts";
import { Media } from "../core/media.ts";
import type {
  Call,
  DiscoveredModel,
  Made,
  MadeImage,
  Operation,
  Provider,
  ReadReply,
  Rest,
  Ticket,
  Usage,
} from "../core/provider.ts";
import type { ImageRequest, Wishes } from "../core/request.ts";
import { sizeText } from "../core/size.ts";
import { ImageStream } from "../core/image_stream.ts";
import { json, parseJson, parseReply } from "./call.ts";
import { readFailure } from "./failure_reading.ts";
import { job, type JobService } from "./job.ts";
import { dataIn, readLongEvents } from "./long_events.ts";
import { readLongJson, wholeText, withoutDataPrefix } from "./long_json.ts";

/** How a service departs from OpenAI's own dialect. */
export interface Dialect {
  /** The service's name of each wish it knows. Default: none is sent. */
  fields?: Partial<Record<keyof Wishes, string>>;
  /** Further members of a request, in the service's own words; what is `undefined` is not sent. */
  extras?: (request: ImageRequest) => Record<string, unknown>;
  /** Part of a form that holds the input images, by their count. Default: OpenAI's `image` or `image[]`. */
  imagePart?: (count: number) => string;
  /** Value of `response_format` for a model; absent = the field is not sent. */
  responseFormat?: (model: string) => "b64_json" | "url" | undefined;
  /** Whether `n` is sent. Default true. */
  sendsCount?: boolean;
  /** Whether previews can be streamed. Default false. */
  streams?: boolean;
  /** The table by which an error inside a good reply is read. */
  failures?: Provider["failures"];
  /** Recognises a task that came instead of an image, and asks for it. Default: there are none. */
  tasks?: {
    read(body: unknown, call: Call): Ticket | Made | undefined;
    check: JobService["check"];
  };
}

/** The operations `generate` and `edit` of a service that speaks the dialect. */
export function openAiDialect(dialect: Dialect): { generate: Operation; edit: Operation } {
  return { generate: operationOf(generate, dialect), edit: operationOf(edit, dialect) };
}

/** Sends a request and reads what comes back. */
type Send = <T>(
  request: ImageRequest,
  call: Call,
  dialect: Dialect,
  read: ReadReply<T>,
) => Promise<T>;

const generate: Send = (request, call, dialect, read) =>
  call.post(
    at(call, "images/generations"),
    { ...fieldsOf(request, dialect), ...request.providerParams },
    read,
  );

const edit: Send = async (request, call, dialect, read) =>
  call.form(at(call, "images/edits"), await formOf(request, call, dialect), read);

function operationOf(send: Send, dialect: Dialect): Operation {
  const { failures, tasks } = dialect;
  if (!tasks) {
    return (request, call) => {
      const read = readImages(call, failures);
      return send(request, call, dialect, streams(request, dialect) ? readStream(call, dialect, read) : read);
    };
  }
  return job({
    submit: (request, call) =>
      send(request, call, dialect, async (response) => {
        const body = await json(z.unknown())(response);
        return tasks.read(body, call) ?? imagesIn(body, response.status, call, failures);
      }),
    check: tasks.check,
  });
}

/** Base addresses are often configured as a host alone, and the dialect has its version in front of its paths. */
export function at(call: Call, path: string): string {
  return new URL(call.baseUrl).pathname === "/" ? `v1/${path}` : path;
}

/** Lists the models of a service by their ids. */
export async function listOpenAiModels(call: Call): Promise<DiscoveredModel[]> {
  const { data } = await call.get(at(call, "models"), json(ModelList));
  return data.map(({ id }) => ({ id }));
}

function streams(request: ImageRequest, dialect: Dialect): boolean {
  return Boolean(dialect.streams) && request.partialImages > 0;
}

/** The JSON body of a generation, without `providerParams`. */
export function fieldsOf(request: ImageRequest, dialect: Dialect): Record<string, unknown> {
  const { fields = {}, extras, responseFormat, sendsCount = true } = dialect;
  const body: Record<string, unknown> = { model: request.model, prompt: request.prompt };
  if (sendsCount) body.n = request.n ?? 1;
  if (request.size) body.size = sizeText(request.size);
  for (const [wish, name] of Object.entries(fields) as [keyof Wishes, string][]) {
    if (request[wish] !== undefined) body[name] = request[wish];
  }
  const format = responseFormat?.(request.model);
  if (format) body.response_format = format;
  Object.assign(body, extras?.(request));
  if (streams(request, dialect)) Object.assign(body, { stream: true, partial_images: request.partialImages });
  return body;
}

/** The form of an edit, `providerParams` and all. */
export async function formOf(request: ImageRequest, call: Call, dialect: Dialect): Promise<FormData> {
  const { imagePart = (count) => count === 1 ? "image" : "image[]" } = dialect;
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...fieldsOf(request, dialect), ...request.providerParams })) {
    for (const one of isPlainList(value) ? value : [value]) {
      if (one !== undefined) form.append(name, typeof one === "object" ? JSON.stringify(one) : String(one));
    }
  }
  const part = imagePart(request.inputs.length);
  const files = await Promise.all(
    request.inputs.map((input, index) => input.file(`image${index}`, call.signal)),
  );
  for (const file of files) form.append(part, file);
  if (request.mask) form.append("mask", await request.mask.file("mask", call.signal));
  return form;
}

/** A list of texts or numbers is a part that is repeated; one of objects is JSON. */
function isPlainList(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.every((one) => typeof one !== "object");
}

/** Reads a reply of the dialect. @throws Failed where it holds an error, whatever its status */
export function readImages(call: Call, failures?: Provider["failures"]): ReadReply<Made> {
  const readWhole = (text: string, status: number) =>
    imagesIn(parseJson(text, status), status, call, failures);
  return async (response) => {
    const { status } = response;
    if (!call.mayStream) return readWhole(await response.text(), status);
    const reply = await readLongJson(response);
    if ("text" in reply) return readWhole(reply.text, status);
    if (!/"b64_json"\s*:\s*"$/.test(reply.head)) {
      return readWhole(await wholeText(reply), status);
    }
    const { pieces, most } = reply;
    const stream = await ImageStream.open({ encoding: "base64", pieces: withoutDataPrefix(pieces), most });
    if (!stream) return { images: [] };
    const rest = reply.tail.then((tail) => restOf(parseJson(reply.head + tail, status), call));
    rest.catch(() => {});
    return { images: [{ media: Media.fromStream(stream) }], rest };
  };
}

/** What a reply says besides the image that was taken out of it. */
function restOf(reply: unknown, call: Call): Rest {
  const { data, usage } = parseReply(Reply, reply);
  const items = data ?? [];
  // Shorter images may stand before it.
  const taken = items.find(({ b64_json }) => b64_json === "");
  return {
    first: { revisedPrompt: taken?.revised_prompt ?? undefined },
    images: items.filter((item) => item !== taken).flatMap((item) => imageOf(item, call)),
    usage: usageOf(usage),
  };
}

function imagesIn(reply: unknown, status: number, call: Call, failures: Provider["failures"] = []): Made {
  const { data, error, message, usage } = parseReply(Reply, reply, status);
  const images = (data ?? []).flatMap((item) => imageOf(item, call));
  // Some tell with status 200, and without an image, why there is none.
  if (error || (images.length === 0 && message)) {
    const rows: Provider["failures"] = error ? failures : [...failures, { kind: "empty_reply" }];
    throw new Failed(readFailure({ status, body: JSON.stringify(reply) }, rows));
  }
  return { images, usage: usageOf(usage) };
}

function imageOf(item: z.infer<typeof Item>, call: Call): MadeImage[] {
  const revisedPrompt = item.revised_prompt ?? undefined;
  if (item.b64_json) return [{ media: Media.fromBase64(withoutPrefix(item.b64_json)), revisedPrompt }];
  return item.url ? [{ media: mediaOf(item.url, call), revisedPrompt }] : [];
}

/** An image that a service named by a text, which is an address, a data URI or bare base64. */
export function mediaOf(text: string, call: Call): Media {
  return /^https?:/i.test(text) ? call.image(text) : Media.fromBase64(withoutPrefix(text));
}

/** Some resellers put a whole data URI where bare base64 is agreed on. */
function withoutPrefix(text: string): string {
  return text.startsWith("data:") ? text.slice(text.indexOf(",") + 1) : text;
}

function readStream(call: Call, dialect: Dialect, readPlain: ReadReply<Made>): ReadReply<Made> {
  return async (response) => {
    // A refusal of parameters, or a service that does not stream this model, answers with plain JSON.
    if (!response.headers.get("content-type")?.includes("event-stream")) return readPlain(response);
    const made: Made = { images: [] };
    const previews = { next: 0 };
    const reply = await readLongEvents(
      response,
      (data, base64) => onEvent(data, base64, call, dialect, made, previews),
      (head) => call.mayStream && made.images.length === 0 && COMPLETED.test(head),
    );
    if (!reply) return made;
    const stream = await ImageStream.open({ encoding: "base64", pieces: withoutDataPrefix(reply.pieces) });
    if (!stream) return made;
    const rest = reply.tail.then((tail) => {
      const last: Made = { images: [] };
      for (const data of dataIn(reply.head + tail)) onEvent(data, undefined, call, dialect, last, previews);
      return last;
    });
    rest.catch(() => {});
    return { images: [{ media: Media.fromStream(stream) }], rest };
  };
}

/** How the event begins that brings an image. */
const COMPLETED = /"type"\s*:\s*"[^"]*\.completed"[^]*"b64_json"\s*:\s*"$/;

function onEvent(
  data: string,
  base64: string | undefined,
  call: Call,
  dialect: Dialect,
  made: Made,
  previews: { next: number },
): void {
  let body: unknown;
  try {
    body = JSON.parse(data);
  } catch {
    throw new Failed({
      kind: "malformed_reply",
      message: `expected JSON in an event, got: ${data.slice(0, 120)}`,
    });
  }
  const event = parseReply(StreamEvent, body);
  if (event.error) throw new Failed(readFailure({ status: 200, body: data }, dialect.failures));
  const text = event.b64_json || base64;
  const media = text ? [Media.fromBase64(text)] : [];
  if (event.type?.endsWith(".partial_image")) {
    for (const preview of media) call.partial(preview, event.partial_image_index ?? previews.next++);
  }
  if (!event.type?.endsWith(".completed")) return;
  made.images.push(...media.map((media) => ({ media })));
  made.usage = usageOf(event.usage) ?? made.usage;
}

function usageOf(usage: z.infer<typeof UsageReply> | null | undefined): Usage | undefined {
  if (!usage) return undefined;
  const images = usage.input_tokens_details?.image_tokens ?? 0;
  return {
    inputImageTokens: images,
    inputTextTokens: usage.input_tokens_details?.text_tokens ?? Math.max(0, usage.input_tokens - images),
    outputTokens: usage.output_tokens,
  };
}

const UsageReply = z.object({
  input_tokens: z.number(),
  output_tokens: z.number(),
  input_tokens_details: z.object({ text_tokens: z.number().nullish(), image_tokens: z.number().nullish() })
    .nullish(),
});

const Item = z.object({
  b64_json: z.string().nullish(),
  url: z.string().nullish(),
  revised_prompt: z.string().nullish(),
});

const Reply = z.object({
  data: z.array(Item).nullish(),
  usage: UsageReply.nullish().catch(undefined),
  error: z.unknown().optional(),
  message: z.unknown().optional(),
});

const StreamEvent = z.object({
  type: z.string().optional(),
  b64_json: z.string().nullish(),
  partial_image_index: z.number().nullish(),
  usage: UsageReply.nullish().catch(undefined),
  error: z.unknown().optional(),
});

const ModelList = z.object({ data: z.array(z.object({ id: z.string() })) });
