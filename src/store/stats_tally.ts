/** What is counted, for each minute, hour and day and by provider and model, until it is written. */
import type { Insertable } from "kysely";
import type { StatsCountTable, StatsTable } from "./schema.ts";
import { timeClass } from "./time_histogram.ts";

/** A request that ended. */
export interface EndedRequest {
  /** When it ended, in ms since the epoch. */
  time: number;
  /** Who delivered, or else was asked last; absent where nobody was asked. */
  provider?: string;
  /** An id of the catalogue, or `other`: what callers write must not become rows without end. */
  model?: string;
  /** `ok`, or the kind of failure. */
  outcome: string;
  images: number;
  durationMs: number;
  /** In US-dollars; absent where no price is known. */
  costUsd?: number;
  /** Of the images delivered. */
  bytes?: number;
}

/** A call to a provider that ended. */
export interface EndedCall {
  time: number;
  provider: string;
  model: string;
  outcome: string;
}

/** How long a bucket is, in ms. */
export type Span = typeof SPANS[number];

export const MINUTE = 60_000;
export const HOUR = 3_600_000;
/** From midnight to midnight in UTC. */
export const DAY = 86_400_000;

/** Each happening is counted in one bucket of each. */
export const SPANS = [MINUTE, HOUR, DAY] as const;

/** What `stats_counts` counts: failed requests and failed calls by kind, delivered requests by time class. */
export type CountKind = "failure" | "call" | "time";

type CountRow = Insertable<StatsCountTable> & { kind: CountKind };

/** One bucket: what happened in one span of time at one provider and model. */
interface Bucket {
  row: Insertable<StatsTable>;
  counts: Map<string, CountRow>;
}

/** Counts, merged as they come. */
export class Tally {
  readonly #buckets = new Map<string, Bucket>();

  /** How many buckets there are. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Counts a request. */
  request(request: EndedRequest): void {
    const { time, provider = "", model = "", outcome, images, durationMs, costUsd, bytes = 0 } = request;
    const isOk = outcome === "ok";
    for (const span of SPANS) {
      const bucket = this.#bucket(span, time, provider, model);
      const { row } = bucket;
      row.requests++;
      row.images += images;
      row.bytes += bytes;
      if (costUsd === undefined) row.unpriced_images += images;
      else row.cost_usd += costUsd;
      if (!isOk) row.failures++;
      add(bucket, isOk ? "time" : "failure", isOk ? String(timeClass(durationMs)) : outcome);
    }
  }

  /** Counts a call. One that was never made, because its route was left alone, is none. */
  call({ time, provider, model, outcome }: EndedCall): void {
    if (outcome === "skipped") return;
    for (const span of SPANS) {
      const bucket = this.#bucket(span, time, provider, model);
      bucket.row.calls++;
      if (outcome === "ok") continue;
      bucket.row.failed_calls++;
      add(bucket, "call", outcome);
    }
  }

  /** Adds what another one counted. */
  merge(other: Tally): void {
    for (const [key, theirs] of other.#buckets) {
      const ours = this.#buckets.get(key);
      if (!ours) {
        this.#buckets.set(key, theirs);
        continue;
      }
      for (const column of SUMS) ours.row[column] += theirs.row[column];
      for (const { kind, what, count } of theirs.counts.values()) add(ours, kind, what, count);
    }
  }

  /** Leaves the oldest minutes and hours out until at most `most` buckets are left; gives how many went. */
  shrink(most: number): number {
    const excess = [...this.#buckets].sort(([, a], [, b]) => a.row.start_at - b.row.start_at)
      .slice(0, Math.max(0, this.size - most));
    for (const [key] of excess) this.#buckets.delete(key);
    return excess.length;
  }

  /** Leaves out the buckets of a span from before `time`. */
  forget(span: Span, time: number): void {
    for (const [key, { row }] of this.#buckets) {
      if (row.span === span && row.start_at < time) this.#buckets.delete(key);
    }
  }

  /** As rows. */
  rows(): { buckets: Insertable<StatsTable>[]; counts: Insertable<StatsCountTable>[] } {
    const all = [...this.#buckets.values()];
    return { buckets: all.map(({ row }) => row), counts: all.flatMap(({ counts }) => [...counts.values()]) };
  }

  #bucket(span: Span, time: number, provider: string, model: string): Bucket {
    const start = Math.floor(time / span) * span;
    const key = `${span} ${start} ${provider} ${model}`;
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      const sums = Object.fromEntries(SUMS.map((column) => [column, 0])) as Record<
        typeof SUMS[number],
        number
      >;
      bucket = { row: { span, start_at: start, provider, model, ...sums }, counts: new Map() };
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }
}

/** The columns of `stats` that are added up. */
export const SUMS = [
  "requests",
  "failures",
  "images",
  "unpriced_images",
  "cost_usd",
  "bytes",
  "calls",
  "failed_calls",
] as const satisfies (keyof StatsTable)[];

function add({ row, counts }: Bucket, kind: CountKind, what: string, count = 1): void {
  const known = counts.get(`${kind} ${what}`);
  if (known) {
    known.count += count;
    return;
  }
  const { span, start_at, provider, model } = row;
  counts.set(`${kind} ${what}`, { span, start_at, provider, model, kind, what, count });
}
