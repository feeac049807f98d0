/** Answers questions about what was counted: over a stretch of time, in steps, by provider and model. */
import { type ExpressionBuilder, sql } from "kysely";
import type { Database } from "./database.ts";
import type { Schema } from "./schema.ts";
import { type CountKind, DAY, MINUTE, type Span, SUMS } from "./stats_tally.ts";

/** A stretch of time, in ms since the epoch; `to` is not included. */
export interface Stretch {
  from: number;
  to: number;
}

/** What was counted. */
export interface Sums {
  requests: number;
  failures: number;
  images: number;
  /** Images of which no price is known; they are not in `costUsd`. */
  unpricedImages: number;
  costUsd: number;
  bytes: number;
  calls: number;
  failedCalls: number;
}

/** Sums of one step at one provider and model. */
export interface StepSums extends Sums {
  /** When the step starts. */
  time: number;
  provider: string;
  model: string;
}

/** How often something happened. */
export interface Counted {
  kind: CountKind;
  /** The kind of failure, or the class of a time as `time_histogram.ts` numbers them. */
  what: string;
  count: number;
}

/** The reading half of the statistics. @param flush is done before every answer, so that it is up to date */
export function createStatsReader(db: Database, flush: () => Promise<void>) {
  async function sum({ from, to }: Stretch, span: Span): Promise<Sums> {
    await flush();
    const row = await db.selectFrom("stats").select(SUMS.map(total))
      .where("span", "=", span).where("start_at", ">=", from).where("start_at", "<", to)
      .executeTakeFirstOrThrow();
    return toSums(row);
  }

  return {
    /** Sums in steps of `step` ms, which must be a multiple of the span. */
    async steps({ from, to }: Stretch, span: Span, step: number): Promise<StepSums[]> {
      await flush();
      const rows = await db.selectFrom("stats")
        .select([stepStart(step).as("time"), "provider", "model", ...SUMS.map(total)])
        .where("span", "=", span).where("start_at", ">=", from).where("start_at", "<", to)
        .groupBy([stepStart(step), "provider", "model"]).execute();
      return rows.map(({ time, provider, model, ...sums }) => ({
        time: Number(time),
        provider,
        model,
        ...toSums(sums),
      }));
    },

    /** Counts of all providers together, in steps. */
    async countsByStep(
      { from, to }: Stretch,
      span: Span,
      step: number,
      kind: CountKind,
    ): Promise<(Counted & { time: number })[]> {
      await flush();
      const rows = await db.selectFrom("stats_counts")
        .select((eb) => [stepStart(step).as("time"), "what", eb.fn.sum("count").as("count")])
        .where((eb) => within(eb, span, { from, to })).where("kind", "=", kind)
        .groupBy([stepStart(step), "what"]).execute();
      return rows.map(({ time, what, count }) => ({ time: Number(time), kind, what, count: Number(count) }));
    },

    /** Counts of the whole stretch, by provider and model. */
    async countsByRoute(
      stretch: Stretch,
      span: Span,
    ): Promise<(Counted & { provider: string; model: string })[]> {
      await flush();
      const rows = await db.selectFrom("stats_counts")
        .select((eb) => ["provider", "model", "kind", "what", eb.fn.sum("count").as("count")])
        .where((eb) => within(eb, span, stretch))
        .groupBy(["provider", "model", "kind", "what"]).execute();
      return rows.map((row) => ({ ...row, kind: row.kind as CountKind, count: Number(row.count) }));
    },

    /** Sums of a whole stretch. */
    sum,

    /**
     * Requests and images of the last 60 seconds: those of this minute, and of the one before the share that
     * is not older.
     */
    async lastMinute(now: number): Promise<{ requests: number; images: number }> {
      const start = now - now % MINUTE;
      const current = await sum({ from: start, to: start + MINUTE }, MINUTE);
      const before = await sum({ from: start - MINUTE, to: start }, MINUTE);
      const share = 1 - (now - start) / MINUTE;
      return {
        requests: Math.round(current.requests + share * before.requests),
        images: Math.round(current.images + share * before.images),
      };
    },

    /** What today and this month cost so far, in UTC. */
    async cost(now: number): Promise<{ today: Sums; month: Sums }> {
      const date = new Date(now);
      const month = Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
      return {
        today: await sum({ from: now - now % DAY, to: now + 1 }, DAY),
        month: await sum({ from: month, to: now + 1 }, DAY),
      };
    },
  };
}

/** The step as a literal: PostgreSQL would not see that two parameters of one value group alike. */
function stepStart(step: number) {
  return sql<number>`start_at - start_at % ${sql.lit(step)}`;
}

function total(column: typeof SUMS[number]) {
  return sql<number | string | null>`sum(${sql.ref(column)})`.as(column);
}

function within(eb: ExpressionBuilder<Schema, "stats_counts">, span: Span, { from, to }: Stretch) {
  return eb.and([eb("span", "=", span), eb("start_at", ">=", from), eb("start_at", "<", to)]);
}

/** PostgreSQL gives sums of large integers as texts, and none where there are no rows. */
function toSums(row: Record<typeof SUMS[number], number | string | null>): Sums {
  const { unpriced_images, cost_usd, failed_calls, ...same } = row;
  return {
    requests: Number(same.requests),
    failures: Number(same.failures),
    images: Number(same.images),
    unpricedImages: Number(unpriced_images),
    costUsd: Number(cost_usd),
    bytes: Number(same.bytes),
    calls: Number(same.calls),
    failedCalls: Number(failed_calls),
  };
}
