/**
 * A text model behind OpenAI's chat dialect, at an address that the operator named. Its key goes to that
 * address and nowhere else: redirects are not followed, and no error shows it.
 */
import { z } from "zod";

/** Where text models are asked. */
export interface TextService {
  /** With or without the version at its end, such as `https://llm.example/v1`. */
  baseUrl: string;
  /** Absent where the service asks for none. */
  apiKey?: string;
}

/** What one model is told and asked. */
export interface TextQuestion {
  model: string;
  system: string;
  text: string;
}

/** A reply larger than this is not read to its end. */
const MAX_REPLY = 1024 * 1024;
const MAX_REASON = 200;
const MAX_MODELS = 2000;

const Part = z.object({ type: z.string().optional(), text: z.string().optional() });
const Completion = z.object({
  choices: z.tuple([z.object({
    message: z.object({
      content: z.union([z.string(), z.array(Part)]).nullish(),
      refusal: z.string().nullish(),
    }),
    finish_reason: z.string().nullish(),
  })]).rest(z.unknown()),
});
const ModelList = z.object({ data: z.array(z.object({ id: z.string() })) });
const Refused = z.object({ error: z.union([z.string(), z.object({ message: z.string() })]) });

/**
 * Asks a model once and gives its answer as it came.
 * Wire: `POST /chat/completions` without a stream (OpenAI's chat API).
 * @throws Error that says why there is none; the signal's reason where it aborted
 */
export async function askTextModel(
  service: TextService,
  { model, system, text }: TextQuestion,
  signal: AbortSignal,
): Promise<string> {
  const messages = [{ role: "system", content: system }, { role: "user", content: text }];
  const reply = await call(service, "chat/completions", { model, messages, stream: false }, signal);
  const read = Completion.safeParse(reply);
  if (!read.success) throw new Error("the text model's reply is not a chat completion");
  const [{ message, finish_reason }] = read.data.choices;
  if (message.refusal || finish_reason === "content_filter") throw new Error("the text model refused");
  if (finish_reason === "length") throw new Error("the text model's answer was cut off by its own limit");
  const { content } = message;
  return Array.isArray(content) ? content.map((part) => part.text ?? "").join("") : content ?? "";
}

/**
 * Ids of the models that a service tells of, at most 2000, in its order.
 * Wire: `GET /models` (OpenAI's models API).
 * @throws Error that says why they can't be told
 */
export async function listTextModels(service: TextService, signal: AbortSignal): Promise<string[]> {
  const read = ModelList.safeParse(await call(service, "models", undefined, signal));
  if (!read.success) throw new Error("the service's reply is not a list of models");
  return read.data.data.slice(0, MAX_MODELS).map(({ id }) => id);
}

/** The address of one of a service's endpoints. */
export function textServiceUrl({ baseUrl }: TextService, endpoint: string): string {
  const url = new URL(baseUrl);
  const path = url.pathname.replace(/\/+$/, "").replace(/\/chat\/completions$/, "");
  // Everybody who names a bare host means the first version.
  url.pathname = `${path || "/v1"}/${endpoint}`;
  return url.href;
}

async function call(
  service: TextService,
  endpoint: string,
  body: object | undefined,
  signal: AbortSignal,
): Promise<unknown> {
  const { apiKey } = service;
  const response = await fetch(textServiceUrl(service, endpoint), {
    method: body ? "POST" : "GET",
    body: body && JSON.stringify(body),
    headers: {
      accept: "application/json",
      ...body && { "content-type": "application/json" },
      ...apiKey && { authorization: `Bearer ${apiKey}` },
    },
    redirect: "manual",
    signal,
  }).catch((error) => {
    signal.throwIfAborted();
    const { message } = error.cause instanceof Error ? error.cause : error;
    throw new Error(`the service could not be reached: ${message}`, { cause: error });
  });
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    throw new Error("the service redirects to another address: name that one, since the key goes along");
  }
  const text = await readBounded(response);
  const reply = parse(text);
  if (response.ok && reply !== undefined) return reply;
  if (response.ok) throw new Error("the service's reply is not JSON");
  const reason = withoutKey(reasonOf(reply), apiKey);
  throw new Error(`the service answered ${response.status}${reason && `: ${reason}`}`);
}

async function readBounded(response: Response): Promise<string> {
  if (!response.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    // Leaving the loop cancels the body.
    if (size > MAX_REPLY) throw new Error(`the service's reply is larger than ${MAX_REPLY} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(reply: unknown): string {
  const read = Refused.safeParse(reply);
  if (!read.success) return "";
  const { error } = read.data;
  return (typeof error === "string" ? error : error.message).replace(/\s+/g, " ");
}

/** Services like to quote the key that they refuse, some with its middle left out. */
function withoutKey(text: string, key: string | undefined): string {
  const known = key ? text.replaceAll(key, "…") : text;
  return known.replace(/\S*\*{3,}\S*/g, "…").slice(0, MAX_REASON);
}
