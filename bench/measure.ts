/** One case: its lanes take turns, round after round, and what each round cost is boiled down to medians. */
import { join } from "node:path";
import type { Case, Lane } from "./cases.ts";
import { runTool } from "./child.ts";
import { type Load, putLoad, type Shot } from "./loads.ts";
import { probeLoop } from "./loop_probe.ts";
import { warmPageCache } from "./page_cache.ts";
import { cpuSeconds, memoryOf, resetPeak, untilIdle } from "./process_figures.ts";
import { median } from "./statistics.ts";
import type { Stage, Target, TargetName } from "./targets.ts";

/** What a lane showed in one round, or the medians of all. Times in ms unless the name says otherwise. */
export interface Figures {
  repliesPerSecond: number;
  bytesPerSecond: number;
  p50: number;
  p99: number;
  /** CPU time of the target's processes for 1000 replies, with what it put off, in seconds. */
  cpuPer1000: number;
  /** Most resident memory, in bytes; over all rounds it is the highest. */
  peak: number;
  /** How long the target went on working after the last reply, in seconds. */
  afterwards: number;
  /** How long the event loop kept others waiting, where that can be asked. */
  loopDelayP99?: number;
}

/** What became of a lane. */
export interface LaneResult {
  target: TargetName;
  variant?: string;
  /** Resident memory before any load, in bytes. */
  rest: number;
  rounds: Figures[];
  median: Figures;
  /** What went wrong; with any of these the figures count for nothing. */
  faults: string[];
}

/** What became of a case. */
export interface CaseResult {
  name: string;
  title: string;
  lanes: LaneResult[];
}

/** How long and how often. */
export interface Effort {
  rounds: number;
  seconds: number;
  /** Whether targets run warm before they are measured, and are waited for until they have done what they put off. */
  careful: boolean;
  /** Folder for bodies of requests. */
  folder: string;
}

interface Running {
  lane: Lane;
  target: Target;
  shot: Shot;
  rounds: Figures[];
  faults: string[];
}

/** By then the engine has compiled what is run often, as it has in a process that runs for days. */
const WARM_SECONDS = 10;
const SETTLE_WITHIN = 30_000;

/** Measures a case. `onRound` hears of each measurement. */
export async function measureCase(
  { name, title, load, lanes, maxRounds = Infinity, cold }: Case,
  stage: Stage,
  { rounds, seconds, careful, folder }: Effort,
  onRound: (what: string) => void = () => {},
): Promise<CaseResult> {
  const running = await Promise.all(
    lanes.map((lane, index) => prepare(lane, stage, join(folder, `${name}-${index}.body`))),
  );
  if (careful && !cold) {
    for (const { shot, faults } of running) if (faults.length === 0) await putLoad(load, shot, WARM_SECONDS);
  }
  for (let round = 0; round < Math.min(rounds, maxRounds); round++) {
    // Who follows whom changes, as one who writes to the disk leaves it in another state.
    for (const one of round % 2 === 0 ? running : running.toReversed()) {
      if (one.faults.length > 0) continue;
      onRound(
        `${name} ${round + 1}/${Math.min(rounds, maxRounds)} ${one.lane.target} ${one.lane.variant ?? ""}`,
      );
      if (careful && one.target.stores) await warmPageCache(folder);
      await measureRound(one, load, seconds, careful);
    }
  }
  return {
    name,
    title,
    lanes: running.map(({ lane: { target, variant }, target: { rest }, rounds, faults }) => ({
      target,
      variant,
      rest,
      rounds,
      median: boilDown(rounds),
      faults,
    })),
  };
}

/** Starts the target and looks at one reply: a case that is answered wrongly must not be measured. */
async function prepare(lane: Lane, stage: Stage, bodyFile: string): Promise<Running> {
  const target = await stage.get(lane.target);
  const { path, body, headers, holds } = lane.request;
  await Deno.writeFile(bodyFile, body);
  const shot: Shot = {
    url: `${target.url}${path}`,
    headers: { ...headers, authorization: `Bearer ${target.key}` },
    bodyFile,
    replyBytes: 0,
  };
  const reply = await fetch(shot.url, {
    method: "POST",
    headers: shot.headers,
    body: body as Uint8Array<ArrayBuffer>,
  });
  const text = await reply.text();
  const faults = reply.ok && text.includes(holds)
    ? []
    : [`answers ${reply.status} without ${holds}: ${text.slice(0, 200)}`];
  return { lane, target, shot: { ...shot, replyBytes: text.length }, rounds: [], faults };
}

async function measureRound(
  { target, shot, rounds, faults }: Running,
  load: Load,
  seconds: number,
  careful: boolean,
): Promise<void> {
  const { pid, url, dataDir, answers } = target;
  resetPeak(pid);
  const before = cpuSeconds(pid);
  // With those who pass the question on it would be the upstream that is asked.
  const probe = answers ? probeLoop(url) : undefined;
  const counted = await putLoad(load, shot, seconds);
  const loopDelayP99 = await probe?.stop();
  const afterwards = careful ? await untilIdle(pid, SETTLE_WITHIN) : 0;
  // What one has left for the kernel to write shall not slow down the next.
  if (dataDir && careful) await runTool("sync", ["-f", dataDir]);
  faults.push(...counted.faults);
  rounds.push({
    repliesPerSecond: counted.replies / counted.seconds,
    bytesPerSecond: counted.bytes / counted.seconds,
    p50: counted.p50,
    p99: counted.p99,
    cpuPer1000: (cpuSeconds(pid) - before) / counted.replies * 1000,
    peak: memoryOf(pid).peak,
    afterwards,
    ...loopDelayP99 !== undefined && { loopDelayP99 },
  });
}

function boilDown(rounds: Figures[]): Figures {
  const of = (key: keyof Figures) => median(rounds.flatMap((figures) => figures[key] ?? []));
  return {
    repliesPerSecond: of("repliesPerSecond"),
    bytesPerSecond: of("bytesPerSecond"),
    p50: of("p50"),
    p99: of("p99"),
    cpuPer1000: of("cpuPer1000"),
    peak: Math.max(...rounds.map(({ peak }) => peak)),
    afterwards: of("afterwards"),
    ...rounds.some((figures) => figures.loopDelayP99 !== undefined) && { loopDelayP99: of("loopDelayP99") },
  };
}
