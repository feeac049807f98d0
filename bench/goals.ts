/** What the gateway is meant to reach, and whether a run shows that it does. */
import type { LaneResult } from "./measure.ts";
import { PLAN_AND_LEASE } from "./micro.ts";
import { laneOf, type Results } from "./results.ts";
import type { TargetName } from "./targets.ts";

/** A goal, and what a run says of it. */
export interface Verdict {
  what: string;
  /** What it is to be, in words. */
  goal: string;
  /** What it was; absent where the run did not measure it. */
  measured?: string;
  reached?: boolean;
}

type Figure = (lane: LaneResult) => number | undefined;

const MB = 1_000_000;
const replies: Figure = ({ median }) => median.repliesPerSecond;
const cpu: Figure = ({ median }) => median.cpuPer1000;
const peak: Figure = ({ median }) => median.peak;
const loopDelay: Figure = ({ median }) => median.loopDelayP99;

/** All goals, in the light of a run. */
export function judge(results: Results): Verdict[] {
  const ratio = (caseName: string, figure: Figure, target: TargetName) =>
    divide(figure, laneOf(results, caseName, target), laneOf(results, caseName, "bare"));
  const gzipCost = (target: TargetName) =>
    divide(replies, laneOf(results, "gzip-1.5mb", target, "gzip, br"), laneOf(results, "gzip-1.5mb", target));
  const slow = laneOf(results, "slow-200", "backend");
  const planAndLease = results.micro.filter(({ name }) => name.startsWith(PLAN_AND_LEASE));
  return [
    ...(["1.5mb", "4mb"] as const).map((size) =>
      atLeast(
        `${SIZES[size]}, 8 connections, relay, nothing stored`,
        0.85,
        ratio(`b64-${size}-c8`, replies, "relay"),
      )
    ),
    ...(["1.5mb", "4mb"] as const).map((size) =>
      atLeast(
        `${SIZES[size]}, 8 connections, backend, everything on`,
        0.4,
        ratio(`b64-${size}-c8`, replies, "backend"),
      )
    ),
    atLeast("1 KB, 64 connections, backend, everything on", 0.4, ratio("b64-1kb-c64", replies, "backend")),
    atMost("1 KB, 1 connection, backend: p50 above the bare proxy's", 0.15, "ms", added(results)),
    atMost(
      "CPU-seconds for 1000 replies of 4 MB, relay, nothing stored",
      1.3,
      "×",
      ratio("b64-4mb-c8", cpu, "relay"),
    ),
    atMost("500 waiting requests, relay: peak memory", 1.5, "×", ratio("waiting-500", peak, "relay")),
    atMost("500 waiting requests, backend: peak memory", 1.5, "×", ratio("waiting-500", peak, "backend")),
    atMost("200 × 4 MB to slow readers, everything on: peak memory", 400, "MB", slow && peak(slow)! / MB),
    atMost("the same: event-loop delay p99", 50, "ms", slow && loopDelay(slow)),
    atMost("plan and lease out of 10 000 keys", 0.2, "ms", highest(planAndLease.map(({ mean }) => mean))),
    // Two figures of the same thing differ by some percent; more than that would be a cost.
    atLeast("`Accept-Encoding: gzip, br` against without, relay", 0.95, gzipCost("relay")),
    atLeast("`Accept-Encoding: gzip, br` against without, backend", 0.95, gzipCost("backend")),
  ];
}

const SIZES = { "1.5mb": "1.5 MB", "4mb": "4 MB" };

function added(results: Results): number | undefined {
  const [ours, bare] = [laneOf(results, "b64-1kb-c1", "backend"), laneOf(results, "b64-1kb-c1", "bare")];
  return ours && bare && ours.median.p50 - bare.median.p50;
}

function divide(figure: Figure, upper?: LaneResult, lower?: LaneResult): number | undefined {
  const [over, under] = [upper && figure(upper), lower && figure(lower)];
  return over === undefined || !under ? undefined : over / under;
}

function highest(values: number[]): number | undefined {
  return values.length > 0 ? Math.max(...values) : undefined;
}

function atLeast(what: string, least: number, value?: number): Verdict {
  return verdict(what, `≥ ${least} ×`, value, "×", (it) => it >= least);
}

function atMost(what: string, most: number, unit: string, value?: number): Verdict {
  return verdict(what, `≤ ${most} ${unit}`, value, unit, (it) => it <= most);
}

function verdict(
  what: string,
  goal: string,
  value: number | undefined,
  unit: string,
  holds: (it: number) => boolean,
) {
  if (value === undefined || Number.isNaN(value)) return { what, goal };
  const digits = Math.abs(value) < 10 ? 2 : 0;
  return { what, goal, measured: `${value.toFixed(digits)} ${unit}`, reached: holds(value) };
}
