/**
 * The image service behind everything that is measured: OpenAI's dialect, answered from memory. Each large
 * reply is one buffer that was built once and a short tail that differs each time, so that no two pictures
 * are equal and a store can't save itself the work.
 *
 * deno run --allow-net bench/upstream.ts PORT
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type Ask, readAsk } from "./ask.ts";
import { noisePng } from "./noise.ts";

/** A reply without the stamp that makes its picture the only one of its kind. */
interface Template {
  type: string;
  head: Uint8Array;
  tail: string;
}

const STAMP_BYTES = 12;
const STAMP_CHARS = 16;
const HEAD_CHARS = 4096;
const USAGE =
  `"usage":{"input_tokens":12,"output_tokens":1056,"total_tokens":1068,"input_tokens_details":{"text_tokens":12,"image_tokens":0}}`;
const JSON_TYPE = "application/json";
const EVENTS_TYPE = "text/event-stream; charset=utf-8";

const port = Number(Deno.args[0]);
const encoder = new TextEncoder();
const templates = new Map<string, Template>();
const pictures = new Map<number, Uint8Array>();
let count = 0;

createServer((request, response) => {
  if (request.method === "POST") return readHead(request, (head) => answer(request.url!, head, response));
  const file = /^\/files\/(\d+)\//.exec(request.url!);
  if (file) return sendFile(response, Number(file[1]));
  if (request.url === "/v1/models") return sendText(response, 200, `{"object":"list","data":[]}`);
  sendText(response, 404, `{"error":{"message":"not here"}}`);
}).listen(port, "127.0.0.1");

/** Drains a body, whatever its size, and keeps its beginning. */
function readHead(request: IncomingMessage, then: (head: string) => void): void {
  let head = "";
  request.on("data", (chunk: Uint8Array) => {
    if (head.length < HEAD_CHARS) head += new TextDecoder("latin1").decode(chunk.subarray(0, HEAD_CHARS));
  });
  request.on("end", () => then(head));
}

function answer(path: string, head: string, response: ServerResponse): void {
  const ask = readAsk(head);
  if (!ask) return sendText(response, 400, `{"error":{"message":"no model of the bench was asked for"}}`);
  const isStream = /"stream":\s*true/.test(head);
  const send = ask.form === "url"
    ? () => sendText(response, 200, addressReply(ask))
    : () => sendTemplate(response, templateFor(path, ask, isStream));
  if (ask.delayMs > 0) setTimeout(send, ask.delayMs);
  else send();
}

function sendTemplate(response: ServerResponse, { type, head, tail }: Template): void {
  const end = stamp() + tail;
  const length = type === EVENTS_TYPE ? {} : { "content-length": head.length + end.length };
  response.writeHead(200, { "content-type": type, ...length });
  response.write(head);
  response.end(end);
}

function sendFile(response: ServerResponse, length: number): void {
  const png = pictures.get(length) ?? noisePng(length);
  pictures.set(length, png);
  response.writeHead(200, { "content-type": "image/png", "content-length": png.length + STAMP_BYTES });
  response.write(png);
  response.end(Uint8Array.fromBase64(stamp()));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": JSON_TYPE, "content-length": text.length });
  response.end(text);
}

function addressReply({ bytes }: Ask): string {
  const address = `http://127.0.0.1:${port}/files/${pictureLength(bytes)}/${count++}.png`;
  return `{"created":1767225600,"data":[{"url":"${address}"}],${USAGE}}`;
}

/** Sixteen characters of base64 that are never the same: twelve bytes behind the end of a PNG, which readers ignore. */
function stamp(): string {
  return String(count++).padStart(STAMP_CHARS, "A");
}

function templateFor(path: string, ask: Ask, isStream: boolean): Template {
  const key = `${path} ${ask.bytes} ${isStream}`;
  const known = templates.get(key);
  if (known) return known;
  const template = path.endsWith("/chat/completions")
    ? chatTemplate(ask, isStream)
    : imageTemplate(ask, isStream);
  templates.set(key, template);
  return template;
}

function imageTemplate({ bytes }: Ask, isStream: boolean): Template {
  const base64 = noisePng(pictureLength(bytes)).toBase64();
  if (!isStream) {
    return {
      type: JSON_TYPE,
      head: encoder.encode(`{"created":1767225600,"data":[{"b64_json":"${base64}`),
      tail: `"}],"output_format":"png",${USAGE}}`,
    };
  }
  const event = (name: string) =>
    `event: image_generation.${name}\ndata: {"type":"image_generation.${name}",`;
  return {
    type: EVENTS_TYPE,
    head: encoder.encode(
      `${event("partial_image")}"partial_image_index":0,"b64_json":"${base64}"}\n\n` +
        `${event("completed")}${USAGE},"b64_json":"${base64}`,
    ),
    tail: `"}\n\ndata: [DONE]\n\n`,
  };
}

function chatTemplate({ bytes }: Ask, isStream: boolean): Template {
  const about = `"id":"chatcmpl-bench","created":1767225600,"model":"bench"`;
  const content = `![image](data:image/png;base64,${noisePng(pictureLength(bytes)).toBase64()}`;
  if (!isStream) {
    return {
      type: JSON_TYPE,
      head: encoder.encode(
        `{${about},"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"${content}`,
      ),
      tail:
        `)"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":1056,"total_tokens":1068}}`,
    };
  }
  const chunk = `data: {${about},"object":"chat.completion.chunk","choices":[{"index":0,`;
  return {
    type: EVENTS_TYPE,
    head: encoder.encode(
      `${chunk}"delta":{"role":"assistant"}}]}\n\n${chunk}"delta":{"content":"${content}`,
    ),
    tail: `)"}}]}\n\n${chunk}"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`,
  };
}

/** The picture that makes a reply of about so many bytes; a multiple of three, so that its base64 has no padding. */
function pictureLength(bytes: number): number {
  return Math.max(201, Math.floor((bytes - 256) * 3 / 4 / 3) * 3);
}
