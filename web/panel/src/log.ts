/** The gateway's log in a component: what was logged lately, and each line as it is written. */
import { type ReadonlySignal, type Signal, useSignal } from "@preact/signals";
import type { InferResponseType } from "hono/client";
import { useEffect } from "preact/hooks";
import { api, call } from "./api.ts";
import { listenToLog, logBegun } from "./live.ts";

/** One line of the log. */
export type LogLine = InferResponseType<typeof api.logs.$get, 200>["data"][number];

/** How much a line matters, from little to much. */
export const LEVELS = ["trace", "debug", "info", "warning", "error", "fatal"];

/** Lines are shown together that came within so many ms. */
const GATHER = 100;
const PAGE = 200;

/** What names a line: ids begin anew when the gateway is started again. */
export function lineKey({ time, id }: LogLine): string {
  return `${time} ${id}`;
}

/** A moment of a line, to the millisecond, and the line itself, as text. */
export function lineText({ time, level, module, requestId, message }: LogLine): string {
  return [time, level.toUpperCase(), `[${module}]`, requestId, message].filter(Boolean).join(" ");
}

/** The log, as far as it is known here. */
export interface Log {
  /** Oldest first. */
  lines: Signal<readonly LogLine[]>;
  /** Why it could not be read. */
  error: ReadonlySignal<Error | undefined>;
  loading: ReadonlySignal<boolean>;
  reload: () => void;
}

/** Follows the log while the component is there. @param most how many lines are kept, about */
export function useLog(most: number): Log {
  const lines = useSignal<readonly LogLine[]>([]);
  const error = useSignal<Error>();
  const loading = useSignal(true);
  const turn = useSignal(0);
  useEffect(() => {
    const left = new AbortController();
    const news = new Map<string, LogLine>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = listenToLog((event) => {
      const line = event as unknown as LogLine;
      news.set(lineKey(line), line);
      timer ??= setTimeout(() => {
        lines.value = merged(lines.peek(), [...news.values()], most);
        news.clear();
        timer = undefined;
      }, GATHER);
    });
    const read = async () => {
      loading.value = true;
      try {
        const known = new Set(lines.peek().map(lineKey));
        const found = await readLately(most, known, left.signal);
        lines.value = merged(lines.peek(), found, most);
        error.value = undefined;
      } catch (failure) {
        if (!left.signal.aborted) error.value = failure as Error;
      } finally {
        loading.value = false;
      }
    };
    void read();
    // What was written before the stream began, or while the connection was lost.
    const begun = logBegun.peek();
    const forget = logBegun.subscribe((times) => void (times > begun && read()));
    return () => {
      left.abort();
      stop();
      forget();
      clearTimeout(timer);
    };
  }, [most, turn.value]);
  return { lines, error, loading, reload: () => turn.value++ };
}

/** What the gateway still has, page by page, back to what is known. */
async function readLately(most: number, known: ReadonlySet<string>, signal: AbortSignal): Promise<LogLine[]> {
  const found: LogLine[] = [];
  let after: string | undefined;
  do {
    const query = { limit: String(Math.min(PAGE, most)), ...after && { after } };
    const page = await call(api.logs.$get({ query }, { init: { signal } }));
    found.push(...page.data);
    after = page.next ?? undefined;
  } while (after && found.length < most && !known.has(lineKey(found.at(-1)!)));
  return found;
}

/** Both together in order, each line once. Some old ones go at a time, lest what somebody reads moves with each line. */
function merged(known: readonly LogLine[], more: readonly LogLine[], most: number): readonly LogLine[] {
  const last = known.at(-1);
  const isNew = (line: LogLine) => !last || line.time >= last.time && Number(line.id) > Number(last.id);
  const all = more.every(isNew) ? [...known, ...more.toSorted(inOrder)] : woven(known, more);
  return all.length > most * 1.1 ? all.slice(-most) : all;
}

function woven(known: readonly LogLine[], more: readonly LogLine[]): LogLine[] {
  const lines = new Map(known.map((line) => [lineKey(line), line]));
  for (const line of more) lines.set(lineKey(line), line);
  return [...lines.values()].sort(inOrder);
}

function inOrder(a: LogLine, b: LogLine): number {
  return a.time === b.time ? Number(a.id) - Number(b.id) : a.time < b.time ? -1 : 1;
}
