/** What the tests of this folder share: a gateway before a scripted OpenAI, and a `fetch` that checks each reply. */
import { deepEqual, match, ok } from "node:assert/strict";
import { readImageFacts } from "../src/core/media.ts";
import { type GatewayOptions, startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { assertMatches, type SchemaName } from "../src/testing/openai_schema.ts";
import { type OpenAiService, openAiService } from "../src/testing/openai_service.ts";
import { paintPng } from "../src/testing/painting.ts";

/** A key of the gateway itself. */
export const CLIENT_KEY = "client-key";

/** Who asks: a holder of a gateway key, or somebody who brings a key of OpenAI. */
export type Mode = "backend" | "relay";

/** A gateway, the service behind it, and the line to it. */
export interface Stage extends AsyncDisposable {
  gateway: TestGateway;
  openai: OpenAiService;
  /** The key that the gateway has of OpenAI. */
  poolKey: string;
  /** Address with `/v1`. */
  baseURL: string;
  /** The key that a client of `mode` sends. */
  key(mode: Mode): string;
  /** For SDKs: as the global one, but every body is held against OpenAI's description before the test ends. */
  fetch: typeof fetch;
  /** Sends a body to a path under `/v1` through `fetch`. */
  send(path: string, body: unknown, options?: { key?: string } & RequestInit): Promise<Response>;
}

/** Starts a stage. Repeated tries inside the gateway don't wait, so that no test does. */
export async function stage({ env, ...options }: GatewayOptions = {}): Promise<Stage> {
  await using begun = new AsyncDisposableStack();
  const openai = begun.use(openAiService());
  const poolKey = openai.newKey();
  const ownKey = openai.newKey();
  const gateway = begun.use(
    await startGateway({
      ...options,
      env: {
        OPENAI_BASE_URL: openai.url,
        OPENAI_API_KEY: poolKey,
        GATEWAY_API_KEYS: CLIENT_KEY,
        RETRY_DELAY: "0",
        ...env,
      },
    }),
  );
  const baseURL = `${gateway.url}/v1`;
  const faults: unknown[] = [];
  const checked = checkingFetch(faults);
  const stack = begun.move();
  return {
    gateway,
    openai,
    poolKey,
    baseURL,
    key: (mode) => mode === "backend" ? CLIENT_KEY : ownKey,
    fetch: checked,
    send: (path, body, { key = CLIENT_KEY, headers, ...init } = {}) =>
      checked(`${baseURL}/${path}`, {
        method: "POST",
        body: body instanceof FormData ? body : JSON.stringify(body),
        ...init,
        headers: {
          authorization: `Bearer ${key}`,
          ...body instanceof FormData ? {} : { "content-type": "application/json" },
          ...headers as Record<string, string>,
        },
      }),
    [Symbol.asyncDispose]: async () => {
      await stack.disposeAsync();
      if (faults.length > 0) throw new AggregateError(faults, faults.map(String).join("\n"));
    },
  };
}

/** Runs a test once for each mode. */
export function inBothModes(name: string, test: (mode: Mode) => Promise<void>): void {
  for (const mode of ["backend", "relay"] as const) {
    Deno.test(`${name}, with a ${mode === "backend" ? "gateway" : "provider"} key`, () => test(mode));
  }
}

/** Reads a stream to its end: the data of its events, without `[DONE]`. */
export async function eventsOf(response: Response): Promise<Record<string, unknown>[]> {
  match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  return parseEvents(await response.text());
}

/** A picture of this size, as a file. */
export function pictureFile(name = "photo.png", { seed = 1, width = 64, height = 64 } = {}): File {
  return new File([paintPng({ width, height, seed })], name, { type: "image/png" });
}

/** The same as a data URI. */
export function pictureUri(seed = 1): string {
  return `data:image/png;base64,${paintPng({ width: 64, height: 64, seed }).toBase64()}`;
}

/** Asserts that base64 is a picture, and gives its bytes. */
export function assertPicture(base64: string | null | undefined): Uint8Array {
  const bytes = Uint8Array.fromBase64(base64 ?? "");
  ok(readImageFacts(bytes), "expected a picture");
  return bytes;
}

/** Asserts that a link leads to a picture that anybody can fetch, and gives its bytes. */
export async function assertLink(url: string | null | undefined, stage: Stage): Promise<Uint8Array> {
  ok(url?.startsWith(`${stage.gateway.url}/storage/`), `expected a link to our own store, got ${url}`);
  const response = await fetch(url!);
  const bytes = await response.bytes();
  deepEqual([response.status, response.headers.get("content-type")], [200, readImageFacts(bytes)?.type]);
  return bytes;
}

/** The target of the first markdown image in a text. */
export function linkIn(text: unknown): string {
  const found = /!\[[^\]]*\]\(([^)]+)\)/.exec(String(text));
  ok(found?.[1], `expected a markdown image, got ${String(text).slice(0, 200)}`);
  return found[1];
}

function checkingFetch(faults: unknown[]): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const url = new URL(input instanceof Request ? input.url : input);
    // OpenAI's client also fetches a `data:` address, to learn what this fetch can do.
    if (!response.body || !url.pathname.startsWith("/v1/")) return response;
    let text = "";
    const decoder = new TextDecoder();
    // A body that is left in the middle is never flushed, and so not held against anything.
    const body = response.body.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(bytes, controller) {
          text += decoder.decode(bytes, { stream: true });
          controller.enqueue(bytes);
        },
        flush() {
          try {
            check(url.pathname, response, text);
          } catch (error) {
            faults.push(error);
          }
        },
      }),
    );
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  };
}

function check(path: string, response: Response, text: string): void {
  match(response.headers.get("x-request-id") ?? "", /^\S+$/);
  if (!response.ok) {
    match(response.headers.get("x-should-retry") ?? "", /^(true|false)$/);
    assertMatches("ErrorResponse", JSON.parse(text));
    return;
  }
  const type = response.headers.get("content-type") ?? "";
  const schemas = SCHEMAS.find(([pattern]) => pattern.test(path));
  if (!schemas) return;
  const [, whole, event] = schemas;
  if (type === "application/json") assertMatches(whole, JSON.parse(text));
  if (!type.startsWith("text/event-stream")) return;
  for (const data of parseEvents(text)) assertMatches("error" in data ? "ErrorResponse" : event, data);
}

const SCHEMAS: [path: RegExp, whole: SchemaName, event: SchemaName][] = [
  [/\/images\/generations$/, "ImagesResponse", "ImageGenStreamEvent"],
  [/\/images\/\w+$/, "ImagesResponse", "ImageEditStreamEvent"],
  [/\/chat\/completions$/, "CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"],
  [/\/models$/, "ListModelsResponse", "ImageGenStreamEvent"],
];

/** Holds a stream to the form that every reader understands: comments, or one `data: ` line, named or not. */
function parseEvents(text: string): Record<string, unknown>[] {
  const blocks = text.split("\n\n");
  deepEqual(blocks.pop(), "", "a stream ends with the blank line of its last event");
  return blocks.flatMap((block) => {
    if (/^:[^\n]*$/.test(block)) return [];
    const [, name, data] = /^(?:event: (\S+)\n)?data: ([^\n]+)$/.exec(block) ?? [];
    ok(data, `not an event: ${block.slice(0, 200)}`);
    if (data === "[DONE]") return [];
    const event = JSON.parse(data);
    if (name !== undefined) deepEqual(event.type, name);
    return [event];
  });
}
