/** The bench: what it costs to have the gateway between a client and an image service. `--help` tells the options. */
import { join } from "node:path";
import { type Case, casesAt, FULL, TINY } from "./cases.ts";
import { drawChart } from "./chart.ts";
import { killAll } from "./child.ts";
import { TOOLS } from "./loads.ts";
import { describeMachine } from "./machine.ts";
import { measureCase } from "./measure.ts";
import { type MicroResult, PLAN_AND_LEASE, runMicro } from "./micro.ts";
import { type BenchOptions, readOptions, USAGE } from "./options.ts";
import { profileCase, profileTable } from "./profile.ts";
import { resultsPage, terminalTable } from "./report.ts";
import { faultsOf, type Results } from "./results.ts";
import { PROJECT } from "./start_task.ts";
import { hasProgram, Stage } from "./targets.ts";

/** Pictures are stored on a disk, which `/tmp` often is not. */
const SCRATCH = "/var/tmp";

/** Measures what was chosen. `tell` hears what is being done. */
async function bench(options: BenchOptions, folder: string, tell: (what: string) => void): Promise<Results> {
  const { rounds, seconds, tiny } = options;
  const machine = await describeMachine(folder, PROJECT);
  const effort = { rounds, seconds, careful: !tiny, folder };
  const cases = await chosen(options);
  const measured: Results["cases"] = [];
  if (tiny) {
    await using stage = new Stage({ folder });
    for (const one of cases) measured.push(await measureCase(one, stage, effort, tell));
  } else {
    for (const one of cases) {
      // New processes for each case: memory that an earlier one left behind is not this one's.
      await using stage = new Stage({ folder });
      measured.push(await measureCase(one, stage, effort, tell));
    }
  }
  const micro = await microFigures(options, tell);
  return { machine, date: new Date().toISOString(), rounds, seconds, cases: measured, micro };
}

/** Writes the page and the chart. */
async function writeResults(results: Results, out: string): Promise<void> {
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(join(out, "RESULTS.md"), resultsPage(results));
  await Deno.writeTextFile(join(out, "results.svg"), drawChart(results));
}

/** What has to be installed first, in words; nothing where all is there. */
export async function missingTools(): Promise<string | undefined> {
  const missing: string[] = [];
  for (const [program, name] of Object.entries(TOOLS)) if (!await hasProgram(program)) missing.push(name);
  if (missing.length === 0) return undefined;
  return `Load is put on by ${missing.join(" and ")}, not found here: apt-get install ${missing.join(" ")}`;
}

/** They belong to a run with all cases; a tiny one takes the one figure that a goal is about. */
async function microFigures(
  { cases, tiny }: BenchOptions,
  tell: (what: string) => void,
): Promise<MicroResult[]> {
  if (cases.length > 0) return [];
  tell("micro-figures");
  return await runMicro(tiny ? PLAN_AND_LEASE : undefined);
}

async function chosen({ cases, targets, tiny }: BenchOptions): Promise<Case[]> {
  const hasNginx = await hasProgram("nginx");
  const all = casesAt(tiny ? TINY : FULL);
  const isName = (part: string) => all.some(({ name }) => name === part);
  const isMeant = (name: string, part: string) => isName(part) ? name === part : name.includes(part);
  return all
    .filter(({ name }) => cases.length === 0 || cases.some((part) => isMeant(name, part)))
    .map((one) => ({
      ...one,
      lanes: one.lanes.filter(({ target }) =>
        (targets.length === 0 || targets.includes(target)) && (target !== "nginx" || hasNginx)
      ),
    }))
    .filter(({ lanes }) => lanes.length > 0);
}

async function profile(options: BenchOptions, folder: string): Promise<void> {
  const [only, ...others] = await chosen({ ...options, targets: [] });
  if (!only || others.length > 0) {
    throw new Error("Cannot profile: expected one case, named with --case; --list tells their names");
  }
  const [target = "backend"] = options.targets;
  const keepIn = await Deno.makeTempDir({ prefix: "imgrouter-profile-" });
  const { path, top } = await profileCase({ only, target, seconds: options.seconds, folder, keepIn });
  console.log(`${path}\n\nTime in functions themselves, without idle time:\n${profileTable(top)}`);
}

/** @returns the exit code */
async function main(options: BenchOptions, folder: string): Promise<number> {
  if (options.profile) {
    await profile(options, folder);
    return 0;
  }
  const results = await bench(options, folder, (what) => console.error(what));
  console.log(terminalTable(results));
  const isWhole = options.cases.length === 0 && options.targets.length === 0 && !options.tiny;
  const out = options.out ?? (isWhole ? import.meta.dirname! : undefined);
  if (out !== undefined) await writeResults(results, out);
  return faultsOf(results).length > 0 ? 1 : 0;
}

function optionsOrExit(): BenchOptions {
  try {
    return readOptions(Deno.args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    Deno.exit(2);
  }
}

if (import.meta.main) {
  const options = optionsOrExit();
  if (options.help || options.list) {
    const list = casesAt(FULL).map(({ name, title }) => `${name.padEnd(20)}${title}`).join("\n");
    console.log(options.help ? USAGE : list);
    Deno.exit(0);
  }
  const missing = await missingTools();
  if (missing !== undefined || Deno.build.os !== "linux") {
    console.error(missing ?? "The bench reads what processes cost from /proc, which only Linux has");
    Deno.exit(2);
  }
  const folder = await Deno.makeTempDir({ dir: SCRATCH, prefix: "imgrouter-bench-" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      killAll();
      Deno.removeSync(folder, { recursive: true });
      Deno.exit(130);
    });
  }
  let code = 1;
  try {
    code = await main(options, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  Deno.exit(code);
}
