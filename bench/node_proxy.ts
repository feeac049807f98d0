/**
 * What is left for a gateway to lose: the same proxy over node:http, whose server notices when a client hangs up,
 * with each piece of a reply going through JavaScript, as it has to where images are looked at. With a FOLDER each
 * picture is decoded and written to a file of its own as well, and that is all.
 *
 * deno run --allow-net --allow-write bench/node_proxy.ts PORT UPSTREAM [FOLDER]
 */
import { join } from "node:path";
import { createServer, type ServerResponse } from "node:http";
import { Base64Decoder } from "../src/core/base64.ts";
import { plainLength } from "../src/core/base64_kernel.ts";
import { Piece } from "../src/core/buffers.ts";

const [port, upstream, folder] = Deno.args;
const PIECE = 408 * 1024;
const BEGINNING = '"b64_json":"';

createServer(async (request, reply) => {
  if (request.url === "/health") return void reply.end("ok");
  const gone = new AbortController();
  reply.once("close", () => gone.abort());
  try {
    const sent: Uint8Array[] = [];
    for await (const part of request) sent.push(part);
    const { host: _, ...headers } = request.headers;
    const { status, headers: given, body } = await fetch(`${upstream}${request.url}`, {
      method: request.method,
      headers: Object.entries(headers).map(([name, value]) => [name, String(value)]),
      body: sent.length > 0 ? new Blob(sent as Uint8Array<ArrayBuffer>[]) : undefined,
      signal: gone.signal,
    });
    given.forEach((value, name) => reply.setHeader(name, value));
    reply.writeHead(status);
    using picture = folder === undefined ? undefined : await Picture.create(folder);
    if (body) await pass(body, reply, picture);
    reply.end();
  } catch {
    reply.destroy();
  }
}).listen(Number(port), "127.0.0.1");

/** Passes a body on, in one buffer that is used again. */
async function pass(
  body: ReadableStream<Uint8Array>,
  reply: ServerResponse,
  picture: Picture | undefined,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(PIECE);
  for (;;) {
    const { value, done } = await reader.read(new Uint8Array(buffer));
    if (done) return;
    const passed = new Promise<void>((resolve, reject) => {
      reply.write(value, (error) => error ? reject(error) : resolve());
    });
    await Promise.all([passed, picture?.write(value)]);
    buffer = value.buffer;
  }
}

/** A file with the picture of a reply. */
class Picture {
  readonly #decoder = new Base64Decoder();
  #state: "ahead" | "within" | "behind" = "ahead";

  private constructor(private readonly file: Deno.FsFile) {}

  static async create(folder: string): Promise<Picture> {
    return new Picture(
      await Deno.open(join(folder, `${crypto.randomUUID()}.png`), { write: true, create: true }),
    );
  }

  /** Takes the next piece of the reply. */
  async write(reply: Uint8Array): Promise<void> {
    for (const part of this.#decoder.push(new Piece(this.#textIn(reply)))) {
      for (let rest = part.bytes; rest.length > 0;) rest = rest.subarray(await this.file.write(rest));
      part.release();
    }
  }

  #textIn(reply: Uint8Array): Uint8Array {
    if (this.#state === "behind") return reply.subarray(0, 0);
    let text = reply;
    if (this.#state === "ahead") {
      const head = new TextDecoder().decode(reply.subarray(0, 1024));
      text = reply.subarray(head.indexOf(BEGINNING) + BEGINNING.length);
      this.#state = "within";
    }
    const length = plainLength(text);
    if (length < text.length) this.#state = "behind";
    return text.subarray(0, length);
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}
