/** The micro-figures of `deno bench`, taken over into the results. */
import { join } from "node:path";
import { runTool } from "./child.ts";

/** One of them, in ms. */
export interface MicroResult {
  group: string;
  name: string;
  mean: number;
  p99: number;
}

const FILES = ["routing_bench.ts", "chat_bench.ts", "multipart_bench.ts"];

/** Name of the figure that a goal is about. */
export const PLAN_AND_LEASE = "plan and lease";

/** Runs them, or those whose name contains `filter`. */
export async function runMicro(filter?: string): Promise<MicroResult[]> {
  const printed = await runTool(Deno.execPath(), [
    ...[
      "bench",
      "--json",
      "--no-check",
      "--allow-net",
      "--allow-env",
      "--allow-read",
      "--allow-ffi",
      "--allow-sys",
    ],
    ...(filter === undefined ? [] : ["--filter", filter]),
    ...FILES.map((file) => join(import.meta.dirname!, file)),
  ]);
  const { benches } = JSON.parse(printed) as {
    benches: { group?: string; name: string; results: { ok?: { avg: number; p99: number } }[] }[];
  };
  return benches.flatMap(({ group = "", name, results }) => {
    const ok = results[0]?.ok;
    return ok ? [{ group, name, mean: ok.avg / 1e6, p99: ok.p99 / 1e6 }] : [];
  });
}
