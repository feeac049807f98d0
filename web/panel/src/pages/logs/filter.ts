/** Which lines of the log are shown, and where some are missing between them. */
import { LEVELS, lineKey, type LogLine } from "../../log.ts";

/** What somebody looks for; empty texts are for everything. */
export interface Wanted {
  level: string;
  q: string;
  request: string;
}

/** What stands before a line: so many lines are missing, or the gateway began anew. */
export type Gap = { missed: number } | "restarted";

/** What is left of the log. */
export interface Shown {
  lines: readonly LogLine[];
  /** By the key of the line that comes after. */
  gaps: ReadonlyMap<string, Gap>;
}

/** Lines that fit; ids rise by one, so that a jump in them tells what the stream could not bring. */
export function shownOf(all: readonly LogLine[], { level, q, request }: Wanted): Shown {
  const least = LEVELS.indexOf(level);
  const text = q.toLowerCase();
  const lines: LogLine[] = [];
  const gaps = new Map<string, Gap>();
  let before: LogLine | undefined;
  let gap: Gap | undefined;
  for (const line of all) {
    gap = sumOf(gap, before && gapBetween(before, line));
    before = line;
    if (LEVELS.indexOf(line.level) < least) continue;
    if (request && line.requestId !== request) continue;
    if (text && !haystack(line).includes(text)) continue;
    if (gap && lines.length > 0) gaps.set(lineKey(line), gap);
    gap = undefined;
    lines.push(line);
  }
  return { lines, gaps };
}

function gapBetween(before: LogLine, line: LogLine): Gap | undefined {
  const step = Number(line.id) - Number(before.id);
  if (step <= 0) return "restarted";
  return step > 1 ? { missed: step - 1 } : undefined;
}

function sumOf(a: Gap | undefined, b: Gap | undefined): Gap | undefined {
  if (!a || !b) return a ?? b;
  return a === "restarted" || b === "restarted" ? "restarted" : { missed: a.missed + b.missed };
}

const haystacks = new WeakMap<LogLine, string>();

/** What is searched: made once a line, since every letter that somebody types searches all of them. */
function haystack(line: LogLine): string {
  const known = haystacks.get(line);
  if (known !== undefined) return known;
  const { module, message, requestId, fields } = line;
  const made = [module, message, requestId, JSON.stringify(fields)].join("\n").toLowerCase();
  haystacks.set(line, made);
  return made;
}
