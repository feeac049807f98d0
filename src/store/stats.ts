/**
 * Aggregates behind the dashboard: what happened in each minute, hour and day at each provider and model, so that
 * a question about a month reads some thousand small rows and never the history. Counted in memory, written
 * together; a slow or broken database delays figures and never a request.
 */
import { setImmediate as othersFirst } from "node:timers/promises";
import { type Insertable, sql } from "kysely";
import { type Clock, systemClock } from "../core/clock.ts";
import { chunks } from "./chunks.ts";
import type { Database } from "./database.ts";
import type { StatsCountTable, StatsTable } from "./schema.ts";
import { createStatsReader } from "./stats_reader.ts";
import {
  DAY,
  type EndedCall,
  type EndedRequest,
  HOUR,
  MINUTE,
  type Span,
  SPANS,
  SUMS,
  Tally,
} from "./stats_tally.ts";

/** How counting behaves. */
export interface StatsOptions {
  clock?: Clock;
  /** Is told of every write that failed and of every loss; must not throw. */
  onError: (error: Error) => void;
  /** How long counts wait for company, in ms. */
  flushMs?: number;
  /** How many buckets may wait while the database does not take them; beyond it the oldest are dropped. */
  maxWaiting?: number;
}

/** The statistics; disposing of them writes what still waits. */
export type Stats = ReturnType<typeof createStats>;

/** How long buckets are kept, in ms. */
const KEPT: Record<Span, number> = { [MINUTE]: 2 * DAY, [HOUR]: 400 * DAY, [DAY]: 400 * DAY };
const ROWS_A_STATEMENT = 500;
const HISTORY_PAGE = 1000;

/** Makes the statistics over an open database. */
export function createStats(
  db: Database,
  { clock = systemClock, onError, flushMs = 1000, maxWaiting = 20_000 }: StatsOptions,
) {
  let waiting = new Tally();
  const closing = new AbortController();
  let timer: Promise<void> | undefined;
  let writing: Promise<void> = Promise.resolve();

  function startTimer() {
    timer ??= clock.sleep(flushMs, closing.signal).catch(() => {}).then(() => {
      timer = undefined;
      return flush();
    });
  }

  function flush(): Promise<void> {
    writing = writing.then(write);
    return writing;
  }

  async function write() {
    if (waiting.size === 0) return;
    const batch = waiting;
    waiting = new Tally();
    try {
      await writeTally(db, batch);
    } catch (cause) {
      onError(new Error("Cannot write statistics", { cause }));
      waiting.merge(batch);
      const dropped = waiting.shrink(maxWaiting);
      if (dropped) onError(new Error(`Dropped ${dropped} buckets of statistics: they can't be written`));
      if (!closing.signal.aborted) startTimer();
    }
  }

  return {
    ...createStatsReader(db, flush),

    /** Counts a request that ended; returns at once and never throws. */
    request(request: EndedRequest): void {
      waiting.request(request);
      startTimer();
    },

    /** Counts a call to a provider that ended; returns at once and never throws. */
    call(call: EndedCall): void {
      waiting.call(call);
      startTimer();
    },

    /** Writes what waits now, and resolves when that is done or has failed. Never rejects. */
    flush,

    /** Forgets minutes that are older than two days, and hours and days older than 400. */
    async prune(now: number): Promise<void> {
      for (const table of ["stats", "stats_counts"] as const) {
        for (const span of SPANS) {
          await db.deleteFrom(table).where("span", "=", span).where("start_at", "<", now - KEPT[span])
            .execute();
          await othersFirst();
        }
      }
    },

    /**
     * Counts the history, where nothing was counted yet: after an upgrade, or where the tables were emptied.
     * Must end before the first request is counted. Gives how many requests it found.
     * @param options.modelOf gives the name under which a model is counted.
     */
    async backfill({ modelOf }: { modelOf: (provider: string, model: string) => string }): Promise<number> {
      if (await db.selectFrom("stats").select("span").limit(1).executeTakeFirst()) return 0;
      const tally = new Tally();
      const count = await countHistory(db, tally, clock.now() - KEPT[MINUTE], modelOf);
      // Two processes may do this at once: the rows of the one that came first stay as they are.
      await writeTally(db, tally, "keep");
      return count;
    },

    /** Writes what waits. What can't be written is told to `onError`. */
    async [Symbol.asyncDispose](): Promise<void> {
      closing.abort();
      await timer;
      await flush();
    },
  };
}

async function writeTally(db: Database, tally: Tally, known: "add" | "keep" = "add"): Promise<void> {
  const { buckets, counts } = tally.rows();
  await db.transaction().execute(async (tx) => {
    for (const rows of chunks(buckets, ROWS_A_STATEMENT)) await writeBuckets(tx, rows, known);
    for (const rows of chunks(counts, ROWS_A_STATEMENT)) await writeCounts(tx, rows, known);
  });
}

async function writeBuckets(tx: Database, rows: Insertable<StatsTable>[], known: "add" | "keep") {
  const sums = Object.fromEntries(
    SUMS.map((
      column,
    ) => [column, sql<number>`${sql.ref(`stats.${column}`)} + ${sql.ref(`excluded.${column}`)}`]),
  );
  await tx.insertInto("stats").values(rows).onConflict((conflict) => {
    const same = conflict.columns(["span", "start_at", "provider", "model"]);
    return known === "add" ? same.doUpdateSet(sums) : same.doNothing();
  }).execute();
}

async function writeCounts(tx: Database, rows: Insertable<StatsCountTable>[], known: "add" | "keep") {
  await tx.insertInto("stats_counts").values(rows).onConflict((conflict) => {
    const same = conflict.columns(["span", "start_at", "provider", "model", "kind", "what"]);
    return known === "add"
      ? same.doUpdateSet({ count: sql`stats_counts.count + excluded.count` })
      : same.doNothing();
  }).execute();
}

/** Walks the whole history, oldest first, and counts it. */
async function countHistory(
  db: Database,
  tally: Tally,
  minutesFrom: number,
  modelOf: (provider: string, model: string) => string,
): Promise<number> {
  let found = 0;
  let after = { time: -1, id: "" };
  while (true) {
    const requests = await db.selectFrom("requests")
      .select(["id", "time", "provider", "used_model", "outcome", "images", "duration_ms", "cost_usd"])
      .where((eb) => eb(eb.refTuple("time", "id"), ">", eb.tuple(after.time, after.id)))
      .orderBy("time").orderBy("id").limit(HISTORY_PAGE).execute();
    const last = requests.at(-1);
    if (!last) break;
    const attempts = await db.selectFrom("attempts")
      .select(["request_id", "provider", "model", "outcome"])
      .where("request_id", "in", requests.map(({ id }) => id)).execute();
    const ended = new Map(requests.map((row) => [row.id, row.time + row.duration_ms]));
    for (const row of requests) {
      tally.request({
        time: row.time + row.duration_ms,
        provider: row.provider ?? undefined,
        model: row.provider && row.used_model ? modelOf(row.provider, row.used_model) : undefined,
        outcome: row.outcome,
        images: row.images,
        durationMs: row.duration_ms,
        costUsd: row.cost_usd ?? undefined,
      });
    }
    for (const { request_id, provider, model, outcome } of attempts) {
      tally.call({ time: ended.get(request_id)!, provider, model: modelOf(provider, model), outcome });
    }
    found += requests.length;
    after = { time: last.time, id: last.id };
    await othersFirst();
  }
  tally.forget(MINUTE, minutesFrom);
  return found;
}
