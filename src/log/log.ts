/**
 * The door to the log for everybody: a logger for each module, one request id over all that a request
 * causes, and the one place where output, format and level are set.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import {
  configureSync,
  getLogger,
  type Logger,
  type LogLevel,
  type LogRecord,
  resetSync,
} from "@logtape/logtape";
import { toEntry, toJsonLine, toTextLine } from "./entry.ts";
import { createLineOutput } from "./output.ts";
import { LogRing } from "./ring.ts";

export type { Logger, LogLevel };

/** How the log is written. */
export interface LogOptions {
  /** The lowest level that is logged. */
  level: LogLevel;
  format: "text" | "json";
  /** Takes one line without its end. Default: standard output, in batches. */
  write?: (line: string) => void;
}

/** The running log; disposing of it writes what waits and stops logging. */
export interface Log extends AsyncDisposable {
  /** The last 1000 entries, and the live view. */
  readonly ring: LogRing;
  readonly level: LogLevel;
  /** Changes the level from the next entry on. */
  setLevel(level: LogLevel): void;
}

const ROOT = "imgrouter";
const LEVELS = ["trace", "debug", "info", "warning", "error", "fatal"] as const satisfies LogLevel[];

const context = new AsyncLocalStorage<Record<string, unknown>>();

/** The logger of a module; may be taken before the log is configured. */
export function logger(module: string): Logger {
  return getLogger([ROOT, module]);
}

/** Runs `fn`, and all that it causes, so that everything logged on the way carries this request id. */
export function withRequestId<T>(id: string, fn: () => T): T {
  return context.run({ ...context.getStore(), requestId: id }, fn);
}

/** Reads a level as people write it: in any letter case, `warn` too. Gives `undefined` where it is none. */
export function parseLevel(text: string): LogLevel | undefined {
  const wanted = text.trim().toLowerCase();
  return LEVELS.find((level) => level === wanted || wanted === "warn" && level === "warning");
}

/** Starts the log. There is one in a process: starting another one replaces it. */
export function configureLog({ level, format, write }: LogOptions): Log {
  const ring = new LogRing();
  const output = write ? undefined : createLineOutput(Deno.stdout);
  const toLine = format === "json" ? toJsonLine : toTextLine;
  const writeLine = write ?? output!.write;

  function sink(record: LogRecord) {
    const entry = toEntry(ring.nextId, record);
    ring.push(entry);
    writeLine(toLine(entry));
  }

  function apply(lowestLevel: LogLevel) {
    configureSync({
      reset: true,
      sinks: { sink },
      contextLocalStorage: context,
      loggers: [
        { category: ROOT, sinks: ["sink"], lowestLevel },
        // What the library says of itself matters only when it could not deliver a record.
        { category: ["logtape", "meta"], sinks: ["sink"], lowestLevel: "error" },
      ],
    });
  }

  apply(level);
  return {
    ring,
    get level() {
      return level;
    },
    setLevel(next) {
      level = next;
      apply(next);
    },
    async [Symbol.asyncDispose]() {
      resetSync();
      await output?.[Symbol.asyncDispose]();
    },
  };
}
