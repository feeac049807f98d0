/** Where the gateway spends its time in one case, by V8's own sampling. */
import { join } from "node:path";
import type { Case } from "./cases.ts";
import { measureCase } from "./measure.ts";
import { Stage, type TargetName } from "./targets.ts";

/** A function's own share of the time. */
export interface SelfTime {
  name: string;
  /** File and line, as short as it can be understood. */
  place: string;
  ms: number;
  /** Of all time in which the process was not idle, from 0 to 1. */
  share: number;
}

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  /** Time before each sample, in µs. */
  timeDeltas: number[];
}

/** What is to be profiled. */
export interface ProfileOptions {
  only: Case;
  target: TargetName;
  seconds: number;
  /** Folder for logs and data, which is removed, and for the profile, which stays. */
  folder: string;
  keepIn: string;
}

/**
 * Runs a case against one target with V8's profiler on.
 * @returns where the profile is, and the functions that took most time themselves
 */
export async function profileCase(
  { only, target, seconds, folder, keepIn }: ProfileOptions,
): Promise<{ path: string; top: SelfTime[] }> {
  const lanes = only.lanes.filter((lane) => lane.target === target).slice(0, 1);
  if (lanes.length === 0) {
    throw new Error(`Cannot profile: the case ${only.name} does not have the target ${target}`);
  }
  {
    await using stage = new Stage({ folder, gatewayFlags: ["--cpu-prof", `--cpu-prof-dir=${keepIn}`] });
    const { lanes: [lane] } = await measureCase({ ...only, lanes }, stage, {
      rounds: 1,
      seconds,
      careful: true,
      folder,
    });
    if (lane!.faults.length > 0) throw new Error(`Cannot profile: ${lane!.faults.join("; ")}`);
  }
  const [entry] = [...Deno.readDirSync(keepIn)].filter(({ name }) => name.endsWith(".cpuprofile"));
  if (!entry) throw new Error(`Cannot profile: no profile was written to ${keepIn}`);
  const path = join(keepIn, entry.name);
  return { path, top: selfTimes(JSON.parse(await Deno.readTextFile(path))).slice(0, 25) };
}

/** Functions by the time that they took themselves, most first; idle time is left out. */
export function selfTimes({ nodes, samples, timeDeltas }: Profile): SelfTime[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, { name: string; place: string; us: number }>();
  let busy = 0;
  for (const [index, id] of samples.entries()) {
    const { functionName, url, lineNumber } = frames.get(id)!;
    if (functionName === "(idle)") continue;
    const us = timeDeltas[index] ?? 0;
    busy += us;
    const place = url === "" ? "" : `${shorten(url)}:${lineNumber + 1}`;
    const key = `${functionName} ${place}`;
    const time = times.get(key) ?? { name: functionName || "(anonymous)", place, us: 0 };
    time.us += us;
    times.set(key, time);
  }
  return [...times.values()]
    .sort((a, b) => b.us - a.us)
    .map(({ name, place, us }) => ({ name, place, ms: us / 1000, share: us / busy }));
}

/** A table of them, for a terminal. */
export function profileTable(top: SelfTime[]): string {
  return top.map(({ name, place, ms, share }) =>
    `${ms.toFixed(0).padStart(7)} ms ${(share * 100).toFixed(1).padStart(5)} %  ${name}  ${place}`
  ).join("\n");
}

function shorten(url: string): string {
  return url.replace(/^file:\/\/.*\/node_modules\/(?:\.deno\/[^/]+\/node_modules\/)?/, "npm:")
    .replace(/^file:\/\/.*?\/(src|main\.ts)/, "$1");
}
