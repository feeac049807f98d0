/**
 * Writes lines without making anybody wait: they are collected and written together, and if the reader of
 * our output is stuck the newest lines are dropped and counted instead of filling the memory.
 */

/** Where the bytes go; standard output is one. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
}

/** Collected lines; disposing of it writes those that wait. */
export interface LineOutput extends AsyncDisposable {
  /** Takes a line, without its end, and returns at once. */
  write(line: string): void;
}

/** @param options.maxWaiting how many lines may wait. */
export function createLineOutput(
  sink: Sink,
  { maxWaiting = 10_000 }: { maxWaiting?: number } = {},
): LineOutput {
  let waiting: string[] = [];
  let dropped = 0;
  let writing: Promise<void> | undefined;

  async function writeAll() {
    while (waiting.length) {
      const lines = waiting;
      waiting = [];
      if (dropped) lines.push(`… ${dropped} lines of the log were dropped: its output is not being read`);
      dropped = 0;
      let rest = new TextEncoder().encode(lines.join("\n") + "\n");
      while (rest.length) rest = rest.subarray(await sink.write(rest));
    }
  }

  function start() {
    // A microtask later, so that lines of one turn go together. A closed pipe must not end the gateway.
    writing ??= Promise.resolve().then(writeAll).catch(() => {
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
      while (writing) await writing;
    },
  };
}
