/**
 * What was asked and how it went: each request with its attempts. Writing waits in a bounded queue, so that
 * a slow or broken database costs history and never a request.
 */
import { setImmediate as othersFirst } from "node:timers/promises";
import type { Insertable } from "kysely";
import { type Clock, systemClock } from "../core/clock.ts";
import { chunks } from "./chunks.ts";
import type { Database } from "./database.ts";
import { createHistoryReader } from "./history_reader.ts";
import { type AttemptRecord, type RequestRecord, toAttemptRow, toRequestRow } from "./history_record.ts";
import type { AttemptTable, RequestTable } from "./schema.ts";

/** How the queue behaves. */
export interface HistoryOptions {
  clock?: Clock;
  /** Is told of every write that failed and of every loss; must not throw. */
  onError: (error: Error) => void;
  /** How long records wait for company, in ms. */
  flushMs?: number;
  /** How many records are written at once, and at once cause a write. */
  flushSize?: number;
  /** How many records may wait; beyond it the oldest are dropped. */
  maxQueued?: number;
}

/** A batch that failed this often is given up, lest one bad record holds up all others for ever. */
const MAX_FAILURES = 3;
const ATTEMPTS_A_STATEMENT = 500;

/** The history; disposing of it writes what still waits. */
export type History = ReturnType<typeof createHistory>;

interface Entry {
  request: RequestRecord;
  attempts: readonly AttemptRecord[];
}

/** Makes the history over an open database. */
export function createHistory(
  db: Database,
  { clock = systemClock, onError, flushMs = 1000, flushSize = 200, maxQueued = 5000 }: HistoryOptions,
) {
  const queue: Entry[] = [];
  const closing = new AbortController();
  let timer: Promise<void> | undefined;
  let writing: Promise<void> = Promise.resolve();
  let dropped = 0;
  let failures = 0;

  function startTimer() {
    timer ??= clock.sleep(flushMs, closing.signal).catch(() => {}).then(() => {
      timer = undefined;
      return flush();
    });
  }

  function flush(): Promise<void> {
    writing = writing.then(drain);
    return writing;
  }

  async function drain() {
    if (dropped) {
      onError(
        new Error(
          `Dropped ${dropped} requests from the history: they came faster than they could be written`,
        ),
      );
      dropped = 0;
    }
    while (queue.length) {
      const batch = queue.splice(0, flushSize);
      try {
        await writeBatch(db, batch);
        failures = 0;
        await othersFirst();
      } catch (cause) {
        onError(new Error(`Cannot write ${batch.length} requests to the history`, { cause }));
        return putBack(batch);
      }
    }
  }

  function putBack(batch: Entry[]) {
    if (++failures >= MAX_FAILURES) {
      failures = 0;
      onError(
        new Error(`Gave up ${batch.length} requests of the history after ${MAX_FAILURES} failed writes`),
      );
    } else {
      queue.unshift(...batch);
      dropOldest();
    }
    if (queue.length && !closing.signal.aborted) startTimer();
  }

  function dropOldest() {
    const excess = queue.length - maxQueued;
    if (excess > 0) dropped += queue.splice(0, excess).length;
  }

  return {
    ...createHistoryReader(db),

    /** Notes a request that ended; returns at once and never throws. */
    record(request: RequestRecord, attempts: readonly AttemptRecord[]): void {
      queue.push({ request, attempts });
      dropOldest();
      // After a failure the timer alone sets the pace: a broken database is not asked again by every request.
      if (queue.length === flushSize && !failures) void flush();
      else startTimer();
    },

    /** Writes what waits now, and resolves when that is done or has failed. Never rejects. */
    flush,

    /** Writes what waits. What can't be written is told to `onError`. */
    async [Symbol.asyncDispose](): Promise<void> {
      closing.abort();
      await timer;
      await flush();
    },
  };
}

async function writeBatch(db: Database, batch: Entry[]): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const wanted = batch.map(({ request }) => request.id);
    const known = await tx.selectFrom("requests").select("id").where("id", "in", wanted).execute();
    const taken = new Set(known.map(({ id }) => id));
    const requests: Insertable<RequestTable>[] = [];
    const attempts: Insertable<AttemptTable>[] = [];
    for (const entry of batch) {
      const id = unused(entry.request.id, taken);
      requests.push(toRequestRow(id, entry.request));
      attempts.push(...entry.attempts.map((attempt, position) => toAttemptRow(id, position, attempt)));
    }
    await tx.insertInto("requests").values(requests).execute();
    for (const chunk of chunks(attempts, ATTEMPTS_A_STATEMENT)) {
      await tx.insertInto("attempts").values(chunk).execute();
    }
  });
}

/** Callers choose request ids and may repeat them. */
function unused(id: string, taken: Set<string>): string {
  const free = taken.has(id) ? `${id}~${crypto.randomUUID().slice(0, 8)}` : id;
  taken.add(free);
  return free;
}
