/** The words and tables of a run: one for the terminal, one page to keep. */
import type { CaseResult, LaneResult } from "./measure.ts";
import { judge } from "./goals.ts";
import { baseline, faultsOf, isGood, type Results } from "./results.ts";
import { TARGETS } from "./targets.ts";

const MB = 1_000_000;
const HEADS = [
  "",
  "replies/s",
  "× bare",
  "MB/s",
  "p50 ms",
  "p99 ms",
  "CPU s/1000",
  "× bare",
  "MB at rest",
  "MB peak",
  "loop p99 ms",
  "after s",
];

/** Everything in one table, for a terminal. */
export function terminalTable(results: Results): string {
  const rows = results.cases.flatMap((one) => [[`${one.name}: ${one.title}`], ...rowsOf(one)]);
  const widths = HEADS.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row.length > 1 ? (row[column] ?? "").length : 0))
  );
  const line = (cells: string[]) =>
    cells.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)).join(
      "  ",
    );
  const table = [line(HEADS), ...rows.map((row) => row.length > 1 ? line(row) : `\n${row[0]}`)].join("\n");
  const faults = faultsOf(results).map((fault) => `INVALID  ${fault}`);
  return [table, "", ...goalLines(results), ...faults].join("\n");
}

/** The page `RESULTS.md`. */
export function resultsPage(results: Results): string {
  const { machine, date, rounds, seconds, micro } = results;
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`).join(", ");
  const faults = faultsOf(results);
  return `# Results

Written by \`deno task bench\`; how to read it is told in [README.md](README.md).

- **Machine:** ${machine.cpu}, ${machine.cores} cores, ${
    Math.round(machine.memory / 2 ** 30)
  } GiB; ${machine.kernel}; pictures on ${machine.disk}
- **Versions:** ${versions}
- **Date:** ${date.slice(0, 10)}
- **Method:** everything on one machine over loopback; ${rounds} rounds of ${seconds} s, targets taking turns within each round; medians of the rounds, for memory the highest. Only ratios within one run can be compared with other runs.
${faults.length > 0 ? `\n**Not valid:**\n\n${faults.map((fault) => `- ${fault}`).join("\n")}\n` : ""}
![Replies a second through each](results.svg)

## Goals

${
    markdown(
      ["", "goal", "measured", "reached"],
      judge(results).map(({ what, goal, measured, reached }) => [what, goal, measured ?? "–", mark(reached)]),
    )
  }

## Cases

${results.cases.map(section).join("\n\n")}

## Micro-figures

${
    markdown(
      ["", "mean ms", "p99 ms"],
      micro.map(({ group, name, mean, p99 }) => [`${group}: ${name}`, mean.toFixed(4), p99.toFixed(4)]),
    )
  }
`;
}

function section(one: CaseResult): string {
  const growth = one.lanes
    .filter(({ rounds }) => one.name.startsWith("slow") && rounds.length > 1)
    .map((lane) => `${labelOf(lane)}: ${lane.rounds.map(({ peak }) => Math.round(peak / MB)).join(", ")} MB`);
  return [
    `### ${one.title}`,
    markdown(HEADS, rowsOf(one)),
    ...(growth.length > 0 ? [`Peak of memory round by round: ${growth.join("; ")}.`] : []),
  ].join("\n\n");
}

function goalLines(results: Results): string[] {
  const verdicts = judge(results).filter(({ measured }) => measured !== undefined);
  return verdicts.map(({ what, goal, measured, reached }) =>
    `${mark(reached)}  ${what}: ${measured} (${goal})`
  );
}

function mark(reached: boolean | undefined): string {
  return reached === undefined ? "not measured" : reached ? "✓" : "✗";
}

function rowsOf(one: CaseResult): string[][] {
  const bare = baseline(one);
  return one.lanes.map((lane) => {
    const label = labelOf(lane);
    if (!isGood(lane)) return [label, "not valid", ...HEADS.slice(2).map(() => "–")];
    const { median, rest } = lane;
    const against = (value: number, base?: number) => lane.target === "upstream" ? "–" : ratio(value, base);
    return [
      label,
      number(median.repliesPerSecond),
      against(median.repliesPerSecond, bare?.median.repliesPerSecond),
      number(median.bytesPerSecond / MB),
      number(median.p50),
      number(median.p99),
      number(median.cpuPer1000),
      against(median.cpuPer1000, bare?.median.cpuPer1000),
      number(rest / MB),
      number(median.peak / MB),
      median.loopDelayP99 === undefined ? "–" : number(median.loopDelayP99),
      median.afterwards.toFixed(1),
    ];
  });
}

function labelOf({ target, variant }: LaneResult): string {
  return variant === undefined ? TARGETS[target] : `${TARGETS[target]}, ${variant}`;
}

function ratio(value: number, base: number | undefined): string {
  // What took less than a tick of the kernel's clock has no ratio.
  return base === undefined || base === 0 ? "–" : (value / base).toFixed(2);
}

/** Three digits that count, and no more. */
function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(Math.min(2, digits));
}

function markdown(heads: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = heads.map((_, column) => column === 0 ? "---" : "--:");
  return [line(heads), line(rule), ...rows.map(line)].join("\n");
}
