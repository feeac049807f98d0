/**
 * The listening socket, over node:http. Deno's own server does not notice that a client hung up once the body
 * of its request came in more than one piece, and then goes on paying for pictures that nobody waits for.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { EdgeApp } from "./documented.ts";
import { isWritten, writeBody } from "./written_body.ts";

const SWEEP_EVERY = 20;
/** A reader who takes nothing of a picture for so long, in ms, is gone. */
const LONGEST_STALL = 120_000;
/** Proxies keep connections for a minute; whoever closes first must not be us, or requests are lost on the way. */
const IDLE_FOR = 75_000;

/** A server that takes requests. */
export interface Listening {
  port: number;
  /** Takes no new connections, and resolves when the running requests have ended, or are cut off after `graceMs`. */
  shutdown(graceMs?: number): Promise<void>;
}

/** Serves `app`. @throws Error if the address can't be listened on */
export async function listen(
  app: EdgeApp,
  { host, port, stallMs = LONGEST_STALL }: { host: string; port: number; stallMs?: number },
): Promise<Listening> {
  const answer = getRequestListener(async (request, env) => {
    const reply = await app.fetch(request, env);
    const outgoing = (env as HttpBindings).outgoing;
    if (!isWritten(reply.body)) return reply;
    outgoing.writeHead(reply.status, plainHeaders(reply.headers));
    // Nobody knows how long the first word of a stream takes.
    if (!reply.headers.has("content-length")) outgoing.flushHeaders();
    await writeBody(reply.body, outgoing, stallMs);
    return RESPONSE_ALREADY_SENT;
  }, { overrideGlobalObjects: false });
  const running = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    running.add(response);
    for (const end of ["finish", "close"]) response.once(end, () => running.delete(response));
    void answer(request, response);
  });
  server.keepAliveTimeout = IDLE_FOR;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    shutdown: (graceMs) =>
      new Promise((resolve) => {
        const timer = graceMs === undefined
          ? undefined
          : setTimeout(() => server.closeAllConnections(), graceMs);
        // Clients keep connections open after their last reply, some in the middle of it; nobody waits for those.
        const sweep = setInterval(() => running.size === 0 && server.closeAllConnections(), SWEEP_EVERY);
        server.close(async () => {
          clearTimeout(timer);
          clearInterval(sweep);
          // Of requests that were answered unread, the adapter looks after the rest two timers later.
          for (let turn = 0; turn < 2; turn++) await pause(1);
          resolve();
        });
      }),
  };
}

/** An iterator of Deno's headers makes 20 KB of garbage for those of one reply. */
function plainHeaders(headers: Headers): Record<string, string> {
  const plain: Record<string, string> = {};
  headers.forEach((value, name) => plain[name] = value);
  return plain;
}
