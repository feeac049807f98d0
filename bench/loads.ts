/** Load tools, each with its own way of telling what came back; none of the loops are ours. */
import { join } from "node:path";
import { runTool } from "./child.ts";
import { percentile } from "./statistics.ts";

/** One HTTP request, as every tool can send it. */
export interface LoadRequest {
  path: string;
  /** Content-Type and whatever the case needs besides; the key is added for each target. */
  headers: Record<string, string>;
  body: Uint8Array;
  /** What a good reply has in it. */
  holds: string;
}

/** A request on its way to one target. */
export interface Shot {
  url: string;
  headers: Record<string, string>;
  /** The body, in a file. */
  bodyFile: string;
  /** Length of one reply in bytes, for tools that don't count. */
  replyBytes: number;
}

/** How load is put on. */
export type Load =
  /** As many requests as go through so many connections (wrk). */
  | { kind: "closed"; connections: number }
  /** A fixed number of requests a second, whether earlier ones were answered or not (hey). */
  | { kind: "open"; rate: number; workers: number }
  /** So many requests at once, each waited for (hey). */
  | { kind: "burst"; count: number }
  /** So many requests at once, whose replies are read at different speeds (a process of ours; no tool does that). */
  | { kind: "slow"; count: number; slowestMs: number };

/** What a tool counted. Times in ms; the slow readers tell times to the first byte. */
export interface Counted {
  replies: number;
  seconds: number;
  bytes: number;
  p50: number;
  p99: number;
  /** What went wrong, in words; empty = everything was answered with 2xx. */
  faults: string[];
}

const TIMEOUT_S = 120;
const LONGEST_TRY_S = 20;

/** The programs that are needed, and the Debian packages they are in. */
export const TOOLS = { wrk: "wrk", hey: "hey" };

/** Puts load on a target for so many seconds, or until the requests of a burst are answered. */
export function putLoad(load: Load, shot: Shot, seconds: number): Promise<Counted> {
  switch (load.kind) {
    case "closed":
      return closed(load.connections, shot, seconds);
    case "open":
      return hey(shot, {
        count: Math.max(load.workers, Math.round(load.rate * seconds)),
        workers: load.workers,
        perWorker: load.rate / load.workers,
      });
    case "burst":
      return hey(shot, { count: load.count, workers: load.count });
    case "slow":
      return slow(load, shot);
  }
}

async function closed(connections: number, shot: Shot, seconds: number): Promise<Counted> {
  const printed = await runTool("wrk", [
    ...["--threads", "1", "--connections", String(connections), "--timeout", String(TIMEOUT_S)],
    ...["--duration", String(Math.ceil(seconds)), "--script", join(import.meta.dirname!, "load.lua")],
    ...headersOf(shot),
    ...[shot.url, "--", shot.bodyFile],
  ], Number.isInteger(seconds) ? {} : { interruptAfterMs: seconds * 1000 });
  const told = /^RESULT (.*)$/m.exec(printed)?.[1];
  if (!told) throw new Error(`wrk gave no figures: ${printed.slice(-500)}`);
  const { replies, microseconds, bytes, p50, p99, status, ...errors } = JSON.parse(told) as Record<
    string,
    number
  >;
  // Where not even one was answered in such a short time, it was too short.
  if (replies === 0 && seconds < LONGEST_TRY_S) {
    return await closed(connections, shot, Math.ceil(seconds * 2));
  }
  const faults = Object.entries(errors).filter(([, count]) => count! > 0).map(([kind, count]) =>
    `${count} ${kind} errors`
  );
  if (status! > 0) faults.push(`${status} replies that are not 2xx`);
  if (replies === 0) faults.push("no reply at all");
  return {
    replies: replies!,
    seconds: microseconds! / 1e6,
    bytes: bytes!,
    p50: p50! / 1000,
    p99: p99! / 1000,
    faults,
  };
}

async function hey(
  shot: Shot,
  { count, workers, perWorker }: { count: number; workers: number; perWorker?: number },
): Promise<Counted> {
  const { "content-type": type = "application/json", ...headers } = shot.headers;
  // It sends the same number from each worker, and leaves the rest out.
  const sent = Math.floor(count / workers) * workers;
  const printed = await runTool("hey", [
    ...["-n", String(sent), "-c", String(workers), "-t", String(TIMEOUT_S), "-m", "POST"],
    ...(perWorker === undefined ? [] : ["-q", String(perWorker)]),
    ...["-D", shot.bodyFile, "-T", type, "-disable-compression", "-o", "csv"],
    ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    shot.url,
  ]);
  const [, ...lines] = printed.trim().split("\n");
  const rows = lines.map((line) => line.split(",").map(Number));
  const times = rows.map(([time]) => time! * 1000);
  const good = rows.filter(([, , , , , , status]) => status! >= 200 && status! < 300).length;
  const seconds = Math.max(0, ...rows.map(([time, , , , , , , offset]) => time! + offset!));
  return {
    replies: good,
    seconds,
    bytes: good * shot.replyBytes,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    faults: [
      ...(rows.length < sent ? [`${sent - rows.length} requests without a reply`] : []),
      ...(good < rows.length ? [`${rows.length - good} replies that are not 2xx`] : []),
    ],
  };
}

async function slow(load: { count: number; slowestMs: number }, shot: Shot): Promise<Counted> {
  const printed = await runTool(Deno.execPath(), [
    ...["run", "--no-check", "--allow-read", "--allow-ffi"],
    join(import.meta.dirname!, "slow_readers.ts"),
    JSON.stringify({ ...shot, ...load }),
  ]);
  const { firstBytes, ...rest } = JSON.parse(printed) as Omit<Counted, "p50" | "p99"> & {
    firstBytes: number[];
  };
  return { ...rest, p50: percentile(firstBytes, 0.5), p99: percentile(firstBytes, 0.99) };
}

function headersOf({ headers }: Shot): string[] {
  return Object.entries(headers).flatMap(([name, value]) => ["--header", `${name}: ${value}`]);
}
