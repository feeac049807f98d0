/**
 * Clients on bad lines: all ask at once, and each reads its reply at a speed of its own, the slowest one
 * eight times as slow as the fastest. Prints what came of it as one line of JSON.
 *
 * deno run --allow-read --allow-ffi bench/slow_readers.ts '{"url":…,"headers":…,"bodyFile":…,"replyBytes":…,"count":…,"slowestMs":…}'
 */
import { FarSocket } from "./far_socket.ts";
import type { Shot } from "./loads.ts";

const SPREAD = 8;
/** Between two looks at a connection, in ms; times to the first byte are no finer. */
const TICK = 10;
const LIMIT_MS = 60_000;
const PIECE = 256 * 1024;

const { url, headers, bodyFile, replyBytes, count, slowestMs }: Shot & { count: number; slowestMs: number } =
  JSON.parse(Deno.args[0]!);
const request = await requestBytes();
const piece = new Uint8Array(PIECE);
const latin1 = new TextDecoder("latin1");
const firstBytes: number[] = [];
const faults: string[] = [];
let bytes = 0;

const begin = performance.now();
await Promise.all(Array.from({ length: count }, async (_, index) => {
  try {
    const got = await read(slowestMs / SPREAD ** (index / Math.max(1, count - 1)));
    bytes += got;
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  }
}));
const seconds = (performance.now() - begin) / 1000;
console.log(
  JSON.stringify({ replies: count - faults.length, seconds, bytes, firstBytes, faults: faults.slice(0, 3) }),
);

/** Asks once and takes `ms` to read the reply. @returns how long the reply was @throws Error if it is not whole */
async function read(ms: number): Promise<number> {
  using socket = new FarSocket(Number(new URL(url).port));
  socket.send(request);
  let head = "";
  let end = "";
  let answered: number | undefined;
  for (let total = 0; performance.now() - begin < LIMIT_MS; await pause()) {
    const due = answered === undefined ? PIECE : (performance.now() - answered) / ms * replyBytes - total;
    const got = due < 1 ? undefined : socket.receive(piece.subarray(0, due));
    if (got === 0) return checked(total, head, end);
    if (got === undefined) continue;
    if (answered === undefined) {
      answered = performance.now();
      firstBytes.push(answered - begin);
      head = latin1.decode(piece.subarray(0, Math.min(got, 2048)));
    }
    total += got;
    end = (end + latin1.decode(piece.subarray(Math.max(0, got - 5), got))).slice(-5);
  }
  throw new Error(`took longer than ${LIMIT_MS} ms`);
}

/** @throws Error if the reply is an error, or not whole */
function checked(total: number, head: string, end: string): number {
  if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`answered ${head.slice(0, 60) || "nothing"}`);
  const told = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  const isWhole = told === undefined
    ? end === "0\r\n\r\n"
    : total === head.indexOf("\r\n\r\n") + 4 + Number(told);
  if (!isWhole) throw new Error(`broke off after ${total} bytes`);
  return total;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, TICK));
}

async function requestBytes(): Promise<Uint8Array<ArrayBuffer>> {
  const body = await Deno.readFile(bodyFile);
  const { host, pathname } = new URL(url);
  const fields = { host, connection: "close", "content-length": body.length, ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = new TextEncoder().encode(`POST ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n`);
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return whole;
}
