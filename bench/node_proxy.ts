/**
 * What is left for a gateway to lose: the same proxy over node:http, whose server notices when a client hangs up,
 * with each piece of a reply going through JavaScript, as it has to where images are looked at and stored.
 *
 * deno run --allow-net bench/node_proxy.ts PORT UPSTREAM
 */
import { createServer, type ServerResponse } from "node:http";

const [port, upstream] = Deno.args;
const PIECE = 256 * 1024;

createServer(async (request, reply) => {
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
    reply.writeHead(status, Object.fromEntries(given));
    if (body) await pass(body, reply);
    reply.end();
  } catch {
    reply.destroy();
  }
}).listen(Number(port), "127.0.0.1");

/** Passes a body on, in one buffer that is used again. */
async function pass(body: ReadableStream<Uint8Array>, reply: ServerResponse): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(PIECE);
  for (;;) {
    const { value, done } = await reader.read(new Uint8Array(buffer));
    if (done) return;
    await new Promise<void>((resolve, reject) => {
      reply.write(value, (error) => error ? reject(error) : resolve());
    });
    buffer = value.buffer;
  }
}
