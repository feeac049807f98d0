/**
 * Writes lines without making anybody wait: they are collected and written together, and if the reader of
 * our output is stuck the newest lines are dropped and counted instead of filling the memory.
 */

import { type Clock, systemClock } from "../core/clock.ts";

/** Where the bytes go; standard output is one. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
}

/** Collected lines; disposing of it writes those that wait. */
export interface LineOutput extends AsyncDisposable {
  /** Takes a line, without its end, and returns at once. */
  write(line: string): void;
}

/** How lines are collected. */
export interface LineOutputOptions {
  clock?: Clock;
  /** How long a line waits for company, in ms. */
  gatherMs?: number;
  /** How many lines may wait; beyond it new ones are dropped. */
  maxWaiting?: number;
}

/** Makes an output to `sink`. */
export function createLineOutput(
  sink: Sink,
  { clock = systemClock, gatherMs = 20, maxWaiting = 10_000 }: LineOutputOptions = {},
): LineOutput {
  const closing = new AbortController();
  let waiting: string[] = [];
  let dropped = 0;
  let writing: Promise<void> | undefined;

  async function writeAll() {
    while (waiting.length) {
      await clock.sleep(gatherMs, closing.signal).catch(() => {});
      const lines = waiting;
      waiting = [];
      if (dropped) lines.push(`… ${dropped} lines of the log were dropped: its output is not being read`);
      dropped = 0;
      let rest = new TextEncoder().encode(lines.join("\n") + "\n");
      while (rest.length) rest = rest.subarray(await sink.write(rest));
    }
  }

  function start() {
    // A closed pipe must not end the gateway.
    writing ??= writeAll().catch(() => {
      waiting = [];
    }).finally(() => {
      writing = undefined;
      if (waiting.length) start();
    });
  }

  return {
    write(line) {
      if (waiting.length >= maxWaiting) dropped++;
      else waiting.push(line);
      start();
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      while (writing) await writing;
    },
  };
}
