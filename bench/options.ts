/** What the person at the terminal may choose. */
import { parseArgs } from "node:util";
import { type TargetName, TARGETS } from "./targets.ts";

/** The choice. */
export interface BenchOptions {
  /** Parts of the names of cases; empty = all. */
  cases: string[];
  /** Targets to measure; empty = all of each case. */
  targets: TargetName[];
  rounds: number;
  seconds: number;
  list: boolean;
  profile: boolean;
  help: boolean;
  /** Small sizes, no warm-up, targets started once: whether the bench works, not how fast anything is. */
  tiny: boolean;
  /** Folder of the results; absent = they are shown, and kept only of a run with all cases. */
  out?: string;
}

export const USAGE = `deno task bench [options]

  --case NAME      only the case NAME, or cases whose names contain it; may be given again
  --target NAME    only these targets: ${Object.keys(TARGETS).join(", ")}; may be given again
  --rounds N       rounds of each case (3)
  --seconds N      length of a round (2)
  --list           names of all cases
  --profile        run one case with V8's profiler in the gateway (--target backend unless told otherwise)
  --tiny           everything small: shows whether the bench works, not how fast anything is
  --out FOLDER     write RESULTS.md and results.svg there; without it only a run with all cases writes, to bench/`;

/** Reads the arguments. @throws TypeError where one is unknown or no number */
export function readOptions(args: string[]): BenchOptions {
  const { values } = parseArgs({
    // The task passes on the dashes that set its own options apart.
    args: args[0] === "--" ? args.slice(1) : args,
    options: {
      case: { type: "string", multiple: true, default: [] },
      target: { type: "string", multiple: true, default: [] },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "2" },
      list: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      tiny: { type: "boolean", default: false },
      out: { type: "string" },
    },
  });
  const { case: cases, target, rounds, seconds, ...rest } = values;
  return {
    ...rest,
    cases,
    targets: target.map(targetNamed),
    rounds: positive("rounds", rounds),
    seconds: positive("seconds", seconds),
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new TypeError(`Cannot read --${name}: expected a number above 0, got '${text}'`);
}

function targetNamed(name: string): TargetName {
  if (Object.hasOwn(TARGETS, name)) return name as TargetName;
  throw new TypeError(
    `Cannot read --target: expected one of ${Object.keys(TARGETS).join(", ")}, got '${name}'`,
  );
}
