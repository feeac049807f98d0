/** What a run gave, and the questions that are asked of it. */
import type { CaseResult, LaneResult } from "./measure.ts";
import type { Machine } from "./machine.ts";
import type { MicroResult } from "./micro.ts";
import type { TargetName } from "./targets.ts";

/** All of a run. */
export interface Results {
  machine: Machine;
  /** When it ended, ISO 8601. */
  date: string;
  rounds: number;
  seconds: number;
  cases: CaseResult[];
  micro: MicroResult[];
}

/** A lane of a case, if it was measured and nothing went wrong. */
export function laneOf(
  results: Results,
  caseName: string,
  target: TargetName,
  variant?: string,
): LaneResult | undefined {
  return results.cases.find(({ name }) => name === caseName)
    ?.lanes.find((lane) => lane.target === target && lane.variant === variant && isGood(lane));
}

/** The lane that the others of a case are compared with. */
export function baseline({ lanes }: CaseResult): LaneResult | undefined {
  return lanes.find((lane) => lane.target === "bare" && isGood(lane));
}

/** Whether a lane's figures count. */
export function isGood({ faults, rounds }: LaneResult): boolean {
  return faults.length === 0 && rounds.length > 0;
}

/** Lanes that went wrong, in words. */
export function faultsOf({ cases }: Results): string[] {
  return cases.flatMap(({ name, lanes }) =>
    lanes.flatMap(({ target, variant, faults }) =>
      faults.map((fault) => `${name}, ${[target, variant].filter(Boolean).join(", ")}: ${fault}`)
    )
  );
}
